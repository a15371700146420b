"""Toolbox step: habitat quality and degradation by threats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...core import schemas
from ...core.errors import InputError
from ...core.grid.grid import QUANTITY, Grid, Template
from ...core.grid.reading import RasterSource
from ...core.grid.warping import align, read_classes
from ...core.land_cover_products import LandCoverProduct
from ...core.presets import Preset
from ...core.progress import Progress
from ...core.services.accessibility import access_of_areas, check_areas
from ...core.services.degradation import HalfSaturationTerm
from ...core.services.habitat_quality import HabitatChoices, habitat_quality
from ...core.services.habitat_tables import HabitatTables, read_tables
from ...core.services.threat_impact import DistanceRule
from .. import parameters as p
from ..base import EcoNetAlgorithm
from ..job import Job
from ..layers import QgisLayer


@dataclass(frozen=True)
class Inputs:
    """What the step works on."""

    land_cover: RasterSource
    tables: HabitatTables
    choices: HabitatChoices
    access: RasterSource | None
    access_areas: QgisLayer | None
    access_field: str
    baseline: RasterSource | None
    wants_rarity: bool

    def access_on(self, template: Template, progress: Progress) -> Grid | None:
        """Accessibility on the cells of the land cover; None where it is 1 everywhere."""
        if self.access is not None:
            return align(self.access, template, kind=QUANTITY, progress=progress)
        if self.access_areas is not None:
            areas = self.access_areas.read(progress)
            return access_of_areas(areas, template, field=self.access_field, progress=progress)
        return None


class HabitatQuality(EcoNetAlgorithm[Inputs]):
    """Habitat quality and degradation."""

    ID = "habitatquality"
    NAME = "Habitat quality"
    GROUP = "services"
    CORE = "services.habitat_quality"
    REQUIRES = ("scipy",)
    TEMPLATE = ("LAND_COVER",)
    STYLES = {
        "OUTPUT_QUALITY": "habitat_quality",
        "OUTPUT_DEGRADATION": "habitat_degradation",
        "OUTPUT_RARITY": "habitat_quality",
    }

    def definitions(self) -> list[Any]:
        """Parameters and outputs, in the dialog's order."""
        return [
            p.raster("LAND_COVER", "Land cover"),
            p.layers("THREAT_LAYERS", "Threat layers, one for each threat without codes", optional=True),
            p.raster("ACCESS", "Accessibility (0 to 1)", optional=True),
            p.vector("ACCESS_AREAS", "Areas of restricted access, such as reserves", p.POLYGON, optional=True),
            p.raster(
                "BASELINE_LAND_COVER", "Baseline land cover, for rarity and the half-saturation constant", optional=True
            ),
            p.table("THREAT_TABLE", "Threat table (threat, weight, max_distance_m, decay, land_cover_codes or layer)"),
            p.table("SENSITIVITY_TABLE", "Sensitivity table (land_cover, habitat, one column per threat)"),
            p.number("HALF_SATURATION", "Half-saturation constant k (empty: as PRESET)", minimum=0, optional=True),
            p.preset(),
            p.option("DISTANCE_RULE", "Distance rule", DistanceRule, as_preset=True),
            p.option("EXPONENT", "Half-saturation term", HalfSaturationTerm, as_preset=True),
            p.advanced(
                p.field(
                    "ACCESS_FIELD",
                    "Areas of restricted access: field of the accessibility (0 to 1)",
                    "ACCESS_AREAS",
                    default="access",
                )
            ),
            p.land_cover_product(),
            p.raster_output("OUTPUT_QUALITY", "Habitat quality (0 to 1)"),
            p.raster_output("OUTPUT_DEGRADATION", "Habitat degradation", optional=True, by_default=True),
            p.raster_output("OUTPUT_RARITY", "Rarity of the land cover (0 to 1)", optional=True),
            p.vector_output("OUTPUT_THREATS", "What each threat costs", p.TABLE, optional=True),
            p.folder_output("OUTPUT_THREAT_MAPS", "Folder of the quality lost to each threat"),
            p.number_output("HALF_SATURATION_USED", "Half-saturation constant that was used"),
        ]

    def read(self, job: Job) -> Inputs:
        """The step's inputs."""
        return Inputs(
            land_cover=job.raster("LAND_COVER"),
            tables=read_tables(
                job.table("THREAT_TABLE"),
                job.table("SENSITIVITY_TABLE"),
                layers=job.layers("THREAT_LAYERS"),
                product=job.option("LAND_COVER_PRODUCT", LandCoverProduct),
            ),
            choices=HabitatChoices(
                preset=job.option("PRESET", Preset),
                distance_rule=job.preset_option("DISTANCE_RULE", DistanceRule),
                exponent=job.preset_option("EXPONENT", HalfSaturationTerm),
                half_saturation=job.optional_number("HALF_SATURATION"),
                with_costs=job.wants("OUTPUT_THREATS") or job.wants("OUTPUT_THREAT_MAPS"),
            ),
            access=job.optional_raster("ACCESS"),
            access_areas=job.optional_layer("ACCESS_AREAS"),
            access_field=job.field("ACCESS_FIELD"),
            baseline=job.optional_raster("BASELINE_LAND_COVER"),
            wants_rarity=job.wants("OUTPUT_RARITY"),
        )

    def check(self, inputs: Inputs) -> None:
        """Refuse inputs that contradict each other."""
        if inputs.access_areas is not None:
            if inputs.access is not None:
                raise InputError(
                    "it is given as a raster and as areas of restricted access: keep one of the two.",
                    parameter="access",
                )
            check_areas(inputs.access_areas.outline, inputs.access_field)
        if inputs.wants_rarity and inputs.baseline is None:
            raise InputError(
                "Rarity compares two land-cover maps: choose a baseline land cover, or leave its output out."
            )

    def execute(self, inputs: Inputs, job: Job) -> None:
        """Compute the maps, and what each threat costs, and write them."""
        template, baseline = job.template(), inputs.baseline
        access = inputs.access_on(template, job.progress)
        result = habitat_quality(
            read_classes(inputs.land_cover),
            tables=inputs.tables,
            choices=inputs.choices,
            access=access,
            baseline=None if baseline is None else read_classes(baseline, template, job.progress),
            progress=job.progress,
        )
        job.write_raster("OUTPUT_QUALITY", result.quality)
        job.write_raster("OUTPUT_DEGRADATION", result.degradation)
        if result.rarity is not None:
            job.write_raster("OUTPUT_RARITY", result.rarity)
        if result.costs is not None and result.cost_maps is not None:
            job.write_table("OUTPUT_THREATS", schemas.THREAT_COSTS, result.costs)
            job.write_folder("OUTPUT_THREAT_MAPS", result.cost_maps)
        job.result("HALF_SATURATION_USED", result.half_saturation)

"""Toolbox step: composite importance of services, its classes and its grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...core.grid.grid import QUANTITY
from ...core.grid.reading import RasterSource, check_overlap, open_template
from ...core.grid.warping import align, read_classes
from ...core.land_cover_products import LandCoverProduct
from ...core.schemas import importance_grid
from ...core.sources.components import ComponentMatrix, ComponentRule, Weighting
from ...core.sources.importance import service_importance
from ...core.sources.importance_choices import ClassifyOn, ImportanceChoices, parse_clip, require_two
from ...core.sources.importance_report import importance_report
from ...core.sources.patches import classes_from_text
from ...core.sources.service_checks import GroundCodes
from ...core.sources.service_names import service_names
from .. import parameters as p
from ..base import EcoNetAlgorithm
from ..compat import GEOMETRY
from ..job import Job

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Inputs:
    """What the step reads."""

    services: Sequence[RasterSource]
    names: Sequence[str]
    choices: ImportanceChoices
    land_cover: RasterSource | None
    ground_codes: GroundCodes

    @property
    def template(self) -> RasterSource:
        """The raster whose cells all others are brought to."""
        return self.land_cover or self.services[0]


def importance_choices(job: Job, *, breaks: str = "") -> ImportanceChoices:
    """How importance is computed and classified, read from the parameters that this step and firmness share."""
    return ImportanceChoices(
        weighting=job.option("WEIGHTING", Weighting),
        weights=job.text("WEIGHTS"),
        clip=parse_clip(job.text("CLIP")),
        grid_size_m=job.number("GRID_SIZE"),
        min_valid_share=job.number("MIN_VALID"),
        class_count=job.integer("CLASS_COUNT"),
        classify_on=job.option("CLASSIFY", ClassifyOn),
        breaks=breaks,
        component_rule=job.option("COMPONENTS", ComponentRule),
        matrix=job.option("MATRIX", ComponentMatrix),
    )


class ServiceImportance(EcoNetAlgorithm[Inputs]):
    """Composite importance of services, its classes and its grid."""

    ID = "serviceimportance"
    NAME = "Importance of ecosystem services"
    GROUP = "sources"
    CORE = "sources.importance"
    REQUIRES = ("scipy",)
    TEMPLATE = ("LAND_COVER",)
    STYLES = {
        "OUTPUT_IMPORTANCE": "importance",
        "OUTPUT_CLASSES": "importance_classes",
        "OUTPUT_GRID": "importance_grid",
    }
    KEYS = {
        "grid_size_m": "GRID_SIZE",
        "classify_on": "CLASSIFY",
        "component_rule": "COMPONENTS",
        "min_valid_share": "MIN_VALID",
    }

    def definitions(self) -> list[Any]:
        """Parameters and outputs, in the dialog's order."""
        return [
            p.rasters("SERVICES", "Services"),
            p.raster("LAND_COVER", "Land cover, to check the services' signs", optional=True),
            p.text("SERVICE_NAMES", "Names of the services, in their order (comma between)"),
            p.number("GRID_SIZE", "Grid size (m)", default=3000, minimum=0),
            p.integer("CLASS_COUNT", "Number of classes", default=5, minimum=2, maximum=255),
            p.option("WEIGHTING", "Weighting", Weighting),
            p.text("WEIGHTS", "Manual weights (name=value, comma between)"),
            p.text("CLIP", "Limit values to percentiles first (such as 0.5, 99.5; empty: not)"),
            p.option("CLASSIFY", "Classify", ClassifyOn),
            p.text("BREAKS", "Upper bounds of the classes by hand (empty: natural breaks)"),
            p.advanced(p.option("COMPONENTS", "Components that weigh", ComponentRule)),
            p.advanced(p.option("MATRIX", "Matrix that the components are taken of", ComponentMatrix, optional=True)),
            p.advanced(p.number("MIN_VALID", "Least valid share of a grid cell", default=0.5, minimum=0, maximum=1)),
            p.land_cover_product(),
            p.advanced(p.text("FOREST_CODES", "Land-cover codes of forest (empty: of the land-cover product)")),
            p.advanced(p.text("ARTIFICIAL_CODES", "Land-cover codes of artificial and mined ground (empty: likewise)")),
            p.raster_output("OUTPUT_IMPORTANCE", "Importance (0 to 1)"),
            p.raster_output("OUTPUT_CLASSES", "Importance classes"),
            p.vector_output("OUTPUT_GRID", "Importance grid", p.POLYGON),
            p.report_output("OUTPUT_REPORT", "Importance report"),
            p.number_output("KMO", "KMO"),
            p.number_output("GVF", "Goodness of variance fit"),
            p.text_output("WEIGHTS_USED", "Weights that were used"),
            p.text_output("BREAKS_USED", "Upper bounds of the classes that were used"),
        ]

    def read(self, job: Job) -> Inputs:
        """Services with their names, land cover with its codes, and the choices."""
        services, land_cover = job.rasters("SERVICES"), job.optional_raster("LAND_COVER")
        require_two(services)
        return Inputs(
            services=services,
            names=service_names(job.text("SERVICE_NAMES"), [source.name for source in services]),
            choices=importance_choices(job, breaks=job.text("BREAKS")),
            land_cover=land_cover,
            ground_codes=GroundCodes() if land_cover is None else self._ground_codes(job),
        )

    @staticmethod
    def _ground_codes(job: Job) -> GroundCodes:
        usual = GroundCodes.of_product(job.option("LAND_COVER_PRODUCT", LandCoverProduct))
        forest, artificial = job.text("FOREST_CODES"), job.text("ARTIFICIAL_CODES")
        return GroundCodes(
            classes_from_text(forest, parameter="forest_codes") if forest else usual.forest,
            classes_from_text(artificial, parameter="artificial_codes") if artificial else usual.artificial,
        )

    def check(self, inputs: Inputs) -> None:
        """Refuse services that do not overlap, a grid that does not fit them, and weights that name others."""
        template = open_template(inputs.template)
        for source in inputs.services:
            check_overlap(source, template)
        inputs.choices.check_grid(template, service_count=len(inputs.services))
        inputs.choices.manual_weights(inputs.names)

    def execute(self, inputs: Inputs, job: Job) -> None:
        """Weigh, classify, and write the maps, the grid and the report."""
        template, progress = open_template(inputs.template), job.progress
        land_cover = None
        if inputs.land_cover is not None:
            land_cover = read_classes(inputs.land_cover, template, progress)
        result = service_importance(
            [align(source, template, kind=QUANTITY, progress=progress) for source in inputs.services],
            inputs.choices,
            names=inputs.names,
            land_cover=land_cover,
            ground_codes=inputs.ground_codes,
            progress=progress,
        )
        job.write_raster("OUTPUT_IMPORTANCE", result.importance)
        job.write_raster("OUTPUT_CLASSES", result.classes)
        job.write_features(
            "OUTPUT_GRID",
            importance_grid(result.names),
            geometry=GEOMETRY.Polygon,
            crs=template.crs,
            rows=zip(result.cells.polygons(template), result.rows()),
        )
        job.write_report("OUTPUT_REPORT", importance_report(result, job.report_parameters()))
        if result.kmo == result.kmo:
            job.result("KMO", result.kmo)
        job.result("GVF", result.breaks.gvf)
        job.result("WEIGHTS_USED", result.weights_text())
        job.result("BREAKS_USED", result.breaks.text())

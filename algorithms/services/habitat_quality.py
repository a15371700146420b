"""Toolbox step: habitat quality and degradation by threats."""

from ...core import schemas
from ...core.errors import InputError
from ...core.grid.grid import QUANTITY
from ...core.grid.warping import align, read_classes
from ...core.land_cover_products import LandCoverProduct
from ...core.services.habitat_quality import (
    DISTANCE_RULES,
    EXPONENTS,
    access_of_areas,
    default_sensitivity,
    default_threats,
    habitat_quality,
    read_sensitivity,
    read_threats,
)
from .. import parameters as p
from ..base import EcoNetAlgorithm


class HabitatQuality(EcoNetAlgorithm):
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

    def definitions(self):
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
            p.preset_choice("DISTANCE_RULE", "Distance rule", DISTANCE_RULES),
            p.preset_choice("EXPONENT", "Half-saturation term", EXPONENTS),
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
            p.raster_output("OUTPUT_DEGRADATION", "Habitat degradation", True, by_default=True),
            p.raster_output("OUTPUT_RARITY", "Rarity of the land cover (0 to 1)", optional=True),
            p.vector_output("OUTPUT_THREATS", "What each threat costs", p.TABLE, optional=True),
            p.folder_output("OUTPUT_THREAT_MAPS", "Folder of the quality lost to each threat"),
            p.number_output("HALF_SATURATION_USED", "Half-saturation constant that was used"),
        ]

    def _tables(self, job):
        product = job.option("LAND_COVER_PRODUCT", LandCoverProduct)
        return (
            job.table("THREAT_TABLE") or default_threats(product),
            job.table("SENSITIVITY_TABLE") or default_sensitivity(product),
        )

    def validate(self, job):
        if not job.given("THREAT_LAYERS"):
            threats, sensitivity = self._tables(job)
            read_sensitivity(read_threats(threats), sensitivity)
        if job.given("ACCESS") and job.given("ACCESS_AREAS"):
            raise InputError("Accessibility is given as a raster and as areas: keep one of the two.")
        if job.wants("OUTPUT_RARITY") and not job.given("BASELINE_LAND_COVER"):
            raise InputError(
                "Rarity compares two land-cover maps: choose a baseline land cover, or leave its output out."
            )

    def execute(self, job):
        template, access, baseline = job.template(), job.raster("ACCESS"), job.raster("BASELINE_LAND_COVER")
        threats, sensitivity = self._tables(job)
        if access is not None:
            access = align(access, template, QUANTITY, job.progress)
        elif job.given("ACCESS_AREAS"):
            access = access_of_areas(job.features("ACCESS_AREAS"), template, job.progress, job.field("ACCESS_FIELD"))
        result = habitat_quality(
            read_classes(job.raster("LAND_COVER")),
            threats,
            [_read(layer, job.progress) for layer in job.layers("THREAT_LAYERS")],
            sensitivity,
            access,
            job.choice("PRESET"),
            [None, *DISTANCE_RULES][job.choice("DISTANCE_RULE")],
            [None, *EXPONENTS][job.choice("EXPONENT")],
            job.number("HALF_SATURATION"),
            job.progress,
            baseline=None if baseline is None else read_classes(baseline, template, job.progress),
            with_costs=job.wants("OUTPUT_THREATS") or job.wants("OUTPUT_THREAT_MAPS"),
        )
        job.write_raster("OUTPUT_QUALITY", result.quality)
        job.write_raster("OUTPUT_DEGRADATION", result.degradation)
        if result.rarity is not None:
            job.write_raster("OUTPUT_RARITY", result.rarity)
        if result.costs is not None:
            job.write_table("OUTPUT_THREATS", schemas.THREAT_COSTS, result.costs)
            job.write_folder("OUTPUT_THREAT_MAPS", result.cost_maps)
        job.result("HALF_SATURATION_USED", result.half_saturation)


def _read(layer, progress):
    return layer.read(progress) if hasattr(layer, "read") else layer

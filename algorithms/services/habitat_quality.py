"""Toolbox step: habitat quality and degradation by threats."""

from ...core.raster import QUANTITY, align, read_classes
from ...core.services.habitat_quality import (
    DISTANCE_RULES, EXPONENTS, habitat_quality, read_sensitivity, read_threats)
from .. import parameters as p
from ..base import EcoNetAlgorithm


class HabitatQuality(EcoNetAlgorithm):
    ID = "habitatquality"
    NAME = "Habitat quality"
    GROUP = "services"
    CORE = "services.habitat_quality"
    REQUIRES = ("scipy",)
    TEMPLATE = ("LAND_COVER",)
    STYLES = {"OUTPUT_QUALITY": "habitat_quality", "OUTPUT_DEGRADATION": "habitat_degradation"}

    def definitions(self):
        return [
            p.raster("LAND_COVER", "Land cover"),
            p.layers("THREAT_LAYERS", "Threat layers, one for each threat without codes", optional=True),
            p.raster("ACCESS", "Accessibility (0 to 1)", optional=True),
            p.table("THREAT_TABLE",
                    "Threat table (threat, weight, max_distance_m, decay, land_cover_codes or layer)"),
            p.table("SENSITIVITY_TABLE", "Sensitivity table (land_cover, habitat, one column per threat)"),
            p.number("HALF_SATURATION", "Half-saturation constant k (empty: as PRESET)", minimum=0, optional=True),
            p.preset(),
            p.preset_choice("DISTANCE_RULE", "Distance rule", DISTANCE_RULES),
            p.preset_choice("EXPONENT", "Half-saturation term", EXPONENTS),
            p.raster_output("OUTPUT_QUALITY", "Habitat quality (0 to 1)"),
            p.raster_output("OUTPUT_DEGRADATION", "Habitat degradation", True, by_default=True),
            p.number_output("HALF_SATURATION_USED", "Half-saturation constant that was used"),
        ]

    def validate(self, job):
        if not job.given("THREAT_LAYERS"):
            read_sensitivity(read_threats(job.table("THREAT_TABLE")), job.table("SENSITIVITY_TABLE"))

    def execute(self, job):
        template, access = job.template(), job.raster("ACCESS")
        result = habitat_quality(
            read_classes(job.raster("LAND_COVER")), job.table("THREAT_TABLE"), job.layers("THREAT_LAYERS"),
            job.table("SENSITIVITY_TABLE"),
            None if access is None else align(access, template, QUANTITY, job.progress),
            job.choice("PRESET"), [None, *DISTANCE_RULES][job.choice("DISTANCE_RULE")],
            [None, *EXPONENTS][job.choice("EXPONENT")], job.number("HALF_SATURATION"), job.progress)
        job.write_raster("OUTPUT_QUALITY", result.quality)
        job.write_raster("OUTPUT_DEGRADATION", result.degradation)
        job.result("HALF_SATURATION_USED", result.half_saturation)

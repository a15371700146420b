"""Toolbox step: soil erodibility from texture and organic carbon."""

from ...core.services.soil import CORRECTIONS, Erodibility, soil_blocks
from .. import parameters as p
from ..base import EcoNetAlgorithm
from .plant_available_water import SOIL_TEMPLATE, soil_inputs, soil_parameters


class SoilErodibility(EcoNetAlgorithm):
    ID = "soilerodibility"
    NAME = "Soil erodibility"
    GROUP = "services"
    CORE = "services.soil"
    TEMPLATE = SOIL_TEMPLATE
    STYLES = {"OUTPUT": "soil_erodibility"}

    def definitions(self):
        return [
            *soil_parameters(),
            p.choice("CORRECTION", "Correction", list(CORRECTIONS)),
            p.raster_output("OUTPUT", "Soil erodibility K (t ha h / (ha MJ mm))"),
        ]

    def execute(self, job):
        inputs, units = soil_inputs(job)
        soil_blocks(
            inputs,
            units,
            Erodibility(CORRECTIONS[job.choice("CORRECTION")]),
            job.open_raster("OUTPUT", job.template()),
            job.progress,
        )

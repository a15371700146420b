"""Toolbox step: plant-available water content from texture and organic carbon."""

from __future__ import annotations

from typing import Any

from ...core.services.soil import AvailableWater, soil_blocks
from .. import parameters as p
from ..base import EcoNetAlgorithm
from ..job import Job
from .soil_maps import SOIL_TEMPLATE, SoilMaps, read_soil_maps, soil_parameters


class PlantAvailableWater(EcoNetAlgorithm[SoilMaps]):
    """Plant-available water content."""

    ID = "plantavailablewater"
    NAME = "Plant-available water content"
    GROUP = "services"
    CORE = "services.soil"
    TEMPLATE = SOIL_TEMPLATE
    STYLES = {"OUTPUT": "plant_available_water"}

    def definitions(self) -> list[Any]:
        """Parameters and outputs, in the dialog's order."""
        return [*soil_parameters(), p.raster_output("OUTPUT", "Plant-available water content (0 to 1)")]

    def read(self, job: Job) -> SoilMaps:
        """The soil maps and their units."""
        return read_soil_maps(job)

    def execute(self, inputs: SoilMaps, job: Job) -> None:
        """Compute the map, part by part, and write it."""
        template = job.template()
        soil_blocks(
            inputs.aligned(template),
            AvailableWater(),
            units=inputs.units,
            output=job.open_raster("OUTPUT", template),
            progress=job.progress,
        )

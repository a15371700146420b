"""Toolbox step: plant-available water content from texture and organic carbon."""

from ...core.grid.warping import AlignedRaster
from ...core.services.soil import CARBON_KINDS, UNITS, AvailableWater, soil_blocks
from .. import parameters as p
from ..base import EcoNetAlgorithm

SOIL_TEMPLATE = ("TEMPLATE", "SAND")


def soil_parameters():
    """The soil maps, their units and the raster that gives the cells; two steps share them."""
    return [
        p.raster("SAND", "Sand"),
        p.raster("SILT", "Silt"),
        p.raster("CLAY", "Clay"),
        p.raster("ORGANIC_CARBON", "Organic carbon"),
        p.raster("TEMPLATE", "Raster that gives the cells (empty: the sand map)", optional=True),
        p.choice("TEXTURE_UNIT", "Unit of sand, silt and clay", list(UNITS)),
        p.choice("CARBON_UNIT", "Unit of organic carbon", list(UNITS)),
        p.choice("CARBON_KIND", "The organic carbon map holds", list(CARBON_KINDS)),
    ]


def soil_inputs(job):
    """The four maps on the template's cells, and their units."""
    template = job.template()
    inputs = [AlignedRaster(job.raster(key), template) for key in ("SAND", "SILT", "CLAY", "ORGANIC_CARBON")]
    return inputs, (
        UNITS[job.choice("TEXTURE_UNIT")],
        UNITS[job.choice("CARBON_UNIT")],
        CARBON_KINDS[job.choice("CARBON_KIND")],
    )


class PlantAvailableWater(EcoNetAlgorithm):
    ID = "plantavailablewater"
    NAME = "Plant-available water content"
    GROUP = "services"
    CORE = "services.soil"
    TEMPLATE = SOIL_TEMPLATE
    STYLES = {"OUTPUT": "plant_available_water"}

    def definitions(self):
        return [*soil_parameters(), p.raster_output("OUTPUT", "Plant-available water content (0 to 1)")]

    def execute(self, job):
        inputs, units = soil_inputs(job)
        soil_blocks(inputs, units, AvailableWater(), job.open_raster("OUTPUT", job.template()), job.progress)

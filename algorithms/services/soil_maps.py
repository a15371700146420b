"""The soil maps and units that the steps of soil erodibility and plant-available water share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...core.grid.grid import Template
from ...core.grid.reading import RasterSource
from ...core.grid.warping import AlignedRaster
from ...core.services.soil import CarbonKind, ShareUnit, SoilInputs, SoilUnits
from .. import parameters as p
from ..job import Job

SOIL_TEMPLATE = ("TEMPLATE", "SAND")


@dataclass(frozen=True)
class SoilMaps:
    """The soil maps as the planner gave them, and their units."""

    sand: RasterSource
    silt: RasterSource
    clay: RasterSource
    organic_carbon: RasterSource
    units: SoilUnits

    def aligned(self, template: Template) -> SoilInputs:
        """The maps on the cells of a template."""
        return SoilInputs(
            sand=AlignedRaster(self.sand, template),
            silt=AlignedRaster(self.silt, template),
            clay=AlignedRaster(self.clay, template),
            organic_carbon=AlignedRaster(self.organic_carbon, template),
        )


def soil_parameters() -> list[Any]:
    """Parameters of the soil maps, their units and the raster that gives the cells."""
    return [
        p.raster("SAND", "Sand"),
        p.raster("SILT", "Silt"),
        p.raster("CLAY", "Clay"),
        p.raster("ORGANIC_CARBON", "Organic carbon"),
        p.raster("TEMPLATE", "Raster that gives the cells (empty: the sand map)", optional=True),
        p.option("TEXTURE_UNIT", "Unit of sand, silt and clay", ShareUnit),
        p.option("CARBON_UNIT", "Unit of organic carbon", ShareUnit),
        p.option("CARBON_KIND", "The organic carbon map holds", CarbonKind),
    ]


def read_soil_maps(job: Job) -> SoilMaps:
    """The maps and units that `soil_parameters` ask for."""
    return SoilMaps(
        sand=job.raster("SAND"),
        silt=job.raster("SILT"),
        clay=job.raster("CLAY"),
        organic_carbon=job.raster("ORGANIC_CARBON"),
        units=SoilUnits(
            texture=job.option("TEXTURE_UNIT", ShareUnit),
            carbon=job.option("CARBON_UNIT", ShareUnit),
            carbon_kind=job.option("CARBON_KIND", CarbonKind),
        ),
    )

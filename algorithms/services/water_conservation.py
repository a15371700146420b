"""Toolbox step: water conservation, the part of the water yield that a place holds back."""

from ...core.grid.grid import QUANTITY
from ...core.grid.warping import align, read_classes
from ...core.land_cover_products import LandCoverProduct
from ...core.services.water_conservation import (
    CONDUCTIVITY_UNITS,
    DEPTH_UNITS,
    ROUTING,
    TOPOGRAPHIC_INDEX,
    constant_depth,
    default_table,
    read_table,
    water_conservation,
)
from .. import parameters as p
from ..base import EcoNetAlgorithm


class WaterConservation(EcoNetAlgorithm):
    ID = "waterconservation"
    NAME = "Water conservation"
    GROUP = "services"
    CORE = "services.water_conservation"
    REQUIRES = ("scipy",)
    TEMPLATE = ("LAND_COVER",)
    STYLES = {"OUTPUT": "water_conservation"}

    def definitions(self):
        return [
            p.raster("WATER_YIELD", "Water yield (mm a year)"),
            p.raster("DEM", "Elevation (m)"),
            p.raster("SOIL_CONDUCTIVITY", "Saturated hydraulic conductivity of the soil"),
            p.raster("LAND_COVER", "Land cover"),
            p.raster("SOIL_DEPTH", "Soil depth (empty: one depth everywhere)", optional=True),
            p.table("VELOCITY_TABLE", "Velocity table (land_cover, velocity)"),
            p.choice("CONDUCTIVITY_UNIT", "Unit of the conductivity", list(CONDUCTIVITY_UNITS)),
            p.choice("DEPTH_UNIT", "Unit of the soil depth", list(DEPTH_UNITS)),
            p.choice("TOPOGRAPHIC_INDEX", "Topographic index", list(TOPOGRAPHIC_INDEX)),
            p.advanced(p.choice("ROUTING", "Routing", list(ROUTING))),
            p.advanced(p.number("CONDUCTIVITY_THRESHOLD", "Conductivity that takes all water in (mm a day)", 300.0, 0)),
            p.advanced(p.number("SOIL_DEPTH_VALUE", "Soil depth where no map is given (mm)", 1000.0, 0)),
            p.land_cover_product(),
            p.raster_output("OUTPUT", "Water conservation (mm a year)"),
            p.raster_output("OUTPUT_INDEX", "Topographic index", optional=True),
        ]

    def _table(self, job):
        return job.table("VELOCITY_TABLE") or default_table(job.option("LAND_COVER_PRODUCT", LandCoverProduct))

    def validate(self, job):
        read_table(self._table(job))

    def execute(self, job):
        template, depth, depth_unit = job.template(), job.raster("SOIL_DEPTH"), DEPTH_UNITS[job.choice("DEPTH_UNIT")]
        if depth is None:
            depth, depth_unit = constant_depth(job.number("SOIL_DEPTH_VALUE"), template, job.progress), "mm"
        else:
            depth = align(depth, template, QUANTITY, job.progress)
        water, dem, conductivity = (
            align(job.raster(key), template, QUANTITY, job.progress)
            for key in ("WATER_YIELD", "DEM", "SOIL_CONDUCTIVITY")
        )
        result = water_conservation(
            water,
            dem,
            depth,
            conductivity,
            read_classes(job.raster("LAND_COVER")),
            self._table(job),
            depth_unit,
            CONDUCTIVITY_UNITS[job.choice("CONDUCTIVITY_UNIT")],
            job.number("CONDUCTIVITY_THRESHOLD"),
            TOPOGRAPHIC_INDEX[job.choice("TOPOGRAPHIC_INDEX")],
            ROUTING[job.choice("ROUTING")],
            job.progress,
        )
        job.write_raster("OUTPUT", result.conservation)
        job.write_raster("OUTPUT_INDEX", result.index)

"""Toolbox step: water conservation, the part of the water yield that a place holds back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ...core.grid.grid import QUANTITY
from ...core.grid.reading import RasterSource, open_template
from ...core.grid.warping import align, read_classes
from ...core.land_cover_products import LandCoverProduct
from ...core.routing.ways import Routing
from ...core.services.water_conservation import (
    ConductivityUnit,
    ConservationChoices,
    ConservationMaps,
    IndexForm,
    constant_depth,
    default_table,
    read_table,
    water_conservation,
)
from ...core.services.water_yield import DepthUnit
from ...core.tables import RawTable
from .. import parameters as p
from ..base import EcoNetAlgorithm
from ..job import Job


@dataclass(frozen=True)
class Inputs:
    """Maps, the table of velocities, and how water conservation is reckoned."""

    land_cover: RasterSource
    water_yield: RasterSource
    dem: RasterSource
    conductivity: RasterSource
    soil_depth: RasterSource | None
    depth_mm: float
    table: RawTable
    choices: ConservationChoices


class WaterConservation(EcoNetAlgorithm[Inputs]):
    """Water yield less what runs off."""

    ID = "waterconservation"
    NAME = "Water conservation"
    GROUP = "services"
    CORE = "services.water_conservation"
    REQUIRES = ("scipy",)
    TEMPLATE = ("LAND_COVER",)
    STYLES = {"OUTPUT": "water_conservation"}

    def definitions(self) -> list[Any]:
        return [
            p.raster("WATER_YIELD", "Water yield (mm a year)"),
            p.raster("DEM", "Elevation (m)"),
            p.raster("SOIL_CONDUCTIVITY", "Saturated hydraulic conductivity of the soil"),
            p.raster("LAND_COVER", "Land cover"),
            p.raster("SOIL_DEPTH", "Soil depth (empty: one depth everywhere)", optional=True),
            p.table("VELOCITY_TABLE", "Velocity table (land_cover, velocity)"),
            p.option("CONDUCTIVITY_UNIT", "Unit of the conductivity", ConductivityUnit),
            p.option("DEPTH_UNIT", "Unit of the soil depth", DepthUnit),
            p.option("TOPOGRAPHIC_INDEX", "Topographic index", IndexForm),
            p.advanced(p.option("ROUTING", "Routing", Routing)),
            p.advanced(
                p.number(
                    "CONDUCTIVITY_THRESHOLD",
                    "Conductivity that takes all water in (mm a day)",
                    default=300.0,
                    minimum=0,
                )
            ),
            p.advanced(
                p.number("SOIL_DEPTH_VALUE", "Soil depth where no map is given (mm)", default=1000.0, minimum=0)
            ),
            p.land_cover_product(),
            p.raster_output("OUTPUT", "Water conservation (mm a year)"),
            p.raster_output("OUTPUT_INDEX", "Topographic index", optional=True),
        ]

    def read(self, job: Job) -> Inputs:
        return Inputs(
            land_cover=job.raster("LAND_COVER"),
            water_yield=job.raster("WATER_YIELD"),
            dem=job.raster("DEM"),
            conductivity=job.raster("SOIL_CONDUCTIVITY"),
            soil_depth=job.optional_raster("SOIL_DEPTH"),
            depth_mm=job.number("SOIL_DEPTH_VALUE"),
            table=job.table("VELOCITY_TABLE") or default_table(job.option("LAND_COVER_PRODUCT", LandCoverProduct)),
            choices=ConservationChoices(
                form=job.option("TOPOGRAPHIC_INDEX", IndexForm),
                routing=job.option("ROUTING", Routing),
                depth_unit=job.option("DEPTH_UNIT", DepthUnit),
                conductivity_unit=job.option("CONDUCTIVITY_UNIT", ConductivityUnit),
                conductivity_threshold=job.number("CONDUCTIVITY_THRESHOLD"),
            ),
        )

    def check(self, inputs: Inputs) -> None:
        read_table(inputs.table)

    def execute(self, inputs: Inputs, job: Job) -> None:
        template, choices = open_template(inputs.land_cover), inputs.choices
        if inputs.soil_depth is None:
            depth = constant_depth(inputs.depth_mm, template, progress=job.progress)
            choices = replace(choices, depth_unit=DepthUnit.MM)
        else:
            depth = align(inputs.soil_depth, template, kind=QUANTITY, progress=job.progress)
        water, dem, conductivity = (
            align(source, template, kind=QUANTITY, progress=job.progress)
            for source in (inputs.water_yield, inputs.dem, inputs.conductivity)
        )
        land_cover = read_classes(inputs.land_cover)
        result = water_conservation(
            ConservationMaps(water, dem, depth, conductivity, land_cover),
            inputs.table,
            choices=choices,
            progress=job.progress,
        )
        job.write_raster("OUTPUT", result.conservation)
        job.write_raster("OUTPUT_INDEX", result.index)

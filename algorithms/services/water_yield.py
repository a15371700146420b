"""Toolbox step: annual water yield and actual evapotranspiration, by cell and by watershed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...core import schemas
from ...core.grid.blocks import Classes
from ...core.grid.reading import RasterSource
from ...core.grid.warping import AlignedRaster
from ...core.land_cover_products import LandCoverProduct
from ...core.presets import Preset
from ...core.services.annual_sum import AnnualSum
from ...core.services.water_yield import (
    BudykoCurve,
    DepthUnit,
    Masking,
    YieldChoices,
    YieldInputs,
    YieldOutputs,
    default_table,
    read_table,
    water_yield_blocks,
)
from ...core.services.watersheds import VolumeArea
from .. import parameters as p
from ..base import EcoNetAlgorithm
from ..compat import GEOMETRY
from ..job import Job
from ..layers import QgisLayer


@dataclass(frozen=True)
class Inputs:
    """What the step works on."""

    land_cover: RasterSource
    precipitation: RasterSource
    evapotranspiration: RasterSource
    soil_depth: RasterSource
    plant_available_water: RasterSource
    watersheds: QgisLayer | None
    choices: YieldChoices


class WaterYield(EcoNetAlgorithm[Inputs]):
    """Annual water yield."""

    ID = "wateryield"
    NAME = "Water yield"
    GROUP = "services"
    CORE = "services.water_yield"
    TEMPLATE = ("LAND_COVER",)
    STYLES = {"OUTPUT_YIELD": "water_yield", "OUTPUT_EVAPOTRANSPIRATION": "evapotranspiration"}

    def definitions(self) -> list[Any]:
        """Parameters and outputs, in the dialog's order."""
        return [
            p.raster("LAND_COVER", "Land cover"),
            p.raster("PRECIPITATION", "Precipitation (mm a year, or twelve monthly bands)"),
            p.raster("EVAPOTRANSPIRATION", "Reference evapotranspiration (mm a year, or twelve monthly bands)"),
            p.raster("SOIL_DEPTH", "Depth to the layer that stops roots"),
            p.raster("PLANT_AVAILABLE_WATER", "Plant-available water content (0 to 1)"),
            p.vector("WATERSHEDS", "Watersheds", p.POLYGON, optional=True),
            p.table("BIOPHYSICAL_TABLE", "Biophysical table (land_cover, kc, root_depth_mm, vegetated)"),
            p.number("SEASONALITY", "Seasonality Z", default=12.0, minimum=1.0, maximum=30.0),
            p.preset(),
            p.option("BUDYKO", "Budyko curve", BudykoCurve, as_preset=True),
            p.option("DEPTH_UNIT", "Unit of the soil depth", DepthUnit),
            p.advanced(
                p.option("MASKING", "Cells without rain, or without soil where nothing grows", Masking, as_preset=True)
            ),
            p.advanced(p.option("VOLUMES", "Volumes of watersheds", VolumeArea, as_preset=True)),
            p.land_cover_product(),
            p.raster_output("OUTPUT_YIELD", "Water yield (mm a year)"),
            p.raster_output(
                "OUTPUT_EVAPOTRANSPIRATION", "Actual evapotranspiration (mm a year)", optional=True, by_default=True
            ),
            p.vector_output("OUTPUT_WATERSHEDS", "Watersheds with water yield", p.POLYGON, optional=True),
        ]

    def read(self, job: Job) -> Inputs:
        """The step's inputs."""
        table = job.table("BIOPHYSICAL_TABLE") or default_table(job.option("LAND_COVER_PRODUCT", LandCoverProduct))
        choices = YieldChoices(
            table=read_table(table),
            seasonality=job.number("SEASONALITY"),
            depth_unit=job.option("DEPTH_UNIT", DepthUnit),
            preset=job.option("PRESET", Preset),
            budyko=job.preset_option("BUDYKO", BudykoCurve),
            masking=job.preset_option("MASKING", Masking),
            volumes=job.preset_option("VOLUMES", VolumeArea),
        )
        return Inputs(
            land_cover=job.raster("LAND_COVER"),
            precipitation=job.raster("PRECIPITATION"),
            evapotranspiration=job.raster("EVAPOTRANSPIRATION"),
            soil_depth=job.raster("SOIL_DEPTH"),
            plant_available_water=job.raster("PLANT_AVAILABLE_WATER"),
            watersheds=job.optional_layer("WATERSHEDS"),
            choices=choices,
        )

    def execute(self, inputs: Inputs, job: Job) -> None:
        """Compute the maps, part by part, and write them and the watersheds."""
        template = job.template()
        watersheds = water_yield_blocks(
            YieldInputs(
                Classes(inputs.land_cover, template),
                AnnualSum(inputs.precipitation, template),
                AnnualSum(inputs.evapotranspiration, template),
                AlignedRaster(inputs.soil_depth, template),
                AlignedRaster(inputs.plant_available_water, template),
            ),
            YieldOutputs(
                job.open_raster("OUTPUT_YIELD", template), job.open_raster("OUTPUT_EVAPOTRANSPIRATION", template)
            ),
            inputs.choices,
            watersheds=None if inputs.watersheds is None else inputs.watersheds.read(job.progress),
            progress=job.progress,
        )
        if inputs.watersheds is not None:
            own = schemas.names(schemas.WATERSHEDS)
            schema = [field for field in inputs.watersheds.schema(job.progress) if field.name not in own]
            rows = [(watershed.geometry, {**watershed.attributes, **vars(watershed)}) for watershed in watersheds]
            job.write_features(
                "OUTPUT_WATERSHEDS",
                [*schema, *schemas.WATERSHEDS],
                geometry=GEOMETRY.MultiPolygon,
                crs=template.crs,
                rows=rows,
            )

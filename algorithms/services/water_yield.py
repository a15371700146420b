"""Toolbox step: annual water yield and actual evapotranspiration, by cell and by watershed."""

from ...core import schemas
from ...core.grid.blocks import Classes
from ...core.grid.warping import AlignedRaster
from ...core.land_cover_products import PRODUCTS
from ...core.services.water_yield import (
    BUDYKO,
    DEPTH_UNITS,
    MASKINGS,
    VOLUMES,
    Annual,
    default_table,
    read_table,
    water_yield_blocks,
)
from .. import parameters as p
from ..base import EcoNetAlgorithm
from ..compat import GEOMETRY


class WaterYield(EcoNetAlgorithm):
    ID = "wateryield"
    NAME = "Water yield"
    GROUP = "services"
    CORE = "services.water_yield"
    TEMPLATE = ("LAND_COVER",)
    STYLES = {"OUTPUT_YIELD": "water_yield", "OUTPUT_EVAPOTRANSPIRATION": "evapotranspiration"}

    def definitions(self):
        return [
            p.raster("LAND_COVER", "Land cover"),
            p.raster("PRECIPITATION", "Precipitation (mm a year, or twelve monthly bands)"),
            p.raster("EVAPOTRANSPIRATION", "Reference evapotranspiration (mm a year, or twelve monthly bands)"),
            p.raster("SOIL_DEPTH", "Depth to the layer that stops roots"),
            p.raster("PLANT_AVAILABLE_WATER", "Plant-available water content (0 to 1)"),
            p.vector("WATERSHEDS", "Watersheds", p.POLYGON, optional=True),
            p.table("BIOPHYSICAL_TABLE", "Biophysical table (land_cover, kc, root_depth_mm, vegetated)"),
            p.number("SEASONALITY", "Seasonality Z", 12.0, 1.0, 30.0),
            p.preset(),
            p.preset_choice("BUDYKO", "Budyko curve", BUDYKO),
            p.choice("DEPTH_UNIT", "Unit of the soil depth", DEPTH_UNITS),
            p.advanced(p.preset_choice("MASKING", "Cells without rain, or without soil where nothing grows", MASKINGS)),
            p.advanced(p.preset_choice("VOLUMES", "Volumes of watersheds", VOLUMES)),
            p.land_cover_product(),
            p.raster_output("OUTPUT_YIELD", "Water yield (mm a year)"),
            p.raster_output(
                "OUTPUT_EVAPOTRANSPIRATION", "Actual evapotranspiration (mm a year)", True, by_default=True
            ),
            p.vector_output("OUTPUT_WATERSHEDS", "Watersheds with water yield", p.POLYGON, optional=True),
        ]

    def _table(self, job):
        return job.table("BIOPHYSICAL_TABLE") or default_table(PRODUCTS[job.choice("LAND_COVER_PRODUCT")])

    def validate(self, job):
        read_table(self._table(job))

    def execute(self, job):
        template = job.template()
        watersheds = water_yield_blocks(
            Classes(job.raster("LAND_COVER"), template),
            Annual(job.raster("PRECIPITATION"), template),
            Annual(job.raster("EVAPOTRANSPIRATION"), template),
            AlignedRaster(job.raster("SOIL_DEPTH"), template),
            AlignedRaster(job.raster("PLANT_AVAILABLE_WATER"), template),
            job.open_raster("OUTPUT_YIELD", template),
            job.open_raster("OUTPUT_EVAPOTRANSPIRATION", template),
            self._table(job),
            job.number("SEASONALITY"),
            [None, *BUDYKO][job.choice("BUDYKO")],
            job.choice("PRESET"),
            DEPTH_UNITS[job.choice("DEPTH_UNIT")],
            job.features("WATERSHEDS"),
            job.progress,
            [None, *MASKINGS][job.choice("MASKING")],
            [None, *VOLUMES][job.choice("VOLUMES")],
        )
        if job.given("WATERSHEDS"):
            own = schemas.names(schemas.WATERSHEDS)
            schema = [field for field in job.schema("WATERSHEDS") if field.name not in own]
            rows = [(watershed.geometry, {**watershed.attributes, **vars(watershed)}) for watershed in watersheds]
            job.write_features(
                "OUTPUT_WATERSHEDS", [*schema, *schemas.WATERSHEDS], GEOMETRY.MultiPolygon, template.crs, rows
            )

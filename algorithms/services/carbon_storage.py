"""Toolbox step: carbon stored by each land-cover class, and its change between two maps."""

from ...core.grid.blocks import Classes
from ...core.land_cover_products import PRODUCTS
from ...core.presets import conventions_told
from ...core.services.carbon_storage import carbon_storage_blocks, default_table, read_carbon_table
from .. import parameters as p
from ..base import EcoNetAlgorithm


class CarbonStorage(EcoNetAlgorithm):
    ID = "carbonstorage"
    NAME = "Carbon storage"
    GROUP = "services"
    CORE = "services.carbon_storage"
    TEMPLATE = ("LAND_COVER",)
    STYLES = {"OUTPUT": "carbon_storage", "OUTPUT_CHANGE": "carbon_change"}

    def definitions(self):
        return [
            p.raster("LAND_COVER", "Land cover"),
            p.raster("OTHER_LAND_COVER", "Land cover of another year or scenario", optional=True),
            p.table("CARBON_TABLE", "Carbon table (land_cover, above, below, soil, dead)"),
            p.preset(),
            p.land_cover_product(),
            p.raster_output("OUTPUT", "Carbon storage (t/ha)"),
            p.raster_output("OUTPUT_CHANGE", "Carbon change (t/ha)", optional=True),
        ]

    def validate(self, job):
        read_carbon_table(job.table("CARBON_TABLE"))

    def execute(self, job):
        template = job.template()
        job.progress.log(f"Carbon storage, {conventions_told(job.choice('PRESET'), {}, {})}: all presets compute Eq 5.")
        table = job.table("CARBON_TABLE") or default_table(PRODUCTS[job.choice("LAND_COVER_PRODUCT")])
        other = job.raster("OTHER_LAND_COVER")
        other = None if other is None else Classes(other, template)
        carbon_storage_blocks(
            Classes(job.raster("LAND_COVER"), template),
            job.open_raster("OUTPUT", template),
            table,
            other,
            None if other is None else job.open_raster("OUTPUT_CHANGE", template),
            job.progress,
        )

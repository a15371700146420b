"""Toolbox step: mines burnt into a land-cover map, since no land-cover product maps them."""

from ...core.grid.blocks import Classes
from ...core.land_cover_products import PRODUCTS
from ...core.services.burn_mines import burn_mines_blocks, read_mine_codes
from .. import parameters as p
from ..base import EcoNetAlgorithm


class BurnMines(EcoNetAlgorithm):
    ID = "burnmines"
    NAME = "Burn mines into land cover"
    GROUP = "services"
    CORE = "services.burn_mines"
    TEMPLATE = ("LAND_COVER",)
    STYLES = {"OUTPUT": "land_cover"}

    def definitions(self):
        return [
            p.raster("LAND_COVER", "Land cover"),
            *p.mine_parameters(needed=("state", "feature")),
            p.table("MINE_CODES", "Mine codes (feature, land_cover)"),
            p.land_cover_product(),
            p.raster_output("OUTPUT", "Land cover with mines"),
        ]

    def validate(self, job):
        read_mine_codes(job.table("MINE_CODES"))

    def execute(self, job):
        template = job.template()
        land_cover = Classes(job.raster("LAND_COVER"), template)
        burn_mines_blocks(
            land_cover,
            job.mines(template.crs, needed=("state",)),
            job.open_raster("OUTPUT", template, dtype="int32", nodata=land_cover.nodata),
            job.table("MINE_CODES"),
            job.progress,
            PRODUCTS[job.choice("LAND_COVER_PRODUCT")],
        )

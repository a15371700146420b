"""Toolbox step: mines burnt into a land-cover map, since no land-cover product maps them."""

from ...core.land_cover_products import PRODUCTS
from ...core.raster import read_classes
from ...core.services.land_cover import burn_mines, read_mine_codes
from .. import parameters as p
from ..base import EcoNetAlgorithm


class BurnMines(EcoNetAlgorithm):
    ID = "burnmines"
    NAME = "Burn mines into land cover"
    GROUP = "services"
    CORE = "services.land_cover"
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
        land_cover = read_classes(job.raster("LAND_COVER"))
        mines = job.mines(land_cover.template.crs, needed=("state",))
        job.write_raster("OUTPUT", burn_mines(land_cover, mines, job.table("MINE_CODES"), job.progress,
                                              PRODUCTS[job.choice("LAND_COVER_PRODUCT")]))

"""Toolbox step: mines burnt into a land-cover map, since no land-cover product maps them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...core.grid.blocks import Classes
from ...core.grid.reading import RasterSource
from ...core.land_cover_products import LandCoverProduct
from ...core.services.burn_mines import MineCodes, burn_mines_blocks, read_mine_codes
from .. import parameters as p
from ..base import EcoNetAlgorithm
from ..job import Job
from ..layers import MineLayer

_NEEDED = ("state",)


@dataclass(frozen=True)
class Inputs:
    """What the step works on."""

    land_cover: RasterSource
    mines: MineLayer
    codes: MineCodes


class BurnMines(EcoNetAlgorithm[Inputs]):
    """Burns mines into a land-cover map."""

    ID = "burnmines"
    NAME = "Burn mines into land cover"
    GROUP = "services"
    CORE = "services.burn_mines"
    TEMPLATE = ("LAND_COVER",)
    STYLES = {"OUTPUT": "land_cover"}

    def definitions(self) -> list[Any]:
        """Parameters and outputs, in the dialog's order."""
        return [
            p.raster("LAND_COVER", "Land cover"),
            *p.mine_parameters(needed=("state", "feature")),
            p.table("MINE_CODES", "Mine codes (feature, land_cover)"),
            p.land_cover_product(),
            p.raster_output("OUTPUT", "Land cover with mines"),
        ]

    def read(self, job: Job) -> Inputs:
        """The step's inputs."""
        product = job.option("LAND_COVER_PRODUCT", LandCoverProduct)
        return Inputs(
            land_cover=job.raster("LAND_COVER"),
            mines=job.mine_layer(),
            codes=read_mine_codes(job.table("MINE_CODES"), product=product),
        )

    def check(self, inputs: Inputs) -> None:
        """Refuse a layer of mines that is empty or lacks a field."""
        inputs.mines.check(_NEEDED)

    def execute(self, inputs: Inputs, job: Job) -> None:
        """Burn the mines and write the map."""
        template = job.template()
        land_cover = Classes(inputs.land_cover, template)
        burn_mines_blocks(
            land_cover,
            inputs.mines.read(template.crs, job.progress, needed=_NEEDED),
            codes=inputs.codes,
            output=job.open_raster("OUTPUT", template, dtype="int32", nodata=land_cover.nodata),
            progress=job.progress,
        )

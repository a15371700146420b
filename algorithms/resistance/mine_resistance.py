"""Toolbox step: rings of resistance around mines, as a raster and as polygons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...core.grid.grid import Template
from ...core.resistance.choices import Overlap
from ...core.resistance.mine_rings import Rings, log_mine_shares, mine_resistance, read_rings
from ...core.resistance.ring_polygons import ring_polygons
from ...core.schemas import MINE_RINGS
from .. import parameters as p
from ..base import EcoNetAlgorithm
from ..compat import GEOMETRY
from ..job import Job
from ..layers import MineLayer


@dataclass(frozen=True)
class Inputs:
    """What the step was given."""

    mines: MineLayer
    template: Template
    rings: Rings
    overlap: Overlap


class MineResistance(EcoNetAlgorithm[Inputs]):
    """Scores the distance to mines by mineral, method and state."""

    ID = "mineresistance"
    NAME = "Mine resistance"
    GROUP = "resistance"
    CORE = "resistance.mine_rings"
    REQUIRES = ("scipy",)
    TEMPLATE = ("TEMPLATE",)
    STYLES = {"OUTPUT": "resistance", "OUTPUT_RINGS": "mine_rings"}

    def definitions(self) -> list[Any]:
        return [
            *p.mine_parameters(),
            p.raster("TEMPLATE", "Template (a raster whose cells the result takes)"),
            p.table("RING_TABLE", "Ring table (mineral, method, state, from_m, to_m, resistance)"),
            p.option("OVERLAP", "Where the rings of several mines meet", Overlap),
            p.raster_output("OUTPUT", "Mine resistance"),
            p.vector_output("OUTPUT_RINGS", "Rings of each mine", p.POLYGON, optional=True),
        ]

    def read(self, job: Job) -> Inputs:
        return Inputs(
            template=job.template(),
            rings=read_rings(job.table("RING_TABLE")),
            mines=job.mine_layer(),
            overlap=job.option("OVERLAP", Overlap),
        )

    def check(self, inputs: Inputs) -> None:
        inputs.mines.check()

    def execute(self, inputs: Inputs, job: Job) -> None:
        mines = inputs.mines.read(inputs.template.crs, job.progress)
        resistance = mine_resistance(
            mines, inputs.rings, inputs.template, overlap=inputs.overlap, progress=job.progress
        )
        log_mine_shares(resistance, progress=job.progress)
        job.write_raster("OUTPUT", resistance)
        if job.wants("OUTPUT_RINGS"):
            polygons = ring_polygons(mines, inputs.rings, progress=job.progress)
            job.write_features(
                "OUTPUT_RINGS",
                MINE_RINGS,
                geometry=GEOMETRY.MultiPolygon,
                crs=inputs.template.crs,
                rows=[(ring.geometry, ring) for ring in polygons],
            )

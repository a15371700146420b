"""Toolbox step: rings of resistance around mines."""

from ...core.raster import open_template
from ...core.resistance.mines import OVERLAPS, mine_resistance, read_rings
from .. import parameters as p
from ..base import EcoNetAlgorithm


class MineResistance(EcoNetAlgorithm):
    ID = "mineresistance"
    NAME = "Mine resistance"
    GROUP = "resistance"
    CORE = "resistance.mines"
    REQUIRES = ("scipy",)
    TEMPLATE = ("TEMPLATE",)
    STYLES = {"OUTPUT": "resistance"}

    def definitions(self):
        return [
            *p.mine_parameters(),
            p.raster("TEMPLATE", "Template (a raster whose cells the result takes)"),
            p.table("RING_TABLE", "Ring table (mineral, method, state, from_m, to_m, resistance)"),
            p.choice("OVERLAP", "Where the rings of several mines meet", list(OVERLAPS)),
            p.raster_output("OUTPUT", "Mine resistance"),
        ]

    def validate(self, job):
        read_rings(job.table("RING_TABLE"))

    def execute(self, job):
        template = open_template(job.raster("TEMPLATE"))
        rings = read_rings(job.table("RING_TABLE"))
        mines = job.mines(template.crs)
        job.write_raster("OUTPUT", mine_resistance(mines, rings, template, job.choice("OVERLAP"), job.progress))

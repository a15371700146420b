"""Toolbox step: rings of resistance around mines, as a raster and as polygons."""

from ...core.resistance.mine_rings import OVERLAPS, log_mine_shares, mine_resistance, read_rings
from ...core.resistance.ring_polygons import ring_polygons
from ...core.schemas import MINE_RINGS
from .. import parameters as p
from ..base import EcoNetAlgorithm
from ..compat import GEOMETRY


class MineResistance(EcoNetAlgorithm):
    ID = "mineresistance"
    NAME = "Mine resistance"
    GROUP = "resistance"
    CORE = "resistance.mine_rings"
    REQUIRES = ("scipy",)
    TEMPLATE = ("TEMPLATE",)
    STYLES = {"OUTPUT": "resistance", "OUTPUT_RINGS": "mine_rings"}

    def definitions(self):
        return [
            *p.mine_parameters(),
            p.raster("TEMPLATE", "Template (a raster whose cells the result takes)"),
            p.table("RING_TABLE", "Ring table (mineral, method, state, from_m, to_m, resistance)"),
            p.choice("OVERLAP", "Where the rings of several mines meet", list(OVERLAPS)),
            p.raster_output("OUTPUT", "Mine resistance"),
            p.vector_output("OUTPUT_RINGS", "Rings of each mine", p.POLYGON, optional=True),
        ]

    def validate(self, job):
        job.template()
        read_rings(job.table("RING_TABLE"))
        job.check_mines()

    def execute(self, job):
        template = job.template()
        rings = read_rings(job.table("RING_TABLE"))
        mines = job.mines(template.crs)
        resistance = mine_resistance(mines, rings, template, job.choice("OVERLAP"), job.progress)
        log_mine_shares(resistance, job.progress)
        job.write_raster("OUTPUT", resistance)
        if job.wants("OUTPUT_RINGS"):
            job.write_features(
                "OUTPUT_RINGS",
                MINE_RINGS,
                GEOMETRY.MultiPolygon,
                template.crs,
                [(ring.geometry, ring) for ring in ring_polygons(mines, rings, job.progress)],
            )

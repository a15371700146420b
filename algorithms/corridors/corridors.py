"""Toolbox step: least-cost corridors between ecological sources."""

from ...core import schemas
from ...core.corridors.least_cost_paths import (
    ALL_PAIRS,
    EDGES,
    NEIGHBOURS,
    PAIRS,
    PATH_ENDS,
    POINTS,
    check_sources,
    corridors,
)
from ...core.grid.reading import read_raster
from ...core.ids import source_ids
from .. import parameters as p
from ..base import EcoNetAlgorithm
from ..compat import GEOMETRY

_END_LABELS = {POINTS: "Source points", EDGES: "Source edges"}
_PAIR_LABELS = {ALL_PAIRS: "All", NEIGHBOURS: "Neighbours"}


class Corridors(EcoNetAlgorithm):
    ID = "corridors"
    NAME = "Corridors"
    GROUP = "corridors"
    CORE = "corridors.least_cost_paths"
    TEMPLATE = ("RESISTANCE",)
    STYLES = {"OUTPUT": "corridors", "OUTPUT_SURFACE": "corridor_surface"}

    def definitions(self):
        return [
            p.raster("RESISTANCE", "Resistance"),
            p.vector("SOURCES", "Ecological sources", p.POLYGON),
            p.field("ID_FIELD", "Sources: field of the id", "SOURCES"),
            p.choice("PATH_ENDS", "Corridors run from", [_END_LABELS[end] for end in PATH_ENDS]),
            p.choice("PAIRS", "Pairs of sources", [_PAIR_LABELS[pairs] for pairs in PAIRS]),
            p.number("MAX_COST", "Highest accumulated cost (resistance x metre)", minimum=0, optional=True),
            p.vector_output("OUTPUT", "Corridors", p.LINE),
            p.raster_output("OUTPUT_SURFACE", "Corridor surface (cost of a detour)", optional=True),
            p.number_output("N_CORRIDORS", "Number of corridors"),
            p.number_output("N_UNREACHABLE", "Number of pairs without a corridor"),
        ]

    def validate(self, job):
        sources, template = job.features("SOURCES"), job.template()
        check_sources(sources, source_ids(sources, job.field("ID_FIELD")), template)

    def execute(self, job):
        sources = job.features("SOURCES")
        ids = source_ids(sources, job.field("ID_FIELD"), job.progress)
        resistance = read_raster(job.raster("RESISTANCE"))
        network = corridors(
            resistance,
            sources,
            ids,
            job.choice("PATH_ENDS"),
            job.choice("PAIRS"),
            job.number("MAX_COST"),
            job.wants("OUTPUT_SURFACE"),
            job.progress,
        )
        job.write_features(
            "OUTPUT",
            schemas.CORRIDORS,
            GEOMETRY.LineString,
            resistance.template.crs,
            [(corridor.line(resistance.template), corridor) for corridor in network.corridors],
        )
        if network.surface is not None:
            job.write_raster("OUTPUT_SURFACE", network.surface)
        job.result("N_CORRIDORS", len(network.corridors))
        job.result("N_UNREACHABLE", len(network.unreachable))

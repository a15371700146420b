"""Toolbox step: least-cost corridors between ecological sources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...core import schemas
from ...core.corridors.least_cost_paths import CorridorChoices, PairsOfSources, check_outline, corridors
from ...core.corridors.source_cells import PathEnds
from ...core.geometry.layers import LayerSource
from ...core.grid.reading import RasterSource, open_template, read_raster
from ...core.ids import source_ids
from .. import parameters as p
from ..base import EcoNetAlgorithm
from ..compat import GEOMETRY
from ..job import Job


@dataclass(frozen=True)
class Inputs:
    """The resistance surface, the sources, and how they are joined."""

    resistance: RasterSource
    sources: LayerSource
    id_field: str
    choices: CorridorChoices


class Corridors(EcoNetAlgorithm[Inputs]):
    """Least-cost paths between all pairs of sources, or between neighbours."""

    ID = "corridors"
    NAME = "Corridors"
    GROUP = "corridors"
    CORE = "corridors.least_cost_paths"
    TEMPLATE = ("RESISTANCE",)
    STYLES = {"OUTPUT": "corridors", "OUTPUT_SURFACE": "corridor_surface"}

    def definitions(self) -> list[Any]:
        return [
            p.raster("RESISTANCE", "Resistance"),
            p.vector("SOURCES", "Ecological sources", p.POLYGON),
            p.field("ID_FIELD", "Sources: field of the id", "SOURCES"),
            p.option("PATH_ENDS", "Corridors run from", PathEnds),
            p.option("PAIRS", "Pairs of sources", PairsOfSources),
            p.number("MAX_COST", "Highest accumulated cost (resistance x metre)", minimum=0, optional=True),
            p.vector_output("OUTPUT", "Corridors", p.LINE),
            p.raster_output("OUTPUT_SURFACE", "Corridor surface (cost of a detour)", optional=True),
            p.number_output("N_CORRIDORS", "Number of corridors"),
            p.number_output("N_UNREACHABLE", "Number of pairs without a corridor"),
        ]

    def read(self, job: Job) -> Inputs:
        return Inputs(
            resistance=job.raster("RESISTANCE"),
            sources=job.layer("SOURCES"),
            id_field=job.field("ID_FIELD"),
            choices=CorridorChoices(
                path_ends=job.option("PATH_ENDS", PathEnds),
                pairs=job.option("PAIRS", PairsOfSources),
                max_cost=job.optional_number("MAX_COST"),
                with_surface=job.wants("OUTPUT_SURFACE"),
            ),
        )

    def check(self, inputs: Inputs) -> None:
        check_outline(inputs.sources, open_template(inputs.resistance))

    def execute(self, inputs: Inputs, job: Job) -> None:
        sources = inputs.sources.read(job.progress)
        resistance = read_raster(inputs.resistance)
        network = corridors(
            resistance,
            sources,
            ids=source_ids(sources, inputs.id_field, job.progress),
            choices=inputs.choices,
            progress=job.progress,
        )
        template = resistance.template
        job.write_features(
            "OUTPUT",
            schemas.CORRIDORS,
            geometry=GEOMETRY.LineString,
            crs=template.crs,
            rows=[(corridor.line(template), corridor) for corridor in network.corridors],
        )
        if network.surface is not None:
            job.write_raster("OUTPUT_SURFACE", network.surface)
        job.result("N_CORRIDORS", len(network.corridors))
        job.result("N_UNREACHABLE", len(network.unreachable))

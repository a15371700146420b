"""Toolbox step: ecological breakpoints, where corridors cross roads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...core.geometry.layers import LayerSource
from ...core.network.breakpoints import IMPORTANT, TOLERANCE_M, BreakpointChoices, breakpoints, check_corridors
from ...core.network.road_measures import read_measures
from ...core.schemas import BREAKPOINTS
from ...core.tables import split_list
from .. import parameters as p
from ..base import EcoNetAlgorithm
from ..compat import GEOMETRY
from ..job import Job


@dataclass(frozen=True)
class Inputs:
    """The corridors, the roads, and which of their crossings are one breakpoint."""

    corridors: LayerSource
    roads: LayerSource
    choices: BreakpointChoices


class Breakpoints(EcoNetAlgorithm[Inputs]):
    """Points where corridors cross roads, ranked by the corridors that they cut."""

    ID = "breakpoints"
    NAME = "Breakpoints"
    GROUP = "breakpoints"
    CORE = "network.breakpoints"
    REQUIRES = ("scipy",)
    STYLES = {"OUTPUT": "breakpoints"}
    KEYS = {"classes": "ROAD_CLASSES", "tolerance_m": "TOLERANCE"}

    def definitions(self) -> list[Any]:
        """Parameters and outputs."""
        return [
            p.vector("CORRIDORS", "Corridors", p.LINE),
            p.vector("ROADS", "Roads, railways or canals (lines or polygons)", [p.LINE, p.POLYGON]),
            p.field("ROAD_CLASS_FIELD", "Roads: field of the class", "ROADS", default="road_class"),
            p.text("ROAD_CLASSES", "Roads: classes that count (comma list; empty: all)"),
            p.field("ROAD_NAME_FIELD", "Roads: field of the name", "ROADS", default="name"),
            p.number("TOLERANCE", "Crossings of one road closer than this are one (m)", default=TOLERANCE_M, minimum=0),
            p.advanced(p.table("MEASURE_TABLE", "Measures by road class (word, measure)")),
            p.vector_output("OUTPUT", "Breakpoints", p.POINT),
            p.number_output("N_BREAKPOINTS", "Number of breakpoints"),
            p.number_output("N_IMPORTANT", "Number of breakpoints on important corridors"),
        ]

    def read(self, job: Job) -> Inputs:
        """The layers, and the choices by the roads' own fields."""
        roads = job.layer("ROADS")
        return Inputs(
            corridors=job.layer("CORRIDORS"),
            roads=roads,
            choices=BreakpointChoices(
                class_field=job.usual_field("ROAD_CLASS_FIELD", roads),
                name_field=job.usual_field("ROAD_NAME_FIELD", roads),
                classes=tuple(split_list(job.text("ROAD_CLASSES"), words=True)),
                tolerance_m=job.number("TOLERANCE"),
                measures=read_measures(job.table("MEASURE_TABLE")),
            ),
        )

    def check(self, inputs: Inputs) -> None:
        """Refuse corridors that are not in metres, and roads without the chosen fields."""
        check_corridors(inputs.corridors.outline)
        inputs.choices.check_fields(inputs.roads.outline)

    def execute(self, inputs: Inputs, job: Job) -> None:
        """Find the points and write them."""
        corridors, roads = inputs.corridors.read(job.progress), inputs.roads.read(job.progress)
        found = breakpoints(corridors, roads, choices=inputs.choices, progress=job.progress)
        job.write_features(
            "OUTPUT",
            BREAKPOINTS,
            geometry=GEOMETRY.Point,
            crs=corridors.crs,
            rows=zip(found.geometries, found.attributes),
        )
        job.result("N_BREAKPOINTS", len(found))
        job.result("N_IMPORTANT", found.values("class").count(IMPORTANT))

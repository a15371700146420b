"""Toolbox step: ecological breakpoints, where corridors cross roads."""

from ...core.network.breakpoints import TOLERANCE_M, breakpoints, check_corridors, read_measures
from ...core.schemas import BREAKPOINTS
from ...core.tables import split_list
from .. import parameters as p
from ..base import EcoNetAlgorithm
from ..compat import GEOMETRY


class Breakpoints(EcoNetAlgorithm):
    ID = "breakpoints"
    NAME = "Breakpoints"
    GROUP = "breakpoints"
    CORE = "network.breakpoints"
    REQUIRES = ("scipy",)
    STYLES = {"OUTPUT": "breakpoints"}

    def definitions(self):
        return [
            p.vector("CORRIDORS", "Corridors", p.LINE),
            p.vector("ROADS", "Roads, railways or canals (lines or polygons)", [p.LINE, p.POLYGON]),
            p.field("ROAD_CLASS_FIELD", "Roads: field of the class", "ROADS", default="road_class"),
            p.text("ROAD_CLASSES", "Roads: classes that count (comma list; empty: all)"),
            p.field("ROAD_NAME_FIELD", "Roads: field of the name", "ROADS", default="name"),
            p.number("TOLERANCE", "Crossings of one road closer than this are one (m)", TOLERANCE_M, 0),
            p.advanced(p.table("MEASURE_TABLE", "Measures by road class (word, measure)")),
            p.vector_output("OUTPUT", "Breakpoints", p.POINT),
            p.number_output("N_BREAKPOINTS", "Number of breakpoints"),
            p.number_output("N_IMPORTANT", "Number of breakpoints on important corridors"),
        ]

    def validate(self, job):
        check_corridors(job.outline("CORRIDORS"))
        read_measures(job.table("MEASURE_TABLE"))

    def execute(self, job):
        corridors, roads = job.features("CORRIDORS"), job.features("ROADS")
        found = breakpoints(
            corridors,
            roads,
            job.usual_field("ROAD_CLASS_FIELD", roads),
            split_list(job.text("ROAD_CLASSES"), words=True),
            job.usual_field("ROAD_NAME_FIELD", roads),
            job.number("TOLERANCE"),
            job.table("MEASURE_TABLE"),
            job.progress,
        )
        job.write_features(
            "OUTPUT", BREAKPOINTS, GEOMETRY.Point, corridors.crs, zip(found.geometries, found.attributes)
        )
        job.result("N_BREAKPOINTS", len(found))
        job.result("N_IMPORTANT", found.values("class").count("important"))

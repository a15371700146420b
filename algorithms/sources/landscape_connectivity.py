"""Toolbox step: connectivity of patches, PC, IIC, dPC and its parts."""

from ...core.raster import read
from ...core.sources.connectivity import (DISTANCES, LEAST_COST, check_choices, connectivity_report,
                                          landscape_connectivity)
from ...core.sources.patches import SIZE_CLASSES
from .. import parameters as p
from ..base import EcoNetAlgorithm
from ..compat import GEOMETRY
from ..fields import AREA_KM2, CONNECTIVITY, LINKS, PATCH_ID, Field, names


class LandscapeConnectivity(EcoNetAlgorithm):
    ID = "landscapeconnectivity"
    NAME = "Landscape connectivity"
    GROUP = "sources"
    CORE = "sources.connectivity"
    REQUIRES = ("scipy",)
    TEMPLATE = ("RESISTANCE",)
    STYLES = {"OUTPUT": "patches", "OUTPUT_LINKS": "links"}

    def definitions(self):
        return [
            p.vector("PATCHES", "Patches", p.POLYGON),
            p.raster("RESISTANCE", "Resistance, for least-cost distances", optional=True),
            p.field("WEIGHT_FIELD", "Field of the weight", "PATCHES", default=AREA_KM2),
            p.number("DISPERSAL_DISTANCE", "Dispersal distance (m; resistance x m for least cost)", 2500, 0),
            p.number("DISPERSAL_PROBABILITY", "Probability at that distance", 0.5, 0, 1),
            p.choices("SIZE_CLASSES", "Size classes that take part", SIZE_CLASSES, [0]),
            p.choice("DISTANCE", "Distance between patches", DISTANCES),
            p.number("AREA_OF_LANDSCAPE", "Area of the landscape (km2), for PC and IIC", minimum=0, optional=True),
            p.vector_output("OUTPUT", "Patches with connectivity", p.POLYGON),
            p.vector_output("OUTPUT_LINKS", "Links", p.LINE, optional=True),
            p.report_output("OUTPUT_REPORT", "Connectivity report"),
            p.number_output("PC", "Probability of connectivity (PC)"),
            p.number_output("EC", "Equivalent connectivity EC(PC)"),
            p.number_output("IIC", "Integral index of connectivity (IIC)"),
            p.number_output("N_COMPONENTS", "Number of components"),
        ]

    def _weight_field(self, job):
        """Empty for the usual field, which a layer need not have."""
        chosen = job.field("WEIGHT_FIELD")
        return "" if chosen == AREA_KM2 else chosen

    def validate(self, job):
        check_choices(job.outline("PATCHES"), self._weight_field(job), job.number("DISPERSAL_DISTANCE"),
                      job.number("DISPERSAL_PROBABILITY"), DISTANCES[job.choice("DISTANCE")], job.given("RESISTANCE"))

    def execute(self, job):
        patches, weight_field = job.features("PATCHES"), job.field("WEIGHT_FIELD")
        distance = DISTANCES[job.choice("DISTANCE")]
        resistance = read(job.raster("RESISTANCE")) if distance == LEAST_COST and job.given("RESISTANCE") else None
        size_classes = [SIZE_CLASSES[index] for index in job.choices("SIZE_CLASSES")]
        result = landscape_connectivity(
            patches, size_classes, self._weight_field(job),
            job.number("DISPERSAL_DISTANCE"), job.number("DISPERSAL_PROBABILITY"), distance, resistance,
            job.number("AREA_OF_LANDSCAPE"), job.progress)
        ours = {PATCH_ID, *names(CONNECTIVITY)}
        schema = (Field(PATCH_ID, int), *(f for f in job.schema("PATCHES") if f.name not in ours), *CONNECTIVITY)
        job.write_features("OUTPUT", schema, GEOMETRY.MultiPolygon, patches.crs, result.rows())
        job.write_features("OUTPUT_LINKS", LINKS, GEOMETRY.LineString, patches.crs, result.links())
        job.write_report("OUTPUT_REPORT", connectivity_report(result, [
            ("patches", patches.name), ("size classes", ", ".join(size_classes)), ("weight", weight_field),
            ("distance", distance),
            ("dispersal distance (m; resistance x m for least cost)", job.number("DISPERSAL_DISTANCE")),
            ("probability at it (0 to 1)", job.number("DISPERSAL_PROBABILITY")),
            ("area of the landscape (km2)", job.number("AREA_OF_LANDSCAPE"))]))
        indices = result.indices
        for key, value in (("PC", indices.pc), ("EC", indices.ec), ("IIC", indices.iic)):
            if value == value:
                job.result(key, value)
        job.result("N_COMPONENTS", indices.n_components)

"""Toolbox step: ecological sources out of patches."""

from ...core.sources.patches import SIZE_CLASSES
from ...core.sources.selection import select_sources
from .. import parameters as p
from ..base import EcoNetAlgorithm
from ..compat import GEOMETRY
from ..fields import SOURCES


class SelectSources(EcoNetAlgorithm):
    ID = "selectsources"
    NAME = "Select sources"
    GROUP = "sources"
    CORE = "sources.selection"
    STYLES = {"OUTPUT": "sources"}

    def definitions(self):
        return [
            p.vector("PATCHES", "Patches", p.POLYGON),
            p.vector("INCLUDE", "Polygons that must be sources, such as reserves", p.POLYGON, optional=True),
            p.vector("EXCLUDE", "Polygons that may not be sources", p.POLYGON, optional=True),
            p.number("MIN_AREA", "Least area (km2)", minimum=0, optional=True),
            p.number("MIN_DPC", "Least dPC (%)", minimum=0, optional=True),
            p.integer("TOP", "Keep only the first so many by dPC (empty: all)", minimum=0, optional=True),
            p.choices("SIZE_CLASSES", "Size classes", SIZE_CLASSES, [0]),
            p.vector_output("OUTPUT", "Sources", p.POLYGON),
            p.number_output("N_SOURCES", "Number of sources"),
        ]

    def execute(self, job):
        patches = job.features("PATCHES")
        sources = select_sources(
            patches, [SIZE_CLASSES[index] for index in job.choices("SIZE_CLASSES")], job.number("MIN_AREA"),
            job.number("MIN_DPC"), job.integer("TOP"), job.features("INCLUDE"), job.features("EXCLUDE"),
            job.progress)
        job.write_features("OUTPUT", SOURCES, GEOMETRY.MultiPolygon, patches.crs,
                           [(source.geometry, source) for source in sources])
        job.result("N_SOURCES", len(sources))

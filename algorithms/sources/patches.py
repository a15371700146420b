"""Toolbox step: patches of important ground and their size classes."""

from ...core.raster import QUANTITY, align, read_classes
from ...core.sources.patches import bands_from_text, classes_from_text, find_patches
from .. import parameters as p
from ..base import EcoNetAlgorithm
from ..compat import GEOMETRY
from ..fields import PATCHES


class Patches(EcoNetAlgorithm):
    ID = "patches"
    NAME = "Patches"
    GROUP = "sources"
    CORE = "sources.patches"
    REQUIRES = ("scipy",)
    TEMPLATE = ("CLASSES",)
    STYLES = {"OUTPUT": "patches"}

    def definitions(self):
        return [
            p.raster("CLASSES", "Importance classes"),
            p.raster("IMPORTANCE", "Importance, for its mean in each patch", optional=True),
            p.text("PATCH_CLASSES", "Classes that make patches", "4, 5", False),
            p.text("AREA_BANDS", "Limits of small, medium and large patches (km2)", "1, 4, 7", False),
            p.flag("DIAGONALS", "Cells that meet at a corner are one patch", True),
            p.vector_output("OUTPUT", "Patches", p.POLYGON),
            p.number_output("N_PATCHES", "Number of patches"),
        ]

    def validate(self, job):
        classes_from_text(job.text("PATCH_CLASSES"))
        bands_from_text(job.text("AREA_BANDS"))

    def execute(self, job):
        template, importance = job.template(), job.raster("IMPORTANCE")
        found = find_patches(
            read_classes(job.raster("CLASSES")), classes_from_text(job.text("PATCH_CLASSES")),
            None if importance is None else align(importance, template, QUANTITY, job.progress),
            bands_from_text(job.text("AREA_BANDS")), job.flag("DIAGONALS"), job.progress)
        job.write_features("OUTPUT", PATCHES, GEOMETRY.MultiPolygon, template.crs,
                           [(patch.geometry, patch) for patch in found])
        job.result("N_PATCHES", len(found))

"""Toolbox step: patches of important ground and their size classes."""

from ...core.grid.grid import QUANTITY
from ...core.grid.warping import align, read_classes
from ...core.patch_sizes import bands_from_text
from ...core.schemas import PATCHES
from ...core.sources.patches import check_options, classes_from_text, delineate
from ...core.sources.patches_report import patches_report
from .. import parameters as p
from ..base import EcoNetAlgorithm
from ..compat import GEOMETRY


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
            p.number("MIN_AREA", "Least area of a patch (km2; empty: all are kept)", minimum=0, optional=True),
            p.number("HOLES", "Fill holes in patches up to this area (km2; empty: none)", minimum=0, optional=True),
            p.integer("SLIVERS", "Cut off parts narrower than so many cells (empty: none)", minimum=0, optional=True),
            p.vector_output("OUTPUT", "Patches", p.POLYGON),
            p.report_output("OUTPUT_REPORT", "Patches report"),
            p.number_output("N_PATCHES", "Number of patches"),
            p.number_output("TOTAL_AREA", "Area of all patches (km2)"),
        ]

    def _options(self, job):
        return job.number("MIN_AREA"), job.number("HOLES"), job.integer("SLIVERS")

    def validate(self, job):
        classes_from_text(job.text("PATCH_CLASSES"))
        bands_from_text(job.text("AREA_BANDS"))
        check_options(*self._options(job))

    def execute(self, job):
        template, importance, source = job.template(), job.raster("IMPORTANCE"), job.raster("CLASSES")
        found = delineate(
            read_classes(source),
            classes_from_text(job.text("PATCH_CLASSES")),
            None if importance is None else align(importance, template, QUANTITY, job.progress),
            bands_from_text(job.text("AREA_BANDS")),
            job.flag("DIAGONALS"),
            *self._options(job),
            job.progress,
        )
        job.write_features(
            "OUTPUT", PATCHES, GEOMETRY.MultiPolygon, template.crs, [(patch.geometry, patch) for patch in found.patches]
        )
        job.write_report(
            "OUTPUT_REPORT",
            patches_report(
                found,
                [
                    ("importance classes", source.name),
                    ("importance", "none" if importance is None else importance.name),
                    ("classes that make patches", job.text("PATCH_CLASSES")),
                    ("limits of small, medium and large patches (km2)", job.text("AREA_BANDS")),
                    ("cells that meet at a corner are one patch", "yes" if job.flag("DIAGONALS") else "no"),
                    *zip(
                        ("least area (km2)", "holes filled up to (km2)", "parts cut off narrower than (cells)"),
                        ("none" if value is None else value for value in self._options(job)),
                    ),
                ],
            ),
        )
        job.result("N_PATCHES", len(found.patches))
        job.result("TOTAL_AREA", found.total_km2)

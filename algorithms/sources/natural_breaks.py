"""Toolbox step: classes of a raster by natural breaks."""

from ...core.grid.reading import open_cells, read_raster
from ...core.natural_breaks.classes import check_class_count, classify_raster
from ...core.natural_breaks.report import breaks_report
from .. import parameters as p
from ..base import EcoNetAlgorithm


class NaturalBreaks(EcoNetAlgorithm):
    ID = "naturalbreaks"
    NAME = "Natural breaks"
    GROUP = "sources"
    CORE = "natural_breaks.classes"
    STYLES = {"OUTPUT": "importance_classes"}

    def definitions(self):
        return [
            p.raster("INPUT", "Raster"),
            p.integer("CLASS_COUNT", "Number of classes", 5, 2, 255),
            p.raster_output("OUTPUT", "Classes"),
            p.report_output("OUTPUT_REPORT", "Natural breaks report", by_default=False),
            p.text_output("BREAKS", "Upper bounds of the classes"),
            p.number_output("GVF", "Goodness of variance fit"),
        ]

    def validate(self, job):
        open_cells(job.raster("INPUT"))
        check_class_count(job.integer("CLASS_COUNT"))

    def execute(self, job):
        grid = read_raster(job.raster("INPUT"))
        classes, found = classify_raster(grid, job.integer("CLASS_COUNT"), job.progress)
        job.write_raster("OUTPUT", classes)
        if job.wants("OUTPUT_REPORT"):
            job.write_report(
                "OUTPUT_REPORT",
                breaks_report(grid, found, [("raster", grid.name), ("classes", job.integer("CLASS_COUNT"))]),
            )
        job.result("BREAKS", found.text())
        job.result("GVF", found.gvf)

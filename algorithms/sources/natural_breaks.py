"""Toolbox step: classes of a raster by natural breaks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...core.grid.reading import RasterSource, open_cells, read_raster
from ...core.natural_breaks.classes import check_class_count, classify_raster
from ...core.natural_breaks.report import breaks_report
from .. import parameters as p
from ..base import EcoNetAlgorithm
from ..job import Job


@dataclass(frozen=True)
class Inputs:
    """What the step works on."""

    raster: RasterSource
    class_count: int


class NaturalBreaks(EcoNetAlgorithm[Inputs]):
    """Divides a raster's values into classes."""

    ID = "naturalbreaks"
    NAME = "Natural breaks"
    GROUP = "sources"
    CORE = "natural_breaks.classes"
    STYLES = {"OUTPUT": "importance_classes"}

    def definitions(self) -> list[Any]:
        """Parameters and outputs, in the dialog's order."""
        return [
            p.raster("INPUT", "Raster"),
            p.integer("CLASS_COUNT", "Number of classes", default=5, minimum=2, maximum=255),
            p.raster_output("OUTPUT", "Classes"),
            p.report_output("OUTPUT_REPORT", "Natural breaks report", by_default=False),
            p.text_output("BREAKS", "Upper bounds of the classes"),
            p.number_output("GVF", "Goodness of variance fit"),
        ]

    def read(self, job: Job) -> Inputs:
        """The step's inputs."""
        return Inputs(job.raster("INPUT"), job.integer("CLASS_COUNT"))

    def check(self, inputs: Inputs) -> None:
        """Refuse a raster that cannot be opened."""
        open_cells(inputs.raster)
        check_class_count(inputs.class_count)

    def execute(self, inputs: Inputs, job: Job) -> None:
        """Find the breaks, and write the classes and the report."""
        grid = read_raster(inputs.raster)
        classes, found = classify_raster(grid, inputs.class_count, job.progress)
        job.write_raster("OUTPUT", classes)
        if job.wants("OUTPUT_REPORT"):
            job.write_report("OUTPUT_REPORT", breaks_report(grid, found, job.report_parameters()))
        job.result("BREAKS", found.text())
        job.result("GVF", found.gvf)

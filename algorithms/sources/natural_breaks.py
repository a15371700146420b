"""Toolbox step: classes of a raster by natural breaks."""

from ...core.natural_breaks import classify_raster
from ...core.raster import read
from .. import parameters as p
from ..base import EcoNetAlgorithm


class NaturalBreaks(EcoNetAlgorithm):
    ID = "naturalbreaks"
    NAME = "Natural breaks"
    GROUP = "sources"
    CORE = "natural_breaks"
    STYLES = {"OUTPUT": "importance_classes"}

    def definitions(self):
        return [
            p.raster("INPUT", "Raster"),
            p.integer("CLASS_COUNT", "Number of classes", 5, 2, 255),
            p.raster_output("OUTPUT", "Classes"),
            p.text_output("BREAKS", "Upper bounds of the classes"),
            p.number_output("GVF", "Goodness of variance fit"),
        ]

    def execute(self, job):
        classes, found = classify_raster(read(job.raster("INPUT")), job.integer("CLASS_COUNT"), job.progress)
        job.write_raster("OUTPUT", classes)
        job.result("BREAKS", found.text())
        job.result("GVF", found.gvf)

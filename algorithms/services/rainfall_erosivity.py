"""Toolbox step: rainfall erosivity from monthly or annual rain."""

from ...core.services.rainfall_erosivity import EROSIVITY_METHODS, rainfall_erosivity_blocks
from .. import parameters as p
from ..base import EcoNetAlgorithm


class RainfallErosivity(EcoNetAlgorithm):
    ID = "rainfallerosivity"
    NAME = "Rainfall erosivity"
    GROUP = "services"
    CORE = "services.rainfall_erosivity"
    TEMPLATE = ("TEMPLATE", "PRECIPITATION")
    STYLES = {"OUTPUT": "rainfall_erosivity", "OUTPUT_ANNUAL": "precipitation"}

    def definitions(self):
        return [
            p.rasters("PRECIPITATION", "Precipitation (mm): twelve monthly rasters, or one of twelve bands"),
            p.raster("TEMPLATE", "Raster that gives the cells (empty: the first precipitation raster)", optional=True),
            p.choice("METHOD", "Method", list(EROSIVITY_METHODS)),
            p.raster_output("OUTPUT", "Rainfall erosivity R"),
            p.raster_output("OUTPUT_ANNUAL", "Annual precipitation (mm)", optional=True),
        ]

    def execute(self, job):
        template = job.template()
        rainfall_erosivity_blocks(
            job.rasters("PRECIPITATION"),
            template,
            job.open_raster("OUTPUT", template),
            job.open_raster("OUTPUT_ANNUAL", template),
            EROSIVITY_METHODS[job.choice("METHOD")],
            job.progress,
        )

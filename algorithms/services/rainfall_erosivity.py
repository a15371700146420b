"""Toolbox step: rainfall erosivity from monthly or annual rain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...core.grid.reading import RasterSource
from ...core.services.rainfall_erosivity import ErosivityMethod, rainfall_erosivity_blocks
from .. import parameters as p
from ..base import EcoNetAlgorithm
from ..job import Job


@dataclass(frozen=True)
class Inputs:
    """What the step works on."""

    precipitation: list[RasterSource]
    method: ErosivityMethod


class RainfallErosivity(EcoNetAlgorithm[Inputs]):
    """Rainfall erosivity R, and annual rain."""

    ID = "rainfallerosivity"
    NAME = "Rainfall erosivity"
    GROUP = "services"
    CORE = "services.rainfall_erosivity"
    TEMPLATE = ("TEMPLATE", "PRECIPITATION")
    STYLES = {"OUTPUT": "rainfall_erosivity", "OUTPUT_ANNUAL": "precipitation"}

    def definitions(self) -> list[Any]:
        """Parameters and outputs, in the dialog's order."""
        return [
            p.rasters("PRECIPITATION", "Precipitation (mm): twelve monthly rasters, or one of twelve bands"),
            p.raster("TEMPLATE", "Raster that gives the cells (empty: the first precipitation raster)", optional=True),
            p.option("METHOD", "Method", ErosivityMethod),
            p.raster_output("OUTPUT", "Rainfall erosivity R"),
            p.raster_output("OUTPUT_ANNUAL", "Annual precipitation (mm)", optional=True),
        ]

    def read(self, job: Job) -> Inputs:
        """The step's inputs."""
        return Inputs(job.rasters("PRECIPITATION"), job.option("METHOD", ErosivityMethod))

    def execute(self, inputs: Inputs, job: Job) -> None:
        """Compute both maps, part by part, and write them."""
        template = job.template()
        rainfall_erosivity_blocks(
            inputs.precipitation,
            template,
            output=job.open_raster("OUTPUT", template),
            output_annual=job.open_raster("OUTPUT_ANNUAL", template),
            method=inputs.method,
            progress=job.progress,
        )

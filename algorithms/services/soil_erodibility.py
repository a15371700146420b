"""Toolbox step: soil erodibility from texture and organic carbon."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...core.services.soil import Correction, Erodibility, soil_blocks
from .. import parameters as p
from ..base import EcoNetAlgorithm
from ..job import Job
from .soil_maps import SOIL_TEMPLATE, SoilMaps, read_soil_maps, soil_parameters


@dataclass(frozen=True)
class Inputs:
    """What the step works on."""

    soil: SoilMaps
    correction: Correction


class SoilErodibility(EcoNetAlgorithm[Inputs]):
    """Soil erodibility K."""

    ID = "soilerodibility"
    NAME = "Soil erodibility"
    GROUP = "services"
    CORE = "services.soil"
    TEMPLATE = SOIL_TEMPLATE
    STYLES = {"OUTPUT": "soil_erodibility"}

    def definitions(self) -> list[Any]:
        """Parameters and outputs, in the dialog's order."""
        return [
            *soil_parameters(),
            p.option("CORRECTION", "Correction", Correction),
            p.raster_output("OUTPUT", "Soil erodibility K (t ha h / (ha MJ mm))"),
        ]

    def read(self, job: Job) -> Inputs:
        """The soil maps, their units and the correction."""
        return Inputs(read_soil_maps(job), job.option("CORRECTION", Correction))

    def execute(self, inputs: Inputs, job: Job) -> None:
        """Compute the map, part by part, and write it."""
        template = job.template()
        soil_blocks(
            inputs.soil.aligned(template),
            Erodibility(inputs.correction),
            units=inputs.soil.units,
            output=job.open_raster("OUTPUT", template),
            progress=job.progress,
        )

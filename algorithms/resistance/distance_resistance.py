"""Toolbox step: the distance to features, or to cells of a raster, becomes resistance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...core.grid.grid import Template
from ...core.grid.reading import RasterSource
from ...core.resistance.distance_resistance import (
    DistanceChoices,
    DistanceOutputs,
    check_layer_place,
    check_raster_place,
    distance_resistance,
    distances_to_features,
    distances_to_mask,
    read_mask_codes,
)
from ...core.resistance.rule_tables import read_distance_intervals
from .. import parameters as p
from ..base import EcoNetAlgorithm
from ..job import Job
from ..layers import QgisLayer


@dataclass(frozen=True)
class Inputs:
    """What the step was given."""

    source: RasterSource | QgisLayer
    template: Template
    choices: DistanceChoices


class DistanceResistance(EcoNetAlgorithm[Inputs]):
    """Scores the distance to a layer's features or to a raster's cells."""

    ID = "distanceresistance"
    NAME = "Distance resistance"
    GROUP = "resistance"
    CORE = "resistance.distance_resistance"
    REQUIRES = ("scipy",)
    TEMPLATE = ("TEMPLATE", "INPUT")
    STYLES = {"OUTPUT": "resistance"}

    def definitions(self) -> list[Any]:
        return [
            p.map_layer("INPUT", "What distance is taken to: points, lines, polygons, or a raster"),
            p.raster("TEMPLATE", "Template (a raster whose cells the result takes)", optional=True),
            p.table("BREAKS_TABLE", "Table of distances (factor, from, to, resistance)"),
            p.text("FACTOR", "Factor, as the table names it (such as distance_to_water)"),
            p.text("MASK_CODES", "Of a raster: codes of the cells that distance is taken to"),
            p.raster_output("OUTPUT", "Distance resistance"),
            p.raster_output("OUTPUT_DISTANCE", "Distance (m)", optional=True),
        ]

    def read(self, job: Job) -> Inputs:
        template = job.template()
        choices = DistanceChoices(
            read_distance_intervals(job.table("BREAKS_TABLE"), factor=job.text("FACTOR")),
            mask_codes=read_mask_codes(job.text("MASK_CODES")),
            exact=job.wants("OUTPUT_DISTANCE"),
        )
        return Inputs(source=job.map_layer("INPUT"), template=template, choices=choices)

    def check(self, inputs: Inputs) -> None:
        intervals = inputs.choices.intervals
        if isinstance(inputs.source, RasterSource):
            check_raster_place(inputs.source, inputs.template, intervals)
        else:
            check_layer_place(inputs.source.outline, inputs.template, intervals)

    def execute(self, inputs: Inputs, job: Job) -> None:
        source, template, choices = inputs.source, inputs.template, inputs.choices
        part = job.progress.part(0, 0.2)
        if isinstance(source, RasterSource):
            distances = distances_to_mask(source, template, choices, progress=part)
        else:
            distances = distances_to_features(source.read(job.progress), template, choices, progress=part)
        distance_resistance(
            distances,
            choices.intervals,
            template,
            name=source.name,
            outputs=DistanceOutputs(
                resistance=job.open_raster("OUTPUT", template), metres=job.open_raster("OUTPUT_DISTANCE", template)
            ),
            progress=job.progress.part(0.2, 1),
        )

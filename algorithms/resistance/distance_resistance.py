"""Toolbox step: the distance to features, or to cells of a raster, becomes resistance."""

from ...core.resistance.factors import read_rule
from ...core.resistance.one_factor import (
    check_place,
    distance_resistance,
    distances_to_features,
    distances_to_mask,
    read_mask_codes,
)
from .. import parameters as p
from ..base import EcoNetAlgorithm


class DistanceResistance(EcoNetAlgorithm):
    ID = "distanceresistance"
    NAME = "Distance resistance"
    GROUP = "resistance"
    CORE = "resistance.one_factor"
    REQUIRES = ("scipy",)
    TEMPLATE = ("TEMPLATE", "INPUT")
    STYLES = {"OUTPUT": "resistance"}

    def definitions(self):
        return [
            p.map_layer("INPUT", "What distance is taken to: points, lines, polygons, or a raster"),
            p.raster("TEMPLATE", "Template (a raster whose cells the result takes)", optional=True),
            p.table("BREAKS_TABLE", "Table of distances (factor, from, to, resistance)"),
            p.text("FACTOR", "Factor, as the table names it (such as distance_to_water)"),
            p.text("MASK_CODES", "Of a raster: codes of the cells that distance is taken to"),
            p.raster_output("OUTPUT", "Distance resistance"),
            p.raster_output("OUTPUT_DISTANCE", "Distance (m)", optional=True),
        ]

    def validate(self, job):
        template = job.template()
        rule = read_rule(job.table("BREAKS_TABLE"), job.text("FACTOR"), distance=True)
        read_mask_codes(job.text("MASK_CODES"))
        check_place(_outline(job.map_layer("INPUT")), template, rule.intervals.breaks)

    def execute(self, job):
        template = job.template()
        rule = read_rule(job.table("BREAKS_TABLE"), job.text("FACTOR"), distance=True)
        exact, breaks = job.wants("OUTPUT_DISTANCE"), rule.intervals.breaks
        layer, progress = _read(job.map_layer("INPUT"), job.progress), job.progress
        if job.is_raster("INPUT"):
            distances = distances_to_mask(
                layer, read_mask_codes(job.text("MASK_CODES")), template, breaks, exact, progress.part(0, 0.2)
            )
        else:
            distances = distances_to_features(layer, template, breaks, exact, progress.part(0, 0.2))
        distance_resistance(
            distances,
            rule,
            template,
            layer.name,
            job.open_raster("OUTPUT", template),
            job.open_raster("OUTPUT_DISTANCE", template),
            progress.part(0.2, 1),
        )


def _outline(layer):
    return getattr(layer, "outline", layer)


def _read(layer, progress):
    return layer.read(progress) if hasattr(layer, "read") else layer

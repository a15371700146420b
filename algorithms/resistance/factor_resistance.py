"""Toolbox step: a raster becomes resistance by the rules of one factor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...core.grid.grid import Template
from ...core.grid.reading import RasterSource
from ...core.land_cover_products import LandCoverProduct, table_for_product
from ...core.resistance.factor_resistance import FactorChoices, factor_resistance
from ...core.resistance.rule_tables import default_factor_table, read_rule
from .. import parameters as p
from ..base import EcoNetAlgorithm
from ..job import Job


@dataclass(frozen=True)
class Inputs:
    """What the step was given."""

    source: RasterSource
    template: Template
    choices: FactorChoices


class FactorResistance(EcoNetAlgorithm[Inputs]):
    """Scores a raster by the intervals or codes of one factor."""

    ID = "factorresistance"
    NAME = "Factor resistance"
    GROUP = "resistance"
    CORE = "resistance.factor_resistance"
    TEMPLATE = ("INPUT",)
    STYLES = {"OUTPUT": "resistance"}
    KEYS = {"datum_m": "DATUM"}

    def definitions(self) -> list[Any]:
        return [
            p.raster("INPUT", "Raster of the factor"),
            p.table("BREAKS_TABLE", "Table of intervals or codes (factor, from, to, codes, resistance)"),
            p.text("FACTOR", "Factor, as the table names it (such as slope)"),
            p.flag("SLOPE_FROM_DEM", "The raster is an elevation: compute its slope in degrees first"),
            p.number("DATUM", "Elevation that counts as 0 (m)", default=0.0),
            p.land_cover_product(),
            p.raster_output("OUTPUT", "Factor resistance"),
        ]

    def read(self, job: Job) -> Inputs:
        table = job.table("BREAKS_TABLE") or table_for_product(
            default_factor_table(), job.option("LAND_COVER_PRODUCT", LandCoverProduct)
        )
        choices = FactorChoices(
            read_rule(table, factor=job.text("FACTOR")),
            datum_m=job.number("DATUM"),
            slope_from_dem=job.flag("SLOPE_FROM_DEM"),
        )
        return Inputs(source=job.raster("INPUT"), template=job.template(), choices=choices)

    def execute(self, inputs: Inputs, job: Job) -> None:
        factor_resistance(
            inputs.source,
            inputs.template,
            choices=inputs.choices,
            output=job.open_raster("OUTPUT", inputs.template),
            progress=job.progress,
        )

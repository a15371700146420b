"""Toolbox step: a raster becomes resistance by the rules of one factor."""

from ...core.land_cover_products import LandCoverProduct, table_for_product
from ...core.resistance.factors import default_factor_table, read_rule
from ...core.resistance.one_factor import check_choices, factor_resistance
from .. import parameters as p
from ..base import EcoNetAlgorithm


class FactorResistance(EcoNetAlgorithm):
    ID = "factorresistance"
    NAME = "Factor resistance"
    GROUP = "resistance"
    CORE = "resistance.factors"
    TEMPLATE = ("INPUT",)
    STYLES = {"OUTPUT": "resistance"}

    def definitions(self):
        return [
            p.raster("INPUT", "Raster of the factor"),
            p.table("BREAKS_TABLE", "Table of intervals or codes (factor, from, to, codes, resistance)"),
            p.text("FACTOR", "Factor, as the table names it (such as slope)"),
            p.flag("SLOPE_FROM_DEM", "The raster is an elevation: compute its slope in degrees first"),
            p.number("DATUM", "Elevation that counts as 0 (m)", default=0.0),
            p.land_cover_product(),
            p.raster_output("OUTPUT", "Factor resistance"),
        ]

    def _rule(self, job):
        table = job.table("BREAKS_TABLE") or table_for_product(
            default_factor_table(), job.option("LAND_COVER_PRODUCT", LandCoverProduct)
        )
        rule = read_rule(table, job.text("FACTOR"))
        check_choices(rule, job.number("DATUM"), job.flag("SLOPE_FROM_DEM"))
        return rule

    def validate(self, job):
        self._rule(job)

    def execute(self, job):
        template = job.template()
        factor_resistance(
            job.raster("INPUT"),
            template,
            self._rule(job),
            job.open_raster("OUTPUT", template),
            job.number("DATUM"),
            job.flag("SLOPE_FROM_DEM"),
            job.progress,
        )

"""Rules, rings and weights of the factors that have a map, read from the tables."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from .. import tables
from ..errors import InputError
from ..land_cover_products import table_for_product
from ..progress import SILENT, Progress
from .choices import SurfaceChoices, Transform
from .factors import FACTORS, MINE, Rule, factor_name
from .mine_rings import Rings, read_rings
from .restored import RestoredTable, default_restored_table, read_restored
from .rule_tables import default_factor_table, read_factor_table, read_weights, scaled_weights
from .transforms import check_exponent, require_one_to_five, scores_of

_LARGEST_TOTAL = 1e30


@dataclass(frozen=True)
class Scheme:
    """Rules, rings and weights of the factors that have a map.

    Parameters
    ----------
    rules : dict of str to Rule
        By factor.
    rings : Rings
    restored : RestoredTable
    given_weights : dict of str to float
        Before they are scaled to 1.
    base_weights, weights : dict of str to float
        Of the base surface, without mines, and of the integrated one: each adds to 1.
    score_range : (float, float)
        Lowest and highest resistance of all rules, at least 1 to 5; values of maps that are scored
        already must lie in it.
    """

    rules: Mapping[str, Rule]
    rings: Rings
    restored: RestoredTable
    given_weights: Mapping[str, float]
    base_weights: Mapping[str, float]
    weights: Mapping[str, float]
    score_range: tuple[float, float]


def read_scheme(present: Sequence[str], choices: SurfaceChoices, *, progress: Progress = SILENT) -> Scheme:
    """Read and check the tables for the factors that have a map; no map or layer is read.

    Parameters
    ----------
    present : sequence of str
        Factors that have a map.
    choices : SurfaceChoices

    Returns
    -------
    Scheme

    Raises
    ------
    InputError
        A table that is wrong, rules or weights that do not match the factors, an exponent whose powers
        float32 cannot hold (``exponent``).
    """
    factor_table = choices.factor_table or table_for_product(default_factor_table(), choices.product)
    extra = [factor for factor in present if factor not in FACTORS]
    rules, given = _rules_and_weights(factor_table, extra)
    rings = read_rings(choices.ring_table)
    restored = read_restored(choices.restored_table or table_for_product(default_restored_table(), choices.product))
    weights_table = factor_table if choices.weights is None else choices.weights
    weights = given if choices.weights is None else read_weights(choices.weights, extra=extra)
    _require_rules_and_weights(
        present, rules, weights, factor_table=factor_table.name, weights_table=weights_table.name
    )
    base = _base_weights(present, weights, weights_table.name)
    scaled = scaled_weights(weights, present)
    _log_weights(present, weights, scaled, table=weights_table.name, progress=progress)
    if choices.transform is Transform.ONE_TO_100:
        require_one_to_five(scaled, rules, rings, table=factor_table.name)
    scores = [score for factor in scaled for score in scores_of(factor, rules, rings)]
    if choices.transform is Transform.POWER:
        check_exponent(choices.power, scores)
    score_range = (min(1.0, *scores), max(5.0, *scores))
    return Scheme(rules, rings, restored, weights, base, scaled, score_range)


def _rules_and_weights(table: tables.RawTable, extra: Sequence[str]) -> tuple[dict[str, Rule], dict[str, float]]:
    """Rules and weights of a factor table. A map that is scored already may have a row with a weight alone."""
    columns = [tables.Column("factor", "text")] + [
        tables.Column(name, "text", required=False) for name in ("weight", "from", "to", "codes", "resistance")
    ]
    rows = tables.parse(table, columns).rows
    unscored = set(extra) - {
        factor_name(row["factor"]) for row in rows if any(row[name] for name in ("from", "to", "codes", "resistance"))
    }
    has_weight_alone = [factor_name(row["factor"]) in unscored for row in rows]
    weights = {}
    if any(has_weight_alone):
        weight_rows = [
            (number, [row["factor"], row["weight"] or ""])
            for (number, _), row, alone in zip(table.rows, rows, has_weight_alone)
            if alone
        ]
        weights = read_weights(tables.RawTable(table.name, ["factor", "weight"], weight_rows), extra=extra)
        table = replace(table, rows=[row for row, alone in zip(table.rows, has_weight_alone) if not alone])
    rules = read_factor_table(table, extra=extra) if table.rows else {}
    weights.update({factor: rule.weight for factor, rule in rules.items() if rule.weight is not None})
    return rules, weights


def _require_rules_and_weights(
    present: Sequence[str],
    rules: Mapping[str, Rule],
    weights: Mapping[str, float],
    *,
    factor_table: str,
    weights_table: str,
) -> None:
    """Refuse factors with a map that lack a weight or rows, and weights whose sum is too large to be scaled."""
    if not [factor for factor in present if factor != MINE]:
        raise InputError(
            "No factor map is given: choose at least one of elevation, land cover, NDVI, night light, "
            "water, motorways and highways."
        )
    for factor in present:
        if factor not in weights:
            remedy = "add it" if factor in FACTORS else "add it, in a table of weights or there"
            raise InputError(
                f"Table '{weights_table}' has no weight for factor '{factor}', whose map is given: {remedy} "
                f"(0 leaves the factor out), or leave the map out.",
                layer=weights_table,
            )
        if factor not in rules and factor != MINE and factor in FACTORS and weights[factor] > 0:
            raise InputError(
                f"Table '{factor_table}' has no rows for factor '{factor}', whose map is given: add them, give "
                f"the factor the weight 0, or leave the map out.",
                layer=factor_table,
            )
    if not sum(weights[factor] for factor in present) < _LARGEST_TOTAL:
        raise InputError(
            f"Table '{weights_table}': the weights add to more than {_LARGEST_TOTAL:g}, which cannot be scaled to "
            f"1; write smaller ones, such as shares of 1.",
            layer=weights_table,
        )


def _base_weights(present: Sequence[str], weights: Mapping[str, float], table: str) -> dict[str, float]:
    """The weights of the base surface, scaled to 1; refused where all are 0."""
    others = [factor for factor in present if factor != MINE]
    base = scaled_weights(weights, others)
    if not base:
        raise InputError(
            f"Table '{table}' gives the weight 0 to every factor that has a map: give one of "
            f"{', '.join(others)} a weight.",
            layer=table,
        )
    return base


def _log_weights(
    present: Sequence[str],
    weights: Mapping[str, float],
    scaled: Mapping[str, float],
    *,
    table: str,
    progress: Progress,
) -> None:
    """Log the weights that are used, and the factors that are left out."""
    left_out = [
        f"{factor} ({weights.get(factor, 0):g})"
        for factor in dict.fromkeys([*FACTORS, *present])
        if factor not in scaled and (factor in weights or factor in present)
    ]
    total = math.fsum(weights[factor] for factor in scaled)
    if left_out:
        progress.log(f"Factors left out, without a map or with weight 0: {', '.join(left_out)}.")
    if abs(total - 1) > 1e-9:
        progress.log(
            f"The weights of the factors that are used (table '{table}') add to {total:g} and were scaled to 1."
        )
    progress.log("Weights: " + ", ".join(f"{factor} {weight:.4g}" for factor, weight in scaled.items()) + ".")

"""Rules and weights of factors, read from tables that a planner edits; Table 1 of Feng, Bai & Wang (2024) is shipped.

Intervals are (from, to]: a value on a bound belongs to the interval below it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from .. import tables
from ..errors import InputError
from .factors import DISTANCES, FACTORS, LAND_COVER, MINE, Intervals, Rule, factor_name

_NO_DISTANCE = tuple(factor for factor in FACTORS if factor not in DISTANCES)
_NEVER_NEGATIVE = (*DISTANCES, "slope", "night_light")
_SMALLEST, _LARGEST = 1e-9, 1e9  # sums of costs keep their digits

_COLUMNS = [
    tables.Column("factor", "text"),
    tables.Column("weight", required=False),
    tables.Column("from", required=False, aliases=("from_m",)),
    tables.Column("to", required=False, aliases=("to_m",)),
    tables.Column("codes", "integers", required=False, aliases=("code",)),
    tables.Column("resistance", required=False),
]
_SCORING_COLUMNS = ("from", "to", "codes", "resistance")
_ONE_FACTOR_COLUMNS = [tables.Column("factor", "text", required=False), *_COLUMNS[1:]]
_WEIGHT_COLUMNS = [tables.Column("factor", "text"), tables.Column("weight")]


def default_factor_table() -> tables.RawTable:
    """The shipped Table 1."""
    return tables.shipped("resistance", "factors.csv")


# tables of all factors ---------------------------------------------------------------------------


def read_factor_table(raw: tables.RawTable | None = None, *, extra: Sequence[str] = ()) -> dict[str, Rule]:
    """The rules of a factor table.

    Parameters
    ----------
    raw : tables.RawTable, optional
        ``factor, weight, from, to, codes, resistance``; default Table 1. A factor's weight
        stands in one of its rows or in all of them.
    extra : sequence of str
        Names of further factors, scored by intervals or by codes.

    Returns
    -------
    dict of str to Rule
        By names as `factor_name` gives them: the nine in the order of Table 1, then ``extra``.

    Raises
    ------
    InputError
        Unknown factor, resistance that is not positive, two weights of one factor, a gap or an
        overlap of intervals, a code scored twice: with table, row or factor, and interval.
    """
    table = tables.parse(default_factor_table() if raw is None else raw, _COLUMNS)
    names = _known_names(extra)
    indices: dict[str, list[int]] = {}
    for index in range(len(table)):
        indices.setdefault(_known_factor(table, index, names), []).append(index)
    return {factor: _rule_of_rows(table, factor, indices[factor]) for factor in names if factor in indices}


def read_weights(raw: tables.RawTable, *, extra: Sequence[str] = ()) -> dict[str, float]:
    """Weights by factor from a table ``factor, weight``, such as ``ahpweights`` writes.

    Parameters
    ----------
    raw : tables.RawTable
    extra : sequence of str
        As for `read_factor_table`.

    Returns
    -------
    dict of str to float
        In the table's order.

    Raises
    ------
    InputError
        Unknown factor, a factor named twice, or a negative weight.
    """
    table = tables.parse(raw, _WEIGHT_COLUMNS)
    names = _known_names(extra)
    weights: dict[str, float] = {}
    for index in range(len(table)):
        factor = _known_factor(table, index, names)
        if factor in weights:
            raise table.error(index, "factor", "has a weight in an earlier row; keep one of them.")
        weights[factor] = _weight(table, index)
    return weights


def scaled_weights(weights: Mapping[str, float], present: Iterable[str]) -> dict[str, float]:
    """The weights of the factors that are present, scaled so that they add to 1.

    Parameters
    ----------
    weights : dict of str to float
    present : iterable of str

    Returns
    -------
    dict of str to float
        Factors whose weight is 0 are left out; empty when nothing is left.
    """
    kept = {factor: weights[factor] for factor in present if weights[factor] > 0}
    total = math.fsum(kept.values())
    return {factor: weight / total for factor, weight in kept.items()}


def _known_names(extra: Iterable[str]) -> tuple[str, ...]:
    """The nine factors and the further ones, each once."""
    return tuple(dict.fromkeys([*FACTORS, *map(factor_name, extra)]))


def _known_factor(table: tables.Table, index: int, names: Sequence[str]) -> str:
    """The factor of a row; refused where it is none of the names."""
    factor = factor_name(table.rows[index]["factor"])
    if factor not in names:
        raise table.error(
            index,
            "factor",
            f"is not a factor; use one of {', '.join(names)}, or give its map as a further factor with that name.",
        )
    return factor


# tables of one factor ----------------------------------------------------------------------------


def read_rule(raw: tables.RawTable | None = None, *, factor: str = "") -> Rule:
    """The rule of one factor, whatever its name, from a factor table or a table of this factor alone.

    Parameters
    ----------
    raw : tables.RawTable, optional
        As for `read_factor_table`, or without ``factor``: ``from, to, resistance`` or ``codes,
        resistance``. Default Table 1.
    factor : str
        As `factor_name` understands it; may be empty where only one factor of the table can be meant.

    Returns
    -------
    Rule

    Raises
    ------
    InputError
        As `read_factor_table`, of this factor's rows alone; a factor that the table lacks (``factor``).
    """
    table = _parse_one_factor(raw)
    indices = _rows_by_factor(table, factor)
    usable = [name for name in indices if name != MINE]
    wanted = _wanted_factor(table, factor, indices, usable)
    return _rule_of_rows(table, wanted, indices[wanted])


def read_distance_intervals(raw: tables.RawTable | None = None, *, factor: str = "") -> Intervals:
    """The intervals by which a distance is scored: in metres, from 0 and without an end.

    Parameters
    ----------
    raw, factor
        As for `read_rule`.

    Returns
    -------
    Intervals

    Raises
    ------
    InputError
        As `read_rule`; a factor that is no distance (``factor``), rows with codes, a negative bound, or
        distances that no row covers.
    """
    table = _parse_one_factor(raw)
    indices = _rows_by_factor(table, factor)
    usable = [name for name in indices if name not in _NO_DISTANCE]
    wanted = _wanted_factor(table, factor, indices, usable)
    if wanted in _NO_DISTANCE:
        raise InputError(
            f"Factor '{wanted}' is no distance: {_offer(usable)}, or use 'Factor resistance' for it.",
            parameter="factor",
            value=wanted,
        )
    rule = _rule_of_rows(table, wanted, indices[wanted], is_distance=True)
    if rule.codes:
        raise InputError(
            f"Table '{table.name}', factor '{wanted}': its rows name codes, and distances "
            f"need intervals in metres; use the columns from and to.",
            layer=table.name,
        )
    return rule.required_intervals


def _parse_one_factor(raw: tables.RawTable | None) -> tables.Table:
    table = tables.parse(default_factor_table() if raw is None else raw, _ONE_FACTOR_COLUMNS)
    if not {"from", "to", "codes", "from_m", "to_m", "code"} & set(map(factor_name, table.header)):
        raise InputError(
            f"Table '{table.name}' has none of the columns from, to and codes: give it the "
            f"columns from, to, resistance, or codes, resistance.",
            layer=table.name,
        )
    return table


def _rows_by_factor(table: tables.Table, factor: str) -> dict[str, Sequence[int]]:
    """The rows of each factor; all rows are the wanted factor's where none names a factor."""
    if all(row["factor"] is None for row in table.rows):
        return {factor_name(factor) or "factor": range(len(table))}
    indices: dict[str, list[int]] = {}
    for index, row in enumerate(table.rows):
        if row["factor"] is None:
            raise table.error(index, "factor", "is empty, and other rows name theirs; fill it in.")
        indices.setdefault(factor_name(row["factor"]), []).append(index)
    return dict(indices)


def _wanted_factor(
    table: tables.Table, factor: str, indices: Mapping[str, Sequence[int]], usable: Sequence[str]
) -> str:
    """The factor that is meant: the one that is named, or the only one that can be."""
    wanted = factor_name(factor)
    if not wanted and len(usable) == 1:
        wanted = usable[0]
    if not wanted:
        raise InputError(
            f"Table '{table.name}' holds several factors, and none is named: {_offer(usable)}.", parameter="factor"
        )
    if wanted == MINE:
        raise InputError(
            f"Factor '{MINE}' is scored by the table of rings: use 'Mine resistance' for it, or {_offer(usable)}.",
            parameter="factor",
            value=wanted,
        )
    if wanted not in indices:
        raise InputError(
            f"Table '{table.name}' has no rows for factor '{wanted}': {_offer(usable)}.",
            parameter="factor",
            value=wanted,
        )
    return wanted


def _offer(usable: Sequence[str]) -> str:
    return f"choose one of {', '.join(usable)}" if usable else "add its rows"


# the rows of one factor --------------------------------------------------------------------------


def _rule_of_rows(table: tables.Table, factor: str, indices: Sequence[int], *, is_distance: bool = False) -> Rule:
    """The rule that a factor's rows make up."""
    weight = _one_weight(table, factor, indices)
    if factor == MINE:
        _refuse_scores_of_mines(table, indices)
        return Rule(factor, table.name, weight)
    if factor == LAND_COVER or (factor not in FACTORS and any(table.rows[index]["codes"] for index in indices)):
        return Rule(factor, table.name, weight, codes=_codes_of(table, factor, indices))
    return Rule(factor, table.name, weight, _factor_intervals(table, factor, indices, is_distance=is_distance))


def _one_weight(table: tables.Table, factor: str, indices: Sequence[int]) -> float | None:
    """The weight that a factor's rows give; None where they give none."""
    known: float | None = None
    for index in indices:
        if table.rows[index]["weight"] is None:
            continue
        weight = _weight(table, index)
        if known is not None and known != weight:
            raise table.error(
                index,
                "weight",
                f"differs from {known:g} in an earlier row of factor '{factor}'; a factor has one weight.",
            )
        known = weight
    return known


def _weight(table: tables.Table, index: int) -> float:
    weight: float = table.rows[index]["weight"]
    if weight < 0:
        raise table.error(index, "weight", "is negative; write 0 to leave the factor out.")
    return weight


def _refuse_scores_of_mines(table: tables.Table, indices: Sequence[int]) -> None:
    for index in indices:
        if any(table.rows[index][column] is not None for column in _SCORING_COLUMNS):
            raise table.error(
                index, "factor", "is scored by the table of rings; leave from, to, codes and resistance empty here."
            )


def _factor_intervals(
    table: tables.Table, factor: str, indices: Sequence[int], *, is_distance: bool = False
) -> Intervals:
    """The rows of a quantity as intervals; those of a distance run from 0 without an end."""
    is_distance = is_distance or factor in DISTANCES
    for index in indices:
        if table.rows[index]["codes"] is not None:
            raise table.error(index, "codes", f"stands under factor '{factor}', which is a quantity; use from and to.")
    intervals = intervals_of(
        table,
        indices,
        lower="from",
        upper="to",
        what=f"factor '{factor}'",
        first_closed=is_distance or factor in _NEVER_NEGATIVE or factor.startswith("distance_"),
    )
    if is_distance:
        for index in indices:
            for column in ("from", "to"):
                if (table.rows[index][column] or 0) < 0:
                    raise table.error(
                        index, column, f"is negative, and distances run from 0 (factor '{factor}'); correct it."
                    )
        if uncovered := uncovered_distance(intervals):
            raise InputError(
                f"Table '{table.name}', factor '{factor}': no row covers {uncovered}; distances run from "
                f"0 without an end, so add a row or leave the outermost bound empty.",
                layer=table.name,
            )
    return intervals


def uncovered_distance(intervals: Intervals) -> str:
    """The distances from 0 on that no interval covers, in words; empty where all are covered."""
    first, last = intervals.lower[0], intervals.upper[-1]
    if first > 0:
        return f"[0, {first:g}]"
    return f"({last:g}, unbounded)" if last < math.inf else ""


def intervals_of(
    table: tables.Table,
    indices: Iterable[int],
    *,
    lower: str,
    upper: str,
    what: str,
    first_closed: bool = False,
) -> Intervals:
    """The rows of one factor or of one kind of mine as Intervals.

    Parameters
    ----------
    table : tables.Table
        With a ``resistance`` column.
    indices : iterable of int
        Rows that belong together.
    lower, upper : str
        Column names of the bounds; an empty cell is unbounded.
    what : str
        For messages, such as ``factor 'slope'``.
    first_closed : bool
        Values cannot be negative, so a first bound of 0 is part of the first interval.

    Raises
    ------
    InputError
        A bound that is not above the other one, a gap or an overlap.
    """
    rows = []
    for index in indices:
        row = table.rows[index]
        low = -math.inf if row[lower] is None else row[lower]
        high = math.inf if row[upper] is None else row[upper]
        if low >= high:
            raise table.error(index, upper, f"is not above {lower}, {low:g} ({what}); correct one of them.")
        rows.append((low, high, positive_resistance(table, index), table.numbers[index]))
    rows.sort()
    for (_, high, _, number), (next_low, next_high, _, next_number) in zip(rows, rows[1:]):
        if next_low > high:
            raise InputError(
                f"Table '{table.name}', {what}: no row covers ({high:g}, {next_low:g}], a gap "
                f"between rows {number} and {next_number}; add a row or move a bound.",
                layer=table.name,
            )
        if next_low < high:
            raise InputError(
                f"Table '{table.name}', {what}: rows {number} and {next_number} overlap in "
                f"({next_low:g}, {min(high, next_high):g}]; move a bound.",
                layer=table.name,
            )
    lows, highs, resistances, _ = zip(*rows)
    return Intervals(lows, highs, resistances, first_closed and lows[0] == 0)


def _codes_of(table: tables.Table, factor: str, indices: Iterable[int]) -> dict[int, float]:
    """Resistance by class code; a code that two rows score is refused."""
    codes: dict[int, float] = {}
    for index in indices:
        row = table.rows[index]
        if row["from"] is not None or row["to"] is not None or not row["codes"]:
            what = "land-cover codes" if factor == LAND_COVER else "class codes, as its other rows do"
            raise table.error(
                index,
                "codes",
                f"has to name {what}, and from and to have to be empty, for factor '{factor}'; correct the row.",
            )
        resistance = positive_resistance(table, index)
        for code in row["codes"]:
            if code in codes:
                raise table.error(
                    index, "codes", f"repeats code {code}, which an earlier row scores; keep one of them."
                )
            codes[code] = resistance
    return codes


def positive_resistance(table: tables.Table, index: int) -> float:
    """The resistance of a row; refused where it is missing, not above 0, or too small or large for sums of costs."""
    value: float | None = table.rows[index]["resistance"]
    if value is None:
        raise table.error(index, "resistance", "is empty; fill it in.")
    if value <= 0:
        raise table.error(
            index, "resistance", "is not above 0, and a corridor's cost would vanish or fall; write a positive number."
        )
    if not _SMALLEST <= value <= _LARGEST:
        raise table.error(index, "resistance", f"is not between {_SMALLEST:g} and {_LARGEST:g}; correct it.")
    return value

"""Resistance factors: a map or a distance becomes resistance by a table that the planner edits.

Feng, Bai & Wang (2024), Table 1. Intervals are (from, to]: a value on a bound belongs to the
interval below it. They are compared in the map's own data type, so that 0.6 in a float32 map is
the 0.6 of the table.
"""

import math
import re
from dataclasses import dataclass, field

import numpy as np

from .. import tables
from ..errors import InputError
from ..geometry.distance_classes import distance_classes, distance_classes_to_cells
from ..progress import SILENT
from .scoring import Scoring

FACTORS = (
    "slope",
    "elevation",
    "land_cover",
    "ndvi",
    "distance_to_water",
    "distance_to_motorway",
    "distance_to_highway",
    "night_light",
    "mine",
)
DISTANCES = tuple(factor for factor in FACTORS if factor.startswith("distance_to_"))
MINE = "mine"

_AS_PRINTED = {
    "dem": "elevation",
    "distance_to_water_body": "distance_to_water",
    "nighttime_light_index": "night_light",
    "nighttime_light": "night_light",
}
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
_ANY_FACTOR = tables.Column("factor", "text", required=False)
_WEIGHT_COLUMNS = [tables.Column("factor", "text"), tables.Column("weight")]


@dataclass(frozen=True)
class Intervals:
    """Adjoining intervals (lower, upper] in ascending order, each with its resistance.

    Parameters
    ----------
    lower, upper, resistance : tuple of float
        ``lower[0]`` may be -inf and ``upper[-1]`` inf; ``upper[i] == lower[i + 1]``.
    first_closed : bool
        The first interval is [lower, upper].
    """

    lower: tuple
    upper: tuple
    resistance: tuple
    first_closed: bool = False

    @property
    def breaks(self):
        """The finite bounds between intervals."""
        return self.upper[:-1]

    @property
    def bounds(self):
        """All finite bounds."""
        return tuple(b for b in (self.lower[0], *self.upper) if math.isfinite(b))


@dataclass
class Rule:
    """How one factor becomes resistance: by intervals, by codes, or (mine) by rings elsewhere."""

    factor: str
    table: str
    weight: float = None
    intervals: Intervals = None
    codes: dict = field(default_factory=dict)


def default_factor_table():
    """The shipped Table 1."""
    return tables.shipped("resistance", "factors.csv")


def factor_name(text):
    """A factor as tables are read: in lower case, blanks and hyphens as ``_``, Table 1's own words as ours."""
    written = re.sub(r"[\s_-]+", "_", text.strip().lower())
    return _AS_PRINTED.get(written, written)


def read_factor_table(raw=None, extra=()):
    """The rules of a factor table.

    Parameters
    ----------
    raw : tables.RawTable, optional
        ``factor, weight, from, to, codes, resistance``; default Table 1. A factor's weight
        stands in one of its rows or in all of them.
    extra : sequence of str
        Names of factors that the planner adds to the nine, scored by intervals or by codes.

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
    names, indices = _names(extra), {}
    for index in range(len(table)):
        indices.setdefault(_factor_name(table, index, names), []).append(index)
    return {factor: _rule(table, factor, indices[factor]) for factor in names if factor in indices}


def read_rule(raw=None, factor="", distance=False, table_key="BREAKS_TABLE"):
    """The rule of one factor, whatever its name, from a factor table or a table of this factor alone.

    Parameters
    ----------
    raw : tables.RawTable, optional
        As for `read_factor_table`, or without ``factor``: ``from, to, resistance`` or ``codes,
        resistance``. Default Table 1.
    factor : str
        As `factor_name` understands it; may be empty where only one factor of the table can be meant.
    distance : bool
        The rule is to score distances: intervals in metres from 0 without an end.
    table_key : str
        The parameter that the table was given by, for messages.

    Returns
    -------
    Rule

    Raises
    ------
    InputError
        As `read_factor_table`, of this factor's rows alone; a factor that the table lacks.
    """
    table = tables.parse(default_factor_table() if raw is None else raw, [_ANY_FACTOR, *_COLUMNS[1:]])
    if not {"from", "to", "codes", "from_m", "to_m", "code"} & set(map(factor_name, table.header)):
        raise InputError(
            f"Table '{table.name}' ({table_key}) has none of the columns from, to and codes: give it the "
            f"columns from, to, resistance, or codes, resistance."
        )
    wanted, indices = factor_name(factor), {}
    if all(row["factor"] is None for row in table.rows):
        indices[wanted or "factor"] = range(len(table))
    else:
        for index, row in enumerate(table.rows):
            if row["factor"] is None:
                raise table.error(index, "factor", "is empty, and other rows name theirs; fill it in.")
            indices.setdefault(factor_name(row["factor"]), []).append(index)
    usable = [name for name in indices if name != MINE and not (distance and name in _NO_DISTANCE)]
    if not wanted and len(usable) == 1:
        wanted = usable[0]
    offer = f"choose one of {', '.join(usable)}" if usable else "add its rows"
    if not wanted:
        raise InputError(f"Table '{table.name}' ({table_key}) holds several factors, and FACTOR is empty: {offer}.")
    if wanted == MINE:
        raise InputError(
            f"Factor '{MINE}' (FACTOR) is scored by the table of rings: use 'Mine resistance' for it, or {offer}."
        )
    if wanted not in indices:
        raise InputError(f"Table '{table.name}' ({table_key}) has no rows for factor '{wanted}' (FACTOR): {offer}.")
    if distance and wanted in _NO_DISTANCE:
        raise InputError(f"Factor '{wanted}' (FACTOR) is no distance: {offer}, or use 'Factor resistance' for it.")
    rule = _rule(table, wanted, indices[wanted], distance)
    if distance and rule.codes:
        raise InputError(
            f"Table '{table.name}' ({table_key}), factor '{wanted}': its rows name codes, and distances "
            f"need intervals in metres; use the columns from and to."
        )
    return rule


def read_weights(raw, extra=()):
    """Weights by factor from a table ``factor, weight``, such as ``ahpweights`` writes.

    Parameters
    ----------
    raw : tables.RawTable
    extra : sequence of str
        As for `read_factor_table`.

    Raises
    ------
    InputError
        Unknown factor, a factor named twice, or a negative weight.
    """
    table = tables.parse(raw, _WEIGHT_COLUMNS)
    names, weights = _names(extra), {}
    for index in range(len(table)):
        factor = _factor_name(table, index, names)
        if factor in weights:
            raise table.error(index, "factor", "has a weight in an earlier row; keep one of them.")
        weights[factor] = _weight(table, index)
    return weights


def scaled_weights(weights, present):
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


def intervals_of(table, indices, lower, upper, what, first_closed=False):
    """The rows of one factor or ring as Intervals.

    Parameters
    ----------
    table : tables.Table
        With a ``resistance`` column.
    indices : list of int
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
    for (low, high, _, number), (next_low, next_high, _, next_number) in zip(rows, rows[1:]):
        if next_low > high:
            raise InputError(
                f"Table '{table.name}', {what}: no row covers ({high:g}, {next_low:g}], a gap "
                f"between rows {number} and {next_number}; add a row or move a bound."
            )
        if next_low < high:
            raise InputError(
                f"Table '{table.name}', {what}: rows {number} and {next_number} overlap in "
                f"({next_low:g}, {min(high, next_high):g}]; move a bound."
            )
    lows, highs, resistances, _ = zip(*rows)
    return Intervals(lows, highs, resistances, first_closed and lows[0] == 0)


def positive_resistance(table, index):
    """The resistance of a row; refused where it is missing or not above 0."""
    value = table.rows[index]["resistance"]
    if value is None:
        raise table.error(index, "resistance", "is empty; fill it in.")
    if value <= 0:
        raise table.error(
            index, "resistance", "is not above 0, and a corridor's cost would vanish or fall; write a positive number."
        )
    if not _SMALLEST <= value <= _LARGEST:
        raise table.error(index, "resistance", f"is not between {_SMALLEST:g} and {_LARGEST:g}; correct it.")
    return value


def classify(values, rule, offset=0.0, name="", progress=SILENT):
    """Resistance of each value by a rule's intervals.

    Parameters
    ----------
    values : ndarray
        Any numeric type; NaN has no resistance.
    rule : Rule
    offset : float
        Added to all bounds: elevation above a datum is classified without touching the map.
    name : str
        The layer, for messages.

    Returns
    -------
    float32 ndarray
        NaN where the value is NaN.

    Raises
    ------
    InputError
        Values beyond the outermost bounds, with how many cells hold them.
    """
    scoring = Scoring(rule, offset, name)
    scored = scoring.score(values, progress=progress)
    scoring.check()
    return scored


def classify_codes(values, valid, rule, name="", progress=SILENT):
    """Resistance of each class code.

    Parameters
    ----------
    values : integer ndarray
    valid : bool ndarray
        False where there is no value.
    rule : Rule
    name : str
        The layer, for messages.

    Returns
    -------
    float32 ndarray
        NaN where not valid.

    Raises
    ------
    InputError
        Codes that no row scores, each with its number of cells.
    """
    scoring = Scoring(rule, 0.0, name)
    scored = scoring.score(values, valid, progress)
    scoring.check()
    return scored


def classify_distance(geometries, rule, template, progress=SILENT):
    """Resistance by distance to lines or polygons; those beyond the map's edge count.

    Parameters
    ----------
    geometries : list of ogr.Geometry
        In the template's CRS.
    rule : Rule
    template : grid.Template

    Returns
    -------
    float32 ndarray, shape ``template.shape``
        Every cell has a value: far from everything is the last interval's.
    """
    intervals = rule.intervals
    classes = distance_classes(geometries, intervals.breaks, template, progress)
    return np.array(intervals.resistance, dtype=np.float32)[classes]


def classify_distance_to_cells(mask, rule, template, progress=SILENT):
    """Resistance by distance to the cells of a mask, from cell centre to cell centre.

    Parameters
    ----------
    mask : bool ndarray, shape ``template.shape``
    rule : Rule
    template : grid.Template

    Returns
    -------
    float32 ndarray, shape ``template.shape``
    """
    intervals = rule.intervals
    classes = distance_classes_to_cells(mask, intervals.breaks, template, progress)
    return np.array(intervals.resistance, dtype=np.float32)[classes]


def _names(extra):
    """The nine and those that a planner adds, each once."""
    return tuple(dict.fromkeys([*FACTORS, *map(factor_name, extra)]))


def _factor_name(table, index, names):
    factor = factor_name(table.rows[index]["factor"])
    if factor not in names:
        raise table.error(
            index,
            "factor",
            f"is not a factor; use one of {', '.join(names)}, or give its map "
            f"as a further factor (EXTRA_FACTORS) with that name (EXTRA_NAMES).",
        )
    return factor


def _weight(table, index):
    weight = table.rows[index]["weight"]
    if weight < 0:
        raise table.error(index, "weight", "is negative; write 0 to leave the factor out.")
    return weight


def _rule(table, factor, indices, distance=False):
    distance = distance or factor in DISTANCES
    rule = Rule(factor, table.name)
    for index in indices:
        if table.rows[index]["weight"] is None:
            continue
        weight = _weight(table, index)
        if rule.weight is not None and rule.weight != weight:
            raise table.error(
                index,
                "weight",
                f"differs from {rule.weight:g} in an earlier row of factor '{factor}'; a factor has one weight.",
            )
        rule.weight = weight
    if factor == MINE:
        for index in indices:
            if any(table.rows[index][column] is not None for column in ("from", "to", "codes", "resistance")):
                raise table.error(
                    index, "factor", "is scored by the table of rings; leave from, to, codes and resistance empty here."
                )
        return rule
    if factor == "land_cover" or (factor not in FACTORS and any(table.rows[i]["codes"] for i in indices)):
        rule.codes = _codes(table, factor, indices)
        return rule
    for index in indices:
        if table.rows[index]["codes"] is not None:
            raise table.error(index, "codes", f"stands under factor '{factor}', which is a quantity; use from and to.")
    rule.intervals = intervals_of(
        table,
        indices,
        "from",
        "to",
        f"factor '{factor}'",
        distance or factor in _NEVER_NEGATIVE or factor.startswith("distance_"),
    )
    if distance:
        for index in indices:
            for column in ("from", "to"):
                if (table.rows[index][column] or 0) < 0:
                    raise table.error(
                        index, column, f"is negative, and distances run from 0 (factor '{factor}'); correct it."
                    )
        first, last = rule.intervals.lower[0], rule.intervals.upper[-1]
        if first > 0 or last < math.inf:
            gap = f"[0, {first:g}]" if first > 0 else f"({last:g}, unbounded)"
            raise InputError(
                f"Table '{table.name}', factor '{factor}': no row covers {gap}; distances run from "
                f"0 without an end, so add a row or leave the outermost bound empty."
            )
    return rule


def _codes(table, factor, indices):
    codes = {}
    for index in indices:
        row = table.rows[index]
        if row["from"] is not None or row["to"] is not None or not row["codes"]:
            what = "land-cover codes" if factor == "land_cover" else "class codes, as its other rows do"
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

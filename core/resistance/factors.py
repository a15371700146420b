"""The factors of resistance and the rules that score them.

Feng, Bai & Wang (2024), Table 1. `rule_tables` reads the rules from tables that the planner edits, `scoring`
applies them to maps.

A new factor needs, in this order: an entry at the end of ``FACTOR_LABELS`` (its place is its number in maps of the
dominant factor, so further factors of the planner count up from it; a distance is called ``distance_to_...``); rows
with a weight in ``defaults/factors.csv``; its map in `factor_layers.FactorLayers`, with `present` and, for a distance,
`lines`; its scores in `factor_maps.FactorMaps` unless it is a distance; its input in the step's `definitions`, `read`
and help; its colour among the dominant factors in ``scripts/make_styles.py``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

FACTOR_LABELS = {
    "slope": "slope",
    "elevation": "elevation",
    "land_cover": "land cover",
    "ndvi": "NDVI",
    "distance_to_water": "distance to water",
    "distance_to_motorway": "distance to motorways",
    "distance_to_highway": "distance to highways",
    "night_light": "night light",
    "mine": "mines",
}
"""The nine factors of Table 1 in its order, and what a reader calls each."""

FACTORS = tuple(FACTOR_LABELS)
DISTANCES = tuple(factor for factor in FACTORS if factor.startswith("distance_to_"))
LAND_COVER = "land_cover"
MINE = "mine"

_AS_PRINTED = {
    "dem": "elevation",
    "distance_to_water_body": "distance_to_water",
    "nighttime_light_index": "night_light",
    "nighttime_light": "night_light",
}


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

    lower: tuple[float, ...]
    upper: tuple[float, ...]
    resistance: tuple[float, ...]
    first_closed: bool = False

    @property
    def breaks(self) -> tuple[float, ...]:
        """The finite bounds between intervals."""
        return self.upper[:-1]

    @property
    def bounds(self) -> tuple[float, ...]:
        """All finite bounds."""
        return tuple(bound for bound in (self.lower[0], *self.upper) if math.isfinite(bound))


@dataclass(frozen=True)
class Rule:
    """How one factor becomes resistance: by intervals or by codes; the factor mine by the table of rings.

    Parameters
    ----------
    factor : str
        As `factor_name` gives it.
    table : str
        The table that the rule comes from, for messages.
    weight : float, optional
        None where the table gives none.
    intervals : Intervals, optional
        Of a quantity.
    codes : dict of int to float
        Resistance by class code; empty for a quantity.
    """

    factor: str
    table: str
    weight: float | None = None
    intervals: Intervals | None = None
    codes: Mapping[int, float] = field(default_factory=dict)

    @property
    def required_intervals(self) -> Intervals:
        """The intervals of a rule that is known to have some, as every rule of a distance has.

        Raises
        ------
        TypeError
            The rule scores codes.
        """
        if self.intervals is None:
            raise TypeError(f"The rule of factor '{self.factor}' has no intervals.")
        return self.intervals

    @property
    def scores(self) -> tuple[float, ...]:
        """The resistances that the rule gives, in the order of its table; empty for the factor mine."""
        return self.intervals.resistance if self.intervals else tuple(self.codes.values())


def factor_name(text: str) -> str:
    """A factor's name as tables are compared: lower case, ``_`` for blanks and hyphens, Table 1's words as ours."""
    written = re.sub(r"[\s_-]+", "_", text.strip().lower())
    return _AS_PRINTED.get(written, written)

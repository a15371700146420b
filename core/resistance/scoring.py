"""Maps become resistance by the rules of a factor, whole or part by part.

Intervals are compared in the map's own data type, so that 0.6 in a float32 map is the 0.6 of the table. Values
are compared with each bound in turn and codes are looked up, so that a cell costs a few nanoseconds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from osgeo import ogr

from ..arrays import AnyArray, AnyInts, Bools, Float32s, Ints
from ..errors import InputError, first_few
from ..geometry.distance_classes import distance_classes
from ..grid.grid import Template
from ..progress import SILENT, Progress
from .factors import Intervals, Rule

_BLOCK_CELLS = 1 << 18
_NAMED_AT_MOST = 5
_MAX_LOOKUP_LENGTH = 1 << 20


class Scoring:
    """Scores a map part by part; values that no row scores are counted over all parts and refused in `check`.

    Parameters
    ----------
    rule : Rule
        With intervals or codes.
    offset : float
        Added to all bounds: elevation above a datum is scored without touching the map.
    name : str
        The layer, for messages.
    counted : bool
        Whether to count the cells of each resistance.
    """

    def __init__(self, rule: Rule, *, offset: float = 0.0, name: str = "", counted: bool = False) -> None:
        self._rule, self._offset, self._name, self._counted = rule, offset, name, counted
        self._outside_cells = 0
        self._outside_value: float | None = None
        self._unknown_codes: dict[int, int] = {}
        # the last place serves cells without a value, and those that no row scores
        self._resistance: Float32s = np.array([*rule.scores, np.nan], dtype=np.float32)
        self._counts: Ints = np.zeros(len(self._resistance), dtype=np.int64)
        self._codes = None if rule.intervals else _CodePlaces(rule.codes)

    @property
    def cells(self) -> dict[float, int]:
        """Cells by resistance, of those that were counted."""
        return cells_by_resistance(self._resistance[:-1], self._counts[:-1])

    def score(self, values: AnyArray, valid: Bools | None = None, *, progress: Progress = SILENT) -> Float32s:
        """The resistance of some values.

        Parameters
        ----------
        values : ndarray
            Any numeric type; class codes are integers.
        valid : bool ndarray, optional
            Where there is a value; required of class codes.

        Returns
        -------
        float32 ndarray
            NaN where not valid or not scored.
        """
        scored = np.empty(values.shape, dtype=np.float32)
        flat, out = values.reshape(-1), scored.reshape(-1)
        known = None if valid is None else valid.reshape(-1)
        for start in range(0, flat.size, _BLOCK_CELLS):
            progress(start / flat.size)
            block = slice(start, start + _BLOCK_CELLS)
            place = self._places(flat[block], None if known is None else known[block])
            out[block] = self._resistance[place]
            if self._counted:
                self._counts += np.bincount(place, minlength=len(self._counts))
        return scored

    def check(self) -> None:
        """Refuse values and codes that no row scores.

        Raises
        ------
        InputError
            With the number of cells; of codes, with the first few of them.
        """
        rule, name = self._rule, self._name
        if self._outside_value is not None:
            raise InputError(
                f"Table '{rule.table}', factor '{rule.factor}': no row covers "
                f"{self._outside_value - self._offset:g}, which layer '{name}' holds ({self._outside_cells} cells lie "
                f"outside the rows); leave the outermost bound empty, or correct the layer.",
                layer=name,
                value=self._outside_value,
            )
        if self._unknown_codes:
            named = [f"{code} ({count} cells)" for code, count in sorted(self._unknown_codes.items())]
            raise InputError(
                f"Table '{rule.table}', factor '{rule.factor}': no row scores the code(s) "
                f"{first_few(named, _NAMED_AT_MOST)} of layer '{name}'; add a row for each, give "
                f"your own table, or choose the land-cover product whose codes the map holds, and the "
                f"shipped table serves it.",
                layer=name,
            )

    def _places(self, block: AnyArray, known: Bools | None) -> AnyInts:
        """The place of each value's resistance in ``self._resistance``."""
        if self._codes is None:
            return self._places_by_interval(block, known, self._rule.required_intervals)
        return self._places_by_code(block, known, self._codes)

    def _places_by_interval(self, block: AnyArray, known: Bools | None, intervals: Intervals) -> AnyInts:
        """Which interval holds each value: the number of upper bounds below it."""
        nowhere = len(self._resistance) - 1
        upper, floor = (
            np.asarray(bound, dtype=np.float64) + self._offset for bound in (intervals.upper, intervals.lower[0])
        )
        if np.issubdtype(block.dtype, np.floating):
            upper, floor = upper.astype(block.dtype), floor.astype(block.dtype)
        else:
            block = block.astype(np.float64)
        place: AnyArray = np.zeros(block.shape, dtype=np.uint8 if nowhere < 256 else np.uint16)
        for bound in upper[:-1]:  # few bounds: faster than a search
            place += block > bound
        outside: Bools = block > upper[-1]
        if intervals.first_closed:
            outside |= block < floor
        elif intervals.lower[0] > -math.inf:
            outside |= block <= floor
        if known is not None:
            outside &= known
        if outside.any():
            self._outside_cells += int(np.count_nonzero(outside))
            if self._outside_value is None:
                self._outside_value = float(block[outside][0])
            place[outside] = nowhere
        place[np.isnan(block)] = nowhere
        if known is not None:
            place[~known] = nowhere
        return place

    def _places_by_code(self, block: AnyInts, known: Bools | None, codes: _CodePlaces) -> AnyInts:
        """The place of each code in the table; codes that it lacks are counted."""
        place = codes.of(block)
        nowhere = len(self._resistance) - 1
        missing: Bools = place == nowhere
        if known is not None and not known.all():
            place[~known] = nowhere
            missing &= known
        if missing.any():
            for code, count in zip(*np.unique(block[missing], return_counts=True)):
                self._unknown_codes[int(code)] = self._unknown_codes.get(int(code), 0) + int(count)
        return place


class _CodePlaces:
    """Places of class codes in a table's order; the number of codes for one that the table lacks."""

    def __init__(self, codes: Mapping[int, float]) -> None:
        self._codes: Ints = np.array(list(codes), dtype=np.int64)
        self._order = np.argsort(self._codes)
        self._sorted: Ints = self._codes[self._order]
        span = int(self._sorted[-1] - self._sorted[0]) + 1
        self._lookup: AnyInts | None = None
        if span <= _MAX_LOOKUP_LENGTH:
            small: type[np.integer] = np.uint8 if len(codes) < 256 else np.uint16 if len(codes) < 65536 else np.intp
            self._lookup = np.full(span + 1, len(self._codes), dtype=small)
            self._lookup[self._codes - self._sorted[0]] = np.arange(len(self._codes))

    def of(self, block: AnyInts) -> AnyInts:
        """The place of each code of an array of integers of up to 64 bits."""
        if self._lookup is not None:
            # a code below the first one becomes a very large number when it is read as unsigned
            small = np.can_cast(block.dtype, np.int32) and abs(self._sorted[0]) < 2**31
            signed, unsigned = (np.int32, np.uint32) if small else (np.int64, np.uint64)
            from_first: AnyArray = block.astype(signed)
            offset: AnyArray = (from_first - signed(self._sorted[0])).view(unsigned)
            places: AnyInts = self._lookup[np.minimum(offset, unsigned(len(self._lookup) - 1), out=offset)]
            return places
        wide = block.astype(np.int64)
        found = np.minimum(np.searchsorted(self._sorted, wide), len(self._sorted) - 1)
        return np.where(self._sorted[found] == wide, self._order[found], len(self._codes))


def classify(
    values: AnyArray, rule: Rule, *, offset: float = 0.0, name: str = "", progress: Progress = SILENT
) -> Float32s:
    """Resistance of each value by a rule's intervals.

    Parameters
    ----------
    values : ndarray
        Any numeric type; NaN has no resistance.
    rule : Rule
        With intervals.
    offset, name
        As for `Scoring`.

    Returns
    -------
    float32 ndarray
        NaN where the value is NaN.

    Raises
    ------
    InputError
        Values beyond the outermost bounds, with how many cells hold them.
    """
    scoring = Scoring(rule, offset=offset, name=name)
    scored = scoring.score(values, progress=progress)
    scoring.check()
    return scored


def classify_codes(
    values: AnyInts, valid: Bools, rule: Rule, *, name: str = "", progress: Progress = SILENT
) -> Float32s:
    """Resistance of each class code.

    Parameters
    ----------
    values : integer ndarray
    valid : bool ndarray
        False where there is no value.
    rule : Rule
        With codes.
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
    scoring = Scoring(rule, name=name)
    scored = scoring.score(values, valid, progress=progress)
    scoring.check()
    return scored


def classify_distance(
    geometries: Sequence[ogr.Geometry], intervals: Intervals, template: Template, *, progress: Progress = SILENT
) -> Float32s:
    """Resistance by distance to lines or polygons; those beyond the map's edge count.

    Parameters
    ----------
    geometries : list of ogr.Geometry
        In the template's CRS.
    intervals : Intervals
        In metres, from 0 without an end.
    template : grid.Template

    Returns
    -------
    float32 ndarray, shape ``template.shape``
        Every cell has a value: far from everything is the last interval's.
    """
    classes = distance_classes(geometries, intervals.breaks, template, progress=progress)
    resistance: Float32s = np.array(intervals.resistance, dtype=np.float32)
    scored: Float32s = resistance[classes]
    return scored


def cells_by_resistance(resistance: Iterable[float], counts: Iterable[int]) -> dict[float, int]:
    """Cells by resistance, in ascending order, from the cells of each row of a table; rows without cells are left out.

    Parameters
    ----------
    resistance, counts : iterable
        By row; several rows may have one resistance.
    """
    cells: dict[float, int] = {}
    for score, count in zip(resistance, counts):
        if count:
            cells[float(score)] = cells.get(float(score), 0) + int(count)
    return dict(sorted(cells.items()))


def log_shares(cells: Mapping[float, int], *, total: int, name: str, progress: Progress) -> None:
    """Log each resistance's share of a map, and that of the cells without one.

    Parameters
    ----------
    cells : dict of float to int
        Cells by resistance.
    total : int
        Cells of the map.
    name : str
        The layer whose cells without a value have no resistance.
    """
    shares = [f"{resistance:g}: {100 * count / total:.2f} %" for resistance, count in cells.items()]
    without = total - sum(cells.values())
    if without:
        shares.append(f"none (no value in '{name}'): {100 * without / total:.2f} %")
    progress.log(f"Resistance and its share of the map's area: {'; '.join(shares)}.")

"""Values and codes become resistance by the rules of a factor, part by part of a map of any size.

Values are compared with each bound in turn and codes are looked up, so that a cell costs a few
nanoseconds.
"""

import math

import numpy as np

from ..errors import InputError, first_few
from ..progress import SILENT

_BLOCK_CELLS = 1 << 18
_NAMED_AT_MOST = 5
_MOST_DIRECT = 1 << 20


class Scoring:
    """Scores a map part by part; what no row scores is counted over all parts and refused in `check`.

    Parameters
    ----------
    rule : Rule
        With intervals or codes.
    offset, name
        As for `classify`.
    table_key : str
        The parameter that the table was given by, for messages.
    counted : bool
        Cells are to be counted.

    Attributes
    ----------
    cells : dict of float to int
        Cells by resistance.
    """

    def __init__(self, rule, offset=0.0, name="", table_key="FACTOR_TABLE", counted=False):
        self._counted = counted
        self._rule, self._offset, self._name, self._table_key = rule, offset, name, table_key
        self._wrong, self._example, self._missing = 0, None, {}
        scores = rule.intervals.resistance if rule.intervals else tuple(rule.codes.values())
        # the last place serves cells without a value, and those that no row scores
        self._resistance = np.array([*scores, np.nan], dtype=np.float32)
        self._counts = np.zeros(len(self._resistance), dtype=np.int64)
        if not rule.intervals:
            self._codes = _Lookup(rule.codes)

    @property
    def cells(self):
        found = {}
        for score, count in zip(self._resistance[:-1], self._counts):
            if count:
                found[float(score)] = found.get(float(score), 0) + int(count)
        return dict(sorted(found.items()))

    def score(self, values, valid=None, progress=SILENT):
        """The resistance of some values; NaN where not valid or not scored."""
        scored = np.empty(values.shape, dtype=np.float32)
        flat, out = values.reshape(-1), scored.reshape(-1)
        known = None if valid is None else valid.reshape(-1)
        place_of = self._by_interval if self._rule.intervals else self._by_code
        for start in range(0, flat.size, _BLOCK_CELLS):
            progress(start / flat.size)
            block = slice(start, start + _BLOCK_CELLS)
            place = place_of(flat[block], None if known is None else known[block])
            out[block] = self._resistance[place]
            if self._counted:
                self._counts += np.bincount(place, minlength=len(self._counts))
        return scored

    def check(self):
        """Raise InputError where a value met no row."""
        rule, name = self._rule, self._name
        if self._wrong:
            raise InputError(
                f"Table '{rule.table}', factor '{rule.factor}': no row covers "
                f"{self._example - self._offset:g}, which layer '{name}' holds ({self._wrong} cells lie "
                f"outside the rows); leave the outermost bound empty, or correct the layer."
            )
        if self._missing:
            named = [f"{code} ({count} cells)" for code, count in sorted(self._missing.items())]
            raise InputError(
                f"Table '{rule.table}', factor '{rule.factor}': no row scores the code(s) "
                f"{first_few(named, _NAMED_AT_MOST)} of layer '{name}'; add a row for each, give "
                f"your own table ({self._table_key}), or let the shipped table serve the map by its "
                f"land-cover product (LAND_COVER_PRODUCT)."
            )

    def _by_interval(self, block, known):
        """Which interval holds each value: the number of upper bounds below it."""
        intervals, nowhere = self._rule.intervals, len(self._resistance) - 1
        upper, floor = (
            np.asarray(bound, dtype=np.float64) + self._offset for bound in (intervals.upper, intervals.lower[0])
        )
        if np.issubdtype(block.dtype, np.floating):
            upper, floor = upper.astype(block.dtype), floor.astype(block.dtype)
        else:
            block = block.astype(np.float64)
        place = np.zeros(block.shape, dtype=np.uint8 if nowhere < 256 else np.uint16)
        for bound in upper[:-1]:  # few bounds: faster than a search
            place += block > bound
        outside = block > upper[-1]
        if intervals.first_closed:
            outside |= block < floor
        elif intervals.lower[0] > -math.inf:
            outside |= block <= floor
        if known is not None:
            outside &= known
        if outside.any():
            self._wrong += int(np.count_nonzero(outside))
            self._example = float(block[outside][0]) if self._example is None else self._example
            place[outside] = nowhere
        place[np.isnan(block)] = nowhere
        if known is not None:
            place[~known] = nowhere
        return place

    def _by_code(self, block, known):
        place = self._codes.place(block)
        nowhere = len(self._resistance) - 1
        missing = place == nowhere
        if not known.all():
            place[~known] = nowhere
            missing &= known
        if missing.any():
            for code, count in zip(*np.unique(block[missing], return_counts=True)):
                self._missing[int(code)] = self._missing.get(int(code), 0) + int(count)
        return place


def log_shares(cells, total, name, progress):
    """Say each resistance's share of the map, and that of the cells without one."""
    shares = [f"{resistance:g}: {100 * count / total:.2f} %" for resistance, count in cells.items()]
    without = total - sum(cells.values())
    if without:
        shares.append(f"none (no value in '{name}'): {100 * without / total:.2f} %")
    progress.log(f"Resistance and its share of the map's area: {'; '.join(shares)}.")


class _Lookup:
    """Places of class codes in a table's order; the number of codes for one that the table lacks."""

    def __init__(self, codes):
        self._codes = np.array(list(codes), dtype=np.int64)
        self._order = np.argsort(self._codes)
        self._sorted = self._codes[self._order]
        span = int(self._sorted[-1] - self._sorted[0]) + 1
        self._direct = None
        if span <= _MOST_DIRECT:
            small = np.uint8 if len(codes) < 256 else np.uint16 if len(codes) < 65536 else np.intp
            self._direct = np.full(span + 1, len(self._codes), dtype=small)
            self._direct[self._codes - self._sorted[0]] = np.arange(len(self._codes))

    def place(self, block):
        """The place of each code of an array of integers of up to 64 bits."""
        if self._direct is not None:
            # what lies below the first code is a very large number without a sign
            small = np.can_cast(block.dtype, np.int32) and abs(self._sorted[0]) < 2**31
            signed, unsigned = (np.int32, np.uint32) if small else (np.int64, np.uint64)
            away = (block.astype(signed) - signed(self._sorted[0])).view(unsigned)
            return self._direct[np.minimum(away, unsigned(len(self._direct) - 1), out=away)]
        wide = block.astype(np.int64)
        found = np.minimum(np.searchsorted(self._sorted, wide), len(self._sorted) - 1)
        return np.where(self._sorted[found] == wide, self._order[found], len(self._codes))

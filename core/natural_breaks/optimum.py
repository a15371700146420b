"""The exact optimum of Fisher and Jenks, for any values."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any, Callable, NamedTuple

import numpy as np

from ..arrays import AnyInts, Floats, Ints
from ..progress import SILENT, Progress

CHUNK = 1 << 20  # values in one numpy call, so that a cancel acts soon
_DIRECT = 30_000  # up to so many distinct values every position is a candidate for every break
_BINS = 8_192
_GAPS = 256  # the widest gaps are bin edges too
_BLOCK = 256
_ROUNDING = 1e-9  # of the sum of squares


def scaled_values(distinct: Floats) -> tuple[Floats, int]:
    """Values by a power of two where their squares would overflow or vanish, and its exponent."""
    largest = max(abs(float(distinct[0])), abs(float(distinct[-1])))
    exponent = math.frexp(largest)[1]
    return (distinct, 0) if abs(exponent) < 400 else (np.ldexp(distinct, -exponent), exponent)


def sum_within(distinct: Floats, counts: AnyInts, ends: Sequence[int]) -> float:
    """Sum of squares of the classes that end before positions ``ends``."""
    return sum(
        sum_of_squares(distinct[start:end], counts[start:end]) for start, end in zip([0, *ends], ends) if start < end
    )


def sum_of_squares(distinct: Floats, counts: AnyInts) -> float:
    """Sum of squared deviations from the mean, in two passes."""
    shifted = distinct - distinct[0]
    mean = np.dot(counts, shifted) / counts.sum()
    return float(np.dot(counts, (shifted - mean) ** 2))


_Parts = tuple[Floats, Floats, Floats]


class _Sums:
    """Cumulated sums from which the sum of squares of any class follows in constant time.

    Parameters
    ----------
    distinct, counts : arrays, shape (n,)
        Sorted values and how often each occurs.
    cuts : ascending list of int
        Positions that part the values into groups. Each is summed from a value of its own, near its mean, and a
        class over several groups is put together from sums that are never negative (Chan, Golub & LeVeque
        1983, Am. Stat. 37: 242), so only the digits of one group can be lost.

    Attributes
    ----------
    parts : (weight, total, square), arrays of shape (n + 1,)
        Counts, values and squares of a group up to each position.
    error : float
        What rounding may do to the sum of squares of a class.
    """

    def __init__(
        self, distinct: Floats, counts: AnyInts, cuts: Sequence[int] = (), progress: Progress = SILENT
    ) -> None:
        self.distinct, self.counts, self.cuts = distinct, counts, list(cuts)
        n = distinct.size
        edges = [0, *self.cuts, n]
        self.grouped = len(edges) > 2
        self.parts: _Parts = (np.zeros(n + 1), np.zeros(n + 1), np.zeros(n + 1))
        self.centres: Floats = np.empty(len(edges) - 1)
        terms = _BLOCK * math.ceil(math.log(max(n, _BLOCK), _BLOCK))
        self.error = 0.0
        for group, (start, end) in enumerate(zip(edges, edges[1:])):
            progress.check()
            x, w = distinct[start:end], counts[start:end]
            mean = x[0] + np.dot(w, x - x[0]) / w.sum()
            near = min(int(np.searchsorted(x, mean)), x.size - 1)
            if near and mean - x[near - 1] < x[near] - mean:
                near -= 1
            self.centres[group] = x[near]
            centred = x - x[near]
            weighted = w * centred
            for part, values in zip(self.parts, (w.astype(np.float64), weighted, weighted * centred)):
                progress.check()
                part[start + 1 : end + 1] = _cumulated(values)
            self.error += 8 * terms * 2.0**-53 * self.parts[2][end]
        if self.grouped:
            self._put_together(np.array(edges))

    def _put_together(self, edges: Ints) -> None:
        """Which group each value belongs to, and the whole groups that lie between any two."""
        size = edges.size - 1
        self.first = edges[:-1]
        self.group: AnyInts = np.repeat(np.arange(size, dtype=np.uint8 if size < 256 else np.int16), np.diff(edges))
        weight, total, square = (part[edges[1:]] for part in self.parts)
        self.whole: _Parts = weight, total, square
        own = _squares(weight, total, square)
        weights, means, squares = (np.zeros((size, size)) for _ in range(3))
        self.between: _Parts = weights, means, squares  # the means from the next centre
        for length in range(1, size - 1):
            a = np.arange(size - length - 1)
            b = a + length
            away = self.centres[b] - self.centres[a + 1] + total[b] / weight[b] - means[a, b]
            weights[a, b + 1] = weights[a, b] + weight[b]
            means[a, b + 1] = means[a, b] + away * weight[b] / weights[a, b + 1]
            squares[a, b + 1] = squares[a, b] + own[b] + away * away * weights[a, b] * weight[b] / weights[a, b + 1]

    def mirrored(self) -> _Sums:
        """The sums of the values in reverse order."""
        if not self.grouped:
            turned = copy.copy(self)
            weight, total, square = (part[-1] - part[::-1] for part in self.parts)
            turned.parts = weight, total, square
            return turned
        n = self.distinct.size
        return _Sums(-self.distinct[::-1], self.counts[::-1], [n - cut for cut in self.cuts[::-1]])

    def cost(self, start: Any, end: Any) -> Floats:
        """Sums of squares of the classes between positions, scalars or arrays; 0 where a class is empty."""
        if not self.grouped:
            return _squares(*(part[end] - part[start] for part in self.parts))
        start, end = np.broadcast_arrays(start, end)
        filled = start < end
        start, end = np.where(filled, start, 0), np.where(filled, end, 1)
        a, b = self.group[start], self.group[end - 1]
        fresh, apart = start == self.first[a], np.flatnonzero(a != b)
        upto = [part[end] for part in self.parts]
        inside = [
            np.where(a == b, last, whole[a]) - np.where(fresh, 0.0, part[start])
            for last, whole, part in zip(upto, self.whole, self.parts)
        ]
        cost = _squares(*inside)
        if apart.size:
            a, b = a[apart].astype(np.intp), b[apart].astype(np.intp)
            weight, total, _ = (part[apart] for part in inside)
            last_weight, last_total, last_square = (part[apart] for part in upto)
            mid_weight, mid_mean, mid_squares = (part[a, b] for part in self.between)
            mean = total / weight
            mid_mean = self.centres[a + 1] - self.centres[a] + mid_mean
            last_mean = self.centres[b] - self.centres[a] + last_total / last_weight
            of_all = (weight * mean + mid_weight * mid_mean + last_weight * last_mean) / (
                weight + mid_weight + last_weight
            )
            cost[apart] += (
                mid_squares
                + _squares(last_weight, last_total, last_square)
                + weight * (mean - of_all) ** 2
                + mid_weight * (mid_mean - of_all) ** 2
                + last_weight * (last_mean - of_all) ** 2
            )
        return np.where(filled, cost, 0.0)


def _squares(weight: Any, total: Any, square: Any) -> Floats:
    """Sums of squared deviations from the mean, from sums of weights, values and squares; 0 without weight."""
    filled = weight > 0
    return np.where(filled, square - total * total / np.where(filled, weight, 1.0), 0.0)


def _cumulated(values: Floats) -> Floats:
    """Cumulated sums by blocks, so that rounding errors hardly grow with their number."""
    if values.size <= _BLOCK:
        return np.cumsum(values)
    padded = np.zeros(-(-values.size // _BLOCK) * _BLOCK)
    padded[: values.size] = values
    blocks = padded.reshape(-1, _BLOCK)
    np.cumsum(blocks, axis=1, out=blocks)
    blocks[1:] += _cumulated(blocks[:, -1])[:-1, None]
    return blocks.reshape(-1)[: values.size]


class _Division(NamedTuple):
    """A division into classes.

    Attributes
    ----------
    ends : list of int
        Positions where the classes end, the last included.
    sums : _Sums
        By which they were found.
    within : float
        Their sum of squares.
    """

    ends: list[int]
    sums: _Sums
    within: float


_CandidatesOf = Callable[[_Sums, float, Progress], "list[Ints]"]


def best_division(distinct: Floats, counts: AnyInts, *, class_count: int, progress: Progress) -> list[int]:
    """Positions where the classes of the best division end."""
    n = distinct.size
    values = scaled_values(distinct)[0]
    if n <= _DIRECT:
        first = np.arange(1, n - class_count + 2)
        every: list[Ints] = [first + j for j in range(class_count - 1)]
        return _certain_division(_Sums(values, counts), lambda sums, upper, part: every, progress=progress).ends
    bins = np.linspace(0, n, max(_BINS, 4 * class_count) + 1).astype(np.int64)
    progress.check()
    widest = np.argpartition(np.diff(values), n - 1 - _GAPS)[n - 1 - _GAPS :] + 1  # they part what is far away
    edges = np.union1d(bins, widest)
    coarse = [edges[1:-1]] * (class_count - 1)
    progress.check()
    rough = _certain_division(
        _Sums(values, counts, progress=progress), lambda sums, upper, part: coarse, progress=progress.part(0, 0.2)
    )
    return _certain_division(
        rough.sums,
        lambda sums, upper, part: _bracket(sums, edges, class_count, upper, part),
        upper=rough.within,
        progress=progress.part(0.2, 1),
    ).ends


def _certain_division(
    sums: _Sums, candidates_of: _CandidatesOf, *, upper: float = math.inf, progress: Progress
) -> _Division:
    """The best division out of candidates, run again with its classes as groups until rounding cannot matter.

    Parameters
    ----------
    sums : _Sums
        To begin with.
    candidates_of : callable
        Takes sums, ``upper`` and progress; returns the candidates of `_optimal_breaks`.
    upper : float
        A sum of squares that some division has.
    progress : Progress
    """
    best: list[int] | None = None
    while True:
        ends = _optimal_breaks(sums, candidates_of(sums, upper, progress.part(0, 0.6)), progress.part(0.6, 1))
        progress.check()
        within = sum_within(sums.distinct, sums.counts, ends)
        if best is None or within < upper:
            best, upper = ends, within
        cuts = sorted({end for end in ends if 0 < end < sums.counts.size})
        if sums.error <= _ROUNDING * within or cuts == sums.cuts:
            return _Division(best, sums, upper)
        sums = _Sums(sums.distinct, sums.counts, cuts, progress)


def _optimal_breaks(sums: _Sums, candidates: Sequence[Ints], progress: Progress) -> list[int]:
    """The best position for each break out of its candidates, ascending integer arrays, and the end of all."""
    n = sums.counts.size
    cost, steps = sums.cost(0, candidates[0]), []
    for index, (before, after) in enumerate(zip(candidates, candidates[1:])):
        limit = np.searchsorted(before, after, side="left") - 1
        step = _Step(sums, cost, before, after, limit)
        cost, best = step.best_starts(progress.part(index / len(candidates), (index + 1) / len(candidates)))
        steps.append(best)
    final = cost + sums.cost(candidates[-1], n)
    choice = int(np.argmin(final))
    ends = [n]
    for index in range(len(candidates) - 1, -1, -1):
        ends.append(int(candidates[index][choice]))
        if index:
            choice = int(steps[index - 1][choice])
    return ends[::-1]


class _Step:
    """One more class: for each position where it may end, the best of those where it may start.

    Parameters
    ----------
    sums : _Sums
    cost : float array
        Sum of squares of all classes before each of ``starts``.
    starts, ends : ascending integer arrays
    limit : ascending integer array
        Index of the last start allowed for each end; -1 where there is none.
    """

    def __init__(self, sums: _Sums, cost: Floats, starts: Ints, ends: Ints, limit: AnyInts) -> None:
        self._sums, self._cost, self._starts, self._ends, self._limit = sums, cost, starts, ends, limit
        weight, total, square = sums.parts
        self._start_weight, self._start_total = weight[starts], total[starts]
        self._base = cost - square[starts]
        self._end_weight, self._end_total = weight[ends], total[ends]

    def best_starts(self, progress: Progress) -> tuple[Floats, Ints]:
        """The smallest sum for each end, and the index of its start (the leftmost)."""
        limit, n = self._limit, self._ends.size
        smallest: Floats = np.full(n, np.inf)
        best: Ints = np.zeros(n, dtype=np.int64)
        stride = 1 << max(0, n.bit_length() - 1)
        while stride:  # rows midway between rows already known, whose bests bracket theirs
            rows = np.arange(stride - 1, n, 2 * stride)
            lower = np.where(rows >= stride, best[rows - stride], 0)
            next_rows = rows + stride
            upper = np.minimum(limit[rows], np.where(next_rows < n, best[np.minimum(next_rows, n - 1)], limit[-1]))
            allowed = upper >= lower
            rows, lower, lengths = rows[allowed], lower[allowed], (upper - lower + 1)[allowed]
            cumulated = np.cumsum(lengths)
            begin = 0
            while begin < rows.size:
                done = cumulated[begin - 1] if begin else 0
                end = max(begin + 1, int(np.searchsorted(cumulated, done + CHUNK, side="right")))
                part, count = slice(begin, end), lengths[begin:end]
                first = np.concatenate(([0], np.cumsum(count)[:-1]))
                index = np.arange(count.sum()) + np.repeat(lower[part] - first, count)
                value = self._values(rows[part], index, count)
                least = np.minimum.reduceat(value, first)
                hits = np.flatnonzero(value == np.repeat(least, count))
                smallest[rows[part]] = least
                best[rows[part]] = hits[np.searchsorted(hits, first)] - first + lower[part]
                begin = end
                progress.check()
            stride >>= 1
        progress(1.0)
        return smallest if self._sums.grouped else smallest + self._sums.parts[2][self._ends], best

    def _values(self, rows: Ints, index: Ints, count: Ints) -> Floats:
        """What is to be smallest, of ``count`` starts, by ``index``, for each of the ends ``rows``.

        The sum of squares; without groups less the squares up to the end, which all starts of an end share.
        """
        if self._sums.grouped:
            return self._cost[index] + self._sums.cost(self._starts[index], np.repeat(self._ends[rows], count))
        width = np.repeat(self._end_weight[rows], count) - self._start_weight[index]
        value = np.repeat(self._end_total[rows], count) - self._start_total[index]
        value *= value
        np.divide(value, width, out=value, where=width > 0)
        value = np.subtract(self._base[index], value)
        closed = width <= 0  # two breaks in one bin: the class between them is empty and costs nothing
        if closed.any():
            square = self._sums.parts[2]
            value[closed] = (self._cost[index] - np.repeat(square[self._ends[rows]], count))[closed]
        return value


def _bracket(sums: _Sums, edges: Ints, class_count: int, upper: float, progress: Progress) -> list[Ints]:
    """Candidates for each break that are sure to hold the optimum.

    Breaks on bin edges give a division, so an ``upper`` bound. Leaving out of the sum the bin in which
    a break lies gives a lower bound for every break that may lie there: bins whose lower bound is
    above the upper bound cannot hold that break.
    """
    n = sums.counts.size
    forward = _lower_bounds(sums, edges, class_count, progress.part(0, 0.5))
    backward = _lower_bounds(sums.mirrored(), n - edges[::-1], class_count, progress.part(0.5, 1.0))
    slack = 1e-9 * upper + 2 * sums.error
    candidates = []
    for j in range(class_count - 1):
        least = forward[j] + backward[class_count - 2 - j][::-1]
        keep = np.flatnonzero(least <= upper + slack)
        positions = np.concatenate([np.arange(edges[b], edges[b + 1] + 1) for b in keep])
        positions = np.unique(positions)
        candidates.append(positions[(positions > j) & (positions < n - (class_count - 2 - j))])
    return candidates


def _lower_bounds(sums: _Sums, edges: Ints, class_count: int, progress: Progress) -> list[Floats]:
    """Lower bounds of the sum of squares before break j = 1, 2, ... when it lies in each bin."""
    begin, end = edges[:-1], edges[1:]
    cost = sums.cost(0, begin)
    bounds = [cost]
    limit = np.arange(begin.size)
    for j in range(class_count - 2):
        step = _Step(sums, cost, end, begin, limit)
        cost, _ = step.best_starts(progress.part(j / (class_count - 1), (j + 1) / (class_count - 1)))
        bounds.append(cost)
    return bounds

"""Natural breaks: the Fisher-Jenks optimum, its goodness of fit, and classes from breaks.

The optimum is exact: of all divisions of the sorted values into k classes, the one with the
smallest sum of squared deviations from the class means (Fisher 1958, J. Am. Stat. Assoc. 53: 789;
Jenks 1977). The best last break moves right as the end of the data does, so a row of the dynamic
programme takes O(n log n) by halving; above ``_DIRECT`` distinct values the breaks are bracketed
first on coarse bins, with bounds that keep the result exact.

Exact means that the sum of squares is the smallest one to 1e-9 of itself, as long as values differ by
1e-150 of their range. It is the difference of cumulated sums, in which values far away (an outlier, a
nodata value that was not declared) drown the digits of those that are near. Where rounding could
matter, values are summed in groups, each from a value of its own, and the programme runs again with the
classes found as groups (``_Sums``).
"""

import copy
import math
from dataclasses import dataclass, field

import numpy as np

from .crs import require_metres
from .errors import InputError
from .progress import SILENT
from .raster import Grid
from .report import Report, number
from .tables import number_of, split_list

_DIRECT = 30_000
_BINS = 8_192
_CHUNK = 1 << 20
_SORTED = 1 << 21
_GAPS = 256
_BLOCK = 256
_ROUNDING = 1e-9


@dataclass
class NaturalBreaks:
    """Classes ``(a, b]`` of one set of values.

    Parameters
    ----------
    breaks : list of float
        Upper bounds, ascending, one per class; the last is the largest value.
    minimum : float
        The smallest value; it belongs to the first class.
    counts : list of int
        Values in each class.
    within_ss, total_ss : float
        Sum of squared deviations from the class means, and from the mean of all.
    gvf : float
        Goodness of variance fit, 0 to 1: the share of the variance that the classes explain.
    """

    breaks: list
    minimum: float
    counts: list = field(default_factory=list)
    within_ss: float = 0.0
    total_ss: float = 0.0
    gvf: float = 1.0

    def text(self):
        """The upper bounds with all their digits: read back, they give the same classes.

        The last is left out where no value lies above the one before it.
        """
        return ", ".join(repr(b) for b in self.told())

    def told(self):
        """The upper bounds as they are shown: without the last where no value lies above the one before it."""
        return self.breaks[:-1] if len(self.breaks) > 1 and self.breaks[-1] == self.breaks[-2] else self.breaks


def natural_breaks(values, class_count, name="values", progress=SILENT):
    """The division into classes with the smallest within-class sum of squares.

    Parameters
    ----------
    values : array of numbers
        Any shape and order; NaN and infinite ones are left out.
    class_count : int
        2 to 255.
    name : str
        What the values are, for messages.

    Returns
    -------
    NaturalBreaks

    Raises
    ------
    InputError
        No value, a class count outside 2 to 255, or fewer distinct values than classes.

    Notes
    -----
    Memory: about 90 bytes per distinct value. Equal values share a class. Where several divisions are equally
    good, which one comes out is not defined; their sums of squares agree. numba would serve nothing here: numpy
    spends its time in whole arrays.
    """
    check_class_count(class_count)
    distinct, counts = _distinct(values, name, progress.part(0, 0.3))
    n = distinct.size
    if n < class_count:
        mend = f"ask for at most {n} classes, or choose another layer" if n > 1 else "choose another layer"
        raise InputError(f"'{name}' has {n} distinct value(s), and {class_count} classes were asked for: {mend}.")
    progress.check()
    ends = _best_division(distinct, counts, class_count, progress.part(0.3, 1))
    progress.check()
    result = _summary(distinct, counts, ends)
    progress(1.0)
    return result


def fixed_breaks(values, breaks, name="values"):
    """The fit of breaks chosen by hand: ``breaks`` are the upper bounds of all classes but the last.

    Returns
    -------
    NaturalBreaks
        Its last upper bound is the largest value, or the last break where no value lies above it.
    """
    distinct, counts = _distinct(values, name)
    ends = np.append(np.searchsorted(distinct, breaks, side="right"), distinct.size)
    result = _summary(distinct, counts, ends)
    result.breaks = [float(b) for b in breaks] + [max(float(distinct[-1]), float(breaks[-1]))]
    return result


def breaks_from_text(text, class_count, name="Upper bounds of the classes by hand (BREAKS)"):
    """Upper bounds written by hand, as ``0.2, 0.4, 0.6, 0.8`` for five classes.

    One number fewer than classes, or as many: the last class has no upper end, so the last of as
    many is passed over. With ``;`` between numbers a decimal comma is understood.

    Raises
    ------
    InputError
        A text that is no number, numbers that do not ascend, or another count of them.
    """
    breaks = []
    for part in split_list(text, decimals=True):
        value = number_of(part)
        if value is None:
            raise InputError(f"{name}: '{part}' is not a number; write upper bounds such as 0.2, 0.4, 0.6, 0.8.")
        breaks.append(value)
    if len(breaks) not in (class_count - 1, class_count):
        raise InputError(
            f"{name}: {len(breaks)} upper bound(s) for {class_count} classes; give "
            f"{class_count - 1} (the last class has no upper end)."
        )
    for place, (lower, upper) in enumerate(zip(breaks, breaks[1:]), 2):
        # earlier versions returned the last bound twice where no value lies above it
        if not (lower < upper or lower == upper and place == class_count):
            raise InputError(f"{name}: {upper:g} follows {lower:g}; give the upper bounds in ascending order.")
    return breaks[: class_count - 1]


def classify(values, breaks, progress=SILENT):
    """Classes 1 to k as uint8 by upper bounds ``(a, b]``; 0 where there is no value.

    Values above the last bound belong to the last class, so that the breaks of one year serve another.
    """
    values = np.asarray(values)
    inner = np.asarray(breaks[:-1], dtype=np.float64)
    classes = np.empty(values.shape, dtype=np.uint8)
    flat, out = values.reshape(-1), classes.reshape(-1)
    for start in range(0, flat.size, _CHUNK):
        progress.check()
        part = flat[start : start + _CHUNK].astype(np.float64)
        found = np.searchsorted(inner, part, side="left") + 1
        found[np.isnan(part)] = 0
        out[start : start + _CHUNK] = found
    return classes


def classify_raster(grid, class_count, progress=SILENT):
    """A raster's natural breaks, and its classes 1 (lowest) to k as a uint8 Grid with nodata 0.

    Returns
    -------
    (raster.Grid, NaturalBreaks)
    """
    valid = grid.valid
    found = natural_breaks(grid.values[valid], class_count, grid.name, progress.part(0, 0.9))
    classes = classify(grid.values, found.breaks, progress)
    classes[~valid] = 0
    progress.log(
        f"Upper bounds of the {class_count} classes of '{grid.name}': "
        f"{', '.join(f'{b:g}' for b in found.breaks)}; goodness of variance fit {found.gvf:.4f}."
    )
    progress(1.0)
    return Grid(classes, grid.template, 0, f"classes of {grid.name}"), found


def breaks_report(grid, found, parameters=()):
    """The report of :func:`classify_raster`: bounds, cells, areas and shares of the classes, and their histogram."""
    report = Report("Natural breaks")
    report.parameters(parameters)
    report.heading("Classes")
    report.text(
        f"Goodness of variance fit {number(found.gvf)}: the classes explain {100 * found.gvf:.1f} % of the "
        f"variance of '{grid.name}', and no other division into {len(found.breaks)} classes explains more."
    )
    try:
        require_metres(grid.template.crs, grid.name)
        area_km2 = grid.template.cell_area_m2 / 1e6
    except InputError:  # degrees or feet: cells are counted
        area_km2 = None
    report_classes(report, found, grid.values[grid.valid], f"value of {grid.name}", found.counts, area_km2)
    return report


def report_classes(report, found, values, quantity, counts, cell_area_km2=None, words=None):
    """A table of classes, the highest first, and a histogram of the values with the breaks.

    Parameters
    ----------
    report : Report
    found : NaturalBreaks
    values : array of numbers
        What the histogram shows; NaN and infinite ones are left out.
    quantity : str
        What the values are, with their unit.
    counts : list of int
        Map cells in each class.
    cell_area_km2 : float, optional
        Without it areas are left out.
    words : list of str, optional
        What each class means.
    """
    lower, total = [found.minimum, *found.breaks[:-1]], max(1, int(sum(counts)))
    upper = [*map(float, found.told()), *["no value above"] * (len(found.breaks) - len(found.told()))]
    header = [
        "class",
        *(["meaning"] if words else []),
        f"{quantity}: above",
        "up to",
        "cells",
        *(["area (km2)"] if cell_area_km2 else []),
        "share (%)",
    ]
    report.table(
        header,
        [
            [
                k + 1,
                *([words[k]] if words else []),
                float(lower[k]),
                upper[k],
                int(counts[k]),
                *([float(counts[k] * cell_area_km2)] if cell_area_km2 else []),
                float(100 * counts[k] / total),
            ]
            for k in reversed(range(len(found.breaks)))
        ],
    )
    if not found.minimum < found.breaks[-1]:
        return
    edges = np.linspace(found.minimum, found.breaks[-1], 61)
    heights, flat = np.zeros(60), np.asarray(values).reshape(-1)
    for start in range(0, flat.size, _CHUNK):
        part = flat[start : start + _CHUNK].astype(np.float64)
        heights += np.histogram(part[np.isfinite(part)], edges)[0]

    def histogram(axes):
        axes.bar(edges[:-1], heights * (cell_area_km2 or 1), np.diff(edges), align="edge", color="#8fb8a0")
        for index, bound in enumerate(found.breaks[:-1]):
            axes.axvline(bound, color="#b5462f", linewidth=1, label="" if index else "upper bounds of the classes")
        axes.set_xlabel(quantity)
        axes.set_ylabel("area (km2)" if cell_area_km2 else "cells")
        axes.legend(fontsize="small")

    report.figure(histogram, f"Histogram of {quantity} with the breaks between the classes", height=3.4)


def check_class_count(class_count):
    """Refuse a number of classes outside 2 to 255."""
    if not 2 <= class_count <= 255:
        raise InputError(f"{class_count} classes were asked for: ask for 2 to 255.")


def _distinct(values, name, progress=SILENT):
    """Distinct values and their counts, ascending; a long array is sorted in parts, so that it can be stopped."""
    values = np.asarray(values).reshape(-1)
    if np.issubdtype(values.dtype, np.floating):
        values = values[np.isfinite(values)]
    if values.size == 0:
        raise InputError(f"'{name}' holds no value at all: choose a layer with values.")
    limits = []
    if values.size > _SORTED:
        sample = np.sort(values[:: max(1, values.size // 65_536)])
        limits = np.unique(sample[:: max(1, sample.size * _SORTED // values.size)])[1:]
    parts, left = [], values
    progress.check()
    for index, limit in enumerate([*limits, None]):
        progress(index / (len(limits) + 1))
        if limit is None:
            part = left
        else:
            below = left < limit
            part, left = left[below], left[~below]
        if part.size:
            parts.append(np.unique(part, return_counts=True))
    distinct, counts = (np.concatenate(group) for group in zip(*parts))
    return distinct.astype(np.float64), counts


def _scaled(distinct):
    """Values by a power of two where their squares would overflow or vanish, and its exponent."""
    largest = max(abs(float(distinct[0])), abs(float(distinct[-1])))
    exponent = math.frexp(largest)[1]
    return (distinct, 0) if abs(exponent) < 400 else (np.ldexp(distinct, -exponent), exponent)


def _summary(distinct, counts, ends):
    """Sums of squares of the classes that end before positions ``ends``, in two passes."""
    scaled, exponent = _scaled(distinct)
    class_counts = [int(counts[start:end].sum()) for start, end in zip([0, *ends], ends)]
    breaks = [float(distinct[max(end, 1) - 1]) for end in ends]
    within, total = _within(scaled, counts, ends), _sum_of_squares(scaled, counts)
    with np.errstate(over="ignore", under="ignore"):
        squares = [float(np.ldexp(part, 2 * exponent)) for part in (within, total)]
    return NaturalBreaks(breaks, float(distinct[0]), class_counts, *squares, 1.0 - within / total if total else 1.0)


def _within(distinct, counts, ends):
    """Sum of squares of the classes that end before positions ``ends``."""
    return sum(
        _sum_of_squares(distinct[start:end], counts[start:end]) for start, end in zip([0, *ends], ends) if start < end
    )


def _sum_of_squares(x, w):
    shifted = x - x[0]
    mean = np.dot(w, shifted) / w.sum()
    return float(np.dot(w, (shifted - mean) ** 2))


# sums of squares of classes ---------------------------------------------------------------------------
# A position p is a place between sorted values: p values lie before it.


class _Sums:
    """What gives the sum of squares of any class in constant time.

    Parameters
    ----------
    distinct, counts : arrays, shape (n,)
        Sorted values and how often each stands.
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

    def __init__(self, distinct, counts, cuts=(), progress=SILENT):
        self.distinct, self.counts, self.cuts = distinct, counts, list(cuts)
        n = distinct.size
        edges = [0, *self.cuts, n]
        self.grouped = len(edges) > 2
        self.parts = tuple(np.zeros(n + 1) for _ in range(3))
        self.centres = np.empty(len(edges) - 1)
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

    def _put_together(self, edges):
        """Which group each value belongs to, and the whole groups that lie between any two."""
        size = edges.size - 1
        self.first = edges[:-1]
        self.group = np.repeat(np.arange(size, dtype=np.uint8 if size < 256 else np.int16), np.diff(edges))
        weight, total, square = self.whole = tuple(part[edges[1:]] for part in self.parts)
        own = _squares(weight, total, square)
        self.between = tuple(np.zeros((size, size)) for _ in range(3))  # weight, mean from the next centre, squares
        weights, means, squares = self.between
        for length in range(1, size - 1):
            a = np.arange(size - length - 1)
            b = a + length
            away = self.centres[b] - self.centres[a + 1] + total[b] / weight[b] - means[a, b]
            weights[a, b + 1] = weights[a, b] + weight[b]
            means[a, b + 1] = means[a, b] + away * weight[b] / weights[a, b + 1]
            squares[a, b + 1] = squares[a, b] + own[b] + away * away * weights[a, b] * weight[b] / weights[a, b + 1]

    def mirrored(self):
        """The same for the values turned round."""
        if not self.grouped:
            turned = copy.copy(self)
            turned.parts = tuple(part[-1] - part[::-1] for part in self.parts)
            return turned
        n = self.distinct.size
        return _Sums(-self.distinct[::-1], self.counts[::-1], [n - cut for cut in self.cuts[::-1]])

    def cost(self, start, end):
        """Sums of squares of classes between positions; arrays; 0 where a class is empty."""
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


def _squares(weight, total, square):
    filled = weight > 0
    return np.where(filled, square - total * total / np.where(filled, weight, 1.0), 0.0)


def _cumulated(values):
    """Cumulated sums by blocks, so that rounding errors hardly grow with their number."""
    if values.size <= _BLOCK:
        return np.cumsum(values)
    blocks = np.zeros(-(-values.size // _BLOCK) * _BLOCK)
    blocks[: values.size] = values
    blocks = blocks.reshape(-1, _BLOCK)
    np.cumsum(blocks, axis=1, out=blocks)
    blocks[1:] += _cumulated(blocks[:, -1])[:-1, None]
    return blocks.reshape(-1)[: values.size]


# the dynamic programme --------------------------------------------------------------------------------


def _best_division(distinct, counts, class_count, progress):
    """Positions where the classes of the best division end."""
    n = distinct.size
    values = _scaled(distinct)[0]
    if n <= _DIRECT:
        first = np.arange(1, n - class_count + 2)
        every = [first + j for j in range(class_count - 1)]
        return _certain(_Sums(values, counts), math.inf, lambda sums, upper, part: every, progress)[0]
    bins = np.linspace(0, n, max(_BINS, 4 * class_count) + 1).astype(np.int64)
    progress.check()
    widest = np.argpartition(np.diff(values), n - 1 - _GAPS)[n - 1 - _GAPS :] + 1  # they part what is far away
    edges = np.union1d(bins, widest)
    coarse = [edges[1:-1]] * (class_count - 1)
    progress.check()
    _, sums, upper = _certain(
        _Sums(values, counts, progress=progress), math.inf, lambda sums, upper, part: coarse, progress.part(0, 0.2)
    )
    return _certain(
        sums, upper, lambda sums, upper, part: _bracket(sums, edges, class_count, upper, part), progress.part(0.2, 1)
    )[0]


def _certain(sums, upper, candidates_of, progress):
    """The best division out of candidates, run again with its classes as groups until rounding cannot matter.

    Parameters
    ----------
    sums : _Sums
        To begin with.
    upper : float
        A sum of squares that some division has.
    candidates_of : callable
        Takes sums, ``upper`` and progress; returns the candidates of :func:`_optimum`.

    Returns
    -------
    (list of int, _Sums, float)
        Positions where the classes end, the sums by which they were found, and their sum of squares.
    """
    best = None
    while True:
        ends, _ = _optimum(sums, candidates_of(sums, upper, progress.part(0, 0.6)), progress.part(0.6, 1))
        progress.check()
        within = _within(sums.distinct, sums.counts, ends)
        if best is None or within < upper:
            best, upper = ends, within
        cuts = sorted({end for end in ends if 0 < end < sums.counts.size})
        if sums.error <= _ROUNDING * within or cuts == sums.cuts:
            return best, sums, upper
        sums = _Sums(sums.distinct, sums.counts, cuts, progress)


def _optimum(sums, candidates, progress=SILENT):
    """The best position for each break out of its candidates.

    Parameters
    ----------
    candidates : list of ascending integer arrays
        One per break.

    Returns
    -------
    (list of int, float)
        Positions where the classes end, the last included, and their sum of squares.
    """
    n = sums.counts.size
    cost, steps = sums.cost(0, candidates[0]), []
    for index, (before, after) in enumerate(zip(candidates, candidates[1:])):
        limit = np.searchsorted(before, after, side="left") - 1
        cost, best = _best_starts(
            sums, cost, before, after, limit, progress.part(index / len(candidates), (index + 1) / len(candidates))
        )
        steps.append(best)
    final = cost + sums.cost(candidates[-1], n)
    choice = int(np.argmin(final))
    ends, within = [n], float(final[choice])
    for index in range(len(candidates) - 1, -1, -1):
        ends.append(int(candidates[index][choice]))
        if index:
            choice = int(steps[index - 1][choice])
    return ends[::-1], within


def _best_starts(sums, cost, starts, ends, limit, progress):
    """For each end position the best start of its class.

    Parameters
    ----------
    cost : float array
        Sum of squares of all classes before each of ``starts``.
    starts, ends : ascending integer arrays
    limit : ascending integer array
        Index of the last start allowed for each end; -1 where there is none.

    Returns
    -------
    (float array, integer array)
        Smallest sum for each end, and the index of its start (the leftmost).
    """
    weight, total, square = sums.parts
    start_weight, start_total = weight[starts], total[starts]
    base = cost - square[starts]
    end_weight, end_total = weight[ends], total[ends]
    n = ends.size
    smallest = np.full(n, np.inf)
    best = np.zeros(n, dtype=np.int64)
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
            end = max(begin + 1, int(np.searchsorted(cumulated, done + _CHUNK, side="right")))
            part, count = slice(begin, end), lengths[begin:end]
            first = np.concatenate(([0], np.cumsum(count)[:-1]))
            index = np.arange(count.sum()) + np.repeat(lower[part] - first, count)
            if sums.grouped:
                value = cost[index] + sums.cost(starts[index], np.repeat(ends[rows[part]], count))
            else:
                width = np.repeat(end_weight[rows[part]], count) - start_weight[index]
                value = np.repeat(end_total[rows[part]], count) - start_total[index]
                value *= value
                np.divide(value, width, out=value, where=width > 0)
                value = base[index] - value
                closed = width <= 0  # two breaks in one bin: the class between them is empty and costs nothing
                if closed.any():
                    value[closed] = (cost[index] - np.repeat(square[ends[rows[part]]], count))[closed]
            least = np.minimum.reduceat(value, first)
            hits = np.flatnonzero(value == np.repeat(least, count))
            smallest[rows[part]] = least
            best[rows[part]] = hits[np.searchsorted(hits, first)] - first + lower[part]
            begin = end
            progress.check()
        stride >>= 1
    progress(1.0)
    return smallest if sums.grouped else smallest + square[ends], best


def _bracket(sums, edges, class_count, upper, progress):
    """Candidates for each break that are sure to hold the optimum.

    Breaks on bin edges give a division, so an ``upper`` bound. Leaving out of the sum the bin in which
    a break lies gives a lower bound for every break that may lie there: bins whose lower bound is
    above the upper bound cannot hold that break.
    """
    n = sums.counts.size
    forward = _relaxed(sums, edges, class_count, progress.part(0, 0.5))
    backward = _relaxed(sums.mirrored(), n - edges[::-1], class_count, progress.part(0.5, 1.0))
    slack = 1e-9 * upper + 2 * sums.error
    candidates = []
    for j in range(class_count - 1):
        least = forward[j] + backward[class_count - 2 - j][::-1]
        keep = np.flatnonzero(least <= upper + slack)
        positions = np.concatenate([np.arange(edges[b], edges[b + 1] + 1) for b in keep])
        positions = np.unique(positions)
        candidates.append(positions[(positions > j) & (positions < n - (class_count - 2 - j))])
    return candidates


def _relaxed(sums, edges, class_count, progress):
    """Lower bounds of the sum of squares before break j = 1, 2, ... when it lies in each bin."""
    begin, end = edges[:-1], edges[1:]
    cost = sums.cost(0, begin)
    bounds = [cost]
    limit = np.arange(begin.size)
    for j in range(class_count - 2):
        cost, _ = _best_starts(
            sums, cost, end, begin, limit, progress.part(j / (class_count - 1), (j + 1) / (class_count - 1))
        )
        bounds.append(cost)
    return bounds

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

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..arrays import AnyArray, AnyInts, ArrayLike, Bytes, Floats
from ..errors import InputError
from ..grid.grid import Grid
from ..progress import SILENT, Progress
from ..tables import number_of, split_list
from .optimum import CHUNK, best_division, scaled_values, sum_of_squares, sum_within

_SORTED = 1 << 21


@dataclass(frozen=True)
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

    breaks: list[float]
    minimum: float
    counts: list[int]
    within_ss: float
    total_ss: float
    gvf: float

    def text(self) -> str:
        """The upper bounds with all their digits: read back, they give the same classes.

        The last is left out where no value lies above the one before it.
        """
        return ", ".join(repr(b) for b in self.shown_breaks)

    @property
    def shown_breaks(self) -> list[float]:
        """The upper bounds, without the last where no value lies above the one before it."""
        has_twin = len(self.breaks) > 1 and self.breaks[-1] == self.breaks[-2]
        return self.breaks[:-1] if has_twin else self.breaks


def natural_breaks(
    values: ArrayLike, class_count: int, *, name: str = "values", progress: Progress = SILENT
) -> NaturalBreaks:
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
    good, which one comes out is not defined; their sums of squares agree. Compiling would gain nothing: numpy
    spends its time in whole arrays.
    """
    check_class_count(class_count)
    distinct, counts = _distinct(values, name, progress.part(0, 0.3))
    n = distinct.size
    if n < class_count:
        remedy = f"ask for at most {n} classes, or choose another layer" if n > 1 else "choose another layer"
        raise InputError(
            f"'{name}' has {n} distinct value(s), and {class_count} classes were asked for: {remedy}.", layer=name
        )
    progress.check()
    ends = best_division(distinct, counts, class_count=class_count, progress=progress.part(0.3, 1))
    progress.check()
    result = _summary(distinct, counts, ends)
    progress(1.0)
    return result


def fixed_breaks(values: ArrayLike, breaks: Sequence[float], *, name: str = "values") -> NaturalBreaks:
    """The fit of breaks chosen by hand: ``breaks`` are the upper bounds of all classes but the last.

    Returns
    -------
    NaturalBreaks
        Its last upper bound is the largest value, or the last break where no value lies above it.
    """
    distinct, counts = _distinct(values, name)
    ends = np.append(np.searchsorted(distinct, breaks, side="right"), distinct.size)
    upper_bounds = [float(b) for b in breaks] + [max(float(distinct[-1]), float(breaks[-1]))]
    return replace(_summary(distinct, counts, ends.tolist()), breaks=upper_bounds)


def breaks_from_text(text: str, class_count: int) -> list[float]:
    """Upper bounds written by hand, as ``0.2, 0.4, 0.6, 0.8`` for five classes.

    One number fewer than classes, or as many: the last class has no upper end, so the last of as
    many is passed over. With ``;`` between numbers a decimal comma is understood.

    Raises
    ------
    InputError
        A text that is no number, numbers that do not ascend, or another count of them; names the
        parameter ``breaks``.
    """
    breaks: list[float] = []
    for part in split_list(text, decimals=True):
        value = number_of(part)
        if value is None:
            raise _refusal(text, f"'{part}' is not a number; write upper bounds such as 0.2, 0.4, 0.6, 0.8.")
        breaks.append(value)
    if len(breaks) not in (class_count - 1, class_count):
        raise _refusal(
            text,
            f"{len(breaks)} upper bound(s) for {class_count} classes; give "
            f"{class_count - 1} (the last class has no upper end).",
        )
    for place, (lower, upper) in enumerate(zip(breaks, breaks[1:]), 2):
        # earlier versions returned the last bound twice where no value lies above it
        if not (lower < upper or (lower == upper and place == class_count)):
            raise _refusal(text, f"{upper:g} follows {lower:g}; give the upper bounds in ascending order.")
    return breaks[: class_count - 1]


def _refusal(breaks: str, message: str) -> InputError:
    return InputError(message, parameter="breaks", value=breaks)


def classify(values: ArrayLike, breaks: Sequence[float], progress: Progress = SILENT) -> Bytes:
    """Classes 1 to k as uint8 by upper bounds ``(a, b]``; 0 where there is no value.

    Values above the last bound belong to the last class, so that the breaks of one year serve another.
    """
    array = np.asarray(values)
    inner = np.asarray(breaks[:-1], dtype=np.float64)
    classes: Bytes = np.empty(array.shape, dtype=np.uint8)
    flat, out = array.reshape(-1), classes.reshape(-1)
    for start in range(0, flat.size, CHUNK):
        progress.check()
        part = flat[start : start + CHUNK].astype(np.float64)
        found = np.searchsorted(inner, part, side="left") + 1
        found[np.isnan(part)] = 0
        out[start : start + CHUNK] = found
    return classes


def classify_raster(grid: Grid, class_count: int, progress: Progress = SILENT) -> tuple[Grid, NaturalBreaks]:
    """A raster's natural breaks, and its classes 1 (lowest) to k as a uint8 Grid with nodata 0.

    Returns
    -------
    (grid.Grid, NaturalBreaks)
    """
    valid = grid.valid
    found = natural_breaks(grid.values[valid], class_count, name=grid.name, progress=progress.part(0, 0.9))
    classes = classify(grid.values, found.breaks, progress)
    classes[~valid] = 0
    progress.log(
        f"Upper bounds of the {class_count} classes of '{grid.name}': "
        f"{', '.join(f'{b:g}' for b in found.breaks)}; goodness of variance fit {found.gvf:.4f}."
    )
    progress(1.0)
    return Grid(classes, grid.template, 0, f"classes of {grid.name}"), found


def check_class_count(class_count: int) -> None:
    """Refuse a number of classes outside 2 to 255.

    Raises
    ------
    InputError
        Names the parameter ``class_count``.
    """
    if not 2 <= class_count <= 255:
        raise InputError(
            f"{class_count} classes were asked for: ask for 2 to 255.", parameter="class_count", value=class_count
        )


def _distinct(values: ArrayLike, name: str, progress: Progress = SILENT) -> tuple[Floats, AnyInts]:
    """Distinct values and their counts, ascending; a long array is sorted in parts, so that it can be stopped."""
    left = np.asarray(values).reshape(-1)
    if np.issubdtype(left.dtype, np.floating):
        left = left[np.isfinite(left)]
    if left.size == 0:
        raise InputError(f"'{name}' holds no value at all: choose a layer with values.", layer=name)
    limits = _limits_of_parts(left)
    parts = []
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


def _limits_of_parts(values: AnyArray) -> AnyArray:
    """Values that part a long array into parts that are quickly sorted; none where it is short."""
    if values.size <= _SORTED:
        return values[:0]
    sample = np.sort(values[:: max(1, values.size // 65_536)])
    limits: AnyArray = np.unique(sample[:: max(1, sample.size * _SORTED // values.size)])
    return limits[1:]


def _summary(distinct: Floats, counts: AnyInts, ends: Sequence[int]) -> NaturalBreaks:
    """Sums of squares of the classes that end before positions ``ends``, in two passes."""
    scaled, exponent = scaled_values(distinct)
    class_counts = [int(counts[start:end].sum()) for start, end in zip([0, *ends], ends)]
    breaks = [float(distinct[max(end, 1) - 1]) for end in ends]
    within, total = sum_within(scaled, counts, ends), sum_of_squares(scaled, counts)
    with np.errstate(over="ignore", under="ignore"):
        squares = [float(np.ldexp(part, 2 * exponent)) for part in (within, total)]
    return NaturalBreaks(
        breaks=breaks,
        minimum=float(distinct[0]),
        counts=class_counts,
        within_ss=squares[0],
        total_ss=squares[1],
        gvf=1.0 - within / total if total else 1.0,
    )

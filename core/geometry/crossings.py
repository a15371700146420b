"""Where corridors meet roads and mines: crossings of many lines at once.

Corridors are taken apart into the steps between their vertices; a step that several corridors
share (least-cost paths join on their way) is kept once and remembers its corridors. A crossing is
a stretch ``start`` to ``end`` of a step, as fractions of it; both are equal where a line is crossed
at a point. Touching counts as crossing, as OGC ``Intersects`` does.
"""

from dataclasses import dataclass

import numpy as np
from osgeo import ogr

from ..errors import InputError
from ..gdal_session import gdal_exceptions
from ..ids import as_id, in_order
from ..progress import SILENT
from .segments import segments_of

TOUCH_M = 1e-3
"""Coordinates closer than this are one place."""

_PAIRS_AT_ONCE = 200_000
_PIECES = 2_000_000
"""How many pieces the segments are cut into at most when they are put into bins."""


@dataclass
class Steps:
    """The distinct steps of all corridors.

    Parameters
    ----------
    start, end : ndarray, shape (n, 2)
        Metres.
    length_m : ndarray, shape (n,)
    ids : list
        Corridor ids; the corridors are numbered by their place here.
    walk_step, walk_corridor, walk_part : int ndarray
        Every corridor from one end to the other: step, corridor, and part of a multiline.
    walk_forward : bool ndarray
        Whether the corridor goes the step from ``start`` to ``end``.
    uses, uses_from : int ndarray
        ``uses[uses_from[s]:uses_from[s + 1]]`` are the places of step s in the walk.
    """

    start: np.ndarray
    end: np.ndarray
    length_m: np.ndarray
    ids: list
    walk_step: np.ndarray
    walk_corridor: np.ndarray
    walk_part: np.ndarray
    walk_forward: np.ndarray
    uses: np.ndarray
    uses_from: np.ndarray

    def __len__(self):
        return len(self.start)

    def places(self, steps):
        """All places in the walk of some steps, and for each the index into ``steps``."""
        return _ranges(self.uses, self.uses_from[steps], self.uses_from[np.asarray(steps) + 1])

    def point(self, steps, fractions):
        """Coordinates at fractions of steps, shape (n, 2)."""
        return self.start[steps] + np.asarray(fractions)[:, None] * (self.end[steps] - self.start[steps])


@dataclass
class Stretches:
    """Stretches of steps, sorted by step and start.

    Parameters
    ----------
    step : int ndarray
    start, end : ndarray
        Fractions of the step, ``start <= end``.
    """

    step: np.ndarray
    start: np.ndarray
    end: np.ndarray

    def __len__(self):
        return len(self.step)


def _ranges(values, first, last):
    """``values[first[i]:last[i]]`` for every i, one after another, and i for each value."""
    counts = last - first
    owner = np.repeat(np.arange(len(counts)), counts)
    within = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    return values[np.repeat(first, counts) + within], owner


def line_segments(layer, what, progress=SILENT):
    """The segments of the lines and rings of a layer; those without length are left out.

    Raises
    ------
    InputError
        A feature that holds a point; ``what`` names the features.
    """
    for index, geometry in enumerate(layer.geometries):
        if _holds_point(geometry):
            raise InputError(
                f"Layer '{layer.name}', feature {index + 1} is a point: {what} must be "
                f"lines or polygons; choose another layer.",
                layer=layer.name,
                feature=index + 1,
            )
    return segments_of(layer.geometries, progress).with_length


def _holds_point(geometry):
    """Whether a geometry is a point, or a collection with one."""
    if ogr.GT_Flatten(geometry.GetGeometryType()) in (ogr.wkbPoint, ogr.wkbMultiPoint):
        return True
    return any(_holds_point(geometry.GetGeometryRef(index)) for index in range(geometry.GetGeometryCount()))


def corridor_ids(corridors, progress=SILENT):
    """The id of every corridor; the features' numbers where the layer has no ``corridor_id``."""
    if "corridor_id" not in corridors.field_names:
        progress.log(f"Layer '{corridors.name}' has no field 'corridor_id': its corridors are numbered by their order.")
        return list(range(1, len(corridors) + 1))
    ids = [as_id(value) for value in corridors.values("corridor_id")]
    if None in ids:
        raise InputError(
            f"Layer '{corridors.name}', field 'corridor_id', feature {ids.index(None) + 1}: "
            f"NULL is not an id; give every corridor one."
        )
    return ids


def corridor_steps(corridors, progress=SILENT):
    """The distinct steps of a layer of corridors (features of one ``corridor_id`` are one corridor).

    Raises
    ------
    InputError
        Empty layer, geometries that are not lines, or a NULL id.
    """
    corridors.require_some("corridor")
    for index, geometry in enumerate(corridors.geometries):
        if geometry.GetDimension() != 1:
            raise InputError(
                f"Layer '{corridors.name}', feature {index + 1} is a "
                f"{geometry.GetGeometryName().lower()}: corridors must be lines; choose the "
                f"layer that 'corridors' or 'gravitymodel' gave."
            )
    of_feature = corridor_ids(corridors, progress)
    ids = in_order(of_feature)
    number = {corridor_id: index for index, corridor_id in enumerate(ids)}
    pieces = line_segments(corridors, "corridors", progress)
    both = np.vstack([pieces.start, pieces.end])
    _, x = np.unique(np.rint(both[:, 0] / TOUCH_M), return_inverse=True)
    _, y = np.unique(np.rint(both[:, 1] / TOUCH_M), return_inverse=True)
    progress.check()
    place = x.reshape(-1).astype(np.int64) * (len(both) + 1) + y.reshape(-1)
    _, place = np.unique(place, return_inverse=True)
    place = place.reshape(-1)
    first, second = place[: len(pieces)], place[len(pieces) :]
    real = first != second
    pieces, first, second = pieces.select(real), first[real], second[real]
    key = np.minimum(first, second) * (len(both) + 1) + np.maximum(first, second)
    progress.check()
    _, kept, step = np.unique(key, return_index=True, return_inverse=True)
    step = step.reshape(-1)
    start, end = pieces.start[kept], pieces.end[kept]
    uses = np.argsort(step, kind="stable")
    corridor_of = np.array([number[i] for i in of_feature], dtype=np.int64)
    return Steps(
        start,
        end,
        np.hypot(*(end - start).T),
        ids,
        step,
        corridor_of[pieces.owner],
        pieces.part,
        first == first[kept][step],
        uses,
        np.searchsorted(step[uses], np.arange(len(kept) + 1)),
    )


# segments against segments -----------------------------------------------------------------------


def meetings(a_start, a_end, b_start, b_end, within_m=TOUCH_M, progress=SILENT):
    """Every pair of a segment of A and one of B that meet, found through a grid of bins.

    Parameters
    ----------
    a_start, a_end, b_start, b_end : ndarray, shape (n, 2)
        Metres; segments of B may be points (start equal to end), those of A may not.
    within_m : float
        Ends this close to the other segment touch it.

    Returns
    -------
    a, b : int ndarray
        The pairs.
    a_from, a_to, b_from, b_to : ndarray
        The common stretch as fractions of both segments, ``a_from <= a_to``; equal at a point.

    Notes
    -----
    Segments are cut to the length of a bin, so that each lies in at most four; pairs are tested
    where they share a bin: time grows with the segments and their meetings, not their product.
    """
    none = np.empty(0, dtype=np.int64)
    results = [(none, none) + (np.empty(0),) * 4]
    if len(a_start) and len(b_start):
        low = np.minimum(a_start, a_end).min(axis=0) - 2 * within_m
        high = np.maximum(a_start, a_end).max(axis=0) + 2 * within_m
        near = np.nonzero(((np.maximum(b_start, b_end) >= low) & (np.minimum(b_start, b_end) <= high)).all(axis=1))[0]
        if len(near):
            longest_sides = np.abs(a_end - a_start).max(axis=1), np.abs(b_end[near] - b_start[near]).max(axis=1)
            size = max(
                2 * min(sides.mean() for sides in longest_sides if sides.any()),
                sum(sides.sum() for sides in longest_sides) / _PIECES,
                10 * within_m,
            )
            a_key, a_index = _bins(a_start, a_end, low, high, size, within_m)
            b_key, b_index = _bins(b_start[near], b_end[near], low, high, size, within_m)
            order = np.argsort(a_key, kind="stable")
            a_key, a_index = a_key[order], a_index[order]
            first, last = (np.searchsorted(a_key, b_key, side) for side in ("left", "right"))
            shared = last > first
            first, last, b_index = first[shared], last[shared], b_index[shared]
            done = np.concatenate([[0], np.cumsum(last - first)])
            cut = 0
            while cut < len(first):
                progress(cut / len(first))
                stop = max(cut + 1, int(np.searchsorted(done, done[cut] + _PAIRS_AT_ONCE, "right")) - 1)
                a, which = _ranges(a_index, first[cut:stop], last[cut:stop])
                results.append(_meet(a, near[b_index[cut:stop][which]], a_start, a_end, b_start, b_end, within_m))
                cut = stop
    a, b, *fractions = (np.concatenate(column) for column in zip(*results))
    _, once = np.unique(a * max(1, len(b_start)) + b, return_index=True)
    return (a[once], b[once], *(column[once] for column in fractions))


def _bins(start, end, low, high, size, within_m):
    """Bin and segment of every bin that a segment may touch."""
    delta = end - start
    pieces = np.maximum(1, np.ceil(np.abs(delta).max(axis=1) / size).astype(np.int64))
    index = np.repeat(np.arange(len(start)), pieces)
    nth = (np.arange(len(index)) - np.repeat(np.cumsum(pieces) - pieces, pieces))[:, None]
    share = pieces[index][:, None]
    one = start[index] + delta[index] * (nth / share)
    two = start[index] + delta[index] * ((nth + 1) / share)
    first = np.floor((np.minimum(one, two) - within_m - low) / size).astype(np.int64)
    last = np.floor((np.maximum(one, two) + within_m - low) / size).astype(np.int64)
    most = np.floor((high - low) / size).astype(np.int64)
    inside = ((last >= 0) & (first <= most)).all(axis=1)
    first, last, index = first[inside], last[inside], index[inside]
    keys, owners = [], []
    for right in range(3):
        for up in range(3):
            column, row = first[:, 0] + right, first[:, 1] + up
            there = (column <= last[:, 0]) & (row <= last[:, 1])
            keys.append((column[there] + 1) * (most[1] + 4) + row[there] + 1)
            owners.append(index[there])
    return np.concatenate(keys), np.concatenate(owners)


def _cross(a, b):
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]


def _meet(a, b, a_start, a_end, b_start, b_end, within_m):
    """The pairs that meet, with the common stretch; coordinates are taken from the start of A."""
    along, other = a_end[a] - a_start[a], b_end[b] - b_start[b]
    gap = b_start[b] - a_start[a]
    a_length, b_length = np.hypot(*along.T), np.hypot(*other.T)
    slack_a = within_m / a_length
    turn = _cross(along, other)
    crossing = np.abs(turn) > 1e-12 * a_length * b_length
    with np.errstate(divide="ignore", invalid="ignore"):
        slack_b = within_m / b_length
        t, u = _cross(gap, other) / turn, _cross(gap, along) / turn
        meets = crossing & (np.abs(t - 0.5) <= 0.5 + slack_a) & (np.abs(u - 0.5) <= 0.5 + slack_b)
        # parallel or a point: both on one line, and their shadows on A overlap
        head = (gap * along).sum(axis=1) / a_length**2
        tail = ((gap + other) * along).sum(axis=1) / a_length**2
        aside = np.maximum(np.abs(_cross(along, gap)), np.abs(_cross(along, gap + other))) / a_length
        low, high = np.maximum(np.minimum(head, tail), 0), np.minimum(np.maximum(head, tail), 1)
        overlap = ~crossing & (aside <= within_m) & (high - low >= -slack_a)
        span = np.where(tail == head, 1.0, tail - head)
        first, last = np.where(crossing, t, np.minimum(low, high)), np.where(crossing, t, np.maximum(low, high))
        touch = overlap & (high <= low)
        first, last = np.where(touch, (low + high) / 2, first), np.where(touch, (low + high) / 2, last)
        u_first, u_last = np.where(crossing, u, (first - head) / span), np.where(crossing, u, (last - head) / span)
    keep = meets | overlap
    return (a[keep], b[keep], *(np.clip(column[keep], 0, 1) for column in (first, last, u_first, u_last)))


# steps inside polygons ---------------------------------------------------------------------------


def stretches_inside(steps, polygons, progress=SILENT):
    """The stretches of steps inside (or touching) each polygon.

    Parameters
    ----------
    steps : Steps
    polygons : Features
        Valid polygons, in the corridors' CRS.

    Returns
    -------
    list of Stretches
        One per polygon.
    """
    edges = line_segments(polygons, "polygons", progress)
    step, edge, first, last, _, _ = meetings(
        steps.start, steps.end, edges.start, edges.end, progress=progress.part(0, 0.5)
    )
    owner = edges.owner[edge]
    order = np.argsort(owner, kind="stable")
    step, first, last, owner = step[order], first[order], last[order], owner[order]
    of_polygon = np.searchsorted(owner, np.arange(len(polygons) + 1))
    low, high = np.minimum(steps.start, steps.end), np.maximum(steps.start, steps.end)
    by_west = np.argsort(low[:, 0], kind="stable")
    west = low[by_west, 0]
    widest = (high[:, 0] - low[:, 0]).max() if len(steps) else 0.0
    found = []
    with gdal_exceptions():
        for index, polygon in enumerate(polygons.geometries):
            progress(0.5 + 0.5 * index / len(polygons))
            x0, x1, y0, y1 = polygon.GetEnvelope()
            near = by_west[np.searchsorted(west, x0 - widest) : np.searchsorted(west, x1, "right")]
            near = near[(high[near, 0] >= x0) & (low[near, 1] <= y1) & (high[near, 1] >= y0)]
            mine = slice(of_polygon[index], of_polygon[index + 1])
            found.append(_inside(steps, polygon, near, step[mine], first[mine], last[mine], progress))
    return found


def _inside(steps, polygon, near, met, first, last, progress):
    """Cut the steps where they meet the boundary and keep what lies inside."""
    near = np.union1d(near, met)
    step = np.concatenate([near, near, met, met])
    cut = np.concatenate([np.zeros(len(near)), np.ones(len(near)), first, last])
    order = np.lexsort((cut, step))
    step, cut = step[order], cut[order]
    pair = np.nonzero((step[1:] == step[:-1]) & (cut[1:] > cut[:-1]))[0]
    step, start, end = step[pair], cut[pair], cut[pair + 1]
    middle = steps.point(step, (start + end) / 2)
    prepared, inside = polygon.CreatePreparedGeometry(), np.zeros(len(step), dtype=bool)
    point = ogr.Geometry(ogr.wkbPoint)
    for index, (x, y) in enumerate(middle.tolist()):
        if index % 20000 == 0:
            progress.check()
        point.SetPoint_2D(0, x, y)
        inside[index] = prepared.Intersects(point)
    return joined(
        np.concatenate([step[inside], met]), np.concatenate([start[inside], first]), np.concatenate([end[inside], last])
    )


def joined(step, start, end):
    """Stretches with overlapping and adjoining ones of a step made one."""
    order = np.lexsort((end, start, step))
    step, start, end = step[order], start[order], end[order]
    if not len(step):
        return Stretches(step, start, end)
    # steps are laid behind each other, so that one running maximum serves all
    reach = np.maximum.accumulate(end + 2.0 * step) - 2.0 * step
    new = np.concatenate([[True], (step[1:] != step[:-1]) | (start[1:] > reach[:-1] + 1e-9)])
    last = np.concatenate([np.nonzero(new)[0][1:] - 1, [len(step) - 1]])
    return Stretches(step[new], start[new], reach[last])


def runs(steps, stretches, progress=SILENT):
    """The unbroken runs of each corridor through some stretches.

    Parameters
    ----------
    stretches : Stretches
        Joined.

    Returns
    -------
    list of (int, list of (int, float, float))
        Corridor number and its run: step, fraction where it enters, fraction where it leaves.
    """
    unique, first = np.unique(stretches.step, return_index=True)
    after = np.concatenate([first[1:], [len(stretches)]]).astype(np.int64)
    place, which = steps.places(unique)
    order = np.argsort(place)
    found, previous = [], None
    for count, (position, index) in enumerate(zip(place[order].tolist(), which[order].tolist())):
        if count % 20000 == 0:
            progress.check()
        rows = range(first[index], after[index])
        forward = steps.walk_forward[position]
        for row in rows if forward else reversed(rows):
            one, two = float(stretches.start[row]), float(stretches.end[row])
            enter, leave = (one, two) if forward else (two, one)
            begins, reaches_end = (one <= 1e-9, two >= 1 - 1e-9) if forward else (two >= 1 - 1e-9, one <= 1e-9)
            follows = (
                previous is not None
                and begins
                and previous[0] == position - 1
                and previous[1]
                and steps.walk_part[position] == steps.walk_part[position - 1]
            )
            if not follows:
                found.append((int(steps.walk_corridor[position]), []))
            found[-1][1].append((int(unique[index]), enter, leave))
            previous = (position, reaches_end)
    return found


def middle_of(steps, run):
    """The point halfway along a run, by length."""
    pieces = np.array([abs(leave - enter) for _, enter, leave in run]) * steps.length_m[[s for s, _, _ in run]]
    half, passed = pieces.sum() / 2, np.cumsum(pieces)
    index = min(int(np.searchsorted(passed, half)), len(run) - 1)
    step, enter, leave = run[index]
    share = 0.0 if pieces[index] == 0 else (half - passed[index] + pieces[index]) / pieces[index]
    return steps.point(np.array([step]), np.array([enter + share * (leave - enter)]))[0]

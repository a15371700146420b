"""Where segments meet segments: many against many, found through a grid of bins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..arrays import Bools, Floats, Ints
from ..progress import SILENT, Progress

TOUCH_M = 1e-3
"""Coordinates closer than this are one place."""

_PAIRS_AT_ONCE = 200_000
_PIECES = 2_000_000
"""How many pieces the segments are cut into at most when they are put into bins."""


class SegmentEnds(Protocol):
    """Straight segments, of which only the ends are asked for: float64, shape (n, 2), metres."""

    @property
    def start(self) -> Floats:
        """Where each begins."""

    @property
    def end(self) -> Floats:
        """Where each ends."""


@dataclass(frozen=True)
class Intersections:
    """Pairs of a segment of A and one of B that meet, and what of A they share.

    Parameters
    ----------
    a, b : int64 ndarray
        The segments' numbers, sorted by ``a``, then ``b``.
    start, end : float64 ndarray
        The common interval as fractions of the segment of A, ``start <= end``; equal at a point.
    """

    a: Ints
    b: Ints
    start: Floats
    end: Floats


def segment_intersections(
    a: SegmentEnds, b: SegmentEnds, *, within_m: float = TOUCH_M, progress: Progress = SILENT
) -> Intersections:
    """Every pair of a segment of A and one of B that meet.

    Parameters
    ----------
    a, b : SegmentEnds
        Segments of B may be points (start equal to end), those of A may not.
    within_m : float
        Ends this close to the other segment touch it. Touching counts as meeting, as OGC ``Intersects`` does.
    progress : Progress

    Notes
    -----
    Segments are cut to the length of a bin, so that each lies in at most four; pairs are tested
    where they share a bin: time grows with the segments and their meetings, not their product.
    """
    none = np.empty(0, dtype=np.int64)
    found = [Intersections(none, none, np.empty(0), np.empty(0))]
    if len(a.start) and len(b.start):
        found += _found_in_bins(a, b, within_m, progress)
    pairs_a, pairs_b = (np.concatenate([each.a for each in found]), np.concatenate([each.b for each in found]))
    start, end = (np.concatenate([each.start for each in found]), np.concatenate([each.end for each in found]))
    _, once = np.unique(pairs_a * max(1, len(b.start)) + pairs_b, return_index=True)
    return Intersections(pairs_a[once], pairs_b[once], start[once], end[once])


def ranges_of(values: Ints, first: Ints, last: Ints) -> tuple[Ints, Ints]:
    """``values[first[i]:last[i]]`` for every i, one after another, and i for each value."""
    counts = last - first
    owner = np.repeat(np.arange(len(counts)), counts)
    within = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    return values[np.repeat(first, counts) + within], owner


def _found_in_bins(a: SegmentEnds, b: SegmentEnds, within_m: float, progress: Progress) -> list[Intersections]:
    """The pairs that share a bin and meet; a pair may be found in several bins."""
    low = np.minimum(a.start, a.end).min(axis=0) - 2 * within_m
    high = np.maximum(a.start, a.end).max(axis=0) + 2 * within_m
    in_box = (np.maximum(b.start, b.end) >= low) & (np.minimum(b.start, b.end) <= high)
    near = np.nonzero(in_box.all(axis=1))[0]
    if not len(near):
        return []
    longest_sides = np.abs(a.end - a.start).max(axis=1), np.abs(b.end[near] - b.start[near]).max(axis=1)
    size = max(
        2 * min(sides.mean() for sides in longest_sides if sides.any()),
        sum(sides.sum() for sides in longest_sides) / _PIECES,
        10 * within_m,
    )
    bins = _Bins(low, high, size, within_m)
    a_key, a_index = bins.of(a.start, a.end)
    b_key, b_index = bins.of(b.start[near], b.end[near])
    order = np.argsort(a_key, kind="stable")
    a_key, a_index = a_key[order], a_index[order]
    first, last = np.searchsorted(a_key, b_key, "left"), np.searchsorted(a_key, b_key, "right")
    shared = last > first
    first, last, b_index = first[shared], last[shared], b_index[shared]
    done = np.concatenate([[0], np.cumsum(last - first)])
    found, cut = [], 0
    while cut < len(first):
        progress(cut / len(first))
        stop = max(cut + 1, int(np.searchsorted(done, done[cut] + _PAIRS_AT_ONCE, "right")) - 1)
        pairs_a, which = ranges_of(a_index, first[cut:stop], last[cut:stop])
        found.append(_meeting_pairs(a, b, pairs_a, near[b_index[cut:stop][which]], within_m))
        cut = stop
    return found


@dataclass(frozen=True)
class _Bins:
    """Squares that cover a box, numbered."""

    low: Floats
    high: Floats
    size: float
    within_m: float

    def of(self, start: Floats, end: Floats) -> tuple[Ints, Ints]:
        """Bin and segment of every bin that a segment may touch."""
        delta = end - start
        pieces = np.maximum(1, np.ceil(np.abs(delta).max(axis=1) / self.size).astype(np.int64))
        index = np.repeat(np.arange(len(start)), pieces)
        nth = (np.arange(len(index)) - np.repeat(np.cumsum(pieces) - pieces, pieces))[:, None]
        share = pieces[index][:, None]
        one = start[index] + delta[index] * (nth / share)
        two = start[index] + delta[index] * ((nth + 1) / share)
        first = np.floor((np.minimum(one, two) - self.within_m - self.low) / self.size).astype(np.int64)
        last = np.floor((np.maximum(one, two) + self.within_m - self.low) / self.size).astype(np.int64)
        most = np.floor((self.high - self.low) / self.size).astype(np.int64)
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


def _cross(a: Floats, b: Floats) -> Floats:
    product: Floats = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    return product


def _meeting_pairs(
    segments_a: SegmentEnds, segments_b: SegmentEnds, a: Ints, b: Ints, within_m: float
) -> Intersections:
    """Those of some pairs that meet; coordinates are taken from the start of A."""
    along = segments_a.end[a] - segments_a.start[a]
    other = segments_b.end[b] - segments_b.start[b]
    gap = segments_b.start[b] - segments_a.start[a]
    a_length, b_length = np.hypot(*along.T), np.hypot(*other.T)
    slack_a = within_m / a_length
    turn = _cross(along, other)
    crossing: Bools = np.abs(turn) > 1e-12 * a_length * b_length
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
        first, last = np.where(crossing, t, np.minimum(low, high)), np.where(crossing, t, np.maximum(low, high))
        touch = overlap & (high <= low)
        first, last = np.where(touch, (low + high) / 2, first), np.where(touch, (low + high) / 2, last)
    keep = meets | overlap
    return Intersections(a[keep], b[keep], np.clip(first[keep], 0, 1), np.clip(last[keep], 0, 1))

"""The middle of a chain of places: where the point of a breakpoint lies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..arrays import Floats
from ..geometry.segment_intersections import TOUCH_M
from ..geometry.segments import Segments, nearest_on_segments

_CHAIN_AT_MOST = 1000
"""Places in a chain; more are thinned before the middle is found."""

_ON_THE_LINE_M = 10 * TOUCH_M

_Tree = list[dict[int, float]]


def middle_of_chain(places: Floats, lines: Sequence[Segments]) -> Floats:
    """Halfway along the longest path through the minimum spanning tree of some places.

    Parameters
    ----------
    places : float64 ndarray, shape (n, 2)
    lines : sequence of Segments
        Where one of them carries both places beside the middle, the middle is moved onto it; between two
        carriageways, or in a road polygon, it stays.
    """
    places = _thinned(places)
    if len(places) == 1:
        only: Floats = places[0]
        return only
    if len(places) == 2:
        one, two = places
        return _moved_onto_line((one + two) / 2, one, two, lines)
    tree = _minimum_spanning_tree(places)
    far, _ = _distances_along(tree, 0)
    reached, before = _distances_along(tree, max(far, key=far.__getitem__))
    here = max(reached, key=reached.__getitem__)
    half = reached[here] / 2
    while reached[before[here]] > half:
        here = before[here]
    one, two = places[before[here]], places[here]
    share = (half - reached[before[here]]) / (reached[here] - reached[before[here]])
    return _moved_onto_line(one + share * (two - one), one, two, lines)


def _thinned(places: Floats) -> Floats:
    """Places that differ; of too many, the first in each square of a lattice that is widened until they are few."""
    square_m = TOUCH_M
    while True:
        _, kept = np.unique(np.rint((places - places[0]) / square_m), axis=0, return_index=True)
        thinned: Floats = places[np.sort(kept)]
        if len(thinned) <= _CHAIN_AT_MOST:
            return thinned
        square_m *= 2


def _minimum_spanning_tree(places: Floats) -> _Tree:
    """Neighbours and distances of each place in the minimum spanning tree (Prim).

    By hand: places on a lattice of cells are often equally far apart, and which of several shortest trees
    SciPy gives hangs on the order in which NumPy sorts equal numbers; here the first place goes first.
    """
    tree: _Tree = [{} for _ in places]
    nearest, parent = np.hypot(*(places - places[0]).T), np.zeros(len(places), dtype=np.int64)
    nearest[0] = np.inf
    for _ in range(len(places) - 1):
        new = int(np.argmin(nearest))
        tree[new][int(parent[new])] = tree[int(parent[new])][new] = float(nearest[new])
        distance = np.hypot(*(places - places[new]).T)
        closer = (distance < nearest) & np.isfinite(nearest)
        nearest[closer], parent[closer] = distance[closer], new
        nearest[new] = np.inf
    return tree


def _distances_along(tree: _Tree, root: int) -> tuple[dict[int, float], dict[int, int]]:
    """Distance along the tree from a place to each, and the place before it."""
    reached, before, waiting = {root: 0.0}, {}, [root]
    while waiting:
        place = waiting.pop()
        for other, distance in tree[place].items():
            if other not in reached:
                reached[other], before[other] = reached[place] + distance, place
                waiting.append(other)
    return reached, before


def _moved_onto_line(middle: Floats, one: Floats, two: Floats, lines: Sequence[Segments]) -> Floats:
    """The middle moved onto the line that carries both neighbouring places, if one does."""
    best, moved = np.inf, middle
    for line in lines:
        for part in np.unique(line.part):
            of_part = line.select(line.part == part)
            nearest, distances = zip(*(_nearest_on(of_part, place) for place in (one, two, middle)))
            if max(distances[:2]) <= _ON_THE_LINE_M and distances[2] < best:
                best, moved = distances[2], nearest[2]
    return moved


def _nearest_on(line: Segments, place: Floats) -> tuple[Floats, float]:
    """The place of a line that is nearest to a place, and its distance."""
    nearest = nearest_on_segments(place, line.start, line.end)
    distance = np.hypot(*(nearest - place).T)
    index = int(np.argmin(distance))
    return nearest[index], float(distance[index])

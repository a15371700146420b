"""Streams from flow accumulation."""

from __future__ import annotations

from collections import deque

import numpy as np

from ..arrays import Bools, Floats, Ints
from ..progress import SILENT, Progress, Throttled
from .flats_invest import in_order_of_blocks
from .flow import Flow
from .ways import FlowConvention, Routing

_TRACE_SHARE = 0.7  # of the threshold, down to which InVEST follows a stream upwards
_CONNECTED, _GAP = 1, 2
_Links = dict[int, list[int]]


def streams(
    flow: Flow,
    accumulation: Floats,
    *,
    threshold: float,
    convention: FlowConvention = FlowConvention.RECOMMENDED,
    progress: Progress = SILENT,
) -> Bools:
    """Cells that carry a stream: at least ``threshold`` cells flow through them.

    Parameters
    ----------
    flow : Flow
    accumulation : float ndarray, shape (rows, cols)
        By `Flow.accumulate`.
    threshold : float
        In cells; above 0.
    convention : FlowConvention
        ``as InVEST``: more than the threshold with D8; with MFD the streams that are connected to
        the map's edge, with cells above 0.7 of the threshold between two parts of one.

    Returns
    -------
    bool ndarray, shape (rows, cols)
    """
    if convention is not FlowConvention.AS_INVEST:
        return np.asarray(flow.valid & (accumulation >= threshold))
    if flow.routing is Routing.D8:
        return np.asarray(flow.valid & (accumulation > threshold))
    return _connected_streams(flow, accumulation, threshold, progress)


def _connected_streams(flow: Flow, accumulation: Floats, threshold: float, progress: Progress) -> Bools:
    """Upwards from the edge, in the order in which InVEST looks: which gaps close depends on it."""
    lattice = flow.lattice
    flat = lattice.flat(accumulation, 0.0)
    is_stream = flat >= threshold
    above, below = _links(flow, flat >= _TRACE_SHARE * threshold, progress.part(0.0, 0.6))
    outlets = in_order_of_blocks(np.flatnonzero(lattice.flat(flow.leaves, False) & is_stream), lattice)
    state: dict[int, int] = {}
    throttled = Throttled(progress, start=0.6)
    n_cells = max(1, len(above))
    for outlet in outlets.tolist():
        if outlet in state:
            continue
        state[outlet] = _CONNECTED
        queue = deque([outlet])
        while queue:
            here = queue.popleft()
            throttled(len(state) / n_cells)
            for upper in above.get(here, ()):
                if upper in state:
                    continue
                queue.append(upper)
                if not is_stream[upper]:
                    state[upper] = _GAP
                    continue
                state[upper] = _CONNECTED
                _close_gaps(upper, below, state)
    found = np.zeros(lattice.size, dtype=bool)
    found[[cell for cell, value in state.items() if value == _CONNECTED]] = True
    return np.ascontiguousarray(lattice.to_map(found))


def _close_gaps(cell: int, below: _Links, state: dict[int, int]) -> None:
    """Gaps that a stream above them runs through belong to it."""
    back = deque([cell])
    while back:
        for lower in below.get(back.popleft(), ()):
            if state.get(lower) == _GAP:
                state[lower] = _CONNECTED
                back.append(lower)


def _links(flow: Flow, enough: Bools, progress: Progress) -> tuple[_Links, _Links]:
    """The neighbours above and below each cell with enough flow, in the order of their directions."""
    cell, to, way = _edges_between(flow, enough, progress.part(0.0, 0.5))
    above: _Links = {}
    below: _Links = {}
    throttled, done = Throttled(progress, start=0.5), 0
    for links, here, there, turn in ((below, cell, to, way), (above, to, cell, (way + 4) % 8)):
        order = np.lexsort((turn, here))
        for one, other in zip(here[order].tolist(), there[order].tolist()):
            links.setdefault(one, []).append(other)
            done += 1
            if not done & 4095:
                throttled(done / (2 * way.size))
    return above, below


def _edges_between(flow: Flow, enough: Bools, progress: Progress) -> tuple[Ints, Ints, Ints]:
    """Edges of which both cells have enough flow: cell, receiver, direction."""
    parts = []
    for cells, place, to, way, _ in flow.levels(progress):
        near = np.flatnonzero(enough[cells[place]] & enough[to])
        parts.append((cells[place[near]], to[near], way[near]))
    cell, to, way = (np.concatenate(part) for part in zip(*parts))
    return cell, to, way

"""Streams from flow accumulation."""

from collections import deque

import numpy as np

from ..progress import SILENT
from .flats_invest import INVEST_BLOCK
from .flow import AS_INVEST, D8, RECOMMENDED
from .lattice import Beat

_TRACE_SHARE = 0.7  # of the threshold, down to which InVEST follows a stream upwards


def streams(flow, accumulation, threshold, convention=RECOMMENDED, progress=SILENT):
    """Cells that carry a stream: at least ``threshold`` cells flow through them.

    Parameters
    ----------
    flow : Flow
    accumulation : float ndarray, shape (rows, cols)
        By `Flow.accumulate`.
    threshold : float
        In cells; above 0.
    convention : str
        ``as InVEST``: more than the threshold with D8; with MFD the streams that are connected to
        the map's edge, with cells above 0.7 of the threshold between two parts of one.

    Returns
    -------
    bool ndarray
    """
    if convention != AS_INVEST:
        return flow.valid & (accumulation >= threshold)
    if flow.routing == D8:
        return flow.valid & (accumulation > threshold)
    return _connected_streams(flow, accumulation, threshold, progress)


def _connected_streams(flow, accumulation, threshold, progress):
    """Upwards from the edge, in the order in which InVEST looks: which gaps close depends on it."""
    lattice = flow._lattice
    flat = lattice.flat(accumulation, 0.0)
    is_stream, enough = flat >= threshold, flat >= _TRACE_SHARE * threshold
    parts, beat, done = [], Beat(progress.part(0.0, 0.3), lattice.size), 0
    for level in flow._levels:
        cells, place, to, way, _ = flow._edges(level)
        near = np.flatnonzero(enough[cells[place]] & enough[to])
        parts.append((cells[place[near]], to[near], way[near]))
        done += cells.size
        beat(done)
    cell, to, way = (np.concatenate(part) for part in zip(*parts))
    above, below = {}, {}
    beat, done = Beat(progress.part(0.3, 0.6), 2 * way.size), 0
    for links, here, there, turn in ((below, cell, to, way), (above, to, cell, (way + 4) % 8)):
        order = np.lexsort((turn, here))
        for one, other in zip(here[order].tolist(), there[order].tolist()):
            links.setdefault(one, []).append(other)
            done += 1
            if not done & 4095:
                beat(done)
    outlets = np.flatnonzero(lattice.flat(flow.leaves, False) & is_stream)
    rows, columns = np.divmod(outlets, lattice.stride)
    rows, columns = rows - 1, columns - 1
    outlets = outlets[np.lexsort((columns, rows, columns // INVEST_BLOCK, rows // INVEST_BLOCK))]
    state = {}
    beat = Beat(progress.part(0.6, 1.0), len(above))
    for outlet in outlets.tolist():
        if outlet in state:
            continue
        state[outlet] = 1
        queue = deque([outlet])
        while queue:
            here = queue.popleft()
            beat(len(state))
            for upper in above.get(here, ()):
                if upper in state:
                    continue
                queue.append(upper)
                if not is_stream[upper]:
                    state[upper] = 2
                    continue
                state[upper] = 1
                back = deque([upper])
                while back:
                    for lower in below.get(back.popleft(), ()):
                        if state.get(lower) == 2:
                            state[lower] = 1
                            back.append(lower)
    found = np.zeros(lattice.size, dtype=bool)
    found[[cell for cell, value in state.items() if value == 1]] = True
    return np.ascontiguousarray(lattice.to_map(found))

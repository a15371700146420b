"""Resistance around mines: rings by mineral, method and state.

Feng, Bai & Wang (2024), Table 2. The distance runs from a cell's centre to the mine's edge and is
0 inside, so the first ring is [0, b]. The table has no restored state; restored mines resist by 1
unless a row says otherwise.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from .. import tables
from ..errors import InputError
from ..geometry.cells import ThinPolygons, mask_of
from ..geometry.distance_classes import distance_classes
from ..geometry.layers import is_near
from ..geometry.segment_distance import Edges
from ..grid.euclidean import distance_to_features_m
from ..grid.grid import float_grid
from ..mines import METHODS, MINERALS, STATES, known_words, plain_word, require_near
from ..progress import SILENT
from .factors import intervals_of
from .scoring import log_shares

# the order is that of the choice OVERLAP
MAXIMUM, NEAREST, CAPPED_SUM = range(3)
OVERLAPS = ("maximum", "nearest mine", "sum, at most 5")

RESTORED_RESISTANCE = 1.0
HIGHEST = 5.0
_CHUNK = 1 << 13
_SHARES_AT_MOST = 20

_COLUMNS = [
    tables.Column("mineral", "text"),
    tables.Column("method", "text"),
    tables.Column("state", "text"),
    tables.Column("from_m", required=False, minimum=0),
    tables.Column("to_m", required=False, minimum=0),
    tables.Column("resistance", required=False),
]
_WORDS = {"mineral": MINERALS, "method": METHODS, "state": STATES}


@dataclass
class Rings:
    """The rings of a table: ``(mineral, method, state)`` to Intervals in metres."""

    table: str
    by_kind: dict

    def of(self, mine):
        """The rings of one mine.

        Raises
        ------
        InputError
            When no row scores its mineral, method and state, unless it is restored.
        """
        kind = (mine.mineral, mine.method, mine.state)
        if kind not in self.by_kind:
            raise InputError(
                f"Table '{self.table}' has no rings for a mine that is {', '.join(kind)} "
                f"('{mine.name}'); add rows for it."
            )
        return self.by_kind[kind]


def default_ring_table():
    """The shipped Table 2 with restored mines added."""
    return tables.shipped("resistance", "rings.csv")


def read_rings(raw=None):
    """The rings of a table.

    Parameters
    ----------
    raw : tables.RawTable, optional
        ``mineral, method, state, from_m, to_m, resistance``; default Table 2. An empty bound is
        unbounded, an empty ``from_m`` is 0.

    Returns
    -------
    Rings
        Restored mines for which the table has no row resist by 1 everywhere.

    Raises
    ------
    InputError
        Unknown mineral, method or state, resistance that is not positive, rings that do not
        start at 0, have no end ring, leave a gap or overlap.
    """
    table = tables.parse(default_ring_table() if raw is None else raw, _COLUMNS)
    known = known_words()
    indices = {}
    for index, row in enumerate(table.rows):
        kind = []
        for attribute, words in _WORDS.items():
            meaning = known[attribute].get(plain_word(row[attribute]))
            if meaning is None:
                raise table.error(
                    index, attribute, f"is not a {attribute} that is known; use one of {', '.join(words)}."
                )
            kind.append(meaning)
        row["from_m"] = row["from_m"] or 0.0
        indices.setdefault(tuple(kind), []).append(index)
    by_kind = {}
    for kind, own in indices.items():
        what = f"rings of {', '.join(kind)}"
        rings = intervals_of(table, own, "from_m", "to_m", what, first_closed=True)
        first, last = rings.lower[0], rings.upper[-1]
        if first > 0 or last < math.inf:
            gap = f"[0, {first:g}]" if first > 0 else f"({last:g}, unbounded)"
            raise InputError(
                f"Table '{table.name}', {what}: no row covers {gap}; rings run from the mine's edge "
                f"without an end, so add a row or leave the last to_m empty."
            )
        by_kind[kind] = rings
    everywhere = replace(
        next(iter(by_kind.values())), lower=(0.0,), upper=(math.inf,), resistance=(RESTORED_RESISTANCE,)
    )
    for mineral in MINERALS:
        for method in METHODS:
            by_kind.setdefault((mineral, method, "restored"), everywhere)
    return Rings(table.name, by_kind)


def mine_resistance(mines, rings, template, overlap=MAXIMUM, progress=SILENT):
    """Resistance around mines.

    Parameters
    ----------
    mines : list of ..mines.Mine
        In the template's CRS; those beyond the map's edge count. One that holds no cell's centre
        counts in the cells that it touches.
    rings : Rings
    template : grid.Template
    overlap : int
        Where the rings of several mines meet: ``MAXIMUM`` of their resistances (the paper does
        not say; the default); ``NEAREST``, that of the mine whose edge is nearest (of equally
        near ones the highest); ``CAPPED_SUM``, ``1 + sum(resistance - 1)``, at most 5 or the
        highest of the mines that meet there.

    Returns
    -------
    grid.Grid
        Float32, a value in every cell (1 to 5 by Table 2).

    Notes
    -----
    4 bytes per cell (12 with ``NEAREST`` and ``CAPPED_SUM``) beyond the window of one mine.
    """
    kinds = check_mines(mines, rings, template, progress)
    if overlap == NEAREST:
        values = _nearest(mines, kinds, template, progress)
    else:
        values = _highest_or_sum(mines, kinds, template, overlap, progress)
    return float_grid(values, template, "mine resistance")


def log_mine_shares(grid, progress=SILENT):
    """Say each resistance's share of a map of the mines' resistance."""
    scores, counts = np.unique(grid.values, return_counts=True)
    if len(scores) > _SHARES_AT_MOST:
        progress.log(f"Resistance of mines: {scores[0]:g} to {scores[-1]:g}, {len(scores)} different values.")
        return
    log_shares(dict(zip(scores.tolist(), counts.tolist())), grid.values.size, grid.template.name, progress)


def check_mines(mines, rings, template, progress=SILENT):
    """The rings of each mine; refuses mines of another city and warns of those that are too far to count.

    Raises
    ------
    InputError
        No mine, one that no row scores, or mines further from the map than their widest ring and than
        the map is wide or high.
    """
    if not mines:
        raise InputError("There is no mine: choose a layer with at least one mine.")
    kinds = [rings.of(mine) for mine in mines]
    widest_m = max(map(reach_m, kinds))
    west, south, east, north = template.bounds
    # a county's mines may all lie beside a map of a part of it, and those of another city do not
    require_near(mines, template, max(widest_m, east - west, north - south))
    beyond = [
        mine
        for mine, rings in zip(mines, kinds)
        if not mine.geometry.IsEmpty() and not is_near([mine.geometry], template.bounds, reach_m=reach_m(rings))
    ]
    if not any(is_near([mine.geometry], template.bounds, reach_m=widest_m) for mine in mines if not mine.geometry.IsEmpty()):
        progress.warn(
            f"No mine of layer '{mines[0].layer}' lies on '{template.name}' or within {widest_m:g} m of it, the "
            f"reach of the widest ring: the resistance of mines is that of the last ring everywhere."
        )
    elif beyond:
        progress.log(
            f"{len(beyond)} of {len(mines)} mines of layer '{mines[0].layer}' lie further from '{template.name}' "
            f"than their rings reach, and change no cell ('{beyond[0].name}' is one)."
        )
    return kinds


def reach_m(intervals):
    """The distance in metres from which a mine's resistance no longer changes."""
    return float(intervals.breaks[-1]) if intervals.breaks else 0.0


def _highest_or_sum(mines, kinds, template, overlap, progress):
    # a mine whose last ring is its lowest need not be looked at beyond its reach
    falls = [min(rings.resistance) == rings.resistance[-1] for rings in kinds]
    outer = [rings.resistance[-1] for rings in kinds]
    values = np.full(template.shape, max((r for r, low in zip(outer, falls) if low), default=0.0), dtype=np.float32)
    added = np.full(template.shape, sum(map(_excess, outer))) if overlap == CAPPED_SUM else None
    for number, (mine, rings) in enumerate(zip(mines, kinds)):
        part = progress.part(number / len(mines), (number + 1) / len(mines))
        part(0.0)
        place, window = _window(mine.geometry, template, reach_m(rings) if falls[number] else math.inf)
        if window is None:
            continue
        classes = _classes(mine, rings, window, part)
        values[place] = np.maximum(values[place], np.array(rings.resistance, dtype=np.float32)[classes])
        if added is not None:
            # exactly 0 beyond its reach, so that nothing there depends on it
            added[place] += np.array([_excess(r) - _excess(outer[number]) for r in rings.resistance])[classes]
    if added is not None:
        values = np.maximum(values, np.minimum(HIGHEST, 1 + added).astype(np.float32))
    return values


def _nearest(mines, kinds, template, progress):
    """Cell distances tell the nearest mine but where two are about as near; there outlines decide."""
    outer = {rings.resistance[-1] for rings in kinds}
    reach = max(map(reach_m, kinds)) if len(outer) == 1 else math.inf
    doubt = 2 * math.hypot(template.cell_width, template.cell_height)
    values = np.full(template.shape, max(outer), dtype=np.float32)
    nearest = np.full(template.shape, np.inf, dtype=np.float32)
    owner = np.zeros(template.shape, dtype=np.int32)
    edges = {}

    def exact_m(number, rows, cols):
        if number not in edges:
            edges[number] = Edges([mines[number].geometry], template)
        return edges[number].exact_m(edges[number].local(*template.xy(rows, cols)))

    for number, (mine, rings) in enumerate(zip(mines, kinds)):
        part = progress.part(number / len(mines), (number + 1) / len(mines))
        part(0.0)
        place, window = _window(mine.geometry, template, reach)
        if window is None:
            continue
        scored = np.array(rings.resistance, dtype=np.float32)[_classes(mine, rings, window, part)]
        distance = distance_to_features_m([mine.geometry], window, all_touched=True)
        # 0 is kept for cells inside, whose distance is known
        distance = np.where(
            mask_of(mine.geometry, window, thin=ThinPolygons.TOUCHED), 0, np.maximum(distance, np.float32(1e-3))
        )
        wins = distance < nearest[place] - doubt
        rows, cols = np.nonzero(~wins & (distance <= nearest[place] + doubt))
        for start in range(0, len(rows), _CHUNK):
            part(start / len(rows))
            r, c = rows[start : start + _CHUNK], cols[start : start + _CHUNK]
            whole_r, whole_c = r + place[0].start, c + place[1].start
            here, there = np.zeros(len(r)), np.zeros(len(r))
            outside = distance[r, c] > 0
            here[outside] = exact_m(number, whole_r[outside], whole_c[outside])
            owners = np.where(nearest[whole_r, whole_c] > 0, owner[whole_r, whole_c], -1)
            for other in np.unique(owners[owners >= 0]):
                own = owners == other
                there[own] = exact_m(other, whole_r[own], whole_c[own])
            here, there = here.astype(np.float32), there.astype(np.float32)
            wins[r, c] = (here < there) | ((here == there) & (scored[r, c] > values[whole_r, whole_c]))
        for array, own in ((values, scored), (nearest, distance), (owner, number)):
            array[place] = np.where(wins, own, array[place])
    return values


def _classes(mine, rings, window, progress):
    """Which of one mine's rings each cell of its window lies in."""
    classes = distance_classes([mine.geometry], rings.breaks, window, progress)
    classes[mask_of(mine.geometry, window, thin=ThinPolygons.TOUCHED)] = 0
    return classes


def _excess(resistance):
    return max(0.0, resistance - 1.0)


def _window(geometry, template, margin_m):
    """The cells within a margin of a geometry, as slices and as a template; None when there are none."""
    window = template.window_of(geometry.GetEnvelope(), margin_m)
    if window is None:
        return None, None
    window = window.grown(1, template)
    return window.slices, template.part(window)

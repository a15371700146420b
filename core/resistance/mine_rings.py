"""Resistance around mines: rings by mineral, method and state.

Feng, Bai & Wang (2024), Table 2. The distance runs from a cell's centre to the mine's edge and is
0 inside, so the first ring is [0, b]. The table has no restored state; restored mines have
resistance 1 unless a row says otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .. import tables
from ..arrays import AnyInts, Bools, Float32s, Floats, Int32s
from ..errors import InputError
from ..geometry.cells import ThinPolygons, mask_of
from ..geometry.distance_classes import distance_classes
from ..geometry.layers import is_near
from ..geometry.segment_distance import Edges
from ..grid.euclidean import distance_to_features_m
from ..grid.grid import Grid, Template, Window, float_grid
from ..mines import METHODS, MINERALS, STATES, Mine, known_words, plain_word, require_near
from ..progress import SILENT, Progress
from .choices import Overlap
from .factors import Intervals
from .rule_tables import intervals_of, uncovered_distance
from .scoring import log_shares

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


# the table of rings ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rings:
    """The rings of a table.

    Parameters
    ----------
    table : str
        Its name, for messages.
    by_kind : dict of (str, str, str) to Intervals
        By mineral, method and state, in metres.
    """

    table: str
    by_kind: Mapping[tuple[str, ...], Intervals]

    def of(self, mine: Mine) -> Intervals:
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
                f"('{mine.name}'); add rows for it.",
                layer=self.table,
            )
        return self.by_kind[kind]


def default_ring_table() -> tables.RawTable:
    """The shipped Table 2 with restored mines added."""
    return tables.shipped("resistance", "rings.csv")


def read_rings(raw: tables.RawTable | None = None) -> Rings:
    """The rings of a table.

    Parameters
    ----------
    raw : tables.RawTable, optional
        ``mineral, method, state, from_m, to_m, resistance``; default Table 2. An empty
        ``from_m`` is 0, an empty ``to_m`` means everywhere beyond.

    Returns
    -------
    Rings
        Restored mines for which the table has no row have resistance 1 everywhere.

    Raises
    ------
    InputError
        Unknown mineral, method or state, resistance that is not positive, rings that do not
        start at 0, do not reach everywhere, leave a gap or overlap.
    """
    table = tables.parse(default_ring_table() if raw is None else raw, _COLUMNS)
    by_kind = {kind: _rings_of_rows(table, kind, indices) for kind, indices in _rows_by_kind(table).items()}
    everywhere = Intervals((0.0,), (math.inf,), (RESTORED_RESISTANCE,), first_closed=True)
    for mineral in MINERALS:
        for method in METHODS:
            by_kind.setdefault((mineral, method, "restored"), everywhere)
    return Rings(table.name, by_kind)


def _rows_by_kind(table: tables.Table) -> dict[tuple[str, ...], list[int]]:
    """The rows of each mineral, method and state; an empty ``from_m`` becomes 0."""
    known = known_words()
    indices: dict[tuple[str, ...], list[int]] = {}
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
    return indices


def _rings_of_rows(table: tables.Table, kind: tuple[str, ...], indices: Sequence[int]) -> Intervals:
    """The rings of one kind of mine; refused where they leave out distances from the mine's edge on."""
    what = f"rings of {', '.join(kind)}"
    rings = intervals_of(table, indices, lower="from_m", upper="to_m", what=what, first_closed=True)
    if uncovered := uncovered_distance(rings):
        raise InputError(
            f"Table '{table.name}', {what}: no row covers {uncovered}; rings run from the mine's edge "
            f"without an end, so add a row or leave the last to_m empty.",
            layer=table.name,
        )
    return rings


# resistance around mines -------------------------------------------------------------------------


def mine_resistance(
    mines: Sequence[Mine],
    rings: Rings,
    template: Template,
    *,
    overlap: Overlap = Overlap.MAXIMUM,
    progress: Progress = SILENT,
) -> Grid:
    """Resistance around mines.

    Parameters
    ----------
    mines : sequence of ..mines.Mine
        In the template's CRS; those beyond the map's edge count. One that holds no cell's centre
        counts in the cells that it touches.
    rings : Rings
    template : grid.Template
    overlap : Overlap
        Where the rings of several mines meet: ``MAXIMUM`` of their resistances (the paper does
        not say; the default); ``NEAREST``, that of the mine whose edge is nearest (of equally
        near ones the highest); ``CAPPED_SUM``, ``1 + sum(resistance - 1)``, at most 5 or the
        highest of the mines that meet there.

    Returns
    -------
    grid.Grid
        Float32, a value in every cell (1 to 5 by Table 2).

    Raises
    ------
    InputError
        As `check_mines`.

    Notes
    -----
    4 bytes per cell (12 with ``NEAREST`` and ``CAPPED_SUM``) beyond the window of one mine.
    """
    rings_of_mines = check_mines(mines, rings, template, progress=progress)
    if overlap is Overlap.NEAREST:
        values = _NearestMine(mines, rings_of_mines, template).resistance(progress)
    else:
        values = _highest_or_sum(
            mines, rings_of_mines, template, summed=overlap is Overlap.CAPPED_SUM, progress=progress
        )
    return float_grid(values, template, "mine resistance")


def log_mine_shares(grid: Grid, *, progress: Progress = SILENT) -> None:
    """Log each resistance's share of a map of the mines' resistance."""
    scores, counts = np.unique(grid.values, return_counts=True)
    if len(scores) > _SHARES_AT_MOST:
        progress.log(f"Resistance of mines: {scores[0]:g} to {scores[-1]:g}, {len(scores)} different values.")
        return
    cells = dict(zip(scores.tolist(), counts.tolist()))
    log_shares(cells, total=grid.values.size, name=grid.template.name, progress=progress)


def check_mines(
    mines: Sequence[Mine], rings: Rings, template: Template, *, progress: Progress = SILENT
) -> list[Intervals]:
    """Refuse mines of another city, and warn of those that are too far to count.

    Returns
    -------
    list of Intervals
        The rings of each mine.

    Raises
    ------
    InputError
        No mine, one that no row scores, or mines further from the map than their widest ring and than
        the map is wide or high.
    """
    if not mines:
        raise InputError("There is no mine: choose a layer with at least one mine.", parameter="mines")
    rings_of_mines = [rings.of(mine) for mine in mines]
    widest_m = max(map(reach_m, rings_of_mines))
    west, south, east, north = template.bounds
    # mines beside a map of a part of their county are accepted, those of another city are not
    require_near(mines, template, reach_m=max(widest_m, east - west, north - south))
    located = [(mine, own) for mine, own in zip(mines, rings_of_mines) if not mine.geometry.IsEmpty()]
    beyond = [mine for mine, own in located if not is_near([mine.geometry], template.bounds, reach_m=reach_m(own))]
    if not any(is_near([mine.geometry], template.bounds, reach_m=widest_m) for mine, _ in located):
        progress.warn(
            f"No mine of layer '{mines[0].layer}' lies on '{template.name}' or within {widest_m:g} m of it, the "
            f"reach of the widest ring: the resistance of mines is that of the last ring everywhere."
        )
    elif beyond:
        progress.log(
            f"{len(beyond)} of {len(mines)} mines of layer '{mines[0].layer}' lie further from '{template.name}' "
            f"than their rings reach, and change no cell ('{beyond[0].name}' is one)."
        )
    return rings_of_mines


def reach_m(intervals: Intervals) -> float:
    """The distance in metres from which a mine's resistance no longer changes."""
    return float(intervals.breaks[-1]) if intervals.breaks else 0.0


def _highest_or_sum(
    mines: Sequence[Mine],
    rings_of_mines: Sequence[Intervals],
    template: Template,
    *,
    summed: bool,
    progress: Progress,
) -> Float32s:
    """The highest resistance of the mines around each cell, or their sum where it is higher, at most 5."""
    # where a mine's last ring is its lowest, cells beyond its reach need no work
    falls = [min(rings.resistance) == rings.resistance[-1] for rings in rings_of_mines]
    outer = [rings.resistance[-1] for rings in rings_of_mines]
    lowest = max((score for score, fall in zip(outer, falls) if fall), default=0.0)
    values: Float32s = np.full(template.shape, lowest, dtype=np.float32)
    added: Floats | None = np.full(template.shape, sum(map(_above_1, outer))) if summed else None
    for number, (mine, rings) in enumerate(zip(mines, rings_of_mines)):
        part = progress.part(number / len(mines), (number + 1) / len(mines))
        part(0.0)
        window = _window_around(mine, template, reach_m(rings) if falls[number] else math.inf)
        if window is None:
            continue
        cells = window.slices
        classes = _ring_classes(mine, rings, template.part(window), part)
        values[cells] = np.maximum(values[cells], np.array(rings.resistance, dtype=np.float32)[classes])
        if added is not None:
            # exactly 0 beyond its reach, so that the window's size changes no sum
            added[cells] += np.array([_above_1(score) - _above_1(outer[number]) for score in rings.resistance])[classes]
    if added is not None:
        values = np.maximum(values, np.minimum(HIGHEST, 1 + added).astype(np.float32))
    return values


class _NearestMine:
    """Resistance by the nearest mine of each cell.

    Distances between cell centres decide, except where two mines are about as near: there the distances to their
    outlines are compared.
    """

    def __init__(self, mines: Sequence[Mine], rings_of_mines: Sequence[Intervals], template: Template) -> None:
        self._mines, self._rings_of_mines, self._template = mines, rings_of_mines, template
        outer = {rings.resistance[-1] for rings in rings_of_mines}
        self._reach_m = max(map(reach_m, rings_of_mines)) if len(outer) == 1 else math.inf
        self._tolerance_m = 2 * math.hypot(template.cell_width, template.cell_height)
        self._values: Float32s = np.full(template.shape, max(outer), dtype=np.float32)
        self._distance: Float32s = np.full(template.shape, np.inf, dtype=np.float32)
        self._nearest_mine: Int32s = np.zeros(template.shape, dtype=np.int32)
        self._edges: dict[int, Edges] = {}

    def resistance(self, progress: Progress) -> Float32s:
        """The resistance of each cell, after all mines were compared."""
        count = len(self._mines)
        for number in range(count):
            self._add(number, progress.part(number / count, (number + 1) / count))
        return self._values

    def _add(self, number: int, progress: Progress) -> None:
        progress(0.0)
        mine, rings = self._mines[number], self._rings_of_mines[number]
        window = _window_around(mine, self._template, self._reach_m)
        if window is None:
            return
        cells, part = window.slices, self._template.part(window)
        scored: Float32s = np.array(rings.resistance, dtype=np.float32)[_ring_classes(mine, rings, part, progress)]
        distance = distance_to_features_m([mine.geometry], part, all_touched=True)
        # 0 marks the cells inside the mine, whose distance is exact
        inside = mask_of(mine.geometry, part, thin=ThinPolygons.TOUCHED)
        distance = np.where(inside, 0, np.maximum(distance, np.float32(1e-3)))
        wins: Bools = distance < self._distance[cells] - self._tolerance_m
        rows, cols = np.nonzero(~wins & (distance <= self._distance[cells] + self._tolerance_m))
        for start in range(0, len(rows), _CHUNK):
            progress(start / len(rows))
            r, c = rows[start : start + _CHUNK], cols[start : start + _CHUNK]
            wins[r, c] = self._is_nearer(
                number, r + window.row, c + window.col, outside=distance[r, c] > 0, scored=scored[r, c]
            )
        for array, own in ((self._values, scored), (self._distance, distance), (self._nearest_mine, number)):
            array[cells] = np.where(wins, own, array[cells])

    def _is_nearer(self, number: int, rows: AnyInts, cols: AnyInts, *, outside: Bools, scored: Float32s) -> Bools:
        """Where a mine's outline is nearer than that of the nearest mine so far.

        Where both are equally near, the one of higher resistance counts as nearer.

        Parameters
        ----------
        number : int
            Of the mine.
        rows, cols : integer ndarray
            Cells of the map.
        outside : bool ndarray
            Which of them lie outside the mine.
        scored : float32 ndarray
            Their resistance by the mine.
        """
        here, there = np.zeros(len(rows)), np.zeros(len(rows))
        here[outside] = self._exact_m(number, rows[outside], cols[outside])
        owners = np.where(self._distance[rows, cols] > 0, self._nearest_mine[rows, cols], -1)
        for other in np.unique(owners[owners >= 0]):
            own = owners == other
            there[own] = self._exact_m(other, rows[own], cols[own])
        here_m, there_m = here.astype(np.float32), there.astype(np.float32)
        nearer: Bools = (here_m < there_m) | ((here_m == there_m) & (scored > self._values[rows, cols]))
        return nearer

    def _exact_m(self, number: int, rows: AnyInts, cols: AnyInts) -> Floats:
        """The distance from cells to a mine's outline."""
        if number not in self._edges:
            self._edges[number] = Edges.of_geometries([self._mines[number].geometry], self._template)
        edges = self._edges[number]
        return edges.exact_m(edges.local(*self._template.xy(rows, cols)))


def _ring_classes(mine: Mine, rings: Intervals, window: Template, progress: Progress) -> AnyInts:
    """Which of one mine's rings each cell of its window lies in."""
    classes = distance_classes([mine.geometry], rings.breaks, window, progress=progress)
    classes[mask_of(mine.geometry, window, thin=ThinPolygons.TOUCHED)] = 0
    return classes


def _above_1(resistance: float) -> float:
    """What a mine adds to ground of resistance 1."""
    return max(0.0, resistance - 1.0)


def _window_around(mine: Mine, template: Template, margin_m: float) -> Window | None:
    """The cells within a margin of a mine and those beside them; None where there are none."""
    window = template.window_of(mine.geometry.GetEnvelope(), margin_m)
    return None if window is None else window.grown(1, template)

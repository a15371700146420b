"""Where water and sediment flow on a DEM: filling, directions, accumulation, streams.

- Depressions are filled to the level where they spill, the lowest of the highest points on all ways
  out (what a priority flood computes; Barnes, Lehman & Mulla 2014, Comput. Geosci. 62: 117-127).
- From each cell water flows to the steepest lower neighbour (D8; O'Callaghan & Mark 1984) or to all
  lower neighbours in proportion to the slope towards them (MFD; Quinn et al. 1991).
- On flats it flows away from higher and towards lower ground (Garbrecht & Martz 1997, J. Hydrol.
  193: 204-213, by levels as in Barnes et al. 2014).
- Water leaves the map at its edge and at cells without a value, or ends in an internal drain.

Convention ``as InVEST`` takes the choices of pygeoprocessing, which InVEST routes with: the first of equal
slopes counted from east counter-clockwise, flats by distance to their outlets alone, and MFD shares
rounded to fifteenths. ``recommended`` gives ties to the neighbour whose unfilled ground is lowest, so
that a map turned around gives the same flow turned around, and keeps shares as they are.

Arrays inside are flat, with a border of one cell, so that no test for the map's edge is needed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..arrays import AnyArray, AnyFloats, AnyInts, Bools, Bytes, Floats, Int32s, Ints
from ..errors import InputError
from ..grid.grid import Template
from ..progress import SILENT, Progress, Throttled
from .flats import route_flats
from .flats_invest import route_flats_as_invest
from .lattice import COL_STEPS, INTERNAL_DRAIN, NO_DIRECTION, ROW_STEPS, Lattice, starts_of_runs
from .ways import FlowConvention, Routing, Terrain, Ways

_SHARE_STEPS = 15  # InVEST keeps a share in four bits


class _Level(NamedTuple):
    """Cells that flow to later levels alone, and their edges sorted by receiver; shares are None for D8."""

    cells: AnyInts
    place: Int32s
    way: Bytes
    share: Floats | None


class Edges(NamedTuple):
    """The edges of one level.

    Attributes
    ----------
    cells : int ndarray
        The level's flat cells.
    place : int ndarray
        Per edge the place of its cell among ``cells``.
    receiver, way : int ndarray
        Per edge the flat cell that it leads to, and the direction.
    share : float64 ndarray or 1.0
    """

    cells: AnyInts
    place: AnyInts
    receiver: Ints
    way: Bytes
    share: Floats | float


class FlowTable(NamedTuple):
    """All edges: flat cell of the map, flat cell that it flows to, direction, share."""

    cell: Ints
    receiver: Ints
    way: Bytes
    share: Floats


@dataclass(frozen=True)
class WayEnds:
    """Where the weighted way down ends, and how it is counted.

    Parameters
    ----------
    in_cells : bool
        As InVEST: every step has length 1, and with MFD the weight of the cell it leads to.
    at_edge : bool
        Whether a way ends where it leaves the map. False, as InVEST: only streams count, and the mean
        is over the receivers that lead to one, whatever share of theirs does.
    """

    in_cells: bool = False
    at_edge: bool = True


@dataclass(frozen=True)
class Unfilled:
    """A DEM before its depressions were filled.

    Parameters
    ----------
    ground : float ndarray, optional
        It settles ties in ``recommended``: a filled lake drains along its bed.
    drains : bool ndarray, optional
        Internal drains, as given to `fill_depressions`.
    """

    ground: AnyFloats | None = None
    drains: Bools | None = None


class Flow:
    """Who flows to whom, in an order in which every cell comes after all that flow to it.

    Made by `route` or `from_directions`.

    Attributes
    ----------
    shape : (rows, cols)
    routing : Routing
    lattice : Lattice
        The numbering of flat cells.
    valid : bool ndarray, shape (rows, cols)
    direction : uint8 ndarray, shape (rows, cols), or None for MFD
        0 to 7 from east counter-clockwise, 8 an internal drain, 255 no value. A cell whose water leaves
        the map points off it.
    leaves, drains : bool ndarray, shape (rows, cols)
        Cells whose water leaves the map, and internal drains.

    Notes
    -----
    D8 14 bytes per cell, MFD 13 bytes per pair of cells, some 60 per cell on natural ground.
    """

    def __init__(
        self, lattice: Lattice, ways: Ways, *, valid: Bools, drains: Bools, lengths: Floats, progress: Progress
    ) -> None:
        self.shape, self.routing, self.lengths = lattice.shape, ways.routing, lengths
        self.lattice, self._valid, self._leaves, self._drains = lattice, valid, ways.leaves, drains
        self.valid, self.leaves, self.drains = (lattice.to_map(part) for part in (valid, ways.leaves, drains))
        self.direction = lattice.to_map(ways.direction) if ways.shares is None else None
        self._levels = list(self._in_order(ways, progress))

    def _in_order(self, ways: Ways, progress: Progress) -> Iterator[_Level]:
        """Cells level by level, each after all that flow to it."""
        direction, shares = ways.direction, ways.shares
        offsets, ends = self.lattice.offsets, self._leaves | self._drains
        incoming = np.zeros(self.lattice.size, dtype=np.uint8)
        for block in self.lattice.blocks(progress.part(0.0, 0.2)):
            for k, offset in enumerate(offsets):
                goes = direction[block] == k if shares is None else shares[block, k] > 0
                incoming[block.start + offset : block.stop + offset] += goes & ~ends[block]
        incoming[~self._valid] = 0
        level = np.flatnonzero(self._valid & (incoming == 0))
        total, done = np.count_nonzero(self._valid), 0
        throttled = Throttled(progress, start=0.2)
        while level.size:
            done += level.size
            throttled(done / total)
            going = ~ends[level]
            way: AnyInts
            share: Floats | None
            if shares is None:
                place = np.flatnonzero(going)
                way, share = direction[level[place]], None
            else:
                of_level = np.where(going[:, None], shares[level], 0)
                place, way = np.nonzero(of_level)
                share = of_level[place, way]
            receiver = level[place] + offsets[way]
            order = np.argsort(receiver, kind="stable")
            receiver = receiver[order]
            yield _Level(
                level.astype(self.lattice.dtype),
                place[order].astype(np.int32),
                way[order].astype(np.uint8),
                None if share is None else share[order],
            )
            starts = starts_of_runs(receiver)
            receiver, counts = receiver[starts], np.diff(np.append(starts, receiver.size))
            incoming[receiver] -= counts.astype(np.uint8)
            level = receiver[incoming[receiver] == 0]
        if done != total:
            raise InputError(
                f"{total - done} cell(s) flow in a circle: fill the depressions of the DEM first, or "
                f"correct the flow directions."
            )

    def levels(self, progress: Progress = SILENT, *, upwards: bool = False) -> Iterator[Edges]:
        """The edges of each level, downwards or upwards."""
        throttled, done = Throttled(progress), 0
        for cells, place, way, share in reversed(self._levels) if upwards else self._levels:
            yield Edges(cells, place, cells[place] + self.lattice.offsets[way], way, 1.0 if share is None else share)
            done += cells.size
            throttled(done / self.lattice.size)

    def _flat(self, values: AnyArray | float) -> Floats:
        flat: Floats = self.lattice.flat(np.broadcast_to(values, self.shape), 0.0, np.float64)
        return flat

    def _map(self, flat: Floats) -> Floats:
        return np.ascontiguousarray(self.lattice.to_map(flat))

    def inflow(self, own: AnyArray | float, *, kept: AnyFloats | None = None, progress: Progress = SILENT) -> Floats:
        """What arrives in each cell from above.

        Parameters
        ----------
        own : float or float ndarray, shape (rows, cols)
            What starts in each cell.
        kept : float ndarray, optional
            The share of what arrives that stays, 0 to 1; the rest passes on. Default 0.

        Returns
        -------
        float64 ndarray
            The sum over upslope neighbours of share x ``own + (1 - kept) * inflow``; 0 without value.

        Notes
        -----
        32 bytes per cell.
        """
        flux = self._flat(own)
        progress.check()
        passed = None if kept is None else 1.0 - self._flat(kept)
        progress.check()
        arrived = np.zeros(self.lattice.size)
        for cells, place, receiver, _, share in self.levels(progress):
            flux[cells] += arrived[cells] if passed is None else arrived[cells] * passed[cells]
            if receiver.size:
                starts = starts_of_runs(receiver)
                arrived[receiver[starts]] += np.add.reduceat(flux[cells[place]] * share, starts)
        return self._map(arrived)

    def accumulate(self, own: AnyArray | float = 1.0, *, progress: Progress = SILENT) -> Floats:
        """The sum of ``own`` over a cell and all that flows to it; by default the number of cells.

        float64, 0 where there is no value; at the ends of all ways it sums to the whole of ``own``.
        """
        total: Floats = np.where(self.valid, own, 0.0).astype(np.float64)
        progress.check()
        total += self.inflow(total, progress=progress)
        return total

    def mean_below(self, values: AnyFloats, *, progress: Progress = SILENT) -> Floats:
        """The mean of ``values`` over the receivers of a cell by their shares, and 0 at ends.

        float64 (rows, cols).
        """
        flat, mean = self._flat(values), np.zeros(self.lattice.size)
        for cells, place, receiver, _, share in self.levels(progress):
            mean[cells] = np.bincount(place, flat[receiver] * share, minlength=cells.size)
        return self._map(mean)

    def path_to(
        self,
        ends: AnyArray | bool,
        weight: AnyFloats | float,
        *,
        how: WayEnds = WayEnds(),
        progress: Progress = SILENT,
    ) -> tuple[Floats, Floats]:
        """The weighted length of the way down to the first of ``ends``.

        Parameters
        ----------
        ends : bool ndarray, shape (rows, cols)
            Streams.
        weight : float ndarray
            Cost per metre in each cell.
        how : WayEnds

        Returns
        -------
        length : float64 ndarray
            Mean over the ways that end, by their shares; 0 at ends, NaN where no way ends.
        reach : float64 ndarray
            The share of the flow whose way ends (not in an internal drain), 0 to 1.

        Notes
        -----
        60 bytes per cell.
        """
        per_metre, goal = self._flat(weight), self._flat(ends) > 0
        progress.check()
        length, reach = np.zeros(self.lattice.size), np.zeros(self.lattice.size)
        reach[goal] = 1.0
        if how.at_edge:
            off = np.flatnonzero(self._leaves & ~goal)
            reach[off] = 1.0
            out = ~self._valid[self.lattice.neighbours_of(off)]
            length[off] = per_metre[off] * (1.0 if how.in_cells else np.where(out, self.lengths, np.inf).min(axis=1))
        for cells, place, receiver, way, share in self.levels(progress, upwards=True):
            if not receiver.size:
                continue
            if how.in_cells:
                step = per_metre[receiver] if self.routing is Routing.MFD else per_metre[cells[place]]
            else:
                step = per_metre[cells[place]] * self.lengths[way]
            arriving = share * (reach[receiver] if how.at_edge else reach[receiver] > 0)
            total = np.bincount(place, arriving, minlength=cells.size)
            far = np.bincount(place, arriving * (step + length[receiver]), minlength=cells.size)
            open_ = (total > 0) & ~goal[cells]
            length[cells[open_]] = far[open_] / total[open_]
            reach[cells[open_]] = total[open_]
        length[reach == 0] = np.nan
        return self._map(length), self._map(reach)

    def receivers(self) -> FlowTable:
        """All edges of the flow."""
        stride, cols = self.lattice.stride, self.shape[1]
        parts = []
        for cells, place, receiver, way, share in self.levels():
            flat = [(number // stride - 1) * cols + number % stride - 1 for number in (cells[place], receiver)]
            parts.append((*flat, way, np.broadcast_to(share, way.shape)))
        return FlowTable(*(np.concatenate(part) for part in zip(*parts)))


def step_lengths(template: Template) -> Floats:
    """Length of a step in each of the eight directions, in metres."""
    return np.array(
        [math.hypot(r * template.cell_height, c * template.cell_width) for r, c in zip(ROW_STEPS, COL_STEPS)]
    )


def route(
    filled: AnyFloats,
    template: Template,
    *,
    routing: Routing = Routing.MFD,
    convention: FlowConvention = FlowConvention.RECOMMENDED,
    unfilled: Unfilled | None = None,
    progress: Progress = SILENT,
) -> Flow:
    """Flow on a filled DEM.

    Parameters
    ----------
    filled : float ndarray, shape (rows, cols)
        By `fill_depressions`, in metres; NaN without value.
    template : grid.Template
        Cells in metres, square or not.
    unfilled : Unfilled, optional
        What was there before depressions were filled.

    Returns
    -------
    Flow

    Raises
    ------
    InputError
        When the DEM has a depression left.

    Notes
    -----
    Peak 80 bytes per cell beyond the inputs with D8, 150 with MFD; as InVEST 130 and 195 where a third of
    the map is flat.
    """
    lattice = Lattice(np.shape(filled))
    unfilled = unfilled or Unfilled()
    height: Floats = lattice.flat(filled, np.nan, np.float64)
    progress.check()
    bed = height if unfilled.ground is None else lattice.flat(unfilled.ground, np.nan, np.float64)
    valid = ~np.isnan(height)
    drains = np.zeros(lattice.size, dtype=bool)
    if unfilled.drains is not None:
        drains = lattice.flat(unfilled.drains, False) & valid
    lengths = step_lengths(template)
    as_invest = convention is FlowConvention.AS_INVEST
    if as_invest and math.isclose(template.cell_width, template.cell_height, rel_tol=1e-9):
        slope_by = np.array([1.0, 1 / math.sqrt(2)] * 4)  # rounded as InVEST does: ties depend on it
    else:
        slope_by = 1 / lengths
    terrain = Terrain(lattice, height, bed, slope_by)
    ways = Ways(
        np.full(lattice.size, NO_DIRECTION, dtype=np.uint8),
        None if routing is Routing.D8 else np.zeros((lattice.size, 8), dtype=np.float64),
        np.zeros(lattice.size, dtype=bool),
    )
    _route_slopes(terrain, ways, ground_settles_ties=not as_invest, progress=progress.part(0.0, 0.3))
    ways.direction[drains] = INTERNAL_DRAIN
    flat = np.flatnonzero(valid & (ways.direction == NO_DIRECTION))
    if flat.size:
        on_flats = route_flats_as_invest if as_invest else route_flats
        on_flats(terrain, flat, ways, progress=progress.part(0.3, 0.6))
    if ways.shares is not None:
        _scale_shares(ways.shares, lattice, in_fifteenths=as_invest, progress=progress.part(0.6, 0.7))
    return Flow(lattice, ways, valid=valid, drains=drains, lengths=lengths, progress=progress.part(0.7, 1.0))


def _route_slopes(terrain: Terrain, ways: Ways, *, ground_settles_ties: bool, progress: Progress) -> None:
    """Directions, and slopes as shares, of all cells that have a lower neighbour."""
    lattice, height, bed = terrain.lattice, terrain.height, terrain.bed
    for block in lattice.blocks(progress):
        here = height[block]
        best: Floats = np.zeros(here.size)
        best_bed: Floats = np.full(here.size, np.inf)
        for k, offset in enumerate(lattice.offsets):
            to = slice(block.start + offset, block.stop + offset)
            slope = (here - height[to]) * terrain.slope_by[k]
            with np.errstate(invalid="ignore"):
                down = slope > 0
            better = slope > best
            if ways.shares is not None:
                ways.shares[block, k] = np.where(down, slope, 0.0)
            elif ground_settles_ties:
                better |= down & (slope == best) & (bed[to] < best_bed)
                best_bed = np.where(better, bed[to], best_bed)
            best = np.where(better, slope, best)
            ways.direction[block][better] = k


def _scale_shares(shares: Floats, lattice: Lattice, *, in_fifteenths: bool, progress: Progress) -> None:
    """Slopes become shares that add to 1."""
    for block in lattice.blocks(progress):
        part = shares[block]
        part /= _sum_in_order(part)
        if in_fifteenths:
            np.floor(0.5 + part * _SHARE_STEPS, out=part)
            part /= _sum_in_order(part)


def _sum_in_order(shares: Floats) -> Floats:
    """Row sums, 1 for 0, added from the first to the last as InVEST does: the rounding to fifteenths shows it."""
    total = np.zeros(len(shares))
    for k in range(8):
        total += shares[:, k]
    total[total == 0] = 1.0
    return total[:, None]


def from_directions(direction: AnyInts, template: Template, *, progress: Progress = SILENT) -> Flow:
    """D8 flow from a map of directions, such as InVEST's own: 0 to 7 from east counter-clockwise.

    ``8`` is an internal drain, any other value none.
    """
    lattice = Lattice(np.shape(direction))
    flat: Bytes = lattice.flat(direction, NO_DIRECTION, np.uint8)
    flat[flat > INTERNAL_DRAIN] = NO_DIRECTION
    valid, drains = flat != NO_DIRECTION, flat == INTERNAL_DRAIN
    to = np.arange(lattice.size) + np.append(lattice.offsets, 0)[np.where(flat < 8, flat, 8)]
    ways = Ways(flat, None, valid & ~drains & ~valid[to])
    return Flow(lattice, ways, valid=valid, drains=drains, lengths=step_lengths(template), progress=progress)

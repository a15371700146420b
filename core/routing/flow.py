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

import math

import numpy as np

from ..errors import InputError
from ..progress import SILENT
from .flats import route_flats
from .flats_invest import route_flats_as_invest
from .lattice import COL_STEPS, INTERNAL_DRAIN, NO_DIRECTION, ROW_STEPS, Beat, Lattice, neighbours_of, starts_of

D8, MFD = ROUTINGS = ("D8", "MFD")

RECOMMENDED, AS_INVEST = CONVENTIONS = ("recommended", "as InVEST")

_SHARE_STEPS = 15  # InVEST keeps a share in four bits


class Flow:
    """Who flows to whom, in an order in which every cell comes after all that flow to it.

    Made by `route` or `from_directions`.

    Attributes
    ----------
    shape : (rows, cols)
    routing : str
        D8 or MFD.
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

    def __init__(self, lattice, routing, valid, leaves, drains, lengths, direction, shares, progress):
        self.shape, self.routing, self.lengths = lattice.shape, routing, lengths
        self._lattice, self._valid, self._leaves, self._drains = lattice, valid, leaves, drains
        self.valid, self.leaves, self.drains = (lattice.to_map(part) for part in (valid, leaves, drains))
        self.direction = None if direction is None else lattice.to_map(direction)
        self._levels = list(self._in_order(direction, shares, progress))

    def _in_order(self, direction, shares, progress):
        """Cells by level, each with its edges: place in the level, direction, share; sorted by receiver."""
        offsets, ends = self._lattice.offsets, self._leaves | self._drains
        incoming = np.zeros(self._lattice.size, dtype=np.uint8)
        for block in self._lattice.blocks(progress.part(0.0, 0.2)):
            for k, offset in enumerate(offsets):
                goes = direction[block] == k if shares is None else shares[block, k] > 0
                incoming[block.start + offset : block.stop + offset] += goes & ~ends[block]
        incoming[~self._valid] = 0
        level = np.flatnonzero(self._valid & (incoming == 0))
        total, done = np.count_nonzero(self._valid), 0
        beat = Beat(progress.part(0.2, 1.0), total)
        while level.size:
            done += level.size
            beat(done)
            going = ~ends[level]
            if shares is None:
                place = np.flatnonzero(going)
                way, share = direction[level[place]], None
            else:
                share = np.where(going[:, None], shares[level], 0)
                place, way = np.nonzero(share)
                share = share[place, way]
            receiver = level[place] + offsets[way]
            order = np.argsort(receiver, kind="stable")
            receiver = receiver[order]
            yield (
                level.astype(self._lattice.dtype),
                place[order].astype(np.int32),
                way[order].astype(np.uint8),
                None if share is None else share[order],
            )
            starts = starts_of(receiver)
            receiver, counts = receiver[starts], np.diff(np.append(starts, receiver.size))
            incoming[receiver] -= counts.astype(np.uint8)
            level = receiver[incoming[receiver] == 0]
        if done != total:
            raise InputError(
                f"{total - done} cell(s) flow in a circle: fill the depressions of the DEM first, or "
                f"correct the flow directions."
            )

    def _edges(self, level):
        """Cells of a level, and per edge the place of its cell in the level, receiver, direction, share."""
        cells, place, way, share = level
        return cells, place, cells[place] + self._lattice.offsets[way], way, 1.0 if share is None else share

    def _flat(self, values):
        return self._lattice.flat(np.broadcast_to(values, self.shape), 0.0, np.float64)

    def inflow(self, own, kept=None, progress=SILENT):
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
        arrived = np.zeros(self._lattice.size)
        beat, done = Beat(progress, self._lattice.size), 0
        for level in self._levels:
            cells, place, receiver, _, share = self._edges(level)
            flux[cells] += arrived[cells] if passed is None else arrived[cells] * passed[cells]
            if receiver.size:
                starts = starts_of(receiver)
                arrived[receiver[starts]] += np.add.reduceat(flux[cells[place]] * share, starts)
            done += cells.size
            beat(done)
        return np.ascontiguousarray(self._lattice.to_map(arrived))

    def accumulate(self, own=1.0, progress=SILENT):
        """The sum of ``own`` over a cell and all that flows to it; by default the number of cells.

        float64, 0 where there is no value; at the ends of all ways it sums to the whole of ``own``.
        """
        own = np.where(self.valid, own, 0.0).astype(np.float64)
        progress.check()
        own += self.inflow(own, progress=progress)
        return own

    def mean_below(self, values, progress=SILENT):
        """The mean of ``values`` over the receivers of a cell by their shares, and 0 at ends.

        float64 (rows, cols).
        """
        flat, mean = self._flat(values), np.zeros(self._lattice.size)
        beat, done = Beat(progress, self._lattice.size), 0
        for level in self._levels:
            cells, place, receiver, _, share = self._edges(level)
            done += cells.size
            beat(done)
            mean[cells] = np.bincount(place, flat[receiver] * share, minlength=cells.size)
        return np.ascontiguousarray(self._lattice.to_map(mean))

    def path_to(self, ends, weight, in_cells=False, edge_ends=True, progress=SILENT):
        """The weighted length of the way down to the first of ``ends``.

        Parameters
        ----------
        ends : bool ndarray, shape (rows, cols)
            Streams.
        weight : float ndarray
            Cost per metre in each cell.
        in_cells : bool
            As InVEST: every step has length 1, and with MFD the weight of the cell it leads to.
        edge_ends : bool
            Whether a way ends where it leaves the map. False, as InVEST: only ``ends`` count, and the mean
            is over the receivers that lead to one, whatever share of theirs does.

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
        weight, goal = self._flat(weight), self._flat(ends) > 0
        progress.check()
        length, reach = np.zeros(self._lattice.size), np.zeros(self._lattice.size)
        reach[goal] = 1.0
        if edge_ends:
            off = np.flatnonzero(self._leaves & ~goal)
            reach[off] = 1.0
            out = ~self._valid[neighbours_of(self._lattice, off)]
            length[off] = weight[off] * (1.0 if in_cells else np.where(out, self.lengths, np.inf).min(axis=1))
        beat, done = Beat(progress, self._lattice.size), 0
        for level in reversed(self._levels):
            cells, place, receiver, way, share = self._edges(level)
            done += cells.size
            beat(done)
            if not receiver.size:
                continue
            if in_cells:
                step = weight[receiver] if self.routing == MFD else weight[cells[place]]
            else:
                step = weight[cells[place]] * self.lengths[way]
            arriving = share * (reach[receiver] if edge_ends else reach[receiver] > 0)
            total = np.bincount(place, arriving, minlength=cells.size)
            far = np.bincount(place, arriving * (step + length[receiver]), minlength=cells.size)
            open_ = (total > 0) & ~goal[cells]
            length[cells[open_]] = far[open_] / total[open_]
            reach[cells[open_]] = total[open_]
        length[reach == 0] = np.nan
        return tuple(np.ascontiguousarray(self._lattice.to_map(part)) for part in (length, reach))

    def receivers(self):
        """All edges: flat cell of the map, flat cell that it flows to, direction, share."""
        stride, cols = self._lattice.stride, self.shape[1]
        parts = []
        for level in self._levels:
            cells, place, receiver, way, share = self._edges(level)
            flat = [(number // stride - 1) * cols + number % stride - 1 for number in (cells[place], receiver)]
            parts.append((*flat, way, np.broadcast_to(share, way.shape)))
        return tuple(np.concatenate(part) for part in zip(*parts))


def step_lengths(template):
    """Length of a step in each of the eight directions, in metres."""
    return np.array(
        [math.hypot(r * template.cell_height, c * template.cell_width) for r, c in zip(ROW_STEPS, COL_STEPS)]
    )


def route(filled, template, routing=MFD, ground=None, drains=None, convention=RECOMMENDED, progress=SILENT):
    """Flow on a filled DEM.

    Parameters
    ----------
    filled : float ndarray, shape (rows, cols)
        By `fill_depressions`, in metres; NaN without value.
    template : grid.Template
        Cells in metres, square or not.
    routing : str
        D8 or MFD.
    ground : float ndarray, optional
        The DEM before filling, which settles ties in ``recommended``: a filled lake drains along its bed.
    drains : bool ndarray, optional
        Internal drains, as given to `fill_depressions`.
    convention : str
        ``recommended`` or ``as InVEST``.

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
    height = lattice.flat(filled, np.nan, np.float64)
    progress.check()
    bed = height if ground is None else lattice.flat(ground, np.nan, np.float64)
    valid = ~np.isnan(height)
    ends = np.zeros(lattice.size, dtype=bool) if drains is None else lattice.flat(drains, False) & valid
    lengths = step_lengths(template)
    as_invest = convention == AS_INVEST
    if as_invest and math.isclose(template.cell_width, template.cell_height, rel_tol=1e-9):
        slope_by = np.array([1.0, 1 / math.sqrt(2)] * 4)  # rounded as InVEST does: ties depend on it
    else:
        slope_by = 1 / lengths
    direction = np.full(lattice.size, NO_DIRECTION, dtype=np.uint8)
    shares = None if routing == D8 else np.zeros((lattice.size, 8), dtype=np.float64)
    for block in lattice.blocks(progress.part(0.0, 0.3)):
        here = height[block]
        best, best_bed = np.zeros(here.size), np.full(here.size, np.inf)
        for k, offset in enumerate(lattice.offsets):
            to = slice(block.start + offset, block.stop + offset)
            slope = (here - height[to]) * slope_by[k]
            with np.errstate(invalid="ignore"):
                down = slope > 0
            better = slope > best
            if shares is not None:
                shares[block, k] = np.where(down, slope, 0.0)
            elif not as_invest:
                better |= down & (slope == best) & (bed[to] < best_bed)
                best_bed = np.where(better, bed[to], best_bed)
            best = np.where(better, slope, best)
            direction[block][better] = k
    direction[ends] = INTERNAL_DRAIN
    leaves = np.zeros(lattice.size, dtype=bool)
    flat = np.flatnonzero(valid & (direction == NO_DIRECTION))
    if flat.size:
        on_flats = route_flats_as_invest if as_invest else route_flats
        on_flats(lattice, height, bed, flat, slope_by, direction, shares, leaves, progress.part(0.3, 0.6))
    if shares is not None:
        for block in lattice.blocks(progress.part(0.6, 0.7)):
            part = shares[block]
            part /= _sum_in_order(part)
            if as_invest:
                np.floor(0.5 + part * _SHARE_STEPS, out=part)
                part /= _sum_in_order(part)
    return Flow(
        lattice,
        routing,
        valid,
        leaves,
        ends,
        lengths,
        direction if shares is None else None,
        shares,
        progress.part(0.7, 1.0),
    )


def _sum_in_order(shares):
    """Row sums, 1 for 0, added from the first to the last as InVEST does: the rounding to fifteenths shows it."""
    total = np.zeros(len(shares))
    for k in range(8):
        total += shares[:, k]
    total[total == 0] = 1.0
    return total[:, None]


def from_directions(direction, template, progress=SILENT):
    """D8 flow from a map of directions, such as InVEST's own: 0 to 7 from east counter-clockwise.

    ``8`` is an internal drain, any other value none.
    """
    lattice = Lattice(np.shape(direction))
    flat = lattice.flat(direction, NO_DIRECTION, np.uint8)
    flat[flat > INTERNAL_DRAIN] = NO_DIRECTION
    valid, drains = flat != NO_DIRECTION, flat == INTERNAL_DRAIN
    to = np.arange(lattice.size) + np.append(lattice.offsets, 0)[np.where(flat < 8, flat, 8)]
    leaves = valid & ~drains & ~valid[to]
    return Flow(lattice, D8, valid, leaves, drains, step_lengths(template), flat, None, progress)

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

import functools
import math
import time
from collections import deque

import numpy as np

from .. import accel
from ..errors import InputError
from ..progress import SILENT

D8, MFD = ROUTINGS = ("D8", "MFD")
RECOMMENDED, AS_INVEST = CONVENTIONS = ("recommended", "as InVEST")

INTERNAL_DRAIN = 8  # beside directions 0 to 7: east, then counter-clockwise
NO_DIRECTION = 255
_ROW_STEPS = (0, -1, -1, -1, 0, 1, 1, 1)
_COL_STEPS = (1, 1, 0, -1, -1, -1, 0, 1)
_SHARE_STEPS = 15  # InVEST keeps a share in four bits
_TRACE_SHARE = 0.7  # of the threshold, down to which InVEST follows a stream upwards
_INVEST_BLOCK = 256  # rows and columns of the blocks in which pygeoprocessing looks for flats
_BLOCK_CELLS = 1 << 18
_PASSES_AT_ONCE = 1 << 22
_FLAT_CELLS = 1 << 15  # of flats turned to Python's lists at once


class _Lattice:
    """The padded flat numbering of a map's cells."""

    def __init__(self, shape):
        self.shape = rows, cols = shape
        self.stride = cols + 2
        self.size = (rows + 2) * (cols + 2)
        self.offsets = np.array([r * self.stride + c for r, c in zip(_ROW_STEPS, _COL_STEPS)], dtype=np.int64)
        self.inner = slice(self.stride + 1, self.size - self.stride - 1)
        self.dtype = np.int32 if self.size < 2**31 else np.int64

    def flat(self, values, fill, dtype=None):
        """A map as a padded flat array, a copy."""
        padded = np.full((self.shape[0] + 2, self.stride), fill, dtype=dtype or np.asarray(values).dtype)
        padded[1:-1, 1:-1] = values
        return padded.ravel()

    def to_map(self, flat):
        """A padded flat array as (rows, cols); a view."""
        return flat.reshape(-1, self.stride)[1:-1, 1:-1]

    def edge(self, valid):
        """Flat cells with a value that touch the map's edge or a cell without one."""
        inner = self.inner
        beside = np.zeros(self.size, dtype=bool)
        for offset in self.offsets:
            beside[inner] |= ~valid[inner.start + offset : inner.stop + offset]
        return np.flatnonzero(beside & valid)

    def blocks(self, progress):
        """Slices of the flat numbering of some hundred thousand cells."""
        for start in range(self.inner.start, self.inner.stop, _BLOCK_CELLS):
            progress((start - self.inner.start) / self.size)
            yield slice(start, min(self.inner.stop, start + _BLOCK_CELLS))


class _Beat:
    """Tells progress and hears cancel some ten times a second, however often it is called."""

    def __init__(self, progress, total):
        self._progress, self._total, self._next = progress, max(1, total), 0.0

    def __call__(self, done):
        now = time.monotonic()
        if now >= self._next:
            self._next = now + 0.1
            self._progress(done / self._total)


# filling -----------------------------------------------------------------------------------------


def fill_depressions(elevation, drains=None, progress=SILENT):
    """A DEM without depressions: every cell raised to the level at which its water finds a way out.

    Parameters
    ----------
    elevation : float ndarray, shape (rows, cols)
        NaN where there is no value; water leaves the map there and at its edge.
    drains : bool ndarray, optional
        Cells where water ends although they lie inside; what flows to them is not filled.

    Returns
    -------
    ndarray of the same shape and type
        ``max(z, lowest over all ways out of the highest z on the way)``; exact, no new heights.

    Notes
    -----
    Every cell descends to the bottom of its basin (pointers that double); basins and the lowest pass
    between each two form a small graph, whose minimum spanning tree holds the lowest ways out. 46
    bytes per cell on natural ground.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree

    elevation = np.asarray(elevation)
    lattice = _Lattice(elevation.shape)
    height = lattice.flat(elevation, np.nan)
    progress.check()
    valid = ~np.isnan(height)
    if not valid.any():
        return elevation.copy()
    height[~valid] = np.inf
    basin, n_basins = _basins(lattice, height, valid, progress.part(0.0, 0.4))

    out = lattice.edge(valid)
    if drains is not None:
        out = np.union1d(out, np.flatnonzero(lattice.flat(drains, False) & valid))
    progress(0.4)
    level = np.full(n_basins, np.inf, dtype=height.dtype)
    np.minimum.at(level, basin[out], height[out])
    low, high, passes = _passes(lattice, height, basin, progress.part(0.4, 0.8))
    open_basins = np.flatnonzero(np.isfinite(level))
    first = np.concatenate([low, np.full(open_basins.size, n_basins, dtype=low.dtype)])  # n_basins: outside
    second = np.concatenate([high, open_basins.astype(low.dtype)])
    weights = np.concatenate([passes, level[open_basins]])
    progress(0.82)
    heights, rank = np.unique(weights, return_inverse=True)  # a weight of 0 would be no edge
    progress(0.85)
    tree = minimum_spanning_tree(
        coo_matrix((rank + 1.0, (first, second)), shape=(n_basins + 1, n_basins + 1)).tocsr()
    ).tocoo()
    progress(0.9)
    _, towards_out = breadth_first_order(tree.tocsr(), n_basins, directed=False, return_predecessors=True)
    towards_out[n_basins] = n_basins
    spill = np.zeros(n_basins + 1, dtype=np.int64)
    up = towards_out[tree.row] == tree.col
    spill[np.where(up, tree.row, tree.col)] = tree.data.astype(np.int64)
    while True:  # the highest pass on the way out, by doubling
        progress(0.95)
        spill = np.maximum(spill, spill[towards_out])
        further = towards_out[towards_out]
        if np.array_equal(further, towards_out):
            break
        towards_out = further
    level = heights[spill[:-1] - 1]
    filled = np.full(lattice.size, np.nan, dtype=height.dtype)
    filled[valid] = np.maximum(height[valid], level[basin[valid]])
    progress(1.0)
    return np.ascontiguousarray(lattice.to_map(filled))


def _basins(lattice, height, valid, progress):
    """The basin of each flat cell, numbered from 0 (border: 0), and how many there are."""
    progress.check()
    pointer = np.arange(lattice.size, dtype=lattice.dtype)
    steps = np.sort(lattice.offsets)
    for block in lattice.blocks(progress.part(0.0, 0.6)):
        here = np.arange(block.start, block.stop)
        lowest, best = height[block].copy(), np.zeros(here.size, dtype=np.int64)
        # of equal heights the cell of the smallest number counts as the lowest, so that no circle closes
        for step in (*steps[:4][::-1], *steps[4:]):
            beside = height[block.start + step : block.stop + step]
            lower = beside <= lowest if step < 0 else beside < lowest
            lowest[lower] = beside[lower]
            best[lower] = step
        pointer[block] = np.where(valid[block], here + best, here)
    while True:
        progress(0.8)
        further = pointer[pointer]
        if np.array_equal(further, pointer):
            break
        pointer = further
    bottom = np.flatnonzero((pointer == np.arange(lattice.size, dtype=lattice.dtype)) & valid)
    number = np.zeros(lattice.size, dtype=lattice.dtype)
    number[bottom] = np.arange(bottom.size)
    return number[pointer], bottom.size


def _passes(lattice, height, basin, progress):
    """The lowest pass between each two basins that touch: lower number, higher number, height."""
    n_basins = int(basin.max()) + 1
    found, waiting = [], 0
    for block in lattice.blocks(progress):
        for step in lattice.offsets[4:]:  # the other four are the same pairs seen from the other side
            other = slice(block.start + step, block.stop + step)
            top = np.maximum(height[block], height[other])
            a, b = basin[block], basin[other]
            cross = np.flatnonzero((a != b) & np.isfinite(top))
            a, b = a[cross].astype(np.int64), b[cross].astype(np.int64)
            found.append((np.minimum(a, b) * n_basins + np.maximum(a, b), top[cross]))
            waiting += cross.size
        if waiting > _PASSES_AT_ONCE:
            found = [_lowest_per_pair(found)]
            waiting = found[0][0].size // 2
    pairs, passes = _lowest_per_pair(found)
    return pairs // n_basins, pairs % n_basins, passes


def _lowest_per_pair(found):
    pairs, passes = (np.concatenate(part) for part in zip(*found))
    if not pairs.size:
        return pairs, passes
    order = np.argsort(pairs, kind="stable")
    pairs, passes = pairs[order], passes[order]
    starts = np.flatnonzero(np.append(True, pairs[1:] != pairs[:-1]))
    return pairs[starts], np.minimum.reduceat(passes, starts)


def internal_drains(elevation, filled, under):
    """The lowest cells of each depression that has its lowest cell under a mask, such as a mine's pit.

    Parameters
    ----------
    elevation, filled : float ndarray, shape (rows, cols)
        A DEM, and the same by `fill_depressions`.
    under : bool ndarray
        Where a depression is real and drains inside.

    Returns
    -------
    bool ndarray
        Give it to `fill_depressions` and `route` as ``drains``: small pits on a bench of a large
        one still fill and run to its bottom.

    Notes
    -----
    About 20 bytes per cell.
    """
    from scipy import ndimage

    sunk = np.nan_to_num(filled) > np.nan_to_num(elevation)
    label, count = ndimage.label(sunk, np.ones((3, 3)))
    lowest = np.full(count + 1, np.inf)
    np.minimum.at(lowest, label[sunk], elevation[sunk])
    return sunk & under & (elevation == lowest[label])


# directions --------------------------------------------------------------------------------------


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
        beat = _Beat(progress.part(0.2, 1.0), total)
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
            starts = _starts(receiver)
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
        beat, done = _Beat(progress, self._lattice.size), 0
        for level in self._levels:
            cells, place, receiver, _, share = self._edges(level)
            flux[cells] += arrived[cells] if passed is None else arrived[cells] * passed[cells]
            if receiver.size:
                starts = _starts(receiver)
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
        beat, done = _Beat(progress, self._lattice.size), 0
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
            out = ~self._valid[_neighbours(self._lattice, off)]
            length[off] = weight[off] * (1.0 if in_cells else np.where(out, self.lengths, np.inf).min(axis=1))
        beat, done = _Beat(progress, self._lattice.size), 0
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


def _starts(receiver):
    """Where runs of equal receivers start."""
    return np.flatnonzero(np.append(True, receiver[1:] != receiver[:-1])) if receiver.size else receiver


def step_lengths(template):
    """Length of a step in each of the eight directions, in metres."""
    return np.array(
        [math.hypot(r * template.cell_height, c * template.cell_width) for r, c in zip(_ROW_STEPS, _COL_STEPS)]
    )


def route(filled, template, routing=MFD, ground=None, drains=None, convention=RECOMMENDED, progress=SILENT):
    """Flow on a filled DEM.

    Parameters
    ----------
    filled : float ndarray, shape (rows, cols)
        By `fill_depressions`, in metres; NaN without value.
    template : raster.Template
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
    lattice = _Lattice(np.shape(filled))
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
        on_flats = _flats_as_invest if as_invest else _flats
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
    lattice = _Lattice(np.shape(direction))
    flat = lattice.flat(direction, NO_DIRECTION, np.uint8)
    flat[flat > INTERNAL_DRAIN] = NO_DIRECTION
    valid, drains = flat != NO_DIRECTION, flat == INTERNAL_DRAIN
    to = np.arange(lattice.size) + np.append(lattice.offsets, 0)[np.where(flat < 8, flat, 8)]
    leaves = valid & ~drains & ~valid[to]
    return Flow(lattice, D8, valid, leaves, drains, step_lengths(template), flat, None, progress)


def _neighbours(lattice, cells):
    """Flat neighbours of flat cells, shape (n, 8)."""
    return cells[:, None] + lattice.offsets


def _parts(cells):
    for start in range(0, cells.size, _BLOCK_CELLS // 4):
        yield cells[start : start + _BLOCK_CELLS // 4]


def _off_the_map(lattice, height, cells):
    """The direction in which cells at the edge leave the map: the first side, else the last corner."""
    out = np.isnan(height[_neighbours(lattice, cells)])
    sides = out[:, ::2]
    return np.where(sides.any(axis=1), 2 * sides.argmax(axis=1), 7 - 2 * out[:, ::-1][:, ::2].argmax(axis=1)).astype(
        np.uint8
    )


def _flats(lattice, height, bed, flat, slope_by, direction, shares, leaves, progress):
    """Directions on flats, away from higher and towards lower ground (Garbrecht & Martz 1997).

    Steps from the outlet count twice, steps from the rim against them, so that the surface between has
    no pit: a step towards the outlet lowers the first by 2, and changes the second by 1 at most.
    """
    undrained = np.zeros(lattice.size, dtype=bool)
    undrained[flat] = True
    beat = _Beat(progress, 3 * flat.size)

    def beside(cells, what):
        found = []
        for part in _parts(cells):
            beat(0)
            around = _neighbours(lattice, part)
            found.append(part[what(around, height[part][:, None]).any(axis=1)])
        return np.concatenate(found) if found else cells

    def levels(seeds, count):
        """Steps from the seeds over flat cells of one height, into ``count``."""
        level = 1
        count[seeds] = level
        while seeds.size:
            level += 1
            around = _neighbours(lattice, seeds)
            new = around[undrained[around] & (count[around] == 0) & (height[around] == height[seeds][:, None])]
            seeds = np.unique(new)
            count[seeds] = level
            beat(np.count_nonzero(seeds))

    towards, away = (np.zeros(lattice.size, dtype=np.int32) for _ in range(2))
    levels(beside(flat, lambda to, here: (height[to] == here) & ~undrained[to]), towards)
    left = flat[towards[flat] == 0]
    out = beside(left, lambda to, here: np.isnan(height[to]))
    leaves[out] = True
    undrained[out] = False
    direction[out] = _off_the_map(lattice, height, out)
    left = left[undrained[left]]
    levels(beside(left, lambda to, here: (height[to] == here) & ~undrained[to]), towards)
    left = left[towards[left] == 0]
    if left.size:
        raise _not_filled(left)
    flat = flat[undrained[flat]]
    levels(beside(flat, lambda to, here: height[to] > here), away)
    grade = 2 * towards - away
    for part in _parts(flat):
        beat(2 * flat.size)
        around = _neighbours(lattice, part)
        level = height[around] == height[part][:, None]
        last = (towards[part] == 1)[:, None]
        drop = np.where(last, 1, grade[part][:, None] - grade[around])
        drop = np.where(level & (drop > 0) & (undrained[around] != last), drop, 0) * slope_by
        if shares is not None:
            shares[part] = drop
        else:
            steepest = drop == drop.max(axis=1, keepdims=True)
            direction[part] = np.where(steepest, bed[around], np.inf).argmin(axis=1)


def _not_filled(cells):
    return InputError(
        f"The DEM has a depression left, with {cells.size} cell(s) at its bottom: fill depressions first."
    )


def _flats_as_invest(lattice, height, bed, flat, slope_by, direction, shares, leaves, progress):
    """Directions on flats by the distance to their outlets, in the order in which InVEST finds them.

    Of equal ways the first found counts, and that order rests on the queues of pygeoprocessing: a
    search over the flat from its first cell, then one from its outlets in the order found, in which a
    cell is looked at again whenever its distance falls.
    """
    member = np.zeros(lattice.size, dtype=bool)
    member[flat] = True
    new = flat
    while new.size:  # a flat is all cells of one height that touch, drained or not
        found = []
        for part in _parts(new):
            progress.check()
            around = _neighbours(lattice, part)
            more = np.unique(around[(height[around] == height[part][:, None]) & ~member[around]])
            member[more] = True
            found.append(more)
        new = np.concatenate(found)
    node = np.flatnonzero(member)
    name = np.full(lattice.size, -1, dtype=lattice.dtype)
    name[node] = np.arange(node.size)
    beside = np.empty((node.size, 8), dtype=lattice.dtype)
    at_edge = np.empty(node.size, dtype=bool)
    for part in _parts(np.arange(node.size)):
        progress.check()
        around = _neighbours(lattice, node[part])
        beside[part] = np.where(height[around] == height[node[part]][:, None], name[around], -1)
        at_edge[part] = np.isnan(height[around]).any(axis=1)
    progress.check()
    rows, cols = np.divmod(flat, lattice.stride)
    rows, cols = rows - 1, cols - 1
    roots = name[flat[np.lexsort((cols, rows, cols // _INVEST_BLOCK, rows // _INVEST_BLOCK))]]
    node, beside, at_edge, roots, groups = _by_flat(node, beside, at_edge, roots, progress)
    drained = direction[node] != NO_DIRECTION
    distance, found = np.empty(node.size), np.empty(node.size, dtype=np.uint8)
    group_of_root = np.searchsorted(groups, roots, side="right") - 1
    by_group = np.argsort(group_of_root, kind="stable")
    roots = np.split(roots[by_group], np.cumsum(np.bincount(group_of_root, minlength=len(groups) - 1))[:-1])
    beat = _Beat(progress, node.size)
    search = accel.kernel(_search_loop, _search_agrees, node.size, _KERNEL_WORTH, progress)
    search = _search_flats if search is None else functools.partial(_search_compiled, search)
    for first, end, starts in zip(groups[:-1].tolist(), groups[1:].tolist(), roots):
        group = slice(first, end)
        local = np.where(beside[group] >= 0, beside[group] - first, -1)
        distance[group], found[group], out = search(
            starts - first,
            local,
            drained[group],
            at_edge[group] & ~drained[group],
            lambda done, first=first: beat(first + done / 2),
        )
        out = node[np.array(out, dtype=np.int64) + first]
        leaves[out] = True
        direction[out] = _off_the_map(lattice, height, out)
    if not np.isfinite(distance[~drained]).all():
        raise _not_filled(node[~drained & ~np.isfinite(distance)])
    inside = np.flatnonzero((distance > 0) & np.isfinite(distance))
    if shares is None:
        direction[node[inside]] = found[inside]
        return
    for part in _parts(inside):
        nearer = (beside[part] >= 0) & (distance[beside[part]] < distance[part][:, None])
        shares[node[part]] = np.where(nearer, slope_by, 0.0)


def _by_flat(node, beside, at_edge, roots, progress):
    """The same with the cells of each flat in a row, and where groups of some whole flats begin and end."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import connected_components

    there = beside >= 0
    progress.check()
    links = csr_matrix(
        (np.ones(np.count_nonzero(there), dtype=np.int8), beside[there], np.append(0, np.cumsum(there.sum(axis=1)))),
        shape=(node.size, node.size),
    )
    progress.check()
    _, label = connected_components(links, directed=False)
    progress.check()
    order = np.argsort(label, kind="stable")
    progress.check()
    place = np.empty(node.size, dtype=beside.dtype)
    place[order] = np.arange(node.size)
    ends = np.cumsum(np.bincount(label))
    sorted_beside = np.empty_like(beside)
    for part in _parts(np.arange(node.size)):
        progress.check()
        old = beside[order[part]]
        sorted_beside[part] = np.where(old >= 0, place[old], -1)
    last_of_group = np.append((ends[1:] // _FLAT_CELLS) != (ends[:-1] // _FLAT_CELLS), True)
    return node[order], sorted_beside, at_edge[order], place[roots], np.append(0, ends[last_of_group])


def _search_flats(roots, beside, drained, at_edge, beat):
    """Distance to the outlet in cells, direction, and the cells that leave the map; arrays, worked on as lists."""
    roots, beside, drained, at_edge = (part.tolist() for part in (roots, beside, drained, at_edge))
    count = len(beside)
    seen, distance, direction, out = [False] * count, [math.inf] * count, [NO_DIRECTION] * count, []
    length, back = (1.0, math.sqrt(2)) * 4, (4, 5, 6, 7, 0, 1, 2, 3)
    done = 0
    for root in roots:
        if seen[root]:
            continue
        seen[root] = True
        queue, inside, edge = deque([root]), [], []
        while queue:
            cell = queue.popleft()
            done += 1
            if not done & 1023:
                beat(done)
            for other in beside[cell]:
                if other >= 0 and not seen[other]:
                    seen[other] = True
                    queue.append(other)
            if drained[cell]:
                inside.append(cell)
            elif at_edge[cell]:
                edge.append(cell)
        if not inside:
            out += edge
            inside = edge
        for cell in inside:
            distance[cell] = 0.0
        queue = deque(inside)
        while queue:
            cell = queue.popleft()
            done += 1
            if not done & 1023:
                beat(done)
            here = distance[cell]
            for k, other in enumerate(beside[cell]):
                if other >= 0 and distance[other] > here + length[k]:
                    distance[other] = here + length[k]
                    direction[other] = back[k]
                    queue.append(other)
    return distance, direction, out


def _search_compiled(search, roots, beside, drained, at_edge, beat):
    """`_search_flats` by the compiled `_search_loop`."""
    count = len(beside)
    distance, direction = np.full(count, np.inf), np.full(count, NO_DIRECTION, dtype=np.uint8)
    seen, out, inside, edge = np.zeros(count, dtype=bool), *(np.empty(count, dtype=np.int64) for _ in range(3))
    queue, state = np.empty(count + _QUEUE_SPARE, dtype=np.int64), np.zeros(8, dtype=np.int64)
    length = np.array((1.0, math.sqrt(2)) * 4)
    beside = np.ascontiguousarray(beside, dtype=np.int64)
    while True:
        answer = search(
            np.asarray(roots, dtype=np.int64),
            beside,
            drained,
            at_edge,
            length,
            seen,
            distance,
            direction,
            out,
            inside,
            edge,
            queue,
            state,
            _SEARCH_AT_ONCE,
        )
        beat(min(int(state[_DONE]), 2 * count))
        if answer == _FINISHED:
            return distance, direction, out[: state[_N_OUT]]
        if answer == _QUEUE_FULL:
            head, tail = state[_HEAD], state[_TAIL]
            waiting = queue[np.arange(head, tail) % queue.size]
            queue = np.empty(2 * queue.size + 8, dtype=np.int64)
            queue[: waiting.size] = waiting
            state[_HEAD], state[_TAIL] = 0, waiting.size


_PHASE, _ROOT, _HEAD, _TAIL, _N_INSIDE, _N_EDGE, _N_OUT, _DONE = range(8)  # places in the loop's state
_GO_ON, _FINISHED, _QUEUE_FULL = range(3)
_SEARCH_AT_ONCE = 1 << 20
_QUEUE_SPARE = 1 << 10  # a cell may wait twice; the queue grows where that is not enough
_KERNEL_WORTH = 100_000  # flat cells


def _search_loop(
    roots, beside, drained, at_edge, length, seen, distance, direction, out, inside, edge, queue, state, budget
):
    """As `_search_flats`; returns when ``budget`` cells were looked at, to be called again."""
    phase, root, head, tail, n_inside, n_edge, n_out, done = state
    capacity = queue.size
    answer = 0
    while answer == 0 and budget > 0:
        if phase == 0:  # the next flat
            while root < roots.size and seen[roots[root]]:
                root += 1
            if root == roots.size:
                answer = 1
            else:
                seen[roots[root]] = True
                queue[0] = roots[root]
                head, tail, n_inside, n_edge, phase = 0, 1, 0, 0, 1
        elif phase == 1:  # its cells, each once
            while head < tail and budget > 0:
                cell = queue[head]
                head += 1
                budget -= 1
                done += 1
                for k in range(8):
                    other = beside[cell, k]
                    if other >= 0 and not seen[other]:
                        seen[other] = True
                        queue[tail] = other
                        tail += 1
                if drained[cell]:
                    inside[n_inside] = cell
                    n_inside += 1
                elif at_edge[cell]:
                    edge[n_edge] = cell
                    n_edge += 1
            if head == tail:
                if n_inside == 0:
                    for i in range(n_edge):
                        out[n_out] = inside[i] = edge[i]
                        n_out += 1
                    n_inside = n_edge
                for i in range(n_inside):
                    distance[inside[i]] = 0.0
                    queue[i] = inside[i]
                head, tail, phase = 0, n_inside, 2
        else:  # distances from its outlets; the queue goes round
            while head < tail and budget > 0 and tail - head + 8 <= capacity:
                cell = queue[head % capacity]
                head += 1
                budget -= 1
                done += 1
                here = distance[cell]
                for k in range(8):
                    other = beside[cell, k]
                    if other >= 0 and distance[other] > here + length[k]:
                        distance[other] = here + length[k]
                        direction[other] = (k + 4) % 8
                        queue[tail % capacity] = other
                        tail += 1
            if head == tail:
                phase = 0
            elif tail - head + 8 > capacity:
                answer = 2
    state[:] = (phase, root, head, tail, n_inside, n_edge, n_out, done)
    return answer


def _search_agrees(search):
    """Flats of a small map, one of them at its edge, some drained within."""
    rows, cols = 17, 23
    lattice = _Lattice((rows, cols))
    row, col = np.mgrid[:rows, :cols]
    member = lattice.flat((row * 7 + col * 3) % 11 < 8, False) & ~lattice.flat(row == 8, False)
    node = np.flatnonzero(member)
    name = np.full(lattice.size, -1)
    name[node] = np.arange(node.size)
    case = (
        np.arange(node.size),
        name[_neighbours(lattice, node)],
        lattice.flat((row > 8) & (col * row % 13 == 5), False)[node],
        lattice.flat((row == 0) & (col % 5 == 1), False)[node],
        lambda done: None,
    )
    return all(np.array_equal(one, other) for one, other in zip(_search_flats(*case), _search_compiled(search, *case)))


# streams -----------------------------------------------------------------------------------------


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
    parts, beat, done = [], _Beat(progress.part(0.0, 0.3), lattice.size), 0
    for level in flow._levels:
        cells, place, to, way, _ = flow._edges(level)
        near = np.flatnonzero(enough[cells[place]] & enough[to])
        parts.append((cells[place[near]], to[near], way[near]))
        done += cells.size
        beat(done)
    cell, to, way = (np.concatenate(part) for part in zip(*parts))
    above, below = {}, {}
    beat, done = _Beat(progress.part(0.3, 0.6), 2 * way.size), 0
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
    outlets = outlets[np.lexsort((columns, rows, columns // _INVEST_BLOCK, rows // _INVEST_BLOCK))]
    state = {}
    beat = _Beat(progress.part(0.6, 1.0), len(above))
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

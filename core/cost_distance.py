"""Accumulated cost over a resistance surface (Eq 8 of Feng, Bai & Wang 2024).

The cost of a step is its length times the mean of the two cells' resistances, in resistance x
metre, over eight neighbours; cells without a value, or with 0, are barriers. Every label is the
least sum over all paths, in float64.

Both engines are bucket queues (Dinitz; Denardo & Fox 1979): labels within a band are relaxed
until none changes, then the band moves on; a label that is improved again is relaxed again, so
the width of the band decides the speed and never the result. Since rounding of ``d + w`` is monotone,
``d[v] = min over u of fl(d[u] + w(u, v))`` has one solution: any exact method that computes the
weight as ``(h_u + h_v) * f`` gives the same bits.
"""

import math
import time

import numpy as np

from . import accel
from .errors import InputError
from .progress import SILENT

_BATCH_CELLS = 8_000_000  # label planes held at once by the numpy engine, in cells
_BATCH_SOURCES = 4
_STEP_CELLS = 1 << 17  # cells relaxed in one numpy step, bounds its memory and time
_STEP_WORTH = 100  # relaxations that cost as much as the fixed part of one step
_KERNEL_WORTH = 20_000_000  # cells to relax from which loading a compiled loop pays
_KERNEL_BUDGET = 50_000  # relaxations per call of the compiled loop: some 4 ms
_KERNEL_BUCKETS = 1024
_CHUNK = 64  # entries per chunk of a bucket there


class CostGrid:
    """A resistance surface prepared for floods: half resistances with a border of barriers.

    Parameters
    ----------
    resistance : Grid
        Resistance of 1 and more as a rule, any positive number in fact; nodata and 0 are barriers.
        Cells in metres, square or not.

    Attributes
    ----------
    half : float64 ndarray, shape ((rows + 2) * (cols + 2),)
        Half the resistance, +inf on barriers and on the border. 8 bytes per cell.
    offsets, lengths : ndarray, shape (8,)
        Step to each neighbour in flat cells and in metres; the order settles ties.
    n_passable, n_zero : int
        Cells with a resistance above 0, and cells with 0.

    Raises
    ------
    InputError
        Negative resistance, or no cell above 0.
    """

    def __init__(self, resistance):
        template = resistance.template
        self.template, self.name = template, resistance.name
        rows, cols = template.shape
        valid = resistance.valid
        negative = valid & (resistance.values < 0)
        count = int(np.count_nonzero(negative))
        if count:
            raise InputError(
                f"Raster '{self.name}' has {count} cell(s) with negative resistance, the smallest "
                f"{resistance.values[negative].min():g}: resistance must be above 0; correct them, or "
                f"set cells that cannot be passed to nodata or 0."
            )
        self.n_zero = int(np.count_nonzero(valid & (resistance.values == 0)))
        valid &= resistance.values > 0
        self.n_passable = int(np.count_nonzero(valid))
        if not self.n_passable:
            raise InputError(
                f"Raster '{self.name}' has no cell with a resistance above 0, so nothing "
                f"can pass: choose the resistance surface, or correct its values."
            )
        half = np.full((rows + 2, cols + 2), np.inf)
        np.copyto(half[1:-1, 1:-1], resistance.values, where=valid, casting="unsafe")
        half *= 0.5
        self.half = half.ravel()
        self._lowest = float(self.half.min())
        self._highest = float(np.max(half[1:-1, 1:-1], where=valid, initial=0.0))
        width, height = template.cell_width, template.cell_height
        diagonal = math.sqrt(width * width + height * height)
        stride = cols + 2
        self.stride = stride
        self.offsets = np.array(
            [-stride, -1, 1, stride, -stride - 1, -stride + 1, stride - 1, stride + 1], dtype=np.int64
        )
        self.lengths = np.array([height, width, width, height] + 4 * [diagonal])

    @property
    def size(self):
        return self.half.size

    def index(self, rows, cols):
        """Flat cell numbers of rows and columns."""
        return (np.asarray(rows, dtype=np.int64) + 1) * self.stride + np.asarray(cols, dtype=np.int64) + 1

    def rows_cols(self, index):
        """Rows and columns of flat cell numbers."""
        rows, cols = np.divmod(np.asarray(index, dtype=np.int64), self.stride)
        return rows - 1, cols - 1

    def passable(self, index):
        """True where a flat cell is no barrier."""
        return np.isfinite(self.half[index])

    def to_map(self, flat):
        """A flat array as (rows, cols), without the border; a view."""
        return flat.reshape(-1, self.stride)[1:-1, 1:-1]

    def step_range(self):
        """Smallest and largest weight that a step can have."""
        return 2 * self._lowest * float(self.lengths.min()), 2 * self._highest * float(self.lengths.max())


def accumulated_cost(cost_grid, starts, max_cost=math.inf, progress=SILENT):
    """Least cost from the nearest start to every cell.

    Parameters
    ----------
    cost_grid : CostGrid
    starts : integer array
        Flat cells (:meth:`CostGrid.index`) at cost 0; barriers among them stay barriers.
    max_cost : float
        Cells farther than this, in resistance x metre, are left unreached.

    Returns
    -------
    float64 ndarray, shape (rows, cols)
        +inf where nothing leads. About 21 bytes per cell beyond the resistance, its halves included.
    """
    for labels in floods(cost_grid, [starts], max_costs=[max_cost], progress=progress):
        return cost_grid.to_map(labels)


def floods(cost_grid, starts, targets=None, max_costs=None, progress=SILENT):
    """One accumulated-cost surface per set of starts, several computed at once.

    Parameters
    ----------
    cost_grid : CostGrid
    starts : list of integer arrays
        Flat cells at cost 0.
    targets : list of lists of integer arrays, optional
        Per flood the cell sets it has to reach. It stops once the nearest cell of each is settled.
    max_costs : list of float, optional
        Per flood the cost beyond which nothing is wanted.

    Yields
    ------
    float64 ndarray, shape (cost_grid.size,)
        Per flood, in order. Labels that are not final because the flood stopped early are +inf.
        The array is written over when the next one is asked for.
    """
    count = len(starts)
    if not count:
        return
    work = count * cost_grid.n_passable
    kernel = accel.kernel(_bucket_loop, _loop_agrees, work=work, worth=_KERNEL_WORTH, progress=progress)
    batch = 1 if kernel else max(1, min(_BATCH_SOURCES, count, _BATCH_CELLS // cost_grid.size))
    engine = _Compiled(cost_grid, kernel) if kernel else _Numpy(cost_grid, batch)
    for first in range(0, count, batch):
        turn = range(first, min(first + batch, count))
        bounds = [
            _Bound(targets[k] if targets is not None else None, max_costs[k] if max_costs is not None else math.inf)
            for k in turn
        ]
        ticker = _Ticker(progress, first, len(turn), count, cost_grid.n_passable)
        planes = engine.run([_starts(cost_grid, starts[k]) for k in turn], bounds, ticker)
        for labels, bound in zip(planes, bounds):
            limit = bound.value(labels)
            if limit < math.inf:
                labels[labels > limit] = np.inf
            yield labels


def trace(cost_grid, labels, cell):
    """The least-cost path from a cell back to a start, by exact equality in a fixed neighbour order.

    Parameters
    ----------
    labels : float64 ndarray, shape (cost_grid.size,)
        As :func:`floods` yields.
    cell : int
        Flat cell with a finite label.

    Returns
    -------
    list of int
        Flat cells, ``cell`` first, a start (label 0) last.
    """
    half, labels = memoryview(cost_grid.half), memoryview(labels)  # quicker than an array, cell by cell
    steps = list(zip(cost_grid.offsets.tolist(), cost_grid.lengths.tolist()))
    path, here = [int(cell)], labels[int(cell)]
    while here > 0:
        at, at_half = path[-1], half[path[-1]]
        for offset, length in steps:
            before = labels[at + offset]
            if before < here and before + (half[at + offset] + at_half) * length == here:
                path.append(at + offset)
                here = before
                break
        else:
            raise _too_wide(cost_grid)
    return path


def allocation(cost_grid, labels, starts, progress=SILENT):
    """Which set of starts each cell is reached from, after one flood from all of them.

    Parameters
    ----------
    labels : float64 ndarray, shape (cost_grid.size,)
        From one flood of all ``starts`` together.
    starts : list of integer arrays
        The k-th set gets the number k + 1; of cells in several sets the first keeps them.

    Returns
    -------
    int32 ndarray, shape (cost_grid.size,)
        0 where nothing leads. Peak 20 bytes per cell.
    """
    size, stride = cost_grid.size, cost_grid.stride
    origin = np.arange(size)
    block = max(1, 500_000 // stride) * stride
    for low in range(stride, size - stride, block):
        progress.check()
        high = min(low + block, size - stride)
        here, half = labels[low:high], cost_grid.half[low:high]
        open_cells = np.isfinite(here) & (here > 0)
        for offset, length in zip(cost_grid.offsets.tolist(), cost_grid.lengths.tolist()):
            # the border is one cell wide, so a diagonal may reach one cell past either end
            a, b = max(low, -offset), min(high, size - offset)
            cut = slice(a - low, b - low)
            before = labels[a + offset : b + offset]
            found = (
                open_cells[cut]
                & (before < here[cut])
                & (before + (cost_grid.half[a + offset : b + offset] + half[cut]) * length == here[cut])
            )
            origin[a:b][found] += offset
            open_cells[cut][found] = False
        if open_cells.any():
            raise _too_wide(cost_grid)
    while True:  # each round doubles the number of steps jumped
        progress.check()
        further = origin[origin]
        if np.array_equal(further, origin):
            break
        origin = further
    numbers = np.zeros(size, dtype=np.int32)
    for number in range(len(starts), 0, -1):
        numbers[starts[number - 1]] = number
    numbers = numbers[origin]
    numbers[~np.isfinite(labels)] = 0
    return numbers


def _too_wide(cost_grid):
    low, high = cost_grid.step_range()
    return InputError(
        f"Raster '{cost_grid.name}' holds resistances so far apart (steps cost {low:g} to "
        f"{high:g}) that the small ones vanish in the sum: narrow their range, for "
        f"instance to 1 to 1,000,000."
    )


def _starts(cost_grid, cells):
    cells = np.unique(np.asarray(cells, dtype=np.int64))
    return cells[cost_grid.passable(cells)]


class _Bound:
    """The cost beyond which labels of one flood are not wanted; it falls as targets are met."""

    def __init__(self, targets, max_cost):
        self._limit = math.inf if max_cost is None else float(max_cost)
        self._cells = None
        if targets:
            sizes = [len(cells) for cells in targets]
            self._cells = np.concatenate(targets).astype(np.int64)
            self._firsts = np.concatenate(([0], np.cumsum(sizes)[:-1]))
        self.cells = 0 if self._cells is None else self._cells.size

    def value(self, labels):
        if self._cells is not None:
            nearest = np.minimum.reduceat(labels.take(self._cells), self._firsts)
            self._limit = min(self._limit, float(nearest.max()))
        return self._limit


class _Ticker:
    """Tells progress some ten times a second how much of all floods is done."""

    def __init__(self, progress, first, batch, count, n_passable):
        self._progress, self._first, self._share = progress, first / count, batch / count
        self._expected = batch * n_passable
        self._next = 0.0

    def __call__(self, relaxed):
        now = time.monotonic()
        if now >= self._next:
            self._next = now + 0.1
            self._progress(self._first + self._share * min(1.0, relaxed / self._expected))


# engine of numpy alone -------------------------------------------------------------------------------


class _Numpy:
    """Relaxes all labels of a band at once, four floods side by side in one index space."""

    def __init__(self, cost_grid, batch):
        self._grid = cost_grid
        self._labels = np.empty(batch * cost_grid.size)
        self._mark = np.empty(batch * cost_grid.size, dtype=np.int32)
        self._half = cost_grid.half if batch == 1 else np.tile(cost_grid.half, batch)
        self._first_width = cost_grid.step_range()[0]

    def run(self, starts, bounds, ticker):
        size = self._grid.size
        labels, mark, half = self._labels, self._mark, self._half
        planes = labels.reshape(-1, size)[: len(starts)]
        labels.fill(np.inf)
        mark.fill(-1)
        offsets = self._grid.offsets[:, None]
        lengths = self._grid.lengths[:, None]
        bounded = any(bound.cells or bound.value(labels[:0]) < math.inf for bound in bounds)
        limits = np.full(len(starts), np.inf)
        target_cells = sum(bound.cells for bound in bounds)
        check_at = relaxed = serial = 0
        width = self._first_width
        far = np.concatenate([cells + k * size for k, cells in enumerate(starts)])
        labels[far] = 0.0
        far_keys = np.zeros(far.size)
        while far.size:
            if bounded:
                if relaxed >= check_at:
                    limits = np.array([bound.value(plane) for bound, plane in zip(bounds, planes)])
                    check_at = relaxed + 2 * target_cells
                wanted = far_keys <= limits[far // size]
                far, far_keys = far[wanted], far_keys[wanted]
                if not far.size:
                    break
            low = far_keys.min()
            edge = max(low + width, np.nextafter(low, np.inf))
            near = far_keys < edge
            active = far[near]
            later, later_keys = [far[~near]], [far_keys[~near]]
            if serial > 1 << 30:
                mark.fill(-1)
                serial = 0
            band_serial, repeats, steps = serial, 0, 0
            mark[active] = serial
            serial += 1
            while active.size:
                ticker(relaxed)
                rest, active = active[_STEP_CELLS:], active[:_STEP_CELLS]
                steps += 1
                relaxed += active.size
                neighbours = active + offsets
                keys = half.take(neighbours)
                keys += half.take(active)
                keys *= lengths
                keys += labels.take(active)
                better = np.flatnonzero((keys < labels.take(neighbours)).ravel())
                cells, keys = neighbours.ravel().take(better), keys.ravel().take(better)
                labels[cells] = keys
                # several keys for one cell: the last was stored, so store those that beat it
                lost = np.flatnonzero(keys < labels.take(cells))
                while lost.size:
                    labels[cells[lost]] = keys[lost]
                    lost = lost[keys[lost] < labels[cells[lost]]]
                near = keys < edge
                best = labels.take(cells) == keys
                wait = best & ~near
                later.append(cells[wait])
                later_keys.append(keys[wait])
                cells = cells[best & near]
                repeats += np.count_nonzero(mark.take(cells) >= band_serial)
                active = self._distinct(cells, serial)
                serial += cells.size
                if rest.size:
                    active = np.concatenate((rest, active))
            # wider while the fixed cost of steps outweighs repeated work, narrower when not
            width = max(width * (0.5 if repeats > _STEP_WORTH * steps else 1.1), self._first_width)
            far, far_keys = np.concatenate(later), np.concatenate(later_keys)
            fresh = labels.take(far) == far_keys
            far = self._distinct(far[fresh], serial)
            serial += far.size
            far_keys = labels.take(far)
        return planes

    def _distinct(self, cells, serial):
        """Each cell once: the last mark left on a cell names the entry that is kept."""
        numbers = np.arange(serial, serial + cells.size, dtype=np.int32)
        self._mark[cells] = numbers
        return cells[self._mark.take(cells) == numbers]


# compiled engine -------------------------------------------------------------------------------------


class _Compiled:
    """One flood after the other through the compiled bucket loop.

    The queue is one pool of chunks of ``_CHUNK`` entries: a chain of chunks per bucket, and a chain of
    free ones. Chunk 0 is never used, so that 0 ends a chain. All whole numbers are unsigned: compiled,
    an index that cannot be negative needs no test.
    """

    def __init__(self, cost_grid, kernel):
        self._grid, self._kernel = cost_grid, kernel
        low, high = cost_grid.step_range()
        self._width = max(low, high / _KERNEL_BUCKETS) * (1 - 1e-6)
        self._buckets = 1 << (int(math.ceil(high / self._width)) + 2).bit_length()
        self._labels = np.empty(cost_grid.size)
        self._chunks = 2 * self._buckets + cost_grid.size // (8 * _CHUNK) + 1024

    def run(self, starts, bounds, ticker):
        grid, labels, bound, first = self._grid, self._labels, bounds[0], starts[0]
        labels.fill(np.inf)
        labels[first] = 0.0
        used = max(1, -(-first.size // _CHUNK))
        chunks = self._chunks + used
        cells, keys = np.zeros(chunks * _CHUNK, dtype=np.uint64), np.zeros(chunks * _CHUNK)
        following = np.arange(1, chunks + 1).astype(np.uint64)
        following[[used, -1]] = 0
        head, tail, read, filled = np.zeros((4, self._buckets), dtype=np.uint64)
        filled[:] = _CHUNK
        cells[_CHUNK : _CHUNK + first.size] = first
        head[0], tail[0], filled[0] = 1, used, first.size - (used - 1) * _CHUNK
        # first free chunk, free chunks, bucket, empty buckets since the last entry
        state = np.array([used + 1, chunks - used - 1, 0, 0], dtype=np.uint64)
        offsets = grid.offsets.astype(np.uint64)  # negative ones wrap round, and so does the sum
        limit, relaxed, check_at = bound.value(labels), 0, 0
        while state[3] < self._buckets:
            relaxed += int(
                self._kernel(
                    labels,
                    grid.half,
                    offsets,
                    grid.lengths,
                    1.0 / self._width,
                    limit,
                    cells,
                    keys,
                    following,
                    head,
                    tail,
                    read,
                    filled,
                    state,
                    np.uint64(self._buckets),
                    np.uint64(_KERNEL_BUDGET),
                )
            )
            ticker(relaxed)
            if relaxed >= check_at:
                limit = bound.value(labels)
                check_at = relaxed + 2 * bound.cells
            if state[1] < _CHUNK:
                more = following.size
                cells = np.concatenate((cells, np.zeros(more * _CHUNK, dtype=np.uint64)))
                keys = np.concatenate((keys, np.zeros(more * _CHUNK)))
                following = np.concatenate((following, np.arange(more + 1, 2 * more + 1).astype(np.uint64)))
                following[-1] = state[0]
                state[0] = more
                state[1] += np.uint64(more)
        return [labels]


def _bucket_loop(
    labels,
    half,
    offsets,
    lengths,
    per_width,
    limit,
    cells,
    keys,
    following,
    head,
    tail,
    read,
    filled,
    state,
    buckets,
    budget,
):
    """Empties buckets until none is left, the budget is spent or the pool runs low; cells relaxed.

    Buckets are emptied first in, first out; an entry keeps its key, so that one improved since is
    dropped. ``state`` carries on from call to call.
    """
    one, full = np.uint64(1), np.uint64(_CHUNK)
    free, n_free, bucket, empty = state[0], state[1], state[2], state[3]
    relaxed = np.uint64(0)
    while empty < buckets and relaxed < budget and n_free >= full:
        b = bucket & (buckets - one)
        chunk = head[b]
        if chunk == 0:
            bucket += one
            empty += one
            continue
        empty = np.uint64(0)
        at = read[b]
        last = chunk == tail[b]
        if at == full or (last and at == filled[b]):
            head[b] = np.uint64(0) if last else following[chunk]
            read[b] = np.uint64(0)
            if last:
                tail[b] = np.uint64(0)
                filled[b] = full
            following[chunk] = free
            free = chunk
            n_free += one
            continue
        read[b] = at + one
        at += chunk * full
        cell = cells[at]
        here = keys[at]
        if labels[cell] != here or here > limit:
            continue
        relaxed += one
        cell_half = half[cell]
        for k in range(8):
            other = cell + offsets[np.uint64(k)]
            key = here + (half[other] + cell_half) * lengths[np.uint64(k)]
            if key < labels[other]:
                labels[other] = key
                b = np.uint64(key * per_width) & (buckets - one)
                at = filled[b]
                if at == full:
                    new = free
                    free = following[new]
                    n_free -= one
                    following[new] = np.uint64(0)
                    if tail[b] == 0:
                        head[b] = new
                        read[b] = np.uint64(0)
                    else:
                        following[tail[b]] = new
                    tail[b] = new
                    at = np.uint64(0)
                filled[b] = at + one
                at += tail[b] * full
                cells[at] = other
                keys[at] = key
    state[0], state[1], state[2], state[3] = free, n_free, bucket, empty
    return relaxed


def _loop_agrees(kernel):
    """True when the compiled loop gives numpy's bits on a 60 x 60 grid with barriers and two starts."""
    from .grid.grid import Grid, Template

    rows, cols = np.indices((60, 60))
    values = 1 + 4 * np.abs(np.sin(rows * 1.7 + cols * 0.9) * np.cos(cols * 0.31))
    values[(rows % 17 == 5) & (cols % 13 > 2)] = 0
    grid = CostGrid(Grid(values, Template(60, 60, (0.0, 30.0, 0.0, 0.0, 0.0, -20.0), ""), None, "check"))
    starts = [grid.index([3, 40], [4, 50])]
    none = _Ticker(SILENT, 0, 1, 1, grid.n_passable)
    expected = _Numpy(grid, 1).run(starts, [_Bound(None, None)], none)[0].copy()
    found = _Compiled(grid, kernel).run(starts, [_Bound(None, None)], none)[0]
    return np.array_equal(expected, found)

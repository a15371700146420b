"""The compiled engine: one search after the other through a loop that numba compiles.

The queue is one pool of chunks of ``_CHUNK`` entries: a chain of chunks per bucket, and a chain of
free ones. Chunk 0 is never used, so that 0 ends a chain. All whole numbers are unsigned: compiled,
an index that cannot be negative needs no test.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Callable, NamedTuple

import numpy as np

from ..accel import Loop
from ..arrays import AnyArray, Floats, Ints
from .cost_grid import CostGrid
from .engine import Bound

_BUDGET = 50_000  # relaxations per call of the compiled loop: some 4 ms
_BUCKETS = 1024
_CHUNK = 64  # entries per chunk of a bucket


class Surface(NamedTuple):
    """What is relaxed: costs, half resistances, and the step to each neighbour in flat cells and in metres."""

    costs: Floats
    half: Floats
    offsets: AnyArray
    lengths: Floats


class Pool(NamedTuple):
    """The entries of all buckets, a cell and its key each, and the chunk that follows each chunk."""

    cells: AnyArray
    keys: Floats
    following: AnyArray

    def grown(self) -> Pool:
        """Twice the chunks; the new ones make a chain that ends with 0."""
        more = self.following.size
        following = np.concatenate((self.following, np.arange(more + 1, 2 * more + 1).astype(np.uint64)))
        return Pool(
            np.concatenate((self.cells, np.zeros(more * _CHUNK, dtype=np.uint64))),
            np.concatenate((self.keys, np.zeros(more * _CHUNK))),
            following,
        )


class Buckets(NamedTuple):
    """Of each bucket its first and last chunk, entries read of the first and filled of the last."""

    head: AnyArray
    tail: AnyArray
    read: AnyArray
    filled: AnyArray


class Limits(NamedTuple):
    """Buckets per unit of cost, the cost beyond which nothing is wanted, buckets, relaxations per call."""

    per_width: float
    cost: float
    buckets: np.uint64
    budget: np.uint64


# places in the state that goes on from call to call
_FREE, _N_FREE, _BUCKET, _EMPTY = range(4)


class CompiledEngine:
    """Surfaces of accumulated cost through the compiled :func:`bucket_loop`.

    Parameters
    ----------
    cost_grid : CostGrid
    loop : callable
        The compiled loop.
    """

    def __init__(self, cost_grid: CostGrid, loop: Loop) -> None:
        self._grid, self._loop = cost_grid, loop
        low, high = cost_grid.step_range()
        self._width = max(low, high / _BUCKETS) * (1 - 1e-6)
        self._buckets = 1 << (math.ceil(high / self._width) + 2).bit_length()
        self._costs = np.empty(cost_grid.size)
        self._chunks = 2 * self._buckets + cost_grid.size // (8 * _CHUNK) + 1024

    def run(self, starts: list[Ints], bounds: list[Bound], relaxed: Callable[[int], None]) -> Sequence[Floats]:
        """The surface from the one set of starts, an array that the next run writes over."""
        grid, costs, bound = self._grid, self._costs, bounds[0]
        costs.fill(np.inf)
        costs[starts[0]] = 0.0
        pool, buckets, state = self._filled_with(starts[0])
        # negative offsets wrap round, and so does the sum
        surface = Surface(costs, grid.half, grid.offsets.astype(np.uint64), grid.lengths)
        limit, n_relaxed, check_at = bound.value(costs), 0, 0
        while state[_EMPTY] < self._buckets:
            limits = Limits(1.0 / self._width, limit, np.uint64(self._buckets), np.uint64(_BUDGET))
            n_relaxed += int(self._loop(surface, pool, buckets, limits, state))
            relaxed(n_relaxed)
            if n_relaxed >= check_at:
                limit = bound.value(costs)
                check_at = n_relaxed + 2 * bound.cells
            if state[_N_FREE] < _CHUNK:
                more = pool.following.size
                pool = pool.grown()
                pool.following[-1] = state[_FREE]
                state[_FREE] = more
                state[_N_FREE] += np.uint64(more)
        return [costs]

    def _filled_with(self, starts: Ints) -> tuple[Pool, Buckets, AnyArray]:
        """The queue with all starts in its first bucket."""
        used = max(1, -(-starts.size // _CHUNK))
        chunks = self._chunks + used
        cells, keys = np.zeros(chunks * _CHUNK, dtype=np.uint64), np.zeros(chunks * _CHUNK)
        following = np.arange(1, chunks + 1).astype(np.uint64)
        following[[used, -1]] = 0
        head, tail, read, filled = np.zeros((4, self._buckets), dtype=np.uint64)
        filled[:] = _CHUNK
        cells[_CHUNK : _CHUNK + starts.size] = starts
        head[0], tail[0], filled[0] = 1, used, starts.size - (used - 1) * _CHUNK
        # first free chunk, free chunks, bucket, empty buckets since the last entry
        state = np.array([used + 1, chunks - used - 1, 0, 0], dtype=np.uint64)
        return Pool(cells, keys, following), Buckets(head, tail, read, filled), state


def bucket_loop(surface: Surface, pool: Pool, buckets: Buckets, limits: Limits, state: AnyArray) -> np.uint64:
    """Empty buckets until none is left, the budget is spent or the pool runs low; return the cells relaxed.

    Buckets are emptied first in, first out; an entry keeps its key, so that one improved since is
    dropped. ``state`` goes on from call to call.
    """
    costs, half, offsets, lengths = surface
    cells, keys, following = pool
    head, tail, read, filled = buckets
    per_width, limit, n_buckets, budget = limits
    one, full = np.uint64(1), np.uint64(_CHUNK)
    free, n_free, bucket, empty = state[0], state[1], state[2], state[3]
    relaxed = np.uint64(0)
    while empty < n_buckets and relaxed < budget and n_free >= full:
        b = bucket & (n_buckets - one)
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
        if costs[cell] != here or here > limit:
            continue
        relaxed += one
        cell_half = half[cell]
        for k in range(8):
            other = cell + offsets[np.uint64(k)]
            key = here + (half[other] + cell_half) * lengths[np.uint64(k)]
            if key < costs[other]:
                costs[other] = key
                b = np.uint64(key * per_width) & (n_buckets - one)
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

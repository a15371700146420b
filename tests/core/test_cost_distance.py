"""Accumulated cost against Graphab, SciPy and a heap written here; the engines against each other."""

import csv
import heapq
import importlib.util
import json
import math
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from econet.core import accel
from econet.core.cost_distance import CostGrid, Search, accumulated_cost, allocation, cost_surfaces, least_cost_path
from econet.core.cost_distance.compiled_engine import bucket_loop
from econet.core.errors import Cancelled, InputError
from econet.core.grid.grid import Grid, Template
from econet.core.grid.reading import RasterSource, read_raster
from econet.core.progress import SILENT, Progress

DATA = Path(__file__).resolve().parent.parent / "data" / "least_cost"


def floods(grid, starts, targets=None, max_costs=None, progress=SILENT):
    searches = [
        Search(cells, targets=targets[k] if targets else (), max_cost=max_costs[k] if max_costs else math.inf)
        for k, cells in enumerate(starts)
    ]
    return cost_surfaces(grid, searches, progress=progress)


def grid_of(values, dx=30.0, dy=30.0, nodata=None):
    values = np.asarray(values)
    return Grid(values, Template(*values.shape, (0.0, dx, 0.0, 0.0, 0.0, -dy), ""), nodata, "resistance")


def cost_from(values, start, dx=30.0, dy=30.0, **more):
    grid = CostGrid(grid_of(values, dx, dy))
    return accumulated_cost(grid, [grid.index(*start)], **more)


def heap(values, starts, dx, dy):
    """Dijkstra with a binary heap over cells, the textbook way."""
    values = np.asarray(values)
    rows, cols = values.shape
    half = [[float(v) * 0.5 for v in row] for row in values]
    best, queue = {}, [(0.0, tuple(start)) for start in starts]
    while queue:
        cost, (r, c) = heapq.heappop(queue)
        if (r, c) in best:
            continue
        best[r, c] = cost
        for down in (-1, 0, 1):
            for right in (-1, 0, 1):
                y, x = r + down, c + right
                if (y, x) in best or not (0 <= y < rows and 0 <= x < cols) or not half[y][x] > 0:
                    continue
                length = dy if not right else dx if not down else math.sqrt(dx * dx + dy * dy)
                heapq.heappush(queue, (cost + (half[r][c] + half[y][x]) * length, (y, x)))
    result = np.full(values.shape, np.inf)
    for (r, c), cost in best.items():
        result[r, c] = cost
    return result


def cases():
    """Names and arrays: ties, real numbers, a wide range, barriers, one row, one column, one cell."""
    rng = np.random.default_rng(7)
    real = rng.uniform(1, 5, (31, 23))
    holes = real.copy()
    holes[rng.random(holes.shape) < 0.3] = np.nan
    holes[0, 0] = 2
    holes[:, 15] = 0
    maze = np.full((15, 14), np.nan)
    maze[::2] = 1
    maze[1::4, -1] = maze[3::4, 0] = 1
    return {
        "ties": np.ones((20, 20)),
        "integers": rng.integers(1, 4, (25, 30)).astype(np.uint8),
        "real": real,
        "float32": real.astype(np.float32),
        "holes": holes,
        "wide": 10 ** rng.uniform(0, 6, (30, 30)),
        "below one": rng.uniform(1e-4, 1e-3, (12, 40)),
        "blobs": np.where(real > 4, 1e6, 1.0),
        "row": rng.uniform(1, 5, (1, 50)),
        "column": rng.uniform(1, 5, (50, 1)),
        "one cell": np.array([[3.0]]),
        "maze": maze,
    }


ENGINES = ["numpy"] + ["numba"] * (importlib.util.find_spec("numba") is not None)


@pytest.fixture(params=ENGINES)
def engine(request):
    accel.prefer(request.param)
    yield request.param
    accel.prefer("auto")


@pytest.mark.parametrize("dx, dy", [(30.0, 30.0), (25.0, 40.0), (0.7, 0.3)])
@pytest.mark.parametrize("name", cases())
def test_equal_to_a_heap_to_the_last_bit(name, dx, dy, engine):
    values = cases()[name]
    expected = heap(values, [(0, 0)], dx, dy)
    assert np.array_equal(cost_from(values, (0, 0), dx, dy), expected)
    if engine == "numba":
        assert any(kernel is not None for kernel in accel._kernels.values()), "numba was not used"


@pytest.mark.parametrize("name", ["integers", "holes", "wide"])
def test_several_starts_and_several_floods_side_by_side(name, engine):
    values = cases()[name]
    grid = CostGrid(grid_of(values, 25, 40))
    sets = [[(0, 0), (20, 5)], [(3, 3)], [(20, 20)], [(1, 9), (2, 9)], [(24, 0)], [(0, 22)]]
    starts = [grid.index(*np.transpose(cells)) for cells in sets]
    for cells, labels in zip(sets, floods(grid, starts)):
        passable = [cell for cell in cells if values[cell] > 0]
        assert np.array_equal(grid.to_map(labels), heap(values, passable, 25, 40))


SCIPY = """
import sys
import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra
values = np.load(sys.argv[1])
rows, cols = values.shape
half = np.pad(values * 0.5, 1, constant_values=np.nan)
number = np.pad(np.arange(rows * cols).reshape(rows, cols), 1)
heads, tails, weights = [], [], []
for down in (-1, 0, 1):
    for right in (-1, 0, 1):
        if down or right:
            diagonal = np.sqrt(25.0 ** 2 + 40.0 ** 2)
            f = {(True, False): 40.0, (False, True): 25.0, (True, True): diagonal}[bool(down), bool(right)]
            a = np.s_[1:-1, 1:-1]
            b = np.s_[1 + down:1 + down + rows, 1 + right:1 + right + cols]
            w = ((half[a] + half[b]) * f).ravel()
            ok = np.isfinite(w)
            heads.append(number[a].ravel()[ok]); tails.append(number[b].ravel()[ok]); weights.append(w[ok])
graph = csr_matrix((np.concatenate(weights), (np.concatenate(heads), np.concatenate(tails))), shape=(rows * cols,) * 2)
np.save(sys.argv[2], dijkstra(graph, indices=0).reshape(rows, cols))
"""


def test_equal_to_scipy_to_the_last_bit(tmp_path, engine):
    rng = np.random.default_rng(3)
    values = rng.uniform(1, 5, (120, 150)).astype(np.float32).astype(np.float64)
    values[rng.random(values.shape) < 0.2] = np.nan
    values[0, 0] = 1
    np.save(tmp_path / "in.npy", values)
    subprocess.run([sys.executable, "-c", SCIPY, str(tmp_path / "in.npy"), str(tmp_path / "out.npy")], check=True)
    assert np.array_equal(cost_from(values, (0, 0), 25, 40), np.load(tmp_path / "out.npy"))


def test_graphab_links(engine):
    codes = read_raster(RasterSource(str(DATA / "graphab50_landscape.tif")))
    costs = json.loads((DATA / "costs.json").read_text())["cost_by_code"]
    values = np.array([costs[str(code)] for code in range(6)], dtype=np.float32)[codes.values.astype(int)]
    grid = CostGrid(codes.like(values, name="costs"))
    points = np.loadtxt(DATA / "points50.txt")
    rows, cols = codes.template.row_col(points[:, 1], points[:, 2])
    labels = next(floods(grid, [grid.index(rows[:1], cols[:1])]))
    with open(DATA / "graphab_links_point1.csv", newline="") as stream:
        links = list(csv.DictReader(stream))
    assert len(links) == 49
    same_length = 0
    for link in links:
        cell = grid.index(rows[int(link["ID1"]) - 1], cols[int(link["ID1"]) - 1])
        assert labels[cell] / 100 == pytest.approx(float(link["Dist"]), rel=1e-6)
        path = np.array(grid.rows_cols(least_cost_path(grid, labels, cell)))
        length_m = 100 * np.hypot(*np.diff(path)).sum()
        same_length += abs(length_m - float(link["DistM"])) < 1e-6 * length_m
    # costs of six whole numbers leave many equally cheap paths; most lengths agree all the same
    assert same_length > 25


def test_worked_by_hand():
    cost = cost_from([[2, 4], [100, 6]], (0, 0), 30, 20)
    assert cost[0, 1] == 90  # 30 m x 3
    assert cost[1, 0] == 1020  # 20 m x 51
    assert cost[1, 1] == pytest.approx(4 * math.hypot(30, 20))  # 36.06 m x 4
    # 36.06 m x 31 = 1117.7 is more than 30 m x 3 and then 20 m x 32
    assert cost_from([[2, 4], [100, 60]], (0, 0), 30, 20)[1, 1] == 730


def test_rotated_and_transposed_grids_give_the_same_costs():
    values = cases()["holes"]
    rows, cols = values.shape
    cost = cost_from(values, (0, 0), 25, 40)
    np.testing.assert_array_equal(cost_from(values.T, (0, 0), 40, 25), cost.T)
    np.testing.assert_array_equal(cost_from(np.rot90(values, 2), (rows - 1, cols - 1), 25, 40), np.rot90(cost, 2))
    np.testing.assert_array_equal(cost_from(np.rot90(values), (cols - 1, 0), 40, 25), np.rot90(cost))


def test_symmetric_and_a_metric():
    values = cases()["real"]
    cells = [(0, 0), (30, 22), (15, 3)]
    cost = {a: cost_from(values, a) for a in cells}
    for a in cells:
        for b in cells:
            assert cost[a][b] == pytest.approx(cost[b][a], rel=1e-12)
            for c in cells:
                assert cost[a][c] <= (cost[a][b] + cost[b][c]) * (1 + 1e-12)


def test_no_resistance_is_lowered_and_cost_rises():
    values = cases()["real"]
    raised = values.copy()
    raised[10:20, 5:15] *= 3
    assert (cost_from(raised, (0, 0)) >= cost_from(values, (0, 0))).all()
    np.testing.assert_allclose(cost_from(4 * values, (0, 0)), 4 * cost_from(values, (0, 0)), rtol=1e-12)


def test_bounded_flood_equals_the_whole_one_within_its_bound(engine):
    values = cases()["holes"]
    whole = cost_from(values, (0, 0))
    bound = float(np.median(whole[np.isfinite(whole)]))
    bounded = cost_from(values, (0, 0), max_cost=bound)
    assert np.array_equal(bounded, np.where(whole <= bound, whole, np.inf))


def test_flood_that_stops_at_its_targets(engine):
    values = cases()["real"]
    grid = CostGrid(grid_of(values))
    whole = cost_from(values, (0, 0))
    targets = [[grid.index([5, 6], [5, 6]), grid.index([9], [2])], [grid.index([30], [22])]]
    start = grid.index([0], [0])
    first, second = (labels.copy() for labels in floods(grid, [start, start], targets))
    reached = max(min(whole[5, 5], whole[6, 6]), whole[9, 2])
    assert np.array_equal(grid.to_map(first), np.where(whole <= reached, whole, np.inf))
    assert grid.to_map(second)[30, 22] == whole[30, 22]


def test_paths_add_up_to_their_cost(engine):
    for name in ("holes", "wide", "ties", "blobs"):
        values = cases()[name]
        grid = CostGrid(grid_of(values, 25, 40))
        labels = next(floods(grid, [grid.index([0], [0])]))
        cells = np.flatnonzero(np.isfinite(labels))
        for cell in cells[::37]:
            path = least_cost_path(grid, labels, int(cell))
            rows, cols = grid.rows_cols(path)
            assert (rows[-1], cols[-1]) == (0, 0) and len(set(path)) == len(path)
            total = 0.0
            for k in range(len(path) - 1, 0, -1):
                length = math.hypot(25 * (cols[k] - cols[k - 1]), 40 * (rows[k] - rows[k - 1]))
                assert max(abs(cols[k] - cols[k - 1]), abs(rows[k] - rows[k - 1])) == 1
                total += length * (float(values[rows[k], cols[k]]) + float(values[rows[k - 1], cols[k - 1]])) / 2
            assert total == pytest.approx(labels[cell], rel=1e-12)


def test_allocation_is_the_nearest_source():
    for name in ("real", "holes", "wide", "ties"):
        values = cases()[name]
        grid = CostGrid(grid_of(values, 25, 40))
        starts = [grid.index(*np.transpose(cells)) for cells in ([(0, 0)], [(10, 10), (11, 10)], [(18, 4)])]
        starts = [cells[grid.passable(cells)] for cells in starts]
        labels = next(floods(grid, [np.concatenate(starts)])).copy()
        zones = allocation(grid, labels, starts)
        each = np.array([one.copy() for one in floods(grid, starts)])
        assert np.array_equal(each.min(axis=0), labels)
        reached = np.isfinite(labels)
        assert (zones[~reached] == 0).all() and (zones[reached] > 0).all()
        nearest = each[zones[reached] - 1, np.flatnonzero(reached)]
        assert np.array_equal(nearest, labels[reached])


def test_resistances_too_far_apart_are_refused():
    values = np.array([[1e18, 1e-6, 1e-6, 1e-6]])
    grid = CostGrid(grid_of(values))
    labels = next(floods(grid, [grid.index([0], [0])]))
    with pytest.raises(InputError, match="so far apart"):
        least_cost_path(grid, labels, grid.index(0, 3))
    with pytest.raises(InputError, match="so far apart"):
        allocation(grid, labels, [grid.index([0], [0])])


def test_far_apart_resistances_still_flood(engine):
    values = np.array([[1e-9, 1e9, 1e-9], [1e12, 1e-3, 1e9]])
    assert np.array_equal(cost_from(values, (0, 0)), heap(values, [(0, 0)], 30, 30))


def test_starts_on_barriers_reach_nothing(engine):
    assert np.isinf(cost_from([[0.0, 1.0, 1.0]], (0, 0))).all()


def test_bad_resistance_is_refused():
    with pytest.raises(InputError, match=r"'resistance' has 2 cell\(s\) with negative resistance, the smallest -4"):
        CostGrid(grid_of([[1.0, -4.0], [-1.0, 2.0]]))
    with pytest.raises(InputError, match="no cell with a resistance above 0"):
        CostGrid(grid_of([[0.0, np.nan]]))
    # -9999 as nodata is a barrier, not a negative resistance
    assert CostGrid(grid_of([[1, -9999]], nodata=-9999)).n_passable == 1


def test_input_is_not_altered():
    values = cases()["holes"]
    before = values.copy()
    cost_from(values, (0, 0))
    np.testing.assert_array_equal(values, before)


def test_cancel_within_a_second(engine):
    rng = np.random.default_rng(1)
    values = rng.uniform(1, 5, (900, 900))
    grid = CostGrid(grid_of(values))
    list(floods(CostGrid(grid_of(values[:70, :70])), [[80]]))  # compiled beforehand
    asked = []

    def cancelled():
        asked.append(time.monotonic())
        return len(asked) > 2

    began = time.monotonic()
    with pytest.raises(Cancelled):
        list(floods(grid, [[grid.index(450, 450)]] * 8, progress=Progress(cancelled=cancelled)))
    gaps = np.diff([began, *asked, time.monotonic()])
    assert gaps.max() < 1


def test_progress_rises_to_one(engine):
    values = np.random.default_rng(2).uniform(1, 5, (400, 400))
    grid = CostGrid(grid_of(values))
    told = []
    list(floods(grid, [[grid.index(5, 5)]] * 6, progress=Progress(told.append)))
    assert told == sorted(told) and len(told) > 2 and told[0] >= 0 and told[-1] <= 1


def test_a_compiled_loop_that_errs_or_differs_is_not_used(monkeypatch):
    said = []
    progress = Progress(log=said.append)
    monkeypatch.setattr(accel, "_kernels", {})

    def wrong(kernel):
        return False

    def broken(kernel):
        raise SystemError("initialization of _internal failed")

    accel.prefer("numba")
    try:
        for agrees in (wrong, broken):
            accel._kernels.clear()
            assert accel.kernel(bucket_loop, agrees, work=1, worth=0, progress=progress) is None
        values = cases()["real"]
        assert np.array_equal(cost_from(values, (0, 0)), heap(values, [(0, 0)], 30, 30))
    finally:
        accel.prefer("auto")
    if said:  # silent where numba is not installed at all
        assert any("differed" in text for text in said) and any("initialization" in text for text in said)


def test_small_work_does_not_wait_for_numba(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    monkeypatch.setattr(accel, "_kernels", {})
    accel.prefer("auto")

    def always(kernel):
        return True

    assert accel.kernel(bucket_loop, always, work=10, worth=100, progress=Progress()) is None
    assert accel.kernel(bucket_loop, always, work=100, worth=100, progress=Progress()) is None

"""All corridors of a mining city against scikit-image and SciPy, on the same arrays in the same run.

Every way computes the accumulated cost from each source point and the least-cost path of each
pair; SciPy computes one flood, which is multiplied by the number of sources.
"""

import subprocess
import sys
import tempfile
import tracemalloc
from pathlib import Path

import numpy as np
from landscape import mining_city, read_study, synthetic

from econet.core import accel
from econet.core.corridors.least_cost_paths import CorridorChoices, corridors
from econet.core.cost_distance import CostGrid, Search, cost_surfaces, least_cost_path
from econet.core.ids import source_ids

SCIPY = """
import sys, time
import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra
values, cells = np.load(sys.argv[1]), np.load(sys.argv[2])
dx, dy = float(sys.argv[3]), float(sys.argv[4])
rows, cols = values.shape
half = np.full((rows + 2, cols + 2), np.nan)
half[1:-1, 1:-1] = values * 0.5
inner = np.isfinite(half)
number = np.full(half.shape, -1, dtype=np.int32)
number[inner] = np.arange(inner.sum(), dtype=np.int32)
half, number, inner = half.ravel(), number.ravel(), np.flatnonzero(inner)
heads, tails, weights = [], [], []
for step, f in ((1, dx), (cols + 2, dy), (cols + 1, np.hypot(dx, dy)), (cols + 3, np.hypot(dx, dy))):
    for sign in (-1, 1):
        w = (half[inner] + half[inner + sign * step]) * f
        ok = np.isfinite(w)
        heads.append(number[inner[ok]]); tails.append(number[inner[ok] + sign * step]); weights.append(w[ok])
graph = csr_matrix((np.concatenate(weights), (np.concatenate(heads), np.concatenate(tails))), shape=(inner.size,) * 2)
nodes = number[(cells[:, 0] + 1) * (cols + 2) + cells[:, 1] + 1]
began = time.perf_counter()
cost = dijkstra(graph, indices=nodes[0])
took = time.perf_counter() - began
np.save(sys.argv[5], cost[nodes])
print(took)
"""


def add_options(parser):
    group = parser.add_argument_group("corridors")
    group.add_argument("--resistance", help="resistance raster of a study")
    group.add_argument("--sources", help="its sources: file or file|layername=name")
    group.add_argument(
        "--synthetic",
        nargs=2,
        type=int,
        metavar=("ROWS", "COLS"),
        help="made-up arrays of this size; without it and a study, the mining city as "
        "scripts/demo leaves it, or made-up arrays of its size where there is none",
    )


def main(options):
    from run import in_turns, table, versions

    if options.resistance:
        resistance, sources = read_study(options.resistance, options.sources)
    elif options.synthetic:
        resistance, sources = synthetic(*options.synthetic)
    else:
        resistance, sources = mining_city() or synthetic()
    ids = source_ids(sources)
    grid = CostGrid(resistance)
    points = source_points(resistance, sources, ids)
    count = len(points)
    cells = grid.index(points[:, 0], points[:, 1])
    print(
        f"{resistance.name}: {resistance.values.shape[0]} x {resistance.values.shape[1]} cells, {grid.n_passable} "
        f"passable, {count} sources, {count * (count - 1) // 2} pairs\n"
        f"{versions('numpy', 'scipy', 'skimage', 'numba')}\n"
    )

    def surfaces(engine):
        def way():
            accel.prefer(engine)
            costs = np.empty((count, count))
            for k, labels in enumerate(cost_surfaces(grid, [Search([cell]) for cell in cells])):
                costs[k] = labels[cells]
                for other in cells[k + 1 :]:
                    if np.isfinite(labels[other]):
                        least_cost_path(grid, labels, other)
            return costs

        return way

    def paths(engine):
        def way():
            accel.prefer(engine)
            return len(corridors(resistance, sources, ids=ids, choices=CorridorChoices()).corridors)

        return way

    engines = ["numpy"]
    accel.prefer("numba")
    next(cost_surfaces(grid, [Search([cells[0]])]))  # compiled, or loaded from numba's cache, before the clock starts
    if any(kernel is not None for kernel in accel._kernels.values()):
        engines.append("numba")
    ways = {}
    for engine in engines:
        ways[f"EcoNet, {engine}: surfaces and paths"] = surfaces(engine)
        ways[f"EcoNet, {engine}: corridors (paths only)"] = paths(engine)
    with tempfile.TemporaryDirectory() as folder:
        peers = [
            ("scikit-image MCP_Geometric", scikit_image(resistance, points)),
            ("SciPy dijkstra, one flood", scipy_once(resistance, points, Path(folder))),
        ]
        ways.update(peer for peer in peers if peer[1])
        seconds, results = in_turns(ways, options.rounds)
    accel.prefer("auto")
    report(seconds, results, count, grid.n_passable, table)
    memory(grid, cells, table)


def source_points(resistance, sources, ids):
    """Row and column of each source's point, read off the corridors themselves."""
    ends = {}
    for corridor in corridors(resistance, sources, ids=ids, choices=CorridorChoices()).corridors:
        ends[corridor.source_a] = corridor.rows[0], corridor.cols[0]
        ends[corridor.source_b] = corridor.rows[-1], corridor.cols[-1]
    return np.array([ends[identifier] for identifier in sorted(ends)])


def scikit_image(resistance, points):
    try:
        from skimage.graph import MCP_Geometric
    except ImportError:
        return None
    values = resistance.floats(np.float64)
    values[~(values > 0)] = -1  # negative is impassable there
    template = resistance.template

    def way():
        costs = np.empty((len(points), len(points)))
        for k, point in enumerate(points):
            peer = MCP_Geometric(values, sampling=(template.cell_height, template.cell_width))
            cumulative, _ = peer.find_costs([tuple(point)])
            costs[k] = cumulative[points[:, 0], points[:, 1]]
            for other in points[k + 1 :]:
                if np.isfinite(cumulative[tuple(other)]):
                    peer.traceback(tuple(other))
        return costs

    return way


def scipy_once(resistance, points, folder):
    """One flood in a child process: some versions of SciPy's dijkstra crash. Building the graph is not timed."""
    values = resistance.floats(np.float64)
    values[~(values > 0)] = np.nan
    np.save(folder / "values.npy", values)
    np.save(folder / "points.npy", points)
    template = resistance.template

    def way():
        child = subprocess.run(
            [
                sys.executable,
                "-c",
                SCIPY,
                str(folder / "values.npy"),
                str(folder / "points.npy"),
                repr(template.cell_width),
                repr(template.cell_height),
                str(folder / "costs.npy"),
            ],
            capture_output=True,
            text=True,
        )
        if child.returncode:
            return float("nan"), None
        return float(child.stdout), np.load(folder / "costs.npy")

    return way


def report(seconds, results, count, n_passable, table):
    ours = [name for name in seconds if name.startswith("EcoNet")]
    peers = [name for name in seconds if name not in ours]
    peer_seconds = {name: seconds[name] * (count if "one flood" in name else 1) for name in peers}
    rows = []
    for name in [*ours, *peers]:
        took = peer_seconds.get(name, seconds[name])
        rows.append(
            [
                name + (f" x {count}" if "one flood" in name else ""),
                f"{took:.2f}",
                f"{1e9 * took / count / n_passable:.0f}",
                *(f"{peer_seconds[peer] / took:.2f}" for peer in peers),
            ]
        )
    table(["whole job", "seconds", "ns per cell and source", *(f"against {peer.split()[0]}" for peer in peers)], rows)
    reference = results[ours[0]]
    for name in [name for name in ours if "surfaces" in name] + peers:
        if results[name] is not None:
            other = results[name]
            mine = reference if other.ndim == 2 else reference[0]
            print(f"same bits as the numpy engine, {name}: {np.array_equal(other, mine)}")


def memory(grid, cells, table):
    """Peak beyond the resistance and its halves, by tracemalloc, in a flood of its own."""
    rows = []
    for engine in ("numpy", "numba"):
        accel.prefer(engine)
        tracemalloc.start()
        next(cost_surfaces(grid, [Search([cells[0]])]))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        rows.append([f"EcoNet, {engine}", f"{(peak + grid.half.nbytes) / grid.size:.1f}"])
    accel.prefer("auto")
    print()
    table(["one flood, half resistances included", "bytes per cell"], rows)

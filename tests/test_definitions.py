"""The definitions themselves, written a second time in the plainest way and held against random small cases.

Corridors: a Dijkstra of our own and, where it is installed, scikit-image. PC and IIC: all paths, one by
one. Betweenness: networkx. Natural breaks: all divisions. Gravity: Eq 9 by hand.
"""

import heapq
import itertools
import math

import networkx
import numpy as np
import pytest
from osgeo import ogr

from econet.core.connectivity.dispersal import Dispersal
from econet.core.connectivity.indices import connectivity
from econet.core.corridors.gravity import AreaUnit, GravityChoices, GravityForm, gravity_model
from econet.core.corridors.least_cost_paths import CorridorChoices, PairsOfSources, corridors
from econet.core.corridors.source_cells import PathEnds
from econet.core.crs import Crs
from econet.core.errors import InputError
from econet.core.geometry.layers import Layer
from econet.core.grid.grid import Grid, Template
from econet.core.natural_breaks.classes import natural_breaks

UTM = Crs.of("EPSG:32651").reference.ExportToWkt()
SEEDS = range(16)


POINTS, EDGES = PathEnds.POINTS, PathEnds.EDGES
ALL_PAIRS, NEIGHBOURS = PairsOfSources.ALL, PairsOfSources.NEIGHBOURS


def template(rows, cols, width, height, west=500000.0, north=4600000.0):
    return Template(rows, cols, (west, width, 0.0, north, 0.0, -height), UTM, "map")


def polygon(cells, box):
    """A polygon along the edges of cells; ``box`` is first row, first column, rows, columns."""
    row, col, rows, cols = box
    west, width, _, north, _, height = cells.transform
    left, top = west + col * width, north + row * height
    right, bottom = left + cols * width, top + rows * height
    return ogr.CreateGeometryFromWkt(
        f"POLYGON(({left} {bottom},{right} {bottom},{right} {top},{left} {top},{left} {bottom}))"
    )


def layer(cells, boxes):
    return Layer("sources", UTM, [polygon(cells, box) for box in boxes], [{} for _ in boxes], [])


def cells_of(box):
    row, col, rows, cols = box
    return [(r, c) for r in range(row, row + rows) for c in range(col, col + cols)]


def random_map(rng, seed, rows, cols):
    """Resistance of four kinds by turns: continuous or of few values (ties), without or with barriers."""
    continuous, has_barriers = seed % 4 < 2, seed % 2 == 1
    values = rng.uniform(0.1, 50, (rows, cols)) if continuous else rng.choice([1.0, 5.0, 100.0], (rows, cols))
    if has_barriers:
        values[rng.random(values.shape) < 0.2] = rng.choice([np.nan, 0.0])
    return values


def random_box(rng, rows, cols):
    height = int(rng.integers(1, max(2, rows // 3 + 1)))
    width = int(rng.integers(1, max(2, cols // 3 + 1)))
    return int(rng.integers(0, rows - height + 1)), int(rng.integers(0, cols - width + 1)), height, width


# corridors -------------------------------------------------------------------------------------------


def passable(values, cell):
    return values[cell] > 0


def step_cost(values, cells, one, two):
    """Eq 8: the distance between two centres times the mean of both resistances."""
    return step_length(cells, one, two) * (values[one] + values[two]) / 2


def step_length(cells, one, two):
    return math.hypot((one[0] - two[0]) * cells.cell_height, (one[1] - two[1]) * cells.cell_width)


def least_costs(values, cells, starts):
    """Accumulated cost of every cell, by Dijkstra's algorithm over the eight neighbours."""
    costs = np.full(values.shape, np.inf)
    queue = [(0.0, start) for start in starts if passable(values, start)]
    for _, start in queue:
        costs[start] = 0.0
    heapq.heapify(queue)
    while queue:
        cost, cell = heapq.heappop(queue)
        if cost > costs[cell]:
            continue
        for down, right in itertools.product((-1, 0, 1), repeat=2):
            other = cell[0] + down, cell[1] + right
            if other == cell or not (0 <= other[0] < values.shape[0] and 0 <= other[1] < values.shape[1]):
                continue
            if not passable(values, other):
                continue
            further = cost + step_cost(values, cells, cell, other)
            if further < costs[other]:
                costs[other] = further
                heapq.heappush(queue, (further, other))
    return costs


def costs_by_scikit_image(values, cells, starts):
    """The same by another program; None where it is not installed."""
    try:
        from skimage.graph import MCP_Geometric
    except ImportError:
        return None
    closed = np.where(values > 0, values, -1)
    search = MCP_Geometric(closed, sampling=(cells.cell_height, cells.cell_width))
    return search.find_costs([start for start in starts if passable(values, start)])[0]


def path_of(corridor):
    return list(zip(corridor.rows.tolist(), corridor.cols.tolist()))


def check_path(corridor, values, cells, areas):
    """The line is unbroken, costs what is said, joins its two sources, and names all that it enters."""
    path = path_of(corridor)
    steps = list(zip(path, path[1:]))
    assert all(max(abs(a[0] - b[0]), abs(a[1] - b[1])) == 1 for a, b in steps)
    assert corridor.cost == pytest.approx(sum(step_cost(values, cells, a, b) for a, b in steps), rel=1e-9)
    assert corridor.length_m == pytest.approx(sum(step_length(cells, a, b) for a, b in steps), rel=1e-9)
    assert path[0] in areas[corridor.source_a] and path[-1] in areas[corridor.source_b]
    entered = [i for i in areas if i not in (corridor.source_a, corridor.source_b) and set(path) & set(areas[i])]
    assert corridor.via == ",".join(map(str, sorted(entered))) and corridor.redundant == bool(entered)


def check_refusal(message, values, areas, path_ends):
    """Of random sources: two that begin in one cell, or one without a passable cell."""
    if "begin in the same cell" in message:
        if path_ends == EDGES:
            open_cells = [{cell for cell in area if passable(values, cell)} for area in areas.values()]
            assert any(one & two for one, two in itertools.combinations(open_cells, 2))
    else:
        assert "wholly on barriers" in message
        assert any(not any(passable(values, cell) for cell in area) for area in areas.values())


@pytest.mark.parametrize("pairs", [ALL_PAIRS, NEIGHBOURS])
@pytest.mark.parametrize("path_ends", [POINTS, EDGES])
@pytest.mark.parametrize("seed", SEEDS)
def test_corridors_are_least_cost_paths(seed, path_ends, pairs):
    rng = np.random.default_rng(seed)
    rows, cols = (int(size) for size in rng.integers(2, 16, 2))
    if seed % 5 == 4:
        rows, cols = 1, cols + 8
    cells = template(rows, cols, *rng.uniform(5, 60, 2))
    values = random_map(rng, seed, rows, cols)
    boxes = [random_box(rng, rows, cols) for _ in range(int(rng.integers(2, 5)))]
    ids = rng.permutation(50)[: len(boxes)].tolist()
    areas = dict(zip(ids, map(cells_of, boxes)))
    try:
        network = corridors(
            Grid(values, cells, None, "map"),
            layer(cells, boxes),
            ids=ids,
            choices=CorridorChoices(path_ends=path_ends, pairs=pairs, with_surface=seed % 8 > 3),
        )
    except InputError as error:
        check_refusal(str(error), values, areas, path_ends)
        return
    found = {(corridor.source_a, corridor.source_b): corridor for corridor in network.corridors}
    for pair in itertools.combinations(sorted(ids), 2):
        corridor = found.get(pair)
        starts = areas[pair[0]] if path_ends == EDGES or corridor is None else [path_of(corridor)[0]]
        ends = areas[pair[1]] if path_ends == EDGES or corridor is None else [path_of(corridor)[-1]]
        if corridor is None:
            joined = math.isfinite(min(least_costs(values, cells, starts)[end] for end in ends))
            if pairs == ALL_PAIRS:
                assert pair in network.unreachable
            if pairs == ALL_PAIRS and path_ends == EDGES:
                assert not joined
            continue
        assert corridor.cost == pytest.approx(min(least_costs(values, cells, starts)[end] for end in ends), rel=1e-9)
        other = costs_by_scikit_image(values, cells, starts)
        if other is not None:
            assert corridor.cost == pytest.approx(min(other[end] for end in ends), rel=1e-6)
        check_path(corridor, values, cells, areas)


def pair_costs(values, boxes, width, height, west=500000.0, north=4600000.0):
    """Cost of every pair of sources from edge to edge; None where sources are refused."""
    cells = template(*values.shape, width, height, west, north)
    try:
        network = corridors(
            Grid(np.ascontiguousarray(values), cells, None, "map"),
            layer(cells, boxes),
            ids=list(range(len(boxes))),
            choices=CorridorChoices(path_ends=EDGES),
        )
    except InputError:
        return None
    return {(corridor.source_a, corridor.source_b): corridor.cost for corridor in network.corridors}


@pytest.mark.parametrize("seed", SEEDS)
def test_costs_do_not_depend_on_how_the_map_lies(seed):
    rng = np.random.default_rng(seed)
    rows, cols = 9 + seed % 3, 8 + seed % 5
    width, height = rng.uniform(5, 60, 2)
    values = random_map(rng, seed, rows, cols)
    boxes = [(0, 0, 2, 2), (rows - 2, 0, 2, 2), (1, cols - 3, 3, 3)]
    plain = pair_costs(values, boxes, width, height)
    assert plain
    across = [(col, row, w, h) for row, col, h, w in boxes]
    mirrored = [(row, cols - col - w, h, w) for row, col, h, w in boxes]
    turned = [(cols - col - w, row, w, h) for row, col, h, w in boxes]
    assert pair_costs(values.T, across, height, width) == pytest.approx(plain, rel=1e-9)
    assert pair_costs(values[:, ::-1], mirrored, width, height) == pytest.approx(plain, rel=1e-9)
    assert pair_costs(np.rot90(values), turned, height, width) == pytest.approx(plain, rel=1e-9)
    assert pair_costs(values, boxes, width, height, 1234.5, -77.25) == pytest.approx(plain, rel=1e-9)
    dearer = pair_costs(1000 * values, boxes, width, height)
    assert dearer == pytest.approx({pair: 1000 * cost for pair, cost in plain.items()}, rel=1e-9)


# connectivity ----------------------------------------------------------------------------------------


def best_path(one, two, others, length, strength):
    """The strongest of all paths from one patch to another over any of the others in any order."""
    best = 0.0
    for count in range(len(others) + 1):
        for between in itertools.permutations(others, count):
            path = [one, *between, two]
            best = max(best, strength(sum(length[a, b] for a, b in zip(path, path[1:]))))
    return best


def connected_weight(patches, weight, length, strength):
    """The sum behind PC and IIC: the weights of every pair times the strength of its best path."""
    total = sum(weight[i] ** 2 for i in patches)
    for one, two in itertools.combinations(patches, 2):
        others = [i for i in patches if i not in (one, two)]
        total += 2 * weight[one] * weight[two] * best_path(one, two, others, length, strength)
    return total


@pytest.mark.parametrize("seed", SEEDS)
def test_connectivity_is_that_of_all_paths(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 7))
    weight = rng.uniform(0, 20, n)
    weight[1:][rng.random(n - 1) < 0.15] = 0
    distance = rng.uniform(0, 6000, (n, n))
    distance = (distance + distance.T) / 2
    np.fill_diagonal(distance, 0)
    if seed % 3 == 0:
        apart = np.triu(rng.random((n, n)) < 0.3, 1)
        distance[apart | apart.T] = np.inf
    dispersal, probability = rng.uniform(500, 4000), rng.uniform(0.05, 0.95)
    landscape = rng.uniform(1, 100)
    found = connectivity(weight, distance, Dispersal(dispersal, probability), landscape_area=landscape)

    def decays(metres):
        return probability ** (metres / dispersal)

    def fades(links):
        return 1 / (1 + links)

    links = np.where(distance <= dispersal, 1.0, np.inf)
    whole = connected_weight(range(n), weight, distance, decays)
    whole_iic = connected_weight(range(n), weight, links, fades)
    assert found.pc == pytest.approx(whole / landscape**2, rel=1e-9)
    assert found.ec == pytest.approx(math.sqrt(whole), rel=1e-9)
    assert found.iic == pytest.approx(whole_iic / landscape**2, rel=1e-9)
    for i in range(n):
        rest = [j for j in range(n) if j != i]
        lost = 100 * (whole - connected_weight(rest, weight, distance, decays)) / whole
        lost_iic = 100 * (whole_iic - connected_weight(rest, weight, links, fades)) / whole_iic
        direct = sum(weight[j] * best_path(i, j, [k for k in rest if k != j], distance, decays) for j in rest)
        assert found.dpc[i] == pytest.approx(lost, rel=1e-8, abs=1e-8)
        assert found.diic[i] == pytest.approx(lost_iic, rel=1e-8, abs=1e-8)
        assert found.dpc_intra[i] == pytest.approx(100 * weight[i] ** 2 / whole, abs=1e-9)
        assert found.dpc_flux[i] == pytest.approx(200 * weight[i] * direct / whole, rel=1e-8, abs=1e-8)
        assert found.dpc_connector[i] >= -1e-9
    graph = networkx.Graph()
    graph.add_nodes_from(range(n))
    graph.add_edges_from((i, j) for i, j in itertools.combinations(range(n), 2) if distance[i, j] <= dispersal)
    betweenness = networkx.betweenness_centrality(graph)
    np.testing.assert_allclose(found.betweenness, [betweenness[i] for i in range(n)], atol=1e-12)
    assert found.degree.tolist() == [graph.degree(i) for i in range(n)]
    assert found.n_components == networkx.number_connected_components(graph)


# natural breaks --------------------------------------------------------------------------------------


def spread(group):
    return ((group - group.mean()) ** 2).sum()


def spread_inside(ordered, cuts):
    """Sum of squares inside the groups between cuts."""
    return sum(spread(ordered[low:high]) for low, high in zip((0, *cuts), (*cuts, len(ordered))))


@pytest.mark.parametrize("seed", SEEDS)
def test_natural_breaks_are_the_best_of_all_divisions(seed):
    rng = np.random.default_rng(seed)
    count = int(rng.integers(3, 13))
    values = rng.uniform(-1000, 1000, count) if seed % 3 else rng.integers(0, 6, count).astype(float)
    ordered = np.sort(values)
    between = [i for i in range(1, count) if ordered[i] != ordered[i - 1]]
    for n_classes in range(2, min(len(between) + 1, 6) + 1):
        found = natural_breaks(values, n_classes)
        best = min(spread_inside(ordered, cuts) for cuts in itertools.combinations(between, n_classes - 1))
        classes = np.searchsorted(np.asarray(found.breaks)[: n_classes - 1], ordered, "left")
        assert set(classes) == set(range(n_classes))
        own = sum(spread(ordered[classes == number]) for number in range(n_classes))
        assert own == pytest.approx(best, rel=1e-6, abs=1e-9)
        assert found.gvf == pytest.approx(1 - best / spread(ordered), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_natural_breaks_of_values_that_hardly_differ(seed):
    """A ten-millionth apart beside a million: the two groups are found all the same."""
    rng = np.random.default_rng(seed)
    values = np.concatenate([rng.uniform(0, 1e-8, 4), rng.uniform(1e-7, 1.1e-7, 4)]) + 1e6
    ordered = np.sort(values)
    found = natural_breaks(values, 2)
    between = [i for i in range(1, len(ordered)) if ordered[i] != ordered[i - 1]]
    best = min(spread_inside(ordered, (cut,)) for cut in between)
    own = spread_inside(ordered, (int(np.searchsorted(ordered, found.breaks[0], "right")),))
    assert own <= best * (1 + 1e-6)


# gravity ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "form, unit, units_per_m2",
    [(GravityForm.LOGARITHM, "m2", 1), (GravityForm.LOGARITHM, "ha", 1e-4), (GravityForm.AREA, "km2", 1e-6)],
)
@pytest.mark.parametrize("seed", SEEDS)
def test_gravity_is_equation_9(seed, form, unit, units_per_m2):
    rng = np.random.default_rng(seed)
    cells = template(30, 40, *rng.uniform(120, 300, 2))
    values = rng.uniform(0.5, 9, cells.shape)
    if seed % 2:
        values[rng.random(values.shape) < 0.2] = np.nan
    count = int(rng.integers(2, 7))
    boxes = [
        (int(rng.integers(0, 24)), int(rng.integers(0, 34)), *map(int, rng.integers(2, 7, 2))) for _ in range(count)
    ]
    ids = rng.permutation(99)[:count].tolist()
    sources = Layer(
        "sources", UTM, [polygon(cells, box) for box in boxes], [{"source_id": i} for i in ids], ["source_id"]
    )
    size, resistance = {}, {}
    for i, (row, col, rows, cols) in zip(ids, boxes):
        size[i] = rows * cols * cells.cell_area_m2 * units_per_m2
        resistance[i] = np.nanmean(values[row : row + rows, col : col + cols])
    rows = [
        {"source_a": a, "source_b": b, "cost": float(rng.uniform(10, 1e5)), "redundant": bool(rng.random() < 0.3)}
        for a, b in itertools.combinations(sorted(ids), 2)
    ]
    line = ogr.CreateGeometryFromWkt("LINESTRING(500000 4600000,500100 4599900)")
    layer_of_corridors = Layer("corridors", UTM, [line] * len(rows), rows, list(rows[0]))
    found = gravity_model(
        layer_of_corridors,
        sources,
        Grid(values, cells, None, "map"),
        choices=GravityChoices(form=form, area_unit=AreaUnit(unit)),
    )

    def mass(i):
        return (math.log(size[i]) if form is GravityForm.LOGARITHM else size[i]) / resistance[i]

    longest = max(row["cost"] for row in rows)
    expected = {
        (row["source_a"], row["source_b"]): mass(row["source_a"])
        * mass(row["source_b"])
        * longest**2
        / row["cost"] ** 2
        for row in rows
    }
    mean = sum(expected.values()) / len(expected)
    assert found.threshold == pytest.approx(mean, rel=1e-9)
    assert len(found.corridors) == sum(not row["redundant"] for row in rows)
    for row in found.corridors.attributes:
        value = expected[row["source_a"], row["source_b"]]
        assert row["gravity"] == pytest.approx(value, rel=1e-9)
        assert row["class"] == ("important" if value > mean * (1 + 1e-12) else "general")

"""Links between patches: all pairs, within a distance, between two sets; OGR, brute force, cells by hand, networkx."""

import itertools
import math

import networkx
import numpy as np
import pytest
from factory import UTM, square

from econet.core.connectivity.graph import Links
from econet.core.connectivity.links import (
    LinkRule,
    PatchDistance,
    centroid_links,
    cost_links,
    least_distances,
    patch_links,
    shortest_ways,
)
from econet.core.cost_distance import CostGrid, accumulated_cost
from econet.core.errors import Cancelled, InputError
from econet.core.geometry.cells import rasterize
from econet.core.grid.grid import Grid, Template
from econet.core.progress import Progress


def pairs(found):
    return {(i, j): d for i, j, d in zip(*(part.tolist() for part in found))}


def test_centroids():
    generator = np.random.default_rng(4)
    shapes = [square(*(generator.random(2) * 20000), 100 + 900 * generator.random()) for _ in range(60)]
    centres = [(g.Centroid().GetX(), g.Centroid().GetY()) for g in shapes]
    every = {(i, j): math.dist(centres[i], centres[j]) for i, j in itertools.combinations(range(60), 2)}
    assert pairs(centroid_links(shapes)) == pytest.approx(every)
    for limit in (0.0, 700.0, 4000.0, 1e6):
        found = centroid_links(shapes, limit)
        assert pairs(found) == pytest.approx({pair: d for pair, d in every.items() if d <= limit})
        assert list(zip(found[0], found[1])) == sorted(zip(found[0], found[1]))
    assert pairs(centroid_links(shapes, 4000, first=50)) == pytest.approx(
        {(i, j): d for (i, j), d in every.items() if i < 50 <= j and d <= 4000}
    )
    assert pairs(centroid_links([square(0, 0), square(4000, 0)], 4000)) == {(0, 1): 4000}
    assert [part.size for part in centroid_links([], 5.0)] == [0, 0, 0]


def surface(values, cell=100.0):
    return Grid(
        np.asarray(values, dtype=np.float32),
        Template(*np.shape(values), (5e5, cell, 0, 4605000, 0, -cell), UTM, "resistance"),
        math.nan,
        "resistance",
    )


def test_costs_by_hand():
    shapes = [square(0, 0), square(4000, 0), square(0, 3000, 100)]
    resistance = np.full((50, 60), 2)
    # from the last cell of one square to the first of the next, over cells of resistance 2
    found = pairs(cost_links(shapes, surface(resistance), names="abc"))
    assert found[0, 1] == pytest.approx(2 * 31 * 100) and found[0, 2] == pytest.approx(2 * 21 * 100)
    resistance[:, 20] = 0
    assert pairs(cost_links(shapes, surface(resistance), names="abc")) == pytest.approx({(0, 2): 4200})
    with pytest.raises(InputError, match="A lies outside the resistance surface 'resistance'"):
        cost_links([square(90000, 0, 10)], surface(resistance), names=["a"])
    resistance[:] = 1
    resistance[40:, :10] = 0
    with pytest.raises(InputError, match="A has no cell with a resistance above 0"):
        cost_links(shapes, surface(resistance), names="abc")


@pytest.mark.parametrize("limit", [math.inf, 30000.0, 4000.0, 0.0])
def test_costs_equal_one_cost_surface_per_patch(limit):
    generator = np.random.default_rng(5)
    resistance = generator.integers(0, 9, (45, 50)).astype(np.float32)
    shapes = [square(*(generator.random(2) * 4000), 150 + 600 * generator.random()) for _ in range(12)]
    shapes.append(shapes[0])  # shares all its cells: cost 0
    grid = surface(resistance)
    cost_grid = CostGrid(grid)
    cells = [rasterize([shape], grid.template) > 0 for shape in shapes]
    expected = {}
    for i in range(len(shapes)):
        rows, cols = np.nonzero(cells[i])
        cost = accumulated_cost(cost_grid, cost_grid.index(rows, cols))
        for j in range(i + 1, len(shapes)):
            least = cost[cells[j]].min()
            if least <= limit and least < math.inf:
                expected[i, j] = least
    assert expected[0, 12] == 0
    names = [str(k) for k in range(len(shapes))]
    assert pairs(cost_links(shapes, grid, names=names, limit=limit)) == pytest.approx(expected)
    assert pairs(cost_links(shapes, grid, names=names, limit=limit, first=10)) == pytest.approx(
        {(i, j): cost for (i, j), cost in expected.items() if i < 10 <= j}
    )


def test_rules():
    shapes = [square(0, 0), square(3000, 0), square(20000, 0)]
    grid = surface(np.ones((50, 300)))
    found = {kind: patch_links(shapes, LinkRule(kind, 5000, grid), names="abc") for kind in PatchDistance}
    assert {kind: (links.n, links.distance.tolist()) for kind, links in found.items()} == {
        PatchDistance.EDGE: (3, [2000]),
        PatchDistance.CENTROID: (3, [3000]),
        PatchDistance.LEAST_COST: (3, [2100]),
    }
    for kind in PatchDistance:
        rule = LinkRule(kind, resistance=grid)
        assert len(patch_links(shapes, rule, names="abc")) == 3
        assert len(patch_links(shapes[:1], rule, names="a")) == 0
        with pytest.raises(Cancelled):
            patch_links(shapes, rule, names="abc", progress=Progress(cancelled=lambda: True))
    with pytest.raises(InputError, match="need a resistance surface") as caught:
        LinkRule(PatchDistance.LEAST_COST)
    assert caught.value.parameter == "resistance"


def test_shortest_ways_equal_networkx():
    generator = np.random.default_rng(1)
    n = 30
    a, b = np.triu_indices(n, 1)
    kept = generator.random(a.size) < 0.1
    a, b = a[kept], b[kept]
    distance = np.round(generator.random(a.size) * 5) * 300  # many of them 0
    graph = networkx.Graph()
    graph.add_nodes_from(range(n))
    graph.add_weighted_edges_from(zip(a.tolist(), b.tolist(), distance.tolist()))
    assert (distance == 0).sum() > 1 and not networkx.is_connected(graph)
    starts, ends = np.divmod(np.arange(n * n), n)
    expected = [networkx.single_source_dijkstra_path_length(graph, i) for i in range(n)]
    found = shortest_ways(Links(n, a, b, distance), starts, ends)
    assert found == pytest.approx([expected[i].get(j, math.inf) for i, j in zip(starts, ends)])
    nothing = np.array([expected[i].get(j) == 0 for i, j in zip(starts, ends)])
    assert (found[nothing] == 0).all() and nothing.sum() > n  # not a number that is as good as 0: it is shown


@pytest.mark.parametrize("seed", range(4))
def test_least_distances_are_never_above_the_true_ones(seed):
    generator = np.random.default_rng(seed)
    shapes = [square(*(generator.random(2) * 4000)).Centroid().Buffer(40 + 400 * generator.random()) for _ in range(15)]
    grid = surface(generator.integers(2, 9, (50, 52)))
    for kind in PatchDistance:
        names = [str(k) for k in range(15)]
        true = patch_links(shapes, LinkRule(kind, resistance=grid), names=names)
        for limit in (0.0, 600.0):
            rule = LinkRule(kind, limit, grid)
            kept = patch_links(shapes, rule, names=names)
            found = least_distances(shapes, rule, kept)
            assert np.array_equal(found, found.T) and (np.diag(found) == 0).all()
            assert found[kept.a, kept.b] == pytest.approx(kept.distance)
            assert (found[true.a, true.b] <= true.distance * (1 + 1e-12)).all()
            left = found[true.a, true.b] < true.distance * (1 - 1e-9)
            assert kind is PatchDistance.CENTROID or left.any()
            assert (found[true.a, true.b][true.distance > limit] >= limit).all()


def test_patches_between_the_centres_of_cells_are_nearer_by_cost_than_by_their_outlines():
    # at the western side of one cell and the eastern side of the next: the centres of the two are nearer
    shapes = [square(1, 50, 2), square(197, 50, 2)]
    grid = surface(np.ones((50, 60)))
    names = ["west", "east"]
    true = pairs(cost_links(shapes, grid, names=names))[0, 1]
    assert true == pytest.approx(100) and shapes[0].Distance(shapes[1]) == pytest.approx(194)
    rule = LinkRule(PatchDistance.LEAST_COST, 0.0, grid)
    kept = patch_links(shapes, rule, names=names)
    assert len(kept) == 0 and least_distances(shapes, rule, kept)[0, 1] <= true

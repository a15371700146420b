"""Corridors against brute force over the whole graph, hand-worked cases and properties."""

import itertools
import math
import time

import numpy as np
import pytest
from osgeo import ogr
from scipy.sparse import lil_matrix
from scipy.sparse.csgraph import minimum_spanning_tree, shortest_path

from econet.core import accel
from econet.core.corridors import least_cost_paths
from econet.core.corridors.least_cost_paths import CorridorChoices, PairsOfSources
from econet.core.corridors.source_cells import PathEnds, check_sources
from econet.core.cost_distance import CostGrid, accumulated_cost
from econet.core.crs import Crs
from econet.core.errors import Cancelled, InputError
from econet.core.geometry.layers import Layer
from econet.core.grid.grid import Grid, Template
from econet.core.ids import source_ids
from econet.core.progress import SILENT, Progress

POINTS, EDGES = PathEnds.POINTS, PathEnds.EDGES
ALL_PAIRS, NEIGHBOURS = PairsOfSources.ALL, PairsOfSources.NEIGHBOURS
UTM = Crs.of("EPSG:32651").reference.ExportToWkt()
DX, DY = 30.0, 20.0


def corridors(resistance, sources, ids, *, progress=SILENT, **choices):
    return least_cost_paths.corridors(
        resistance, sources, ids=ids, choices=CorridorChoices(**choices), progress=progress
    )


def grid_of(values, dx=DX, dy=DY):
    values = np.asarray(values, dtype=np.float64)
    return Grid(values, Template(*values.shape, (5e5, dx, 0.0, 4.6e6, 0.0, -dy), UTM, "resistance"), None, "resistance")


def block(template, row, col, height=1, width=1, inset=0.0):
    """A rectangle over whole cells, as WKT."""
    x, y = template.transform[0] + col * template.cell_width, template.transform[3] - row * template.cell_height
    left, right = x + inset, x + width * template.cell_width - inset
    top, low = y - inset, y - height * template.cell_height + inset
    return f"POLYGON(({left} {low},{right} {low},{right} {top},{left} {top},{left} {low}))"


def layer(wkts, **fields):
    geometries = [ogr.CreateGeometryFromWkt(wkt) for wkt in wkts]
    attributes = [dict(zip(fields, row)) for row in zip(*fields.values())] if fields else [{} for _ in wkts]
    return Layer("sources", UTM, geometries, attributes, list(fields))


def random_case(seed, shape=(24, 30), holes=0.1):
    rng = np.random.default_rng(seed)
    values = rng.uniform(1, 5, shape)
    values[rng.random(shape) < holes] = np.nan
    grid = grid_of(values)
    spots = [(2, 2, 3, 3), (3, 20, 2, 5), (12, 10, 3, 3), (18, 3, 3, 4), (18, 22, 4, 4)]
    for row, col, height, width in spots:
        values[row : row + height, col : col + width] = rng.uniform(1, 2, (height, width))
    return grid, layer([block(grid.template, *spot) for spot in spots]), spots


def graph_of(grid):
    """All edges of the eight-neighbour graph as a dense matrix for SciPy."""
    rows, cols = grid.values.shape
    dx, dy = grid.template.cell_width, grid.template.cell_height
    graph = lil_matrix((rows * cols, rows * cols))
    for r, c in itertools.product(range(rows), range(cols)):
        for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
            y, x = r + down, c + right
            if 0 <= y < rows and 0 <= x < cols and grid.values[r, c] > 0 and grid.values[y, x] > 0:
                graph[r * cols + c, y * cols + x] = (
                    math.hypot(dx * right, dy * down) * (grid.values[r, c] + grid.values[y, x]) / 2
                )
    return graph.tocsr()


def path_cost(grid, corridor):
    total = length = 0.0
    for k in range(1, len(corridor.rows)):
        step = math.hypot(
            DX * (corridor.cols[k] - corridor.cols[k - 1]), DY * (corridor.rows[k] - corridor.rows[k - 1])
        )
        length += step
        total += (
            step
            * (
                grid.values[corridor.rows[k], corridor.cols[k]]
                + grid.values[corridor.rows[k - 1], corridor.cols[k - 1]]
            )
            / 2
        )
    return total, length


@pytest.mark.parametrize("path_ends", [POINTS, EDGES])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_all_pairs_against_scipy(seed, path_ends):
    grid, sources, spots = random_case(seed)
    cols = grid.values.shape[1]
    if path_ends == POINTS:
        # the middle of an even block is a corner of cells; its cell is the one below and to the right
        ends = [[(row + height // 2) * cols + col + width // 2] for row, col, height, width in spots]
    else:
        ends = [
            [r * cols + c for r in range(row, row + height) for c in range(col, col + width)]
            for row, col, height, width in spots
        ]
    cost = shortest_path(graph_of(grid), directed=False, indices=sorted(sum(ends, [])))
    position = {cell: k for k, cell in enumerate(sorted(sum(ends, [])))}
    result = corridors(grid, sources, [1, 2, 3, 4, 5], path_ends=path_ends)
    assert len(result.corridors) == 10 and result.unreachable == []
    assert [c.corridor_id for c in result.corridors] == list(range(1, 11))
    assert [(c.source_a, c.source_b) for c in result.corridors] == list(itertools.combinations(range(1, 6), 2))
    for corridor in result.corridors:
        a, b = ends[corridor.source_a - 1], ends[corridor.source_b - 1]
        assert corridor.cost == pytest.approx(min(cost[position[i], j] for i in a for j in b), rel=1e-12)
        total, length = path_cost(grid, corridor)
        assert total == pytest.approx(corridor.cost, rel=1e-12)
        assert length == pytest.approx(corridor.length_m, rel=1e-12)
        assert corridor.mean_resistance == pytest.approx(corridor.cost / length)
        assert corridor.rows[0] * cols + corridor.cols[0] in a and corridor.rows[-1] * cols + corridor.cols[-1] in b
        assert corridor.euclidean_m <= corridor.length_m + 1e-9
        entered = {
            k
            for k, (row, col, height, width) in enumerate(spots, start=1)
            for r, c in zip(corridor.rows, corridor.cols)
            if row <= r < row + height and col <= c < col + width
        } - {corridor.source_a, corridor.source_b}
        assert corridor.via == ",".join(map(str, sorted(entered))) and corridor.redundant == bool(entered)


def test_neighbours_are_exact_and_hold_the_cheapest_tree():
    for seed in range(6):
        grid, sources, _ = random_case(seed, holes=0.2)
        ids = [5, 3, 9, 1, 4]
        for path_ends in (POINTS, EDGES):
            whole = {(c.source_a, c.source_b): c for c in corridors(grid, sources, ids, path_ends=path_ends).corridors}
            near = corridors(grid, sources, ids, path_ends=path_ends, pairs=NEIGHBOURS).corridors
            for corridor in near:
                same = whole[corridor.source_a, corridor.source_b]
                assert corridor.cost == same.cost and corridor.via == same.via
                assert np.array_equal(corridor.rows, same.rows) and np.array_equal(corridor.cols, same.cols)
            matrix = np.zeros((10, 10))
            for (a, b), corridor in whole.items():
                matrix[a, b] = corridor.cost
            tree = set(zip(*np.nonzero(minimum_spanning_tree(matrix).toarray())))
            assert tree <= {(c.source_a, c.source_b) for c in near}


def test_neighbours_by_hand():
    # five sources in a row: only the next one is a neighbour
    grid = grid_of(np.ones((3, 21)))
    sources = layer([block(grid.template, 0, col, 3, 1) for col in (0, 5, 10, 15, 20)])
    found = corridors(grid, sources, [1, 2, 3, 4, 5], path_ends=EDGES, pairs=NEIGHBOURS).corridors
    assert [(c.source_a, c.source_b) for c in found] == [(1, 2), (2, 3), (3, 4), (4, 5)]
    every = corridors(grid, sources, [1, 2, 3, 4, 5], path_ends=EDGES).corridors
    assert len(every) == 10
    via = {(c.source_a, c.source_b): c.via for c in every}
    assert via[1, 5] == "2,3,4" and via[2, 4] == "3" and via[1, 2] == ""


def test_one_row_by_hand():
    grid = grid_of([[1, 1, 3, 5, 1, 1, 1]])
    sources = layer([block(grid.template, 0, 0), block(grid.template, 0, 4), block(grid.template, 0, 6)])
    result = corridors(grid, sources, [7, 3, 12])
    first, second, third = result.corridors
    assert (first.source_a, first.source_b) == (3, 7)
    assert first.cost == 30 * (1 + 2 + 4 + 3) and first.length_m == 120 and first.euclidean_m == 120
    assert first.cols.tolist() == [4, 3, 2, 1, 0]  # from source 3 to source 7
    assert (second.source_a, second.source_b, second.cost) == (3, 12, 60)
    assert (third.source_a, third.source_b, third.cost, third.via, third.redundant) == (7, 12, 360, "3", True)
    line = first.line(grid.template)
    assert line.GetPoint_2D(0) == (5e5 + 4.5 * 30, 4.6e6 - 10) and line.Length() == pytest.approx(120)


def test_numbers_and_order_of_sources_change_nothing():
    grid, sources, _ = random_case(4)
    grid.values[np.isfinite(grid.values)] = 1.0  # many equal paths
    for path_ends in (POINTS, EDGES):
        one = corridors(grid, sources, [1, 2, 3, 4, 5], path_ends=path_ends).corridors
        order = [3, 0, 4, 2, 1]
        mixed = layer([sources.geometries[k].ExportToWkt() for k in order])
        other = corridors(grid, mixed, [10 - k for k in order], path_ends=path_ends).corridors
        lines = {frozenset((10 - c.source_a, 10 - c.source_b)): c for c in other}
        for corridor in one:
            same = lines[frozenset((corridor.source_a - 1, corridor.source_b - 1))]
            assert same.cost == corridor.cost
            assert np.array_equal(same.rows[::-1], corridor.rows) and np.array_equal(same.cols[::-1], corridor.cols)


def test_transposed_map():
    grid, sources, spots = random_case(5)
    turned = grid_of(grid.values.T, DY, DX)
    flipped = layer([block(turned.template, col, row, width, height) for row, col, height, width in spots])
    one, other = (corridors(g, s, [1, 2, 3, 4, 5]).corridors for g, s in ((grid, sources), (turned, flipped)))
    for a, b in zip(one, other):
        assert a.cost == pytest.approx(b.cost, rel=1e-12) and a.length_m == pytest.approx(b.length_m)


def test_unreachable_pairs_are_returned_and_told():
    values = np.ones((9, 9))
    values[:, 4] = 0
    grid = grid_of(values)
    sources = layer([block(grid.template, 1, 1), block(grid.template, 7, 2), block(grid.template, 4, 7)])
    said = []
    for pairs in (ALL_PAIRS, NEIGHBOURS):
        said.clear()
        result = corridors(grid, sources, [1, 2, 3], pairs=pairs, progress=Progress(log=said.append))
        assert [(c.source_a, c.source_b) for c in result.corridors] == [(1, 2)]
        assert any("3 have no corridor" in text for text in said)
        assert any("9 cell(s) with resistance 0" in text for text in said)
    result = corridors(grid, sources, [1, 2, 3])
    assert result.unreachable == [(1, 3), (2, 3)]
    limited = corridors(grid, sources, [1, 2, 3], max_cost=result.corridors[0].cost * 0.99)
    assert limited.corridors == [] and limited.unreachable == [(1, 2), (1, 3), (2, 3)]
    assert len(corridors(grid, sources, [1, 2, 3], max_cost=result.corridors[0].cost).corridors) == 1


def test_source_point_lies_in_the_source():
    # a U of cells whose centre is open ground: the end moves to the source's nearest cell
    grid = grid_of(np.ones((9, 12)), 10, 10)
    t = grid.template
    u = ogr.CreateGeometryFromWkt(block(t, 1, 1, 7, 1))
    for part in (block(t, 1, 1, 1, 6), block(t, 7, 1, 1, 6)):
        u = u.Union(ogr.CreateGeometryFromWkt(part))
    sources = layer([u.ExportToWkt(), block(t, 4, 10)])
    said = []
    corridor = corridors(grid, sources, [1, 2], progress=Progress(log=said.append)).corridors[0]
    assert (corridor.rows[0], corridor.cols[0]) == (4, 1)
    assert any("centre of source(s) 1 lies outside the source" in text for text in said)
    # the cell of the centre is a barrier
    grid.values[4, 1] = np.nan
    corridor = corridors(grid, sources, [1, 2]).corridors[0]
    assert (corridor.rows[0], corridor.cols[0]) in {(3, 1), (5, 1)}
    assert corridors(grid, sources, [1, 2], path_ends=EDGES).corridors[0].cost == pytest.approx(
        10 * (math.sqrt(2) * 3 + 1)
    )


def test_touching_sources_from_edge_to_edge():
    grid = grid_of(np.full((4, 6), 2.0))
    sources = layer([block(grid.template, 0, 0, 4, 3), block(grid.template, 0, 3, 4, 3)])
    corridor = corridors(grid, sources, [1, 2], path_ends=EDGES).corridors[0]
    assert corridor.cost == 60 and corridor.length_m == 30 and not corridor.redundant


def test_thin_source_between_cell_centres():
    grid = grid_of(np.ones((8, 20)))
    t = grid.template
    x, y = t.transform[0], t.transform[3]
    thin = f"POLYGON(({x} {y - 1},{x + 295} {y - 1},{x + 295} {y - 4},{x} {y - 4},{x} {y - 1}))"
    corridor = corridors(grid, layer([thin, block(t, 6, 15)]), [1, 2], path_ends=EDGES).corridors[0]
    assert (corridor.rows[0], corridor.cols[0]) == (0, 9)


def test_surface_is_the_cheapest_detour():
    grid, sources, _ = random_case(6)
    result = corridors(grid, sources, [1, 2, 3, 4, 5], with_surface=True)
    plain = corridors(grid, sources, [1, 2, 3, 4, 5])
    for one, other in zip(result.corridors, plain.corridors):
        assert one.cost == other.cost and np.array_equal(one.rows, other.rows)
    cost_grid = CostGrid(grid)
    end = {}
    for c in plain.corridors:
        end[c.source_a], end[c.source_b] = (c.rows[0], c.cols[0]), (c.rows[-1], c.cols[-1])
    away = {k: accumulated_cost(cost_grid, [cost_grid.index(*cell)]).copy() for k, cell in end.items()}
    expected = np.min([away[c.source_a] + away[c.source_b] - c.cost for c in plain.corridors], axis=0)
    surface = result.surface.values
    assert surface.dtype == np.float32
    np.testing.assert_allclose(surface[np.isfinite(expected)], expected[np.isfinite(expected)], rtol=1e-6, atol=1e-6)
    assert np.isnan(surface[~np.isfinite(expected)]).all()
    for c in plain.corridors:
        assert (surface[c.rows, c.cols] <= 1e-6).all()


def test_surface_through_a_file(monkeypatch):
    grid, sources, _ = random_case(6)
    inside = corridors(grid, sources, [1, 2, 3, 4, 5], with_surface=True).surface.values
    monkeypatch.setattr("econet.core.corridors.corridor_surface._IN_MEMORY_BYTES", 10)
    np.testing.assert_array_equal(corridors(grid, sources, [1, 2, 3, 4, 5], with_surface=True).surface.values, inside)


def test_engines_find_the_same_corridors():
    grid, sources, _ = random_case(8)
    found = []
    try:
        for engine in ("numpy", "numba"):
            accel.prefer(engine)
            found.append(corridors(grid, sources, [1, 2, 3, 4, 5]).corridors)
    finally:
        accel.prefer("auto")
    for one, other in zip(*found):
        assert one.cost == other.cost and np.array_equal(one.rows, other.rows) and np.array_equal(one.cols, other.cols)


def test_advice_above_thirty_sources():
    grid = grid_of(np.ones((2, 62)))
    sources = layer([block(grid.template, 0, col) for col in range(0, 62, 2)])
    said = []
    result = corridors(grid, sources, list(range(1, 32)), progress=Progress(log=said.append))
    assert len(result.corridors) == 465
    assert any("465 pairs" in text and "neighbours" in text for text in said)


# ids ---------------------------------------------------------------------------------------------


def test_ids():
    t = grid_of(np.ones((9, 9))).template
    wkts = [block(t, 0, 0), block(t, 3, 3, 2, 2), block(t, 6, 6, 1, 2)]
    said = []
    assert source_ids(layer(wkts), "", Progress(log=said.append)) == [3, 1, 2]
    assert "by area" in said[0]
    assert source_ids(layer(wkts, source_id=[4, 2, 9])) == [4, 2, 9]
    assert source_ids(layer(wkts, source_id=[4, 2, 9], nr=["01", "7", "3.0"]), "nr") == [1, 7, 3]
    with pytest.raises(InputError, match="has no field 'name'"):
        source_ids(layer(wkts), "name")
    with pytest.raises(InputError, match=r"field 'nr', feature 2: 'north' is not a whole number"):
        source_ids(layer(wkts, nr=["1", "north", "3"]), "nr")
    with pytest.raises(InputError, match=r"feature 3: 'NULL' is not a whole number"):
        source_ids(layer(wkts, nr=[1, 2, None]), "nr")
    with pytest.raises(InputError, match=r"features 1 and 3 both have the id 5; dissolve"):
        source_ids(layer(wkts, source_id=[5, 2, 5]))
    assert source_ids(layer(wkts, SOURCE_ID=[4, 2, 9])) == [4, 2, 9]
    whole = [(1 << 63) - 1, -(1 << 63), (1 << 63) - 2]
    assert source_ids(layer(wkts, source_id=whole)) == whole
    for value in (1e30, 1 << 63, "-1e19"):
        with pytest.raises(
            InputError, match=r"'.*', field 'source_id', feature 2: '.*' is beyond .*\(64 bits\); number the sources"
        ):
            source_ids(layer(wkts, source_id=[5, value, 6]))


# refusals ----------------------------------------------------------------------------------------


def test_sources_that_cannot_be_joined_are_refused():
    grid = grid_of(np.ones((9, 9)))
    t = grid.template
    good, other = block(t, 1, 1), block(t, 5, 5, 2, 2)

    def refused(wkts, match, ends=POINTS, values=None):
        where = grid if values is None else grid_of(values)
        with pytest.raises(InputError, match=match):
            corridors(where, layer(wkts), list(range(1, len(wkts) + 1)), path_ends=ends)

    refused([], "'sources' is empty")
    refused([good], "'sources' has one source only")
    refused(
        [good, block(t, 4, 4, inset=3)],
        r"Source 2 of layer 'sources' covers 336 m2, less than one cell of "
        r"'resistance' \(600 m2\)",
    )
    refused([good, block(t, 40, 40)], "Source 2 of layer 'sources' lies outside raster 'resistance'")
    refused([good, "LINESTRING(500010 4599990,500100 4599900)"], "Source 2 of layer 'sources' is no polygon")
    refused([good, block(t, 1, 1, 1, 1)], "Sources 1 and 2 of layer 'sources' begin in the same cell")
    refused([other, block(t, 4, 4, 2, 2)], "Sources 1 and 2 of layer 'sources' begin in the same cell", EDGES)
    values = np.ones((9, 9))
    values[5:7, 5:7] = 0
    refused([good, other], "Source 2 of layer 'sources' lies wholly on barriers of raster 'resistance'", values=values)
    refused([good, other], "negative resistance, the smallest -1", values=-values)
    refused([good, other], "no cell with a resistance above 0", values=0 * values)
    with pytest.raises(InputError, match="has to be above 0") as caught:
        CorridorChoices(max_cost=0)
    assert caught.value.parameter == "max_cost"
    assert len(check_sources(layer([good, other]), [1, 2], t)) == 2


def test_sources_in_another_crs_are_reprojected():
    grid, sources, _ = random_case(1)
    there = sources.to_crs(Crs.of("EPSG:4326").reference.ExportToWkt())
    said = []
    one = corridors(grid, sources, [1, 2, 3, 4, 5]).corridors
    other = corridors(grid, there, [1, 2, 3, 4, 5], progress=Progress(log=said.append)).corridors
    assert [c.cost for c in one] == [c.cost for c in other]
    assert any("reprojected" in text for text in said)


def test_cancel():
    rng = np.random.default_rng(0)
    grid = grid_of(rng.uniform(1, 5, (500, 500)))
    sources = layer([block(grid.template, row, col, 5, 5) for row in range(20, 480, 60) for col in range(20, 480, 60)])
    asked = []

    def cancelled():
        asked.append(time.monotonic())
        return len(asked) > 80

    with pytest.raises(Cancelled):
        corridors(grid, sources, list(range(1, len(sources) + 1)), progress=Progress(cancelled=cancelled))
    assert max(np.diff([*asked, time.monotonic()])) < 1

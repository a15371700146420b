"""Connectivity: Conefor's results, enumeration of all paths, networkx, and OGR's own distances."""

import itertools
import json
import math
from pathlib import Path

import networkx
import numpy as np
import pytest
from osgeo import ogr

from econet.core.errors import Cancelled, InputError
from econet.core.progress import Progress
from econet.core.raster import Grid, Template
from econet.core.polygon_distance import edge_distances
from econet.core.sources.connectivity import (
    CENTROID, LEAST_COST, centroid_distances, connectivity_report, cost_distances, landscape_connectivity)
from econet.core.sources.indices import connectivity
from econet.core.sources.patches import find_patches
from econet.core.vector import Features

DATA = Path(__file__).parents[2] / "data" / "conefor"
UTM = "EPSG:32651"


def table(path):
    lines = [line.split("\t") for line in path.read_text().splitlines()]
    return [dict(zip(lines[0], line)) for line in lines[1:]]


def overall(path):
    return {key: float(value) for key, value in (line.split("\t") for line in path.read_text().splitlines())}


def case(name):
    folder = DATA / name
    nodes = np.loadtxt(folder / "nodes.txt")
    meta = json.loads((folder / "meta.json").read_text())
    distance = np.zeros((len(nodes), len(nodes)))
    for a, b, d in np.loadtxt(folder / "distances.txt"):
        distance[int(a) - 1, int(b) - 1] = distance[int(b) - 1, int(a) - 1] = d
    return folder, nodes[:, 1], distance, meta


@pytest.mark.parametrize("name", ["A_graphab10", "C_paper21_euclid", "G_degenerate"])
def test_equals_conefor(name):
    folder, area, distance, meta = case(name)
    result = connectivity(area, distance, meta["d"], meta["p"], meta["landarea"])
    # Conefor prints six digits; its connectors differ from 0 by up to 2e-7 where nothing connects
    pc, iic = (overall(folder / f"{index}_overall_indices.txt") for index in ("pc", "iic"))
    assert result.ec ** 2 == pytest.approx(pc["PCnum"], rel=1e-5)
    assert result.ec == pytest.approx(pc["EC(PC)"], rel=1e-5)
    assert result.ec_iic ** 2 == pytest.approx(iic["IICnum"], rel=1e-5)
    assert (result.pc_intra, result.pc_direct, result.pc_step) == pytest.approx(
        (pc["PCintra(%)"], pc["PCdirect(%)"], pc["PCstep(%)"]), rel=1e-5, abs=1e-6)
    if name == "A_graphab10":  # Conefor overflows this area
        assert result.pc == pytest.approx(2.480545943431007e-10, rel=1e-6)
    else:
        assert result.pc == pytest.approx(pc["PC"], rel=1e-5)
        assert result.iic == pytest.approx(iic["IIC"], rel=1e-5)
    rows = table(folder / "pc_node_importances.txt")
    assert len(rows) == area.size
    for row in rows:
        i = int(row["Node"]) - 1
        for ours, theirs in ((result.dpc, "dPC"), (result.dpc_intra, "dPCintra"), (result.dpc_flux, "dPCflux"),
                             (result.dpc_connector, "dPCconnector")):
            assert ours[i] == pytest.approx(float(row[theirs]), rel=1e-5, abs=1e-6)
    for row in table(folder / "iic_node_importances.txt"):
        assert result.diic[int(row["Node"]) - 1] == pytest.approx(float(row["dIIC"]), rel=1e-5, abs=1e-6)


def test_three_patches_worked_out():
    distance = np.array([[0, 1000, 5000], [1000, 0, 1500], [5000, 1500, 0.0]])
    result = connectivity([10, 5, 20], distance, 2500, 0.5, 100)
    assert result.ec ** 2 == pytest.approx(932.736619, abs=1e-6)
    assert result.ec == pytest.approx(30.540737, abs=1e-6)
    assert result.pc == pytest.approx(0.0932736619, abs=1e-9)
    assert result.dpc == pytest.approx([40.288525, 35.673159, 78.473470], abs=1e-6)
    node = result.dpc_intra[1], result.dpc_flux[1], result.dpc_connector[1]
    assert node == pytest.approx((2.6803, 22.2717, 10.7211), abs=1e-4)


def all_paths(weight, p):
    """sum a_i a_j P*_ij with P* the largest product over every simple path, by enumeration."""
    n, total = len(weight), 0.0
    for i in range(n):
        for j in range(n):
            best = 1.0 if i == j else 0.0
            if i != j:
                others = [k for k in range(n) if k not in (i, j)]
                for size in range(n - 1):
                    for middle in itertools.permutations(others, size):
                        chain = (i, *middle, j)
                        best = max(best, math.prod(p[u][v] for u, v in zip(chain, chain[1:])))
            total += weight[i] * weight[j] * best
    return total


def test_equals_enumeration_of_all_paths():
    """Distances that break the triangle inequality, as those between edges do."""
    generator = np.random.default_rng(11)
    for trial in range(4):
        n = 6
        distance = generator.random((n, n)) ** 3 * 6000
        distance = np.minimum(distance, distance.T)
        np.fill_diagonal(distance, 0)
        weight = generator.random(n) * 10
        weight[2] = 0
        if trial == 3:
            distance[0, 1:] = distance[1:, 0] = np.inf
        p = 0.3 ** (distance / 1200)
        whole = all_paths(weight, p)
        result = connectivity(weight, distance, 1200, 0.3)
        assert result.ec ** 2 == pytest.approx(whole, rel=1e-12)
        for i in range(n):
            rest = [k for k in range(n) if k != i]
            without = all_paths(weight[rest], p[np.ix_(rest, rest)])
            assert result.dpc[i] == pytest.approx(100 * (whole - without) / whole, rel=1e-9, abs=1e-12)
            assert result.dpc_intra[i] == pytest.approx(100 * weight[i] ** 2 / whole)
        assert (result.dpc_connector >= 0).all()


def random_landscape(n, seed, spread=20000):
    generator = np.random.default_rng(seed)
    points = generator.random((n, 2)) * spread
    return generator.random(n) * 9, np.hypot(*(points[:, None] - points[None]).transpose(2, 0, 1))


def test_graph_equals_networkx():
    for n, reach in ((25, 4000), (40, 1500), (30, 20000)):
        weight, distance = random_landscape(n, n)
        result = connectivity(weight, distance, reach, 0.5)
        graph = networkx.Graph()
        graph.add_nodes_from(range(n))
        graph.add_edges_from((i, j) for i in range(n) for j in range(i) if distance[i, j] <= reach)
        assert result.degree.tolist() == [graph.degree(i) for i in range(n)]
        assert result.n_links == graph.number_of_edges()
        groups = sorted(networkx.connected_components(graph), key=lambda g: -weight[list(g)].sum())
        assert result.n_components == len(groups)
        for number, group in enumerate(groups, 1):
            assert {result.component[i] for i in group} == {number}
        expected = networkx.betweenness_centrality(graph)
        assert result.betweenness == pytest.approx([expected[i] for i in range(n)], abs=1e-12)
        hops = dict(networkx.all_pairs_shortest_path_length(graph))
        total = sum(weight[i] * weight[j] / (1 + d) for i, row in hops.items() for j, d in row.items())
        assert result.ec_iic ** 2 == pytest.approx(total)
        i = int(np.argmax(result.betweenness))
        graph.remove_node(i)
        hops = dict(networkx.all_pairs_shortest_path_length(graph))
        without = sum(weight[a] * weight[b] / (1 + d) for a, row in hops.items() for b, d in row.items())
        assert result.diic[i] == pytest.approx(100 * (total - without) / total)


def test_what_must_hold():
    weight, distance = random_landscape(20, 3)
    result = connectivity(weight, distance, 3000, 0.5, 500)
    assert result.dpc == pytest.approx(result.dpc_intra + result.dpc_flux + result.dpc_connector)
    order = np.random.default_rng(0).permutation(20)
    turned = connectivity(weight[order], distance[np.ix_(order, order)], 3000, 0.5, 500)
    assert turned.dpc == pytest.approx(result.dpc[order])
    scaled = connectivity(weight * 7, distance * 3, 9000, 0.5, 3500)
    assert scaled.pc == pytest.approx(result.pc) and scaled.dpc == pytest.approx(result.dpc)
    same_k = connectivity(weight, distance, 6000, 0.25, 500)
    assert same_k.dpc == pytest.approx(result.dpc)
    assert result.ec >= math.sqrt((weight ** 2).sum()) and result.ec <= weight.sum()
    assert math.isnan(connectivity(weight, distance, 3000, 0.5).pc)
    far = connectivity(weight, np.where(distance > 0, np.inf, 0), 3000, 0.5)
    assert far.ec == pytest.approx(math.sqrt((weight ** 2).sum())) and far.n_components == 20
    near = connectivity(weight, np.zeros((20, 20)), 3000, 0.5)
    assert near.ec == pytest.approx(weight.sum()) and near.betweenness.tolist() == [0] * 20


def test_one_patch_and_two():
    one = connectivity([3.0], [[0.0]], 100, 0.5, 10)
    assert (one.dpc.tolist(), one.dpc_connector.tolist(), one.pc) == ([100], [0], 0.09)
    two = connectivity([3.0, 1.0], [[0.0, 100], [100, 0.0]], 100, 0.5)
    assert two.dpc == pytest.approx([100 * (13 - 1) / 13, 100 * (13 - 9) / 13])


# distances ----------------------------------------------------------------------------------------------

def blob(generator, x, y, size, holes=False):
    angle = np.sort(generator.random(generator.integers(3, 40))) * 2 * math.pi
    radius = size * (0.3 + generator.random(angle.size))

    def ring(factor):
        points = [f"{x + factor * r * math.cos(a)} {y + factor * r * math.sin(a)}" for a, r in zip(angle, radius)]
        return "(" + ",".join([*points, points[0]]) + ")"

    shape = ogr.CreateGeometryFromWkt(f"POLYGON({ring(1)}{',' + ring(0.5) if holes else ''})")
    return shape if shape.IsValid() else shape.MakeValid()


def test_edges_equal_ogr():
    generator = np.random.default_rng(8)
    shapes = [blob(generator, *(generator.random(2) * 9000 + (5e5, 46e5)), 100 + 900 * generator.random(), k % 3 == 0)
              for k in range(40)]
    parts = ogr.Geometry(ogr.wkbMultiPolygon)
    for k in range(3):
        parts.AddGeometry(blob(generator, 5e5 + 4000 * k, 4599000, 200))
    ring = ogr.CreateGeometryFromWkt("POINT (520000 4600000)").Buffer(3000)
    inner = ogr.CreateGeometryFromWkt("POINT (520000 4600000)").Buffer(500)
    shapes += [parts, ring.Difference(ogr.CreateGeometryFromWkt("POINT (520000 4600000)").Buffer(2000)), inner,
               ogr.CreateGeometryFromWkt("POINT (520050 4600000)").Buffer(50)]
    found = edge_distances(shapes)
    assert np.array_equal(found, found.T) and (np.diag(found) == 0).all()
    zero = 0
    for i, j in itertools.combinations(range(len(shapes)), 2):
        expected = shapes[i].Distance(shapes[j])
        zero += expected == 0
        assert found[i, j] == pytest.approx(expected, rel=1e-9, abs=1e-6), (i, j)
    assert zero > 20


def test_edges_of_cells_are_whole_cells():
    values = (np.random.default_rng(2).random((60, 70)) > 0.75).astype(np.int32) * 5
    grid = Grid(values, Template(60, 70, (5e5, 30, 0, 46e5, 0, -40), UTM, "c"), 0, "c")
    patches = find_patches(grid)[:40]
    found = edge_distances([p.geometry for p in patches])
    cells = [np.argwhere(np.isin(np.arange(4200).reshape(60, 70), sorted(own(p, grid)))) for p in patches]
    for i, j in itertools.combinations(range(len(patches)), 2):
        apart = np.maximum(np.abs(cells[i][:, None] - cells[j][None]) - 1, 0) * (40, 30)
        assert found[i, j] == pytest.approx(np.hypot(*apart.transpose(2, 0, 1)).min(), abs=1e-6)


def own(patch, grid):
    from econet.core.vector import rasterize
    return np.flatnonzero(rasterize([patch.geometry], grid.template)).tolist()


def square(x, y, side=1000.0):
    x, y = 5e5 + x, 46e5 + y
    return ogr.CreateGeometryFromWkt(
        f"POLYGON(({x} {y},{x + side} {y},{x + side} {y + side},{x} {y + side},{x} {y}))")


def test_centroids_and_costs():
    shapes = [square(0, 0), square(4000, 0), square(0, 3000, 100)]
    assert centroid_distances(shapes)[0] == pytest.approx([0, 4000, math.hypot(450, 2550)])
    template = Template(50, 60, (5e5, 100, 0, 4605000, 0, -100), UTM, "resistance")
    resistance = np.full((50, 60), 2, dtype=np.float32)
    found = cost_distances(shapes, Grid(resistance, template, math.nan, "resistance"), ["a", "b", "c"])
    # from the last cell of one square to the first of the next, over cells of resistance 2
    assert found[0, 1] == found[1, 0] == pytest.approx(2 * 31 * 100)
    assert found[0, 2] == pytest.approx(2 * 21 * 100)
    resistance[:, 20] = 0
    found = cost_distances(shapes, Grid(resistance, template, math.nan, "resistance"), ["a", "b", "c"])
    assert found[0, 1] == np.inf and found[0, 2] == pytest.approx(4200)
    with pytest.raises(InputError, match="A lies outside"):
        cost_distances([square(90000, 0, 10)], Grid(resistance, template, math.nan, "r"), ["a"])


# the layer ----------------------------------------------------------------------------------------------

def layer(attributes=None, crs=UTM):
    shapes = [square(0, 0), square(2000, 0), square(0, 5000, 2000)]
    attributes = attributes or [{} for _ in shapes]
    return Features("patches", crs, shapes, attributes, sorted(attributes[0]))


def test_layer_of_patches():
    rows = [{"patch_id": 4, "area_km2": 1.0, "size_class": "super-large"},
            {"patch_id": 9, "area_km2": 2.0, "size_class": "small"},
            {"patch_id": 5, "area_km2": 4.0, "size_class": "super-large"}]
    result = landscape_connectivity(layer(rows), landscape_area_km2=50)
    assert result.patch_id == [4, 5] and result.distance[0, 1] == 4000
    p = 0.5 ** (4000 / 2500)
    assert result.indices.pc == pytest.approx((1 + 16 + 2 * 4 * p) / 2500)
    links = list(result.links())
    assert len(links) == 1 and links[0][1] == {"patch_a": 4, "patch_b": 5, "distance_m": 4000.0,
                                               "probability": pytest.approx(p)}
    assert links[0][0].GetPointCount() == 2 and result.indices.n_links == 0
    shape, row = list(result.rows())[1]
    assert row["dpc"] == pytest.approx(100 * (16 + 8 * p) / (17 + 8 * p)) and row["component"] == 1
    assert shape.GetArea() == 4e6
    html = connectivity_report(result, [("DISPERSAL_DISTANCE", 2500)]).html()
    assert "EC(PC) (km2)" in html and "stepping stones" in html and "weight (km2)" in html
    assert "at most 2500 m apart" in html
    bare = landscape_connectivity(layer(), distance=CENTROID)
    assert bare.weight.tolist() == [1, 1, 4] and bare.patch_id == [1, 2, 3] and math.isnan(bare.indices.pc)
    connectivity_report(bare).html()


def test_crossed_outline_is_mended_for_the_run():
    crossed = layer()
    wkt = "POLYGON((502000 4600000,503000 4601000,503000 4600000,502000 4601000,502000 4600000))"
    crossed.geometries[1] = ogr.CreateGeometryFromWkt(wkt)
    result = landscape_connectivity(crossed)
    assert result.distance[0, 1] == 1000 and result.weight.tolist() == [1, 0.5, 4]
    assert len(list(result.links())) == 3 and len(list(result.rows())) == 3


def test_layer_with_costs():
    template = Template(80, 60, (5e5, 100, 0, 4608000, 0, -100), UTM, "resistance")
    grid = Grid(np.ones((80, 60), dtype=np.float32), template, math.nan, "resistance")
    result = landscape_connectivity(layer(), distance=LEAST_COST, resistance=grid)
    assert result.distance[0, 1] == pytest.approx(1100)


def test_refuses():
    rows = [{"value": 1.0, "text": "x"}, {"value": 0.0, "text": "y"}, {"value": None, "text": "z"}]
    for features, options, message in (
            (Features("patches", UTM), {}, "'patches' is empty"),
            (layer().to_crs("EPSG:4326"), {}, "'patches' is in degrees"),
            (layer(crs=""), {}, "no coordinate reference system"),
            (layer(), {"weight_field": "value"}, "no field 'value'"),
            (layer(rows), {"weight_field": "value"}, "field 'value', feature 3: 'NULL'"),
            (layer(rows), {"weight_field": "text"}, "field 'text', feature 1: 'x'"),
            (layer([{"w": -1}] * 3), {"weight_field": "w"}, "'-1' is not a number of at least 0"),
            (layer([{"w": 0}] * 3), {"weight_field": "w"}, "all weights are 0"),
            (layer(), {"dispersal_distance": 0}, r"\(DISPERSAL_DISTANCE\) is 0"),
            (layer(), {"dispersal_probability": 1}, r"\(DISPERSAL_PROBABILITY\) is 1"),
            (layer(), {"landscape_area_km2": 0}, r"\(AREA_OF_LANDSCAPE\) is 0"),
            (layer(), {"distance": LEAST_COST}, r"choose one \(RESISTANCE\)"),
            (layer([{"size_class": "small"}] * 3), {}, "no patch of size class super-large")):
        with pytest.raises(InputError, match=message):
            landscape_connectivity(features, **options)
    flat = layer()
    flat.geometries[1] = ogr.CreateGeometryFromWkt("POLYGON((500000 4600000,500100 4600000,500000 4600000))")
    with pytest.raises(InputError, match="'patches', feature 2 encloses no area"):
        landscape_connectivity(flat)
    weight, distance = random_landscape(30, 1)
    with pytest.raises(Cancelled):
        connectivity(weight, distance, 1000, 0.5, progress=Progress(cancelled=lambda: True))

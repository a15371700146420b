"""Graph indices: Conefor's results, enumeration of all paths, brute force and networkx."""

import itertools
import json
import math
from pathlib import Path

import networkx
import numpy as np
import pytest

from econet.core.errors import Cancelled
from econet.core.progress import Progress
from econet.core.sources.indices import connectivity

DATA = Path(__file__).parents[2] / "data" / "conefor"


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


def test_hears_a_cancel():
    weight, distance = random_landscape(30, 1)
    with pytest.raises(Cancelled):
        connectivity(weight, distance, 1000, 0.5, progress=Progress(cancelled=lambda: True))

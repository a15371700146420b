"""Graph indices: Conefor's results, enumeration of all paths, brute force and networkx."""

import itertools
import json
import math
import threading
from pathlib import Path

import networkx
import numpy as np
import pytest

from econet.core import accel
from econet.core.connectivity import removal_compiled, thinning
from econet.core.connectivity.changes import (
    gain_of_links,
    gain_of_patches,
    kept_share,
    link_importance,
    neglected_share,
)
from econet.core.connectivity.dispersal import Dispersal
from econet.core.connectivity.graph import Links
from econet.core.connectivity.indices import connectivity
from econet.core.errors import Cancelled, InputError
from econet.core.progress import Progress

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
    result = connectivity(area, distance, Dispersal(meta["d"], meta["p"]), landscape_area=meta["landarea"])
    # Conefor prints six digits; its connectors differ from 0 by up to 2e-7 where nothing connects
    pc, iic = (overall(folder / f"{index}_overall_indices.txt") for index in ("pc", "iic"))
    assert result.ec**2 == pytest.approx(pc["PCnum"], rel=1e-5)
    assert result.ec == pytest.approx(pc["EC(PC)"], rel=1e-5)
    assert result.ec_iic**2 == pytest.approx(iic["IICnum"], rel=1e-5)
    assert (result.pc_intra, result.pc_direct, result.pc_step) == pytest.approx(
        (pc["PCintra(%)"], pc["PCdirect(%)"], pc["PCstep(%)"]), rel=1e-5, abs=1e-6
    )
    if name == "A_graphab10":  # Conefor overflows this area
        assert result.pc == pytest.approx(2.480545943431007e-10, rel=1e-6)
    else:
        assert result.pc == pytest.approx(pc["PC"], rel=1e-5)
        assert result.iic == pytest.approx(iic["IIC"], rel=1e-5)
    rows = table(folder / "pc_node_importances.txt")
    assert len(rows) == area.size
    for row in rows:
        i = int(row["Node"]) - 1
        for ours, theirs in (
            (result.dpc, "dPC"),
            (result.dpc_intra, "dPCintra"),
            (result.dpc_flux, "dPCflux"),
            (result.dpc_connector, "dPCconnector"),
        ):
            assert ours[i] == pytest.approx(float(row[theirs]), rel=1e-5, abs=1e-6)
    for row in table(folder / "iic_node_importances.txt"):
        assert result.diic[int(row["Node"]) - 1] == pytest.approx(float(row["dIIC"]), rel=1e-5, abs=1e-6)


def test_three_patches_worked_out():
    distance = np.array([[0, 1000, 5000], [1000, 0, 1500], [5000, 1500, 0.0]])
    result = connectivity([10, 5, 20], distance, Dispersal(2500, 0.5), landscape_area=100)
    assert result.ec**2 == pytest.approx(932.736619, abs=1e-6)
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
        result = connectivity(weight, distance, Dispersal(1200, 0.3))
        assert result.ec**2 == pytest.approx(whole, rel=1e-12)
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
        result = connectivity(weight, distance, Dispersal(reach, 0.5))
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
        assert result.ec_iic**2 == pytest.approx(total)
        i = int(np.argmax(result.betweenness))
        graph.remove_node(i)
        hops = dict(networkx.all_pairs_shortest_path_length(graph))
        without = sum(weight[a] * weight[b] / (1 + d) for a, row in hops.items() for b, d in row.items())
        assert result.diic[i] == pytest.approx(100 * (total - without) / total)


def test_what_must_hold():
    weight, distance = random_landscape(20, 3)
    result = connectivity(weight, distance, Dispersal(3000, 0.5), landscape_area=500)
    assert result.dpc == pytest.approx(result.dpc_intra + result.dpc_flux + result.dpc_connector)
    order = np.random.default_rng(0).permutation(20)
    turned = connectivity(weight[order], distance[np.ix_(order, order)], Dispersal(3000, 0.5), landscape_area=500)
    assert turned.dpc == pytest.approx(result.dpc[order])
    scaled = connectivity(weight * 7, distance * 3, Dispersal(9000, 0.5), landscape_area=3500)
    assert scaled.pc == pytest.approx(result.pc) and scaled.dpc == pytest.approx(result.dpc)
    same_k = connectivity(weight, distance, Dispersal(6000, 0.25), landscape_area=500)
    assert same_k.dpc == pytest.approx(result.dpc)
    assert result.ec >= math.sqrt((weight**2).sum()) and result.ec <= weight.sum()
    assert math.isnan(connectivity(weight, distance, Dispersal(3000, 0.5)).pc)
    far = connectivity(weight, np.where(distance > 0, np.inf, 0), Dispersal(3000, 0.5))
    assert far.ec == pytest.approx(math.sqrt((weight**2).sum())) and far.n_components == 20
    near = connectivity(weight, np.zeros((20, 20)), Dispersal(3000, 0.5))
    assert near.ec == pytest.approx(weight.sum()) and near.betweenness.tolist() == [0] * 20


def test_one_patch_and_two():
    one = connectivity([3.0], [[0.0]], Dispersal(100, 0.5), landscape_area=10)
    assert (one.dpc.tolist(), one.dpc_connector.tolist(), one.pc) == ([100], [0], 0.09)
    two = connectivity([3.0, 1.0], [[0.0, 100], [100, 0.0]], Dispersal(100, 0.5))
    assert two.dpc == pytest.approx([100 * (13 - 1) / 13, 100 * (13 - 9) / 13])


def test_hears_a_cancel():
    weight, distance = random_landscape(30, 1)
    with pytest.raises(Cancelled):
        connectivity(weight, distance, Dispersal(1000, 0.5), progress=Progress(cancelled=lambda: True))


# brute force --------------------------------------------------------------------------------------------


@pytest.fixture(params=["numpy", "numba"])
def engine(request):
    accel.prefer(request.param)
    yield request.param
    accel.prefer("auto")


def closed(matrix):
    """Floyd & Warshall, afresh."""
    matrix = matrix.copy()
    for v in range(len(matrix)):
        matrix = np.minimum(matrix, matrix[:, [v]] + matrix[[v]])
    return matrix


def pc_number(weight, matrix, distance=4.0, probability=0.4):
    return weight @ probability ** (closed(matrix) / distance) @ weight


def iic_number(weight, matrix, distance=4.0):
    hops = np.where(matrix <= distance, 1.0, np.inf)
    np.fill_diagonal(hops, 0)
    return weight @ (1 / (1 + closed(hops))) @ weight


def random_graphs(count, largest, seed):
    """Sparse and dense, with equal lengths, zero lengths, coincident nodes, islands and weights of 0."""
    generator = np.random.default_rng(seed)
    for trial in range(count):
        n = int(generator.integers(1, largest + 1))
        kind = trial % 4
        if kind == 0:  # whole numbers: ties and zeros
            matrix = generator.integers(0, 9, (n, n)).astype(float)
        elif kind == 1:  # breaks the triangle inequality everywhere
            matrix = generator.random((n, n)) ** 3 * 30
        elif kind == 2:  # discs, some of them touching
            x, y, radius = generator.random((3, n)) * [[30], [30], [4]]
            matrix = np.maximum(np.hypot(x[:, None] - x, y[:, None] - y) - radius - radius[:, None], 0)
        else:  # points, some coincident, and one beyond any hope
            x, y = np.round(generator.random((2, n)) * 8)
            matrix = np.hypot(x[:, None] - x, y[:, None] - y)
            matrix[0, 1:] = 1e6
        matrix = np.minimum(matrix, matrix.T)
        matrix[generator.random((n, n)) < (0, 0.3, 0.7)[trial % 3]] = np.inf
        matrix = np.maximum(matrix, matrix.T)
        np.fill_diagonal(matrix, 0)
        weight = np.round(generator.random(n) * 5)
        weight[generator.integers(n)] += 1
        yield weight, matrix, generator


def without(matrix, i):
    return np.delete(np.delete(matrix, i, 0), i, 1)


def test_points_all_linked(engine):
    """No detour is shorter than a link: nothing connects, and a link that is cut costs its own pair alone."""
    weight, matrix = random_landscape(40, 12)
    result = connectivity(weight, matrix, Dispersal(3000, 0.5))
    assert result.dpc_connector.tolist() == [0] * 40
    links = Links.from_matrix(matrix)
    found, whole = link_importance(weight, links, Dispersal(3000, 0.5)), pc_number(weight, matrix, 3000, 0.5)
    assert result.ec**2 == pytest.approx(whole, rel=1e-12)
    for i in range(0, len(links), 37):
        cut = matrix.copy()
        cut[links.a[i], links.b[i]] = cut[links.b[i], links.a[i]] = np.inf
        left = pc_number(weight, cut, 3000, 0.5)
        assert found[i] == pytest.approx(100 * (whole - left) / whole, rel=1e-9, abs=1e-11)


def test_many_neighbours(engine, monkeypatch):
    """A hub amid points that are all linked: lists too long to sort, hardly anything to thin."""
    weight, matrix = random_landscape(90, 13)
    matrix[0], matrix[:, 0] = matrix[0] / 3, matrix[:, 0] / 3
    monkeypatch.setattr(thinning, "_THIN_FROM", math.inf)
    result, links = connectivity(weight, matrix, Dispersal(9000, 0.5)), Links.from_matrix(matrix)
    whole, whole_iic = pc_number(weight, matrix, 9000, 0.5), iic_number(weight, matrix, 9000)
    assert result.dpc_connector[0] > 1
    for i in (0, 1, 50):
        rest, left = np.delete(weight, i), without(matrix, i)
        assert result.dpc[i] == pytest.approx(100 * (1 - pc_number(rest, left, 9000, 0.5) / whole), rel=1e-9)
        assert result.diic[i] == pytest.approx(100 * (1 - iic_number(rest, left, 9000) / whole_iic), rel=1e-9)
    found = link_importance(weight, links, Dispersal(9000, 0.5))
    for i in (0, 40, 88, 2000):
        cut = matrix.copy()
        cut[links.a[i], links.b[i]] = cut[links.b[i], links.a[i]] = np.inf
        assert found[i] == pytest.approx(100 * (1 - pc_number(weight, cut, 9000, 0.5) / whole), rel=1e-8, abs=1e-9)


@pytest.mark.parametrize("thin", [False, True])
def test_removal_equals_brute_force(engine, thin, monkeypatch):
    monkeypatch.setattr(thinning, "_THIN_FROM", -1 if thin else math.inf)
    for weight, matrix, _ in random_graphs(100, 12, 1):
        result = connectivity(weight, matrix, Dispersal(4, 0.4))
        whole, whole_iic = pc_number(weight, matrix), iic_number(weight, matrix)
        assert result.ec**2 == pytest.approx(whole, rel=1e-12)
        assert result.ec_iic**2 == pytest.approx(whole_iic, rel=1e-12)
        for i in range(weight.size):
            rest = np.delete(weight, i)
            left = pc_number(rest, without(matrix, i)), iic_number(rest, without(matrix, i))
            assert result.dpc[i] == pytest.approx(100 * (whole - left[0]) / whole, rel=1e-11, abs=2e-9)
            assert result.diic[i] == pytest.approx(100 * (whole_iic - left[1]) / whole_iic, rel=1e-11, abs=2e-9)
        assert (result.dpc_connector >= 0).all() and result.neglected == 0


def larger_landscapes(generator):
    """Dense and sparse, with equal and zero lengths, islands, and cut nodes between cliques."""
    for kind in ("ties", "zeros", "sparse", "discs", "islands", "cliques", "ring", "star"):
        n = int(generator.integers(60, 151))
        x, y = generator.random((2, n)) * 20
        apart = np.hypot(x[:, None] - x, y[:, None] - y)
        if kind == "ties":
            matrix = np.ceil(apart)
        elif kind == "zeros":
            matrix = np.floor(apart / 2)
        elif kind == "sparse":
            matrix = np.where(generator.random((n, n)) < 3 / n, apart, np.inf)
        elif kind == "discs":
            radius = generator.random(n) ** 3 * 3
            matrix = np.maximum(apart - radius - radius[:, None], 0)
        elif kind == "islands":
            matrix = np.where((x[:, None] < 8) == (x < 8), np.where(apart < 5, apart, np.inf), np.inf)
        else:
            matrix = np.full((n, n), np.inf)
            if kind == "cliques":  # each shares one node with the next
                for first in range(0, n, 12):
                    matrix[first : first + 13, first : first + 13] = apart[first : first + 13, first : first + 13]
            elif kind == "ring":
                matrix[np.arange(n), (np.arange(n) + 1) % n] = 1.0
            else:
                matrix[0] = x
        matrix = np.minimum(matrix, matrix.T)
        np.fill_diagonal(matrix, 0)
        yield np.ceil(generator.random(n) * 5), matrix, generator


@pytest.mark.parametrize("seed", [21, 22])
def test_removal_from_larger_landscapes(engine, seed):
    late = 0
    for weight, matrix, generator in larger_landscapes(np.random.default_rng(seed)):
        for reach in (4.0, 12.0):  # hops: few links, and many
            result = connectivity(weight, matrix, Dispersal(reach, 0.4))
            whole, whole_iic = pc_number(weight, matrix, reach), iic_number(weight, matrix, reach)
            worst = np.argsort(result.dpc_connector + result.diic_connector)[-3:]
            for i in {0, 12, *worst.tolist(), *generator.choice(weight.size, 3).tolist()}:
                rest, left = np.delete(weight, i), without(matrix, i)
                assert result.dpc[i] == pytest.approx(
                    100 * (1 - pc_number(rest, left, reach) / whole), rel=1e-10, abs=2e-9
                )
                assert result.diic[i] == pytest.approx(
                    100 * (1 - iic_number(rest, left, reach) / whole_iic), rel=1e-10, abs=2e-9
                )
                late += result.diic_connector[i] > 0.1
        links = Links.from_matrix(matrix)
        found, whole = link_importance(weight, links, Dispersal(4, 0.4)), pc_number(weight, matrix)
        for i in {int(np.argmax(found)), *generator.choice(len(links), 3).tolist()}:
            cut = matrix.copy()
            cut[links.a[i], links.b[i]] = cut[links.b[i], links.a[i]] = np.inf
            assert found[i] == pytest.approx(100 * (1 - pc_number(weight, cut) / whole), rel=1e-10, abs=2e-9)
    assert late > 20


def test_numbers_of_paths_beyond_the_prime(engine):
    """Full layers: 5 ** 18 shortest paths from end to end, and one node that all must pass."""
    layers = [list(range(5 * k, 5 * k + 5)) for k in range(20)]
    n = 101
    layers = [*layers[:10], [n - 1], *layers[10:]]
    matrix = np.full((n, n), np.inf)
    for one, other in zip(layers, layers[1:]):
        matrix[np.ix_(one, other)] = 1.0
    matrix = np.minimum(matrix, matrix.T)
    np.fill_diagonal(matrix, 0)
    weight = 1.0 + np.arange(n) % 3
    result, whole = connectivity(weight, matrix, Dispersal(1.5, 0.5)), iic_number(weight, matrix, 1.5)
    for i in range(0, n, 4):
        left = iic_number(np.delete(weight, i), without(matrix, i), 1.5)
        assert result.diic[i] == pytest.approx(100 * (1 - left / whole), rel=1e-11)
    assert np.argmax(result.diic_connector) == n - 1 and result.diic_connector[:5].max() == 0


def test_threads_change_no_bit_and_stop(monkeypatch):
    x, y, radius = np.random.default_rng(5).random((3, 260)) * [[60], [60], [2]]
    matrix = np.maximum(np.hypot(x[:, None] - x, y[:, None] - y) - radius - radius[:, None], 0)
    np.fill_diagonal(matrix, 0)
    accel.prefer("numba")
    try:
        found = []
        for threads in (1, 2, 3, 4):
            monkeypatch.setattr(removal_compiled, "_THREADS", threads)
            monkeypatch.setattr(removal_compiled.os, "cpu_count", lambda: 4)
            result = connectivity(radius, matrix, Dispersal(3, 0.5))
            importance = link_importance(radius, matrix, Dispersal(3, 0.5))
            found.append((result.dpc.tobytes(), result.diic.tobytes(), importance.tobytes()))
        assert found.count(found[0]) == 4
        heard = []

        def cancelled():
            heard.append(threading.current_thread() is threading.main_thread())
            return len(heard) > 280  # in the repair: thinning asks once per patch

        before = threading.active_count()
        with pytest.raises(Cancelled):
            connectivity(radius, matrix, Dispersal(3, 0.5), progress=Progress(cancelled=cancelled))
        assert all(heard) and threading.active_count() == before
    finally:
        accel.prefer("auto")


@pytest.mark.parametrize("thin", [False, True])
def test_link_importance_equals_brute_force(engine, thin, monkeypatch):
    monkeypatch.setattr(thinning, "_THIN_FROM", -1 if thin else math.inf)
    for weight, matrix, _ in random_graphs(50, 9, 2):
        links = Links.from_matrix(matrix)
        found = link_importance(weight, links, Dispersal(4, 0.4))
        assert found.shape == (len(links),)
        whole, shortest = pc_number(weight, matrix), closed(matrix)
        for a, b, d, importance in zip(links.a, links.b, links.distance, found):
            cut = matrix.copy()
            cut[a, b] = cut[b, a] = np.inf
            assert importance == pytest.approx(100 * (whole - pc_number(weight, cut)) / whole, rel=1e-11, abs=2e-9)
            if shortest[a, b] < d:
                assert importance == 0


def test_thinning_keeps_all_distances_also_without_any_one_node():
    dropped = 0
    for _, matrix, _ in random_graphs(60, 16, 3):
        links, n = Links.from_matrix(matrix), len(matrix)
        keep, metric = thinning.thinned(links, matrix)
        assert not metric or np.array_equal(closed(matrix), matrix)
        dropped += (~keep).sum()
        thin = Links(n, links.a[keep], links.b[keep], links.distance[keep]).matrix()
        assert closed(thin) == pytest.approx(closed(matrix), rel=1e-12)
        for i in range(n):
            assert closed(without(thin, i)) == pytest.approx(closed(without(matrix, i)), rel=1e-12)
    assert dropped > 250


def test_engines_agree_and_paths_are_those_of_networkx():
    """Touching discs of uneven size, as patches are: deep trees."""
    x, y, radius = np.random.default_rng(5).random((3, 70)) * [[60], [60], [4]]
    matrix = np.maximum(np.hypot(x[:, None] - x, y[:, None] - y) - radius - radius[:, None], 0)
    np.fill_diagonal(matrix, 0)
    weight, links = radius**2, Links.from_matrix(matrix)
    results = {}
    try:
        for name in ("numpy", "numba"):
            accel.prefer(name)
            results[name] = (
                connectivity(weight, links, Dispersal(3, 0.5)),
                link_importance(weight, links, Dispersal(3, 0.5)),
            )
    finally:
        accel.prefer("auto")
    one, other = results.values()
    assert one[1] == pytest.approx(other[1], rel=1e-11, abs=1e-13)
    for name in ("dpc_flux", "dpc_connector", "diic"):
        assert getattr(one[0], name) == pytest.approx(getattr(other[0], name), rel=1e-11, abs=1e-13)
    graph = networkx.Graph()
    graph.add_weighted_edges_from(zip(links.a.tolist(), links.b.tolist(), links.distance.tolist()))

    def number():
        return sum(
            weight[i] * weight[j] * 0.5 ** (d / 3)
            for i, row in networkx.all_pairs_dijkstra_path_length(graph)
            for j, d in row.items()
        )

    whole = number()
    assert one[0].ec ** 2 == pytest.approx(whole, rel=1e-12)
    for i in np.argsort(-one[0].dpc_connector)[:3].tolist():
        lost = list(graph.edges(i, data="weight"))
        graph.remove_node(i)
        assert one[0].dpc[i] == pytest.approx(100 * (whole - number()) / whole, rel=1e-10)
        graph.add_weighted_edges_from(lost)


def test_pc_grows_with_p_and_with_weights():
    for weight, matrix, _ in random_graphs(12, 12, 4):
        ec = [connectivity(weight, matrix, Dispersal(4, p)).ec for p in (1e-9, 0.01, 0.3, 0.5, 0.9, 1 - 1e-9)]
        assert (np.diff(ec) >= -1e-12 * ec[0]).all()
        assert (
            connectivity(weight + 1, matrix, Dispersal(4, 0.5)).ec > connectivity(weight, matrix, Dispersal(4, 0.5)).ec
        )


def test_what_a_smallest_probability_neglects_is_bounded(engine):
    for weight, matrix, _ in random_graphs(60, 14, 6):
        exact, cut = (
            connectivity(weight, matrix, Dispersal(4, 0.4)),
            connectivity(weight, matrix, Dispersal(4, 0.4), smallest_probability=0.05),
        )
        assert cut.ec <= exact.ec * (1 + 1e-12)
        assert (exact.ec / cut.ec) ** 2 - 1 <= cut.neglected + 1e-12
        assert np.abs(cut.dpc - exact.dpc).max() <= 200 * cut.neglected + 1e-9
        assert cut.dpc_connector.min() >= 0


def test_gains_equal_brute_force():
    for weight, matrix, generator in random_graphs(150, 10, 7):
        n, whole = weight.size, pc_number(weight, matrix)
        if n > 1:
            a, b = generator.choice(n, 2, replace=False)
            d = float(generator.integers(0, 9))
            added = matrix.copy()
            added[a, b] = added[b, a] = min(d, matrix[a, b])
            assert gain_of_links(weight, matrix, Links(n, [a], [b], np.array([d])), Dispersal(4, 0.4))[
                0
            ] == pytest.approx(100 * (pc_number(weight, added) / whole - 1), rel=1e-9, abs=1e-9)
        near = generator.choice(n, generator.integers(0, n + 1), replace=False)
        d = generator.integers(0, 9, near.size).astype(float)
        added = np.full((n + 1, n + 1), np.inf)
        added[:n, :n], added[n, n] = matrix, 0
        added[n, near] = added[near, n] = d
        found, stone = gain_of_patches(weight, matrix, [2.0, 0.0], [(near, d), (near, d)], Dispersal(4, 0.4))
        for gain, own in ((found, 2.0), (stone, 0.0)):
            assert gain.gain == pytest.approx(
                100 * (pc_number(np.append(weight, own), added) / whole - 1), rel=1e-9, abs=1e-9
            )
        assert (stone.intra, stone.flux) == (0, 0) and stone.connector == pytest.approx(found.connector)
        assert found.intra == pytest.approx(400 / whole)


def test_share_kept_equals_brute_force():
    for weight, matrix, generator in random_graphs(60, 10, 8):
        order = generator.permutation(weight.size)
        expected = [
            math.sqrt(pc_number(weight[order[:m]], matrix[np.ix_(order[:m], order[:m])]))
            for m in range(1, weight.size + 1)
        ]
        found = kept_share(weight, matrix, order, Dispersal(4, 0.4))
        assert found == pytest.approx(np.array(expected) / expected[-1], rel=1e-12)
        assert (np.diff(found) >= 0).all() and found[-1] == 1


def test_bound_of_links_left_out_holds():
    sharp = 0
    for weight, matrix, generator in random_graphs(150, 12, 9):
        longest = float(generator.integers(1, 9))
        near = np.where(matrix <= longest, matrix, np.inf)
        share, probability = neglected_share(weight, near, longest, Dispersal(4, 0.4))
        assert probability == pytest.approx(0.4 ** (longest / 4))
        neglected = pc_number(weight, matrix) / pc_number(weight, near) - 1
        assert -1e-12 <= neglected <= share + 1e-12
        sharp += neglected > 0.2 * share > 0
    assert sharp > 10


def test_links_and_matrices_are_one():
    matrix = np.array([[0, 2, np.inf], [2, 0, 0.0], [np.inf, 0, 0]])
    links = Links.from_matrix(matrix)
    assert (links.a.tolist(), links.b.tolist(), links.distance.tolist()) == ([0, 1], [1, 2], [2, 0])
    assert np.array_equal(links.matrix(), matrix)
    for weight, other, _ in random_graphs(5, 9, 10):
        assert (
            connectivity(weight, other, Dispersal(4, 0.4)).dpc.tolist()
            == connectivity(weight, Links.from_matrix(other), Dispersal(4, 0.4)).dpc.tolist()
        )


@pytest.mark.parametrize(
    "numbers, parameter, phrase",
    [
        ((0, 0.5), "dispersal_distance", "not above 0"),
        ((math.inf, 0.5), "dispersal_distance", "not above 0"),
        ((100, 0), "dispersal_probability", "not between 0 and 1"),
        ((100, 1), "dispersal_probability", "not between 0 and 1"),
    ],
)
def test_a_dispersal_out_of_range_is_refused(numbers, parameter, phrase):
    with pytest.raises(InputError, match=phrase) as caught:
        Dispersal(*numbers)
    assert caught.value.parameter == parameter


@pytest.mark.parametrize(
    "weight, options, parameter, phrase",
    [
        ([1.0, 2.0], {"landscape_area": 0}, "landscape_area", "0 is not above 0"),
        ([0.0, 0.0], {}, "weight", "all weights of the patches are 0"),
        ([1.0, 2.0], {"smallest_probability": 1}, "smallest_probability", "1 is no probability"),
    ],
)
def test_numbers_out_of_range_are_refused(weight, options, parameter, phrase):
    with pytest.raises(InputError, match=phrase) as caught:
        connectivity(weight, np.zeros((2, 2)), Dispersal(100, 0.5), **options)
    assert caught.value.parameter == parameter

"""Candidate patches and links: gains against PC summed over networkx's shortest paths, ends, overlaps, refusals."""

import math

import networkx
import numpy as np
import pytest
from factory import UTM, line, square
from osgeo import ogr

from econet.core.connectivity.choices import ConnectivityChoices
from econet.core.connectivity.landscape import landscape_connectivity
from econet.core.connectivity.links import PatchDistance
from econet.core.connectivity.report import connectivity_report
from econet.core.errors import InputError
from econet.core.geometry.layers import Layer
from econet.core.grid.grid import Grid, Template
from econet.core.progress import Progress

K = math.log(2) / 2500


def layer(shapes, attributes=None, name="patches", crs=UTM):
    attributes = attributes or [{} for _ in shapes]
    return Layer(name, crs, list(shapes), attributes, sorted(attributes[0]) if attributes else [])


def number(weight, links):
    """sum a_i a_j exp(-k D_ij) over all ordered pairs."""
    graph = networkx.Graph()
    graph.add_nodes_from(range(len(weight)))
    for a, b, d in links:
        if not graph.has_edge(a, b) or graph[a][b]["weight"] > d:
            graph.add_edge(a, b, weight=d)
    return sum(
        weight[i] * weight[j] * math.exp(-K * d)
        for i, row in networkx.all_pairs_dijkstra_path_length(graph)
        for j, d in row.items()
    )


def recorded():
    messages = []
    return messages, Progress(log=messages.append, warn=messages.append)


@pytest.fixture(scope="module")
def patches():
    generator = np.random.default_rng(3)
    return [
        square(3000 * k + 800 * generator.random(), 6000 * generator.random(), 500 + 900 * generator.random())
        for k in range(9)
    ]


def direct(shapes, limit=math.inf, distance=lambda a, b: a.Distance(b)):
    return [
        (i, j, distance(shapes[i], shapes[j]))
        for i in range(len(shapes))
        for j in range(i + 1, len(shapes))
        if distance(shapes[i], shapes[j]) <= limit
    ]


def centres(a, b):
    return a.Centroid().Distance(b.Centroid())


@pytest.mark.parametrize(
    "rule, distance, limit",
    [
        (PatchDistance.EDGE, lambda a, b: a.Distance(b), None),
        (PatchDistance.EDGE, lambda a, b: a.Distance(b), 3000.0),
        (PatchDistance.CENTROID, centres, 4000.0),
    ],
)
def test_patches_equal_a_new_sum(patches, rule, distance, limit):
    new = [square(1500, 8000, 950), square(10000, -800, 300), square(70000, 0), square(27500, -3000, 2500)]
    result = landscape_connectivity(
        layer(patches),
        ConnectivityChoices(distance=rule, max_link_distance=limit),
        candidates=layer(new, [{"name": f"n{k}"} for k in range(4)], "plan"),
    )
    limit = math.inf if limit is None else limit
    weight = [g.GetArea() / 1e6 for g in patches]
    links = direct(patches, limit, distance)
    before = number(weight, links)
    rows = [row for _, row in result.candidate_patches.rows()]
    for k, (shape, row) in enumerate(zip(new, rows)):
        joined = [(i, 9, distance(g, shape)) for i, g in enumerate(patches) if distance(g, shape) <= limit]
        size = shape.GetArea() / 1e6
        after = number([*weight, size], links + joined)
        assert row["gain_pc"] == pytest.approx(100 * (after - before) / before, rel=1e-9)
        assert row["gain_ec"] == pytest.approx(math.sqrt(after) - math.sqrt(before), rel=1e-6)
        assert row["gain_intra"] == pytest.approx(100 * size**2 / before)
        assert row["gain_connector"] == pytest.approx(
            100 * (number([*weight, 0.0], links + joined) - before) / before, abs=1e-9
        )
        assert row["gain_pc"] == pytest.approx(row["gain_intra"] + row["gain_flux"] + row["gain_connector"])
        assert (row["candidate_id"], row["weight"], row["n_links"]) == (k + 1, pytest.approx(size), len(joined))
        assert row["name"] == f"n{k}"
    gains = [row["gain_pc"] for row in rows]
    assert [row["rank"] for row in rows] == [sorted(gains, reverse=True).index(gain) + 1 for gain in gains]


def test_a_centroid_is_that_of_what_is_left_of_a_candidate():
    here, new = square(0, 0), square(500, 0, 1000)
    template = Template(50, 50, (5e5, 100, 0, 4603000, 0, -100), UTM, "resistance")
    ground = Grid(np.ones((50, 50), dtype=np.float32), template, math.nan, "resistance")
    for rule, metres in ((PatchDistance.CENTROID, 750.0), (PatchDistance.EDGE, 0.0), (PatchDistance.LEAST_COST, 0.0)):
        result = landscape_connectivity(
            layer([here]),
            ConnectivityChoices(distance=rule),
            resistance=ground if rule == PatchDistance.LEAST_COST else None,
            candidates=layer([new], name="plan"),
        )
        ((_, row),) = result.candidate_patches.rows()
        assert row["weight"] == pytest.approx(0.5)
        assert row["gain_flux"] == pytest.approx(100 * 2 * 0.5 * math.exp(-K * metres)), rule


def test_links_equal_a_new_sum(patches):
    lines = [line((1000, 3000), (7000, 3000)), line((3500, 2000), (24500, 2000)), line((24500, 0), (500, 0))]
    lengths = [100.0, 4000.0, 9000.0]
    result = landscape_connectivity(
        layer(patches),
        ConnectivityChoices(max_link_distance=2500.0, candidate_link_field="cost"),
        candidate_links=layer(lines, [{"cost": length} for length in lengths], "plan"),
    )
    weight, links = [g.GetArea() / 1e6 for g in patches], direct(patches, 2500)
    before = number(weight, links)
    for shape, length, (geometry, row) in zip(lines, lengths, result.candidate_links.rows()):
        ends = [ogr.CreateGeometryFromWkt(f"POINT ({x} {y})") for x, y in (shape.GetPoint_2D(0), shape.GetPoint_2D(1))]
        a, b = (min(range(9), key=lambda i: patches[i].Distance(end)) for end in ends)
        assert (row["patch_a"], row["patch_b"], row["distance_m"]) == (a + 1, b + 1, length)
        after = number(weight, [*links, (a, b, length)])
        assert row["gain_pc"] == pytest.approx(100 * (after - before) / before, abs=1e-12)
        assert row["gain_ec"] == pytest.approx(math.sqrt(after) - math.sqrt(before), abs=1e-12)
        assert geometry.GetGeometryName() == "MULTILINESTRING"
    assert len({row["patch_a"] for _, row in result.candidate_links.rows()}) == 3


def test_ground_of_present_patches_is_cut_away():
    present = [square(0, 0), square(4000, 0)]
    plan = layer([square(500, 0), square(2000, 0)], [{"area_km2": 3.0}, {"area_km2": 2.0}], "plan")
    messages, progress = recorded()
    result = landscape_connectivity(layer(present), ConnectivityChoices(), candidates=plan, progress=progress)
    rows = list(result.candidate_patches.rows())
    assert rows[0][0].GetArea() == pytest.approx(5e5) and rows[1][0].GetArea() == pytest.approx(1e6)
    assert [row["weight"] for _, row in rows] == pytest.approx([1.5, 2.0])
    assert plan.geometries[0].GetArea() == 1e6 and plan.attributes[0] == {"area_km2": 3.0}
    assert sum("overlap patches that are there, the first, feature 1, patch 1 by 0.5 km2" in m for m in messages) == 1
    before = number([1, 1], [(0, 1, 3000)])
    after = number([1, 1, 1.5], [(0, 1, 3000), (0, 2, 0), (1, 2, 2500)])  # where it overlaps it is no distance away
    assert rows[0][1]["gain_pc"] == pytest.approx(100 * (after - before) / before)


def test_weights_of_candidates():
    present = layer([square(0, 0), square(4000, 0)], [{"quality": 5.0}, {"quality": 2.0}])
    plan = [square(2000, 0, 500)]
    result = landscape_connectivity(
        present, ConnectivityChoices(weight_field="quality"), candidates=layer(plan, [{"Quality": 7}], "plan")
    )
    assert result.candidate_patches.weight.tolist() == [7]
    for attributes, message in (
        ({"name": "x"}, "'plan' has no field 'quality' .the weight of a candidate"),
        ({"quality": None}, "'plan', field 'quality', feature 1: 'NULL' is not a number"),
        ({"quality": -1}, "'-1' is not a number of at least 0"),
    ):
        with pytest.raises(InputError, match=message):
            landscape_connectivity(
                present, ConnectivityChoices(weight_field="quality"), candidates=layer(plan, [attributes], "plan")
            )
    none = landscape_connectivity(
        present, ConnectivityChoices(weight_field="quality"), candidates=layer(plan, [{"quality": 0}], "plan")
    )
    gain = none.candidate_patches.gains[0]
    assert gain.intra == gain.flux == 0 and gain.gain == gain.connector


def test_costs():
    grid = Grid(
        np.full((60, 80), 3, np.float32), Template(60, 80, (5e5, 100, 0, 4605000, 0, -100), UTM, "r"), math.nan, "r"
    )
    messages, progress = recorded()
    result = landscape_connectivity(
        layer([square(0, 0), square(5000, 0)]),
        ConnectivityChoices(distance=PatchDistance.LEAST_COST),
        resistance=grid,
        progress=progress,
        candidates=layer([square(2500, 0, 500)], name="plan"),
        candidate_links=layer([line((900, 500), (5100, 500))]),
    )
    assert result.links.distance.tolist() == pytest.approx([3 * 4100])
    before = number([1, 1], [(0, 1, 12300)])
    after = number([1, 1, 0.25], [(0, 1, 12300), (0, 2, 4800), (1, 2, 6300)])
    assert result.candidate_patches.gains[0].gain == pytest.approx(100 * (after - before) / before)
    after = number([1, 1], [(0, 1, 4200)])
    assert result.candidate_links.gain.tolist() == pytest.approx([100 * (after - before) / before])
    assert result.candidate_links.present.tolist() == pytest.approx([12300])
    assert any("ground has resistance 1" in m for m in messages)


def test_links_that_gain_nothing_are_warned_of():
    present = layer([square(0, 0), square(4000, 0), square(4000, 3000)])
    plan = [line((1000, 500), (4000, 500)), line((900, 0), (900, 900)), line((1200, 0), (3500, 0))]
    messages, progress = recorded()
    result = landscape_connectivity(
        present, ConnectivityChoices(), candidate_links=layer(plan, name="plan"), progress=progress
    )
    found = result.candidate_links
    near, now, down, across = (0.5 ** (m / 2500) for m in (2300, 3000, 2000, math.hypot(3000, 2000)))
    assert found.gain.tolist() == [0, 0, pytest.approx(100 * 2 * (near - now) / (3 + 2 * (now + down + across)))]
    assert found.rank.tolist() == [2, 3, 1] and found.present.tolist() == [3000, 0, 3000]
    for message in (
        "1 line(s) start and end at one patch, the first, feature 2, at patch 1",
        "1 line(s) end away from the patches that they join, the first, feature 3, by 700 m in all",
        "1 of 3 candidate link(s) gain nothing",
        "feature 1: 3000, and 3000 now",
    ):
        assert sum(message in m for m in messages) == 1, message
    html = connectivity_report(result).html()
    assert "Candidate links" in html and "shortest way now (m)" in html


def test_lines_of_parts_that_join_up():
    parts = ogr.CreateGeometryFromWkt(
        "MULTILINESTRING((502000 4600500,501000 4600500),(502000 4600500,504000 4600500))"
    )
    present = layer([square(0, 0), square(4000, 0)])
    row = next(
        landscape_connectivity(present, ConnectivityChoices(), candidate_links=layer([parts])).candidate_links.rows()
    )[1]
    assert {row["patch_a"], row["patch_b"]} == {1, 2} and row["distance_m"] == 3000


@pytest.mark.parametrize(
    "shape, message",
    [
        ("MULTILINESTRING((501000 4600500,502000 4600500),(503000 4600500,504000 4600500))", "feature 1 has 4 ends"),
        ("LINESTRING(501000 4600500,502000 4600500,502000 4600600,501000 4600500)", "feature 1 has 0 ends"),
        ("LINESTRING(501000 4600500,501500 4600500,501500 4690000)", None),
        (
            "LINESTRING(501000 4602500,501000 4603500)",
            "ends 1500 m from the nearest patch .1., further than it is long .1000",
        ),
        ("LINESTRING(590000 4600500,590100 4600500)", "further than it is long .100 m.: draw it from patch to patch"),
    ],
)
def test_lines_that_join_nothing(shape, message):
    present, plan = layer([square(0, 0), square(4000, 0)]), layer([ogr.CreateGeometryFromWkt(shape)], name="plan")
    if message is None:
        landscape_connectivity(present, ConnectivityChoices(), candidate_links=plan)
        return
    with pytest.raises(InputError, match=message):
        landscape_connectivity(present, ConnectivityChoices(), candidate_links=plan)


BY_COST = ConnectivityChoices(candidate_link_field="cost")


def test_refusals():
    present = layer([square(0, 0), square(4000, 0)])
    for options, message in (
        ({"candidates": layer([], name="plan")}, "'plan' is empty"),
        ({"candidate_links": layer([], name="plan")}, "'plan' is empty"),
        (
            {"candidates": layer([square(100, 100, 200)], name="plan")},
            "'plan', feature 1 lies wholly on patches that are there .patch 1.: nothing is left",
        ),
        (
            {"candidate_links": layer([line((0, 0), (4000, 0))], name="plan"), "choices": BY_COST},
            "'plan' has no field 'cost'",
        ),
        (
            {
                "candidate_links": layer([line((0, 0), (4000, 0))], [{"cost": "far"}], "plan"),
                "choices": BY_COST,
            },
            "feature 1: 'far' is not a number of at least 0",
        ),
        ({"candidates": layer([square(0, 300000)], name="plan")}, "'plan' lies wholly away from 'the patches'"),
        ({"candidates": layer([square(2000, 0)], name="plan", crs="")}, "'plan' has no coordinate reference"),
    ):
        with pytest.raises(InputError, match=message):
            landscape_connectivity(present, **{"choices": ConnectivityChoices(), **options})
    weightless = layer([square(0, 0), square(4000, 0)], [{"w": 0}, {"w": 2}])
    messages, progress = recorded()
    found = landscape_connectivity(
        weightless,
        ConnectivityChoices(weight_field="w", candidate_link_field="cost"),
        progress=progress,
        candidate_links=layer([line((1000, 500), (4000, 500))], [{"cost": 10}]),
    ).candidate_links
    assert found.gain.tolist() == [0] and not any("as short already" in text for text in messages)
    other = layer([square(2000, 0)], name="plan").to_crs("EPSG:4326")
    gain = landscape_connectivity(present, ConnectivityChoices(), candidates=other).candidate_patches.gains[0].gain
    same = (
        landscape_connectivity(present, ConnectivityChoices(), candidates=layer([square(2000, 0)]))
        .candidate_patches.gains[0]
        .gain
    )
    assert gain == pytest.approx(same, rel=1e-4)

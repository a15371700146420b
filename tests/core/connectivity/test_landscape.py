"""Connectivity of a layer of patches: sums made anew over networkx's paths, worked examples, report, refusals."""

import math

import networkx
import numpy as np
import pytest
from factory import UTM, square
from osgeo import ogr

from econet.core.connectivity import landscape as module
from econet.core.connectivity.choices import ConnectivityChoices
from econet.core.connectivity.landscape import landscape_connectivity
from econet.core.connectivity.links import PatchDistance
from econet.core.connectivity.report import connectivity_report
from econet.core.errors import InputError
from econet.core.geometry.layers import Layer
from econet.core.grid.grid import Grid, Template
from econet.core.progress import Progress


def layer(attributes=None, crs=UTM):
    shapes = [square(0, 0), square(2000, 0), square(0, 5000, 2000)]
    attributes = attributes or [{} for _ in shapes]
    return Layer("patches", crs, shapes, attributes, sorted(attributes[0]))


def test_layer_of_patches():
    rows = [
        {"patch_id": 4, "area_km2": 1.0, "size_class": "super-large"},
        {"patch_id": 9, "area_km2": 2.0, "size_class": "small"},
        {"patch_id": 5, "area_km2": 4.0, "size_class": "super-large"},
    ]
    result = landscape_connectivity(layer(rows), ConnectivityChoices(landscape_area_km2=50))
    assert result.patch_id == [4, 5] and result.links.distance[0] == 4000
    p = 0.5 ** (4000 / 2500)
    assert result.indices.pc == pytest.approx((1 + 16 + 2 * 4 * p) / 2500)
    links = list(result.link_rows())
    assert len(links) == 1 and links[0][1] == {
        "patch_a": 4,
        "patch_b": 5,
        "distance_m": 4000.0,
        "probability": pytest.approx(p),
        "rank": 1,
        "dpc_link": pytest.approx(100 * 8 * p / (17 + 8 * p)),
    }
    assert links[0][0].GetPointCount() == 2 and result.indices.n_links == 0
    shape, row = list(result.rows())[1]
    assert row["dpc"] == pytest.approx(100 * (16 + 8 * p) / (17 + 8 * p)) and row["component"] == 1
    assert shape.GetArea() == 4e6
    html = connectivity_report(result, [("DISPERSAL_DISTANCE", 2500)]).html()
    assert "EC(PC) (km2)" in html and "stepping stones" in html and "weight (km2)" in html
    assert "at most 2500 m apart" in html
    bare = landscape_connectivity(layer(), ConnectivityChoices(distance=PatchDistance.CENTROID))
    assert bare.weight.tolist() == [1, 1, 4] and bare.patch_id == [1, 2, 3] and math.isnan(bare.indices.pc)
    connectivity_report(bare).html()


def test_crossed_outline_is_mended_for_the_run():
    crossed = layer()
    wkt = "POLYGON((502000 4600000,503000 4601000,503000 4600000,502000 4601000,502000 4600000))"
    crossed.geometries[1] = ogr.CreateGeometryFromWkt(wkt)
    result = landscape_connectivity(crossed, ConnectivityChoices())
    assert result.links.distance[0] == 1000 and result.weight.tolist() == [1, 0.5, 4]
    assert len(list(result.link_rows())) == 3 and len(list(result.rows())) == 3


def test_layer_with_costs():
    template = Template(80, 60, (5e5, 100, 0, 4608000, 0, -100), UTM, "resistance")
    grid = Grid(np.ones((80, 60), dtype=np.float32), template, math.nan, "resistance")
    result = landscape_connectivity(layer(), ConnectivityChoices(distance=PatchDistance.LEAST_COST), resistance=grid)
    assert result.links.distance[0] == pytest.approx(1100)


def test_costs_on_a_surface_in_another_crs():
    other = "EPSG:32652"
    boxes = np.array([g.GetEnvelope() for g in layer().to_crs(other).geometries])
    corner = boxes[:, 0].min() - 4000, boxes[:, 3].max() + 4000
    template = Template(200, 160, (corner[0], 100, 0, corner[1], 0, -100), other, "resistance")
    values = np.random.default_rng(6).integers(1, 9, (200, 160)).astype(np.float32)
    grid = Grid(values, template, math.nan, "resistance")
    plan = Layer("plan", UTM, [square(3000, 3000)], [{"w": 1.0}], ["w"])
    here = layer([{"w": 2.0}] * 3)
    found = [
        landscape_connectivity(
            patches,
            ConnectivityChoices(distance=PatchDistance.LEAST_COST, weight_field="w", max_link_distance=40000.0),
            resistance=grid,
            candidates=plan,
        )
        for patches in (here, here.to_crs(other))
    ]
    for one, two in zip(*(result.links.distance for result in found)):
        assert one == two > 1000
    one, two = (result.candidate_patches.gains[0] for result in found)
    assert one.flux == pytest.approx(two.flux, rel=1e-9) and one.flux > 0


@pytest.mark.parametrize(
    "choices, parameter, message",
    [
        ({"max_link_distance": -1}, "max_link_distance", "-1 is not 0 or more"),
        ({"max_link_distance": math.nan}, "max_link_distance", "nan is not 0 or more"),
        ({"landscape_area_km2": 0}, "landscape_area_km2", "0 km2 is not above 0"),
        ({"landscape_area_km2": 1e300}, "landscape_area_km2", "1e.300 km2 is the size of no place"),
        ({"landscape_area_km2": 1e-300}, "landscape_area_km2", "1e-300 km2 is the size of no place"),
        ({"size_classes": ()}, "size_classes", "No size class"),
    ],
)
def test_choices_out_of_range(choices, parameter, message):
    with pytest.raises(InputError, match=message) as caught:
        ConnectivityChoices(**choices)
    assert caught.value.parameter == parameter


def test_refuses():
    rows = [{"value": 1.0, "text": "x"}, {"value": 0.0, "text": "y"}, {"value": None, "text": "z"}]
    for patches, weight_field, message in (
        (Layer("patches", UTM), "", "'patches' is empty"),
        (layer().to_crs("EPSG:4326"), "", "'patches' is in degrees"),
        (layer(crs=""), "", "no coordinate reference system"),
        (layer(), "value", "no field 'value'"),
        (layer(rows), "value", "field 'value', feature 3: 'NULL'"),
        (layer(rows), "text", "field 'text', feature 1: 'x'"),
        (layer([{"w": -1}] * 3), "w", "'-1' is not a number of at least 0"),
        (layer([{"w": 0}] * 3), "w", "all weights are 0"),
        (layer([{"w": 1e200}] * 3), "w", "the largest weight is 1e.200, .* another unit"),
        (layer([{"w": 1e-200}] * 3), "w", "the largest weight is 1e-200, .* another unit"),
        (layer([{"size_class": "small"}] * 3), "", "no patch of size class super-large"),
    ):
        with pytest.raises(InputError, match=message):
            landscape_connectivity(patches, ConnectivityChoices(weight_field=weight_field))
    with pytest.raises(InputError, match="need a resistance surface") as caught:
        landscape_connectivity(layer(), ConnectivityChoices(distance=PatchDistance.LEAST_COST))
    assert caught.value.parameter == "resistance"
    flat = layer()
    flat.geometries[1] = ogr.CreateGeometryFromWkt("POLYGON((500000 4600000,500100 4600000,500000 4600000))")
    warned = []
    with pytest.raises(InputError, match="'patches', feature 2 encloses no area"):
        landscape_connectivity(flat, ConnectivityChoices(), progress=Progress(warn=warned.append))
    with pytest.raises(InputError, match="feature 2 encloses no area"):
        landscape_connectivity(layer(), ConnectivityChoices(), candidates=flat, progress=Progress(warn=warned.append))
    assert not warned  # the refusal is the only message
    bow = layer()
    bow.geometries[1] = ogr.CreateGeometryFromWkt(
        "POLYGON((500000 4600000,500100 4600100,500100 4600000,500000 4600100,500000 4600000))"
    )
    assert len(landscape_connectivity(bow, ConnectivityChoices(), progress=Progress(warn=warned.append)).patches) == 3
    assert any("1 self-crossing or otherwise invalid polygon(s) were repaired" in text for text in warned)


# what a stranger feeds in -------------------------------------------------------------------------------


def recorded():
    messages, warnings = [], []
    return messages, warnings, Progress(log=messages.append, warn=warnings.append)


def spread(n, seed=2):
    generator = np.random.default_rng(seed)
    return Layer(
        "patches",
        UTM,
        [
            square(2500 * k + 900 * generator.random(), 9000 * generator.random(), 400 + 1000 * generator.random())
            for k in range(n)
        ],
        [{}] * n,
        [],
    )


def number_of_pc(weight, links, dispersal=2500.0):
    """sum a_i a_j 0.5 ** (D_ij / dispersal) over networkx's shortest paths."""
    graph = networkx.Graph()
    graph.add_nodes_from(range(len(weight)))
    graph.add_weighted_edges_from(links)
    return sum(
        weight[i] * weight[j] * 0.5 ** (d / dispersal)
        for i, row in networkx.all_pairs_dijkstra_path_length(graph)
        for j, d in row.items()
    )


@pytest.mark.parametrize("limit", [None, 4000.0, 0.0])
def test_loss_of_each_link_equals_a_new_sum(limit):
    patches = spread(10)
    result = landscape_connectivity(patches, ConnectivityChoices(max_link_distance=limit))
    links = list(zip(result.links.a.tolist(), result.links.b.tolist(), result.links.distance.tolist()))
    assert [link[:2] for link in links] == [
        (i, j)
        for i in range(10)
        for j in range(i + 1, 10)
        if patches.geometries[i].Distance(patches.geometries[j]) <= (math.inf if limit is None else limit)
    ]
    whole = number_of_pc(result.weight, links)
    losses = [
        100 * (whole - number_of_pc(result.weight, links[:k] + links[k + 1 :])) / whole for k in range(len(links))
    ]
    rows = [row for _, row in result.link_rows()]
    assert [row["dpc_link"] for row in rows] == pytest.approx(losses, abs=1e-10)
    assert sorted(row["rank"] for row in rows) == list(range(1, len(rows) + 1))
    assert [row["dpc_link"] for row in sorted(rows, key=lambda row: row["rank"])] == sorted(
        (row["dpc_link"] for row in rows), reverse=True
    )
    quick = landscape_connectivity(patches, ConnectivityChoices(max_link_distance=limit, link_losses=False))
    assert quick.dpc_link is None and all("dpc_link" not in row for _, row in quick.link_rows())
    connectivity_report(quick).html()


def test_what_is_neglected_is_stated_and_bounds_the_truth():
    patches = spread(14)
    whole = landscape_connectivity(patches, ConnectivityChoices())
    assert whole.neglected is None and whole.neglected_percent is None
    before = math.inf
    for limit in (1000.0, 3000.0, 8000.0, 20000.0, 1e6):
        messages, warnings, progress = recorded()
        part = landscape_connectivity(patches, ConnectivityChoices(max_link_distance=limit), progress=progress)
        share, probability = part.neglected
        assert probability == pytest.approx(0.5 ** (limit / 2500)) and share <= before
        assert part.indices.ec**2 <= whole.indices.ec**2 * (1 + 1e-12) <= part.indices.ec**2 * (1 + share) * (1 + 2e-12)
        assert f"{len(part.links)} of the 91 pairs of patches are linked directly" in " ".join(messages)
        assert any("IIC, the number of links, degree" in text for text in warnings) == (limit < 2500)
        before = share
        assert share < 2 * (whole.indices.ec**2 / part.indices.ec**2 - 1) + 0.05  # not worlds away from it
    assert part.indices.dpc == pytest.approx(whole.indices.dpc, rel=1e-12) and before == pytest.approx(0, abs=1e-12)
    html = connectivity_report(landscape_connectivity(patches, ConnectivityChoices(max_link_distance=8000.0))).html()
    assert "of PC neglected (%), at most" in html and "probability at 8000 m" in html


def test_what_is_neglected_by_other_distances():
    patches = spread(14)
    whole = landscape_connectivity(patches, ConnectivityChoices(distance=PatchDistance.CENTROID)).indices.ec ** 2
    for limit in (500.0, 5000.0):
        part = landscape_connectivity(
            patches, ConnectivityChoices(distance=PatchDistance.CENTROID, max_link_distance=limit)
        )
        assert part.neglected[0] == pytest.approx(whole / part.indices.ec**2 - 1, rel=1e-9)
    template = Template(50, 300, (5e5, 200, 0, 461e4, 0, -200), UTM, "resistance")
    grid = Grid(np.full((50, 300), 2, np.float32), template, math.nan, "resistance")
    whole = (
        landscape_connectivity(
            patches, ConnectivityChoices(distance=PatchDistance.LEAST_COST), resistance=grid
        ).indices.ec
        ** 2
    )
    part = landscape_connectivity(
        patches, ConnectivityChoices(distance=PatchDistance.LEAST_COST, max_link_distance=9000.0), resistance=grid
    )
    assert part.links.distance.max() <= 9000 < 20000
    truth = whole / part.indices.ec**2 - 1
    assert truth <= part.neglected[0] < 3 * truth + 0.02 and part.neglected[1] == pytest.approx(0.5**3.6)
    assert "longer than 9000 resistance x m are left out" in connectivity_report(part).html()


def test_no_link_at_all():
    _, warnings, progress = recorded()
    result = landscape_connectivity(layer(), ConnectivityChoices(max_link_distance=10), progress=progress)
    assert len(result.links) == 0 and list(result.link_rows()) == [] and result.indices.n_components == 3
    assert result.indices.ec == pytest.approx(math.sqrt(1 + 1 + 16))
    assert sum("No two patches are within 10 m of each other (distance: edge)" in text for text in warnings) == 1
    connectivity_report(result).html()


@pytest.mark.parametrize("rule", [PatchDistance.EDGE, PatchDistance.CENTROID])
def test_overlapping_patches_are_named(rule):
    touching = Layer(
        "patches",
        UTM,
        [square(0, 0), square(1000, 0), square(1600, 200, 500), square(1700, 300, 100)],
        [{"patch_id": k} for k in (7, 3, 5, 9)],
        ["patch_id"],
    )
    _, warnings, progress = recorded()
    result = landscape_connectivity(touching, ConnectivityChoices(distance=rule), progress=progress)
    assert [text for text in warnings if "overlap" in text] == [
        "Layer 'patches': 3 pair(s) of patches overlap, the first patch 3 and patch 5 by 0.2 km2. Ground that lies in "
        "two patches counts twice in PC: cut one by the other ('Difference'), or join them ('Dissolve')."
    ]
    if rule == PatchDistance.EDGE:
        assert result.links.matrix()[:3, :3].tolist() == [[0, 0, 600], [0, 0, 0], [600, 0, 0]]
    none = Layer("patches", UTM, [square(0, 0), square(1000 - 1e-5, 0)], [{}, {}], [])
    landscape_connectivity(none, ConnectivityChoices(), progress=progress)
    assert sum("overlap" in text for text in warnings) == 1


@pytest.mark.parametrize(
    "numbers, message",
    [
        ([4, 4, 2], "features 1 and 2 both have the id 4"),
        ([4, None, 2], "feature 2: 'NULL' is not a whole number"),
        ([4, 5.5, 2], "feature 2: '5.5' is not a whole number"),
        ([4, math.inf, 2], "feature 2: 'inf'"),
        (["a", "b", "c"], "feature 1: 'a' is not a whole number"),
    ],
)
def test_ids_that_are_none_are_warned_of(numbers, message):
    _, warnings, progress = recorded()
    result = landscape_connectivity(
        layer([{"patch_id": number} for number in numbers]), ConnectivityChoices(), progress=progress
    )
    assert result.patch_id == [1, 2, 3] and len(warnings) == 1
    assert f"field 'patch_id', {message}" in warnings[0]


def test_landscape_smaller_than_its_patches():
    _, warnings, progress = recorded()
    result = landscape_connectivity(layer(), ConnectivityChoices(landscape_area_km2=2), progress=progress)
    assert result.indices.pc > 1 and len(warnings) == 1
    assert "The area of the landscape is 2, less than the weights of the patches together, 6 (km2)" in warnings[0]
    landscape_connectivity(layer(), ConnectivityChoices(landscape_area_km2=6), progress=progress)
    assert len(warnings) == 1


def test_one_patch_and_two():
    one = landscape_connectivity(
        Layer("patches", UTM, [square(0, 0)], [{}], []),
        ConnectivityChoices(landscape_area_km2=10, max_link_distance=500),
    )
    row = next(one.rows())[1]
    assert (row["dpc"], row["dpc_connector"], row["degree"], row["component"]) == (100, 0, 0, 1)
    assert one.indices.pc == pytest.approx(0.01) and list(one.link_rows()) == [] and one.neglected[0] == 0
    assert "One patch took part" in connectivity_report(one).html()
    two = landscape_connectivity(
        Layer("patches", UTM, [square(0, 0), square(3500, 0)], [{}, {}], []), ConnectivityChoices()
    )
    assert two.dpc_link.tolist() == pytest.approx([100 / 3]) and two.indices.dpc == pytest.approx([200 / 3] * 2)
    connectivity_report(two).html()


def test_parts_are_one_patch():
    parts = ogr.ForceToMultiPolygon(square(0, 0))
    parts.AddGeometry(square(6000, 0))
    result = landscape_connectivity(
        Layer("patches", UTM, [parts, square(3000, 0)], [{}, {}], []), ConnectivityChoices()
    )
    assert result.weight.tolist() == [2, 1] and result.links.distance.tolist() == [2000]


def test_parts_of_iic():
    result = landscape_connectivity(layer(), ConnectivityChoices())
    for _, row in result.rows():
        assert row["diic"] == pytest.approx(row["diic_intra"] + row["diic_flux"] + row["diic_connector"])
    # gaps 1000 (0-1) and, beyond the dispersal distance, 4000 (0-2, 1-2): two components
    whole = 1 + 1 + 16 + 2 * 0.5
    assert next(result.rows())[1]["diic_intra"] == pytest.approx(100 / whole)
    assert next(result.rows())[1]["diic_flux"] == pytest.approx(100 / whole)


def test_report_names_stepping_stones():
    chain = Layer("patches", UTM, [square(0, 0), square(3000, 0, 600), square(5600, 0), square(60000, 0)], [{}] * 4, [])
    html = connectivity_report(landscape_connectivity(chain, ConnectivityChoices())).html()
    assert "Stepping stones: patch 2. Others reach each other over them" in html
    assert "leave 4 patches in 2 groups (components)" in html and "Without any such link: patch 4." in html
    assert "2500 m are crossed in 50 % of cases, half of it in 70.7 %, twice as much in 25 %" in html
    assert "The link that matters most joins patches 1 and 2" in html or "joins patches 2 and 3" in html
    apart = Layer("patches", UTM, [square(0, 0), square(60000, 0)], [{}] * 2, [])
    assert (
        "No patch is a stepping stone"
        in connectivity_report(landscape_connectivity(apart, ConnectivityChoices())).html()
    )


def test_many_pairs_are_warned_of_and_large_sets_have_a_bound_too(monkeypatch):
    patches = spread(8)
    monkeypatch.setattr(module, "_MANY", 7)
    _, warnings, progress = recorded()
    whole = landscape_connectivity(patches, ConnectivityChoices(), progress=progress)
    assert len(warnings) == 1 and "8 patches have 28 pairs" in warnings[0] and "give a longest link" in warnings[0]
    close = landscape_connectivity(patches, ConnectivityChoices(max_link_distance=3000), progress=progress)
    monkeypatch.setattr(module, "_BOUND_PATCHES", 7)
    rough = landscape_connectivity(patches, ConnectivityChoices(max_link_distance=3000), progress=progress)
    assert len(warnings) == 1
    assert whole.indices.ec**2 / close.indices.ec**2 - 1 <= close.neglected[0] <= rough.neglected[0]

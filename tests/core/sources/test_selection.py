"""Sources: areas by hand, ids by the conditions that the planner sets."""

import html
import math

import numpy as np
import pytest
from osgeo import ogr

from econet.core.connectivity.dispersal import Dispersal
from econet.core.errors import Cancelled, InputError
from econet.core.geometry.layers import Layer
from econet.core.patch_sizes import size_class
from econet.core.progress import SILENT, Progress
from econet.core.sources.merging import clusters
from econet.core.sources.selection import choose_sources
from econet.core.sources.selection_choices import SelectionChoices
from econet.core.sources.selection_report import selection_report

UTM = "EPSG:32651"


def square(x, y, side_km):
    x, y, s = 5e5 + x * 1000, 46e5 + y * 1000, side_km * 1000
    return ogr.CreateGeometryFromWkt(f"POLYGON(({x} {y},{x + s} {y},{x + s} {y + s},{x} {y + s},{x} {y}))")


def layer(shapes, attributes=None, name="patches", crs=UTM):
    attributes = attributes or [{} for _ in shapes]
    return Layer(name, crs, shapes, attributes, sorted({k for a in attributes for k in a}))


def chosen(patches, size_classes=("super-large",), *, include=None, exclude=None, progress=SILENT, **choices):
    """A selection by choices that are given one by one."""
    dispersal = Dispersal(choices.pop("dispersal_distance", 2500.0), choices.pop("dispersal_probability", 0.5))
    choices = SelectionChoices(size_classes=tuple(size_classes), dispersal=dispersal, **choices)
    return choose_sources(patches, choices, include=include, exclude=exclude, progress=progress)


def sources_of(patches, size_classes=("super-large",), **given):
    return chosen(patches, size_classes, **given).sources


@pytest.fixture
def patches():
    rows = [(0, 0, 3, 30.0), (10, 0, 4, 5.0), (20, 0, 2, 50.0), (30, 0, 5, 1.0), (40, 0, 1, 0.5)]
    return layer(
        [square(x, y, s) for x, y, s, _ in rows],
        [
            {
                "patch_id": i + 7,
                "area_km2": s * s,
                "size_class": size_class(s * s),
                "importance_mean": 0.5,
                "dpc": d,
                "dpc_intra": d / 2,
                "dpc_flux": d / 4,
                "dpc_connector": d / 4,
            }
            for i, (_, _, s, d) in enumerate(rows)
        ],
    )


def test_sources_are_numbered_by_area(patches):
    sources = sources_of(patches)
    assert [(s.source_id, s.patch_id, round(s.area_km2, 9)) for s in sources] == [(1, 10, 25), (2, 8, 16), (3, 7, 9)]
    assert (sources[0].dpc, sources[2].dpc_intra, sources[2].importance_mean) == (1.0, 15.0, 0.5)


def test_conditions(patches):
    def ids(**options):
        every = ("super-large", "large", "medium", "small")
        return sorted(s.patch_id for s in sources_of(patches, every, **options))

    assert ids(min_area_km2=9) == [7, 8, 10]
    assert ids(min_dpc=5) == [7, 8, 9]
    assert ids(top=2) == [7, 9]
    assert ids(top=0) == [7, 8, 9, 10, 11]
    bare = layer(patches.geometries)
    assert [s.patch_id for s in sources_of(bare, top=2)] == [4, 2]
    with pytest.raises(
        InputError,
        match=r"No patch of 'patches' meets all conditions \(size class super-large; area "
        r"of at least 99 km2\): lower the least area or dPC",
    ):
        sources_of(patches, min_area_km2=99)


def test_exclude_cuts(patches):
    sources = sources_of(patches, exclude=layer([square(-1, -1, 2), square(29, -1, 9)], name="plan"))
    assert [(s.patch_id, round(s.area_km2, 9)) for s in sources] == [(8, 16), (7, 8)]
    left = [s.patch_id for s in sources_of(patches, min_area_km2=9, exclude=layer([square(-1, -1, 2)]))]
    assert left == [10, 8]


def test_include_makes_sources_and_joins(patches):
    reserve = layer([square(50, 0, 1), square(2, 2, 2), square(31, 1, 1), square(40, 0, 1)], name="reserves")
    sources = sources_of(patches, include=reserve)
    assert [(s.patch_id, round(s.area_km2, 9)) for s in sources] == [(10, 25), (8, 16), (7, 12), (None, 1), (None, 1)]
    joined = sources[2]
    assert math.isnan(joined.dpc) and math.isnan(joined.importance_mean)
    only = sources_of(patches, min_area_km2=99, include=layer([square(50, 0, 1)]))
    assert [s.source_id for s in only] == [1]
    bridge = layer([square(2, 0, 9)], name="bridge")
    assert len(sources_of(patches, include=bridge)) == 2


def test_include_in_another_crs(patches):
    degrees = layer([square(2, 2, 2)]).to_crs("EPSG:4326")
    area = [s.area_km2 for s in sources_of(patches, include=degrees)]
    assert area[2] == pytest.approx(12, rel=1e-6)


def test_sources_refuse(patches):
    with pytest.raises(InputError, match="'patches' is empty"):
        sources_of(layer([]))
    with pytest.raises(InputError, match="'patches' is in degrees"):
        sources_of(patches.to_crs("EPSG:4326"))
    with pytest.raises(InputError, match="no patch of size class small, it has 3 super-large, 1 large, 1 medium"):
        sources_of(patches, ("small",))
    with pytest.raises(InputError, match="no field 'dpc'"):
        sources_of(layer(patches.geometries), min_dpc=1)
    patches.attributes[0]["dpc"] = None
    with pytest.raises(InputError, match="field 'dpc': 1 of the 3 patches"):
        sources_of(patches, min_dpc=1)


# merging ------------------------------------------------------------------------------------------------

EVERY = ("super-large", "large", "medium", "small")


def gap_of(a, b):
    return a.Distance(b)


def linked(shapes, limit, small=None):
    """Clusters by the definition: join the two nearest groups that may be joined, until none is left."""
    groups = [{i} for i in range(len(shapes))]
    big = [small is None or shape.GetArea() / 1e6 >= small for shape in shapes]
    while True:
        best = None
        for x, one in enumerate(groups):
            for y in range(x):
                other = groups[y]
                if small is not None and any(big[i] for i in one) and any(big[i] for i in other):
                    continue
                gap = min(gap_of(shapes[i], shapes[j]) for i in one for j in other)
                if gap <= limit and (best is None or gap < best[0]):
                    best = gap, x, y
        if best is None:
            return {frozenset(group) for group in groups}
        groups[best[2]] |= groups.pop(best[1])


def scattered(seed, n=14):
    rng = np.random.default_rng(seed)
    return [square(*(rng.random(2) * 30), 0.3 + 2.5 * rng.random() ** 2) for _ in range(n)]


def ids_of(sources):
    return {frozenset(int(i) for i in (s.merged or str(s.patch_id)).split(",")) for s in sources}


@pytest.mark.parametrize("small", [None, 1.0, 3.0])
@pytest.mark.parametrize("seed", range(6))
def test_merging_is_single_linkage(seed, small):
    shapes = scattered(seed)
    found = sources_of(layer(shapes, [{"patch_id": i} for i in range(14)]), merge_distance_m=2500, merge_area_km2=small)
    assert ids_of(found) == linked(shapes, 2500, small)
    everything = shapes[0]
    for shape in shapes:
        everything = everything.Union(shape)
    for source in found:
        union = None
        for i in ids_of([source]).pop():
            union = shapes[i] if union is None else union.Union(shapes[i])
        assert source.area_km2 == pytest.approx(union.GetArea() / 1e6, rel=1e-9)
        assert source.geometry.GetGeometryType() == ogr.wkbMultiPolygon and source.geometry.IsValid()
    assert sum(s.area_km2 for s in sources_of(layer(shapes), merge_distance_m=1e6)) == pytest.approx(
        everything.GetArea() / 1e6, rel=1e-9
    )
    order = np.random.default_rng(seed).permutation(14)
    again = sources_of(
        layer([shapes[i] for i in order], [{"patch_id": int(i)} for i in order]),
        merge_distance_m=2500,
        merge_area_km2=small,
    )
    assert [(s.source_id, s.merged, s.patch_id) for s in again] == [(s.source_id, s.merged, s.patch_id) for s in found]
    once_more = sources_of(layer([s.geometry for s in found]), merge_distance_m=2500, merge_area_km2=small)
    assert small is not None or [s.area_km2 for s in once_more] == pytest.approx([s.area_km2 for s in found])


def rows(*shapes, **fields):
    return layer(
        list(shapes),
        [
            {
                "patch_id": i + 1,
                "size_class": size_class(shape.GetArea() / 1e6),
                **{name: values[i] for name, values in fields.items()},
            }
            for i, shape in enumerate(shapes)
        ],
    )


def test_small_patches_reach_another_class_together():
    patches = rows(square(0, 0, 2), square(2.5, 0, 2), square(20, 0, 3), importance_mean=[0.2, 0.6, 0.9])
    assert [s.patch_id for s in sources_of(patches)] == [3]
    sources = sources_of(patches, merge_distance_m=500)
    assert [(s.patch_id, s.merged, round(s.area_km2, 9)) for s in sources] == [(3, "", 9), (1, "1,2", 8)]
    assert sources[1].importance_mean == pytest.approx(0.4) and math.isnan(sources[1].dpc)
    assert [s.patch_id for s in sources_of(patches, merge_distance_m=499)] == [3]
    assert [s.patch_id for s in sources_of(patches, merge_distance_m=500, area_bands=(1, 4, 8.5))] == [3]
    weighted = rows(square(0, 0, 1), square(1.2, 0, 3), importance_mean=[1.0, 0.5])
    assert sources_of(weighted, merge_distance_m=500)[0].importance_mean == pytest.approx((1 + 4.5) / 10)
    unknown = rows(square(0, 0, 1), square(1.2, 0, 3), importance_mean=[None, 0.5])
    assert sources_of(unknown, merge_distance_m=500)[0].importance_mean == pytest.approx(0.5)


def test_two_large_patches_do_not_meet_over_a_small_one():
    patches = rows(square(0, 0, 3), square(3.3, 0, 0.5), square(4, 0, 3))
    assert ids_of(sources_of(patches, merge_distance_m=400)) == {frozenset({1, 2, 3})}
    assert ids_of(sources_of(patches, merge_distance_m=400, merge_area_km2=1)) == {
        frozenset({1}),
        frozenset({2, 3}),
    }  # the nearer one
    assert ids_of(sources_of(rows(square(0, 0, 3), square(3.1, 0, 3)), merge_distance_m=400, merge_area_km2=1)) == {
        frozenset({1}),
        frozenset({2}),
    }


def test_cutting_comes_before_merging_and_merging_before_conditions():
    patches = rows(square(0, 0, 2), square(2, 0, 2), square(4, 0, 2))
    plan = layer([square(1.9, -0.1, 2.2)], name="plan")  # takes the middle one and 0.1 km of both others
    found = sources_of(patches, EVERY, exclude=plan, merge_distance_m=1000)
    assert ids_of(found) == {frozenset({1}), frozenset({3})}
    assert [s.area_km2 for s in found] == pytest.approx([3.8, 3.8])
    assert len(sources_of(patches, EVERY, min_area_km2=12, merge_distance_m=0)) == 1


def test_overlapping_patches_are_told_and_merged_once():
    patches, said = rows(square(0, 0, 4), square(2, 0, 4)), []
    found = chosen(patches, progress=Progress(warn=said.append))
    assert [s.area_km2 for s in found.sources] == pytest.approx([16, 16])
    assert said == found.warnings and "1 pair(s) of patches overlap, 1 and 2 the most (8 km2)" in said[0]
    merged = chosen(patches, merge_distance_m=0)
    assert merged.sources[0].area_km2 == pytest.approx(24) and not merged.warnings
    assert len(sources_of(rows(square(0, 0, 4), square(4, 0, 4)))) == 2  # touching is no overlap
    assert len(sources_of(rows(square(0, 0, 4), square(4, 0, 4)), merge_distance_m=0)) == 1


# share of connectivity ------------------------------------------------------------------------------------


def equivalent(shapes, k):
    """EC by the textbook: P* by Floyd-Warshall on plain lists."""
    n = len(shapes)
    d = [[shapes[i].Distance(shapes[j]) for j in range(n)] for i in range(n)]
    for v in range(n):
        for i in range(n):
            for j in range(n):
                d[i][j] = min(d[i][j], d[i][v] + d[v][j])
    area = [shape.GetArea() / 1e6 for shape in shapes]
    return math.sqrt(sum(area[i] * area[j] * math.exp(-k * d[i][j]) for i in range(n) for j in range(n)))


@pytest.mark.parametrize("share", [10, 50, 90, 99.9, 100])
def test_the_fewest_by_dpc_that_keep_the_share(share):
    shapes, k = scattered(3, 11), -math.log(0.3) / 1800
    whole = equivalent(shapes, k)
    dpc = [100 * (1 - (equivalent(shapes[:i] + shapes[i + 1 :], k) / whole) ** 2) for i in range(11)]
    order = sorted(range(11), key=lambda i: -dpc[i])
    kept = next(n for n in range(1, 12) if equivalent([shapes[i] for i in order[:n]], k) >= whole * share / 100 - 1e-9)
    found = chosen(
        layer(shapes, [{"patch_id": i} for i in range(11)]),
        min_ec_share=share,
        dispersal_distance=1800,
        dispersal_probability=0.3,
    )
    assert {s.patch_id for s in found.sources} == set(order[:kept])
    assert {s.patch_id: s.dpc for s in found.sources} == pytest.approx({i: dpc[i] for i in order[:kept]}, rel=1e-6)
    assert found.ec_kept == pytest.approx(equivalent([shapes[i] for i in order[:kept]], k) / whole, rel=1e-9)


def test_the_order_is_that_of_the_field_where_all_have_dpc(patches):
    found = chosen(patches, EVERY, min_ec_share=20)
    # 9 with 4 km2 keeps some 12 % of about 33 km2, 9 and 7 some 30 %
    assert {s.patch_id: s.dpc for s in found.sources} == {9: 50.0, 7: 30.0}
    said = []
    both = chosen(patches, EVERY, min_ec_share=100, top=2, progress=Progress(log=said.append, warn=said.append))
    assert {s.patch_id for s in both.sources} == {9, 7}
    assert (
        any("less than the 100 % asked for: raise the number of patches to keep" in text for text in said)
        and both.ec_kept < 1
    )


def test_it_is_told_by_which_distances_ec_was_measured_and_whose_dpc_ranks(patches):
    def told(layer, **options):
        said = []
        found = chosen(layer, EVERY, min_ec_share=20, progress=Progress(log=said.append), **options)
        return (
            found.measured
            if found.measured in said and found.measured in html.unescape(selection_report(found).html())
            else ""
        )

    own = told(patches, dispersal_distance=1800, dispersal_probability=0.3)
    assert "distances between their edges, with probability 0.3 at 1800 m" in own
    assert f"is that of layer '{patches.name}', which may have been computed with other distances (least cost" in own
    for row in patches.attributes:
        row["dpc"] = None
    computed = told(patches)
    assert "with probability 0.5 at 2500 m; so was the dPC" in computed and "least cost" not in computed


def test_dpc_is_computed_anew_where_merging_leaves_it_unknown():
    patches = rows(square(0, 0, 2), square(2.5, 0, 2), square(9, 0, 3), dpc=[5.0, 5.0, 60.0])
    said = []
    found = sources_of(patches, EVERY, merge_distance_m=600, min_dpc=1, progress=Progress(log=said.append))
    assert any("was computed anew" in text for text in said)
    k = -math.log(0.5) / 2500
    shapes = [patches.geometries[0].Union(patches.geometries[1]), patches.geometries[2]]
    assert [s.dpc for s in found] == pytest.approx(
        [100 * (1 - (equivalent([other], k) / equivalent(shapes, k)) ** 2) for other in shapes], rel=1e-6
    )
    left = sources_of(patches, EVERY, merge_distance_m=600, progress=Progress(log=said.append))
    assert math.isnan(left[1].dpc) and left[0].dpc == 60 and "dPC of merged sources is not known" in said[-2]


# what is told ---------------------------------------------------------------------------------------------


def test_every_patch_is_explained(patches):
    plan = layer([square(19, -1, 9)], name="plan")
    found = chosen(
        patches,
        ("super-large", "large", "medium"),
        min_area_km2=9,
        top=2,
        exclude=plan,
        include=layer([square(0, 0, 1), square(12, 2, 4), square(70, 0, 1)], name="reserves"),
    )
    assert len(found.decisions) == 5 and all(found.decisions)
    told = {patch: "; ".join(texts) for patch, texts in zip((7, 8, 9, 10, 11), found.decisions)}
    assert told[7] == "source 2"
    assert told[8].startswith("joined with a polygon of 'reserves'; source 1")
    assert told[9] == "not a source: wholly inside 'plan'"
    assert told[10] == "not a source: place 3 by dPC, and the first 2 were kept"
    assert told[11] == "not a source: its 1 km2 are less than 9 km2"
    assert sum(any(t.startswith("source ") for t in texts) for texts in found.decisions) == 2
    text = selection_report(found, [("least area (km2)", 9)]).html()
    for message in told.values():
        assert message.replace("'", "&#x27;") in text
    few = chosen(patches, ("large", "super-large"))
    assert few.decisions[4] == ["not a source: its size class is medium"]


def test_merged_patches_are_explained():
    patches = rows(square(0, 0, 1), square(1.2, 0, 1), square(9, 0, 3))
    found = chosen(patches, merge_distance_m=300, min_ec_share=50)
    assert (
        found.decisions[0]
        == [
            "merged with each other: patches 1,2, 2 km2, medium",
            "not a source: after merging its size class is medium",
        ]
        == found.decisions[1]
    )
    assert "There is one source only" in selection_report(found).html()


def test_far_unlike_and_broken_input_is_told(patches):
    said = []
    progress = Progress(log=said.append, warn=said.append)
    sources_of(patches, include=layer([square(0, 0, 1), square(700, 0, 1)], name="reserves"), progress=progress)
    assert any(
        "'reserves': 1 polygon(s) that must be sources lie further than 41.0 km from the patches (feature 2)" in text
        for text in said
    )
    assert sources_of(patches, top=9, progress=progress) and any(
        "Only 3 patches meet the conditions, fewer than the 9" in text for text in said
    )
    patches.attributes[1]["patch_id"] = 7
    sources_of(patches, progress=progress)
    assert any("field 'patch_id': 7 is used by more than one patch" in text for text in said)
    bow = ogr.CreateGeometryFromWkt(
        "POLYGON((500000 4600000,504000 4604000,504000 4600000,500000 4604000,500000 4600000))"
    )
    flat = ogr.CreateGeometryFromWkt("POLYGON((500000 4600000,504000 4600000,500000 4600000,500000 4600000))")
    found = chosen(layer([bow, flat]), progress=progress)
    assert [s.area_km2 for s in found.sources] == pytest.approx([8])
    assert found.decisions[1] == ["not a source: it encloses no area"]
    assert any("were repaired for this run" in t for t in found.warnings)
    assert any("feature(s) 2 enclose no area and count for nothing" in text for text in found.warnings)


def test_include_on_excluded_ground_is_told(patches):
    said, plan = [], layer([square(9, -1, 6), square(90, 0, 1)], name="plan")
    reserves = layer([square(11, 1, 1), square(14, 0, 3), square(50, 0, 1)], name="reserves")
    found = sources_of(patches, include=reserves, exclude=plan, progress=Progress(warn=said.append))
    assert [round(s.area_km2, 6) for s in found] == [25, 9, 9, 1, 1]
    assert said == [
        "2 polygon(s) of 'reserves' that must be sources overlap 'plan', which may not be: they are "
        "sources all the same, with 4 km2 of such ground."
    ]


def test_include_that_is_a_patch_or_overlaps_another(patches):
    same = sources_of(patches, include=layer([square(10, 0, 4)], name="reserves"))
    assert [s.dpc for s in same] == [1.0, 5.0, 30.0]
    pair = [square(60, 0, 2), square(61, 0, 2), square(61.5, 0.5, 1)]
    for shapes in (pair, pair[::-1]):
        two = sources_of(patches, include=layer(shapes, name="reserves"))
        assert [round(s.area_km2, 6) for s in two] == [25, 16, 9, 6] and two[3].patch_id is None


@pytest.mark.parametrize(
    "choices, parameter, phrase",
    [
        ({"min_ec_share": 101}, "min_ec_share", "101 is no share from 0 to 100"),
        ({"min_ec_share": 100.0001}, "min_ec_share", "100.0001 is no share"),
        ({"min_ec_share": -1}, "min_ec_share", "-1 is no share"),
        ({"min_ec_share": math.nan}, "min_ec_share", "nan is no share"),
        ({"merge_distance_m": -1}, "merge_distance_m", "-1 m is not 0 or more"),
        ({"merge_distance_m": math.inf}, "merge_distance_m", "inf m is not 0 or more"),
        ({"merge_area_km2": 2}, "merge_area_km2", "needs the distance"),
        ({"merge_distance_m": 5, "merge_area_km2": -2}, "merge_area_km2", "-2 km2 is not 0 or more"),
        ({"min_area_km2": math.nan}, "min_area_km2", "nan km2 is not 0 or more"),
        ({"min_dpc": -1}, "min_dpc", "-1 % is not 0 or more"),
        ({"top": -1}, "top", "-1 is not 0 or more"),
        ({"size_classes": ()}, "size_classes", "No size class is chosen"),
    ],
)
def test_choices_out_of_range_are_refused(choices, parameter, phrase):
    with pytest.raises(InputError, match=phrase) as caught:
        SelectionChoices(**choices)
    assert caught.value.parameter == parameter


def test_cancel(patches):
    with pytest.raises(Cancelled):
        sources_of(patches, merge_distance_m=10, progress=Progress(cancelled=lambda: True))


def test_dpc_as_text_is_a_number_and_what_is_none_is_told(patches):
    for row in patches.attributes:
        row["dpc"] = f"{row['dpc']:.1f}".replace(".", ",")
    every = ("super-large", "large", "medium", "small")
    assert sorted(s.patch_id for s in sources_of(patches, every, min_dpc=5)) == [7, 8, 9]
    patches.attributes[0]["dpc"] = "n/a"
    found = chosen(patches, every, top=2)
    assert [s.patch_id for s in found.sources] == [10, 8]
    assert any("field 'dpc': 1 of the 5 patches" in text and "by area" in text for text in found.warnings)


def test_exclusion_that_meets_nothing_or_takes_all_is_told(patches):
    far, over = layer([square(500, 500, 1)], name="far"), layer([square(-5, -5, 60)], name="mines")
    assert any("No polygon of 'far'" in text for text in chosen(patches, exclude=far).warnings)
    with pytest.raises(InputError, match="inside the polygons of 'mines'") as caught:
        chosen(patches, exclude=over)
    assert (caught.value.parameter, caught.value.layer) == ("exclude", "mines")
    assert [s.origin for s in sources_of(patches, exclude=over, include=far)] == ["'far'"]


def test_patches_without_area_are_refused():
    flat = ogr.CreateGeometryFromWkt("POLYGON((500000 4600000,501000 4601000,500000 4600000,500000 4600000))")
    with pytest.raises(InputError, match="encloses any area"):
        chosen(layer([flat]))


def test_sizes_in_capitals_serve_merging_too(patches):
    for row in patches.attributes:
        row["size_class"] = row["size_class"].upper()
    assert sorted(s.patch_id for s in sources_of(patches, merge_distance_m=0)) == [7, 8, 10]


def test_two_large_patches_never_meet_by_a_chain_of_small_ones():
    """Patch 3 joins 0 first, then 2 comes to both, and 1 is near 2 alone."""
    links = np.array([0, 2, 1]), np.array([3, 3, 2]), np.array([1.0, 2.0, 3.0])
    assert clusters([10.0, 9.0, 1.2, 1.1], links, 5.0) == [0, 1, 0, 0]
    assert clusters([10.0, 9.0, 1.2, 1.1], links) == [0, 0, 0, 0]


def test_a_small_patch_between_two_large_ones_goes_to_the_larger():
    for areas, expected in (([10.0, 6.0, 1.0], [0, 1, 0]), ([6.0, 10.0, 1.0], [0, 1, 1])):
        assert clusters(areas, (np.array([0, 1]), np.array([2, 2]), np.array([1.0, 1.0])), 5.0) == expected

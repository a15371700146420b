"""Firmness of sources: maps whose answer is known, and every alternative made anew by the single steps."""

import itertools
import math
import time

import numpy as np
import pytest
from osgeo import ogr

from econet.core.connectivity.landscape import landscape_connectivity
from econet.core.crs import Crs
from econet.core.errors import Cancelled, InputError
from econet.core.geometry.cells import rasterize
from econet.core.geometry.layers import Layer
from econet.core.grid.grid import Grid, Template
from econet.core.progress import Progress
from econet.core.sources.components import COMMUNALITIES, COMPONENT_SCORES, ENTROPY, EQUAL, MANUAL
from econet.core.sources.firmness import (
    AREA,
    CLASSES,
    DISPERSAL,
    GRID,
    KIND_FIELDS,
    OUTSIDE,
    WEIGHTS,
    Alternatives,
    changed_weights,
    does_not_count,
    numbers_from_text,
    source_firmness,
    verdict,
)
from econet.core.sources.firmness_report import conclusions, firmness_report
from econet.core.sources.importance import GRID_CELLS, service_importance
from econet.core.sources.patches import find_patches
from econet.core.sources.selection import select_sources
from econet.core.sources.source_lists import Settings, patch_classes_of

UTM = Crs.of("EPSG:32651").reference.ExportToWkt()
NONE = Alternatives((), (), (), (), ())


def grid(values, name="", cell=100.0):
    values = np.asarray(values, dtype=np.float32)
    return Grid(values, Template(*values.shape, (5e5, cell, 0, 46e5, 0, -cell), UTM, "map"), math.nan, name)


def steps(blocks, shape=(60, 60)):
    """Three services; columns of background at 0, 0.1 and 0.2, and blocks (rows, cols, values of the three)."""
    background = np.zeros(shape)
    third = shape[1] // 3
    background[:, third : 2 * third] = 0.1
    background[:, 2 * third :] = 0.2
    services = [background.copy() for _ in range(3)]
    for rows, cols, values in blocks:
        for service, value in zip(services, values):
            service[rows, cols] = value
    return [grid(service) for service in services]


NAMES = ["a", "b", "c"]
PLATEAU = (slice(5, 25), slice(5, 25), (1, 1, 1))  # 4 km2, above everything
HINGE = (slice(35, 50), slice(3, 13), (0, 0, 1))  # 1.5 km2 that c alone carries
BY_HAND = Settings(
    grid_size_m=1000, min_area_km2=1.0, weighting=MANUAL, weights="a=1, b=1, c=1", dispersal_distance=1000
)


def of(result, kind, label):
    found = [v for v in result.variants if v.kind == kind and v.variant == label]
    assert len(found) == 1, [v.variant for v in result.variants]
    return found[0]


def smooth(seed, shape=(60, 70), holes=True):
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(seed)
    common = gaussian_filter(rng.normal(size=shape), 5)
    services = []
    for k in range(4):
        own = gaussian_filter(rng.normal(size=shape), 4)
        values = (common * (1 - 0.2 * k) + 0.8 * own).astype(np.float32)
        if holes:
            values[rng.integers(shape[0]), rng.integers(shape[1])] = np.nan
        services.append(grid(values, f"s{k}"))
    return services


SMOOTH = ["s0", "s1", "s2", "s3"]


# known answers ------------------------------------------------------------------------------------------


def test_a_plateau_is_firm_and_a_source_of_one_service_falls_with_its_weight():
    result = source_firmness(
        steps([PLATEAU, HINGE]), NAMES, BY_HAND, Alternatives((500, 2000), (), (0.5, 1.4, 1.5, 3.9, 4.0), (40, 60), ())
    )
    first, second = result.sources
    assert (first.source_id, first.area_km2, second.area_km2) == (1, 4.0, 1.5)
    # importance of the hinge is the weight of c; the background next below has 0.2, so c may fall by half
    assert of(result, WEIGHTS, "c -40 %").share.tolist() == [1, 1]
    lost = of(result, WEIGHTS, "c -60 %")
    assert lost.share.tolist() == [1, 0] and (lost.kept, lost.lost, lost.new) == (1, 1, 1)
    for name, change in itertools.product("ab", (-60, -40, 40, 60)):
        assert of(result, WEIGHTS, f"{name} {change:+d} %").share.tolist() == [1, 1]
    assert first.stability_weights == 1 and 0 < second.stability_weights < 1
    assert "c -60 %" in second.lost_with and "-40" not in second.lost_with
    # a threshold that equals the size is not passed: sources are larger than it
    areas = {
        label: of(result, AREA, f"above {label} km2").share.tolist() for label in ("0.5", "1.4", "1.5", "3.9", "4")
    }
    assert areas == {"0.5": [1, 1], "1.4": [1, 1], "1.5": [1, 0], "3.9": [1, 0], "4": [0, 0]}
    assert (first.stability_area, second.stability_area) == (0.8, 0.4)
    assert set(result.left_out) == {GRID, CLASSES, DISPERSAL}  # by hand on the raster's cells the grid has no say
    assert math.isnan(first.stability_grid) and math.isnan(first.stability_dispersal)
    assert first.stability == pytest.approx((1 + 0.8) / 2)
    assert result.stability == pytest.approx((4 * first.stability + 1.5 * second.stability) / 5.5)
    assert "No source at all is left with: area threshold above 4 km2" in " ".join(result.warnings)


def test_a_plateau_that_survives_everything_scores_one():
    services = smooth(1, holes=False)
    for service in services:
        service.values[10:40, 10:40] = 3 + np.linspace(0, 0.01, 900).reshape(30, 30)
        service.values[45:57, 50:65] = 3  # 1.8 km2, which the larger one outranks by dPC
    settings = Settings(grid_size_m=1000, min_area_km2=1.5, top=1, dispersal_distance=1000)
    result = source_firmness(
        services, SMOOTH, settings, Alternatives((500, 1500), (4, 6), (1, 5, 8.9), (10, 50), (500, 5000))
    )
    best = max(result.sources, key=lambda row: row.stability)
    assert not result.left_out and best.stability == 1 and best.verdict == "firm" and best.lost_with == ""
    assert [getattr(best, field) for field in KIND_FIELDS.values()] == [1, 1, 1, 1, 1]


def test_ground_outside_the_list_that_most_choices_make_source_is_told():
    settings = Settings(grid_size_m=1000, min_area_km2=2.0, weighting=MANUAL, weights="a=1, b=1, c=1")
    result = source_firmness(steps([PLATEAU, HINGE]), NAMES, settings, Alternatives((), (), (1.0, 1.2, 3.0), (), ()))
    assert [row.area_km2 for row in result.sources] == [4.0]
    assert [of(result, AREA, f"above {x} km2").new for x in ("1", "1.2", "3")] == [1, 1, 0]
    ((x, y, area, mean),) = result.outside
    row, col = result.frequency.template.row_col(x, y)
    assert 35 <= row < 50 and 3 <= col < 13 and area == pytest.approx(1.5) and mean > 0.5
    assert result.outside_km2 == pytest.approx(1.5)


# the single steps, run again for every alternative ------------------------------------------------------


def chain(services, names, settings, weights=""):
    """Mask of the sources by serviceimportance, patches, landscapeconnectivity and selectsources."""
    found = service_importance(
        services,
        names,
        MANUAL if weights else settings.weighting,
        weights or settings.weights,
        settings.clip,
        settings.grid_size_m,
        settings.min_valid_share,
        settings.class_count,
        settings.classify_on,
    )
    area = settings.min_area_km2
    patches = find_patches(
        found.classes, settings.patch_classes, found.importance, (area / 4, area / 2, area), settings.diagonals
    )
    layer = Layer(
        "patches",
        UTM,
        [p.geometry for p in patches],
        [{"patch_id": p.patch_id, "area_km2": p.area_km2, "size_class": p.size_class} for p in patches],
        ["patch_id", "area_km2", "size_class"],
    )
    if settings.top:
        linked = landscape_connectivity(
            layer, dispersal_distance=settings.dispersal_distance, dispersal_probability=settings.dispersal_probability
        )
        rows = list(linked.rows())
        layer = Layer("patches", UTM, [g for g, _ in rows], [a for _, a in rows], ["patch_id", "size_class", "dpc"])
    sources = select_sources(layer, top=settings.top)
    return rasterize([s.geometry for s in sources], services[0].template) > 0, sources, found


@pytest.mark.parametrize(
    "seed, top, weighting, classify",
    [
        (2, 0, COMPONENT_SCORES, None),
        (3, 2, COMPONENT_SCORES, None),
        (4, 0, COMMUNALITIES, GRID_CELLS),
        (5, 3, ENTROPY, None),
        (6, 0, EQUAL, GRID_CELLS),
    ],
)
def test_base_and_alternatives_are_those_of_the_single_steps(seed, top, weighting, classify):
    from dataclasses import replace

    services = smooth(seed)
    settings = Settings(
        grid_size_m=1000,
        min_area_km2=0.7,
        top=top,
        weighting=weighting,
        dispersal_distance=800,
        diagonals=seed % 2 == 0,
        clip=(1.0, 99.0) if seed == 5 else None,
        **({"classify_on": classify} if classify else {}),
    )
    given = Alternatives((500.0, 2000.0), (4, 7), (0.3, 1.0), (30.0,), (200.0, 5000.0))
    result = source_firmness(iter(services), SMOOTH, settings, given)
    base, sources, found = chain(services, SMOOTH, settings)
    burnt = np.zeros(base.shape, dtype=bool)
    for row, source in zip(result.sources, sources):
        mask = rasterize([row.geometry], services[0].template) > 0
        np.testing.assert_array_equal(mask, rasterize([source.geometry], services[0].template) > 0)
        assert (row.source_id, row.area_km2) == (source.source_id, pytest.approx(source.area_km2))
        burnt |= mask
    assert len(result.sources) == len(sources)
    np.testing.assert_array_equal(burnt, base)
    places = [rasterize([row.geometry], services[0].template) > 0 for row in result.sources]

    def check(kind, label, other):
        variant = of(result, kind, label)
        assert variant.share == pytest.approx([other[place].mean() for place in places])
        assert variant.jaccard == pytest.approx((other & base).sum() / (other | base).sum())
        assert variant.area_km2 == pytest.approx(other.sum() * 0.01)
        assert variant.lost_km2 == pytest.approx((base & ~other).sum() * 0.01)
        assert variant.new_km2 == pytest.approx((other & ~base).sum() * 0.01)
        return other

    seen = {kind: [] for kind in KIND_FIELDS}
    for area in given.min_areas_km2:
        seen[AREA].append(
            check(AREA, f"above {area:g} km2", chain(services, SMOOTH, replace(settings, min_area_km2=area))[0])
        )
    for count, label, classes in ((4, "4 (patches from 3, 4)", (3, 4)), (7, "7 (patches from 5, 6, 7)", (5, 6, 7))):
        seen[CLASSES].append(
            check(
                CLASSES, label, chain(services, SMOOTH, replace(settings, class_count=count, patch_classes=classes))[0]
            )
        )
    if GRID not in result.left_out:
        for size in given.grid_sizes_m:
            seen[GRID].append(
                check(GRID, f"{size:g} m", chain(services, SMOOTH, replace(settings, grid_size_m=size))[0])
            )
    for variant in result.of_kind(WEIGHTS):
        if variant.variant.endswith("%"):
            name, change, _ = variant.variant.split()
            raised = found.weights.copy()
            raised[SMOOTH.index(name)] *= 1 + float(change) / 100
            other = chain(services, SMOOTH, settings, ", ".join(f"{n}={w!r}" for n, w in zip(SMOOTH, raised.tolist())))[
                0
            ]
        else:
            rule = next(r for r in (COMPONENT_SCORES, COMMUNALITIES, ENTROPY, EQUAL) if r in variant.variant)
            other = chain(services, SMOOTH, replace(settings, weighting=rule))[0]
        seen[WEIGHTS].append(check(WEIGHTS, variant.variant, other))
    if top:
        for distance in given.dispersal_distances:
            seen[DISPERSAL].append(
                check(
                    DISPERSAL,
                    f"{distance:g} m",
                    chain(services, SMOOTH, replace(settings, dispersal_distance=distance))[0],
                )
            )
    assert {kind for kind, masks in seen.items() if not masks} == set(result.left_out)
    assert len(result.alternatives) == sum(map(len, seen.values()))
    means = [np.mean(masks, axis=0) for masks in seen.values() if masks]
    expected = np.mean(means, axis=0)
    valid = ~np.isnan(np.sum([s.values for s in services], axis=0))
    np.testing.assert_allclose(result.frequency.values[valid], expected[valid], atol=1e-6)
    assert np.isnan(result.frequency.values[~valid]).all()
    for row, place in zip(result.sources, places):
        assert row.stability == pytest.approx(expected[place].mean(), abs=1e-6)


def test_scores_are_bounded_and_do_not_depend_on_the_order_of_services():
    services = smooth(8)
    settings = Settings(grid_size_m=1000, min_area_km2=0.7, dispersal_distance=800)
    given = Alternatives((500, 2000), (4, 6), (0.3, 1.5), (20, 50), (200, 3000))
    result = source_firmness(services, SMOOTH, settings, given)
    order = [2, 0, 3, 1]
    again = source_firmness([services[i] for i in order], [SMOOTH[i] for i in order], settings, given)
    assert len(result.sources) == len(again.sources) > 2
    for one, two in zip(result.sources, again.sources):
        assert one.area_km2 == pytest.approx(two.area_km2, abs=0.03)
        assert one.stability == pytest.approx(two.stability, abs=0.01)
        assert 0 <= one.stability <= 1 and one.verdict == verdict(one.stability)
        assert 1 <= one.rank_min <= one.rank_max <= len(result.sources)
    assert all(0 <= v.jaccard <= 1 and (v.share >= 0).all() and (v.share <= 1).all() for v in result.variants)
    assert result.variants[0].share.tolist() == [1] * len(result.sources)
    assert {(v.kind, v.variant) for v in result.variants} == {(v.kind, v.variant) for v in again.variants}


def test_ranks_are_those_of_dpc_at_each_distance():
    services = smooth(9)
    settings = Settings(grid_size_m=1000, min_area_km2=0.5, dispersal_distance=800)
    distances = (100, 800, 20000)
    result = source_firmness(services, SMOOTH, settings, Alternatives((), (4,), (), (), distances))
    layer = Layer(
        "sources",
        UTM,
        [row.geometry for row in result.sources],
        [{"area_km2": row.area_km2} for row in result.sources],
        ["area_km2"],
    )
    ranks = []
    for distance in distances:
        dpc = landscape_connectivity(layer, dispersal_distance=distance).indices.dpc
        ranks.append([1 + int((dpc > own).sum()) for own in dpc])
    assert result.ranks.tolist() == np.transpose(ranks).tolist()
    assert [row.rank_min for row in result.sources] == np.min(ranks, axis=0).tolist()
    assert [row.rank_max for row in result.sources] == np.max(ranks, axis=0).tolist()
    assert result.rank_distances == [100, 800, 20000] and result.spearman[1] == pytest.approx(1)
    n = len(result.sources)
    d2 = ((np.array(ranks[0]) - ranks[1]) ** 2).sum()  # ranks without ties: Spearman by squared differences
    assert result.spearman[0] == pytest.approx(1 - 6 * d2 / (n * (n * n - 1)))


# a planner's own list -----------------------------------------------------------------------------------


def layer(boxes, crs=UTM, **attributes):
    """Sources from (first row, last row, first col, last col) on the map of 100 m cells."""
    geometries = []
    for top, bottom, left, right in boxes:
        west, east, north, south = 5e5 + left * 100, 5e5 + right * 100, 46e5 - top * 100, 46e5 - bottom * 100
        geometries.append(
            ogr.CreateGeometryFromWkt(
                f"POLYGON(({west} {south},{east} {south},{east} {north},{west} {north},{west} {south}))"
            )
        )
    rows = [{key: values[i] for key, values in attributes.items()} for i in range(len(boxes))]
    found = Layer("plan", UTM, geometries, rows, list(attributes))
    return found.to_crs(crs)


GIVEN = Alternatives((), (), (0.5, 1.4, 1.5, 4.0), (), ())


def test_a_planners_list_is_scored_by_its_ground():
    services = steps([PLATEAU, HINGE])
    plan = layer(
        [(5, 25, 5, 15), (35, 50, 3, 23), (50, 58, 50, 58)], source_id=[7, 3, 5], name=["north", "dam", "mine"]
    )
    result = source_firmness(services, NAMES, BY_HAND, GIVEN, plan)
    by_id = {row.source_id: row for row in result.sources}
    assert list(by_id) == [7, 3, 5] and by_id[7].row()["name"] == "north"
    assert [by_id[i].base_share for i in (7, 3, 5)] == pytest.approx([1, 0.5, 0])
    assert [by_id[i].stability for i in (7, 3, 5)] == pytest.approx([0.75, 0.25, 0])  # above 4 km2 nothing is left
    assert [by_id[i].stability_area for i in (7, 3, 5)] == pytest.approx([0.75, 0.25, 0])
    assert [by_id[i].verdict for i in (7, 3, 5)] == ["fairly firm", "weak", "weak"]
    assert any("do not make 1 of the 3 sources that are scored (5)" in text for text in result.warnings)
    assert result.variants[0].kind == "base" and 0 < result.variants[0].jaccard < 1 and not result.own_list


def test_a_planners_list_in_degrees_overlapping_reaching_out_or_elsewhere():
    services = steps([PLATEAU, HINGE])
    boxes = [(5, 25, 5, 25), (5, 25, 15, 25), (5, 25, -20, 20), (500, 520, 0, 20)]
    plain = source_firmness(services, NAMES, BY_HAND, GIVEN, layer(boxes))
    degrees = source_firmness(
        services, NAMES, BY_HAND, GIVEN, layer(boxes, Crs.of("EPSG:4326").reference.ExportToWkt())
    )
    for one, two in zip(plain.sources, degrees.sources):
        assert one.source_id == two.source_id
        assert one.base_share == pytest.approx(two.base_share, abs=0.02, nan_ok=True)
    by_area = {row.source_id: row for row in plain.sources}
    assert by_area[1].base_share == pytest.approx(
        15 / 40
    )  # the largest: half of it lies off the map, a fourth on low ground
    away = plain.sources[3]
    assert away.verdict == OUTSIDE and math.isnan(away.stability) and away.rank_min is None
    text = " ".join(plain.warnings)
    assert "overlap on" in text and "Part of the ground of sources 1 (50 %)" in text and "lie where no cell has" in text
    assert 0 < plain.stability < 1
    with pytest.raises(InputError, match="lies wholly away from 'map'"):
        source_firmness(services, NAMES, BY_HAND, GIVEN, layer([(500, 520, 0, 20)]))
    with pytest.raises(InputError, match="is empty"):
        source_firmness(services, NAMES, BY_HAND, GIVEN, Layer("plan", UTM))
    with pytest.raises(InputError, match="both have the id 4"):
        source_firmness(services, NAMES, BY_HAND, GIVEN, layer(boxes[:2], source_id=[4, 4]))


def test_a_planners_list_is_scored_where_the_base_makes_none():
    settings = Settings(grid_size_m=1000, min_area_km2=30.0, weighting=MANUAL, weights="a=1,b=1,c=1")
    plan = layer([(5, 25, 5, 25)])
    result = source_firmness(steps([PLATEAU, HINGE]), NAMES, settings, Alternatives((), (), (3.0, 5.0), (), ()), plan)
    assert result.sources[0].stability_area == 0.5 and result.sources[0].base_share == 0
    assert any("The base settings make no source at all" in text for text in result.warnings)
    with pytest.raises(InputError, match=r"The base settings make no source: the largest patch has .* \(MIN_AREA\)"):
        source_firmness(steps([PLATEAU, HINGE]), NAMES, settings, GIVEN)


# choices ------------------------------------------------------------------------------------------------


def test_what_cannot_change_the_list_does_not_count():
    services = smooth(10)
    settings = Settings(grid_size_m=1000, min_area_km2=0.7)
    result = source_firmness(services, SMOOTH, settings, Alternatives((1000,), (4,), (0.7,), (), (100, 9000)))
    assert set(result.left_out) == {GRID, AREA, WEIGHTS, DISPERSAL}
    assert "no alternative differs from the base" in result.left_out[GRID]
    assert "(TOP)" in result.left_out[DISPERSAL]
    assert all(math.isnan(row.stability_dispersal) and row.rank_max for row in result.sources)
    for top in (len(result.sources), 99):
        many = source_firmness(
            services,
            SMOOTH,
            Settings(grid_size_m=1000, min_area_km2=0.7, top=top),
            Alternatives((), (4,), (), (), (100, 9000)),
        )
        assert "no more than are kept (TOP)" in many.left_out[DISPERSAL], top
    two = source_firmness(services[:2], SMOOTH[:2], settings, Alternatives((500,), (4,), (), (10,), ()))
    assert "equal weights" in two.left_out[GRID]  # two services always weigh the same
    with pytest.raises(InputError, match="Nothing is left that could change the list"):
        source_firmness(
            steps([PLATEAU, HINGE]),
            NAMES,
            Settings(weighting=EQUAL, min_area_km2=1, grid_size_m=1000),
            Alternatives((500,), (200,), (1.0,), (), ()),
        )


def test_the_only_weight_is_not_taken_away():
    alone = Settings(grid_size_m=1000, min_area_km2=0.5, weighting=MANUAL, weights="s0=1, s1=0, s2=0, s3=0")
    result = source_firmness(smooth(10), SMOOTH, alone, Alternatives((), (), (1,), (50, 100), ()))
    changed = result.of_kind(WEIGHTS)
    assert changed and all(np.isfinite(v.weight).all() and v.weight.sum() == pytest.approx(1) for v in changed)
    assert not result.skipped and not any(v.variant.startswith("s0 ") for v in changed)


def test_an_alternative_that_cannot_be_computed_is_left_out_once_and_said():
    said = []
    result = source_firmness(
        smooth(11),
        SMOOTH,
        Settings(grid_size_m=1000, min_area_km2=0.7),
        Alternatives((50, 500, 9e9), (4, 5, 255), (), (10,), ()),
        progress=Progress(warn=said.append),
    )
    assert len(said) == len(set(said))
    assert sum("Grid size, 50 m: left out." in text for text in said) == 1
    assert sum("Grid size, 9e+09 m: left out." in text for text in said) == 1
    assert [v.variant for v in result.of_kind(GRID)] == ["500 m"]
    flat = source_firmness(steps([PLATEAU, HINGE]), NAMES, BY_HAND, Alternatives((), (4, 6), (2,), (), ()))
    assert any("Number of classes, 6 (patches from 5, 6): left out." in text for text in flat.skipped)


def test_unfit_bases_are_refused():
    services = smooth(12)
    for changed, message in (
        ({"grid_size_m": 50.0}, "GRID_SIZE"),
        ({"grid_size_m": 1e6}, "less than one grid cell"),
        ({"patch_classes": (5, 6)}, "6 is none of the classes 1 to 5"),
        ({"patch_classes": (1, 2, 3, 4, 5)}, "all 5 classes make patches"),
        ({"dispersal_distance": 0.0}, "DISPERSAL_DISTANCE"),
        ({"dispersal_probability": 1.0}, "DISPERSAL_PROBABILITY"),
        ({"min_valid_share": 0.0}, "valid share"),
        ({"class_count": 1}, "1 classes"),
        ({"weighting": MANUAL, "weights": "s0=1"}, "no weight for s1, s2, s3"),
        ({"min_area_km2": -1.0}, "MIN_AREA"),
    ):
        with pytest.raises(InputError, match=message.replace("(", r"\(")):
            source_firmness(
                services, SMOOTH, Settings(**{"grid_size_m": 1000.0, "min_area_km2": 0.7, **changed}), GIVEN
            )
    constant = [*services[:3], grid(np.full((60, 70), 2.0))]
    with pytest.raises(InputError, match="Service 's3' is 2 everywhere"):
        source_firmness(constant, SMOOTH, Settings(), GIVEN)


def test_classes_that_stand_for_the_same_ranks():
    assert [patch_classes_of(k, 5, (4, 5)) for k in (2, 3, 4, 5, 6, 7, 8, 10)] == [
        (2,),
        (3,),
        (3, 4),
        (4, 5),
        (5, 6),
        (5, 6, 7),
        (6, 7, 8),
        (7, 8, 9, 10),
    ]
    assert [patch_classes_of(k, 5, (5,)) for k in (2, 3, 4, 5, 10)] == [(2,), (3,), (4,), (5,), (9, 10)]
    for base in range(2, 9):
        for low in range(1, base):
            chosen = tuple(range(low + 1, base + 1))
            assert patch_classes_of(base, base, chosen) == chosen
            for count in range(2, 20):
                found = patch_classes_of(count, base, chosen)
                assert found == tuple(range(count - len(found) + 1, count + 1)) and len(found) >= 1
                assert abs(len(found) - count * len(chosen) / base) <= 0.5 or len(found) == 1


def test_numbers_from_text():
    assert numbers_from_text("5000, 1000, 1000\n2000", "N") == (1000, 2000, 5000)
    assert numbers_from_text("0,5; 2,5", "N") == (0.5, 2.5) and numbers_from_text("4，5, 4", "N") == (4, 5)
    assert numbers_from_text("1000；2000；3000", "N") == (1000, 2000, 3000)
    assert numbers_from_text("  ", "N") == () and numbers_from_text("0, 4", "N", including=True) == (0, 4)
    for text, limits, message in (
        ("1000, wide", {}, "N: 'wide' is not a number"),
        ("0", {}, "N: 0 is out of range"),
        ("4.5", {"whole": True}, "N: '4.5' is not a whole number"),
        ("-3", {}, "above 0"),
        ("150", {"up_to": 100}, "give numbers above 0, up to 100"),
        ("nan", {}, "'nan'"),
    ):
        with pytest.raises(InputError, match=message):
            numbers_from_text(text, "N", **limits)


def test_changed_weights_and_verdicts():
    assert changed_weights([0.5, 0.3, 0.2], 0, 20).tolist() == pytest.approx([0.6 / 1.1, 0.3 / 1.1, 0.2 / 1.1])
    assert changed_weights([0.5, 0.3, 0.2], 2, -100).tolist() == pytest.approx([0.625, 0.375, 0])
    assert [verdict(s) for s in (1, 0.9, 0.899, 0.7, 0.5, 0.499, 0, math.nan)] == [
        "firm",
        "firm",
        "fairly firm",
        "fairly firm",
        "shaky",
        "weak",
        "weak",
        OUTSIDE,
    ]


# manners ------------------------------------------------------------------------------------------------


def test_report_says_it_in_plain_words():
    result = source_firmness(
        steps([PLATEAU, HINGE]), NAMES, BY_HAND, Alternatives((), (4,), (0.5, 1.5), (60,), (200, 4000))
    )
    html = firmness_report(result, [("services", "a, b, c")]).html()
    for text in conclusions(result):
        assert text.replace("'", "&#x27;").replace(">", "&gt;") in html
    for text in (
        "The weakest sources, and what loses them",
        "area threshold above 1.5 km2",
        "data:image/png",
        "Rank by connectivity at each dispersal distance",
        "The bounds are ours, not the paper",
        "The dispersal distance does not count",
        "The grid size does not count",
    ):
        assert text in html
    assert does_not_count(WEIGHTS) == "weights do not count"
    assert "nan" not in html.lower().replace("dominan", "").split("data:image")[0]


def test_inputs_are_not_altered_and_one_row_works():
    services = smooth(13)
    before = [service.values.copy() for service in services]
    source_firmness(services, SMOOTH, Settings(grid_size_m=1000, min_area_km2=0.7), Alternatives((), (4,), (), (), ()))
    for service, values in zip(services, before):
        np.testing.assert_array_equal(service.values, values)
    rng = np.random.default_rng(3)
    rows = [grid(np.sort(rng.random((1, 200)))) for _ in range(3)]
    result = source_firmness(
        rows,
        NAMES,
        Settings(grid_size_m=1000, min_area_km2=0.1, min_valid_share=0.05),
        Alternatives((500,), (4,), (0.05,), (20,), ()),
    )
    assert result.sources and 0 <= result.stability <= 1


def test_a_cancel_acts_within_a_second():
    asked = []

    def cancelled():
        asked.append(time.monotonic())
        return len(asked) > 150

    services = smooth(14, (400, 400))
    with pytest.raises(Cancelled):
        source_firmness(
            services, SMOOTH, Settings(grid_size_m=3000, min_area_km2=7), progress=Progress(cancelled=cancelled)
        )
    assert max(np.diff(asked)) < 1
    fractions = []
    source_firmness(
        smooth(15),
        SMOOTH,
        Settings(grid_size_m=1000, min_area_km2=0.7),
        Alternatives((), (4,), (1,), (10,), ()),
        progress=Progress(fractions.append),
    )
    assert fractions == sorted(fractions) and fractions[-1] == 1.0

"""Firmness of sources: maps whose answer is known, and every alternative made anew by the single steps."""

import itertools
import math
import time
from dataclasses import replace

import numpy as np
import pytest
from factory import UTM, square
from factory import grid as map_of

from econet.core.connectivity.choices import ConnectivityChoices
from econet.core.connectivity.dispersal import Dispersal
from econet.core.connectivity.landscape import landscape_connectivity
from econet.core.crs import Crs
from econet.core.errors import Cancelled, InputError
from econet.core.geometry.cells import rasterize
from econet.core.geometry.layers import Layer
from econet.core.progress import SILENT, Progress
from econet.core.sources.components import Weighting
from econet.core.sources.firmness import source_firmness
from econet.core.sources.firmness_choices import Alternatives, ChoiceKind, numbers_from_text
from econet.core.sources.firmness_plan import changed_weights
from econet.core.sources.firmness_report import conclusions, firmness_report
from econet.core.sources.firmness_scores import verdict
from econet.core.sources.firmness_sources import OUTSIDE, GivenSources
from econet.core.sources.importance import service_importance
from econet.core.sources.importance_choices import ClassifyOn, ImportanceChoices
from econet.core.sources.patches import PatchChoices, delineate
from econet.core.sources.selection import choose_sources
from econet.core.sources.selection_choices import SelectionChoices
from econet.core.sources.source_lists import SourceListChoices, patch_classes_of

GRID, CLASSES, AREA, WEIGHTS, DISPERSAL = ChoiceKind


def base(*, dispersal_distance=2500.0, dispersal_probability=0.5, **given):
    """SourceListChoices from their own fields and those of the importance."""
    own = {name: given.pop(name) for name in ("patch_classes", "min_area_km2", "diagonals", "top") if name in given}
    dispersal = Dispersal(dispersal_distance, dispersal_probability)
    return SourceListChoices(importance=ImportanceChoices(**given), dispersal=dispersal, **own)


def others(*, grid_sizes_m=(), class_counts=(), min_areas_km2=(), weight_changes=(), dispersal_distances=()):
    """Alternatives of the kinds that are given, and none of the rest."""
    return Alternatives(grid_sizes_m, class_counts, min_areas_km2, weight_changes, dispersal_distances)


def firmness(services, names, choices, alternatives=None, sources=None, progress=SILENT):
    alternatives = Alternatives() if alternatives is None else alternatives
    given = None if sources is None else GivenSources(sources)
    return source_firmness(services, names, choices, alternatives=alternatives, sources=given, progress=progress)


def grid(values, name="map"):
    return map_of(values, cell=100.0, nodata=math.nan, name=name, dtype=np.float32)


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
BY_HAND = base(
    grid_size_m=1000, min_area_km2=1.0, weighting=Weighting.MANUAL, weights="a=1, b=1, c=1", dispersal_distance=1000
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
    result = firmness(
        steps([PLATEAU, HINGE]),
        NAMES,
        BY_HAND,
        others(grid_sizes_m=(500, 2000), min_areas_km2=(0.5, 1.4, 1.5, 3.9, 4.0), weight_changes=(40, 60)),
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
    settings = base(grid_size_m=1000, min_area_km2=1.5, top=1, dispersal_distance=1000)
    result = firmness(
        services,
        SMOOTH,
        settings,
        others(
            grid_sizes_m=(500, 1500),
            class_counts=(4, 6),
            min_areas_km2=(1, 5, 8.9),
            weight_changes=(10, 50),
            dispersal_distances=(500, 5000),
        ),
    )
    best = max(result.sources, key=lambda row: row.stability)
    assert not result.left_out and best.stability == 1 and best.verdict == "firm" and best.lost_with == ""
    assert [getattr(best, kind.stability_field) for kind in ChoiceKind] == [1, 1, 1, 1, 1]


def test_ground_outside_the_list_that_most_choices_make_source_is_told():
    settings = base(grid_size_m=1000, min_area_km2=2.0, weighting=Weighting.MANUAL, weights="a=1, b=1, c=1")
    result = firmness(steps([PLATEAU, HINGE]), NAMES, settings, others(min_areas_km2=(1.0, 1.2, 3.0)))
    assert [row.area_km2 for row in result.sources] == [4.0]
    assert [of(result, AREA, f"above {x} km2").new for x in ("1", "1.2", "3")] == [1, 1, 0]
    ((x, y, area, mean),) = result.outside
    row, col = result.frequency.template.row_col(x, y)
    assert 35 <= row < 50 and 3 <= col < 13 and area == pytest.approx(1.5) and mean > 0.5
    assert result.outside_km2 == pytest.approx(1.5)


# the single steps, run again for every alternative ------------------------------------------------------


def with_importance(settings, patch_classes=None, **changed):
    importance = replace(settings.importance, **changed)
    return replace(settings, importance=importance, patch_classes=patch_classes or settings.patch_classes)


def chain(services, names, settings, weights=""):
    """Mask of the sources by serviceimportance, patches, landscapeconnectivity and selectsources."""
    importance = settings.importance
    if weights:
        importance = replace(importance, weighting=Weighting.MANUAL, weights=weights)
    found = service_importance(services, importance, names=names)
    area = settings.min_area_km2
    choices = PatchChoices(settings.patch_classes, (area / 4, area / 2, area), settings.diagonals)
    patches = delineate(found.classes, choices, importance=found.importance).patches
    layer = Layer(
        "patches",
        UTM,
        [p.geometry for p in patches],
        [{"patch_id": p.patch_id, "area_km2": p.area_km2, "size_class": p.size_class} for p in patches],
        ["patch_id", "area_km2", "size_class"],
    )
    if settings.top:
        linked = landscape_connectivity(layer, ConnectivityChoices(dispersal=settings.dispersal))
        rows = list(linked.rows())
        layer = Layer("patches", UTM, [g for g, _ in rows], [a for _, a in rows], ["patch_id", "size_class", "dpc"])
    sources = choose_sources(layer, SelectionChoices(top=settings.top)).sources
    return rasterize([s.geometry for s in sources], services[0].template) > 0, sources, found


@pytest.mark.parametrize(
    "seed, top, weighting, classify",
    [
        (2, 0, Weighting.COMPONENT_SCORES, None),
        (3, 2, Weighting.COMPONENT_SCORES, None),
        (4, 0, Weighting.COMMUNALITIES, ClassifyOn.GRID_CELLS),
        (5, 3, Weighting.ENTROPY, None),
        (6, 0, Weighting.EQUAL, ClassifyOn.GRID_CELLS),
    ],
)
def test_base_and_alternatives_are_those_of_the_single_steps(seed, top, weighting, classify):
    services = smooth(seed)
    settings = base(
        grid_size_m=1000,
        min_area_km2=0.7,
        top=top,
        weighting=weighting,
        dispersal_distance=800,
        diagonals=seed % 2 == 0,
        clip=(1.0, 99.0) if seed == 5 else None,
        **({"classify_on": classify} if classify else {}),
    )
    given = others(
        grid_sizes_m=(500.0, 2000.0),
        class_counts=(4, 7),
        min_areas_km2=(0.3, 1.0),
        weight_changes=(30.0,),
        dispersal_distances=(200.0, 5000.0),
    )
    result = firmness(iter(services), SMOOTH, settings, given)
    base_mask, sources, found = chain(services, SMOOTH, settings)
    burnt = np.zeros(base_mask.shape, dtype=bool)
    for row, source in zip(result.sources, sources):
        mask = rasterize([row.geometry], services[0].template) > 0
        np.testing.assert_array_equal(mask, rasterize([source.geometry], services[0].template) > 0)
        assert (row.source_id, row.area_km2) == (source.source_id, pytest.approx(source.area_km2))
        burnt |= mask
    assert len(result.sources) == len(sources)
    np.testing.assert_array_equal(burnt, base_mask)
    places = [rasterize([row.geometry], services[0].template) > 0 for row in result.sources]

    def check(kind, label, other):
        variant = of(result, kind, label)
        assert variant.share == pytest.approx([other[place].mean() for place in places])
        assert variant.jaccard == pytest.approx((other & base_mask).sum() / (other | base_mask).sum())
        assert variant.area_km2 == pytest.approx(other.sum() * 0.01)
        assert variant.lost_km2 == pytest.approx((base_mask & ~other).sum() * 0.01)
        assert variant.new_km2 == pytest.approx((other & ~base_mask).sum() * 0.01)
        return other

    seen = {kind: [] for kind in ChoiceKind}
    for area in given.min_areas_km2:
        seen[AREA].append(
            check(AREA, f"above {area:g} km2", chain(services, SMOOTH, replace(settings, min_area_km2=area))[0])
        )
    for count, label, classes in ((4, "4 (patches from 3, 4)", (3, 4)), (7, "7 (patches from 5, 6, 7)", (5, 6, 7))):
        seen[CLASSES].append(
            check(
                CLASSES,
                label,
                chain(services, SMOOTH, with_importance(settings, class_count=count, patch_classes=classes))[0],
            )
        )
    if GRID not in result.left_out:
        for size in given.grid_sizes_m:
            seen[GRID].append(
                check(GRID, f"{size:g} m", chain(services, SMOOTH, with_importance(settings, grid_size_m=size))[0])
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
            rule = next(
                r
                for r in (Weighting.COMPONENT_SCORES, Weighting.COMMUNALITIES, Weighting.ENTROPY, Weighting.EQUAL)
                if r in variant.variant
            )
            other = chain(services, SMOOTH, with_importance(settings, weighting=rule))[0]
        seen[WEIGHTS].append(check(WEIGHTS, variant.variant, other))
    if top:
        for distance in given.dispersal_distances:
            seen[DISPERSAL].append(
                check(
                    DISPERSAL,
                    f"{distance:g} m",
                    chain(services, SMOOTH, replace(settings, dispersal=Dispersal(distance)))[0],
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
    settings = base(grid_size_m=1000, min_area_km2=0.7, dispersal_distance=800)
    given = others(
        grid_sizes_m=(500, 2000),
        class_counts=(4, 6),
        min_areas_km2=(0.3, 1.5),
        weight_changes=(20, 50),
        dispersal_distances=(200, 3000),
    )
    result = firmness(services, SMOOTH, settings, given)
    order = [2, 0, 3, 1]
    again = firmness([services[i] for i in order], [SMOOTH[i] for i in order], settings, given)
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
    settings = base(grid_size_m=1000, min_area_km2=0.5, dispersal_distance=800)
    distances = (100, 800, 20000)
    result = firmness(services, SMOOTH, settings, others(class_counts=(4,), dispersal_distances=distances))
    layer = Layer(
        "sources",
        UTM,
        [row.geometry for row in result.sources],
        [{"area_km2": row.area_km2} for row in result.sources],
        ["area_km2"],
    )
    ranks = []
    for distance in distances:
        dpc = landscape_connectivity(layer, ConnectivityChoices(dispersal=Dispersal(distance))).indices.dpc
        ranks.append([1 + int((dpc > own).sum()) for own in dpc])
    assert result.ranks.ranks.tolist() == np.transpose(ranks).tolist()
    assert [row.rank_min for row in result.sources] == np.min(ranks, axis=0).tolist()
    assert [row.rank_max for row in result.sources] == np.max(ranks, axis=0).tolist()
    assert result.ranks.distances == [100, 800, 20000] and result.ranks.spearman[1] == pytest.approx(1)
    n = len(result.sources)
    d2 = ((np.array(ranks[0]) - ranks[1]) ** 2).sum()  # ranks without ties: Spearman by squared differences
    assert result.ranks.spearman[0] == pytest.approx(1 - 6 * d2 / (n * (n * n - 1)))


# a planner's own list -----------------------------------------------------------------------------------


def layer(boxes, crs=UTM, **attributes):
    """Sources from (first row, last row, first col, last col) on the map of 100 m cells."""
    geometries = [
        square(left * 100, -bottom * 100, (right - left) * 100, (bottom - top) * 100)
        for top, bottom, left, right in boxes
    ]
    rows = [{key: values[i] for key, values in attributes.items()} for i in range(len(boxes))]
    found = Layer("plan", UTM, geometries, rows, list(attributes))
    return found.to_crs(crs)


GIVEN = others(min_areas_km2=(0.5, 1.4, 1.5, 4.0))


def test_a_planners_list_is_scored_by_its_ground():
    services = steps([PLATEAU, HINGE])
    plan = layer(
        [(5, 25, 5, 15), (35, 50, 3, 23), (50, 58, 50, 58)], source_id=[7, 3, 5], name=["north", "dam", "mine"]
    )
    result = firmness(services, NAMES, BY_HAND, GIVEN, plan)
    by_id = {row.source_id: row for row in result.sources}
    assert list(by_id) == [7, 3, 5] and by_id[7].row()["name"] == "north"
    assert [by_id[i].base_share for i in (7, 3, 5)] == pytest.approx([1, 0.5, 0])
    assert [by_id[i].stability for i in (7, 3, 5)] == pytest.approx([0.75, 0.25, 0])  # above 4 km2 nothing is left
    assert [by_id[i].stability_area for i in (7, 3, 5)] == pytest.approx([0.75, 0.25, 0])
    assert [by_id[i].verdict for i in (7, 3, 5)] == ["fairly firm", "weak", "weak"]
    assert any("do not make 1 of the 3 sources that are scored (5)" in text for text in result.warnings)
    assert result.variants[0].kind == "base" and 0 < result.variants[0].jaccard < 1 and not result.is_own_list


def test_a_planners_list_in_degrees_overlapping_reaching_out_or_elsewhere():
    services = steps([PLATEAU, HINGE])
    boxes = [(5, 25, 5, 25), (5, 25, 15, 25), (5, 25, -20, 20), (500, 520, 0, 20)]
    plain = firmness(services, NAMES, BY_HAND, GIVEN, layer(boxes))
    degrees = firmness(services, NAMES, BY_HAND, GIVEN, layer(boxes, Crs.of("EPSG:4326").reference.ExportToWkt()))
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
        firmness(services, NAMES, BY_HAND, GIVEN, layer([(500, 520, 0, 20)]))
    with pytest.raises(InputError, match="is empty"):
        firmness(services, NAMES, BY_HAND, GIVEN, Layer("plan", UTM))
    with pytest.raises(InputError, match="both have the id 4"):
        firmness(services, NAMES, BY_HAND, GIVEN, layer(boxes[:2], source_id=[4, 4]))


def test_a_planners_list_is_scored_where_the_base_makes_none():
    settings = base(grid_size_m=1000, min_area_km2=30.0, weighting=Weighting.MANUAL, weights="a=1,b=1,c=1")
    plan = layer([(5, 25, 5, 25)])
    result = firmness(steps([PLATEAU, HINGE]), NAMES, settings, others(min_areas_km2=(3.0, 5.0)), plan)
    assert result.sources[0].stability_area == 0.5 and result.sources[0].base_share == 0
    assert any("The base settings make no source at all" in text for text in result.warnings)
    with pytest.raises(InputError, match="the base settings make no source, since the largest patch has") as caught:
        firmness(steps([PLATEAU, HINGE]), NAMES, settings, GIVEN)
    assert caught.value.parameter == "min_area_km2"


# choices ------------------------------------------------------------------------------------------------


def test_what_cannot_change_the_list_does_not_count():
    services = smooth(10)
    settings = base(grid_size_m=1000, min_area_km2=0.7)
    result = firmness(
        services,
        SMOOTH,
        settings,
        others(grid_sizes_m=(1000,), class_counts=(4,), min_areas_km2=(0.7,), dispersal_distances=(100, 9000)),
    )
    assert set(result.left_out) == {GRID, AREA, WEIGHTS, DISPERSAL}
    assert "no alternative differs from the base" in result.left_out[GRID]
    assert "limit how many sources are kept by dPC" in result.left_out[DISPERSAL]
    assert all(math.isnan(row.stability_dispersal) and row.rank_max for row in result.sources)
    for top in (len(result.sources), 99):
        many = firmness(
            services,
            SMOOTH,
            base(grid_size_m=1000, min_area_km2=0.7, top=top),
            others(class_counts=(4,), dispersal_distances=(100, 9000)),
        )
        assert "no more than are kept" in many.left_out[DISPERSAL], top
    two = firmness(
        services[:2], SMOOTH[:2], settings, others(grid_sizes_m=(500,), class_counts=(4,), weight_changes=(10,))
    )
    assert "equal weights" in two.left_out[GRID]  # two services always weigh the same
    with pytest.raises(InputError, match="Nothing is left that could change the list"):
        firmness(
            steps([PLATEAU, HINGE]),
            NAMES,
            base(weighting=Weighting.EQUAL, min_area_km2=1, grid_size_m=1000),
            others(grid_sizes_m=(500,), class_counts=(200,), min_areas_km2=(1.0,)),
        )


def test_the_only_weight_is_not_taken_away():
    alone = base(grid_size_m=1000, min_area_km2=0.5, weighting=Weighting.MANUAL, weights="s0=1, s1=0, s2=0, s3=0")
    result = firmness(smooth(10), SMOOTH, alone, others(min_areas_km2=(1,), weight_changes=(50, 100)))
    changed = result.of_kind(WEIGHTS)
    assert changed and all(np.isfinite(v.weight).all() and v.weight.sum() == pytest.approx(1) for v in changed)
    assert not result.skipped and not any(v.variant.startswith("s0 ") for v in changed)


def test_an_alternative_that_cannot_be_computed_is_left_out_once_and_said():
    said = []
    result = firmness(
        smooth(11),
        SMOOTH,
        base(grid_size_m=1000, min_area_km2=0.7),
        others(grid_sizes_m=(50, 500, 9000000000.0), class_counts=(4, 5, 255), weight_changes=(10,)),
        progress=Progress(warn=said.append),
    )
    assert len(said) == len(set(said))
    assert sum("Grid size, 50 m: left out." in text for text in said) == 1
    assert sum("Grid size, 9e+09 m: left out." in text for text in said) == 1
    assert [v.variant for v in result.of_kind(GRID)] == ["500 m"]
    flat = firmness(steps([PLATEAU, HINGE]), NAMES, BY_HAND, others(class_counts=(4, 6), min_areas_km2=(2,)))
    assert any("Number of classes, 6 (patches from 5, 6): left out." in text for text in flat.skipped)


def test_unfit_bases_are_refused():
    services = smooth(12)
    for changed, parameter, message in (
        ({"grid_size_m": 50.0}, "grid_size_m", "50 m is less than a cell of the raster"),
        ({"grid_size_m": 1e6}, "grid_size_m", "less than one grid cell"),
        ({"patch_classes": (5, 6)}, "patch_classes", "6 is none of the classes 1 to 5"),
        ({"patch_classes": (1, 2, 3, 4, 5)}, "patch_classes", "all 5 classes make patches"),
        ({"dispersal_distance": 0.0}, "dispersal_distance", "not above 0"),
        ({"dispersal_probability": 1.0}, "dispersal_probability", "not between 0 and 1"),
        ({"min_valid_share": 0.0}, "min_valid_share", "valid share"),
        ({"class_count": 1}, None, "1 classes"),
        ({"weighting": Weighting.MANUAL, "weights": "s0=1"}, "weights", "no weight for s1, s2, s3"),
        ({"min_area_km2": -1.0}, "min_area_km2", "-1 km2 is below 0"),
        ({"breaks": "0.1, 0.2, 0.3, 0.4"}, "breaks", "made by natural breaks"),
    ):
        with pytest.raises(InputError, match=message) as caught:
            firmness(services, SMOOTH, base(**{"grid_size_m": 1000.0, "min_area_km2": 0.7, **changed}), GIVEN)
        assert parameter is None or caught.value.parameter == parameter
    constant = [*services[:3], grid(np.full((60, 70), 2.0))]
    with pytest.raises(InputError, match="Service 's3' is 2 everywhere"):
        firmness(constant, SMOOTH, base(), GIVEN)


def test_classes_that_stand_for_the_same_ranks():
    assert [patch_classes_of(k, base_count=5, base_classes=(4, 5)) for k in (2, 3, 4, 5, 6, 7, 8, 10)] == [
        (2,),
        (3,),
        (3, 4),
        (4, 5),
        (5, 6),
        (5, 6, 7),
        (6, 7, 8),
        (7, 8, 9, 10),
    ]
    assert [patch_classes_of(k, base_count=5, base_classes=(5,)) for k in (2, 3, 4, 5, 10)] == [
        (2,),
        (3,),
        (4,),
        (5,),
        (9, 10),
    ]
    for count_of_base in range(2, 9):
        for low in range(1, count_of_base):
            chosen = tuple(range(low + 1, count_of_base + 1))
            assert patch_classes_of(count_of_base, base_count=count_of_base, base_classes=chosen) == chosen
            for count in range(2, 20):
                found = patch_classes_of(count, base_count=count_of_base, base_classes=chosen)
                assert found == tuple(range(count - len(found) + 1, count + 1)) and len(found) >= 1
                assert abs(len(found) - count * len(chosen) / count_of_base) <= 0.5 or len(found) == 1


def test_numbers_from_text():
    def numbers(text, whole=False):
        return numbers_from_text(text, parameter="n", whole=whole)

    assert numbers("5000, 1000, 1000\n2000") == (1000, 2000, 5000)
    assert numbers("0,5; 2,5") == (0.5, 2.5) and numbers("4，5, 4") == (4, 5)
    assert numbers("1000；2000；3000") == (1000, 2000, 3000)
    assert numbers("  ") == () and numbers("0, 4") == (0, 4)
    for text, whole, message in (
        ("1000, wide", False, "'wide' is not a number"),
        ("4.5", True, "'4.5' is not a whole number"),
        ("nan", False, "'nan'"),
    ):
        with pytest.raises(InputError, match=message) as caught:
            numbers(text, whole)
        assert caught.value.parameter == "n"


def test_alternatives_are_read_from_texts_and_know_their_ranges():
    found = Alternatives.from_texts(grid_sizes_m="2000, 500", class_counts="7; 4", min_areas_km2="0, 1")
    assert found == others(grid_sizes_m=(500.0, 2000.0), class_counts=(4, 7), min_areas_km2=(0.0, 1.0))
    assert all(isinstance(count, int) for count in found.class_counts)
    for texts, parameter, message in (
        ({"grid_sizes_m": "0"}, "grid_sizes_m", "0 is out of range; give numbers above 0"),
        ({"dispersal_distances": "-3"}, "dispersal_distances", "above 0"),
        ({"weight_changes": "150"}, "weight_changes", "give numbers above 0, up to 100"),
        ({"class_counts": "1"}, "class_counts", "give numbers of at least 2, up to 255"),
        ({"class_counts": "4.5"}, "class_counts", "'4.5' is not a whole number"),
        ({"min_areas_km2": "-1"}, "min_areas_km2", "give numbers of at least 0"),
    ):
        with pytest.raises(InputError, match=message) as caught:
            Alternatives.from_texts(**texts)
        assert caught.value.parameter == parameter


def test_changed_weights_and_verdicts():
    assert changed_weights([0.5, 0.3, 0.2], index=0, percent=20).tolist() == pytest.approx(
        [0.6 / 1.1, 0.3 / 1.1, 0.2 / 1.1]
    )
    assert changed_weights([0.5, 0.3, 0.2], index=2, percent=-100).tolist() == pytest.approx([0.625, 0.375, 0])
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
    result = firmness(
        steps([PLATEAU, HINGE]),
        NAMES,
        BY_HAND,
        others(class_counts=(4,), min_areas_km2=(0.5, 1.5), weight_changes=(60,), dispersal_distances=(200, 4000)),
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
    assert WEIGHTS.left_out_text == "weights do not count"
    assert "nan" not in html.lower().replace("dominan", "").split("data:image")[0]


def test_inputs_are_not_altered_and_one_row_works():
    services = smooth(13)
    before = [service.values.copy() for service in services]
    firmness(services, SMOOTH, base(grid_size_m=1000, min_area_km2=0.7), others(class_counts=(4,)))
    for service, values in zip(services, before):
        np.testing.assert_array_equal(service.values, values)
    rng = np.random.default_rng(3)
    rows = [grid(np.sort(rng.random((1, 200)))) for _ in range(3)]
    result = firmness(
        rows,
        NAMES,
        base(grid_size_m=1000, min_area_km2=0.1, min_valid_share=0.05),
        others(grid_sizes_m=(500,), class_counts=(4,), min_areas_km2=(0.05,), weight_changes=(20,)),
    )
    assert result.sources and 0 <= result.stability <= 1


def test_a_cancel_acts_within_a_second():
    asked = []

    def cancelled():
        asked.append(time.monotonic())
        return len(asked) > 150

    services = smooth(14, (400, 400))
    with pytest.raises(Cancelled):
        firmness(services, SMOOTH, base(grid_size_m=3000, min_area_km2=7), progress=Progress(cancelled=cancelled))
    assert max(np.diff(asked)) < 1
    fractions = []
    firmness(
        smooth(15),
        SMOOTH,
        base(grid_size_m=1000, min_area_km2=0.7),
        others(class_counts=(4,), min_areas_km2=(1,), weight_changes=(10,)),
        progress=Progress(fractions.append),
    )
    assert fractions == sorted(fractions) and fractions[-1] == 1.0

"""Composite importance: R's psych and prcomp, sums by hand, and what must hold whatever the data."""

import math

import numpy as np
import pytest
from factory import grid as map_of

from econet.core.errors import Cancelled, InputError
from econet.core.grid.grid import Grid
from econet.core.progress import SILENT, Progress
from econet.core.sources.components import ComponentMatrix, Weighting, entropy_weights, principal_components
from econet.core.sources.grid_cells import check_grid_size, grid_means
from econet.core.sources.importance import service_importance
from econet.core.sources.importance_choices import ClassifyOn, ImportanceChoices, parse_clip, parse_weights
from econet.core.sources.importance_report import importance_report
from econet.core.sources.normalisation import NormalisedServices, normalise
from econet.core.sources.service_names import service_names, unique_names


def grid(values, name="", dx=100.0, dy=100.0):
    return map_of(values, cell=dx, height=dy, nodata=math.nan, name=name, dtype=np.float32)


def importance_of(services, *, land_cover=None, progress=SILENT, **choices):
    return service_importance(services, ImportanceChoices(**choices), land_cover=land_cover, progress=progress)


def surfaces(shape=(60, 80), count=4, seed=0):
    """Smooth services that share one gradient."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]]
    common = np.sin(x / 17) + np.cos(y / 11)
    return [
        grid(
            common * (1 + k / 3) + generator.normal(0, 0.8 + 0.3 * k, shape) + np.sin(x * y / (200 + 90 * k)),
            f"service {k + 1}",
        )
        for k in range(count)
    ]


def test_grid_means_and_composite_by_hand():
    a = np.arange(16.0).reshape(4, 4)
    b = a.T.copy()
    c = (a * 7) % 5
    b[0, 0] = np.nan
    result = importance_of(
        [grid(a, "a"), grid(b, "b"), grid(c, "c")],
        weighting=Weighting.EQUAL,
        grid_size_m=200,
        class_count=3,
        min_valid_share=0.8,
    )
    na, nb, nc = a / 15, (b - 1) / 14, c / 4
    composite = (na + nb + nc) / 3
    assert np.isnan(result.importance.values[0, 0])
    assert result.importance.values[~np.isnan(b)] == pytest.approx(composite[~np.isnan(b)], rel=1e-6)
    cells = result.cells
    assert cells.cell_id.tolist() == [1, 2, 3, 4] and cells.share.tolist() == [0.75, 1, 1, 1]
    assert cells.used.tolist() == [False, True, True, True]
    for index, (r, q) in enumerate(((0, 0), (0, 2), (2, 0), (2, 2))):
        block = ~np.isnan(b[r : r + 2, q : q + 2])
        for k, values in enumerate((na, nb, nc)):
            assert cells.means[index, k] == pytest.approx(values[r : r + 2, q : q + 2][block].mean(), rel=1e-6)
    rows = list(result.rows())
    assert set(rows[0]) == {"cell_id", "a", "b", "c", "importance", "class"}
    first = cells.polygons(result.importance.template)[1]
    assert first.GetEnvelope() == (500200, 500400, 4599800, 4600000)


def test_grid_that_is_no_multiple_of_the_cells():
    shape = (23, 31)
    values = np.random.default_rng(2).random(shape).astype(np.float32)
    service = grid(values, "a", dx=30.0, dy=40.0)
    services = NormalisedServices(["a"], [values], np.ones(shape, bool), service.template, [])
    cells = grid_means(services, grid_size_m=250.0, min_valid_share=0.5)
    found = dict(zip(zip(cells.row, cells.col), cells.means[:, 0]))
    for r in range(cells.row.max() + 1):
        for q in range(cells.col.max() + 1):
            inside = [
                values[i, j]
                for i in range(23)
                for j in range(31)
                if r * 250 <= (i + 0.5) * 40 < (r + 1) * 250 and q * 250 <= (j + 0.5) * 30 < (q + 1) * 250
            ]
            assert found[r, q] == pytest.approx(np.mean(inside), rel=1e-6)
    share = dict(zip(zip(cells.row, cells.col), cells.share))
    assert share[0, 0] == 1 and share[3, 0] == pytest.approx(4 * 8 * 1200 / 62500)
    assert not cells.used[cells.col == 3].all()


def test_whole_run_weighs_by_its_grid():
    services = surfaces()
    result = importance_of(services, grid_size_m=500)
    assert result.weights.sum() == pytest.approx(1) and 0 < result.kmo < 1
    values = np.array(
        [(s.values - s.values.min()) / (s.values.max() - s.values.min()) for s in services], dtype=np.float64
    )
    means = values.reshape(4, 12, 5, 16, 5).mean(axis=(2, 4)).reshape(4, -1).T
    assert result.cells.means == pytest.approx(means, rel=1e-5)
    eigenvalues, vectors = np.linalg.eigh(np.corrcoef(means.T))
    kept = eigenvalues > 1
    raw = np.abs(vectors[:, kept]) @ eigenvalues[kept]
    assert result.weights == pytest.approx(raw / raw.sum(), rel=1e-5)
    expected = np.tensordot(result.weights, values, 1)
    assert result.importance.values == pytest.approx(expected, rel=1e-5)
    classes = result.classes.values
    assert classes.dtype == np.uint8 and set(np.unique(classes)) == {1, 2, 3, 4, 5}
    assert result.importance.values[classes == 5].min() > result.importance.values[classes == 4].max()
    html = importance_report(result, [("GRID_SIZE", 500)]).html()
    for word in (
        "KMO overall",
        "Bartlett",
        "eigenvalue",
        "loading of service_1",
        "very important",
        "&lt; 0.001",
        "Kaiser",
        "Scree",
        "Weighting used: component scores",
        "% of the variance",
        "weight (share of 1)",
    ):
        assert word in html


def test_order_scale_and_turn_do_not_matter():
    services = surfaces((40, 40))
    plain = importance_of(services, grid_size_m=500)
    turned = importance_of(services[::-1], grid_size_m=500)
    assert turned.weights[::-1] == pytest.approx(plain.weights, rel=1e-9)
    scaled = importance_of([grid(s.values * 1e4 - 77, s.name) for s in services], grid_size_m=500)
    assert scaled.weights == pytest.approx(plain.weights, rel=1e-3)
    transposed = importance_of([grid(s.values.T, s.name) for s in services], grid_size_m=500)
    assert transposed.weights == pytest.approx(plain.weights, rel=1e-9)
    assert pytest.approx(plain.importance.values) == transposed.importance.values.T


def test_classes_of_the_grid():
    services = surfaces()
    result = importance_of(services, grid_size_m=1000, classify_on=ClassifyOn.GRID_CELLS)
    blocks = result.classes.values.reshape(6, 10, 8, 10)
    assert (blocks == blocks[:, :1, :, :1]).all()
    assert blocks[:, 0, :, 0].reshape(-1).tolist() == result.cells.class_number.tolist()


def test_breaks_by_hand_and_clip():
    services = surfaces()
    result = importance_of(services, grid_size_m=500, breaks="0.3, 0.4, 0.5, 0.6")
    values = result.importance.values
    assert np.array_equal(result.classes.values == 3, (values > 0.4) & (values <= 0.5))
    clipped = importance_of(services, grid_size_m=500, clip=(1, 99))
    low, high, limited = clipped.ranges[0]
    assert low == pytest.approx(np.percentile(services[0].values, 1)) and limited == 96
    assert high == pytest.approx(np.percentile(services[0].values, 99))
    assert np.nanmax(clipped.importance.values) <= 1
    assert parse_clip("") is None and parse_clip("0,5; 99,5") == (0.5, 99.5)
    for text in ("5", "99, 1", "a, b", "0, 101"):
        with pytest.raises(InputError, match="is not two ascending percentiles") as caught:
            parse_clip(text)
        assert (caught.value.parameter, caught.value.value) == ("clip", text)
    with pytest.raises(InputError, match="99, 1") as caught:
        ImportanceChoices(clip=(99, 1))
    assert caught.value.parameter == "clip"


def test_two_services():
    logged = []
    progress = Progress(log=logged.append)
    result = importance_of(surfaces(count=2), grid_size_m=500, progress=progress)
    assert result.weights.tolist() == [0.5, 0.5] and result.kmo == pytest.approx(0.5)
    assert any("equal weights" in text for text in logged) and any("Weights (equal)" in text for text in logged)
    page = importance_report(result).html()
    assert "Weighting used: equal" in page and "not applicable (always 0.5 with two services)" in page
    assert "component scores" not in page and "MSA" not in page.split("Bartlett chi2")[0]


def test_singular_matrices_say_what_happened():
    a, b, c = surfaces(count=3)
    twin = importance_of([a, b, grid(a.values * 3 + 1, "twin")], grid_size_m=500)
    assert math.isnan(twin.kmo) and twin.weights.sum() == pytest.approx(1)
    assert twin.weights[0] == pytest.approx(twin.weights[2], rel=1e-4)
    assert any("'service_1' and 'twin' are perfectly correlated" in text for text in twin.warnings)
    few = importance_of([a, b, c, *surfaces(count=1, seed=9)], grid_size_m=4000)
    assert any("4 grid cells cannot tell 4 services apart" in text for text in few.warnings)
    assert few.weights.sum() == pytest.approx(1)
    assert "not defined" in importance_report(few).html()
    observations = np.random.default_rng(1).random((50, 2))
    both = principal_components(np.column_stack([observations, observations.sum(axis=1)]), list("abc"))
    assert math.isnan(both.kmo) and "linear combination" in both.notes[0]


def test_opposed_and_ill_placed_services_are_named():
    a, b, c = surfaces(count=3)
    against = grid(-c.values, "against")
    result = importance_of([a, b, against], grid_size_m=500)
    assert any("'against' opposes the rest" in text for text in result.warnings)
    land = np.full((60, 80), 2)
    land[:, 40:] = 8
    yields = grid(np.where(land == 8, 5, 1) + np.random.default_rng(0).random((60, 80)), "water yield")
    cover = Grid(land.astype(np.int32), a.template, -1, "cover")
    result = importance_of([grid(-yields.values, "habitat"), b, yields], grid_size_m=500, land_cover=cover)
    named = [text for text in result.warnings if "artificial or mined ground" in text]
    assert len(named) == 1 and "'water_yield'" in named[0]


def test_other_weightings():
    services = surfaces()
    manual = importance_of(
        services,
        weighting=Weighting.MANUAL,
        grid_size_m=500,
        weights="service_1=0.45, service 2=0.24, service_3=0.21, service_4=0.10",
    )
    assert manual.weights == pytest.approx([0.45, 0.24, 0.21, 0.10])
    assert importance_of(services, weighting=Weighting.COMMUNALITIES, grid_size_m=500).weights.sum() == pytest.approx(1)
    entropy = importance_of(services, weighting=Weighting.ENTROPY, grid_size_m=500)
    assert entropy.weights == pytest.approx(entropy_weights(entropy.cells.means))
    hand = np.array([[0.0, 1.0], [0.5, 1.0], [1.0, 2.0]])
    e1 = -(1 / 3 * math.log(1 / 3) + 2 / 3 * math.log(2 / 3)) / math.log(3)
    e2 = -(0.5 * math.log(0.25) + 0.5 * math.log(0.5)) / math.log(3)
    assert entropy_weights(hand) == pytest.approx([(1 - e1) / (2 - e1 - e2), (1 - e2) / (2 - e1 - e2)])


def test_texts_of_weights():
    assert parse_weights("a=1; b=3", ["a", "b"]).tolist() == [0.25, 0.75]
    assert parse_weights("A=0,5; b=0,5", ["a", "b"]).tolist() == [0.5, 0.5]
    for text, message in (
        ("a=1", "no weight for b"),
        ("a=1, x=2", "'x=2' names no service"),
        ("a=1, b=-1", "'-1' of b"),
        ("a=0, b=0", "all weights are 0"),
        ("a, b", "names no service"),
        ("a=1, b=1, A=2", "a stands twice"),
    ):
        with pytest.raises(InputError, match=message) as caught:
            parse_weights(text, ["a", "b"])
        assert caught.value.parameter == "weights"


def test_names_are_unique_and_leave_the_fields_of_the_grid_alone():
    assert unique_names(["OUTPUT", "OUTPUT", "output", "class", "", "a b"]) == [
        "OUTPUT",
        "OUTPUT_2",
        "output_3",
        "class_2",
        "service",
        "a_b",
    ]
    assert unique_names(["fid", "Geom"]) == ["fid_2", "Geom_2"]  # GeoPackage has columns of these names
    assert service_names("", ["a", "a"]) == ["a", "a_2"] and service_names("x; y", ["a", "b"]) == ["x", "y"]
    for text, layers, message in (
        ("x", ["a", "b"], r"1 name\(s\) for 2 services"),
        ("Soil_loss, carbon, soil loss", ["a", "b", "c"], "'soil loss' stands twice"),
    ):
        with pytest.raises(InputError, match=message) as caught:
            service_names(text, layers)
        assert caught.value.parameter == "service_names"


def test_bad_input():
    a, b, c = surfaces(count=3)
    flat = grid(np.full((60, 80), 7.0), "carbon")
    half = a.values.copy()
    half[:, :40] = np.nan
    other = b.values.copy()
    other[:, 40:] = np.nan
    checker = grid(np.indices((60, 80)).sum(axis=0) % 2, "checker")
    for services, options, parameter, message in (
        ([], {}, "services", "none is given; choose at least two"),
        ([a], {}, "services", "only one is given; choose at least two"),
        ([a, b, c], {"grid_size_m": 8001}, "grid_size_m", "measures only 8000 x 6000 m, which is less than one grid"),
        ([a, b, flat], {}, "", "'carbon' is 7 everywhere"),
        ([grid(half, "l"), grid(other, "r")], {}, "services", "no cell of 'l' has a value of all of l, r"),
        ([a, b, c], {"grid_size_m": 50}, "grid_size_m", "50 m is less than a cell of the raster, 100 x 100 m"),
        ([a, b, c], {"grid_size_m": 6000}, "grid_size_m", "only 1 grid cell"),
        ([a, b, checker], {"grid_size_m": 1000}, "grid_size_m", "'checker' has the same mean in all 48 grid cells"),
        ([a, b, c], {"min_valid_share": 0}, "min_valid_share", "valid share"),
        (
            [grid(np.where(a.values > 0, 1, 0), "two"), grid(np.where(a.values > 0, 2, 1), "too")],
            {},
            None,
            "distinct value.*5 classes",
        ),
    ):
        with pytest.raises(InputError, match=message) as caught:
            importance_of(services, **{"grid_size_m": 500, **options})
        assert parameter is None or caught.value.parameter == parameter
    with pytest.raises(Cancelled):
        importance_of([a, b, c], progress=Progress(cancelled=lambda: True))


def test_one_row():
    services = [grid(np.random.default_rng(k).random((1, 300)), f"s{k}") for k in range(3)]
    result = importance_of(services, grid_size_m=500, min_valid_share=0.1)
    assert result.cells.cell_id.size == 60 and (result.classes.values > 0).all()


def test_services_that_say_the_same_are_named():
    a, b, c = surfaces(count=3)
    noise = np.random.default_rng(5).random(a.values.shape) * 0.05 * np.ptp(a.values)
    result = importance_of([a, b, c, grid(a.values + noise, "echo")], grid_size_m=500)
    named = [text for text in result.warnings if "counts twice" in text]
    r = np.corrcoef(result.cells.means[result.cells.used], rowvar=False)
    said = f"'service_1' and 'echo' correlate at {r[0, 3]:.3f}"
    assert r[0, 3] > 0.9 and any(said in text for text in named)
    assert len(named) == (r[np.triu_indices(4, 1)] > 0.9).sum()


def test_weights_and_breaks_of_one_run_give_the_same_map_in_another():
    services = surfaces()
    for classify_on in ClassifyOn:
        first = importance_of(services, grid_size_m=500, classify_on=classify_on)
        again = importance_of(
            services,
            grid_size_m=500,
            weighting=Weighting.MANUAL,
            weights=first.weights_text(),
            breaks=first.breaks.text(),
            classify_on=classify_on,
        )
        assert np.array_equal(first.weights, again.weights)
        assert np.array_equal(first.classes.values, again.classes.values)
        assert np.array_equal(first.cells.class_number, again.cells.class_number)
        assert again.breaks.gvf == pytest.approx(first.breaks.gvf, rel=1e-12)


def test_covariance_matrix_in_the_run_and_its_report():
    services = surfaces()
    services[0] = grid(np.where(np.indices((60, 80)).sum(axis=0) == 0, 99, services[0].values), "flattened")
    result = importance_of(services, grid_size_m=500, matrix=ComponentMatrix.COVARIANCE)
    means = result.cells.means[result.cells.used]
    eigenvalues, vectors = np.linalg.eigh(np.cov(means.T))
    kept = eigenvalues > eigenvalues.mean()
    raw = np.abs(vectors[:, kept]) @ eigenvalues[kept]
    assert result.weights == pytest.approx(raw / raw.sum())
    assert result.weights[0] < importance_of(services, grid_size_m=500).weights[0] / 2
    page = importance_report(result).html()
    for words in (
        "The components are of the covariance matrix",
        "raw loading of flattened",
        "above the mean of all",
        "communality (0 to 1)",
        "component scores (used)",
        "entropy",
        "mean eigenvalue",
    ):
        assert words in page
    assert page.count("<img") >= 3
    assert "raw loading" not in importance_report(importance_of(services, grid_size_m=500)).html()


def test_weights_by_hand_that_are_not_used_are_named():
    result = importance_of(surfaces(), grid_size_m=500, weights="service_1=1")
    assert any("Manual weights are given and were not used" in text for text in result.warnings)


def test_areas_in_the_report_are_the_maps():
    result = importance_of(surfaces(), grid_size_m=500, breaks="0.3, 0.4, 0.5, 0.6")
    values = result.importance.values
    page = importance_report(result).html()
    for low, high in ((0.3, 0.4), (0.5, 0.6)):
        cells = int(((values > np.float32(low)) & (values <= high)).sum())
        assert f'<td class="n">{cells}</td><td class="n">{cells * 0.01:.4g}</td>' in page


@pytest.mark.parametrize(
    "values",
    [
        lambda x: 1e9 + x,
        lambda x: (2_000_000_000 + 50 * x).astype(np.int32),
        lambda x: x * 1e300,
        lambda x: x * 1e-300,
        lambda x: (x - 0.5) * 1.7e308 * 2,
        lambda x: (x * 1e15).astype(np.uint64),
    ],
)
def test_services_are_normalised_in_their_own_type(values):
    x = np.random.default_rng(3).random((20, 30))
    with np.errstate(over="ignore"):
        service = values(x)
    service = np.where(np.isfinite(service), service, 0).astype(service.dtype)
    exact = (service.astype(np.longdouble) - service.min()) / (
        np.longdouble(service.max()) - np.longdouble(service.min())
    )
    found, _ = normalise(Grid(service, grid(x).template, None, "s"), name="s")
    assert np.abs(found - exact).max() < 1e-7


def test_an_undeclared_nodata_value_is_named():
    a, b, c = surfaces(count=3)
    a.values[:3] = -9999
    warnings = importance_of([a, b, c], grid_size_m=1000).warnings
    assert any("'service_1' is -9999 in 240 cell(s)" in text and "declare it as nodata" in text for text in warnings)
    a, b, c = surfaces(count=3)
    a.values[:] = np.linspace(0, 255, a.values.size).reshape(a.values.shape)  # 255 as the end of a range is a value
    assert not any("nodata" in text for text in importance_of([a, b, c], grid_size_m=1000).warnings)


def test_breaks_by_hand_that_leave_classes_empty_are_named():
    services = surfaces(count=3)
    found = importance_of(services, grid_size_m=1000, breaks="5, 6, 7, 8")
    assert any("falls into class 2, 3, 4, 5" in text and "given by hand" in text for text in found.warnings)
    again = importance_of(services, grid_size_m=1000, breaks=found.breaks.text())
    assert (again.classes.values == found.classes.values).all() and again.breaks.breaks == found.breaks.breaks


def test_weights_whose_sum_overflows_are_scaled():
    assert parse_weights("a=1e308, b=1e308", ["a", "b"]).tolist() == [0.5, 0.5]


def test_numbers_that_are_none_and_grids_of_too_few_cells_are_refused():
    template = grid(np.zeros((60, 60))).template
    for size in (math.nan, 0, -1):
        with pytest.raises(InputError) as caught:
            ImportanceChoices(grid_size_m=size)
        assert caught.value.parameter == "grid_size_m"
    with pytest.raises(InputError) as caught:
        check_grid_size(math.nan, template)
    assert caught.value.parameter == "grid_size_m"
    for share in (0, math.nan, 1.5):
        with pytest.raises(InputError) as caught:
            ImportanceChoices(min_valid_share=share)
        assert caught.value.parameter == "min_valid_share"
    with pytest.raises(InputError, match=r"makes only 1 grid cell\(s\)") as caught:
        ImportanceChoices(grid_size_m=6000).check_grid(template, service_count=3)
    assert caught.value.parameter == "grid_size_m"
    for size, count, weighting in (
        (6000, 3, Weighting.EQUAL),
        (6000, 2, Weighting.COMPONENT_SCORES),
        (3000, 3, Weighting.ENTROPY),
    ):
        ImportanceChoices(grid_size_m=size, weighting=weighting).check_grid(template, service_count=count)


def test_a_service_a_little_higher_on_artificial_ground_is_named():
    services = surfaces(count=3)
    cover = np.where(np.arange(80) < 40, 2, 8) * np.ones((60, 1), int)
    services[0].values[:] = np.linspace(0, 1, 4800).reshape(60, 80)
    services[0].values[:, 40:] += 0.02
    land_cover = Grid(cover, services[0].template, 0, "cover")
    warned = importance_of(services, grid_size_m=1000, land_cover=land_cover).warnings
    assert any("Service 'service_1' is higher on artificial" in text for text in warned)

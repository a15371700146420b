"""Natural breaks against R's classInt, all divisions of small sets, and the unbracketed programme."""

import csv
import itertools
from fractions import Fraction
from pathlib import Path

import factory
import numpy as np
import pytest

from econet.core.errors import Cancelled, InputError
from econet.core.natural_breaks import classes as module
from econet.core.natural_breaks import optimum
from econet.core.natural_breaks.classes import (
    _distinct,
    breaks_from_text,
    classify,
    classify_raster,
    fixed_breaks,
    natural_breaks,
)
from econet.core.natural_breaks.optimum import _cumulated, _Sums
from econet.core.natural_breaks.report import ClassedValues, breaks_report, report_classes
from econet.core.progress import Progress
from econet.core.report import Report

DATA = Path(__file__).parents[2] / "data" / "natural_breaks"


def within(values, breaks):
    """Sum of squares from the class means, worked out without the module."""
    classes = np.array([next(i for i, b in enumerate(breaks) if v <= b) for v in values])
    return sum(((values[classes == c] - values[classes == c].mean()) ** 2).sum() for c in set(classes))


def brute_force(values, k):
    distinct = np.unique(values)
    return min(
        within(values, [*(distinct[i] for i in inner), distinct[-1]])
        for inner in itertools.combinations(range(distinct.size - 1), k - 1)
    )


def exact_squares(values):
    values = [Fraction(float(value)) for value in values]
    mean = sum(values) / len(values)
    return sum((value - mean) ** 2 for value in values)


def exact_optimum(values, k):
    """The smallest sum of squares by fractions: no rounding, every division, ties kept together."""
    values = np.sort(np.asarray(values, dtype=float))
    starts = [0, *(np.flatnonzero(np.diff(values)) + 1)]
    ends = [*starts[1:], values.size]
    cost = {(a, b): exact_squares(values[starts[a] : ends[b]]) for a in range(len(starts)) for b in range(a, len(ends))}
    best = {b: cost[0, b] for b in range(len(ends))}
    for classes in range(1, k):
        best = {b: min(best[a - 1] + cost[a, b] for a in range(classes, b + 1)) for b in range(classes, len(ends))}
    return best[len(ends) - 1]


def exact_within(values, breaks):
    values = np.asarray(values, dtype=float)
    return sum(
        exact_squares(values[(values > low) & (values <= high)]) for low, high in zip([-np.inf, *breaks], breaks)
    )


def test_equals_classint():
    with open(DATA / "classint.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 6
    for row in rows:
        values = np.loadtxt(DATA / f"nb_{row['set']}.txt")
        result = natural_breaks(values, int(row["k"]))
        assert result.within_ss == pytest.approx(float(row["withinSS"]), rel=1e-9)
        assert within(values, result.breaks) == pytest.approx(float(row["withinSS"]), rel=1e-9)
        if row["style"] == "jenks" and row["set"] == "calemp":
            assert result.breaks == pytest.approx([float(b) for b in row["breaks"].split()][1:])


@pytest.mark.parametrize("k", [2, 3, 4, 5])
def test_equals_brute_force(k):
    generator = np.random.default_rng(k)
    for values in (
        generator.random(13),
        generator.integers(0, 9, 60).astype(float),
        generator.lognormal(0, 2, 12) * 1e6,
        1e5 + generator.random(12),
        np.arange(12.0)[::-1],
        -generator.random(12).astype(np.float32),
    ):
        result = natural_breaks(values, k)
        values = np.asarray(values, dtype=float)
        best = brute_force(values, k)
        assert result.within_ss == pytest.approx(best, rel=1e-9, abs=1e-12)
        assert within(values, result.breaks) == pytest.approx(best, rel=1e-9, abs=1e-12)
        assert len(result.breaks) == k and result.breaks[-1] == values.max()
        assert sum(result.counts) == values.size and min(result.counts) > 0
        total = ((values - values.mean()) ** 2).sum()
        assert result.gvf == pytest.approx(1 - best / total)


@pytest.mark.parametrize("k", [2, 3, 6])
def test_brackets_lose_nothing(monkeypatch, k):
    generator = np.random.default_rng(7)
    for values in (
        generator.random(4000),
        generator.gamma(0.3, 1, 4000),
        np.concatenate([generator.normal(m, 0.01, 900) for m in (0, 1, 1.02, 9)]),
    ):
        plain = natural_breaks(values, k)
        monkeypatch.setattr(optimum, "_DIRECT", 100)
        monkeypatch.setattr(optimum, "_BINS", 64)
        bracketed = natural_breaks(values, k)
        monkeypatch.undo()
        assert bracketed.within_ss == pytest.approx(plain.within_ss, rel=1e-12)


def test_sorting_in_parts_loses_nothing(monkeypatch):
    generator = np.random.default_rng(2)
    for values in (
        generator.random(5000),
        generator.integers(0, 7, 5000),
        np.zeros(5000),
        np.where(generator.random(5000) < 0.9, 0, generator.random(5000)).astype(np.float32),
    ):
        monkeypatch.setattr(module, "_SORTED", 300)
        distinct, counts = _distinct(values, "values")
        monkeypatch.undo()
        expected = np.unique(values, return_counts=True)
        assert np.array_equal(distinct, expected[0]) and np.array_equal(counts, expected[1])


@pytest.mark.parametrize("k", [2, 3, 5, 8])
def test_values_far_away_do_not_drown_those_that_are_near(k):
    """Offsets, outliers and nodata values that were not declared: exact by fractions, where plain cumulated sums
    miss the optimum by up to 37 orders."""
    generator = np.random.default_rng(11)
    near = generator.random(24)
    for values in (
        1e9 + near,
        np.r_[0, 1e9 + near],
        np.r_[[-9999.0] * 9, near],
        np.r_[np.float32(-3.4e38), near],
        np.r_[-1e38, 1e19 * near[:4], near[4:16], 1e-12 * near[16:]],
        1e-200 * near,
        1e150 * near,
        np.r_[near[:9] * 1e-6, 1 + near[9:17] * 1e-6, 5 + near[17:] * 1e-6],
        generator.lognormal(0, 5, 30),
        np.r_[-1e9 - near, 1e9 + near].astype(np.float32),
    ):
        if np.unique(values).size <= k:
            continue
        result = natural_breaks(values, k)
        best, reached = exact_optimum(values, k), exact_within(values, result.breaks)
        assert reached <= best * (1 + Fraction(1, 10**9))
        assert result.within_ss == pytest.approx(float(best), rel=1e-9, abs=0) or float(best) == 0


@pytest.mark.parametrize("k", range(2, 21))
def test_random_sets_with_ties_for_any_number_of_classes(k):
    generator = np.random.default_rng(k)
    for values in (
        generator.integers(-20, 20, 50),
        np.round(generator.normal(0, 1, 30), 1),
        generator.random(23).astype(np.float32),
    ):
        result = natural_breaks(values, k)
        assert exact_within(values, result.breaks) == exact_optimum(values, k) or result.within_ss == pytest.approx(
            float(exact_optimum(values, k)), rel=1e-12
        )
        assert sum(result.counts) == values.size and np.isin(result.breaks, values).all()


def test_values_far_away_on_large_maps(monkeypatch):
    """Brackets and groups together: as without what is far away, with a class less."""
    generator = np.random.default_rng(4)
    near = generator.random(40_000) + 7
    alone = natural_breaks(near, 4)
    for far in (-9999.0, -3.4e38, 0.0, 1e6):
        values = np.concatenate([near, np.full(500, far)])
        result = natural_breaks(values, 5)
        kept = result.breaks[1:] if far < 7 else result.breaks[:-1]
        assert kept == alone.breaks
    values = np.concatenate([near[:3000], 1e8 + near[3000:6000], 1e16 + 1e3 * near[6000:9000]])
    plain = natural_breaks(values, 7)
    monkeypatch.setattr(optimum, "_DIRECT", 100)
    monkeypatch.setattr(optimum, "_BINS", 64)
    assert natural_breaks(values, 7).within_ss == pytest.approx(plain.within_ss, rel=1e-9)


def test_sums_of_groups_equal_sums_of_squares():
    generator = np.random.default_rng(8)
    values = np.sort(generator.lognormal(0, 3, 60))
    counts = generator.integers(1, 5, 60)
    for cuts in ((), (20,), (1, 2, 30, 59), tuple(range(1, 60))):
        for sums, x, w in (
            (_Sums(values, counts, cuts), values, counts),
            (_Sums(values, counts, cuts).mirrored(), values[::-1], counts[::-1]),
        ):
            start, end = (part.reshape(-1) for part in np.meshgrid(np.arange(61), np.arange(61)))
            found = sums.cost(start, end)
            for s, e, cost in zip(start, end, found):
                mean = np.average(x[s:e], weights=w[s:e]) if s < e else 0
                assert cost == pytest.approx(
                    (w[s:e] * (x[s:e] - mean) ** 2).sum(), rel=1e-9, abs=max(sums.error, 1e-18)
                )
        assert (sums.error == 0) == (len(cuts) == 59)


def test_cumulated_in_blocks():
    values = np.random.default_rng(1).random(256 * 256 + 77)
    assert _cumulated(values) == pytest.approx(np.cumsum(values), rel=1e-12)
    assert _cumulated(values[:3]).tolist() == np.cumsum(values[:3]).tolist()


def test_float32_and_float64_agree_on_the_same_numbers():
    values = np.random.default_rng(6).normal(250, 0.001, 3000).astype(np.float32)  # a few dozen distinct ones
    single, double = natural_breaks(values, 6), natural_breaks(values.astype(np.float64), 6)
    assert single == double and np.unique(values).size < 500
    assert np.array_equal(classify(values, single.breaks), classify(values.astype(np.float64), single.breaks))


def test_infinite_values_and_integer_nodata_take_no_part():
    assert natural_breaks([1, np.inf, 2, -np.inf, np.nan, 9], 2).breaks == [2, 9]
    values = np.array([[0, 255, 3], [3, 7, 255]], dtype=np.uint8)
    grid = factory.grid(values, nodata=255, name="bytes")
    classes, found = classify_raster(grid, 3)
    assert classes.values.tolist() == [[1, 0, 2], [2, 3, 0]] and found.counts == [1, 2, 1]
    page = breaks_report(grid, found).html()
    assert "area (km2)" in page and '<td class="n">0.0018</td><td class="n">50</td>' in page  # 2 cells of 900 m2


def test_uniform_million_is_cut_evenly():
    result = natural_breaks(np.arange(1_000_000, dtype=np.float32), 5)
    assert result.breaks == [199_999, 399_999, 599_999, 799_999, 999_999]
    assert result.gvf == pytest.approx(1 - 1 / 25, rel=1e-9)


def test_as_many_values_as_classes_and_too_few():
    result = natural_breaks([3, 1, 1, 2, np.nan], 3)
    assert result.breaks == [1, 2, 3] and result.counts == [2, 1, 1] and result.gvf == 1
    with pytest.raises(InputError, match=r"'carbon' has 3 distinct value.*5 classes"):
        natural_breaks([1, 2, 3], 5, name="carbon")
    with pytest.raises(InputError, match=r"'flat' has 1 distinct value.*: choose another layer\.$"):
        natural_breaks([1, 1, 1], 5, name="flat")
    with pytest.raises(InputError, match="no value"):
        natural_breaks([np.nan], 2)
    with pytest.raises(InputError, match="2 to 255"):
        natural_breaks([1, 2, 3], 1)


def test_scale_and_mirror():
    values = np.random.default_rng(3).gamma(2, 1, 500)
    result = natural_breaks(values, 4)
    scaled = natural_breaks(values * 1e-6, 4)
    assert scaled.breaks == pytest.approx([b * 1e-6 for b in result.breaks])
    assert natural_breaks(-values, 4).counts == result.counts[::-1]


def test_classes_are_open_below_and_closed_above():
    breaks = [1.0, 2.0, 5.0]
    values = np.array([[0.0, 1.0, np.nextafter(1, 2)], [2.0, 5.0, 7.0], [np.nan, -3.0, 2.1]])
    assert classify(values, breaks).tolist() == [[1, 1, 2], [2, 3, 3], [0, 1, 3]]
    values = np.random.default_rng(1).random(300).astype(np.float32)
    result = natural_breaks(values, 5)
    assert np.bincount(classify(values, result.breaks), minlength=6)[1:].tolist() == result.counts


def test_breaks_by_hand():
    assert breaks_from_text("0.2, 0.4;0.6".replace(";", ", "), 4) == [0.2, 0.4, 0.6]
    assert breaks_from_text("0,2; 0,4; 0,9", 3) == [0.2, 0.4]
    for text, message in (("0.2, x", "'x' is not a number"), ("0.2", "1 upper bound"), ("0.4, 0.2", "0.2 follows 0.4")):
        with pytest.raises(InputError, match=message) as caught:
            breaks_from_text(text, 3)
        assert caught.value.parameter == "breaks"
    values = np.array([0.0, 1.0, 2.0, 3.0])
    result = fixed_breaks(values, [1.0])
    assert (result.breaks, result.counts, result.within_ss) == ([1.0, 3.0], [2, 2], 1.0)
    assert result.gvf == pytest.approx(0.8)
    assert fixed_breaks(values, [-5.0, 9.0]).counts == [0, 4, 0]


def test_classes_of_a_raster():
    values = np.array([[1, 2, 9], [10, 300, -9]], dtype=np.int16)
    grid = factory.grid(values, cell=1.0, nodata=-9, name="depth")
    classes, found = classify_raster(grid, 3)
    assert classes.values.tolist() == [[1, 1, 2], [2, 3, 0]] and classes.values.dtype == np.uint8
    assert (classes.nodata, found.breaks) == (0, [2, 10, 300])
    assert [float(b) for b in found.text().split(", ")] == found.breaks


def test_cancel():
    with pytest.raises(Cancelled):
        natural_breaks(np.random.default_rng(0).random(5000), 4, progress=Progress(cancelled=lambda: True))


@pytest.mark.parametrize(
    "values, text",
    [([0.1, 0.3, 0.5], "0.2, 0.4, 0.8"), ([0.1, 0.3, 0.8], "0.2, 0.4, 0.8"), ([0.1, 0.3, 0.9], "0.2, 0.4, 0.8, 0.9")],
)
def test_bounds_of_a_run_are_read_back_and_the_last_stands_once(values, text):
    values, bounds = np.array(values), [0.2, 0.4, 0.8]
    found = fixed_breaks(values, bounds)
    assert found.text() == text and breaks_from_text(text, 4) == bounds
    again = fixed_breaks(values, breaks_from_text(text, 4))
    assert classify(values, again.breaks).tolist() == classify(values, found.breaks).tolist()
    assert breaks_from_text("0.2, 0.4, 0.8, 0.8", 4) == bounds  # as versions before returned it
    report = Report("bounds")
    report_classes(report, found, ClassedValues(values, "value", found.counts))
    assert ("no value above" in report.html()) == (text == "0.2, 0.4, 0.8")


def test_bounds_that_do_not_ascend_are_refused():
    for text in ("0.2, 0.4, 0.8, 0.7", "0.2, 0.4, 0.4"):
        with pytest.raises(InputError, match="ascending"):
            breaks_from_text(text, 4)

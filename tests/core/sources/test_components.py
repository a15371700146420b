"""Principal components against R's psych and prcomp, and the words about them."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest
from econet.core.sources.components import (
    VARIANCE_RULE, communality_weights, component_score_weights, principal_components)

DATA = Path(__file__).parents[2] / "data" / "pca"


@pytest.fixture(scope="module")
def arrests():
    with open(DATA / "usarrests.csv", newline="") as stream:
        rows = list(csv.reader(stream))
    return rows[0][1:], np.array([[float(v) for v in row[1:]] for row in rows[1:]])


def r_block(title, count):
    """Numbers printed by R on the lines that follow a title."""
    lines = (DATA / "usarrests_R.txt").read_text(encoding="utf-8").splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(title))
    numbers = []
    for line in lines[start:]:
        numbers += [float(v) for v in re.findall(r"(?<![A-Za-z])-?\d+\.\d+(?:e[+-]\d+)?", line)]
        if len(numbers) >= count:
            return numbers[:count]
    raise AssertionError(title)


def test_equals_r(arrests):
    names, values = arrests
    c = principal_components(values, names)
    assert c.kmo == pytest.approx(0.65381500627402, rel=1e-8)
    assert c.msa == pytest.approx(r_block("KMO overall", 5)[1:], rel=1e-8)
    chi2, p, df = r_block("Bartlett", 3)
    assert (c.bartlett_chi2, c.bartlett_df) == (pytest.approx(chi2, rel=1e-8), df)
    assert c.bartlett_p == pytest.approx(p, rel=1e-8)
    assert c.eigenvalues == pytest.approx(r_block("eigenvalues", 4), rel=1e-8)
    text = (DATA / "usarrests_R.txt").read_text(encoding="utf-8")
    for k, name in enumerate(names):
        rows = re.findall(rf"^{name} +(-?\d.*)$", text, re.M)
        first, second = ([abs(float(v)) for v in row.split()] for row in rows[:2])
        assert np.abs(c.vectors[k]) == pytest.approx([*first, *second], rel=1e-8)
        printed = [abs(float(v)) for v in rows[-1].split()]
        assert np.abs(c.loadings[k, :2]) == pytest.approx(printed, rel=1e-8)
    assert c.correlation == pytest.approx(np.corrcoef(values.T))


def test_weights_from_rs_numbers(arrests):
    """Eigenvalue rule keeps the first of R's components (0.98977 < 1); 85 % keeps two."""
    names, values = arrests
    first = np.array([0.535899474938155, 0.583183634909671, 0.278190874619433, 0.543432091445683])
    second = np.array([0.418180865420955, 0.187985604231939, 0.872806193060425, 0.167318635401746])
    one = principal_components(values, names)
    two = principal_components(values, names, VARIANCE_RULE)
    assert (one.kept, two.kept) == (1, 2)
    assert component_score_weights(one) == pytest.approx(first / first.sum(), rel=1e-8)
    mixed = first * 2.480241579149493 + second * 0.989765152539841
    assert component_score_weights(two) == pytest.approx(mixed / mixed.sum(), rel=1e-8)
    communalities = np.array([0.885381646682318, 0.878514881202783, 0.945940138937778, 0.760170064866452])
    assert communality_weights(two) == pytest.approx(communalities / communalities.sum(), rel=1e-8)


def test_first_component_alone_when_none_passes_one():
    base = np.array([[1, 1, 1, 1, -1, -1, -1, -1], [1, 1, -1, -1, 1, 1, -1, -1], [1, -1, 1, -1, 1, -1, 1, -1.0]]).T
    assert principal_components(base, list("abc")).kept == 1


@pytest.mark.parametrize("kmo, word", [(0.49, "unacceptable"), (0.5, "miserable"), (0.599, "miserable"),
                                       (0.6, "mediocre"), (0.7, "middling"), (0.85, "meritorious"), (0.9, "marvellous")])
def test_kmo_in_the_words_of_kaiser_1974(kmo, word):
    components = principal_components(np.random.default_rng(1).random((50, 3)), list("abc"))
    components.kmo = kmo
    assert f"is {word} in Kaiser's (1974) words" in components.kmo_text()
    assert ("weak ground" in components.kmo_text()) == (kmo < 0.6)
    components.msa = np.array([0.7, 0.1931, 0.5])
    assert "MSA is below 0.5 for b 0.193, which" in components.kmo_text()


def test_what_dropped_components_hold_is_said():
    components = principal_components(np.random.default_rng(1).random((50, 4)), list("abcd"))
    share = 100 * components.eigenvalues[components.kept:].sum() / 4
    assert 0 < components.kept < 4 and f"{share:.1f} % of the variance" in components.kept_text()
    every = principal_components(np.random.default_rng(1).random((50, 2)) @ np.eye(2), list("ab"), VARIANCE_RULE)
    assert every.kept == 2 and every.kept_text().startswith("All 2 components were kept")

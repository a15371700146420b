"""Principal components against R's psych and prcomp, and the words about them."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest

from econet.core.sources.components import (
    ComponentMatrix,
    ComponentRule,
    Weighting,
    communality_weights,
    component_score_weights,
    entropy_weights,
    principal_components,
    weigh,
    weights_by_rule,
)

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
    two = principal_components(values, names, rule=ComponentRule.VARIANCE)
    assert (one.kept, two.kept) == (1, 2)
    assert component_score_weights(one) == pytest.approx(first / first.sum(), rel=1e-8)
    mixed = first * 2.480241579149493 + second * 0.989765152539841
    assert component_score_weights(two) == pytest.approx(mixed / mixed.sum(), rel=1e-8)
    communalities = np.array([0.885381646682318, 0.878514881202783, 0.945940138937778, 0.760170064866452])
    assert communality_weights(two) == pytest.approx(communalities / communalities.sum(), rel=1e-8)


def test_first_component_alone_when_none_passes_one():
    base = np.array([[1, 1, 1, 1, -1, -1, -1, -1], [1, 1, -1, -1, 1, 1, -1, -1], [1, -1, 1, -1, 1, -1, 1, -1.0]]).T
    assert principal_components(base, list("abc")).kept == 1


@pytest.mark.parametrize(
    "kmo, word",
    [
        (0.49, "unacceptable"),
        (0.5, "miserable"),
        (0.599, "miserable"),
        (0.6, "mediocre"),
        (0.7, "middling"),
        (0.85, "meritorious"),
        (0.9, "marvellous"),
    ],
)
def test_kmo_in_the_words_of_kaiser_1974(kmo, word):
    components = principal_components(np.random.default_rng(1).random((50, 3)), list("abc"))
    components.kmo = kmo
    assert f"is {word} in Kaiser's (1974) words" in components.kmo_text()
    assert ("weak ground" in components.kmo_text()) == (0.5 <= kmo < 0.6)
    assert ("too little" in components.kmo_text()) == (kmo < 0.5)
    components.msa = np.array([0.7, 0.1931, 0.5])
    assert "MSA is below 0.5 for b 0.193, which" in components.kmo_text()


def test_what_dropped_components_hold_is_said():
    components = principal_components(np.random.default_rng(1).random((50, 4)), list("abcd"))
    share = 100 * components.eigenvalues[components.kept :].sum() / 4
    assert 0 < components.kept < 4 and f"{share:.1f} % of the variance" in components.kept_text()
    every = principal_components(
        np.random.default_rng(1).random((50, 2)) @ np.eye(2), list("ab"), rule=ComponentRule.VARIANCE
    )
    assert every.kept == 2 and every.kept_text().startswith("All 2 components were kept")


# covariance -------------------------------------------------------------------------------------------


def test_covariance_gives_what_prcomp_prints_for_usarrests(arrests):
    """James et al., Introduction to Statistical Learning, and R's own example: sdev and first loadings, unscaled."""
    names, values = arrests
    c = principal_components(values, names, matrix=ComponentMatrix.COVARIANCE)
    assert np.sqrt(c.eigenvalues) == pytest.approx([83.732400, 14.212402, 6.489426, 2.482790], abs=5e-7)
    assert c.kept == 1 and "eigenvalue above the mean of all, 1815" in c.kept_text()
    same = principal_components(values, names)
    assert (c.kmo, c.bartlett_chi2) == (pytest.approx(same.kmo), pytest.approx(same.bartlett_chi2))
    assert c.msa == pytest.approx(same.msa)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("matrix", [ComponentMatrix.CORRELATION, ComponentMatrix.COVARIANCE])
def test_equals_the_singular_values_of_the_data(matrix, seed):
    generator = np.random.default_rng(seed)
    n, p = 40, 5
    values = generator.random((n, p)) @ generator.random((p, p)) * generator.random(p) ** 2
    c = principal_components(values, list("abcde"), matrix=matrix)
    centred = values - values.mean(axis=0)
    if matrix == ComponentMatrix.CORRELATION:
        centred /= values.std(axis=0, ddof=1)
    scores, singular, coefficients = np.linalg.svd(centred, full_matrices=False)
    assert c.eigenvalues == pytest.approx(singular**2 / (n - 1), rel=1e-9)
    assert c.explained == pytest.approx(singular**2 / (singular**2).sum(), rel=1e-9)
    assert np.abs(c.vectors) == pytest.approx(np.abs(coefficients.T), rel=1e-7, abs=1e-9)
    assert c.kept == max(1, (singular**2 > (singular**2).mean()).sum())
    together = np.corrcoef(np.hstack([values, scores]), rowvar=False)[:p, p:]
    assert np.abs(c.rescaled_loadings) == pytest.approx(np.abs(together), rel=1e-7, abs=1e-9)
    signs = np.sign(c.rescaled_loadings[0] * together[0])
    assert c.rescaled_loadings == pytest.approx(together * signs, rel=1e-7, abs=1e-9)
    # a communality is the R2 of the service on the scores of the components kept
    kept = np.column_stack([np.ones(n), scores[:, : c.kept]])
    fitted = kept @ np.linalg.lstsq(kept, values, rcond=None)[0]
    assert c.communalities == pytest.approx(fitted.var(axis=0) / values.var(axis=0), rel=1e-8)
    raw = np.abs(coefficients[: c.kept]).T @ singular[: c.kept] ** 2
    assert component_score_weights(c) == pytest.approx(raw / raw.sum(), rel=1e-7)
    assert communality_weights(c) == pytest.approx(c.communalities / c.communalities.sum())
    assert c.covariance == pytest.approx(np.cov(values.T))


def test_covariance_of_standardised_values_is_their_correlation(arrests):
    names, values = arrests
    standard = (values - values.mean(axis=0)) / values.std(axis=0, ddof=1)
    for rule in (ComponentRule.EIGENVALUE, ComponentRule.VARIANCE):
        one = principal_components(values, names, rule=rule)
        other = principal_components(standard, names, rule=rule, matrix=ComponentMatrix.COVARIANCE)
        assert other.loadings == pytest.approx(one.loadings) and other.kept == one.kept
        assert component_score_weights(other) == pytest.approx(component_score_weights(one))


def test_a_covariance_of_services_that_vary_alike_keeps_the_first_alone():
    base = np.array([[1, 1, 1, 1, -1, -1, -1, -1], [1, 1, -1, -1, 1, 1, -1, -1], [1, -1, 1, -1, 1, -1, 1, -1.0]]).T
    assert principal_components(3 * base, list("abc"), matrix=ComponentMatrix.COVARIANCE).kept == 1


# weights ----------------------------------------------------------------------------------------------


def test_weights_by_rule_stand_side_by_side():
    observations = np.random.default_rng(4).random((30, 3))
    weights, components, _, used = weigh(observations, list("abc"), weighting=Weighting.COMMUNALITIES)
    found = weights_by_rule(observations, components)
    assert (
        list(found) == [Weighting.COMPONENT_SCORES, Weighting.COMMUNALITIES, Weighting.EQUAL, Weighting.ENTROPY]
        and used == Weighting.COMMUNALITIES
    )
    assert np.array_equal(found[Weighting.COMMUNALITIES], weights)
    assert np.array_equal(found[Weighting.ENTROPY], entropy_weights(observations))
    assert all(w.sum() == pytest.approx(1) for w in found.values())
    assert list(weights_by_rule(observations[:, :2], principal_components(observations[:, :2], list("ab")))) == [
        Weighting.EQUAL,
        Weighting.ENTROPY,
    ]
    assert list(weights_by_rule(observations, None)) == [Weighting.EQUAL]


def test_kmo_below_a_half_says_what_to_do():
    generator = np.random.default_rng(0)
    a, b = generator.random((2, 200))
    values = np.column_stack([a, b, a + b + 0.05 * generator.random(200)])
    _, components, warnings, _ = weigh(values, list("abc"), weighting=Weighting.COMPONENT_SCORES)
    assert components.kmo < 0.5
    said = [text for text in warnings if "below 0.5" in text]
    assert len(said) == 1 and "choose equal or manual weights, or leave out '" in said[0]
    _, _, warnings, _ = weigh(values, list("abc"), weighting=Weighting.MANUAL, manual=np.array([0.2, 0.3, 0.5]))
    assert any("below 0.5" in text and "manual weights used here do not come from" in text for text in warnings)


def test_components_stop_at_85_percent():
    """Covariances 82, 10 and 8 % of the variance: one component holds too little, two hold 92 %."""
    signs = np.array(
        [[1, 1, 1], [1, 1, -1], [1, -1, 1], [1, -1, -1], [-1, 1, 1], [-1, 1, -1], [-1, -1, 1], [-1, -1, -1]]
    )
    observations = 0.5 + 0.1 * signs * np.sqrt([82, 10, 8]) / 9
    assert (
        principal_components(
            observations, list("abc"), rule=ComponentRule.VARIANCE, matrix=ComponentMatrix.COVARIANCE
        ).kept
        == 2
    )


def test_services_that_oppose_each_other_do_not_say_the_same():
    x = np.random.default_rng(1).random((200, 3))
    x[:, 1] = 1 - x[:, 0] + 0.02 * x[:, 1]
    _, _, warnings, _ = weigh(x, list("abc"), weighting=Weighting.COMPONENT_SCORES)
    assert not any("measure nearly the same" in text for text in warnings)
    x[:, 1] = 1 - x[:, 1]
    assert any(
        "measure nearly the same" in text for text in weigh(x, list("abc"), weighting=Weighting.COMPONENT_SCORES)[2]
    )

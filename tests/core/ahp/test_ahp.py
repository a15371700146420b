"""AHP: published matrices, properties, incomplete judgements, repair, experts, reading of tables."""

import itertools
import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from econet.core import tables
from econet.core.ahp import matrix as m
from econet.core.ahp import repair as repairs
from econet.core.ahp import suspects as suspect_judgements
from econet.core.ahp import weights as ahp
from econet.core.ahp.agreement import concordance
from econet.core.ahp.experts import read_expert_shares
from econet.core.ahp.hierarchy import read_hierarchy
from econet.core.ahp.judged import Aggregation, AhpChoices
from econet.core.ahp.judgements import judgement_of
from econet.core.ahp.matrix import RandomIndex, WeightsMethod
from econet.core.ahp.report import ahp_report
from econet.core.errors import Cancelled, InputError
from econet.core.progress import SILENT, Progress

DATA = json.loads((Path(__file__).parents[2] / "data" / "ahp" / "examples.json").read_text(encoding="utf-8"))
EXAMPLES = {example["id"]: example for example in DATA["examples"]}
SAATY, SAATY_2005, ALONSO, DONEGAN = tuple(RandomIndex)
SCALE = [1 / 9, 1 / 8, 1 / 7, 1 / 6, 1 / 5, 1 / 4, 1 / 3, 1 / 2, 1, 2, 3, 4, 5, 6, 7, 8, 9]

# Saaty's house: size, transport, neighbourhood, age, yard, facilities, condition, financing
HOUSE = """1 5 3 7 6 6 1/3 1/4
1/5 1 1/3 5 3 3 1/5 1/7
1/3 3 1 6 3 4 6 1/5
1/7 1/5 1/6 1 1/3 1/4 1/7 1/8
1/6 1/3 1/3 3 1 1/2 1/5 1/6
1/6 1/3 1/4 4 2 1 1/5 1/6
3 5 1/6 7 5 5 1 1/2
4 7 5 8 6 6 2 1"""


def matrix(text):
    return np.array(
        [[np.nan if cell == "?" else float(Fraction(cell)) for cell in line.split()] for line in text.splitlines()]
    )


def random_matrix(rng, n):
    result = m.empty_matrix(n)
    for row, column in itertools.combinations(range(n), 2):
        result = m.with_judgement(result, row, column, value=rng.choice(SCALE))
    return result


def by_numpy(full):
    """Independent of the code under test: the eigenvalue itself, and weights by brute repetition."""
    weights = np.ones(len(full))
    for _ in range(2000):
        weights = full @ weights
        weights /= weights.sum()
    return np.linalg.eigvals(full).real.max(), weights


def csv(text, name="judgements.csv"):
    return tables.parse_csv(text, name)


def rows(pairs):
    return csv("factor_a,factor_b,judgement\n" + "\n".join(f"{a},{b},{v}" for (a, b), v in pairs.items()))


def table_of(names, values, name="expert.csv"):
    """An upper triangle as a matrix table."""
    cells = [",".join(["", *list(names)])]
    for i, one in enumerate(names):
        cells.append(",".join([one] + ["" if j <= i else repr(float(values[i][j])) for j in range(len(names))]))
    return csv("\n".join(cells), name)


def weights(result):
    return {row.factor: row.weight for row in result.weights}


def weigh(hierarchy, *, shares=None, progress=SILENT, **choices):
    return ahp.ahp_weights(hierarchy, choices=AhpChoices(**choices), shares=shares, progress=progress)


def solve(*raws, groups=None, **options):
    judgements = raws[0] if len(raws) == 1 else None
    return weigh(read_hierarchy(judgements, raws if judgements is None else (), groups), **options)


def refused(*raws, groups=None, **options):
    with pytest.raises(InputError) as caught:
        solve(*raws, groups=groups, **options)
    return str(caught.value)


# published --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "index, key, indices",
    [(SAATY, "cr_saaty1980_ri", "random_index_saaty_1980"), (SAATY_2005, "cr_saaty2005_ri", "random_index_saaty_2005")],
)
@pytest.mark.parametrize("name", EXAMPLES)
def test_reference_examples(name, index, key, indices):
    example = EXAMPLES[name]
    result = solve(table_of(example["names"], example["matrix"]), random_index=index)
    np.testing.assert_allclose(list(weights(result).values()), example["eigen_weights"], atol=1e-9)
    np.testing.assert_allclose(list(weights(result).values()), example["published_weights"], atol=5e-4)
    assert result.lambda_max == pytest.approx(example["lambda_max"], abs=1e-9)
    assert result.judged[0].consistency.ci == pytest.approx(example["ci"], abs=1e-9)
    assert result.consistency_ratio == pytest.approx(example[key], abs=1e-6)
    if example["published_cr"]:
        assert result.consistency_ratio == pytest.approx(example["published_cr"], abs=5e-4)
    for size, value in DATA[indices].items():
        assert m.random_index(index, int(size)) == value


def test_consistent_matrices_have_no_inconsistency_at_all():
    assert (
        solve(
            table_of(EXAMPLES["paper_table1_consistent9"]["names"], EXAMPLES["paper_table1_consistent9"]["matrix"])
        ).consistency_ratio
        <= 1e-20
    )
    rng = np.random.default_rng(3)
    for n in range(3, 16):
        ratios = rng.uniform(1, 3, n)
        found = m.consistency_of(ratios[:, None] / ratios[None, :], SAATY)
        assert 0 <= found.cr <= 1e-20 and found.lambda_max == n


def test_example_of_the_method():
    result = solve(csv("x,a,b,c\na,1,3,5\nb,,1,2\nc,,,1"))
    assert list(weights(result).values()) == pytest.approx([0.648329, 0.229651, 0.122020], abs=5e-7)
    assert (result.lambda_max, result.consistency_ratio) == pytest.approx((3.003695, 0.003185), abs=5e-7)


def test_house_of_saaty_and_the_judgement_that_hurts():
    house = matrix(HOUSE)
    found = m.consistency_of(house, SAATY)
    assert (found.lambda_max, found.ci, found.cr) == pytest.approx((9.669, 0.238, 0.169), abs=5e-4)
    np.testing.assert_allclose(m.weights_of(house), [0.173, 0.054, 0.188, 0.018, 0.031, 0.036, 0.167, 0.333], atol=5e-4)
    worst = suspect_judgements.suspects(house, SAATY)[0]
    assert (worst.row, worst.column, worst.given) == (2, 6, 6)  # neighbourhood against condition
    assert worst.misfit == pytest.approx(5.32, abs=5e-3)
    assert m.as_text(worst.implied) == "1/2.18" and worst.on_scale == 0.5
    mended = house.copy()
    mended[2, 6], mended[6, 2] = 0.5, 2
    assert worst.cr_on_scale == pytest.approx((by_numpy(mended)[0] - 8) / 7 / 1.41, abs=1e-9)


def test_the_value_on_the_scale_is_that_of_the_lowest_ratio_and_never_raises_it():
    """Against the eigenvalues of all 17 matrices, by numpy."""
    rng, kept, moved = np.random.default_rng(11), 0, 0
    for n in (3, 4, 5, 6, 8) * 10:
        ratios = rng.uniform(0.3, 3, n)
        full = m.empty_matrix(n)
        for row, column in itertools.combinations(range(n), 2):  # judgements of people: near to ratios, on the scale
            near = np.argsort([abs(np.log(value * ratios[column] / ratios[row])) for value in SCALE])
            full = m.with_judgement(full, row, column, value=SCALE[near[rng.choice([0, 0, 0, 1, 2])]])
        now = np.linalg.eigvals(full).real.max()
        for suspect in suspect_judgements.suspects(full, SAATY):
            values = [
                np.linalg.eigvals(m.with_judgement(full, suspect.row, suspect.column, value=value)).real.max()
                for value in SCALE
            ]
            ri = m.random_index(SAATY, n)
            assert suspect.cr_on_scale == pytest.approx((min(values) - n) / (n - 1) / ri, abs=1e-6)
            if suspect.on_scale == suspect.given:
                kept += 1
                assert min(values) >= now - 1e-6
            else:
                moved += 1
                assert values[SCALE.index(pytest.approx(suspect.on_scale))] < now
    assert kept > 5 and moved > 5


def test_the_example_of_the_mining_city_never_says_a_value_that_raises_the_ratio():
    raw = tables.read_csv(Path(__file__).parents[3] / "examples" / "mining_city" / "judgements.csv")
    result = solve(raw)
    (one,) = result.judged
    ratio = {one.pair(s.row, s.column): (m.as_text(s.implied), s.on_scale, s.cr_on_scale) for s in one.suspects}
    assert ratio["elevation against mine"] == ("1/1.45", 0.5, one.before.cr)  # 1 would raise it to 0.008896
    assert all(s.cr_on_scale <= one.before.cr for s in one.suspects)
    text = ahp_report(result).html()
    assert "as judged" in text


def test_groups_of_two_are_said_to_check_nothing():
    groups = csv("factor,group\na,g\nb,g\nc,h\nd,h")
    result = solve(csv("factor_a,factor_b,judgement\na,b,9\nc,d,1/9\ng,h,5"), groups=groups)
    assert result.consistency_ratio == 0
    (text,) = result.warnings
    assert text.startswith("No judgement checks another") and "ratio of 0 says nothing" in text
    assert text in ahp_report(result).html() and "nothing to check" in ahp_report(result).html()
    three = csv("factor,group\na,g\nb,g\ne,g\nc,h\nd,h")
    assert not solve(csv("factor_a,factor_b,judgement\na,b,2\na,e,2\nb,e,1\nc,d,1/9\ng,h,5"), groups=three).warnings


def test_hierarchy_of_the_car_example():
    groups = csv(
        "factor,group\nPrice,Cost\nFuel,Cost\nMaintenance,Cost\nResale,Cost\nCargo,Capacity\n"
        "Passenger,Capacity\nSafety,\nStyle,"
    )
    pairs = dict(zip(itertools.combinations(("Cost", "Safety", "Style", "Capacity"), 2), (3, 7, 3, 9, 1, "1/7")))
    pairs.update(zip(itertools.combinations(("Price", "Fuel", "Maintenance", "Resale"), 2), (2, 5, 3, 2, 2, "1/2")))
    pairs["Cargo", "Passenger"] = "1/5"
    result = solve(rows(pairs), groups=groups, random_index=DONEGAN)
    expected = {
        "Safety": 0.234,
        "Style": 0.041,
        "Price": 0.249,
        "Fuel": 0.128,
        "Resale": 0.082,
        "Maintenance": 0.051,
        "Cargo": 0.036,
        "Passenger": 0.179,
    }
    assert weights(result) == pytest.approx(expected, abs=6e-4)
    row = {one.factor: one for one in result.weights}
    assert (row["Price"].group, row["Price"].group_weight, row["Price"].local_weight) == (
        "Cost",
        pytest.approx(0.510, abs=5e-4),
        pytest.approx(0.4881, abs=5e-5),
    )
    assert (row["Style"].group, row["Style"].group_weight, row["Style"].local_weight) == ("", 1, row["Style"].weight)
    ratios = {one.comparison.name: one.consistency for one in result.judged}
    assert ratios[""].cr == pytest.approx(0.08, abs=5e-4) and ratios["Cost"].cr == pytest.approx(0.0164, abs=5e-5)
    by_hand = (ratios[""].ci + row["Price"].group_weight * ratios["Cost"].ci) / (
        ratios[""].ri + row["Price"].group_weight * ratios["Cost"].ri
    )
    assert result.consistency_ratio == pytest.approx(by_hand, rel=1e-12)
    assert result.lambda_max == ratios[""].lambda_max
    assert "total ranking" in ahp_report(result).html()


def test_hierarchy_of_the_cities_with_every_city_under_every_criterion():
    judged = {
        "goal": {
            ("Culture", "Housing"): 3,
            ("Culture", "Transport"): 5,
            ("Family", "Culture"): 5,
            ("Family", "Housing"): 7,
            ("Family", "Transport"): 7,
            ("Housing", "Transport"): 3,
            ("Jobs", "Culture"): 2,
            ("Jobs", "Housing"): 4,
            ("Jobs", "Transport"): 7,
            ("Family", "Jobs"): 1,
        },
        "Culture": {"BP": 1, "OB": 2, "OP": 2.5, "OS": 1, "SB": 2, "SP": 2.5},
        "Family": {"BO": 2, "BS": 4, "OS": 2, "PB": 3, "PO": 8, "PS": 9},
        "Housing": {"BO": 5, "BS": 2.5, "PB": 2, "PO": 9, "PS": 7, "SO": 4},
        "Jobs": {"BP": 3, "BS": 4, "OB": 2, "OP": 6, "OS": 8, "PS": 1},
        "Transport": {"BO": 1.5, "BS": 4, "OS": 2.5, "PB": 2, "PO": 3.5, "PS": 9},
    }
    pairs, groups = dict(judged.pop("goal")), ["factor,group"]
    for criterion, found in judged.items():
        groups += [f"{criterion} {city},{criterion}" for city in "BOPS"]
        pairs.update({(f"{criterion} {a}", f"{criterion} {b}"): value for (a, b), value in found.items()})
    found = weights(solve(rows(pairs), groups=csv("\n".join(groups))))
    cities = {city: sum(value for name, value in found.items() if name.endswith(" " + city)) for city in "BOPS"}
    assert cities == pytest.approx({"B": 0.2291, "O": 0.2748, "P": 0.3852, "S": 0.1110}, abs=6e-5)


def test_random_indices_agree_with_random_matrices():
    rng = np.random.default_rng(11)
    for n, count in ((3, 2500), (5, 1500), (9, 600)):
        stack = np.stack([random_matrix(rng, n) for _ in range(count)])
        indices = (np.linalg.eigvals(stack).real.max(axis=1) - n) / (n - 1)
        error = 4 * indices.std() / np.sqrt(count)
        assert indices.mean() == pytest.approx(m.random_index(ALONSO, n), abs=error)


def test_random_index_by_table_and_size():
    assert [m.random_index(SAATY, n) for n in range(1, 16)] == [
        0,
        0,
        0.58,
        0.9,
        1.12,
        1.24,
        1.32,
        1.41,
        1.45,
        1.49,
        1.51,
        1.48,
        1.56,
        1.57,
        1.59,
    ]
    assert set(m.read_random_indices()) == set(RandomIndex)
    with pytest.raises(InputError, match="goes to 15 and 16 are compared.*groups of at most 15.*'Donegan & Dodd 1991'"):
        m.random_index(SAATY, 16)
    assert m.random_index(DONEGAN, 16) == 1.5078
    with pytest.raises(InputError, match="goes to 20 and 21 are compared"):
        m.random_index(DONEGAN, 21)


# properties -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [3, 4, 7, 15])
def test_weights_and_eigenvalue_equal_numpys(n):
    rng = np.random.default_rng(n)
    for _ in range(20):
        judged = random_matrix(rng, n)
        value, expected = by_numpy(judged)
        np.testing.assert_allclose(m.weights_of(judged), expected, atol=1e-12)
        found = m.consistency_of(judged, SAATY)
        assert found.lambda_max == pytest.approx(value, abs=1e-9)
        assert found.cr == pytest.approx((value - n) / (n - 1) / m.random_index(SAATY, n), abs=1e-9)
        by_rows = np.exp(np.log(judged).mean(axis=1))
        np.testing.assert_allclose(
            m.weights_of(judged, WeightsMethod.GEOMETRIC_MEAN), by_rows / by_rows.sum(), atol=1e-12
        )


def test_order_of_the_factors_does_not_matter():
    rng = np.random.default_rng(5)
    judged, order = random_matrix(rng, 6), rng.permutation(6)
    turned = judged[np.ix_(order, order)]
    for method in (WeightsMethod.EIGENVECTOR, WeightsMethod.GEOMETRIC_MEAN):
        np.testing.assert_allclose(m.weights_of(turned, method), m.weights_of(judged, method)[order], atol=1e-13)
    assert m.consistency_of(turned, SAATY).cr == pytest.approx(m.consistency_of(judged, SAATY).cr)


def test_the_opposite_judgements_give_the_opposite_geometric_means_and_the_same_consistency():
    judged = random_matrix(np.random.default_rng(6), 5)
    opposite = 1 / m.weights_of(judged, WeightsMethod.GEOMETRIC_MEAN)
    np.testing.assert_allclose(m.weights_of(judged.T, WeightsMethod.GEOMETRIC_MEAN), opposite / opposite.sum())
    assert m.consistency_of(judged.T, SAATY).cr == pytest.approx(m.consistency_of(judged, SAATY).cr)


def test_one_and_two_factors():
    alone = solve(csv("factor_a,factor_b,judgement\nslope,slope,1"))
    assert weights(alone) == {"slope": 1} and (alone.consistency_ratio, alone.lambda_max) == (0, 1)
    two = solve(csv("factor_a,factor_b,judgement\nslope,mine,1/3"))
    assert weights(two) == pytest.approx({"slope": 0.25, "mine": 0.75})
    assert (two.consistency_ratio, two.lambda_max) == (0, 2)
    row = two.weights[0]  # 1/4 and 1/2 in place of 1/3
    assert (row.weight_low, row.weight_high) == pytest.approx((1 / 5, 1 / 3))
    assert ahp_report(two).html() and ahp_report(alone).html()


# incomplete -------------------------------------------------------------------------------------------


def test_harker_is_the_eigenvector_of_the_matrix_filled_with_its_own_ratios():
    rng = np.random.default_rng(8)
    for n in (4, 6, 9):
        judged = random_matrix(rng, n)
        for row, column in ((0, 1), (1, 3), (0, 3)):
            judged = m.with_judgement(judged, row, column, value=np.nan)
        found = m.weights_of(judged)
        full = np.where(np.isnan(judged), found[:, None] / found[None, :], judged)
        value, expected = by_numpy(full)
        np.testing.assert_allclose(found, expected, atol=1e-10)
        assert m.consistency_of(judged, SAATY).lambda_max == pytest.approx(value, abs=1e-9)


def test_harker_is_near_the_best_completion_that_was_published():
    judged = matrix("1 1 5 2\n1 1 3 4\n1/5 1/3 1 ?\n1/2 1/4 ? 1")
    np.testing.assert_allclose(m.weights_of(judged), [0.3738, 0.3920, 0.0985, 0.1357], atol=6e-4)
    best = matrix("1 1 5 2\n1 1 3 4\n1/5 1/3 1 1\n1/2 1/4 1 1")
    best[2, 3], best[3, 2] = 0.730297106886979, 1 / 0.730297106886979
    least = by_numpy(best)[0]
    assert least - 1e-9 <= m.consistency_of(judged, SAATY).lambda_max <= least + 1e-4


def test_incomplete_geometric_mean_is_the_least_squares_fit():
    rng = np.random.default_rng(9)
    judged = random_matrix(rng, 6)
    for row, column in ((0, 1), (2, 5), (3, 4)):
        judged = m.with_judgement(judged, row, column, value=np.nan)
    pairs = m.judged_pairs(judged)
    design = np.zeros((len(pairs) + 1, 6))
    for line, (row, column) in enumerate(pairs):
        design[line, row], design[line, column] = 1, -1
    design[-1] = 1
    fitted = np.exp(np.linalg.lstsq(design, [*(np.log(judged[pair]) for pair in pairs), 0], rcond=None)[0])
    np.testing.assert_allclose(m.weights_of(judged, WeightsMethod.GEOMETRIC_MEAN), fitted / fitted.sum(), atol=1e-12)


def test_random_index_of_incomplete_matrices_agrees_with_random_ones():
    rng = np.random.default_rng(12)
    for n, missing in ((4, 1), (6, 4)):
        pairs, indices = list(itertools.combinations(range(n), 2)), []
        while len(indices) < 700:
            judged = random_matrix(rng, n)
            for place in rng.choice(len(pairs), missing, replace=False):
                judged = m.with_judgement(judged, *pairs[place], value=np.nan)
            if len(m.connected_parts(judged)) == 1:
                indices.append(m.consistency_of(judged, ALONSO).ci)
        assert np.mean(indices) == pytest.approx(m.random_index(ALONSO, n, missing=missing), rel=0.06)


def test_just_enough_judgements_are_said_to_check_nothing():
    result = solve(csv("factor_a,factor_b,judgement\na,b,3\nb,c,4\nc,d,1/2"))
    assert list(weights(result).values()) == pytest.approx(np.array([6, 2, 0.5, 1]) / 9.5)
    assert result.consistency_ratio == 0
    assert "none checks another" in result.warnings[0]


def test_small_weights_are_as_exact_as_large_ones():
    chain = m.empty_matrix(15)
    for row in range(14):
        chain = m.with_judgement(chain, row, row + 1, value=9.0)
    found = m.weights_of(chain)
    np.testing.assert_allclose(found[:-1] / found[1:], 9, rtol=1e-12)
    assert m.consistency_of(chain, SAATY).ci <= 1e-20


def test_factors_that_nothing_joins_are_named():
    text = refused(csv("factor_a,factor_b,judgement\nslope,ndvi,3\nmine,night_light,4\nwater,slope,"))
    assert text == (
        "No judgement among the factors joins 'slope', 'ndvi' to 'mine', 'night_light'; 'water': judge at least "
        "one pair between them."
    )


# repair -----------------------------------------------------------------------------------------------


def test_one_change_is_the_smallest_that_is_enough():
    house = matrix(HOUSE)
    mended, changes = repairs.repair(house, SAATY)
    enough = []
    for row, column in itertools.combinations(range(8), 2):
        for value in SCALE:
            trial = house.copy()
            trial[row, column], trial[column, row] = value, 1 / value
            if (np.linalg.eigvals(trial).real.max() - 8) / 7 / 1.41 < 0.1:
                enough.append(abs(m.position(value) - m.position(house[row, column])))
    assert len(changes) == 1 and changes[0].steps == pytest.approx(min(enough))
    assert m.consistency_of(mended, SAATY).cr < 0.1
    assert (changes[0].row, changes[0].column, changes[0].old, changes[0].new) == (2, 6, 6, 1)


def fewest_changes(judged, n):
    """All changes of one judgement, of two and of three, on Saaty's scale: least number, its least steps, and CR."""
    pairs = list(itertools.combinations(range(n), 2))
    for count in (1, 2, 3):
        places = np.array(list(itertools.product(range(-8, 9), repeat=count)))
        found = []
        for chosen in itertools.combinations(pairs, count):
            stack, steps = np.repeat(judged[None], len(places), axis=0), np.zeros(len(places))
            for nth, (row, column) in enumerate(chosen):
                place, given = places[:, nth], judged[row, column]
                value = np.array(SCALE)[place + 8]
                stack[:, row, column], stack[:, column, row] = value, 1 / value
                steps += abs(place - (given - 1 if given >= 1 else 1 - 1 / given))
            ratios = (np.linalg.eigvals(stack).real.max(axis=1) - n) / (n - 1) / {3: 0.58, 4: 0.9}[n]
            found += [(round(step, 6), ratio) for step, ratio in zip(steps, ratios) if ratio < 0.1 - 1e-9]
        if found:
            return count, *min(found)


@pytest.mark.parametrize("n, seed", [(3, 1), (3, 2), (4, 3)])
def test_no_repair_changes_less(n, seed):
    rng, counts = np.random.default_rng(seed), set()
    for _ in range(6 if n == 3 else 3):
        judged = random_matrix(rng, n)
        if m.consistency_of(judged, SAATY).cr >= 0.1:
            mended, changes = repairs.repair(judged, SAATY)
            ratio = (np.linalg.eigvals(mended).real.max() - n) / (n - 1) / {3: 0.58, 4: 0.9}[n]
            found = len(changes), sum(change.steps for change in changes), ratio
            assert found == pytest.approx(fewest_changes(judged, n))
            counts.add(len(changes))
    assert max(counts) >= 2


@pytest.mark.parametrize("n", [3, 4, 5, 6, 8])
def test_repair_reaches_consistency_and_changes_no_more_than_it_has_to(n):
    rng = np.random.default_rng(20 + n)
    for _ in range(4 if n < 8 else 1):
        judged = random_matrix(rng, n)
        before = m.consistency_of(judged, SAATY).cr
        mended, changes = repairs.repair(judged, SAATY)
        assert m.consistency_of(mended, SAATY).cr < 0.1 or not changes
        assert m.consistency_of(mended, SAATY).cr <= before
        np.testing.assert_allclose(mended * mended.T, 1, rtol=1e-12)
        touched = {(change.row, change.column) for change in changes}
        for pair in m.judged_pairs(judged):
            if pair not in touched:
                assert mended[pair] == judged[pair]
        for change in changes:
            assert min(abs(change.new - value) for value in SCALE) < 1e-12
            undone = m.with_judgement(mended, change.row, change.column, value=change.old)
            assert m.consistency_of(undone, SAATY).cr >= 0.1
            if change.steps > 1:  # not a step nearer either
                nearer = m.position(change.new) + np.sign(m.position(change.old) - m.position(change.new))
                back = m.with_judgement(mended, change.row, change.column, value=m.value_at(nearer))
                assert m.consistency_of(back, SAATY).cr >= 0.1


def test_repair_is_told_and_leaves_good_judgements_alone():
    good = table_of("abc", [[1, 3, 5], [0, 1, 2], [0, 0, 1]])
    assert weights(solve(good, repair=True)) == weights(solve(good))
    names = ["size", "transport", "neighbourhood", "age", "yard", "facilities", "condition", "financing"]
    result = solve(table_of(names, matrix(HOUSE)), repair=True)
    assert result.consistency_ratio < 0.1
    assert result.warnings == [
        "The judgements among the factors contradicted each other (consistency ratio 0.169). The "
        "repair changed neighbourhood against condition from 6 to 1; the ratio is now 0.088."
    ]
    unrepaired = solve(table_of(names, matrix(HOUSE)))
    assert unrepaired.warnings == [
        "The judgements among the factors contradict each other: consistency ratio 0.169, and it should be below 0.1. "
        "The one that fits worst is neighbourhood against condition, 6; all others say 1/2.18; with 1/2 the ratio "
        "would be 0.0822."
    ]
    assert "What the repair changed" in ahp_report(result).html()


def test_cancel_stops_a_repair():
    def stop():
        return True

    with pytest.raises(Cancelled):
        repairs.repair(random_matrix(np.random.default_rng(1), 15), SAATY, progress=Progress(cancelled=stop))


# experts ----------------------------------------------------------------------------------------------


def two_experts():
    rng = np.random.default_rng(30)
    return random_matrix(rng, 4), random_matrix(rng, 4)


def test_aij_and_aip():
    one, other = two_experts()
    raws = [table_of("abcd", one, "Li.csv"), table_of("abcd", other, "Wang.csv")]
    joint = np.sqrt(one * other)
    result = solve(*raws)
    np.testing.assert_allclose(list(weights(result).values()), by_numpy(joint)[1], atol=1e-12)
    assert result.lambda_max == pytest.approx(by_numpy(joint)[0])
    single = np.array([by_numpy(one)[1], by_numpy(other)[1]])
    geometric = np.sqrt(single[0] * single[1])
    for aggregation in range(3):  # who does not count is not measured either
        silent = weigh(read_hierarchy(None, raws), aggregation=aggregation, shares={"Li.csv": 0.0, "Wang.csv": 1.0})
        np.testing.assert_allclose(list(weights(silent).values()), by_numpy(other)[1], atol=1e-12)
        assert silent.lambda_max == pytest.approx(by_numpy(other)[0])
    averaged = solve(*raws, aggregation=Aggregation.OF_WEIGHTS)
    np.testing.assert_allclose(list(weights(averaged).values()), geometric / geometric.sum(), atol=1e-12)
    worst = max((by_numpy(found)[0] - 4) / 3 / 0.9 for found in (one, other))
    assert averaged.consistency_ratio == pytest.approx(worst)
    arithmetic = solve(*raws, aggregation=Aggregation.OF_WEIGHTS_ARITHMETIC)
    np.testing.assert_allclose(list(weights(arithmetic).values()), single.mean(axis=0), atol=1e-12)
    say = read_expert_shares("wang.csv = 3; li.csv = 1", ["Li.csv", "Wang.csv"])
    weighted = weigh(read_hierarchy(None, raws), shares=say)
    np.testing.assert_allclose(list(weights(weighted).values()), by_numpy(one**0.25 * other**0.75)[1], atol=1e-12)


def test_experts_who_agree_are_as_one():
    one, _ = two_experts()
    alone = solve(table_of("abcd", one))
    for aggregation in range(3):
        result = solve(*[table_of("abcd", one, f"{number}.csv") for number in range(3)], aggregation=aggregation)
        assert weights(result) == pytest.approx(weights(alone))
        assert result.consistency_ratio == pytest.approx(alone.consistency_ratio)
        assert result.experts.concordance == pytest.approx(1)
        np.testing.assert_allclose(result.experts.compatibility, 1)
        assert all(spread.deviation == pytest.approx(1) for spread in result.experts.spreads)


def test_experts_of_whom_each_judged_a_part():
    raw = csv("factor_a,factor_b,judgement,expert\na,b,2,Li\nb,c,3,Li\nd,c,1/2,Wang\na,b,8,Wang\nd,b,1,Zhao\n")
    result = solve(raw)
    joint = m.empty_matrix(4)
    for row, column, value in ((0, 1, 4), (1, 2, 3), (3, 2, 0.5), (3, 1, 1)):
        joint = m.with_judgement(joint, row, column, value=value)
    np.testing.assert_allclose(list(weights(result).values()), m.weights_of(joint), atol=1e-12)
    assert result.experts.weights == {} and result.experts.concordance is None
    (spread,) = result.experts.spreads
    assert (spread.count, spread.mean, spread.deviation) == pytest.approx((2, 4, np.exp(np.log([2, 8]).std(ddof=1))))
    assert (spread.lowest_by, spread.highest_by) == ("Li", "Wang")
    assert all(text in ahp_report(result).html() for text in ("judged only a part", "weight of the expert"))
    with pytest.raises(InputError, match="No judgement among the factors joins 'a', 'b', 'c' to 'd'"):
        weigh(read_hierarchy(raw), shares={"Li": 0.5, "Wang": 0, "Zhao": 0})  # nobody who counts judged d
    assert "No judgement of Li among the factors joins 'a', 'b', 'c' to 'd'" in refused(
        raw, aggregation=Aggregation.OF_WEIGHTS
    )


def test_concordance_against_the_textbook():
    # Siegel & Castellan's way: W = 12 S / (m^2 (n^3 - n)); ranks 1-6 of three judges
    ranks = np.array([[1, 6, 3, 2, 5, 4], [1, 5, 6, 4, 2, 3], [6, 3, 2, 5, 4, 1]], float)
    sums = ranks.sum(axis=0)
    assert concordance(list(ranks)) == pytest.approx(12 * ((sums - 10.5) ** 2).sum() / (9 * 210))
    assert concordance([np.array([0.1, 0.2, 0.7]), np.array([0.7, 0.2, 0.1])]) == 0
    assert concordance([np.array([0.5, 0.5]), np.array([0.5, 0.5])]) is None
    tied = concordance([np.array([0.2, 0.2, 0.6])] * 3)
    assert tied == pytest.approx(1)


def test_who_stands_apart():
    base = np.array([0.4, 0.3, 0.2, 0.1])
    others = [base, np.array([0.38, 0.3, 0.22, 0.1]), np.array([0.1, 0.2, 0.3, 0.4])]
    raws = [table_of("abcd", w[:, None] / w[None, :], f"{name}.csv") for name, w in zip(("Li", "Wang", "Zhao"), others)]
    result = solve(*raws)
    assert result.experts.apart == "Zhao.csv"
    by_hand = np.mean([[others[0][i] / others[0][j] * others[2][j] / others[2][i] for j in range(4)] for i in range(4)])
    assert result.experts.compatibility[0, 2] == pytest.approx(by_hand)
    assert len(result.experts.judged) == 3 and not result.warnings
    text = ahp_report(result).html()
    assert "Zhao.csv differs most from the others" in text and "Kendall" in text


def test_experts_who_contradict_themselves_are_named():
    loop = table_of("abc", [[1, 9, 1], [0, 1, 9], [0, 0, 1]], "Li.csv")
    turned = table_of("abc", [[1, 1 / 9, 1], [0, 1, 1 / 9], [0, 0, 1]], "Wang.csv")
    result = solve(loop, turned)
    assert result.consistency_ratio <= 1e-20  # nine times and a ninth cancel
    cr = (by_numpy(matrix("1 9 1\n1/9 1 9\n1 1/9 1"))[0] - 3) / 2 / 0.58
    assert result.experts.judged[0].before.cr == pytest.approx(cr)
    assert result.warnings == [
        f"Judgements of single experts contradict each other, which the joint ones do not show (consistency ratio "
        f"of Li.csv "
        f"among the factors {cr:.3g}; Wang.csv among the factors {cr:.3g}). The report names what to ask them again."
    ]


def test_hierarchies_of_several_experts():
    groups = csv("factor,group\na,one\nb,one\nc,two\nd,two")
    names = ["one", "two", "a", "b", "c", "d"]

    def whole(top, first, second, name):
        judged = m.empty_matrix(6)
        for row, column, value in ((0, 1, top), (2, 3, first), (4, 5, second)):
            judged = m.with_judgement(judged, row, column, value=value)
        lines = [",".join(["", *names])] + [
            ",".join([n, *("" if v != v else repr(float(v)) for v in line)]) for n, line in zip(names, judged)
        ]
        return csv("\n".join(lines), name)

    blocks = [whole(2, 3, 4, "Li"), whole(8, 1, 1, "Wang")]
    parts = [
        csv(f",{x},{y}\n{x},1,{v}\n{y},,1", name)
        for x, y, v, name in (
            ("one", "two", 2, "Li top"),
            ("one", "two", 8, "Wang top"),
            ("a", "b", 3, "Li one"),
            ("a", "b", 1, "Wang one"),
            ("c", "d", 4, "Li two"),
            ("c", "d", 1, "Wang two"),
        )
    ]
    expected = np.outer([4 / 5, 1 / 5], [1, 1]) * [[3**0.5 / (1 + 3**0.5), 1 / (1 + 3**0.5)], [2 / 3, 1 / 3]]
    for raws in (blocks, parts, sorted(parts, key=lambda raw: raw.name)):
        result = solve(*raws, groups=groups)
        assert [weights(result)[factor] for factor in "abcd"] == pytest.approx(expected.ravel().tolist())
        assert result.hierarchy.experts == ["Li", "Wang"]
    # weights that each one ends with, averaged
    ends = np.array([[2 / 3 * 3 / 4, 2 / 3 / 4, 1 / 3 * 4 / 5, 1 / 3 / 5], [4 / 9, 4 / 9, 1 / 18, 1 / 18]])
    averaged = solve(*blocks, groups=groups, aggregation=Aggregation.OF_WEIGHTS)
    geometric = np.sqrt(ends[0] * ends[1])
    assert [weights(averaged)[factor] for factor in "abcd"] == pytest.approx(geometric / geometric.sum())
    assert sum(row.local_weight for row in averaged.weights[:2]) == pytest.approx(1)
    assert averaged.weights[0].group_weight == pytest.approx(sum(row.weight for row in averaged.weights[:2]))


@pytest.mark.parametrize(
    "text, expected",
    [
        ("", [0.5, 0.5]),
        ("3,1", [0.75, 0.25]),
        ("Wang=1; Li=3", [0.75, 0.25]),
        ("Li=0,5; Wang=1,5", [0.25, 0.75]),
        ("Li＝1，Wang＝1", [0.5, 0.5]),
    ],
)
def test_expert_weights(text, expected):
    assert list(read_expert_shares(text, ["Li", "Wang"]).values()) == pytest.approx(expected)


@pytest.mark.parametrize(
    "text, message",
    [
        ("1,2,3", "3 weights are given for 2 experts"),
        ("Li=1", "no weight is given for Wang"),
        ("Zhao=1, Li=2", "'Zhao' is none of the experts"),
        ("Li=x, Wang=1", "'x' is not a number"),
        ("0, 0", "all are 0"),
        ("Li=-1, Wang=1", "'-1' is not"),
        ("Li=1, li=2", "named twice"),
    ],
)
def test_expert_weights_refused(text, message):
    with pytest.raises(InputError, match=message):
        read_expert_shares(text, ["Li", "Wang"])


# sensitivity ------------------------------------------------------------------------------------------


def test_ranges_hold_every_single_step():
    judged = matrix("1 3 5\n1/3 1 2\n1/5 1/2 1")
    result = solve(table_of("abc", judged))
    seen = [by_numpy(judged)[1]]
    steps = {(0, 1): (2, 4), (0, 2): (4, 6), (1, 2): (1, 3)}
    for (row, column), values in steps.items():
        for value in values:
            trial = judged.copy()
            trial[row, column], trial[column, row] = value, 1 / value
            seen.append(by_numpy(trial)[1])
    np.testing.assert_allclose([row.weight_low for row in result.weights], np.min(seen, axis=0), atol=1e-12)
    np.testing.assert_allclose([row.weight_high for row in result.weights], np.max(seen, axis=0), atol=1e-12)
    moves = {pair: max(np.abs(seen[1 + 2 * k + s] - seen[0]).sum() / 2 for s in (0, 1)) for k, pair in enumerate(steps)}
    first = result.influences[0]
    assert (first.row, first.column) == max(moves, key=moves.get)
    assert first.moved == pytest.approx(max(moves.values()))


def test_steps_stop_at_the_ends_of_the_scale_and_swaps_are_named():
    two = solve(csv("factor_a,factor_b,judgement\na,b,9"))
    assert two.weights[0].weight_high == two.weights[0].weight
    even = solve(csv("factor_a,factor_b,judgement\na,b,1\nb,c,1\na,c,2"))
    swaps = {pair for influence in even.influences for pair in influence.swaps}
    assert ("a", "b") in swaps or ("b", "c") in swaps


def test_saatys_scale():
    assert [m.value_at(float(place)) for place in range(-8, 9)] == pytest.approx(SCALE)
    assert [m.position(value) for value in SCALE] == pytest.approx(range(-8, 9))
    assert [m.as_text(value) for value in (3, 1 / 3, 2.5, 0.4, 1, 1 / 2.1802, 0.9999)] == [
        "3",
        "1/3",
        "2.5",
        "1/2.5",
        "1",
        "1/2.18",
        "1",
    ]


# reading ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, value",
    [
        ("3", 3),
        ("1/3", 1 / 3),
        (" 0,25 ", 0.25),
        ("0.25", 0.25),
        ("1:4", 0.25),
        ("4:1", 4),
        ("１／３", 1 / 3),
        ("1∕3", 1 / 3),
        ("⅓", 1 / 3),
        ("５", 5),
        ("0.11", 1 / 9),
        ("0.111", 1 / 9),
        ("9", 9),
        ("", None),
        ("-", None),
        ("—", None),
        ("NULL", None),
        ("?", None),
        ("1：3", 1 / 3),
        ("1 / 3", 1 / 3),
        ("'1/3", 1 / 3),
    ],
)
def test_judgements_as_people_write_them(text, value):
    assert judgement_of(text, "here") == (None if value is None else pytest.approx(value))


@pytest.mark.parametrize(
    "text, message",
    [
        ("10", "'10' is outside Saaty's scale, 1/9 to 9"),
        ("0", "outside"),
        ("-3", "outside"),
        ("1/10", "outside"),
        ("0.1", "outside"),
        ("9.5", "outside"),
        ("much", "is not a judgement"),
        ("slope 3", "is not a judgement"),
        ("1/0", "is not a judgement"),
        ("3-Jan", "is a date"),
        ("Jan-03", "is a date"),
        ("1月3日", "is a date"),
        ("2026-01-03", "is a date"),
        ("2026/1/3", "is a date"),
        ("3/1/2026", "is a date"),
        ("03-Jan-26", "is a date"),
        ("1½", "is not a judgement"),
        ("3²", "is not a judgement"),
        ("nan", "is not a judgement"),
        ("inf", "is not a judgement"),
    ],
)
def test_judgements_refused(text, message):
    with pytest.raises(InputError, match="Table 'x', row 2: .*" + message):
        judgement_of(text, "Table 'x', row 2")


def test_matrices_in_any_shape_give_the_same():
    full = "x;a;b;c\na;1;3;5\nb;0,33;1;2\nc;0,2;0,5;1"
    shapes = [
        full,
        "x,a,b,c\na,1,3,5\nb,1/3,1,2\nc,1/5,1/2,1",
        ",a,b,c\na,,3,5\nb,,,2\nc,,,",
        ",b,c\na,3,5\nb,,2",
        ",a,b,c\na,1,,\nb,1/3,1,\nc,1/5,1/2,1",
        "\ufeff,A,b, C \n a,1,3,5\nB,,1,2\nc,,,1".lstrip("\ufeff"),
    ]
    expected = weights(solve(csv(shapes[1])))
    for shape in shapes:
        assert list(weights(solve(csv(shape))).values()) == pytest.approx(list(expected.values()))
    turned = weights(solve(csv(",c,a,b\na,5,1,3\nc,1,,\nb,2,,1")))
    assert {factor: turned[factor] for factor in "abc"} == pytest.approx(expected)
    from_layer = tables.RawTable(
        "layer",
        ["fid", "name", "a", "b", "c"],
        [(1, ["1", "a", "1", "3", "5"]), (2, ["2", "b", "", "1", "2"]), (3, ["3", "c", "", "", "1"])],
    )
    assert weights(solve(from_layer)) == pytest.approx(expected)


@pytest.mark.parametrize(
    "shape",
    [
        "goal,a,b,c,Wi\na,1,3,5,0.6483\nb,1/3,1,2,0.2297\nc,1/5,1/2,1,0.1220",
        "目标,a,b,c,权重\na,1,3,5,0.65\nb,,1,2,0.23\nc,,,1,0.12",
        ",a,b,c\na,1,3,5\nb,1/3,1,2\nc,1/5,1/2,1\nsum,1.5,4.5,14",
    ],
)
def test_what_programs_write_beside_a_matrix_is_no_factor(shape):
    result = solve(csv(shape))
    assert weights(result) == pytest.approx({"a": 0.648329, "b": 0.229651, "c": 0.122020}, abs=5e-7)
    assert any("is not a factor and was ignored" in note for note in result.hierarchy.notes)


def test_a_factor_may_bear_such_a_name_where_it_has_row_and_column():
    assert list(weights(solve(csv(",Weight,b\nWeight,1,3\nb,,1")))) == ["Weight", "b"]


def test_signs_as_names():
    assert weights(solve(csv("factor_a,factor_b,judgement\n-,b,3"))) == pytest.approx({"-": 0.75, "b": 0.25})


def test_an_expert_is_one_person_however_written():
    rows_of_two = csv("factor_a,factor_b,judgement,expert\na,b,3,Li Ming\nb,c,2,li  ming\na,b,5,Wang")
    hierarchy = read_hierarchy(rows_of_two)
    assert hierarchy.experts == ["Li Ming", "Wang"] and "Read 'li  ming' as 'Li Ming'." in hierarchy.notes


def test_rounded_reciprocals_are_taken_as_such_and_said():
    hierarchy = read_hierarchy(csv("x,a,b,c\na,1,3,8\nb,0.33,1,2\nc,0.13,0.5,1"))
    assert hierarchy.comparisons[0].matrices["expert 1"][1, 0] == 1 / 3
    assert hierarchy.comparisons[0].matrices["expert 1"][2, 0] == 1 / 8
    assert any("rounded reciprocal" in note for note in hierarchy.notes)


def test_names_that_differ_in_case_and_blanks_are_one():
    log = []
    hierarchy = read_hierarchy(
        csv("factor_a,factor_b,judgement\nLand cover,slope,3\nSLOPE,land_cover,1/3\nslope,Mine,2")
    )
    assert hierarchy.factors == ["Land cover", "slope", "Mine"]
    weigh(hierarchy, progress=Progress(log=log.append))
    assert "Read 'SLOPE' as 'slope'." in log and "Read 'land_cover' as 'Land cover'." in log


def test_chinese_headings_and_names():
    result = solve(csv("因子A，因子B，判断\n坡度，土地利用，１／３\n".replace("，", ",")))
    assert weights(result) == pytest.approx({"坡度": 0.25, "土地利用": 0.75})
    grouped = solve(
        csv("因子A,因子B,标度\n坡度,高程,2\n自然,人类,3\n"), groups=csv("因子,维度\n坡度,自然\n高程,自然\n道路,人类")
    )
    assert weights(grouped) == pytest.approx({"坡度": 0.5, "高程": 0.25, "道路": 0.25})


def test_a_group_under_a_group():
    groups = csv("factor,group\nslope,terrain\nheight,terrain\nterrain,nature\nndvi,nature\nroads,people")
    pairs = {("nature", "people"): 4, ("terrain", "ndvi"): 3, ("slope", "height"): 1}
    found = weights(solve(rows(pairs), groups=groups))
    assert found == pytest.approx({"slope": 0.3, "height": 0.3, "ndvi": 0.2, "roads": 0.2})


ROWS = "factor_a,factor_b,judgement"


@pytest.mark.parametrize(
    "text, message",
    [
        (f"{ROWS}\na,b,12", r"row 2: '12' is outside Saaty's scale"),
        (f"{ROWS}\na,b,3\na,b,4", r"row 3: 'a' against 'b' is '4', and in table 'judgements.csv', row 2 '3'; keep one"),
        (
            f"{ROWS}\na,b,3\nb,a,1/2",
            r"row 3: the pair 'a' against 'b' is '3' one way and '1/2' the other way .*here 1/3",
        ),
        (f"{ROWS}\na,a,3\na,b,2", r"row 2: 'a' against itself is '3'"),
        ("x,a,b\na,2,3\nb,,1", r"row 2 \('a'\), column 'a': 'a' against itself is '2'"),
        ("x,a,b\na,1,3\nb,0.5,1", r"row 3 \('b'\), column 'a': the pair 'a' against 'b' is '3' one way and '0.5'"),
        ("x,a,b\na,1,3\nb,0.3,1", "one has to be the reciprocal"),
        ("x,a,b\na,1,3\nb,3,1", "one has to be the reciprocal"),
        (
            "x,a,b,c\na,1,3,2\nb,,1,2\nd,,,1",
            "is no matrix of judgements: the header has 'a', 'b', 'c' and the first column 'a', 'b', 'd'",
        ),
        ("x,a,b,b\na,1,3,2\nb,,1,2", "has two columns 'b'"),
        ("x,a,b\na,1,3\na,,1", "has two rows 'a'"),
        ("x,a,\na,1,3\n,,1", "is no matrix|without a name"),
        ("factor_a,factor_b,value,expert\na,b,2,Li\nb,c,2,", "column 'expert': '' is empty"),
        ("factor_a,judgement\na,2", "has no column 'factor_b'"),
        (ROWS, "no rows"),
        ("hello", "is no matrix"),
        ("hello\nworld", "is no matrix"),
        ("a,b", "is no matrix"),
        ("factor_a,factor_b,score\na,b,3", "has no column 'judgement': its columns are factor_a, factor_b, score"),
        ("1,3\n1/3,1", "is no matrix of judgements: the header has '3' and the first column '1/3'"),
        ("x,a,b,c,rest\na,1,3,5,2\nb,1/3,1,2,3\nc,1/5,1/2,1,4", "has a column 'rest' and no such row"),
        ("x,a,b,c\na,1,3,5\nb,1/3,1,2\nc,1/5,1/2,1\nCR=0.003,,,", "has a row 'CR=0.003' and no such column"),
        ("factor_a,factor_b,judgement,expert\na,b,3,Li\na,b,5,li", "row 3: 'a' against 'b' is '5', and in"),
        ("p,q\n1,2\n3,4", "is no matrix of judgements"),
    ],
)
def test_tables_refused(text, message):
    import re

    assert re.search(message, refused(csv(text))), refused(csv(text))


@pytest.mark.parametrize(
    "pairs, groups, message",
    [
        (
            {("a", "c"): 3, ("one", "two"): 2, ("a", "b"): 1},
            "a,one\nb,one\nc,two",
            r"'a' \(group 'one'\) is compared with 'c' \(group 'two'\); compare factors within their group",
        ),
        ({("a", "one"): 3}, "a,one\nb,one", r"'a' \(group 'one'\) is compared with 'one' \(directly under the goal\)"),
        (
            {("a", "b"): 3, ("one", "two"): 1, ("x", "a"): 1},
            "a,one\nb,one\nc,two",
            "'x' in the judgements stand in no row of the table of groups",
        ),
        ({("a", "b"): 3}, "a,one\nb,one\nc,two", "No judgement among the groups joins 'one' to 'two'"),
        (
            {("a", "b"): 3, ("one", "two"): 1},
            "a,one\nb,one\nd,one\nc,two",
            "No judgement within group 'one' joins 'a', 'b' to 'd'",
        ),
        ({("a", "b"): 3}, "a,one\na,two", "'a' stands in an earlier row"),
        ({("a", "b"): 3}, "a,a", "would belong to itself"),
        ({("a", "b"): 3}, "a,x\nx,y\ny,x", "would belong to itself"),
    ],
)
def test_groups_refused(pairs, groups, message):
    import re

    text = refused(rows(pairs), groups=csv("factor,group\n" + groups, "groups.csv"))
    assert re.search(message, text), text


def test_one_input_and_only_one():
    with pytest.raises(InputError, match="No judgements are given"):
        read_hierarchy()
    with pytest.raises(InputError, match="given twice"):
        read_hierarchy(csv(f"{ROWS}\na,b,2"), [csv(f"{ROWS}\na,b,2")])


def test_too_many_factors_for_the_table():
    pairs = {(f"f{number}", f"f{number + 1}"): 1 for number in range(15)}
    assert "goes to 15 and 16 are compared" in refused(rows(pairs))
    assert len(weights(solve(rows(pairs), random_index=DONEGAN))) == 16
    assert len(weights(solve(rows(dict(list(pairs.items())[:14]))))) == 15

"""The report of ``ahpweights``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..report import Report, number
from .agreement import Experts
from .judged import ALL_EXPERTS, Aggregation, JudgedMatrix
from .matrix import ACCEPTED, as_text, judged_pairs
from .suspects import Suspect
from .weights import AhpResult

_SHOWN = 15


def ahp_report(result: AhpResult, parameters: Iterable[tuple[str, Any]] = ()) -> Report:
    """The report of :func:`~.weights.ahp_weights`: weights, consistency, what to ask again, experts, sensitivity."""
    report = Report("AHP weights")
    for text in result.warnings:
        report.warning(text)
    report.parameters(parameters)
    for text in result.hierarchy.notes:
        report.text(text)
    _add_weights(report, result)
    _add_consistency(report, result)
    _add_suspects(report, result)
    _add_changes(report, result)
    if len(result.hierarchy.experts) > 1:
        _add_experts(report, result)
    _add_influences(report, result)
    _add_matrices(report, result)
    return report


def _add_weights(report: Report, result: AhpResult) -> None:
    rows = result.weights
    report.heading("Weights")
    heaviest = max(rows, key=lambda row: row.weight)
    report.text(
        f"A weight is a factor's share of the resistance; all add to 1. {heaviest.factor} counts most, "
        f"{number(100 * heaviest.weight, 3)} % of the whole. Lowest and highest: the range of the weight when any "
        f"one judgement is moved by one step of Saaty's scale (3 to 2 or 4, 1 to 1/2 or 2)."
    )
    header = ["factor", "weight", "lowest", "highest"]
    cells: list[list[str | float]] = []
    if any(row.group for row in rows):
        header += ["group", "weight of the group", "weight within the group"]
    for row in rows:
        line: list[str | float] = [row.factor, row.weight, row.weight_low, row.weight_high]
        cells.append(line + ([row.group or "none", row.group_weight, row.local_weight] if len(header) > 4 else []))
    report.table(header, cells)

    def draw(axes: Any) -> None:
        names = [row.factor for row in rows][::-1]
        values = [row.weight for row in rows][::-1]
        axes.barh(names, values, color="#2f7d4f")
        axes.errorbar(
            values,
            names,
            xerr=[
                [row.weight - row.weight_low for row in rows][::-1],
                [row.weight_high - row.weight for row in rows][::-1],
            ],
            fmt="none",
            ecolor="#1d2b24",
            capsize=3,
        )
        axes.set_xlabel("weight (share of 1)")

    report.figure(
        draw, "Weights of the factors with their range under one step of any judgement", height=1.0 + 0.3 * len(rows)
    )


def _add_consistency(report: Report, result: AhpResult) -> None:
    report.heading("Do the judgements agree with each other?")
    report.text(
        f"The consistency ratio compares the contradictions among judgements (A over B, B over C, yet C over A) with "
        f"those of judgements made by chance: 0 is none, 1 is chance, and below {ACCEPTED:g} is accepted (Saaty). "
        f"Random index: {result.choices.random_index}."
    )
    report.table(
        (
            "compared",
            "things",
            "pairs not judged",
            "lambda max",
            "consistency index",
            "random index",
            "consistency ratio",
            "accepted",
        ),
        [
            (
                one.title,
                one.consistency.n,
                one.consistency.missing,
                f"{one.consistency.lambda_max:.6f}",
                one.consistency.ci,
                one.consistency.ri,
                one.consistency.cr,
                _accepted(one, one.consistency.cr),
            )
            for one in result.judged
        ],
    )
    if len(result.hierarchy.comparisons) > 1:
        report.text(
            f"The whole hierarchy: consistency ratio {number(result.consistency_ratio)} (Saaty: the consistency "
            f"indices of all matrices, weighted by the weight of what they belong to, over their random indices "
            f"weighted likewise). Over the matrices of factors alone, as Chinese textbooks define the "
            f"total ranking: {number(result.lowest_level_ratio)}."
        )
    if result.least_consistent != ALL_EXPERTS and len(result.hierarchy.experts) > 1:
        report.text(
            f"Weights are averaged, not judgements, so there is no joint matrix: the consistency ratio and lambda max "
            f"that this step gives are those of the least consistent expert, {result.least_consistent}."
        )
    incomplete = [one for one in result.judged if one.consistency.missing]
    if incomplete:
        report.text(
            "Pairs that were not judged count as the ratio of their weights (Harker 1987). Fewer judgements can "
            "contradict each other less, so the random index is lowered in proportion (Agoston & Csato 2022). With "
            "that of a complete matrix the ratio would be "
            + ", ".join(f"{number(_plain_ratio(one))} for {one.title}" for one in incomplete)
            + "."
        )


def _plain_ratio(one: JudgedMatrix) -> float:
    c = one.consistency
    possible = (c.n - 1) * (c.n - 2)
    share = 1.0 - 2.0 * c.missing / possible if possible else 0.0
    return c.cr * share


def _add_suspects(report: Report, result: AhpResult) -> None:
    found = [(one, suspect) for one in result.judged for suspect in one.suspects]
    if not found:
        return
    report.heading("Which judgements to ask again")
    if all(one.before.cr < ACCEPTED for one in result.judged):
        report.text(
            "The ratios above are accepted, so nothing has to be asked again; these judgements would be the first."
        )
    report.text(
        "The judgements that fit the others worst, the worst first. Misfit: how many times the judgement is off the "
        "ratio of the weights. All others say: the value that follows from all judgements but this one. On the scale: "
        "the value on Saaty's scale with the lowest consistency ratio, and that ratio; 'as "
        "judged' means that no value on the scale lowers it. With three factors all three judgements fit equally "
        "badly. Ask the experts again; do not just replace the judgement."
    )
    report.table(
        ("compared", "pair", "judged", "misfit", "all others say", "on the scale", "ratio now", "ratio then"),
        [
            (
                one.title,
                one.pair(s.row, s.column),
                as_text(s.given),
                s.misfit,
                as_text(s.implied),
                _on_scale(s),
                one.before.cr,
                s.cr_on_scale,
            )
            for one, s in found
        ],
    )


def _on_scale(suspect: Suspect) -> str:
    return "as judged" if suspect.on_scale == suspect.given else as_text(suspect.on_scale)


def _accepted(one: JudgedMatrix, ratio: float) -> bool | str:
    return ratio < ACCEPTED if one.checked else "nothing to check"


def _add_changes(report: Report, result: AhpResult) -> None:
    changes = [(one, change) for one in result.judged for change in one.changes]
    if not changes:
        return
    report.heading("What the repair changed")
    report.text(
        "As few judgements as possible, each by as few steps of Saaty's scale as possible, until the ratio is below "
        f"{ACCEPTED:g}. No expert gave these values: ask the experts whether they can accept them."
    )
    report.table(
        ("compared", "pair", "judged", "used", "steps", "ratio before", "ratio after"),
        [
            (
                one.title,
                one.pair(c.row, c.column),
                as_text(c.old),
                as_text(c.new),
                c.steps,
                one.before.cr,
                one.consistency.cr,
            )
            for one, c in changes
        ],
    )


def _add_experts(report: Report, result: AhpResult) -> None:
    experts, factors = result.experts, result.hierarchy.factors
    report.heading("Do the experts agree?")
    report.text(f"Combined by: {result.choices.aggregation}.")
    report.table(
        ("expert", "weight of the expert", "own consistency ratio", *(f"{factor}, own weight" for factor in factors)),
        [
            (
                expert,
                experts.shares[expert],
                experts.ratios.get(expert, "judged only a part"),
                *(experts.weights[expert].tolist() if expert in experts.weights else [None] * len(factors)),
            )
            for expert in result.hierarchy.experts
        ],
    )
    if result.choices.aggregation is Aggregation.OF_JUDGEMENTS:
        report.text(
            "Each expert's own matrices, with the judgement that fits the others worst and what all other judgements "
            "of the same expert say instead:"
        )
        report.table(
            (
                "expert",
                "compared",
                "pairs not judged",
                "consistency ratio",
                "accepted",
                "fits worst",
                "judged",
                "all others say",
                "on the scale",
                "ratio then",
            ),
            [
                (
                    one.voice,
                    one.comparison.title,
                    one.before.missing,
                    one.before.cr,
                    _accepted(one, one.before.cr),
                    *_worst(one),
                )
                for one in experts.judged
            ],
        )
    _add_agreement(report, experts)


def _add_agreement(report: Report, experts: Experts) -> None:
    if experts.concordance is not None:
        report.text(
            f"Ranks of the factors: Kendall's W {number(experts.concordance, 3)}, where 1 is the same order for all "
            f"and 0 no common order."
        )
    if len(experts.weights) > 1:
        names = list(experts.weights)
        report.text(
            "Compatibility of weights between pairs of experts (Saaty 1994): 1 is the same weights; up to about 1.1 "
            "counts as close."
        )
        report.table(("", *names), [(name, *row) for name, row in zip(names, experts.compatibility.tolist())])
    if experts.apart:
        report.text(f"{experts.apart} differs most from the others. That is not an error: ask for the reasons first.")
    if experts.spreads:
        report.text(
            "Judgements that more than one expert made, the most contested first. Spread is the geometric standard "
            "deviation: 1 is the same answer, 2 says that answers typically differ from the middle by a "
            "factor of 2."
        )
        report.table(
            ("compared", "pair", "experts", "middle", "spread", "lowest", "by", "highest", "by"),
            [
                (
                    s.comparison.title,
                    f"{s.comparison.members[s.row]} against {s.comparison.members[s.column]}",
                    s.count,
                    as_text(s.mean),
                    s.deviation,
                    as_text(s.lowest),
                    s.lowest_by,
                    as_text(s.highest),
                    s.highest_by,
                )
                for s in experts.spreads[:_SHOWN]
            ],
        )


def _worst(one: JudgedMatrix) -> tuple[str | float | None, ...]:
    if not one.suspects:
        return "none", None, None, None, None
    worst = one.suspects[0]
    return (
        one.pair(worst.row, worst.column),
        as_text(worst.given),
        as_text(worst.implied),
        _on_scale(worst),
        worst.cr_on_scale,
    )


def _add_influences(report: Report, result: AhpResult) -> None:
    if not result.influences:
        return
    first = result.influences[0]
    report.heading("Which judgements move the weights")
    report.text(
        f"Each judgement was moved by one step of Saaty's scale, up and down, the others kept. Most moves "
        f"{first.judged.pair(first.row, first.column)} ({first.judged.title}): {number(100 * first.moved, 3)} % of all "
        f"weight goes from some factors to others, most of it from or to {first.factor}. Get such judgements right "
        f"first."
    )
    report.table(
        ("compared", "pair", "judged", "weight that moves (%)", "factor that moves most", "ranks that swap"),
        [
            (
                i.judged.title,
                i.judged.pair(i.row, i.column),
                as_text(i.value),
                100 * i.moved,
                i.factor,
                "; ".join(f"{a} and {b}" for a, b in i.swaps) or "none",
            )
            for i in result.influences[:_SHOWN]
        ],
    )
    swapping = sum(bool(i.swaps) for i in result.influences)
    report.text(f"{swapping} of {len(result.influences)} judgements would swap the rank of two factors or more.")


def _add_matrices(report: Report, result: AhpResult) -> None:
    report.heading("The judgements that were used")
    joint = result.choices.aggregation is Aggregation.OF_JUDGEMENTS and len(result.hierarchy.experts) > 1
    report.text(
        f"The row against the column. Weights: {str(result.choices.method).lower()}."
        + (" Joint judgements of all experts." if joint else "")
    )
    for one in result.judged:
        if not judged_pairs(one.matrix):
            continue
        members = one.comparison.members
        report.text(f"{one.title[0].upper()}{one.title[1:]}")
        report.table(
            ("", *members, "weight"),
            [
                (member, *("not judged" if value != value else as_text(value) for value in row), float(weight))
                for member, row, weight in zip(members, one.matrix.tolist(), one.weights)
            ],
        )

"""The report of the gravity model."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..arrays import Floats
from ..report import Cell, Report
from .gravity import Interaction
from .thresholds import Threshold, ThresholdRule

_SHOWN_PAIRS = 20
_COMPARED_RULES = (ThresholdRule.MEAN, ThresholdRule.MEDIAN, ThresholdRule.NATURAL_BREAKS)


def gravity_report(interaction: Interaction, inputs: Iterable[tuple[str, Cell]]) -> Report:
    """The report: inputs, threshold, sources, the strongest pairs and the matrix.

    Parameters
    ----------
    interaction : Interaction
    inputs : iterable of (name, value)
        Layers and parameters, as the planner gave them.
    """
    report = Report("Gravity model: interaction between sources")
    for message in interaction.warnings:
        report.warning(message)
    report.parameters(inputs)
    pairs = interaction.pairs()
    values = interaction.values
    strongest, weakest = pairs[0], pairs[-1]
    above, dropped, _, _ = interaction.counts_above(interaction.threshold)
    report.heading("Interaction")
    report.text(
        "Gravity: how strongly two sources interact. It grows with the areas of both and falls with the "
        "resistance inside them and with the square of the corridor's accumulated cost. It has no unit; its "
        "order and its ratios count."
    )
    report.table(
        ("quantity", "value"),
        [
            ("pairs of sources with a corridor", len(pairs)),
            ("redundant corridors, which pass through a third source, dropped", interaction.n_redundant),
            (f"threshold (gravity, rule '{interaction.rule}')", interaction.threshold),
            ("pairs above the threshold", above),
            ("of them redundant and dropped", dropped),
            ("important corridors kept", interaction.n_important),
            ("general corridors kept", interaction.n_general),
            (f"largest gravity (sources {strongest[0]} and {strongest[1]})", strongest[2]),
            (f"smallest gravity (sources {weakest[0]} and {weakest[1]})", weakest[2]),
            ("largest cost (resistance x m)", interaction.longest_cost),
        ],
    )
    report.heading("Which corridors other thresholds would make important")
    report.text(
        "The paper takes the mean of all pairs, so that is the default: what interacts more than pairs do on "
        "average is important. A few very near pairs pull the mean up; the median makes half of the pairs "
        "important, and natural breaks part them into the two groups that differ least inside."
    )
    report.table(
        (
            "rule",
            "threshold (gravity)",
            "pairs above",
            "of them redundant and dropped",
            "important kept",
            "general kept",
        ),
        [_by_rule(interaction, rule) for rule in _COMPARED_RULES],
    )
    report.figure(
        lambda axes: _draw(axes, np.sort(values)[::-1], interaction.threshold), "Gravity of all pairs, sorted"
    )
    report.heading("Sources")
    report.table(
        ("source_id", "area (km2)", "mean resistance (no unit)"),
        list(zip((str(i) for i in interaction.ids), interaction.area_km2, interaction.resistance)),
    )
    report.heading("Strongest pairs")
    report.table(
        ("source_a", "source_b", "gravity (no unit)"), [(str(a), str(b), g) for a, b, g in pairs[:_SHOWN_PAIRS]]
    )
    report.heading("Matrix")
    report.table(
        ("", *(str(i) for i in interaction.ids)),
        [
            (str(one), *(None if j < i or np.isnan(value) else float(value) for j, value in enumerate(row)))
            for i, (one, row) in enumerate(zip(interaction.ids, interaction.matrix))
        ],
    )
    report.text("Feng, Bai & Wang (2024), Eq 9 and Table 4; redundant pairs are in the matrix too.")
    return report


def _by_rule(interaction: Interaction, rule: ThresholdRule) -> tuple[str | float | None, ...]:
    """A row of the table of rules; natural breaks need two different values."""
    used = f"{rule} (used)" if rule is interaction.rule else str(rule)
    if rule is ThresholdRule.NATURAL_BREAKS and np.ptp(interaction.values) == 0:
        return (used, *[None] * 5)
    threshold = Threshold(rule).of(interaction.values)
    return (used, threshold, *interaction.counts_above(threshold))


def _draw(axes: Any, values: Floats, threshold: float) -> None:
    axes.semilogy(np.arange(1, len(values) + 1), values, ".", color="#2f7d4f")
    axes.axhline(threshold, color="#b5462f", linewidth=1)
    axes.set_xlabel("pair, strongest first")
    axes.set_ylabel("gravity")

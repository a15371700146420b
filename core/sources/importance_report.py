"""The report of the composite importance."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..arrays import Floats
from ..natural_breaks.report import ClassedValues, report_classes
from ..report import Report, number
from .components import Weighting, weights_by_rule
from .components_report import report_components
from .importance import CLASS_WORDS, Importance


def importance_report(result: Importance, parameters: Iterable[tuple[str, Any]] = ()) -> Report:
    """The report of :func:`~.importance.service_importance`: correlations, tests, components, weights, classes."""
    report = Report("Importance of ecosystem services")
    for text in result.warnings:
        report.warning(text)
    report.parameters(parameters)
    _report_weights(report, result)
    report_components(report, result.components, grid_size_m=result.cells.size_m, weighting=result.weighting)
    report.heading("Classes")
    template = result.classes.template
    counts = np.bincount(result.classes.values.reshape(-1), minlength=len(result.breaks.breaks) + 1)[1:]
    report_classes(
        report,
        result.breaks,
        ClassedValues(
            result.importance.values,
            "importance (0 to 1)",
            counts.tolist(),
            template.cell_area_m2 / 1e6,
            CLASS_WORDS.get(len(counts)),
        ),
    )
    report.text(
        f"Breaks taken from the {result.choices.classify_on}; goodness of variance fit {number(result.breaks.gvf)} (1 "
        f"would be a perfect fit). The lowest value belongs to class 1."
    )
    report.text(
        "To compare years, give the upper bounds and the weights that were used for one year to the other. Each "
        "service is still normalised by its own minimum and maximum of the year: where these differ between the "
        "years (table of weights), the same importance does not mean the same service."
    )
    return report


def _report_weights(report: Report, result: Importance) -> None:
    report.heading("Weights")
    report.text(
        f"Weighting used: {result.weighting}. A weight is a service's share of the importance; all add to 1. "
        f"Minimum and maximum are in the service's own unit and became 0 and 1."
    )
    report.table(
        ("service", "weight (share of 1)", "minimum", "maximum", "cells limited to the percentiles"),
        [(n, float(w), *r) for n, w, r in zip(result.names, result.weights, result.ranges)],
    )
    by_rule = weights_by_rule(result.cells.means[result.cells.used], result.components)
    by_rule[result.weighting] = result.weights
    if len(by_rule) > 1:
        report.text(
            "What the other ways of weighing would give. Where the columns differ much, the weights rest on "
            "the choice of the rule, and the importance with them."
        )
        report.table(
            ("service", *(f"{rule} (used)" if rule == result.weighting else rule for rule in by_rule)),
            [(name, *(float(weights[k]) for weights in by_rule.values())) for k, name in enumerate(result.names)],
        )
        even = np.full(len(result.names), 1 / len(result.names))
        apart = {rule: float(np.abs(weights - even).max()) for rule, weights in by_rule.items()}
        widest = max(apart, key=lambda rule: apart[rule])
        report.text(f"Farthest from equal weights: {widest}, by up to {number(apart[widest])} for one service.")
    report.figure(
        lambda axes: _draw_weights(axes, result, by_rule), "Weights of the services by every rule", height=3.4
    )


def _draw_weights(axes: Any, result: Importance, by_rule: dict[Weighting, Floats]) -> None:
    width, places = 0.8 / len(by_rule), np.arange(len(result.names))
    others = iter(("#8fb8a0", "#b7c4bb", "#d99a00", "#7a8fb0", "#b5462f"))
    for index, (rule, weights) in enumerate(by_rule.items()):
        used = rule == result.weighting
        axes.bar(
            places + (index - (len(by_rule) - 1) / 2) * width,
            weights,
            width,
            color="#2f7d4f" if used else next(others),
            label=f"{rule} (used)" if used else str(rule),
        )
    axes.set_xticks(places)
    axes.set_xticklabels(result.names)
    axes.set_ylabel("weight (share of 1)")
    axes.legend(fontsize="small", loc="lower center", bbox_to_anchor=(0.5, 1), ncol=len(by_rule), frameon=False)

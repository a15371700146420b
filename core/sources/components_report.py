"""The section of a report on the principal components of services."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..report import number, p_value
from .components import ComponentMatrix, Components, Weighting

if TYPE_CHECKING:
    from ..report import Report


def report_components(
    report: Report, components: Components | None, *, grid_size_m: float, weighting: Weighting
) -> None:
    """Add correlations, tests, components and their loadings to a report.

    Parameters
    ----------
    report : Report
        What the section is added to.
    components : Components or None
        None where they could not be computed.
    grid_size_m : float
        Side of the grid cells that are the observations.
    weighting : Weighting
        The rule that was used.
    """
    report.heading("Principal components of the grid cells")
    if components is None:
        report.text("Not computed: they need services that vary over at least three grid cells.")
        return
    if not weighting.needs_components:
        report.text(f"For comparison only: the weights are {weighting} ones.")
    report.text(f"{components.n} grid cells of {number(grid_size_m)} m.")
    report.text(components.kmo_text())
    _report_matrices(report, components)
    _report_tests(report, components)
    _report_loadings(report, components)
    report.figure(
        lambda axes: _draw_scree(axes, components),
        "Scree plot: eigenvalues of the components, their share of the variance, and the mean eigenvalue",
        height=3.4,
    )


def _report_matrices(report: Report, c: Components) -> None:
    report.table(
        ("correlation (-1 to 1)", *c.names), [(name, *map(float, row)) for name, row in zip(c.names, c.correlation)]
    )
    if c.matrix == ComponentMatrix.COVARIANCE:
        report.text(
            "The components are of the covariance matrix, of services normalised to 0 to 1: a service that "
            "uses more of its range between the grid cells counts for more. KMO, MSA and Bartlett's test are of "
            "the correlations, as they always are."
        )
        report.table(
            ("covariance", *c.names, "standard deviation"),
            [(name, *map(float, row), float(s)) for name, row, s in zip(c.names, c.covariance, c.deviations)],
        )


def _report_tests(report: Report, c: Components) -> None:
    two = len(c.names) == 2
    report.table(
        ("test", "value"),
        [
            ("KMO overall (0 to 1)", "not applicable (always 0.5 with two services)" if two else _defined(c.kmo)),
            *((f"MSA {name} (0 to 1)", _defined(value)) for name, value in zip(c.names, c.msa) if not two),
            ("Bartlett chi2", _defined(c.bartlett_chi2)),
            ("Bartlett degrees of freedom", c.bartlett_df),
            ("Bartlett p", "not defined" if math.isnan(c.bartlett_p) else p_value(c.bartlett_p)),
        ],
    )
    report.text(
        "KMO and MSA: how much of what services share is shared by all, not by pairs alone. Bartlett: whether "
        "services correlate at all; its p assumes independent observations, and neighbouring grid cells "
        "are correlated in space, so it is smaller than it should be."
    )


def _report_loadings(report: Report, c: Components) -> None:
    two, covariance = len(c.names) == 2, c.matrix == ComponentMatrix.COVARIANCE
    if not two:
        report.text(c.kept_text())
    parts = [f"component {i + 1}" for i in range(len(c.names))]
    rows: list[tuple[str | float, ...]] = [
        (f"loading of {name} (-1 to 1)", *map(float, row)) for name, row in zip(c.names, c.rescaled_loadings)
    ]
    if covariance:
        rows += [(f"raw loading of {name}", *map(float, row)) for name, row in zip(c.names, c.loadings)]
    report.table(
        ("", *parts),
        [
            ("eigenvalue", *map(float, c.eigenvalues)),
            ("explained variance (%)", *map(float, 100 * c.explained)),
            ("explained so far (%)", *map(float, 100 * np.cumsum(c.explained))),
            ("kept", *(i < c.kept for i in range(len(parts)))),
            *rows,
        ],
    )
    report.text(
        "A loading is the correlation of a service with a component, with its sign: services of one sign rise "
        "and fall together, services of opposite signs replace each other. The sign of a whole component is "
        "free; here its loadings add to a positive number."
        + (" Raw loadings are in the normalised service's own unit." if covariance else "")
    )
    if not two:
        report.table(("service", "communality (0 to 1)"), list(zip(c.names, map(float, c.communalities))))
        report.text(
            "A communality is the share of a service's own variance that the kept components hold; the rest of "
            "its variance has no influence on weights from components."
        )


def _draw_scree(axes: Any, components: Components) -> None:
    places, mean = np.arange(1, len(components.names) + 1), float(components.eigenvalues.mean())
    kept = places <= components.kept
    axes.plot(places, components.eigenvalues, "-", color="#2f7d4f", zorder=1)
    axes.plot(places[kept], components.eigenvalues[kept], "o", color="#2f7d4f", label="kept")
    axes.plot(
        places[~kept], components.eigenvalues[~kept], "o", color="#2f7d4f", markerfacecolor="white", label="dropped"
    )
    axes.axhline(mean, color="#b5462f", linewidth=1, linestyle="--", label=f"mean eigenvalue, {number(mean)}")
    for place, value, share in zip(places, components.eigenvalues, components.explained):
        axes.annotate(
            f"{100 * share:.1f} %", (place, value), textcoords="offset points", xytext=(6, 6), fontsize="small"
        )
    axes.set_xticks(places)
    axes.set_ylim(0, 1.15 * components.eigenvalues[0])
    axes.margins(x=0.1)
    axes.set_xlabel("component")
    axes.set_ylabel("eigenvalue")
    axes.legend(fontsize="small")


def _defined(value: float) -> str | float:
    return "not defined" if math.isnan(value) else float(value)

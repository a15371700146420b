"""Natural breaks in reports."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import AnyArray, Floats
from ..crs import require_metres
from ..errors import InputError
from ..grid.grid import Grid
from ..report import Report, number
from .classes import NaturalBreaks
from .optimum import CHUNK


@dataclass(frozen=True)
class ClassedValues:
    """What a report shows of values and their classes.

    Parameters
    ----------
    values : array of numbers
        What the histogram shows; NaN and infinite ones are left out.
    quantity : str
        What the values are, with their unit.
    counts : sequence of int
        Map cells in each class.
    cell_area_km2 : float, optional
        Without it areas are left out.
    meanings : sequence of str, optional
        What each class means.
    """

    values: AnyArray
    quantity: str
    counts: Sequence[int]
    cell_area_km2: float | None = None
    meanings: Sequence[str] | None = None


def breaks_report(grid: Grid, found: NaturalBreaks, parameters: Iterable[tuple[str, Any]] = ()) -> Report:
    """The report of `classes.classify_raster`: bounds, cells, areas and shares of the classes, and their histogram."""
    report = Report("Natural breaks")
    report.parameters(parameters)
    report.heading("Classes")
    report.text(
        f"Goodness of variance fit {number(found.gvf)}: the classes explain {100 * found.gvf:.1f} % of the "
        f"variance of '{grid.name}', and no other division into {len(found.breaks)} classes explains more."
    )
    try:
        require_metres(grid.template.crs, grid.name)
        area_km2: float | None = grid.template.cell_area_m2 / 1e6
    except InputError:  # degrees or feet: cells are counted
        area_km2 = None
    report_classes(
        report, found, ClassedValues(grid.values[grid.valid], f"value of {grid.name}", found.counts, area_km2)
    )
    return report


def report_classes(report: Report, found: NaturalBreaks, classed: ClassedValues) -> None:
    """A table of classes, the highest first, and a histogram of the values with the breaks."""
    _add_table(report, found, classed)
    if found.minimum < found.breaks[-1]:
        _add_histogram(report, found, classed)


def _add_table(report: Report, found: NaturalBreaks, classed: ClassedValues) -> None:
    area_km2, meanings, counts = classed.cell_area_km2, classed.meanings, classed.counts
    lower, total = [found.minimum, *found.breaks[:-1]], max(1, int(sum(counts)))
    shown = found.shown_breaks
    upper: list[str | float] = [*map(float, shown), *["no value above"] * (len(found.breaks) - len(shown))]
    header = [
        "class",
        *(["meaning"] if meanings else []),
        f"{classed.quantity}: above",
        "up to",
        "cells",
        *(["area (km2)"] if area_km2 else []),
        "share (%)",
    ]
    rows: list[list[str | float]] = [
        [
            k + 1,
            *([meanings[k]] if meanings else []),
            float(lower[k]),
            upper[k],
            int(counts[k]),
            *([float(counts[k] * area_km2)] if area_km2 else []),
            float(100 * counts[k] / total),
        ]
        for k in reversed(range(len(found.breaks)))
    ]
    report.table(header, rows)


def _add_histogram(report: Report, found: NaturalBreaks, classed: ClassedValues) -> None:
    edges = np.linspace(found.minimum, found.breaks[-1], 61)
    heights: Floats = np.zeros(60)
    flat = np.asarray(classed.values).reshape(-1)
    for start in range(0, flat.size, CHUNK):
        part = flat[start : start + CHUNK].astype(np.float64)
        heights += np.histogram(part[np.isfinite(part)], edges)[0]

    def histogram(axes: Any) -> None:
        axes.bar(edges[:-1], heights * (classed.cell_area_km2 or 1), np.diff(edges), align="edge", color="#8fb8a0")
        for index, bound in enumerate(found.breaks[:-1]):
            axes.axvline(bound, color="#b5462f", linewidth=1, label="" if index else "upper bounds of the classes")
        axes.set_xlabel(classed.quantity)
        axes.set_ylabel("area (km2)" if classed.cell_area_km2 else "cells")
        axes.legend(fontsize="small")

    report.figure(histogram, f"Histogram of {classed.quantity} with the breaks between the classes", height=3.4)

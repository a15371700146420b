"""Natural breaks in reports."""

import numpy as np

from ..crs import require_metres
from ..errors import InputError
from ..report import Report, number
from .optimum import CHUNK


def breaks_report(grid, found, parameters=()):
    """The report of :func:`classify_raster`: bounds, cells, areas and shares of the classes, and their histogram."""
    report = Report("Natural breaks")
    report.parameters(parameters)
    report.heading("Classes")
    report.text(
        f"Goodness of variance fit {number(found.gvf)}: the classes explain {100 * found.gvf:.1f} % of the "
        f"variance of '{grid.name}', and no other division into {len(found.breaks)} classes explains more."
    )
    try:
        require_metres(grid.template.crs, grid.name)
        area_km2 = grid.template.cell_area_m2 / 1e6
    except InputError:  # degrees or feet: cells are counted
        area_km2 = None
    report_classes(report, found, grid.values[grid.valid], f"value of {grid.name}", found.counts, area_km2)
    return report


def report_classes(report, found, values, quantity, counts, cell_area_km2=None, words=None):
    """A table of classes, the highest first, and a histogram of the values with the breaks.

    Parameters
    ----------
    report : Report
    found : NaturalBreaks
    values : array of numbers
        What the histogram shows; NaN and infinite ones are left out.
    quantity : str
        What the values are, with their unit.
    counts : list of int
        Map cells in each class.
    cell_area_km2 : float, optional
        Without it areas are left out.
    words : list of str, optional
        What each class means.
    """
    lower, total = [found.minimum, *found.breaks[:-1]], max(1, int(sum(counts)))
    upper = [*map(float, found.told()), *["no value above"] * (len(found.breaks) - len(found.told()))]
    header = [
        "class",
        *(["meaning"] if words else []),
        f"{quantity}: above",
        "up to",
        "cells",
        *(["area (km2)"] if cell_area_km2 else []),
        "share (%)",
    ]
    report.table(
        header,
        [
            [
                k + 1,
                *([words[k]] if words else []),
                float(lower[k]),
                upper[k],
                int(counts[k]),
                *([float(counts[k] * cell_area_km2)] if cell_area_km2 else []),
                float(100 * counts[k] / total),
            ]
            for k in reversed(range(len(found.breaks)))
        ],
    )
    if not found.minimum < found.breaks[-1]:
        return
    edges = np.linspace(found.minimum, found.breaks[-1], 61)
    heights, flat = np.zeros(60), np.asarray(values).reshape(-1)
    for start in range(0, flat.size, CHUNK):
        part = flat[start : start + CHUNK].astype(np.float64)
        heights += np.histogram(part[np.isfinite(part)], edges)[0]

    def histogram(axes):
        axes.bar(edges[:-1], heights * (cell_area_km2 or 1), np.diff(edges), align="edge", color="#8fb8a0")
        for index, bound in enumerate(found.breaks[:-1]):
            axes.axvline(bound, color="#b5462f", linewidth=1, label="" if index else "upper bounds of the classes")
        axes.set_xlabel(quantity)
        axes.set_ylabel("area (km2)" if cell_area_km2 else "cells")
        axes.legend(fontsize="small")

    report.figure(histogram, f"Histogram of {quantity} with the breaks between the classes", height=3.4)

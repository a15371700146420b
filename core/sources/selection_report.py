"""The report of the selection of sources."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from ..report import Cell, Report, number
from .selection import number_or_nan
from .source import Selection

_BARS = 40  # sources in the chart


def selection_report(found: Selection, parameters: Iterable[tuple[str, Cell]] = ()) -> Report:
    """The sources, what became of every patch, and why."""
    report = Report("Ecological sources")
    for text in found.warnings:
        report.warning(text)
    if len(found.sources) == 1:
        report.warning("There is one source only: corridors need at least two.")
    report.parameters(parameters)
    total = sum(s.area_km2 for s in found.sources)
    report.heading("Sources")
    report.text(
        f"{len(found.sources)} sources of {number(total)} km2 in all were chosen out of "
        f"{len(found.decisions)} patches. Steps, in this order: ground that may not be a source is cut out; "
        f"patches close to each other are merged; size class, least area and least dPC are asked for; of what "
        f"is left the first by dPC stay, by share of connectivity and by number; polygons that must be sources "
        f"are added, and joined with the sources that they overlap."
    )
    if found.curve is not None:
        report.text(
            f"The chosen patches alone keep {number(100 * found.ec_kept)} % of the equivalent connectivity "
            f"(EC) of the {len(found.curve)} patches in question. EC is the size of one patch alone in which "
            f"animals could move as freely as in all of them together. {found.measured}"
        )
    _sources_table(report, found)
    _figures(report, found)
    _patches_table(report, found)
    return report


def _sources_table(report: Report, found: Selection) -> None:
    total = sum(s.area_km2 for s in found.sources)
    report.table(
        (
            "source_id",
            "patch_id",
            "area (km2)",
            "share of all sources (%)",
            "mean importance",
            "dPC (%)",
            "merged patches",
            "made of",
        ),
        [
            (
                s.source_id,
                s.patch_id,
                s.area_km2,
                100 * s.area_km2 / total,
                _known(s.importance_mean),
                _known(s.dpc),
                s.merged,
                s.origin,
            )
            for s in found.sources
        ],
    )


def _figures(report: Report, found: Selection) -> None:
    def draw(axes: Any) -> None:
        shown = found.sources[:_BARS]
        axes.bar([str(s.source_id) for s in shown], [s.area_km2 for s in shown], color="#2f7d4f")
        axes.tick_params(axis="x", labelsize=7)
        axes.set_xlabel("source")
        axes.set_ylabel("area (km2)")

    report.figure(draw, "Areas of the sources", height=3.2)
    curve = found.curve
    if curve is None:
        return

    def draw_curve(axes: Any) -> None:
        axes.plot(range(1, len(curve) + 1), 100 * curve, color="#2f7d4f", marker=".")
        axes.set_xlabel("patches kept, the most important first")
        axes.set_ylabel("EC kept (%)")
        axes.set_ylim(0, 105)

    report.figure(draw_curve, "Share of connectivity kept by the first patches by dPC", height=3.2)


def _patches_table(report: Report, found: Selection) -> None:
    report.heading("Every patch, and why it is or is not a source")
    attributes = found.patches.attributes
    report.table(
        ("feature", "patch_id", "area (km2)", "size class", "dPC (%)", "what became of it"),
        [
            (
                index + 1,
                row.get("patch_id"),
                found.areas_km2[index],
                row.get("size_class"),
                _known(number_or_nan(row.get("dpc"))),
                "; ".join(found.decisions[index]),
            )
            for index, row in enumerate(attributes)
        ],
    )


def _known(value: float) -> Cell:
    return "not known" if math.isnan(value) else value

"""The report of the patches."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from ..report import Report, number
from .patches import Delineation, SizeSummary, size_summary

_LISTED = 30  # the largest patches


def patches_report(found: Delineation, parameters: Iterable[tuple[str, Any]] = ()) -> Report:
    """The report of a :class:`~.patches.Delineation`: counts and areas by size class, changes, the largest."""
    report = Report("Patches of important ground")
    rows, total = size_summary(found.patches), found.total_km2
    super_large, small = rows[0], rows[3]
    if not super_large.patch_count:
        report.warning(
            f"No patch is super-large (above {found.bands[2]:g} km2), and the paper takes its sources from "
            f"these: choose other size classes when you select sources, or other limits."
        )
    if small.area_km2 > total / 2:
        report.warning(
            f"Small patches (below {found.bands[0]:g} km2) hold {small.share:.0f} % of the patches' area: "
            f"the important ground is scattered."
        )
    report.parameters(parameters)
    _report_size_classes(report, found, rows)
    report.heading("What the options changed")
    for text in _change_texts(found):
        report.text(text)
    _report_largest(report, found)
    return report


def _report_size_classes(report: Report, found: Delineation, rows: Sequence[SizeSummary]) -> None:
    patches, total = found.patches, found.total_km2
    report.heading("Patches by size class")
    report.text(
        f"{len(patches)} patches cover {number(total)} km2, {number(100 * total / found.map_km2)} % of the "
        f"{number(found.map_km2)} km2 of '{found.map_name}' that have a value. One cell is "
        f"{number(found.cell_km2)} km2."
    )
    small, medium, large = found.bands
    limits = (f"above {large:g}", f"{medium:g} to {large:g}", f"{small:g} to below {medium:g}", f"below {small:g}")
    report.table(
        (
            "size class",
            "limits (km2)",
            "patches",
            "area (km2)",
            "share of the patches' area (%)",
            "share of the map (%)",
        ),
        [
            (row.size_class, limit, row.patch_count, row.area_km2, row.share, 100 * row.area_km2 / found.map_km2)
            for row, limit in zip(rows, limits)
        ]
        + [("all", "", len(patches), total, 100.0, 100 * total / found.map_km2)],
    )
    report.figure(lambda axes: _draw_areas(axes, rows), "Area and number of patches by size class", height=3.2)
    report.text(
        "A large share in super-large patches means that the important ground is whole; a large share in small "
        "ones that it is broken up. For comparison only: the paper gives 51.3, 4.7, 14.5 and 29.5 % of the "
        "area for super-large, large, medium and small patches of its city, Fushun (Feng, Bai & Wang 2024, "
        "Results), and calls the landscape seriously fragmented."
    )


def _draw_areas(axes: Any, rows: Sequence[SizeSummary]) -> None:
    bars = axes.bar([row.size_class for row in rows], [row.area_km2 for row in rows], color="#2f7d4f")
    for bar, row in zip(bars, rows):
        axes.annotate(
            f"{row.patch_count} patch(es)",
            (bar.get_x() + bar.get_width() / 2, bar.get_height()),
            ha="center",
            va="bottom",
            fontsize=8,
        )
    axes.set_ylabel("area (km2)")
    axes.margins(y=0.12)


def _report_largest(report: Report, found: Delineation) -> None:
    shown, total = found.patches[:_LISTED], found.total_km2
    report.heading(f"The {len(shown)} largest patches" if len(shown) < len(found.patches) else "All patches")
    added = np.cumsum([p.area_km2 for p in shown])
    report.table(
        ("patch_id", "size class", "area (km2)", "share of the patches' area (%)", "together (%)", "mean importance"),
        [
            (
                p.patch_id,
                p.size_class,
                p.area_km2,
                100 * p.area_km2 / total,
                100 * together / total,
                "not known" if math.isnan(p.importance_mean) else p.importance_mean,
            )
            for p, together in zip(shown, added)
        ],
    )


def _change_texts(found: Delineation) -> Iterator[str]:
    """A sentence for each option: what it changed, or that it is off."""
    if found.filled is None:
        yield "Holes: kept as they are (no largest hole is given)."
    else:
        yield (
            f"Holes: {found.filled.holes} were filled, {number(found.filled.area_km2)} km2 in all, which now count as "
            f"ground of the patches around them."
            + (
                f" {found.filled.kept} hole(s) of that size hold cells without a value and were kept."
                if found.filled.kept
                else ""
            )
        )
    if found.cut is None:
        yield "Narrow parts: kept (no least width is given)."
    else:
        yield (
            f"Narrow parts: {number(found.cut.area_km2)} km2 were cut off; {found.cut.gone} patch(es) consisted of "
            f"nothing else and are gone, {found.cut.split} fell into pieces, each a patch of its own."
        )
    if found.dropped is None:
        yield "Small patches: kept (no least area is given)."
    else:
        yield (
            f"Small patches: {found.dropped.patches} below the least area were dropped, "
            f"{number(found.dropped.area_km2)} km2 in all."
        )

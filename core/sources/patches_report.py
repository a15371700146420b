"""The report of the patches."""

import math

import numpy as np

from ..report import Report, number
from .patches import LISTED, size_summary


def patches_report(found, parameters=()):
    """The report of a :class:`Delineation`: counts and areas by size class, what options changed, the largest."""
    report = Report("Patches of important ground")
    patches, rows = found.patches, size_summary(found.patches)
    total = found.total_km2
    if not rows[0][1]:
        report.warning(
            f"No patch is super-large (above {found.bands[2]:g} km2), and the paper takes its sources from "
            f"these: choose other size classes when you select sources, or other limits."
        )
    if rows[3][2] > total / 2:
        report.warning(
            f"Small patches (below {found.bands[0]:g} km2) hold {rows[3][3]:.0f} % of the patches' area: "
            f"the important ground is scattered."
        )
    report.parameters(parameters)
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
            (name, limit, count, area, share, 100 * area / found.map_km2)
            for (name, count, area, share), limit in zip(rows, limits)
        ]
        + [("all", "", len(patches), total, 100.0, 100 * total / found.map_km2)],
    )

    def draw(axes):
        bars = axes.bar([row[0] for row in rows], [row[2] for row in rows], color="#2f7d4f")
        for bar, row in zip(bars, rows):
            axes.annotate(
                f"{row[1]} patch(es)",
                (bar.get_x() + bar.get_width() / 2, bar.get_height()),
                ha="center",
                va="bottom",
                fontsize=8,
            )
        axes.set_ylabel("area (km2)")
        axes.margins(y=0.12)

    report.figure(draw, "Area and number of patches by size class", height=3.2)
    report.text(
        "A large share in super-large patches means that the important ground is whole; a large share in small "
        "ones that it is broken up. For comparison only: the paper tells 51.3, 4.7, 14.5 and 29.5 % of the "
        "area for super-large, large, medium and small patches of its city, Fushun (Feng, Bai & Wang 2024, "
        "Results), and calls the landscape seriously fragmented."
    )
    report.heading("What the options changed")
    for text in _changes(found):
        report.text(text)
    shown = patches[:LISTED]
    report.heading(f"The {len(shown)} largest patches" if len(shown) < len(patches) else "All patches")
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
    return report


def _changes(found):
    if found.filled is None:
        yield "Holes: kept as they are (HOLES is empty)."
    else:
        holes, area, unknown = found.filled
        yield (
            f"Holes: {holes} were filled, {number(area)} km2 in all, which now count as ground of the patches "
            f"around them."
            + (f" {unknown} hole(s) of that size hold cells without a value and were kept." if unknown else "")
        )
    if found.cut is None:
        yield "Narrow parts: kept (SLIVERS is empty)."
    else:
        yield (
            f"Narrow parts: {number(found.cut[0])} km2 were cut off; {found.cut[1]} patch(es) consisted of nothing "
            f"else and are gone, {found.cut[2]} fell into pieces, each a patch of its own."
        )
    if found.dropped is None:
        yield "Small patches: kept (MIN_AREA is empty)."
    else:
        yield (
            f"Small patches: {found.dropped[0]} below the least area were dropped, {number(found.dropped[1])} km2 "
            f"in all."
        )

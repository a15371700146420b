"""The report of a resistance surface, for planners."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..progress import SILENT, Progress
from ..report import Report, number
from .effects import SurfaceValues, values_of
from .factors import FACTOR_LABELS, MINE
from .surface import ResistanceSurfaces
from .zones import DISTRICT, LAND_COVER, Zone

LOW_CONTRAST = 3.0
"""Below this quotient of hard (95 %) to easy (5 %) ground the report says that the contrast is small; ours."""


def resistance_report(
    surfaces: ResistanceSurfaces,
    *,
    zones: Sequence[Zone] = (),
    parameters: Iterable[tuple[str, Any]] = (),
    log_lines: Sequence[str] = (),
    progress: Progress = SILENT,
) -> Report:
    """The report of a resistance surface, for planners.

    Parameters
    ----------
    surfaces : surface.ResistanceSurfaces
        Best made with ``explain``.
    zones : sequence of Zone
    parameters : iterable of (name, value)
    log_lines : sequence of str
        Messages that the run logged on its choices.
    """
    report = Report("Resistance surface")
    maps = {"base (without mines)": surfaces.base, "mines alone": surfaces.mines, "integrated": surfaces.integrated}
    values = {name: values_of(grid, progress=progress) for name, grid in maps.items() if grid is not None}
    _contrast(report, values["integrated"])
    _surfaces(report, values, surfaces)
    _factors(report, surfaces)
    _effects(report, surfaces)
    _zones(report, zones, surfaces)
    report.parameters(parameters)
    if log_lines:
        report.heading("Messages of the run")
        for text in log_lines:
            report.text(text)
    return report


def _contrast(report: Report, whole: SurfaceValues) -> None:
    """The contrast: the resistance of hard ground over that of easy ground."""
    report.heading("How much the surface deters")
    if math.isnan(whole.mean):
        report.text("The integrated surface has no value anywhere.")
        return
    report.text(
        f"Hard ground (the 5 % of cells with the highest resistance, {number(whole.percent_95)} and above) costs "
        f"{number(whole.contrast, 3)} times what easy ground costs (the 5 % with the lowest, "
        f"{number(whole.percent_5)} and below). A corridor goes round hard ground only while the way round over "
        f"easy ground is less than that many times as long."
    )
    if whole.contrast < LOW_CONTRAST:
        report.warning(
            f"The contrast is small: hard ground costs {number(whole.contrast, 3)} times what easy ground "
            f"costs. A weighted sum of 1 to 5 hardly deters a path; corridors may run straight through. Consider a "
            f"transform (power, 1 to 100) or hard barriers, and compare."
        )


def _surfaces(report: Report, values: Mapping[str, SurfaceValues], surfaces: ResistanceSurfaces) -> None:
    """Lowest to highest value of each surface, and a histogram."""
    report.heading("The surfaces")
    report.table(
        ("surface", "lowest", "5 %", "mean", "95 %", "highest", "cells with a value (%)"),
        [
            (name, v.lowest, v.percent_5, v.mean, v.percent_95, v.highest, 100 * v.valid_share)
            for name, v in values.items()
        ],
    )
    if surfaces.mines is None:
        report.text("No mines were given: the integrated surface equals the base surface.")
    else:
        report.text(
            "The base surface leaves mines out and scales the other weights to 1; the mines' own surface is not "
            "weighted; the integrated one is the weighted sum of all factors (Figs 3 to 5 of the paper)."
        )

    def histogram(axes: Any) -> None:
        for (name, v), colour in zip(values.items(), ("#2f7d4f", "#4a2c5e", "#b5462f")):
            if v.counts.any() and name != "mines alone":
                axes.stairs(100 * v.counts / v.counts.sum(), v.edges, label=name, color=colour)
        axes.set_xlabel("resistance")
        axes.set_ylabel("share of the cells (%)")
        axes.legend()

    report.figure(histogram, "Share of the cells by resistance, base and integrated surface", height=3.2)


def _factors(report: Report, surfaces: ResistanceSurfaces) -> None:
    """Weight, mean score and share of dominated cells of each factor."""
    report.heading("Factors and weights")
    rows, left_out = [], []
    for use in surfaces.factors:
        label = FACTOR_LABELS.get(use.name, use.name)
        if not use.used:
            left_out.append(f"{label} ({number(use.given_weight)})")
            continue
        rows.append(
            (
                label,
                use.given_weight,
                use.base_weight if use.name != MINE else None,
                use.weight,
                use.mean,
                use.weight * use.mean,
                None if math.isnan(use.dominant_share) else 100 * use.dominant_share,
                100 * use.missing_share,
            )
        )
    report.table(
        (
            "factor",
            "weight given",
            "weight in the base surface",
            "weight in the integrated surface",
            "mean score",
            "mean contribution (weight x score)",
            "decides (% of cells)",
            "cells without a value (%)",
        ),
        rows,
    )
    if left_out:
        report.text(
            f"Without a map: {', '.join(left_out)}. Their weights were shared out among the others in proportion, "
            f"so that weights add to 1."
        )
    report.text(
        "A factor decides a cell where its weight times its score above the lowest is the largest: it is what "
        "makes that cell hard. Where all factors score their lowest none decides."
    )
    if any(use.used and use.name == "elevation" for use in surfaces.factors):
        report.text(
            "Elevation in Table 1: ground down to 125 m below the datum scores 1, so the depth of a pit is no "
            "obstacle there but eases passage. Mind the date of the elevation map: SRTM was flown in 2000 and is "
            "older than many pits and dumps."
        )


def _effects(report: Report, surfaces: ResistanceSurfaces) -> None:
    """What each option did to each surface."""
    report.heading("What the options changed")
    if not surfaces.effects:
        report.text(
            "No transform, correction or hard barrier was chosen: the surfaces are the weighted sums themselves."
        )
        return
    rows = [
        (
            effect.option,
            effect.surface,
            None if math.isnan(effect.mean_change) else effect.mean_change,
            "not defined" if math.isnan(effect.correlation) else effect.correlation,
            100 * effect.changed_share,
            _range(effect.before),
            _range(effect.after),
            effect.closed,
        )
        for effect in surfaces.effects
    ]
    report.table(
        (
            "option",
            "surface",
            "mean absolute change",
            "correlation with the surface before",
            "cells changed (%)",
            "range before",
            "range after",
            "cells closed",
        ),
        rows,
    )
    report.text(
        "Options act one after the other: transform, correction, hard barriers. Multiplying a whole surface "
        "moves no corridor; what counts is the correlation (1: the same order and proportions) and the range."
    )


def _zones(report: Report, zones: Sequence[Zone], surfaces: ResistanceSurfaces) -> None:
    """Means by land cover and by district."""
    for kind, title in ((LAND_COVER, "By land cover"), (DISTRICT, "By district")):
        own = [zone for zone in zones if zone.zone_kind == kind]
        if not own:
            continue
        report.heading(title)
        with_mines = surfaces.mines is not None
        header = [kind, "area with a value (km2)", "mean base resistance"]
        if with_mines:
            header += ["mean of mines alone", "mean integrated resistance", "integrated minus base"]
        report.table(
            [*header, "mostly decided by", "on (% of its cells)"],
            [_zone_row(zone, with_mines=with_mines) for zone in own],
        )
        if with_mines:
            report.text(
                "Integrated minus base is what mines change. It falls below 0 where no mine is near: there the factor "
                "mines scores 1 and thins out the others, whose weights are smaller in the integrated surface."
            )
        if kind == LAND_COVER:
            report.text(
                "Classes are those of the land-cover map as it was given; the ground of restored mines keeps its "
                "class here."
            )


def _zone_row(zone: Zone, *, with_mines: bool) -> list[str | float | None]:
    row: list[str | float | None] = [zone.zone, zone.area_km2, _defined(zone.base_mean)]
    if with_mines:
        row += [_defined(zone.mine_mean), _defined(zone.resistance_mean), _defined(zone.mine_effect)]
    return [*row, zone.main_factor or "none", None if math.isnan(zone.main_share) else 100 * zone.main_share]


def _defined(value: float) -> float | None:
    return None if math.isnan(value) else value


def _range(pair: tuple[float, float]) -> str:
    return "no value" if math.isnan(pair[0]) else f"{number(pair[0], 3)} to {number(pair[1], 3)}"

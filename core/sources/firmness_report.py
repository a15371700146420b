"""What the firmness of a list of sources means: plain sentences, tables and the heat map."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..arrays import Floats
from ..report import Report, joined, number
from .firmness import Firmness
from .firmness_choices import ChoiceKind
from .firmness_scores import VERDICTS
from .firmness_sources import FirmSource
from .firmness_variants import ROUNDING, Variant

_WEAKEST_SHOWN = 10
_IN_HEAT_MAP = 60  # sources
_IN_TABLE = 200  # sources


def conclusions(result: Firmness) -> list[str]:
    """Plain sentences on what was found."""
    known = [row for row in result.sources if not math.isnan(row.stability)]
    texts = [
        f"When one choice at a time is made otherwise, {100 * result.stability:.0f} % of the ground of the "
        f"{len(known)} sources stays source on average (stability {result.stability:.2f}, over "
        f"{len(result.alternatives)} alternatives of {joined(result.kinds)}).",
        _verdicts_text(known),
        _weakest_text(known),
        *_dependence_texts(result),
    ]
    if result.outside:
        texts.append(
            f"{number(result.outside_km2)} km2 outside the list are source under at least half of the choices "
            f"and deserve a second look."
        )
    return texts


def _verdicts_text(known: Sequence[FirmSource]) -> str:
    """How many sources are firm, shaky and so on."""
    total = sum(row.area_km2 for row in known)
    counts: list[str] = []
    for _, word in VERDICTS:
        rows = [row for row in known if row.verdict == word]
        if rows:
            area = sum(row.area_km2 for row in rows)
            verb = "" if counts else "is " if len(rows) == 1 else "are "
            counts.append(f"{len(rows)} {verb}{word} ({100 * area / total:.0f} % of their area)")
    return f"Of the {len(known)} sources {joined(counts)}."


def _weakest_text(known: Sequence[FirmSource]) -> str:
    """Which source is the least firm, and what loses it."""
    weak = _not_firm(known)
    if not weak:
        return "None of them depends on a single choice: the list can be defended as it stands."
    first = weak[0]
    why = f"it is lost with {first.lost_with}" if first.lost_with else "no single alternative takes half of its ground"
    return (
        f"The least firm is source {first.source_id} ({number(first.area_km2)} km2, stability "
        f"{first.stability:.2f}): {why}."
    )


def _dependence_texts(result: Firmness) -> list[str]:
    """On which choice the list depends most and least."""
    overlap = {kind: float(np.mean([v.jaccard for v in result.of_kind(kind)])) for kind in result.kinds}
    most = min(overlap, key=lambda kind: overlap[kind])
    if overlap[most] > 1 - 1e-9:
        return ["No alternative changes the list at all."]
    worst = min(result.of_kind(most), key=lambda v: v.jaccard)
    texts = [
        f"The list depends most on the {most}: the lists by other choices of "
        f"{'them' if most.is_plural else 'it'} share {100 * overlap[most]:.0f} % of their ground with "
        f"this one on average, and {100 * worst.jaccard:.0f} % with {most} {worst.variant}."
    ]
    least = max(overlap, key=lambda kind: overlap[kind])
    if least != most:
        texts.append(f"It depends least on the {least} ({100 * overlap[least]:.0f} %).")
    return texts


def _not_firm(sources: Sequence[FirmSource]) -> list[FirmSource]:
    """Sources below the bound of the best verdict, the least firm first."""
    return sorted((s for s in sources if s.stability < VERDICTS[0][0] - ROUNDING), key=lambda s: s.stability)


def firmness_report(result: Firmness, parameters: Iterable[tuple[str, Any]] = ()) -> Report:
    """The report of :func:`~.firmness.source_firmness`."""
    report = Report("Firmness of the sources")
    for text in [*result.warnings, *result.skipped]:
        report.warning(text)
    report.heading("What came out")
    for text in conclusions(result):
        report.text(text)
    _report_sources(report, result)
    _report_heat_map(report, result)
    _report_kinds(report, result)
    _report_ranks(report, result)
    _report_outside(report, result)
    _report_variants(report, result)
    report.heading("How the stability is made")
    report.text(
        "The base settings are changed in one thing at a time and the list of sources is made anew. For each "
        "alternative the share of a source's ground that is still source is taken (0: gone, 1: whole). These "
        "shares are averaged within each kind of choice, and the stability of a source is the mean over the "
        "kinds, so that the many alternatives of the weights count no more than the few of the area threshold. "
        "The base itself does not count."
    )
    report.text(
        "Firm: at least 0.9, the source hardly depends on the choices. Fairly firm: at least 0.7. Shaky: at "
        "least 0.5, its ground is source under more than half of the choices. Weak: below 0.5. The bounds are "
        "ours, not the paper's. A low stability does not say that the ground is poor, only that its place in the "
        "list rests on the choices made."
    )
    report.text(
        "Weights change by raising or lowering one service against the others, after which all are scaled to "
        "add to 1. With another number of classes, patches are made from the classes that stand for the same "
        "ranks: the two highest of five are the two highest of four and six and the three highest of seven. "
        "Choices are not changed together, so what two of them do at once is not seen."
    )
    report.parameters(parameters)
    return report


def _score_cell(value: float) -> str | float:
    """A score, or an empty cell where there is none."""
    return "" if math.isnan(value) else float(value)


def _rank_text(row: FirmSource) -> str:
    if row.rank_min is None or row.rank_max is None:
        return ""
    return _range_text(row.rank_min, row.rank_max)


def _range_text(low: float | str, high: float | str) -> str:
    """``3`` or ``3 to 7``."""
    return f"{low}" if low == high else f"{low}\u00a0to\u00a0{high}"


def _report_sources(report: Report, result: Firmness) -> None:
    _report_weakest(report, result)
    report.heading("Stability of each source")
    shown = result.sources[:_IN_TABLE]
    if len(shown) < len(result.sources):
        report.text(f"The first {len(shown)} of {len(result.sources)}; the layer holds all.")
    own = () if result.is_own_list else ("source in the base (share of its ground)",)
    report.table(
        ("source", "area (km2)", "verdict", "stability (0 to 1)", *ChoiceKind, "rank by dPC", *own),
        [
            (
                row.source_id,
                row.area_km2,
                row.verdict,
                _score_cell(row.stability),
                *(_score_cell(_stability_under(row, kind)) for kind in ChoiceKind),
                _rank_text(row),
                *(() if result.is_own_list else (_score_cell(row.base_share),)),
            )
            for row in shown
        ],
    )
    for kind, why in result.left_out.items():
        report.text(f"The {kind.left_out_text}: {why}.")


def _report_weakest(report: Report, result: Firmness) -> None:
    weakest = _not_firm(result.sources)[:_WEAKEST_SHOWN]
    if not weakest:
        return
    report.heading("The weakest sources, and what loses them")
    report.text("An alternative loses a source when less than half of its ground is still source.")
    rows = []
    for row in weakest:
        scores = {kind: _stability_under(row, kind) for kind in result.kinds}
        low = [kind for kind, score in scores.items() if score <= min(scores.values()) + ROUNDING]
        rows.append(
            (
                row.source_id,
                row.area_km2,
                row.stability,
                row.verdict,
                "all choices alike" if len(low) == len(scores) > 1 else joined(low),
                row.lost_with or "none loses it; several take a part",
            )
        )
    report.table(("source", "area (km2)", "stability (0 to 1)", "verdict", "depends most on", "lost with"), rows)


def _stability_under(source: FirmSource, kind: ChoiceKind) -> float:
    return float(getattr(source, kind.stability_field))


def _report_heat_map(report: Report, result: Firmness) -> None:
    known = [index for index, row in enumerate(result.sources) if not math.isnan(row.stability)]
    if len(known) > _IN_HEAT_MAP:
        known = sorted(sorted(known, key=lambda i: result.sources[i].stability)[:_IN_HEAT_MAP])
    variants = result.alternatives
    shares = np.array([[v.share[index] for v in variants] for index in known])
    names = [str(result.sources[index].source_id) for index in known]
    report.heading("Sources and alternatives")
    report.text(
        "Each column is a list of sources made with one choice changed; green is ground that stays source, red "
        "is ground that is lost."
        + (
            f" The {_IN_HEAT_MAP} least firm sources are shown."
            if len(known) == _IN_HEAT_MAP < len(result.sources)
            else ""
        )
    )
    report.figure(
        lambda axes: _draw_heat_map(axes, shares, names=names, variants=variants),
        "Heat map: share of each source's ground that stays source under each alternative",
        width=max(7.0, min(14.0, 2.5 + 0.17 * len(variants))),
        height=max(3.2, 1.8 + 0.17 * len(known)),
    )


def _draw_heat_map(axes: Any, shares: Floats, *, names: Sequence[str], variants: Sequence[Variant]) -> None:
    """Draw shares, a row per source and a column per variant; variants of a kind stand together."""
    from matplotlib.colors import LinearSegmentedColormap

    ramp = LinearSegmentedColormap.from_list("share", ["#c4322b", "#ee9a4d", "#fbeea4", "#a8cf78", "#0b6e3b"])
    image = axes.imshow(shares, cmap=ramp, vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    axes.set_yticks(range(len(names)))
    axes.set_yticklabels(names, fontsize=7)
    axes.set_xticks(range(len(variants)))
    axes.set_xticklabels([v.variant for v in variants], rotation=90, fontsize=6)
    starts = [k for k in range(1, len(variants)) if variants[k].kind != variants[k - 1].kind]
    for start in starts:
        axes.axvline(start - 0.5, color="white", linewidth=3)
    for first, last in zip([0, *starts], [*starts, len(variants)]):
        axes.text(
            (first + last - 1) / 2,
            -0.8,
            _wrapped(variants[first].kind, columns=last - first),
            ha="center",
            va="bottom",
            fontsize=7,
        )
    axes.set_ylabel("source")
    axes.figure.colorbar(image, ax=axes, label="share of the source's ground that stays source", fraction=0.03)


def _wrapped(kind: str, *, columns: int) -> str:
    """A kind of choice as a heading over so many columns: a word a line over few."""
    return kind.replace(" ", "\n") if columns < 8 else str(kind)


def _report_kinds(report: Report, result: Firmness) -> None:
    report.heading("Which choice matters most")
    report.text(
        "Shared ground: ground in both lists as a share of the ground in either (Jaccard). A choice with a low "
        "value decides the list; justify it first."
    )
    rows = []
    for kind in result.kinds:
        variants = result.of_kind(kind)
        worst = min(variants, key=lambda v: v.jaccard)
        rows.append(
            (
                kind,
                len(variants),
                float(np.mean([v.jaccard for v in variants])),
                worst.jaccard,
                worst.variant,
                _range_text(min(v.n_sources for v in variants), max(v.n_sources for v in variants)),
                _range_text(number(min(v.area_km2 for v in variants)), number(max(v.area_km2 for v in variants))),
            )
        )
    report.table(
        ("choice", "alternatives", "shared ground, mean (0 to 1)", "lowest", "with", "sources", "area (km2)"), rows
    )


def _report_ranks(report: Report, result: Firmness) -> None:
    ranks = result.ranks
    if ranks.ranks is None:
        return
    report.heading("Rank by connectivity at each dispersal distance")
    base = ranks.distances.index(result.choices.dispersal.distance)
    report.text(
        f"Rank 1 has the highest dPC of the {ranks.patch_count} patches that were ranked. Spearman's rank "
        f"correlation compares the order at each distance with that at "
        f"{result.choices.dispersal.distance:g} m: 1 is the same order, 0 none in common. Where ranks move "
        f"far, say for which species the network is meant."
    )
    report.table(
        ("dispersal distance (m)", "Spearman's rank correlation (-1 to 1)"),
        [
            (f"{d:g}" + (" (base)" if k == base else ""), "not defined" if math.isnan(r) else float(r))
            for k, (d, r) in enumerate(zip(ranks.distances, ranks.spearman))
        ],
    )
    rows = [row for row in result.sources if row.rank_min is not None]
    table = ranks.ranks
    shown = sorted(range(len(rows)), key=lambda i: int(table[i, base]))[:_IN_TABLE]
    report.table(
        ("source", *(f"{d:g} m" for d in ranks.distances)),
        [(rows[i].source_id, *map(int, table[i])) for i in shown],
    )


def _report_outside(report: Report, result: Firmness) -> None:
    report.heading("Ground that is not in the list")
    if not result.outside:
        report.text("No larger piece of ground outside the list is source under half of the choices or more.")
        return
    report.text(
        f"{number(result.outside_km2)} km2 outside the list are source under at least half of the choices. The "
        f"largest pieces follow; the map of how often ground is source, if made, shows all:"
    )
    report.table(
        ("x (m)", "y (m)", "area (km2)", "share of choices (0 to 1)"),
        [(f"{x:.0f}", f"{y:.0f}", area_km2, frequency) for x, y, area_km2, frequency in result.outside],
    )


def _report_variants(report: Report, result: Firmness) -> None:
    report.heading("Each alternative")
    report.text(
        "Kept and lost: scored sources that keep at least half of their ground, and that do not. New: sources "
        "that share no ground with any scored one."
    )
    report.table(
        (
            "choice",
            "alternative",
            "sources",
            "area (km2)",
            "shared ground (0 to 1)",
            "kept",
            "lost",
            "new",
            "lost ground (km2)",
            "new ground (km2)",
        ),
        [
            (v.kind, v.variant, v.n_sources, v.area_km2, v.jaccard, v.kept, v.lost, v.new, v.lost_km2, v.new_km2)
            for v in result.variants
        ],
    )
    report.heading("Weights of the services")
    report.text(
        "By the base, by other grid sizes and by other ways of weighting; changes of one service by some per "
        "cent are taken from the base. KMO below 0.5: the services share too little to be weighed by "
        "components."
    )
    report.table(
        ("choice", "alternative", *result.names, "KMO"),
        [
            (v.kind, v.variant, *map(float, v.weight), _score_cell(v.kmo))
            for v in result.variants
            if v.kind in ("base", ChoiceKind.GRID_SIZE)
            or (v.kind == ChoiceKind.WEIGHTS and not v.variant.endswith("%"))
        ],
    )

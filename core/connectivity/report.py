"""The report of ``connectivity.landscape_connectivity``: what the numbers mean, ranking, links, candidates."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from ..errors import first_few
from ..report import Cell, Report, joined, number
from .candidates import LinkGains, PatchGains
from .landscape import LandscapeConnectivity

_BARS = 30  # patches in the chart
_LINKS = 20  # links in the table
_ROWS = 200  # patches and candidates in their tables
_STEPPING_STONE = 1.0  # % of PC as connector from which a patch is called a stepping stone
_ROUNDING = 1e-10  # %
_NAMED = 8  # patches that a sentence names
_PARTS = (
    ("dpc_intra", "own size (intra)", "#2f7d4f"),
    ("dpc_flux", "links of its own (flux)", "#7fb77e"),
    ("dpc_connector", "stepping stone (connector)", "#d99a00"),
)


def connectivity_report(result: LandscapeConnectivity, parameters: Iterable[tuple[str, Cell]] = ()) -> Report:
    """The report: in short, indices of the whole, patches, links, candidates, parameters.

    Parameters
    ----------
    result : LandscapeConnectivity
    parameters : iterable of (label, value)
        Inputs and parameters, as the planner gave them.
    """
    report = Report("Landscape connectivity")
    report.heading("In short")
    for sentence in _in_short(result):
        report.text(sentence)
    _whole(report, result)
    _patches(report, result)
    _links(report, result)
    if result.candidate_patches is not None:
        _candidate_patches(report, result, result.candidate_patches)
    if result.candidate_links is not None:
        _candidate_links(report, result, result.candidate_links)
    report.parameters(parameters)
    return report


def _share(percent: float) -> float:
    """A share to be shown: what is rounding alone is 0."""
    return 0.0 if abs(percent) < _ROUNDING else float(percent)


def _amount(result: LandscapeConnectivity, value: float) -> str:
    """A weight in words."""
    unit = result.weight_unit
    return f"{number(value, 3)} {unit}" if unit == "km2" else f"{number(value, 3)} ({unit})"


def _ids(result: LandscapeConnectivity, positions: Iterable[int]) -> str:
    """Patches in words, the first few of many."""
    ids = [str(result.patch_id[k]) for k in positions]
    return first_few(ids, _NAMED) if len(ids) > _NAMED else joined(ids)


def _in_short(result: LandscapeConnectivity) -> Iterator[str]:
    i, n, total = result.indices, len(result.patches), float(result.weight.sum())
    d, p, unit = result.choices.dispersal.distance, result.choices.dispersal.probability, result.length_unit
    yield (
        f"The dispersal distance says how far the animals of this plan go: {number(d)} {unit} are crossed in "
        f"{number(100 * p, 3)} % of cases, half of it in {number(100 * math.sqrt(p), 3)} %, twice as much in "
        f"{number(100 * p * p, 3)} %."
    )
    if n == 1:
        yield (
            f"One patch took part ({_amount(result, total)}): all connectivity is its own, and nothing "
            f"is left without it (dPC 100 %)."
        )
        return
    apart = (
        f"Links no longer than that join all {n} patches into one network"
        if i.n_components == 1
        else f"Links no longer than that leave {n} patches in {i.n_components} groups (components) between which "
        f"there is no such link"
    )
    yield f"{apart}; {i.n_links} pairs of patches are that near."
    alone = [k for k in range(n) if i.degree[k] == 0]
    if alone:
        yield f"Without any such link: patch{'es' if len(alone) > 1 else ''} {_ids(result, alone)}."
    yield (
        f"The patches together are worth as much for connectivity as one patch of "
        f"{_amount(result, i.ec)}. That is {number(100 * i.ec / total, 3)} % of their sum, {_amount(result, total)}"
        f"; it would be 100 % if all lay side by side. Of PC, {number(_share(i.pc_intra), 3)} % comes from the "
        f"patches' own size, {number(_share(i.pc_direct), 3)} % from direct links, {number(_share(i.pc_step), 3)} % "
        f"from better ways over stepping stones."
    )
    order = np.argsort(-i.dpc, kind="stable")
    half = int(np.searchsorted(np.cumsum(i.dpc[order]), i.dpc.sum() / 2) + 1)
    yield (
        f"Most depends on patch {result.patch_id[order[0]]}: without it {number(i.dpc[order[0]], 3)} % of PC would "
        f"be lost. Added up, half of all dPC is that of {half} of the {n} patches: {_ids(result, order[:half])}."
    )
    stones = [k for k in np.argsort(-i.dpc_connector, kind="stable") if i.dpc_connector[k] >= _STEPPING_STONE]
    if stones:
        best = stones[0]
        yield (
            f"Stepping stones: patch{'es' if len(stones) > 1 else ''} {_ids(result, stones)}. Others reach each "
            f"other over them and no other patch replaces them; without patch {result.patch_id[best]} alone "
            f"{number(i.dpc_connector[best], 3)} % of PC would be lost between other patches (connector). Named are "
            f"those with a connector of at least {_STEPPING_STONE:g} % of PC; such a patch is to be kept even "
            f"where it is small."
        )
    else:
        yield (
            f"No patch is a stepping stone: without any of them the others would lose less than "
            f"{_STEPPING_STONE:g} % of PC between each other (connector)."
        )
    if result.dpc_link is not None and len(result.links):
        first = result.links_by_importance()[0]
        if result.dpc_link[first] > _ROUNDING:
            a, b = result.links.a[first], result.links.b[first]
            yield (
                f"The link that matters most joins patches {result.patch_id[a]} and {result.patch_id[b]} over "
                f"{number(result.links.distance[first])} {unit}: cut, it would cost "
                f"{number(result.dpc_link[first], 3)} % of PC."
            )
    if result.neglected is not None:
        yield result.neglected_text


def _whole(report: Report, result: LandscapeConnectivity) -> None:
    i, unit, choices = result.indices, result.length_unit, result.choices
    unknown = "needs the area of the landscape"
    report.heading("The whole landscape")
    rows = [
        ("patches", len(result.patches), "number of patches that took part"),
        (
            "direct links",
            len(result.links),
            "pairs of patches that a way was measured between"
            + ("" if choices.max_link_distance is None else f", at most {number(choices.limit)} {unit} long"),
        ),
        (
            "links (NL)",
            i.n_links,
            f"pairs of patches at most {number(choices.dispersal.distance)} {unit} apart ({choices.distance})",
        ),
        ("components (NC)", i.n_components, "groups of patches that these links join; 1 is one network"),
        (
            "PC (0 to 1)",
            unknown if math.isnan(i.pc) else i.pc,
            "probability of connectivity: that two places chosen at random in the landscape lie in patches between "
            "which animals can move",
        ),
        (
            f"EC(PC) ({result.weight_unit})",
            i.ec,
            "equivalent connectivity: the size of one patch alone that would give this PC",
        ),
        (
            "IIC (0 to 1)",
            unknown if math.isnan(i.iic) else i.iic,
            "integral index of connectivity: like PC, but a link either exists (not longer than the dispersal "
            "distance) or does not, and each step of a way counts against it",
        ),
        (f"EC(IIC) ({result.weight_unit})", i.ec_iic, "the size of one patch alone that would give this IIC"),
        ("of PC within patches (%)", _share(i.pc_intra), "what the patches give by their own size"),
        ("of PC by direct links (%)", _share(i.pc_direct), "what links from patch to patch give"),
        ("of PC by stepping stones (%)", _share(i.pc_step), "what better ways over other patches add"),
    ]
    if result.neglected is not None:
        share, probability = result.neglected
        rows += [
            (
                f"probability at {number(choices.limit)} {unit}",
                probability,
                "the most that a link left out can have",
            ),
            ("of PC neglected (%), at most", 100 * share, "what PC could gain if all links left out were there"),
        ]
    report.table(("index", "value", "what it says"), rows)


def _patches(report: Report, result: LandscapeConnectivity) -> None:
    i = result.indices
    order = np.argsort(-i.dpc, kind="stable")
    report.heading("Patches by dPC")
    report.text(
        "dPC: the share of PC that would be lost without the patch, in %; dPC = intra + flux + connector. "
        "Intra: by its own size. Flux: by its links to other patches, as the start or end of a way. Connector: "
        "as a stepping stone between other patches that no other patch replaces. The values of all patches add "
        "to more than 100, since a pair is lost with either of its patches. dIIC: the same "
        "share of IIC; its parts are fields of the layer. Degree: number of its links. Betweenness: share of the "
        "shortest ways between other patches that pass it."
    )
    top = order[:_BARS]
    places = np.arange(top.size)

    def draw(axes: Any) -> None:
        base = np.zeros(top.size)
        for name, label, colour in _PARTS:
            values = getattr(i, name)[top]
            axes.barh(places, values, left=base, color=colour, label=label, height=0.75)
            base = base + values
        for place, value in zip(places, base):
            axes.text(value + 0.01 * base.max(), place, number(value, 3), va="center", fontsize=8)
        axes.set_yticks(places)
        axes.set_yticklabels([str(result.patch_id[k]) for k in top], fontsize=8)
        axes.set_ylim(top.size - 0.4, -0.6)
        axes.set_xlim(0, 1.1 * base.max())
        axes.set_ylabel("patch")
        axes.set_xlabel("dPC: share of PC lost without the patch (%)")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(loc="lower right", fontsize=8, frameon=False)

    report.figure(draw, "dPC of the patches by its three parts", height=1.3 + 0.24 * max(top.size, 3))
    if order.size > top.size:
        report.text(f"The {top.size} patches of the highest dPC, of {order.size}.")
    names = ("dpc", "dpc_intra", "dpc_flux", "dpc_connector", "diic")
    report.table(
        (
            "patch",
            f"weight ({result.weight_unit})",
            "dPC (%)",
            "intra (%)",
            "flux (%)",
            "connector (%)",
            "dIIC (%)",
            "degree (links)",
            "betweenness (0 to 1)",
            "component",
        ),
        [
            (
                result.patch_id[k],
                float(result.weight[k]),
                *(_share(getattr(i, name)[k]) for name in names),
                int(i.degree[k]),
                float(i.betweenness[k]),
                int(i.component[k]),
            )
            for k in order[:_ROWS]
        ],
    )
    _rest(report, order.size, "patches")


def _links(report: Report, result: LandscapeConnectivity) -> None:
    links = result.links
    if not len(links):
        return
    report.heading("Links")
    if result.dpc_link is None:
        report.text(f"{len(links)} direct links; what the loss of each would cost was not asked for.")
        return
    order = result.links_by_importance()[:_LINKS]
    idle = int(np.count_nonzero(result.dpc_link <= _ROUNDING))
    report.text(
        f"dPC of a link: the share of PC that would be lost if this link alone were cut, in %. Shown are the "
        f"{order.size} that matter most, of {len(links)}. {idle} link(s) have 0: without them a way over other "
        f"patches is as good."
    )
    report.table(
        ("rank", "patch", "patch", f"length ({result.length_unit})", "probability (0 to 1)", "dPC of the link (%)"),
        [
            (
                rank,
                result.patch_id[links.a[k]],
                result.patch_id[links.b[k]],
                float(links.distance[k]),
                float(result.probability[k]),
                _share(result.dpc_link[k]),
            )
            for rank, k in enumerate(order, 1)
        ],
    )


def _candidate_patches(report: Report, result: LandscapeConnectivity, plan: PatchGains) -> None:
    order = np.argsort(plan.rank)
    report.heading("Candidate patches")
    best = order[0]
    report.text(
        f"What each candidate patch of '{plan.layer.name}' alone, on top of the network that is there, "
        f"would add to PC, in % of PC now. Intra: its own size. Flux: its links to the patches that are there. "
        f"Connector: what those gain from each other because it is a stepping stone. Gain of EC: the size of "
        f"patch that it is worth. "
        + (
            f"Most would be gained by feature {best + 1}: {number(plan.gains[best].gain)} % of PC."
            if plan.gains[best].gain > _ROUNDING
            else "None of them would add anything."
        )
    )
    names = plan.layer.own_name("name")
    report.table(
        (
            "rank",
            "feature",
            *(["name"] if names else []),
            f"weight ({result.weight_unit})",
            "direct links",
            "gain of PC (%)",
            "intra (%)",
            "flux (%)",
            "connector (%)",
            f"gain of EC ({result.weight_unit})",
        ),
        [
            (
                int(plan.rank[k]),
                int(k) + 1,
                *([plan.layer.attributes[k].get(names)] if names else []),
                float(plan.weight[k]),
                int(plan.n_links[k]),
                *(_share(getattr(plan.gains[k], part)) for part in ("gain", "intra", "flux", "connector")),
                float(plan.gain_ec[k]),
            )
            for k in order[:_ROWS]
        ],
    )
    _rest(report, order.size, "candidates")


def _candidate_links(report: Report, result: LandscapeConnectivity, plan: LinkGains) -> None:
    unit = result.length_unit
    order = np.argsort(plan.rank)
    report.heading("Candidate links")
    report.text(
        f"What each candidate link of '{plan.layer.name}' alone would add to PC, in % of PC now. A link "
        f"gains where it is shorter than the shortest way that joins its two patches now, over stepping stones too."
    )
    names = plan.layer.own_name("name")
    report.table(
        (
            "rank",
            "feature",
            *(["name"] if names else []),
            "patch",
            "patch",
            f"length ({unit})",
            f"shortest way now ({unit})",
            "gain of PC (%)",
            f"gain of EC ({result.weight_unit})",
        ),
        [
            (
                int(plan.rank[k]),
                int(k) + 1,
                *([plan.layer.attributes[k].get(names)] if names else []),
                result.patch_id[plan.a[k]],
                result.patch_id[plan.b[k]],
                float(plan.distance[k]),
                float(plan.present[k]) if math.isfinite(plan.present[k]) else "none",
                float(plan.gain[k]),
                float(plan.gain_ec[k]),
            )
            for k in order[:_ROWS]
        ],
    )
    _rest(report, order.size, "candidates")


def _rest(report: Report, count: int, what: str) -> None:
    if count > _ROWS:
        report.text(f"The first {_ROWS} of {count} {what}; all are in the output layer.")

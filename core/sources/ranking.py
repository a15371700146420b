"""Candidates for sources by dPC: computed where it is not known, and the first by it that are kept."""

from __future__ import annotations

import math

import numpy as np

from ..connectivity.changes import kept_share
from ..connectivity.dispersal import Dispersal
from ..connectivity.graph import Links
from ..connectivity.indices import connectivity
from ..geometry.polygon_distance import edge_links
from ..progress import Progress
from ..report import number
from .source import DPC_FIELDS, Selection, Source


def links_between(candidates: list[Source], progress: Progress) -> Links:
    """All pairs, at the distances of their edges."""
    return Links(len(candidates), *edge_links([s.geometry for s in candidates], progress=progress))


def all_have_dpc(candidates: list[Source]) -> bool:
    """Whether there are candidates and dPC of each is known."""
    return bool(candidates) and count_without_dpc(candidates) == 0


def count_without_dpc(candidates: list[Source]) -> int:
    """How many candidates have no dPC."""
    return sum(math.isnan(s.dpc) for s in candidates)


def compute_dpc(candidates: list[Source], links: Links, *, dispersal: Dispersal, progress: Progress) -> None:
    """Set dPC and its parts of candidates, of their areas among each other."""
    found = connectivity(np.array([s.area_km2 for s in candidates]), links, dispersal, progress=progress)
    for position, source in enumerate(candidates):
        for name in DPC_FIELDS:
            setattr(source, name, float(getattr(found, name)[position]))


def keep_share(
    candidates: list[Source], links: Links, *, share: float, dispersal: Dispersal, result: Selection, progress: Progress
) -> list[Source]:
    """The first candidates by dPC whose EC is that share (%) of the EC of all."""
    order = sorted(range(len(candidates)), key=lambda i: (-candidates[i].dpc, -candidates[i].area_km2))
    curve = kept_share(np.array([s.area_km2 for s in candidates]), links, order, dispersal, progress=progress)
    kept = 1 + int(np.argmax(curve >= share / 100 * (1 - 1e-12)))
    result.curve, result.ec_kept = curve, float(curve[kept - 1])
    chosen = [candidates[i] for i in order]
    progress.log(
        f"{kept} of {len(chosen)} patch(es) by dPC keep {100 * result.ec_kept:.2f} % of the equivalent "
        f"connectivity of all, at least {share:g} %. Patch, and what it keeps together with those before it: "
        + ", ".join(f"{s.patch_id} {100 * part:.1f} %" for s, part in zip(chosen[:kept], curve))
        + "."
    )
    progress.log(result.measured)
    for place, source in enumerate(chosen[kept:], kept + 1):
        result.explain(
            source,
            f"not a source: place {place} by dPC ({number(source.dpc)} %), and the first {kept} keep "
            f"{100 * result.ec_kept:.2f} % of the connectivity",
        )
    return chosen[:kept]


def measured_text(dispersal: Dispersal, layer: str) -> str:
    """By which distances EC was measured, and whose dPC gave the order; ``layer`` empty: dPC computed here."""
    text = (
        f"EC was measured here, of the patches' areas and the distances between their edges, with probability "
        f"{dispersal.probability:g} at {dispersal.distance:g} m"
    )
    if not layer:
        return f"{text}; so was the dPC that gave the order."
    return (
        f"{text}. The dPC that gave the order is that of layer '{layer}', which may have been computed with other "
        f"distances (least cost, say), another dispersal distance or another weight."
    )


def keep_top(
    candidates: list[Source], top: int, *, layer_has_dpc: bool, result: Selection, progress: Progress
) -> list[Source]:
    """The first so many by dPC; by area where dPC of one is not known."""
    ranked, layer = all_have_dpc(candidates), result.patches.name
    if not ranked and layer_has_dpc and candidates:
        progress.warn(
            f"Layer '{layer}', field 'dpc': {count_without_dpc(candidates)} of the {len(candidates)} patches in "
            f"question have no number there, so the first {top} are those by area: run 'Landscape "
            f"connectivity' on the patches to rank them by dPC."
        )
    candidates.sort(key=lambda s: (-s.dpc if ranked else -s.area_km2, -s.area_km2))
    if len(candidates) < top:
        progress.log(
            f"Only {len(candidates)} patches meet the conditions, fewer than the {top} that were to be "
            f"kept: all of them are."
        )
    by = "dPC" if ranked else "area"
    for place, source in enumerate(candidates[top:], top + 1):
        result.explain(source, f"not a source: place {place} by {by}, and the first {top} were kept")
    candidates = candidates[:top]
    progress.log(f"The {len(candidates)} first patches by {by} were kept.")
    return candidates

"""Lists of sources with one choice changed, compared with the list that is scored."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from ..arrays import Bools, Float32s, Floats
from ..errors import InputError
from ..progress import Progress
from .firmness_base import BaseList, kmo_of
from .firmness_choices import ChoiceKind
from .firmness_plan import Change, ChangeText
from .firmness_sources import LOST_BELOW, ScoredGround
from .source_lists import SourceList, SourceListMaker

ROUNDING = 1e-9

# the patches of the base serve the first two, its importance the third; after that their memory serves others
_ORDER_OF_WORK = (
    ChoiceKind.AREA,
    ChoiceKind.DISPERSAL,
    ChoiceKind.CLASS_COUNT,
    ChoiceKind.GRID_SIZE,
    ChoiceKind.WEIGHTS,
)


@dataclass
class Variant:
    """A list of sources by changed settings, compared with the list that is scored.

    Parameters
    ----------
    kind : str
        A `ChoiceKind`, or ``base``.
    variant : str
        What was changed.
    text : ChangeText
        The same in parts.
    share : ndarray, shape (sources,)
        Part of each scored source's ground that is source here, 0 to 1.
    n_sources : int
        Sources of this list.
    area_km2 : float
        Of this list.
    jaccard : float
        Ground in both lists as a share of the ground in either, 0 to 1.
    kept, lost, new : int
        Scored sources that keep at least half of their ground, those that do not, and sources here that
        share no ground with any scored source.
    lost_km2, new_km2 : float
        Ground that is in the scored list alone, and here alone.
    kmo : float
        Of the services, NaN where it is not defined.
    weight : ndarray, shape (services,)
        Of the services.
    weights : str
        The same as manual weights are written.
    """

    kind: str
    variant: str
    text: ChangeText
    share: Floats
    n_sources: int
    area_km2: float
    jaccard: float
    kept: int
    lost: int
    new: int
    lost_km2: float
    new_km2: float
    kmo: float
    weight: Floats
    weights: str


class WeighedList(NamedTuple):
    """A list of sources, and the weights and KMO of the services behind it."""

    sources: SourceList
    weights: Floats
    kmo: float


class Variants(NamedTuple):
    """What :func:`make_variants` finds.

    ``frequency`` is the share of the choices by which a cell is source; ``skipped`` holds a sentence per
    alternative that could not be computed, ``left_out`` the reason for each kind that does not count.
    """

    variants: list[Variant]
    frequency: Float32s
    skipped: list[str]
    left_out: dict[ChoiceKind, str]


def compare(
    change: Change, found: WeighedList, *, ground: ScoredGround, maker: SourceListMaker
) -> tuple[Variant, Bools]:
    """A list compared with the scored one, and the mask of its sources."""
    cell_km2, sources, mask = maker.cell_km2, found.sources, found.sources.mask()
    share = ground.share(mask)
    both = int(np.count_nonzero(mask & ground.mask))
    here, there = int(np.count_nonzero(mask)), int(np.count_nonzero(ground.mask))
    met = np.zeros(sources.is_source.size, dtype=bool)
    met[sources.patches.numbers.reshape(-1)[ground.index]] = True
    known = share[~np.isnan(share)]
    kept = int(np.count_nonzero(known >= LOST_BELOW - ROUNDING))
    either = here + there - both
    variant = Variant(
        kind=change.kind,
        variant=change.label,
        text=change.text,
        share=share,
        n_sources=int(sources.is_source.sum()),
        area_km2=here * cell_km2,
        jaccard=both / either if either else 1.0,
        kept=kept,
        lost=known.size - kept,
        new=int((sources.is_source & ~met).sum()),
        lost_km2=(there - both) * cell_km2,
        new_km2=(here - both) * cell_km2,
        kmo=found.kmo,
        weight=found.weights,
        weights=", ".join(f"{n}={w:.4g}" for n, w in zip(maker.names, found.weights.tolist())),
    )
    return variant, mask


def make_variants(
    planned: dict[ChoiceKind, list[Change]],
    *,
    base: BaseList,
    maker: SourceListMaker,
    ground: ScoredGround,
    left_out: dict[ChoiceKind, str],
    progress: Progress,
) -> Variants:
    """The alternatives of each kind that is not left out.

    Raises
    ------
    InputError
        Nothing is left that could change the list.
    """
    variants: list[Variant] = []
    skipped: list[str] = []
    left_out = dict(left_out)
    frequency: Float32s = np.zeros(maker.template.shape, dtype=np.float32)
    counts = np.zeros(maker.template.shape, dtype=np.uint16)
    total = sum(len(changes) for kind, changes in planned.items() if kind not in left_out)
    total, done = max(1, total), 0
    for kind in _ORDER_OF_WORK:
        changes, counted = planned[kind] if kind not in left_out else [], 0
        for change in changes:
            part = progress.part(done / total, (done + 1) / total)
            done += 1
            try:
                found = _changed_list(change, base=base, maker=maker, progress=part)
            except InputError as error:
                reason = error.message[:1].upper() + error.message[1:]
                skipped.append(f"{kind.capitalize()}, {change.label}: left out. {reason}")
                continue
            variant, mask = compare(change, found, ground=ground, maker=maker)
            variants.append(variant)
            counts += mask
            counted += 1
            part(1)
        if counted:
            frequency += counts / np.float32(counted)
            counts[:] = 0
        elif kind not in left_out:
            left_out[kind] = (
                "none of its alternatives could be computed" if changes else "no alternative differs from the base"
            )
    kinds = list(ChoiceKind)
    if len(left_out) == len(kinds):
        reasons = "; ".join(f"{kind}: {why}" for kind, why in left_out.items())
        raise InputError(
            f"Nothing is left that could change the list ({reasons}): give alternatives that differ from the base "
            f"settings."
        )
    frequency /= len(kinds) - len(left_out)
    variants.sort(key=lambda variant: kinds.index(ChoiceKind(variant.kind)))
    return Variants(variants, frequency, skipped, left_out)


def _changed_list(change: Change, *, base: BaseList, maker: SourceListMaker, progress: Progress) -> WeighedList:
    """The list with one choice changed."""
    if change.kind == ChoiceKind.AREA:
        sources = maker.sources(base.patches, min_area_km2=change.value, progress=progress)
        return WeighedList(sources, base.weights, base.kmo)
    if change.kind == ChoiceKind.DISPERSAL:
        sources = maker.sources(
            base.patches,
            min_area_km2=maker.choices.min_area_km2,
            distances=base.distances,
            dispersal=replace(maker.choices.dispersal, distance=change.value),
            progress=progress,
        )
        return WeighedList(sources, base.weights, base.kmo)
    return _list_of_other_patches(change, base=base, maker=maker, progress=progress)


def _list_of_other_patches(
    change: Change, *, base: BaseList, maker: SourceListMaker, progress: Progress
) -> WeighedList:
    """The list with the number of classes, the grid size or the weights changed."""
    choices = maker.choices
    count, cells, weights, kmo = choices.importance.class_count, base.cells, base.weights, base.kmo
    if change.kind == ChoiceKind.CLASS_COUNT:
        importance, count = base.importance, int(change.value)
        if importance is None:
            raise RuntimeError("The importance of the base was given back before its classes were changed.")
    else:
        base.free_importance()
        if change.kind == ChoiceKind.GRID_SIZE:
            cells = maker.grid_cells(change.value, progress.part(0, 0.1))
            found = maker.weigh(cells)
            weights, kmo = found.weights, kmo_of(found.components)
        else:
            weights = change.weights
        importance = maker.importance(cells, weights, progress.part(0.1, 0.2))
    patches = maker.patches(importance, cells, class_count=count, progress=progress.part(0.2, 0.9))
    sources = maker.sources(patches, min_area_km2=choices.min_area_km2, progress=progress.part(0.9, 1))
    return WeighedList(sources, weights, kmo)

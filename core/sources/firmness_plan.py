"""The alternatives of a base that are worth computing: one choice changed at a time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from ..arrays import Floats
from .components import Weighting
from .firmness_base import BaseList
from .firmness_choices import Alternatives, ChoiceKind
from .importance_choices import ClassifyOn
from .source_lists import SourceListChoices, SourceListMaker, patch_classes_of


class ChangeText(NamedTuple):
    """What a change is called, with its value apart, so that several read ``1000, 2000 m``."""

    before: str
    value: str
    after: str


@dataclass(frozen=True)
class Change:
    """One choice changed.

    Parameters
    ----------
    kind : str
        A `ChoiceKind`, or ``base`` for no change.
    label : str
        What is changed to what.
    text : ChangeText
        The same in parts.
    value : float
        The changed choice; NaN where weights are changed.
    weights : ndarray, shape (services,)
        All changed weights; empty where another choice is changed.
    """

    kind: str
    label: str
    text: ChangeText
    value: float = math.nan
    weights: Floats = field(default_factory=lambda: np.empty(0))


NO_CHANGE = Change("base", "base", ChangeText("", "base", ""))


def kinds_without_effect(
    alternatives: Alternatives, *, base: BaseList, maker: SourceListMaker
) -> dict[ChoiceKind, str]:
    """Kinds of choice that cannot change the list, and why."""
    choices, left_out = maker.choices, {}
    if (
        base.weighting in (Weighting.EQUAL, Weighting.MANUAL)
        and choices.importance.classify_on != ClassifyOn.GRID_CELLS
    ):
        left_out[ChoiceKind.GRID_SIZE] = (
            f"with {base.weighting} weights and classes from the cells of the raster the grid has no influence on "
            f"the list"
        )
    if not choices.top:
        left_out[ChoiceKind.DISPERSAL] = (
            "all patches above the area threshold are sources, however animals move; see the ranks "
            "by dPC instead, or limit how many sources are kept by dPC"
        )
    elif not maker.chooses_by_dpc(base.larger):
        left_out[ChoiceKind.DISPERSAL] = (
            f"{base.larger.size} patches are larger than {choices.min_area_km2:g} km2, no more "
            f"than are kept, so that nothing is chosen by dPC"
        )
    for kind in ChoiceKind:
        if not alternatives.of_kind(kind):
            left_out[kind] = "no alternative is given"
    return left_out


def plan_changes(
    alternatives: Alternatives, *, base: BaseList, choices: SourceListChoices, names: Sequence[str]
) -> dict[ChoiceKind, list[Change]]:
    """The changes of each kind that differ from the base."""
    base_count = choices.importance.class_count
    return {
        ChoiceKind.GRID_SIZE: _number_changes(
            ChoiceKind.GRID_SIZE, alternatives.grid_sizes_m, base=choices.importance.grid_size_m, unit=" m"
        ),
        ChoiceKind.CLASS_COUNT: [
            Change(ChoiceKind.CLASS_COUNT, _class_label(count, choices), ChangeText("", str(count), ""), count)
            for count in alternatives.class_counts
            if count != base_count
        ],
        ChoiceKind.AREA: _number_changes(
            ChoiceKind.AREA, alternatives.min_areas_km2, base=choices.min_area_km2, before="above ", unit=" km2"
        ),
        ChoiceKind.WEIGHTS: _weight_changes(alternatives.weight_changes, base=base, names=names),
        ChoiceKind.DISPERSAL: _number_changes(
            ChoiceKind.DISPERSAL, alternatives.dispersal_distances, base=choices.dispersal.distance, unit=" m"
        ),
    }


def changed_weights(weights: Sequence[float] | Floats, *, index: int, percent: float) -> Floats:
    """Weights after one of them grew by so many per cent (negative: shrank), all scaled to add to 1."""
    changed = np.array(weights, dtype=np.float64)
    changed[index] *= 1 + percent / 100
    scaled: Floats = changed / changed.sum()
    return scaled


def _number_changes(
    kind: ChoiceKind, values: Iterable[float], *, base: float, before: str = "", unit: str
) -> list[Change]:
    return [
        Change(kind, f"{before}{value:g}{unit}", ChangeText(before, f"{value:g}", unit), value)
        for value in values
        if value != base
    ]


def _class_label(count: int, choices: SourceListChoices) -> str:
    base_count = choices.importance.class_count
    chosen = patch_classes_of(count, base_count=base_count, base_classes=choices.patch_classes)
    return f"{count} (patches from {', '.join(map(str, chosen))})"


def _weight_changes(percents: Sequence[float], *, base: BaseList, names: Sequence[str]) -> list[Change]:
    """Each weight lowered and raised by each change, and the other ways of weighting."""
    weights, changes = base.weights, []
    signed = [*(-percent for percent in reversed(percents)), *percents]
    for index, name in enumerate(names):
        for percent in signed:
            if weights[index] * percent > -100:
                text = ChangeText(f"{name} ", f"{percent:+g}", " %")
                changed = changed_weights(weights, index=index, percent=percent)
                changes.append(Change(ChoiceKind.WEIGHTS, f"{name} {percent:+g} %", text, weights=changed))
    for rule, found in base.other_weights.items():
        label = str(rule) if rule == Weighting.EQUAL else f"by {rule}"
        changes.append(Change(ChoiceKind.WEIGHTS, label, ChangeText("", label, ""), weights=found))
    return [change for change in changes if not np.allclose(change.weights, weights, rtol=0, atol=1e-12)]

"""How firm a list of sources is: what becomes of it when the choices behind it are made otherwise.

The list comes from a grid size, weights, a number of classes, an area threshold and, where only the best
connected patches stay, a dispersal distance. Feng, Bai & Wang (2024) chose one value of each. Here one
choice at a time is changed around the base, the list is made anew by the same functions, and the ground
of both lists is compared (one-at-a-time sensitivity analysis; Saltelli et al. 2008, Global Sensitivity
Analysis, ch. 1).

The stability of a source, 0 to 1, is the mean over the kinds of choice of the mean share of its ground
that is source under the alternatives of that kind: a kind counts once, however many alternatives it has.
The base itself is no alternative. A kind that cannot change the list by construction is left out, so that
it does not flatter the score: the dispersal distance where all patches above the area threshold are
sources, and the grid size where weights are given and the cells of the raster are classed. The words for
the score (firm, fairly firm, shaky, weak) are ours: below 0.5 the ground is source under fewer than half
of the choices, from 0.9 it hardly depends on them.

``source_lists`` makes lists of sources from services; ``firmness_choices`` says what is changed,
``firmness_base`` makes the base's list, ``firmness_plan`` the changes that differ from it,
``firmness_sources`` the sources that are scored, ``firmness_variants`` the changed lists and their
comparison, ``firmness_scores`` the stability and the ranks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ..grid.grid import Grid, float_grid
from ..progress import SILENT, Progress
from .firmness_base import MOST_IN_RANK_TABLE, make_base
from .firmness_choices import Alternatives, ChoiceKind
from .firmness_plan import NO_CHANGE, kinds_without_effect, plan_changes
from .firmness_scores import OutsideGround, Ranks, ground_outside, mean_stability, rank_sources, score_sources
from .firmness_sources import FirmSource, GivenSources, base_differs_warnings, sources_given, sources_of_base
from .firmness_variants import Variant, WeighedList, compare, make_variants
from .service_names import unique_names
from .source_lists import SourceListChoices, SourceListMaker

_DEFAULT_CHOICES = SourceListChoices()
_DEFAULT_ALTERNATIVES = Alternatives()


@dataclass
class Firmness:
    """What :func:`source_firmness` finds.

    Parameters
    ----------
    names : list of str
        Of the services.
    sources : list of FirmSource
        With their stability.
    variants : list of Variant
        The base first.
    frequency : Grid
        Share of the choices by which a cell is source, each kind of choice counting once.
    stability : float
        Of the whole list, 0 to 1.
    choices : SourceListChoices
        The base.
    left_out : dict of ChoiceKind to str
        Kinds that do not count, and why.
    skipped : list of str
        A sentence per alternative that could not be computed.
    ranks : Ranks
        By dPC at each dispersal distance.
    outside : list of OutsideGround
        Ground that is not in the list and yet source under at least half of the choices.
    outside_km2 : float
        Area of all such ground.
    is_own_list : bool
        Whether the sources are those of the base, not a planner's.
    warnings : list of str
        What a planner should look at.
    """

    names: list[str]
    sources: list[FirmSource]
    variants: list[Variant]
    frequency: Grid
    stability: float
    choices: SourceListChoices
    left_out: dict[ChoiceKind, str]
    skipped: list[str]
    ranks: Ranks
    outside: list[OutsideGround]
    outside_km2: float
    is_own_list: bool
    warnings: list[str]

    @property
    def alternatives(self) -> list[Variant]:
        """The variants without the base."""
        return self.variants[1:]

    @property
    def kinds(self) -> list[ChoiceKind]:
        """The kinds of choice that count."""
        return [kind for kind in ChoiceKind if kind not in self.left_out]

    def of_kind(self, kind: ChoiceKind) -> list[Variant]:
        """The alternatives of a kind of choice."""
        return [v for v in self.alternatives if v.kind == kind]


def source_firmness(
    services: Iterable[Grid],
    names: Sequence[str],
    choices: SourceListChoices = _DEFAULT_CHOICES,
    *,
    alternatives: Alternatives = _DEFAULT_ALTERNATIVES,
    sources: GivenSources | None = None,
    progress: Progress = SILENT,
) -> Firmness:
    """How a list of sources changes when grid size, classes, area threshold, weights or dispersal do.

    Parameters
    ----------
    services : iterable of Grid
        On the same cells; taken one after the other.
    names : sequence of str
        One per service, two or more.
    choices : SourceListChoices
        The base.
    alternatives : Alternatives
        Each changes one choice of the base. Weights: each service up and down by each change, all
        scaled to add to 1 again; and the weightings by components, communalities, entropy and equal
        weights that the base is not.
    sources : GivenSources, optional
        Polygons to be scored; None: the base's list.

    Raises
    ------
    InputError
        Unfit services or sources; a base without any source; nothing that could be changed.

    Notes
    -----
    Memory per cell: 4 bytes for each service, 21 for importance, patch numbers, classes, masks and frequency,
    and 60 per distinct importance while natural breaks are sought. Time: one set of natural breaks and
    one labelling per alternative of grid size, classes and weights; area thresholds share one labelling.
    """
    names, is_own_list = unique_names(names), sources is None
    maker = SourceListMaker(services, names, choices=choices, progress=progress.part(0, 0.06))
    quiet = progress.quiet()
    base = make_base(maker, is_scored=is_own_list, progress=quiet.part(0.06, 0.22))
    if sources is None:
        scored, ground, found_warnings = sources_of_base(base, maker)
    else:
        scored, ground, found_warnings = sources_given(sources, maker=maker, progress=progress)
    warnings = base.warnings + found_warnings
    first, _ = compare(NO_CHANGE, WeighedList(base.sources, base.weights, base.kmo), ground=ground, maker=maker)
    for source, share in zip(scored, first.share):
        source.base_share = float(share)
    if not is_own_list:
        warnings += base_differs_warnings(scored, base.sources)

    variants, frequency, skipped, left_out = make_variants(
        plan_changes(alternatives, base=base, choices=choices, names=names),
        base=base,
        maker=maker,
        ground=ground,
        left_out=kinds_without_effect(alternatives, base=base, maker=maker),
        progress=quiet.part(0.22, 0.9),
    )
    kinds = [kind for kind in ChoiceKind if kind not in left_out]
    score_sources(scored, variants, kinds=kinds, progress=quiet)
    ranks = rank_sources(
        scored,
        sorted({choices.dispersal.distance, *alternatives.dispersal_distances}),
        base=base,
        is_own_list=is_own_list,
        maker=maker,
        progress=quiet.part(0.9, 0.98),
    )
    outside, outside_km2 = ground_outside(frequency, ground, maker, progress=quiet.part(0.98, 1.0))
    frequency[~maker.valid] = np.nan
    warnings += _result_warnings(ranks, variants)
    for text in [*warnings, *skipped]:
        progress.warn(text)
    for kind, why in left_out.items():
        progress.log(f"The {kind.left_out_text} towards the stability: {why}.")
    progress(1.0)
    return Firmness(
        names=names,
        sources=scored,
        variants=[first, *variants],
        frequency=float_grid(frequency, maker.template, "frequency"),
        stability=mean_stability(scored),
        choices=choices,
        left_out=left_out,
        skipped=skipped,
        ranks=ranks,
        outside=outside,
        outside_km2=outside_km2,
        is_own_list=is_own_list,
        warnings=warnings,
    )


def _result_warnings(ranks: Ranks, variants: Sequence[Variant]) -> list[str]:
    warnings = []
    if ranks.ranks is None:
        warnings.append(
            f"{ranks.patch_count} patches are too many to rank by dPC at each dispersal distance (at most "
            f"{MOST_IN_RANK_TABLE}): the ranks are left empty."
        )
    empty = [f"{v.kind} {v.variant}" for v in variants if not v.n_sources]
    if empty:
        warnings.append(f"No source at all is left with: {'; '.join(empty)}. There every source counts 0.")
    return warnings

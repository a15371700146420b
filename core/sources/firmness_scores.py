"""Stability of sources, their ranks by dPC, and ground that could have been source."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ..arrays import AnyArray, Float32s, Floats, Ints
from ..geometry.polygon_distance import edge_distances
from ..progress import Progress
from .firmness_base import MOST_IN_RANK_TABLE, BaseList
from .firmness_choices import ChoiceKind
from .firmness_sources import LOST_BELOW, OUTSIDE, FirmSource, ScoredGround
from .firmness_variants import ROUNDING, Variant
from .source_lists import SourceListMaker, order_by_dpc

VERDICTS = ((0.9, "firm"), (0.7, "fairly firm"), (0.5, "shaky"), (0.0, "weak"))
"""Words for a stability of at least each bound; ours."""

_OFTEN = 0.5  # share of the choices from which ground outside the list is reported
_MOST_PIECES = 10  # of such ground


class OutsideGround(NamedTuple):
    """A piece of ground that is not in the list and yet often source: a place in it, and its mean frequency."""

    x: float
    y: float
    area_km2: float
    frequency: float


class Ranks(NamedTuple):
    """Ranks of the sources by dPC at several dispersal distances.

    Parameters
    ----------
    distances : list of float
        Ascending, that of the base among them.
    ranks : integer array, shape (sources, distances), or None
        1 is the highest dPC; None where too many patches would have to be ranked.
    spearman : list of float
        Spearman's correlation of dPC at each distance with that at the base's; NaN where it is not defined.
    patch_count : int
        Patches that were ranked.
    """

    distances: list[float]
    ranks: Ints | None
    spearman: list[float]
    patch_count: int


def verdict(stability: float) -> str:
    """The word for a stability."""
    if math.isnan(stability):
        return OUTSIDE
    return next(word for bound, word in VERDICTS if stability >= bound - ROUNDING)


def score_sources(
    sources: Sequence[FirmSource],
    variants: Sequence[Variant],
    *,
    kinds: Sequence[ChoiceKind],
    progress: Progress,
) -> None:
    """Set the stability of sources, and what loses them, by the variants of the kinds that count."""
    by_kind = {kind: np.mean([v.share for v in variants if v.kind == kind], axis=0) for kind in kinds}
    overall = np.mean(list(by_kind.values()), axis=0)
    for index, source in enumerate(sources):
        progress.check()
        if source.verdict == OUTSIDE:
            continue
        for kind in kinds:
            setattr(source, kind.stability_field, float(by_kind[kind][index]))
        source.stability = float(overall[index])
        source.verdict = verdict(source.stability)
        source.lost_with = _losing_variants_text(index, variants, kinds)


def mean_stability(sources: Sequence[FirmSource]) -> float:
    """Stability of the whole list: the mean over its sources on the map, weighed by their areas."""
    known = [source for source in sources if not math.isnan(source.stability)]
    return float(sum(s.stability * s.area_km2 for s in known) / sum(s.area_km2 for s in known))


def rank_sources(
    sources: Sequence[FirmSource],
    distances: list[float],
    *,
    base: BaseList,
    is_own_list: bool,
    maker: SourceListMaker,
    progress: Progress,
) -> Ranks:
    """Rank sources by dPC at each dispersal distance, and set their best and worst rank.

    The base's own list is ranked among the patches above the area threshold, a planner's in itself.
    """
    on_map, matrix = [source for source in sources if source.verdict != OUTSIDE], base.distances
    if is_own_list:
        areas = maker.areas_km2(base.patches, base.larger)
        place = np.flatnonzero(base.sources.is_source[base.larger])
    else:
        areas, place = np.array([source.area_km2 for source in on_map]), np.arange(len(on_map))
        matrix = None
        if len(on_map) <= MOST_IN_RANK_TABLE:
            matrix = edge_distances([source.geometry for source in on_map], progress.part(0, 0.4))
    if matrix is None:
        return Ranks(distances, None, [], areas.size)
    ranks, spearman = _rank_at_each(areas, matrix, distances=distances, maker=maker, progress=progress.part(0.4, 1))
    ranks = ranks[place]
    for source, own in zip(on_map, ranks):
        source.rank_min, source.rank_max = int(own.min()), int(own.max())
    return Ranks(distances, ranks, spearman, areas.size)


def ground_outside(
    frequency: Float32s, ground: ScoredGround, maker: SourceListMaker, *, progress: Progress
) -> tuple[list[OutsideGround], float]:
    """The largest pieces of ground outside the list that are source under half of the choices, and km2 of all."""
    often = (frequency >= _OFTEN - 1e-6) & ~ground.mask
    total_km2 = float(np.count_nonzero(often) * maker.cell_km2)
    patches = maker.number_patches(often, progress)
    order = np.argsort(-patches.cells, kind="stable")[:_MOST_PIECES]
    result = []
    for number in order + 1:
        area_km2 = float(patches.cells[number - 1] * maker.cell_km2)
        if area_km2 < 0.1 * maker.choices.min_area_km2:
            break
        rows, cols = np.nonzero(patches.numbers == number)
        middle = int(np.argmin((rows - rows.mean()) ** 2 + (cols - cols.mean()) ** 2))  # a cell of it
        x, y = maker.template.xy(rows[middle], cols[middle])
        mean = float(frequency[rows, cols].mean(dtype=np.float64))
        result.append(OutsideGround(float(x), float(y), area_km2, mean))
    return result, total_km2


def _losing_variants_text(index: int, variants: Sequence[Variant], kinds: Sequence[ChoiceKind]) -> str:
    """The alternatives that take more than half of a source's ground, by kind."""
    parts, whole = [], 0
    for kind in kinds:
        of_kind = [v for v in variants if v.kind == kind]
        losing = [v.text for v in of_kind if v.share[index] < LOST_BELOW - ROUNDING]
        if len(losing) == len(of_kind) > 1:
            parts.append(f"{kind} (every alternative)")
            whole += 1
        elif losing:
            values: dict[tuple[str, str], list[str]] = {}
            for text in losing:
                values.setdefault((text.before, text.after), []).append(text.value)
            parts.append(
                f"{kind} " + ", ".join(f"{before}{', '.join(each)}{after}" for (before, after), each in values.items())
            )
    return "every alternative" if whole == len(kinds) else "; ".join(parts)


def _rank_at_each(
    areas: Floats, matrix: AnyArray, *, distances: list[float], maker: SourceListMaker, progress: Progress
) -> tuple[Ints, list[float]]:
    """Ranks by dPC, shape (patches, distances), and Spearman's correlation of dPC with that at the base distance."""
    ranks, values, dispersal = [], [], maker.choices.dispersal
    for k, distance in enumerate(distances):
        dpc = maker.dpc(
            areas,
            matrix,
            dispersal=replace(dispersal, distance=distance),
            progress=progress.part(k / len(distances), (k + 1) / len(distances)),
        )
        order = order_by_dpc(dpc)
        rank = np.empty(order.size, dtype=np.int64)
        rank[order] = np.arange(1, order.size + 1)
        ranks.append(rank)
        values.append(dpc)
    base = values[distances.index(dispersal.distance)]
    return np.column_stack(ranks), [_spearman(base, dpc) for dpc in values]


def _spearman(a: Floats, b: Floats) -> float:
    """Spearman's rank correlation; NaN for fewer than three values or equal ones."""
    from scipy.stats import spearmanr

    if a.size < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return math.nan
    return float(spearmanr(a, b)[0])

"""The list of sources that the base choices make, and what the alternatives need of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from osgeo import ogr

from ..arrays import AnyArray, Float32s, Floats, Ints
from ..errors import InputError
from ..geometry.polygon_distance import edge_distances
from ..progress import Progress
from .components import Components, Weighting, weights_by_rule
from .grid_cells import GridCells
from .source_lists import MOST_RANKED, NumberedPatches, SourceList, SourceListMaker

MOST_IN_RANK_TABLE = 1500
"""Patches whose ranks by dPC at each dispersal distance are reported, at most."""


@dataclass
class BaseList:
    """What the base choices make.

    Parameters
    ----------
    cells : GridCells
        With the means of the services.
    weights : ndarray, shape (services,)
        Of the services.
    kmo : float
        NaN where it is not defined.
    warnings : list of str
        Of the weighing.
    weighting : Weighting
        The rule that was used.
    other_weights : dict of Weighting to ndarray
        Weights by the rules that were not used.
    importance : float32 array, shape (rows, cols), or None
        None once :meth:`free_importance` was called.
    patches : NumberedPatches
        All patches; they hold until the maker numbers others.
    larger : integer array
        Numbers of the patches above the area threshold, largest first.
    polygons : list of ogr.Geometry
        One per larger patch; empty where they are not needed.
    distances : ndarray or None
        Metres between the edges of the larger patches; None where they are not needed, or too many.
    sources : SourceList
        The list.
    """

    cells: GridCells
    weights: Floats
    kmo: float
    warnings: list[str]
    weighting: Weighting
    other_weights: dict[Weighting, Floats]
    importance: Float32s | None
    patches: NumberedPatches
    larger: Ints
    polygons: list[ogr.Geometry]
    distances: AnyArray | None
    sources: SourceList

    def free_importance(self) -> None:
        """Give back the memory of the importance map."""
        self.importance = None


def make_base(maker: SourceListMaker, *, is_scored: bool, progress: Progress) -> BaseList:
    """The base's list; ``is_scored`` where it is that list whose stability is asked for.

    Raises
    ------
    InputError
        A base that is scored and makes no source.
    """
    choices = maker.choices
    cells = maker.grid_cells(choices.importance.grid_size_m, progress.part(0, 0.1))
    found = maker.weigh(cells)
    by_rule = weights_by_rule(cells.means[cells.used], found.components)
    importance = maker.importance(cells, found.weights, progress.part(0.1, 0.2))
    patches = maker.patches(
        importance, cells, class_count=choices.importance.class_count, progress=progress.part(0.2, 0.5)
    )
    larger = maker.larger(patches, choices.min_area_km2)
    if is_scored and not larger.size:
        largest = float(patches.cells.max() * maker.cell_km2) if patches.cells.size else 0.0
        raise InputError(
            f"the base settings make no source, since the largest patch has {largest:.4g} km2 and sources are "
            f"larger than {choices.min_area_km2:g} km2; lower the area.",
            parameter="min_area_km2",
            value=choices.min_area_km2,
        )
    polygons: list[ogr.Geometry] = []
    distances = None
    by_dpc = maker.chooses_by_dpc(larger)
    if is_scored or by_dpc:
        polygons = maker.polygons(patches, larger, progress.part(0.5, 0.7))
        if len(polygons) <= (MOST_RANKED if by_dpc else MOST_IN_RANK_TABLE):
            distances = edge_distances(polygons, progress.part(0.7, 0.85))
    sources = maker.sources(
        patches, min_area_km2=choices.min_area_km2, distances=distances, progress=progress.part(0.85, 1)
    )
    return BaseList(
        cells=cells,
        weights=found.weights,
        kmo=kmo_of(found.components),
        warnings=list(found.warnings),
        weighting=found.weighting,
        other_weights={rule: weights for rule, weights in by_rule.items() if rule != found.weighting},
        importance=importance,
        patches=patches,
        larger=larger,
        polygons=polygons,
        distances=distances,
        sources=sources,
    )


def kmo_of(components: Components | None) -> float:
    """KMO; NaN where there are no components."""
    return math.nan if components is None else components.kmo

"""Patches that lie close together become one source."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..gdal_session import gdal_exceptions
from ..geometry.polygon_distance import edge_links
from ..geometry.polygons import union_of
from ..ids import as_id, id_list
from ..patch_sizes import size_class
from ..progress import Progress
from ..report import number
from .selection_choices import SelectionChoices
from .source import ROUNDING, Selection, Source

if TYPE_CHECKING:
    from ..geometry.polygon_distance import Pairs


def clusters(areas_km2: Sequence[float], links: Pairs, merge_area_km2: float | None = None) -> list[int]:
    """Number from 0 of the cluster of each patch: single linkage, shortest links first.

    With ``merge_area_km2`` a link joins only where one of the two patches is below it, and two patches
    not below it never come into one cluster. Among equally long links that of the larger patches goes first.
    """
    from scipy.cluster.hierarchy import DisjointSet

    groups = DisjointSet(range(len(areas_km2)))
    # of each group's root: whether it holds a patch that is not below the area
    has_large = [bool(merge_area_km2) and area >= (merge_area_km2 or 0) * (1 - ROUNDING) for area in areas_km2]
    a, b, distance = links
    areas = np.asarray(areas_km2)
    order = np.lexsort((-np.minimum(areas[a], areas[b]), -np.maximum(areas[a], areas[b]), distance))
    for i, j in zip(a[order].tolist(), b[order].tolist()):
        one, other = groups[i], groups[j]
        if one != other and not (has_large[one] and has_large[other]):
            groups.merge(i, j)
            has_large[groups[i]] = has_large[one] or has_large[other]
    numbers: dict[int, int] = {}
    return [numbers.setdefault(groups[i], len(numbers)) for i in range(len(areas_km2))]


def merge_close_patches(
    candidates: list[Source], choices: SelectionChoices, *, sized: bool, result: Selection, progress: Progress
) -> list[Source]:
    """One source for each cluster of candidates; ``sized``: the layer has size classes."""
    if not candidates or choices.merge_distance_m is None:
        return candidates
    candidates = sorted(candidates, key=lambda s: (-s.area_km2, s.geometry.GetEnvelope()))  # ties, whatever the order
    distance_m, area_km2 = choices.merge_distance_m, choices.merge_area_km2
    links = edge_links([s.geometry for s in candidates], distance_m, progress=progress.part(0, 0.8))
    groups: dict[int, list[Source]] = {}
    for source, cluster in zip(candidates, clusters([s.area_km2 for s in candidates], links, area_km2)):
        groups.setdefault(cluster, []).append(source)
    merged, count = [], 0
    with gdal_exceptions():
        for done, group in enumerate(groups.values()):
            progress(0.8 + 0.2 * done / len(groups))
            if len(group) == 1:
                merged += group
                continue
            count += len(group)
            source = _merged(group)
            source.size_class = size_class(source.area_km2, choices.area_bands) if sized else ""
            result.explain(
                source,
                f"merged with each other: patches {source.merged}, {number(source.area_km2)} km2"
                + (f", {source.size_class}" if sized else ""),
            )
            merged.append(source)
    if not count:
        progress.log(f"No patches that may be merged lie within {distance_m:g} m of each other.")
        return merged
    progress.log(
        f"{count} patches within {distance_m:g} m of each other were merged into {sum(bool(s.merged) for s in merged)}"
        + (f"; those of {area_km2:g} km2 or more were not merged with each other." if area_km2 else ".")
    )
    return merged


def _merged(group: list[Source]) -> Source:
    """The union of patches, largest first: the first one's id, the mean importance weighted by area."""
    known = [s for s in group if not math.isnan(s.importance_mean)]
    area = sum(s.area_km2 for s in known)
    geometry = union_of([s.geometry for s in group])
    return Source(
        0,
        group[0].patch_id,
        geometry.GetArea() / 1e6,
        sum(s.importance_mean * s.area_km2 for s in known) / area if known else math.nan,
        geometry,
        merged=id_list(i for i in (as_id(s.patch_id) for s in group) if i is not None),
        members=[i for s in group for i in s.members],
        origin="merged patches",
    )

"""Sources that lie close together become one."""

import math

import numpy as np

from ..gdal_session import gdal_exceptions
from ..geometry.polygon_distance import edge_links
from ..geometry.polygons import union_of
from ..ids import as_id, id_list
from ..patch_sizes import size_class
from ..report import number
from .source import ROUNDING, Source


def clusters(areas_km2, links, merge_area_km2=None):
    """Label from 0 of the cluster of each patch: single linkage, shortest links first.

    With ``merge_area_km2`` a link joins only where one of the two patches is below it, and two patches
    not below it never come into one cluster. Among equally long links that of the larger patches goes first.
    """
    parent = list(range(len(areas_km2)))
    large = [not merge_area_km2 or area >= merge_area_km2 * (1 - ROUNDING) for area in areas_km2]

    def root(i):
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    a, b, distance = links
    areas = np.asarray(areas_km2)
    order = np.lexsort((-np.minimum(areas[a], areas[b]), -np.maximum(areas[a], areas[b]), distance))
    for i, j in zip(a[order].tolist(), b[order].tolist()):
        i, j = root(i), root(j)
        if i != j and not (merge_area_km2 and large[i] and large[j]):
            parent[j] = i
            large[i] = large[i] or large[j]
    roots = {}
    return [roots.setdefault(root(i), len(roots)) for i in range(len(areas_km2))]


def merge(candidates, distance_m, area_km2, bands, sized, result, progress):
    if not candidates:
        return candidates
    candidates = sorted(candidates, key=lambda s: (-s.area_km2, s.geometry.GetEnvelope()))  # ties, whatever the order
    links = edge_links([s.geometry for s in candidates], distance_m, progress=progress.part(0, 0.8))
    groups = {}
    for source, label in zip(candidates, clusters([s.area_km2 for s in candidates], links, area_km2)):
        groups.setdefault(label, []).append(source)
    merged, count = [], 0
    with gdal_exceptions():
        for done, group in enumerate(groups.values()):
            progress(0.8 + 0.2 * done / len(groups))
            if len(group) == 1:
                merged += group
                continue
            count += len(group)
            known = [s for s in group if not math.isnan(s.importance_mean)]
            area = sum(s.area_km2 for s in known)
            geometry = union_of([s.geometry for s in group])
            ids = id_list(as_id(s.patch_id) for s in group)
            source = Source(
                0,
                group[0].patch_id,
                geometry.GetArea() / 1e6,
                sum(s.importance_mean * s.area_km2 for s in known) / area if known else math.nan,
                geometry,
                merged=ids,
                members=[i for s in group for i in s.members],
                origin="merged patches",
            )
            source.size_class = size_class(source.area_km2, bands) if sized else ""
            result.tell(
                source,
                f"merged with each other: patches {ids}, {number(source.area_km2)} km2"
                + (f", {source.size_class}" if sized else ""),
            )
            merged.append(source)
    if not count:
        progress.log(f"No patches that may be merged lie within {distance_m:g} m of each other.")
        return merged
    clusters_made = sum(bool(s.merged) for s in merged)
    progress.log(
        f"{count} patches within {distance_m:g} m of each other were merged into {clusters_made}"
        + (f"; those of {area_km2:g} km2 or more were not merged with each other." if area_km2 else ".")
    )
    return merged

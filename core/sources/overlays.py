"""Polygons that must be sources, and ground that may not be."""

from __future__ import annotations

import math

import numpy as np
from osgeo import ogr

from ..errors import first_few
from ..gdal_session import gdal_exceptions
from ..geometry.layers import Layer, bounds_of, is_near
from ..geometry.polygon_distance import overlaps
from ..geometry.polygons import multipolygon_of, union_of
from ..ids import as_id, id_list
from ..progress import Progress
from ..report import number
from .source import ROUNDING, Selection, Source

_NAMED = 20  # features that a message names


def cut_out(candidates: list[Source], exclude: Layer, *, result: Selection, progress: Progress) -> list[Source]:
    """Cut the ground of valid polygons out of candidates; those wholly inside fall away."""
    left, cut, gone = [], 0, 0
    with gdal_exceptions():
        # parts that do not overlap, so that a patch of many corners is cut once, not by each polygon that it meets
        union = union_of(exclude.geometries)
        parts = [union.GetGeometryRef(index).Clone() for index in range(union.GetGeometryCount())]
        boxes = np.array([part.GetEnvelope() for part in parts]).reshape(-1, 4)
        for count, source in enumerate(candidates):
            progress(count / len(candidates))
            before = source.area_km2
            west, east, south, north = source.geometry.GetEnvelope()
            near = np.flatnonzero(
                (boxes[:, 0] < east) & (boxes[:, 1] > west) & (boxes[:, 2] < north) & (boxes[:, 3] > south)
            )
            if near.size:
                barred = ogr.Geometry(ogr.wkbMultiPolygon)
                for index in near.tolist():
                    barred.AddGeometry(parts[index])
                if source.geometry.Intersects(barred):
                    source.geometry = multipolygon_of(source.geometry.Difference(barred))
            source.area_km2 = source.geometry.GetArea() / 1e6
            if source.area_km2 > 0:
                left.append(source)
            if source.area_km2 < before * (1 - ROUNDING):
                cut += 1
                gone += not source.area_km2 > 0
                lost = f"{number(before - source.area_km2)} of {number(before)} km2 cut at '{exclude.name}'"
                result.explain(source, lost if source.area_km2 > 0 else f"not a source: wholly inside '{exclude.name}'")
    if not cut:
        progress.warn(
            f"No polygon of '{exclude.name}' that may not be a source meets a patch in question, so nothing was "
            f"cut out: check that it belongs to this area and that its CRS is right."
        )
    if cut:
        progress.log(
            f"{cut} patch(es) were cut at the polygons of '{exclude.name}', {gone} of them wholly; dPC and "
            f"importance are those of the whole patch."
        )
    return left


def join_included(candidates: list[Source], include: Layer, *, result: Selection, progress: Progress) -> list[Source]:
    """Every valid polygon of ``include`` as a source, joined with the chosen patches that it overlaps."""
    joined, new, inside = 0, 0, 0
    with gdal_exceptions():
        for count, shape in enumerate(include.geometries):
            progress(count / len(include))
            geometry = multipolygon_of(shape)
            if not geometry.GetArea() > 0:
                continue
            touched, rest, covered = _overlapped(geometry, candidates, progress)
            if covered:  # the polygon lies in a source already
                inside += 1
                continue
            source = _joined(geometry, touched, include.name)
            joined, new = joined + bool(source.members), new + (not touched)
            result.explain(source, f"joined with a polygon of '{include.name}'")
            candidates = [*rest, source]
    if joined:
        progress.log(
            f"{joined} polygon(s) of '{include.name}' overlap chosen patches and were joined with them; the "
            f"importance and dPC of what came out are not known and left empty."
        )
    progress.log(
        f"Of the {len(include)} polygon(s) of '{include.name}' that must be sources {new} are sources of "
        f"their own, {inside} lie in a source already."
    )
    return candidates


def _overlapped(
    geometry: ogr.Geometry, candidates: list[Source], progress: Progress
) -> tuple[list[Source], list[Source], bool]:
    """The candidates that a polygon overlaps, the others, and whether one of them covers it."""
    touched: list[Source] = []
    rest: list[Source] = []
    area, covered = geometry.GetArea(), False
    for source in candidates:
        progress.check()
        overlap = 0.0
        if source.geometry.Intersects(geometry):
            overlap = multipolygon_of(source.geometry.Intersection(geometry)).GetArea()
        covered = covered or overlap >= area * (1 - ROUNDING)
        (touched if overlap > ROUNDING * min(area, source.geometry.GetArea()) else rest).append(source)
    return touched, rest, covered


def _joined(geometry: ogr.Geometry, touched: list[Source], layer: str) -> Source:
    """A source of a polygon of a layer and the candidates that it overlaps."""
    geometry = union_of([geometry, *(s.geometry for s in touched)])
    patches = [s for s in touched if s.members]
    ids = [as_id(i) for s in patches for i in (s.merged or str(s.patch_id)).split(",")]
    return Source(
        0,
        max(patches, key=lambda s: s.area_km2).patch_id if patches else None,
        geometry.GetArea() / 1e6,
        math.nan,
        geometry,
        merged=id_list(i for i in ids if i is not None) if len(patches) > 1 or any(s.merged for s in patches) else "",
        members=[i for s in patches for i in s.members],
        origin=f"'{layer}' with patches" if patches else f"'{layer}'",
    )


def warn_of_overlapping_patches(candidates: list[Source], layer: str, progress: Progress) -> None:
    """Patches that cover common ground count it twice."""
    found = overlaps([s.geometry for s in candidates], progress=progress.quiet().part(0.8, 0.8))
    if found:
        a, b, area = max(found, key=lambda row: row[2])
        progress.warn(
            f"Layer '{layer}': {len(found)} pair(s) of patches overlap, {candidates[a].patch_id} and "
            f"{candidates[b].patch_id} the most ({number(area / 1e6)} km2): their common ground counts "
            f"twice. Merge patches within 0 m, or correct the layer."
        )


def warn_of_far_polygons(moved: Layer, include: Layer, patches: Layer, *, progress: Progress) -> None:
    """Polygons of ``include`` (``moved``: in the patches' CRS) further from the patches than these extend."""
    west, south, east, north = bounds_of(patches.geometries)
    reach = max(east - west, north - south)
    far = [
        str(i)
        for i, geometry in enumerate(moved.geometries, 1)
        if not geometry.IsEmpty() and not is_near([geometry], (west, south, east, north), reach_m=reach)
    ]
    if far:
        progress.warn(
            f"Layer '{include.name}': {len(far)} polygon(s) that must be sources lie further than "
            f"{reach / 1000:.1f} km from the patches (feature {first_few(far, _NAMED)}): check that "
            f"they belong to this area and that the layer's CRS, {include.crs.name}, is right."
        )


def warn_of_barred_polygons(include: Layer, exclude: Layer, progress: Progress) -> None:
    """Polygons that must be sources on ground that may not be."""
    barred, wanted = ([g for g in layer.geometries if g.GetArea() > 0] for layer in (exclude, include))
    quiet = progress.quiet().part(0.8, 0.8)
    found = overlaps([*barred, *wanted], first=len(barred), progress=quiet) if barred and wanted else []
    if found:
        progress.warn(
            f"{len({b for _, b, _ in found})} polygon(s) of '{include.name}' that must be sources overlap "
            f"'{exclude.name}', which may not be: they are sources all the same, with "
            f"{number(sum(area for *_, area in found) / 1e6)} km2 of such ground."
        )

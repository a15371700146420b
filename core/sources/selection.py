"""Which patches become ecological sources.

Section 2.4 of Feng, Bai & Wang (2024): by size and by importance for connectivity; polygons that must
be sources (reserves) or must not be are the planner's.
"""

import math
from dataclasses import dataclass

from osgeo import ogr

from ..crs import gdal_exceptions, require_metres
from ..errors import InputError
from ..progress import SILENT
from .patches import of_size

DPC_FIELDS = ("dpc", "dpc_intra", "dpc_flux", "dpc_connector")

_ROUNDING = 1e-9  # of areas that come from overlays


@dataclass
class Source:
    """One source; what is not known of it is NaN, its ``patch_id`` None."""

    source_id: int
    patch_id: object
    area_km2: float
    importance_mean: float
    geometry: object
    dpc: float = math.nan
    dpc_intra: float = math.nan
    dpc_flux: float = math.nan
    dpc_connector: float = math.nan


def select_sources(features, size_classes=("super-large",), min_area_km2=None, min_dpc=None, top=None,
                   include=None, exclude=None, progress=SILENT):
    """Sources out of patches.

    Ground under ``exclude`` is cut out of the patches first; what is left must meet the size class,
    ``min_area_km2`` and ``min_dpc``; the ``top`` ones by dPC (by area where dPC is not known) stay.
    Each polygon of ``include`` is a source whatever its size; one that overlaps a chosen patch joins it.

    Parameters
    ----------
    features : vector.Features
        Patches in a projected CRS in metres; ``patch_id``, ``size_class``, ``importance_mean``, ``dpc``
        and its parts are used where they exist.
    size_classes : sequence of str
    min_area_km2, min_dpc : float, optional
    top : int, optional
        None or 0: all.
    include, exclude : vector.Features, optional
        Polygons in any known CRS.

    Returns
    -------
    list of Source
        Largest first, ``source_id`` from 1 in that order.

    Raises
    ------
    InputError
        An empty layer, a missing field, or no patch that meets the conditions.
    """
    features.require_some("patch")
    envelope = features.geometries[0].GetEnvelope()
    require_metres(features.crs, features.name, (envelope[0], envelope[2]))
    candidates = _candidates(features, of_size(features, size_classes, progress), progress)
    conditions = [f"size class {', '.join(size_classes)}" if "size_class" in features.field_names else ""]
    if exclude is not None and len(exclude):
        candidates = _cut(candidates, exclude.to_crs(features.crs, progress).valid_polygons(progress), progress)
        conditions.append("outside the polygons that may not be sources")
    if min_area_km2:
        candidates = [s for s in candidates if s.area_km2 >= min_area_km2 * (1 - _ROUNDING)]
        conditions.append(f"area of at least {min_area_km2:g} km2")
    if min_dpc is not None:
        features.require_field("dpc", "the least dPC needs it; run 'Landscape connectivity' on the patches first")
        unknown = sum(math.isnan(s.dpc) for s in candidates)
        if unknown:
            raise InputError(f"Layer '{features.name}', field 'dpc': {unknown} of the {len(candidates)} patches in "
                             f"question have no value, and the least dPC (MIN_DPC) needs it: run 'Landscape "
                             f"connectivity' on them first, or leave the least dPC empty.")
        candidates = [s for s in candidates if s.dpc >= min_dpc]
        conditions.append(f"dPC of at least {min_dpc:g}")
    if top:
        ranked_by_dpc = bool(candidates) and all(not math.isnan(s.dpc) for s in candidates)
        candidates.sort(key=lambda s: (-s.dpc if ranked_by_dpc else -s.area_km2, -s.area_km2))
        candidates = candidates[:int(top)]
        progress.log(f"The {len(candidates)} first patches by {'dPC' if ranked_by_dpc else 'area'} were kept.")
    if include is not None and len(include):
        candidates = _join(candidates, include.to_crs(features.crs, progress).valid_polygons(progress), progress)
    if not candidates:
        raise InputError(f"No patch of '{features.name}' meets all conditions "
                         f"({'; '.join(c for c in conditions if c)}): lower the least area (MIN_AREA) or dPC "
                         f"(MIN_DPC), choose more size classes (SIZE_CLASSES), or give polygons that must be "
                         f"sources (INCLUDE).")
    candidates.sort(key=lambda s: (-s.area_km2, math.inf if s.patch_id is None else s.patch_id))
    for number, source in enumerate(candidates, 1):
        source.source_id, source.geometry = number, ogr.ForceToMultiPolygon(source.geometry)
    progress.log(f"{len(candidates)} sources of {sum(s.area_km2 for s in candidates):.3f} km2 in all.")
    return candidates


def _candidates(features, chosen, progress):
    features = features.valid_polygons(progress)
    result = []
    for index in chosen:
        attributes, geometry = features.attributes[index], features.geometries[index]
        if not geometry.GetArea() > 0:
            continue
        patch_id = attributes.get("patch_id")
        result.append(Source(0, index + 1 if patch_id is None else patch_id, geometry.GetArea() / 1e6,
                             _number(attributes.get("importance_mean")), geometry,
                             *(_number(attributes.get(name)) for name in DPC_FIELDS)))
    return result


def _number(value):
    try:
        return math.nan if value is None else float(value)
    except (TypeError, ValueError):
        return math.nan


def _polygons_only(geometry):
    """The polygons of a geometry as one multipolygon (an overlay leaves lines and points too)."""
    result = ogr.Geometry(ogr.wkbMultiPolygon)
    if geometry is None:
        return result
    kind = ogr.GT_Flatten(geometry.GetGeometryType())
    if kind == ogr.wkbPolygon:
        result.AddGeometry(geometry)
    elif geometry.GetGeometryCount() and kind != ogr.wkbLineString:
        for index in range(geometry.GetGeometryCount()):
            part = _polygons_only(geometry.GetGeometryRef(index))
            for k in range(part.GetGeometryCount()):
                result.AddGeometry(part.GetGeometryRef(k))
    return result


def _cut(candidates, exclude, progress):
    left, cut, gone = [], 0, 0
    with gdal_exceptions():
        for count, source in enumerate(candidates):
            progress(0.5 * count / len(candidates))
            before = source.area_km2
            for geometry in exclude.geometries:
                if source.geometry.Intersects(geometry):
                    source.geometry = _polygons_only(source.geometry.Difference(geometry))
            source.area_km2 = source.geometry.GetArea() / 1e6
            if source.area_km2 < before * (1 - _ROUNDING):
                cut += 1
            if source.area_km2 > 0:
                left.append(source)
            else:
                gone += 1
    if cut:
        progress.log(f"{cut} patch(es) were cut at the polygons of '{exclude.name}', {gone} of them wholly; dPC and "
                     f"importance are those of the whole patch.")
    return left


def _join(candidates, include, progress):
    """Every polygon of ``include`` as a source, joined with the chosen patches that it overlaps."""
    joined = 0
    with gdal_exceptions():
        for count, geometry in enumerate(include.geometries):
            progress(0.5 + 0.5 * count / len(include))
            geometry = _polygons_only(geometry)
            area = geometry.GetArea()
            if not area > 0:
                continue
            touched, rest, covered = [], [], False
            for source in candidates:
                overlap = 0.0
                if source.geometry.Intersects(geometry):
                    overlap = _polygons_only(source.geometry.Intersection(geometry)).GetArea()
                covered = covered or overlap >= area * (1 - _ROUNDING)
                (touched if overlap > 0 else rest).append(source)
            if covered:  # the polygon lies in a source already
                continue
            for source in touched:
                geometry = _polygons_only(geometry.Union(source.geometry))
            patch_id = max(touched, key=lambda s: s.area_km2).patch_id if touched else None
            joined += bool(touched)
            candidates = rest + [Source(0, patch_id, geometry.GetArea() / 1e6, math.nan, geometry)]
    if joined:
        progress.log(f"{joined} polygon(s) of '{include.name}' overlap chosen patches and were joined with them; the "
                     f"importance and dPC of what came out are not known and left empty.")
    return candidates

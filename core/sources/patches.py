"""Patches of important ground, their size classes, and which of them become sources.

Section 2.4 of Feng, Bai & Wang (2024): cells of the very important and important classes join into
patches; 7, 4 and 1 km2 part super-large, large, medium and small ones. Sources are chosen among
them by size and by their importance for connectivity.
"""

import math
from dataclasses import dataclass

import numpy as np
from osgeo import ogr

from ..crs import gdal_exceptions, require_metres
from ..errors import InputError
from ..progress import SILENT
from ..tables import number_of, split_list
from ..vector import polygonize

SIZE_CLASSES = ("super-large", "large", "medium", "small")
AREA_BANDS_KM2 = (1.0, 4.0, 7.0)
DPC_FIELDS = ("dpc", "dpc_intra", "dpc_flux", "dpc_connector")

_BLOCK = 512
_ROUNDING = 1e-9  # of areas that come from overlays


@dataclass
class Patch:
    """One patch; ``importance_mean`` is NaN where no importance map is given."""

    patch_id: int
    area_km2: float
    size_class: str
    importance_mean: float
    geometry: object


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


def size_class(area_km2, bands=AREA_BANDS_KM2):
    """small < bands[0] <= medium < bands[1] <= large <= bands[2] < super-large."""
    small, medium, large = bands
    if area_km2 < small:
        return "small"
    if area_km2 < medium:
        return "medium"
    return "large" if area_km2 <= large else "super-large"


def bands_from_text(text, name="Limits of small, medium and large patches (AREA_BANDS)"):
    """Three ascending areas in km2 from ``1, 4, 7``."""
    bands = tuple(number_of(part) for part in split_list(text, decimals=True))
    if len(bands) != 3 or None in bands or not 0 < bands[0] < bands[1] < bands[2]:
        raise InputError(f"{name}: '{text}' is not three ascending areas above 0 in km2; give three, "
                         f"such as 1, 4, 7.")
    return bands


def classes_from_text(text, name="Classes that make patches (PATCH_CLASSES)"):
    """Class numbers from ``4, 5``."""
    numbers = [number_of(part) for part in split_list(text)]
    if not numbers or any(n is None or n != math.floor(n) for n in numbers):
        raise InputError(f"{name}: '{text}' is not a list of class numbers; write 4, 5.")
    return tuple(int(n) for n in numbers)


def find_patches(classes, patch_classes=(4, 5), importance=None, bands=AREA_BANDS_KM2, diagonals=True,
                 progress=SILENT):
    """Connected cells of the chosen classes as polygons that follow the cells.

    Parameters
    ----------
    classes : raster.Grid of whole numbers
    patch_classes : tuple of int
        Classes that make a patch.
    importance : raster.Grid, optional
        On the same cells; its mean over the cells that have a value goes to each patch.
    bands : three ascending floats
        km2; see :func:`size_class`.
    diagonals : bool
        True: cells that meet at a corner are one patch (8 neighbours); False: 4 neighbours.

    Returns
    -------
    list of Patch
        Largest first, ``patch_id`` from 1 in that order; equal areas from the top left.

    Raises
    ------
    InputError
        When no cell has one of the classes.

    Notes
    -----
    Memory: 4 bytes per cell for labels and 4 while they are turned into polygons.
    """
    from scipy import ndimage

    template = classes.template
    chosen = np.isin(classes.values, np.asarray(patch_classes)) & classes.valid
    if not chosen.any():
        have = ", ".join(str(v) for v in np.unique(classes.values[classes.valid])[:20].tolist()) or "none"
        raise InputError(f"No cell of '{classes.name}' has class {' or '.join(map(str, patch_classes))}; its "
                         f"classes are {have}: choose the classes that make patches (PATCH_CLASSES) among "
                         f"them.")
    progress(0.05)
    labels = np.zeros(template.shape, dtype=np.int32)
    count = ndimage.label(chosen, np.ones((3, 3)) if diagonals else None, output=labels)
    del chosen
    progress(0.3)
    cells = np.bincount(labels.reshape(-1), minlength=count + 1)[1:]
    order = np.argsort(-cells, kind="stable")
    renumber = np.zeros(count + 1, dtype=np.int32)
    renumber[order + 1] = np.arange(1, count + 1, dtype=np.int32)
    for start in range(0, template.rows, _BLOCK):
        labels[start:start + _BLOCK] = renumber[labels[start:start + _BLOCK]]
    cells = cells[order]
    progress(0.4)
    means = np.full(count, np.nan) if importance is None else _means(labels, count, importance, progress)
    polygons = polygonize(labels, template, progress.part(0.5, 0.95))
    progress(0.95)
    areas = cells * template.cell_area_m2 / 1e6
    patches = [Patch(i + 1, float(areas[i]), size_class(areas[i], bands), float(means[i]), polygons[i + 1])
               for i in range(count)]
    for row in size_summary(patches):
        progress.log("{}: {} patch(es), {:.3f} km2, {:.1f} % of the patches' area.".format(*row))
    progress(1.0)
    return patches


def _means(labels, count, importance, progress):
    sums, known = np.zeros(count + 1), np.zeros(count + 1)
    for start in range(0, labels.shape[0], _BLOCK):
        part = slice(start, start + _BLOCK)
        values = importance.values[part].astype(np.float64)
        inside = (labels[part] > 0) & importance.like(importance.values[part], importance.nodata).valid
        here = labels[part][inside]
        sums += np.bincount(here, weights=values[inside], minlength=count + 1)
        known += np.bincount(here, minlength=count + 1)
        progress(0.4 + 0.1 * start / labels.shape[0])
    with np.errstate(invalid="ignore"):
        return (sums / known)[1:]


def size_summary(patches):
    """(size class, count, area_km2, share of the area in %) per size class, largest class first."""
    total = sum(p.area_km2 for p in patches)
    rows = []
    for name in SIZE_CLASSES:
        areas = [p.area_km2 for p in patches if p.size_class == name]
        rows.append((name, len(areas), sum(areas), 100 * sum(areas) / total if total else 0.0))
    return rows


# patches as a layer -------------------------------------------------------------------------------------

def of_size(features, size_classes, progress=SILENT):
    """Indices of the features of the wanted size classes; all where the layer has no ``size_class``.

    Raises
    ------
    InputError
        When the layer is empty or none is of a wanted class.
    """
    features.require_some("patch")
    if not size_classes:
        raise InputError(f"No size class (SIZE_CLASSES) is chosen: choose at least one of {', '.join(SIZE_CLASSES)}.")
    if "size_class" not in features.field_names:
        progress.log(f"Layer '{features.name}' has no field 'size_class': all its {len(features)} polygons are used.")
        return list(range(len(features)))
    found = features.values("size_class")
    chosen = [index for index, value in enumerate(found) if value in size_classes]
    counts = ", ".join(f"{sum(value == name for value in found)} {name}" for name in SIZE_CLASSES)
    if not chosen:
        raise InputError(f"Layer '{features.name}' has no patch of size class {' or '.join(size_classes)}, it has "
                         f"{counts}: choose other size classes (SIZE_CLASSES), or lower the limits of small, medium "
                         f"and large patches (AREA_BANDS) in step 'Patches'.")
    progress.log(f"{len(chosen)} of the {len(features)} patches of '{features.name}' ({counts}) are of size class "
                 f"{', '.join(size_classes)}.")
    return chosen


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

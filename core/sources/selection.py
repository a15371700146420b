"""Which patches become ecological sources.

Section 2.4 of Feng, Bai & Wang (2024): by size and by importance for connectivity; polygons that must
be sources (reserves) or must not be are the planner's. Merging patches that lie close follows the
paper's optimisation: small patches in the broken land near its site 21, integrated, make a new source.
"""

import math
from collections import Counter

import numpy as np
from osgeo import ogr

from ..connectivity.changes import kept_share
from ..connectivity.dispersal import Dispersal
from ..connectivity.graph import Links
from ..connectivity.indices import connectivity
from ..crs import require_metres
from ..errors import InputError
from ..gdal_session import gdal_exceptions
from ..geometry.layers import bounds_of, is_near
from ..geometry.polygon_distance import edge_links, overlaps
from ..geometry.polygons import multipolygon_of, union_of
from ..ids import as_id, id_list
from ..patch_sizes import AREA_BANDS_KM2, of_size, require_size_classes, size_words
from ..progress import SILENT, Progress
from ..report import number
from ..tables import number_of
from .merging import merge
from .source import DPC_FIELDS, ROUNDING, Selection, Source


def check_choices(
    features=None,
    min_dpc=None,
    min_ec_share=None,
    merge_distance_m=None,
    merge_area_km2=None,
    dispersal_distance=2500.0,
    dispersal_probability=0.5,
    min_area_km2=None,
    top=None,
):
    """Refuse what is known to be wrong before the work: numbers out of range, an unfit layer.

    Raises
    ------
    InputError
    """
    if min_ec_share is not None and not 0 <= min_ec_share <= 100:
        raise InputError(
            f"The least share of connectivity (MIN_EC_SHARE) is {min_ec_share:.10g}: give a share from 0 to "
            f"100 %, or leave it empty."
        )
    if merge_distance_m is not None and not 0 <= merge_distance_m < math.inf:
        raise InputError(
            f"The distance within which patches are merged (MERGE_DISTANCE) is {merge_distance_m:g}: give "
            f"0 m or more, or leave it empty."
        )
    if merge_area_km2 is not None and not merge_area_km2 >= 0:
        raise InputError(
            f"The area below which patches are merged (MERGE_AREA) is {merge_area_km2:g}: give 0 km2 or "
            f"more, or leave it empty."
        )
    if merge_area_km2 and merge_distance_m is None:
        raise InputError(
            "An area below which patches are merged (MERGE_AREA) is given without a distance: give one "
            "(MERGE_DISTANCE), or leave the area empty."
        )
    for value, name, unit in (
        (min_area_km2, "least area (MIN_AREA)", " km2"),
        (min_dpc, "least dPC (MIN_DPC)", " %"),
        (top, "number of patches to keep (TOP)", ""),
    ):
        if value is not None and not value >= 0:
            raise InputError(f"The {name} is {value:g}: give 0{unit} or more, or leave it empty.")
    Dispersal(dispersal_distance, dispersal_probability)
    if features is None:
        return
    features.require_some("patch")
    west, south, _, _ = bounds_of(features.geometries)
    require_metres(features.crs, features.name, centre=(west, south))
    if min_dpc is not None and not features.own_name("dpc"):
        features.require_field("dpc", "the least dPC needs it; run 'Landscape connectivity' on the patches first")


def select_sources(
    features,
    size_classes=("super-large",),
    min_area_km2=None,
    min_dpc=None,
    top=None,
    include=None,
    exclude=None,
    progress=SILENT,
    **options,
):
    """The sources of :func:`choose_sources`, as a list of Source."""
    return choose_sources(
        features, size_classes, min_area_km2, min_dpc, top, include, exclude, progress=progress, **options
    ).sources


def choose_sources(
    features,
    size_classes=("super-large",),
    min_area_km2=None,
    min_dpc=None,
    top=None,
    include=None,
    exclude=None,
    min_ec_share=None,
    merge_distance_m=None,
    merge_area_km2=None,
    bands=AREA_BANDS_KM2,
    dispersal_distance=2500.0,
    dispersal_probability=0.5,
    progress=SILENT,
):
    """Sources out of patches.

    In this order: ground under ``exclude`` is cut out of the patches; patches close to each other are
    merged; what is left must meet the size class, ``min_area_km2`` and ``min_dpc``; of these the first by
    dPC stay that keep ``min_ec_share``; of these the ``top`` ones by dPC (by area where dPC is not known).
    Each polygon of ``include`` is a source whatever its size; one that overlaps a chosen patch joins it.

    Parameters
    ----------
    features : layers.Layer
        Patches in a projected CRS in metres; ``patch_id``, ``size_class``, ``importance_mean``, ``dpc``
        and its parts are used where they exist.
    size_classes : sequence of str
    min_area_km2, min_dpc : float, optional
    top : int, optional
        None or 0: all.
    include, exclude : layers.Layer, optional
        Polygons in any known CRS.
    min_ec_share : float, optional
        %; EC(PC) of the chosen, alone, is at least this share of EC(PC) of all patches that meet the
        conditions before. Weight is the area, distances are between edges. dPC is the layer's where all
        have one and none is merged, else computed.
    merge_distance_m : float, optional
        Single linkage: patches no further apart than this, edge to edge, become one source; the class of
        its size follows ``bands``. 0: those that touch or overlap; None: none.
    merge_area_km2 : float, optional
        Only patches below it are merged, with each other or into a larger one, the nearest pairs first; two
        patches not below it never come into one source. None or 0: all patches are merged.
    bands : three ascending floats
        km2; for merged patches.
    dispersal_distance, dispersal_probability : float
        Of dPC and EC where they are computed.

    Returns
    -------
    Selection
        Sources largest first, ``source_id`` from 1 in that order. A merged one has the ``patch_id`` of its
        largest patch, the area of the union, the mean importance weighted by area, and no dPC unless it
        was computed.

    Raises
    ------
    InputError
        An empty layer, a missing field, a number out of range, or no patch that meets the conditions.
    """
    check_choices(
        features,
        min_dpc,
        min_ec_share,
        merge_distance_m,
        merge_area_km2,
        dispersal_distance,
        dispersal_probability,
        min_area_km2,
        top,
    )
    require_size_classes(size_classes)
    features = features.with_fields("patch_id", "size_class", "importance_mean", *DPC_FIELDS)
    result = Selection(features, [], [[] for _ in features.geometries], [], [])
    progress = _recording(progress, result.warnings)
    merging, sized = merge_distance_m is not None, "size_class" in features.field_names
    chosen = list(range(len(features))) if merging else of_size(features, size_classes, progress)
    words = size_words(features, progress.quiet() if not merging else progress) if sized else [""] * len(features)
    for index in sorted(set(range(len(features))) - set(chosen)):
        result.decisions[index].append(f"not a source: its size class is {words[index] or 'not known'}")
    candidates = _candidates(features, chosen, words, result, progress)
    if not candidates and include is None:
        raise InputError(
            f"No patch of '{features.name}' in question encloses any area: correct the layer's polygons, or "
            f"choose another layer."
        )
    conditions = [f"size class {', '.join(size_classes)}" if sized else ""]

    def keep(fits, reason, condition):
        conditions.append(condition)
        for source in candidates:
            if not fits(source):
                result.tell(source, f"not a source: {reason(source)}")
        return [source for source in candidates if fits(source)]

    if exclude is not None and len(exclude):
        barred = exclude.to_crs(features.crs, progress).valid_polygons(progress)
        candidates = _cut(candidates, barred, result, progress.part(0, 0.2))
        if not candidates and (include is None or not len(include)):
            raise InputError(
                f"All patches in question of '{features.name}' lie wholly inside the polygons of "
                f"'{exclude.name}' that may not be sources (EXCLUDE): check that layer, or choose more "
                f"patches."
            )
        conditions.append("outside the polygons that may not be sources")
    any_merged = False
    if merging:
        count = len(candidates)
        candidates = merge(candidates, merge_distance_m, merge_area_km2, bands, sized, result, progress.part(0.2, 0.4))
        any_merged = len(candidates) < count
        if sized:
            candidates = keep(
                lambda s: s.size_class in size_classes,
                lambda s: f"{_its(s)} size class is {s.size_class or 'not known'}",
                "",
            )
    if min_area_km2:
        candidates = keep(
            lambda s: s.area_km2 >= min_area_km2 * (1 - ROUNDING),
            lambda s: f"{_its(s)} {number(s.area_km2)} km2 are less than {min_area_km2:g} km2",
            f"area of at least {min_area_km2:g} km2",
        )
    links, own_dpc = None, True

    def computed():
        nonlocal links
        if links is None:
            links = Links(
                len(candidates), *edge_links([s.geometry for s in candidates], progress=progress.part(0.4, 0.5))
            )
        return links

    def has_dpc():
        return bool(candidates) and not any(math.isnan(s.dpc) for s in candidates)

    wants_dpc = min_dpc is not None or min_ec_share or top
    if (
        candidates
        and wants_dpc
        and ((any_merged and "dpc" in features.field_names) or (min_ec_share and not has_dpc()))
    ):
        _compute_dpc(candidates, computed(), dispersal_distance, dispersal_probability, progress.part(0.5, 0.7))
        own_dpc = False
        progress.log(
            f"dPC of the {len(candidates)} patch(es) in question was computed anew, of their areas and the "
            f"distances of their edges, with probability {dispersal_probability:g} at {dispersal_distance:g} m"
            + (f": '{features.name}' has none for merged ones." if any_merged else ".")
        )
    if min_dpc is not None:
        unknown = sum(math.isnan(s.dpc) for s in candidates)
        if unknown:
            raise InputError(
                f"Layer '{features.name}', field 'dpc': {unknown} of the {len(candidates)} patches in "
                f"question have no value, and the least dPC (MIN_DPC) needs it: run 'Landscape "
                f"connectivity' on them first, or leave the least dPC empty."
            )
        before = len(candidates)
        candidates = keep(
            lambda s: s.dpc >= min_dpc,
            lambda s: f"{_its(s)} dPC of {number(s.dpc)} % is less than {min_dpc:g} %",
            f"dPC of at least {min_dpc:g}",
        )
        links = links if len(candidates) == before else None
    if min_ec_share and candidates:
        result.measured = _measured(features.name if own_dpc else None, dispersal_distance, dispersal_probability)
        candidates = _keep_share(
            candidates,
            computed(),
            min_ec_share,
            dispersal_distance,
            dispersal_probability,
            result,
            progress.part(0.7, 0.8),
        )
    if top:
        ranked = has_dpc()
        unknown = sum(math.isnan(s.dpc) for s in candidates)
        if not ranked and "dpc" in features.field_names and candidates:
            progress.warn(
                f"Layer '{features.name}', field 'dpc': {unknown} of the {len(candidates)} patches in question "
                f"have no number there, so the first {top} (TOP) are those by area: run 'Landscape "
                f"connectivity' on the patches to rank them by dPC."
            )
        candidates.sort(key=lambda s: (-s.dpc if ranked else -s.area_km2, -s.area_km2))
        if len(candidates) < top:
            progress.log(
                f"Only {len(candidates)} patches meet the conditions, fewer than the {top} that were to be "
                f"kept (TOP): all of them are."
            )
        for place, source in enumerate(candidates[int(top) :], int(top) + 1):
            result.tell(
                source, f"not a source: place {place} by {'dPC' if ranked else 'area'}, and the first {top} were kept"
            )
        candidates = candidates[: int(top)]
        progress.log(f"The {len(candidates)} first patches by {'dPC' if ranked else 'area'} were kept.")
        if result.curve is not None and len(candidates) and result.curve[len(candidates) - 1] < min_ec_share / 100:
            result.ec_kept = float(result.curve[len(candidates) - 1])
            progress.warn(
                f"The first {top} patches (TOP) keep {100 * result.ec_kept:.2f} % of the connectivity, less "
                f"than the {min_ec_share:g} % asked for (MIN_EC_SHARE): raise the number of patches to "
                f"keep (TOP), or leave it empty."
            )
    _say_overlaps(candidates, features.name, progress)
    if include is not None and len(include):
        moved = include.to_crs(features.crs, progress).valid_polygons(progress)
        _say_far(moved, include, features, progress)
        if exclude is not None and len(exclude):
            _say_both(moved, barred, progress)
        candidates = _join(candidates, moved, result, progress.part(0.8, 1))
    if not candidates:
        raise InputError(
            f"No patch of '{features.name}' meets all conditions "
            f"({'; '.join(c for c in conditions if c)}): lower the least area (MIN_AREA) or dPC "
            f"(MIN_DPC), choose more size classes (SIZE_CLASSES), or give polygons that must be "
            f"sources (INCLUDE)."
        )
    candidates.sort(
        key=lambda s: (
            -s.area_km2,
            s.patch_id is None,
            isinstance(as_id(s.patch_id), str),
            as_id(s.patch_id),
            s.geometry.GetEnvelope(),
        )
    )
    for place, source in enumerate(candidates, 1):
        source.source_id, source.geometry = place, ogr.ForceToMultiPolygon(source.geometry)
        result.tell(source, f"source {place}")
    texts = [str(s.patch_id) for s in candidates if isinstance(as_id(s.patch_id), str)]
    if texts:
        progress.log(
            f"Layer '{features.name}', field 'patch_id': {', '.join(texts[:20])} is no whole number, which "
            f"the field needs, and is left empty in the sources; the report tells it."
        )
    if any(s.merged and math.isnan(s.dpc) for s in candidates):
        progress.log("dPC of merged sources is not known and left empty: run 'Landscape connectivity' on the sources.")
    progress.log(f"{len(candidates)} sources of {sum(s.area_km2 for s in candidates):.3f} km2 in all.")
    result.sources = candidates
    return result


def _recording(progress, warnings):
    """The same progress, which keeps warnings for the report too."""

    def warn(text):
        warnings.append(text)
        progress.warn(text)

    return Progress(progress, progress.check, progress.log, warn)


def _its(source):
    return "after merging its" if source.merged else "its"


def _candidates(features, chosen, words, result, progress):
    features = features.valid_polygons(progress)
    result.areas_km2 = [geometry.GetArea() / 1e6 for geometry in features.geometries]
    sources = []
    for index in chosen:
        attributes, geometry = features.attributes[index], features.geometries[index]
        if not geometry.GetArea() > 0:
            result.decisions[index].append("not a source: it encloses no area")
            continue
        patch_id = attributes.get("patch_id")
        sources.append(
            Source(
                0,
                index + 1 if patch_id is None else patch_id,
                geometry.GetArea() / 1e6,
                float_or_none(attributes.get("importance_mean")),
                multipolygon_of(geometry),
                *(float_or_none(attributes.get(name)) for name in DPC_FIELDS),
                size_class=words[index],
                members=[index],
            )
        )
    twice = [i for i, count in Counter(as_id(s.patch_id) for s in sources).items() if count > 1]
    if twice:
        progress.warn(
            f"Layer '{features.name}', field 'patch_id': {', '.join(map(str, twice[:20]))} is used by more "
            f"than one patch, so that it does not tell which patch became a source: number the patches anew, "
            f"or go by the features' order in the report."
        )
    return sources


def float_or_none(value):
    value = value if isinstance(value, (int, float)) else number_of("" if value is None else value)
    return math.nan if value is None else float(value)


def _cut(candidates, exclude, result, progress):
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
                result.tell(source, lost if source.area_km2 > 0 else f"not a source: wholly inside '{exclude.name}'")
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


def _compute_dpc(candidates, links, distance, probability, progress):
    found = connectivity(np.array([s.area_km2 for s in candidates]), links, Dispersal(distance, probability), progress=progress)
    for position, source in enumerate(candidates):
        for name in DPC_FIELDS:
            setattr(source, name, float(getattr(found, name)[position]))


def _keep_share(candidates, links, share, distance, probability, result, progress):
    """The first candidates by dPC whose EC is that share (%) of the EC of all."""
    order = sorted(range(len(candidates)), key=lambda i: (-candidates[i].dpc, -candidates[i].area_km2))
    result.curve = kept_share(np.array([s.area_km2 for s in candidates]), links, order, Dispersal(distance, probability), progress=progress)
    kept = 1 + int(np.argmax(result.curve >= share / 100 * (1 - 1e-12)))
    result.ec_kept = float(result.curve[kept - 1])
    chosen = [candidates[i] for i in order]
    progress.log(
        f"{kept} of {len(chosen)} patch(es) by dPC keep {100 * result.ec_kept:.2f} % of the equivalent "
        f"connectivity of all, at least {share:g} %. Patch, and what it keeps together with those before it: "
        + ", ".join(f"{s.patch_id} {100 * part:.1f} %" for s, part in zip(chosen[:kept], result.curve))
        + "."
    )
    progress.log(result.measured)
    for place, source in enumerate(chosen[kept:], kept + 1):
        result.tell(
            source,
            f"not a source: place {place} by dPC ({number(source.dpc)} %), and the first {kept} keep "
            f"{100 * result.ec_kept:.2f} % of the connectivity",
        )
    return chosen[:kept]


def _measured(layer, distance, probability):
    """By which distances EC was measured, and whose dPC gave the order; ``layer`` None: dPC computed here."""
    text = (
        f"EC was measured here, of the patches' areas and the distances between their edges, with probability "
        f"{probability:g} at {distance:g} m"
    )
    if layer is None:
        return f"{text}; so was the dPC that gave the order."
    return (
        f"{text}. The dPC that gave the order is that of layer '{layer}', which may have been computed with other "
        f"distances (least cost, say), another dispersal distance or another weight."
    )


def _say_overlaps(candidates, name, progress):
    found = overlaps([s.geometry for s in candidates], progress=progress.quiet().part(0.8, 0.8))
    if found:
        a, b, area = max(found, key=lambda row: row[2])
        progress.warn(
            f"Layer '{name}': {len(found)} pair(s) of patches overlap, {candidates[a].patch_id} and "
            f"{candidates[b].patch_id} the most ({number(area / 1e6)} km2): their common ground counts "
            f"twice. Merge them (MERGE_DISTANCE 0) or correct the layer."
        )


def _say_far(moved, include, features, progress):
    west, south, east, north = bounds_of(features.geometries)
    reach = max(east - west, north - south)
    far = [
        i
        for i, geometry in enumerate(moved.geometries, 1)
        if not geometry.IsEmpty() and not is_near([geometry], (west, south, east, north), reach_m=reach)
    ]
    if far:
        progress.warn(
            f"Layer '{include.name}': {len(far)} polygon(s) that must be sources lie further than "
            f"{reach / 1000:.1f} km from the patches (feature {', '.join(map(str, far[:20]))}): check that "
            f"they belong to this area and that the layer's CRS, {include.crs.name}, is right."
        )


def _say_both(include, exclude, progress):
    barred, wanted = ([g for g in layer.geometries if g.GetArea() > 0] for layer in (exclude, include))
    quiet = progress.quiet().part(0.8, 0.8)
    found = overlaps([*barred, *wanted], first=len(barred), progress=quiet) if barred and wanted else ()
    if found:
        progress.warn(
            f"{len({b for _, b, _ in found})} polygon(s) of '{include.name}' that must be sources overlap "
            f"'{exclude.name}', which may not be: they are sources all the same, with "
            f"{number(sum(area for *_, area in found) / 1e6)} km2 of such ground."
        )


def _join(candidates, include, result, progress):
    """Every polygon of ``include`` as a source, joined with the chosen patches that it overlaps."""
    joined, new, inside = 0, 0, 0
    with gdal_exceptions():
        for count, geometry in enumerate(include.geometries):
            progress(count / len(include))
            geometry = multipolygon_of(geometry)
            area = geometry.GetArea()
            if not area > 0:
                continue
            touched, rest, covered = [], [], False
            for source in candidates:
                progress.check()
                overlap = 0.0
                if source.geometry.Intersects(geometry):
                    overlap = multipolygon_of(source.geometry.Intersection(geometry)).GetArea()
                covered = covered or overlap >= area * (1 - ROUNDING)
                (touched if overlap > ROUNDING * min(area, source.geometry.GetArea()) else rest).append(source)
            if covered:  # the polygon lies in a source already
                inside += 1
                continue
            geometry = union_of([geometry, *(s.geometry for s in touched)])
            patches = [s for s in touched if s.members]
            patch_id = max(patches, key=lambda s: s.area_km2).patch_id if patches else None
            joined, new = joined + bool(patches), new + (not touched)
            source = Source(
                0,
                patch_id,
                geometry.GetArea() / 1e6,
                math.nan,
                geometry,
                merged=id_list(as_id(i) for s in patches for i in (s.merged or str(s.patch_id)).split(","))
                if len(patches) > 1 or any(s.merged for s in patches)
                else "",
                members=[i for s in patches for i in s.members],
                origin=f"'{include.name}' with patches" if patches else f"'{include.name}'",
            )
            result.tell(source, f"joined with a polygon of '{include.name}'")
            candidates = rest + [source]
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

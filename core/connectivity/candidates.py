"""Planned patches and planned links: what each alone, on top of the network that is there, adds to PC."""

import math
from dataclasses import dataclass

import numpy as np
from osgeo import ogr

from ..errors import InputError
from ..gdal_session import gdal_exceptions
from ..geometry.layers import bounds_of
from ..geometry.polygon_distance import overlaps
from ..geometry.polygons import multipolygon_of
from ..progress import SILENT, Progress
from .changes import gain_of_links, gain_of_patches
from .graph import Links
from .links import CENTROID, LEAST_COST, patch_links, shortest_ways

_GAP_SHARE = 0.1  # of a line's length: gaps between its ends and the patches that are worth a word
_REACH_M = 100_000  # from the patches: a layer of candidates that lies further is of another place
_NOTHING = 1e-6  # of a candidate's area: less than this is nothing


@dataclass
class CandidatePatches:
    """Planned patches, one per feature of ``features``: geometry without the ground of present patches, and weight.

    ``whole`` are the polygons as they were drawn; ``gains`` (``indices.PatchGain``, %), ``gain_ec`` and
    ``rank`` are filled by :func:`gain_from_patches`.
    """

    features: object
    whole: list
    cut: list
    weight: np.ndarray
    n_links: np.ndarray = None
    gains: list = None
    gain_ec: np.ndarray = None
    rank: np.ndarray = None

    def rows(self):
        """(geometry, mapping) per candidate: its own fields and its gains."""
        for k, geometry in enumerate(self.cut):
            gain = self.gains[k]
            yield (
                ogr.ForceToMultiPolygon(geometry.Clone()),
                {
                    **self.features.attributes[k],
                    "candidate_id": k + 1,
                    "weight": float(self.weight[k]),
                    "n_links": int(self.n_links[k]),
                    "gain_pc": gain.gain,
                    "gain_intra": gain.intra,
                    "gain_flux": gain.flux,
                    "gain_connector": gain.connector,
                    "gain_ec": float(self.gain_ec[k]),
                    "rank": int(self.rank[k]),
                },
            )


@dataclass
class CandidateLinks:
    """Planned links, one per feature of ``features``: positions ``a`` and ``b`` of the patches, and lengths.

    ``present`` is the length of the shortest way between the two patches now; it, ``gain`` (%),
    ``gain_ec`` and ``rank`` are filled by :func:`gain_from_links`.
    """

    features: object
    a: np.ndarray
    b: np.ndarray
    distance: np.ndarray
    patch_id: list
    present: np.ndarray = None
    gain: np.ndarray = None
    gain_ec: np.ndarray = None
    rank: np.ndarray = None

    def rows(self):
        """(geometry, mapping) per candidate: its own fields, the patches it joins and its gain."""
        for k, geometry in enumerate(self.features.geometries):
            present = float(self.present[k])
            yield (
                ogr.ForceToMultiLineString(geometry.Clone()),
                {
                    **self.features.attributes[k],
                    "candidate_id": k + 1,
                    "patch_a": self.patch_id[self.a[k]],
                    "patch_b": self.patch_id[self.b[k]],
                    "distance_m": float(self.distance[k]),
                    "present_m": present if math.isfinite(present) else None,
                    "gain_pc": float(self.gain[k]),
                    "gain_ec": float(self.gain_ec[k]),
                    "rank": int(self.rank[k]),
                },
            )


# patches ------------------------------------------------------------------------------------------------


def check_patches(candidates, weight_field):
    """Refuse candidates that lack the weight that patches have; returns them, fields recognised in any case."""
    candidates.require_some("candidate patch")
    candidates = candidates.with_fields("area_km2")
    if weight_field and weight_field != "area_km2":
        own = candidates.own_name(weight_field)
        candidates.require_field(own or weight_field, "the weight of a candidate, as of the patches")
    return candidates


def read_patches(candidates, weight_field, crs, geometries, names, progress=SILENT):
    """Candidates ready to be measured.

    Parameters
    ----------
    candidates : layers.Layer
        Polygons.
    weight_field : str
        As for the patches; empty: ``area_km2`` where there is one, else the polygons' area in km2.
    crs : str
        WKT of the patches.
    geometries, names : list
        Of the patches that take part.

    Returns
    -------
    CandidatePatches
        What of a candidate lies on a present patch is cut away, with its share of the weight.

    Raises
    ------
    InputError
        No field of the weight, a layer of another place, a candidate without area, or one of which nothing
        is left.
    """
    candidates = check_patches(candidates, weight_field).to_crs_near(
        crs, bounds_of(geometries), other="the patches", reach_m=_REACH_M, progress=progress
    )
    warnings = []  # said after the refusal that makes them needless
    candidates = candidates.valid_polygons(Progress(warn=warnings.append))
    area = np.array([geometry.GetArea() for geometry in candidates.geometries])
    if not (area > 0).all():
        raise InputError(
            f"Layer '{candidates.name}', feature {int(np.argmin(area)) + 1} encloses no area: delete it "
            f"or draw it anew."
        )
    for text in warnings:
        progress.warn(text)
    field = candidates.own_name(weight_field or "area_km2")
    weight = candidates.numbers(field, "the weight of a candidate", minimum=0) if field else area / 1e6
    n, cut, first_overlap = len(geometries), list(candidates.geometries), {}
    with gdal_exceptions():
        for patch, k, shared in overlaps([*geometries, *candidates.geometries], first=n, progress=progress):
            first_overlap.setdefault(k - n, (patch, shared))
            cut[k - n] = multipolygon_of(cut[k - n].Difference(geometries[patch]))
    for k, (patch, shared) in sorted(first_overlap.items()):
        left = cut[k].GetArea()
        if not left > _NOTHING * area[k]:
            raise InputError(
                f"Layer '{candidates.name}', feature {k + 1} lies wholly on patches that are there "
                f"({names[patch]}): nothing is left to add; take it out of the layer."
            )
        weight[k] *= left / area[k]
    if first_overlap:
        k, (patch, shared) = min(first_overlap.items())
        progress.warn(
            f"Layer '{candidates.name}': {len(first_overlap)} candidate(s) overlap patches that are there, "
            f"the first, feature {k + 1}, {names[patch]} by {shared / 1e6:.4g} km2: this ground is cut away "
            f"from the candidates for this run, and its share of their weight with it."
        )
    return CandidatePatches(candidates, list(candidates.geometries), cut, weight)


def gain_from_patches(
    candidates,
    weight,
    links,
    rule,
    limit,
    geometries,
    dispersal,
    ec,
    resistance=None,
    names=(),
    progress=SILENT,
):
    """Fill in what each candidate alone would add.

    Parameters
    ----------
    candidates : CandidatePatches
    weight, links
        Of the patches that are there.
    rule, limit, resistance
        As for :func:`links.patch_links`.
    geometries, names : list
        Of the patches, in the CRS of the candidates, or of the resistance for least cost.
    ec : float
        EC(PC) now.
    """
    n, name = len(geometries), candidates.features.name
    shapes = candidates.cut if rule == CENTROID else candidates.whole
    if rule == LEAST_COST:
        moved = type(candidates.features)(name, candidates.features.crs, shapes)
        shapes = moved.to_crs(resistance.template.crs).geometries
    found = patch_links(
        [*geometries, *shapes],
        rule,
        limit,
        resistance,
        [*names, *(f"feature {k + 1} of layer '{name}'" for k in range(len(shapes)))],
        n,
        progress.part(0, 0.7),
    )
    new_links = []
    for k in range(len(shapes)):
        own = found.b == n + k
        new_links.append((found.a[own], found.distance[own]))
    candidates.n_links = np.array([len(others) for others, _ in new_links])
    candidates.gains = gain_of_patches(
        weight, links, candidates.weight, new_links, dispersal, progress=progress.part(0.7, 1)
    )
    gain = np.array([one.gain for one in candidates.gains])
    candidates.gain_ec, candidates.rank = _gain_ec(ec, gain), _rank(gain)


# links --------------------------------------------------------------------------------------------------


def read_links(lines, length_field, rule, crs, geometries, patch_id, progress=SILENT):
    """Candidate links: each joins the two patches nearest to its two ends.

    Parameters
    ----------
    lines : layers.Layer
        Lines of one part, or of parts that join up.
    length_field : str
        Lengths in metres (resistance x metre for least cost); empty: the lines' own. With least cost
        that is the cost of a corridor whose ground has resistance 1.
    rule : str
        Of the distances between patches.
    crs, geometries, patch_id
        Of the patches that take part.

    Returns
    -------
    CandidateLinks

    Raises
    ------
    InputError
        A line without two ends, or with an end further from every patch than it is long.
    """
    lines.require_some("candidate link")
    if length_field:
        lines.require_field(length_field, "the length of a candidate link")
    lines = lines.to_crs(crs, progress)
    own = np.array([line.Length() for line in lines.geometries])
    if length_field:
        distance = lines.numbers(length_field, "the length of a candidate link", minimum=0)
    else:
        distance = own
        if rule == LEAST_COST:
            progress.log(
                f"Layer '{lines.name}': the cost of a candidate link is its length, as of a corridor whose "
                f"ground has resistance 1; name a field (CANDIDATE_LINK_FIELD) for other costs."
            )
    envelopes = np.array([g.GetEnvelope() for g in geometries])
    ends, same, gaps = np.zeros((len(lines), 2), dtype=np.int64), [], []
    for k, line in enumerate(lines.geometries):
        progress(k / len(lines))
        open_ends = 0.0
        for side, point in enumerate(_ends(line, f"Layer '{lines.name}', feature {k + 1}")):
            patch, gap = _nearest(point, geometries, envelopes)
            if gap > own[k]:
                raise InputError(
                    f"Layer '{lines.name}', feature {k + 1} ends {gap:.0f} m from the nearest patch "
                    f"({patch_id[patch]}), further than it is long ({own[k]:.0f} m): draw it from patch "
                    f"to patch, or let that patch take part (SIZE_CLASSES)."
                )
            ends[k, side] = patch
            open_ends += gap
        if ends[k, 0] == ends[k, 1]:
            same.append(k)
        elif open_ends > _GAP_SHARE * own[k]:
            gaps.append((k, open_ends))
    if same:
        progress.warn(
            f"Layer '{lines.name}': {len(same)} line(s) start and end at one patch, the first, feature "
            f"{same[0] + 1}, at patch {patch_id[ends[same[0], 0]]}, and gain nothing: draw them from one "
            f"patch to another that takes part (SIZE_CLASSES)."
        )
    if gaps:
        progress.warn(
            f"Layer '{lines.name}': {len(gaps)} line(s) end away from the patches that they join, the first, "
            f"feature {gaps[0][0] + 1}, by {gaps[0][1]:.0f} m in all, which count for nothing: draw them up "
            f"to the patches."
        )
    return CandidateLinks(lines, ends[:, 0], ends[:, 1], distance, patch_id)


def gain_from_links(candidates, weight, links, dispersal, ec, progress=SILENT):
    """Fill in what each candidate link alone would add; ``ec`` is EC(PC) now."""
    candidates.present = shortest_ways(links, candidates.a, candidates.b, progress)
    planned = Links(links.n, candidates.a, candidates.b, candidates.distance)
    candidates.gain = gain_of_links(weight, links, planned, dispersal, progress=progress)
    candidates.gain_ec, candidates.rank = _gain_ec(ec, candidates.gain), _rank(candidates.gain)
    idle = np.flatnonzero((candidates.a != candidates.b) & (candidates.distance >= candidates.present))
    if idle.size:
        k = idle[0]
        progress.warn(
            f"Layer '{candidates.features.name}': {idle.size} of {len(candidates.gain)} candidate link(s) "
            f"gain nothing, since the patches are joined over a way as short already (the first, feature {k + 1}: "
            f"{candidates.distance[k]:.6g}, and {candidates.present[k]:.6g} now). Links that animals cannot "
            f"use must be left out of the network first: lower the longest link (MAX_LINK_DISTANCE), or "
            f"take least-cost distances (DISTANCE)."
        )


def _ends(line, what):
    """The two ends of a line, of whose parts each starts where another ends."""
    count = line.GetGeometryCount()
    parts = [line.GetGeometryRef(k) for k in range(count)] if count else [line]
    free = set()
    for part in parts:
        for index in (0, part.GetPointCount() - 1):
            free ^= {part.GetPoint_2D(index)}
    if len(free) != 2:
        raise InputError(
            f"{what} has {len(free)} ends, and a link has two: draw it as one line without branches or rings."
        )
    first = parts[0].GetPoint_2D(0)
    ordered = sorted(free, key=lambda end: (end != first, end))
    return [ogr.CreateGeometryFromWkt(f"POINT ({x!r} {y!r})") for x, y in ordered]


def _nearest(point, geometries, envelopes):
    """Position of the nearest polygon, and metres to it."""
    x, y = point.GetX(), point.GetY()
    gap = np.hypot(
        np.maximum(np.maximum(envelopes[:, 0] - x, x - envelopes[:, 1]), 0),
        np.maximum(np.maximum(envelopes[:, 2] - y, y - envelopes[:, 3]), 0),
    )
    nearest, least = 0, math.inf
    for k in np.argsort(gap, kind="stable"):
        if gap[k] > least or least == 0:
            break
        metres = geometries[k].Distance(point)
        if metres < least:
            nearest, least = int(k), metres
    return nearest, least


def _gain_ec(ec, gain):
    return ec * (np.sqrt(1 + np.asarray(gain) / 100) - 1)


def _rank(gain):
    """1 for the greatest gain."""
    rank = np.empty(len(gain), dtype=np.int64)
    rank[np.argsort(-np.asarray(gain), kind="stable")] = np.arange(1, len(gain) + 1)
    return rank

"""Planned patches and planned links: what each alone, on top of the network that is there, adds to PC."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from osgeo import ogr

from ..arrays import Floats, Ints
from ..errors import InputError
from ..gdal_session import gdal_exceptions
from ..geometry.layers import Layer, bounds_of
from ..geometry.polygon_distance import overlaps
from ..geometry.polygons import multipolygon_of
from ..progress import SILENT, Progress
from .changes import PatchGain, gain_of_links, gain_of_patches
from .dispersal import Dispersal
from .graph import Links
from .links import LinkRule, PatchDistance, patch_links, shortest_ways
from .patches import PresentPatches, with_area

_GAP_SHARE = 0.1  # of a line's length: gaps between its ends and the patches from which a warning is given
_REACH_M = 100_000  # from the patches: a layer of candidates that lies further is of another place
_NOTHING = 1e-6  # of a candidate's area: where less is left of it, nothing is
_LENGTH = "the length of a candidate link"


@dataclass(frozen=True)
class Network:
    """What candidates are added to; ``patches`` are in the CRS of the resistance for least cost."""

    patches: PresentPatches
    links: Links
    rule: LinkRule
    dispersal: Dispersal


@dataclass
class CandidatePatches:
    """Planned patches, one per feature of ``layer``: ``whole`` as they were drawn, ``cut`` without present patches."""

    layer: Layer
    whole: list[ogr.Geometry]
    cut: list[ogr.Geometry]
    weight: Floats


@dataclass
class PatchGains:
    """What each planned patch would add; ``gains`` in %, ``gain_ec`` in the unit of the weights, ``rank`` from 1."""

    layer: Layer
    cut: list[ogr.Geometry]
    weight: Floats
    n_links: Ints
    gains: list[PatchGain]
    gain_ec: Floats
    rank: Ints

    def rows(self) -> Iterator[tuple[ogr.Geometry, dict[str, Any]]]:
        """(geometry, mapping) per candidate: its own fields and its gains."""
        for k, geometry in enumerate(self.cut):
            gain = self.gains[k]
            yield (
                ogr.ForceToMultiPolygon(geometry.Clone()),
                {
                    **self.layer.attributes[k],
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
    """Planned links, one per feature of ``layer``: positions ``a`` and ``b`` of the patches, and lengths."""

    layer: Layer
    a: Ints
    b: Ints
    distance: Floats


@dataclass
class LinkGains:
    """What each planned link would add.

    ``present`` is the length of the shortest way between the two patches now, +inf where there is none; ``gain`` is
    in %, ``gain_ec`` in the unit of the weights, ``rank`` from 1.
    """

    layer: Layer
    a: Ints
    b: Ints
    distance: Floats
    patch_id: list[int]
    present: Floats
    gain: Floats
    gain_ec: Floats
    rank: Ints

    def rows(self) -> Iterator[tuple[ogr.Geometry, dict[str, Any]]]:
        """(geometry, mapping) per candidate: its own fields, the patches it joins and its gain."""
        for k, geometry in enumerate(self.layer.geometries):
            present = float(self.present[k])
            yield (
                ogr.ForceToMultiLineString(geometry.Clone()),
                {
                    **self.layer.attributes[k],
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


def check_candidate_patches(candidates: Layer, weight_field: str) -> Layer:
    """Refuse candidates that lack the weight that patches have; returns them, fields recognised in any case."""
    candidates.require_some("candidate patch")
    candidates = candidates.with_fields("area_km2")
    if weight_field and weight_field != "area_km2":
        own = candidates.own_name(weight_field)
        candidates.require_field(own or weight_field, "the weight of a candidate, as of the patches")
    return candidates


def read_candidate_patches(
    candidates: Layer, weight_field: str, present: PresentPatches, progress: Progress = SILENT
) -> CandidatePatches:
    """Candidates ready to be measured.

    Parameters
    ----------
    candidates : layers.Layer
        Polygons.
    weight_field : str
        As for the patches; empty: ``area_km2`` where there is one, else the polygons' area in km2.
    present : PresentPatches
    progress : Progress

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
    geometries, names = present.geometries, present.names
    candidates = check_candidate_patches(candidates, weight_field).to_crs_near(
        present.crs, bounds_of(geometries), other="the patches", reach_m=_REACH_M, progress=progress
    )
    candidates = with_area(candidates, range(len(candidates)), progress)
    area = np.array([geometry.GetArea() for geometry in candidates.geometries])
    field = candidates.own_name(weight_field or "area_km2")
    weight = candidates.numbers(field, "the weight of a candidate", minimum=0) if field else area / 1e6
    first_overlap: dict[int, tuple[int, float]] = {}
    n, cut = len(geometries), list(candidates.geometries)
    with gdal_exceptions():
        for patch, k, shared in overlaps([*geometries, *candidates.geometries], first=n, progress=progress):
            first_overlap.setdefault(k - n, (patch, shared))
            cut[k - n] = multipolygon_of(cut[k - n].Difference(geometries[patch]))
    for k, (patch, _) in sorted(first_overlap.items()):
        left = cut[k].GetArea()
        if not left > _NOTHING * area[k]:
            raise InputError(
                f"Layer '{candidates.name}', feature {k + 1} lies wholly on patches that are there "
                f"({names[patch]}): nothing is left to add; take it out of the layer.",
                layer=candidates.name,
                feature=k + 1,
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
    candidates: CandidatePatches, network: Network, ec: float, progress: Progress = SILENT
) -> PatchGains:
    """What each candidate alone would add; ``ec`` is EC(PC) now."""
    present, rule, name = network.patches, network.rule, candidates.layer.name
    n, shapes = len(present.geometries), candidates.cut
    if rule.distance is not PatchDistance.CENTROID:
        shapes = candidates.whole
    if rule.distance is PatchDistance.LEAST_COST:
        shapes = Layer(name, candidates.layer.crs, shapes).to_crs(rule.surface.template.crs).geometries
    found = patch_links(
        [*present.geometries, *shapes],
        rule,
        names=[*present.names, *(f"feature {k + 1} of layer '{name}'" for k in range(len(shapes)))],
        first=n,
        progress=progress.part(0, 0.7),
    )
    new_links = []
    for k in range(len(shapes)):
        own = found.b == n + k
        new_links.append((found.a[own], found.distance[own]))
    gains = gain_of_patches(
        network.patches.weight,
        network.links,
        candidates.weight,
        new_links,
        network.dispersal,
        progress=progress.part(0.7, 1),
    )
    gain = np.array([one.gain for one in gains])
    return PatchGains(
        layer=candidates.layer,
        cut=candidates.cut,
        weight=candidates.weight,
        n_links=np.array([len(others) for others, _ in new_links]),
        gains=gains,
        gain_ec=_gain_ec(ec, gain),
        rank=_rank(gain),
    )


# links --------------------------------------------------------------------------------------------------


def check_candidate_links(lines: Layer, length_field: str) -> None:
    """Refuse a layer of candidate links (its outline will do) that is empty or lacks the field of their length."""
    lines.require_some("candidate link")
    if length_field:
        lines.require_field(length_field, _LENGTH)


def read_candidate_links(
    lines: Layer, length_field: str, rule: LinkRule, present: PresentPatches, progress: Progress = SILENT
) -> CandidateLinks:
    """Candidate links: each joins the two patches nearest to its two ends.

    Parameters
    ----------
    lines : layers.Layer
        Lines of one part, or of parts that join up.
    length_field : str
        Lengths in metres (resistance x metre for least cost); empty: the lines' own. With least cost
        that is the cost of a corridor whose ground has resistance 1.
    rule : LinkRule
        Of the distances between patches.
    present : PresentPatches
    progress : Progress

    Returns
    -------
    CandidateLinks

    Raises
    ------
    InputError
        A line without two ends, or with an end further from every patch than it is long.
    """
    check_candidate_links(lines, length_field)
    lines = lines.to_crs(present.crs, progress)
    own = np.array([line.Length() for line in lines.geometries])
    distance = own
    if length_field:
        distance = lines.numbers(length_field, _LENGTH, minimum=0)
    elif rule.distance is PatchDistance.LEAST_COST:
        progress.log(
            f"Layer '{lines.name}': the cost of a candidate link is its length, as of a corridor whose "
            f"ground has resistance 1; name a field of the length for other costs."
        )
    ends, open_ends = _joined_patches(lines, own, present, progress)
    _warn_of_idle_lines(lines, own, ends, open_ends, present=present, progress=progress)
    return CandidateLinks(lines, ends[:, 0], ends[:, 1], distance)


def _joined_patches(lines: Layer, length_m: Floats, present: PresentPatches, progress: Progress) -> tuple[Ints, Floats]:
    """Positions of the patches nearest to both ends of each line, and metres from the ends to them in all."""
    envelopes = np.array([g.GetEnvelope() for g in present.geometries])
    ends, open_ends = np.zeros((len(lines), 2), dtype=np.int64), np.zeros(len(lines))
    for k, line in enumerate(lines.geometries):
        progress(k / len(lines))
        for side, point in enumerate(_ends(line, lines.name, k + 1)):
            patch, gap = _nearest(point, present.geometries, envelopes)
            if gap > length_m[k]:
                raise InputError(
                    f"Layer '{lines.name}', feature {k + 1} ends {gap:.0f} m from the nearest patch "
                    f"({present.patch_id[patch]}), further than it is long ({length_m[k]:.0f} m): draw it from patch "
                    f"to patch, or let the size class of that patch take part.",
                    layer=lines.name,
                    feature=k + 1,
                )
            ends[k, side] = patch
            open_ends[k] += gap
    return ends, open_ends


def _warn_of_idle_lines(
    lines: Layer, length_m: Floats, ends: Ints, open_ends: Floats, *, present: PresentPatches, progress: Progress
) -> None:
    """Lines that join a patch with itself, or end away from the patches that they join."""
    is_same = ends[:, 0] == ends[:, 1]
    same = np.flatnonzero(is_same).tolist()
    gaps = np.flatnonzero(~is_same & (open_ends > _GAP_SHARE * length_m)).tolist()
    if same:
        progress.warn(
            f"Layer '{lines.name}': {len(same)} line(s) start and end at one patch, the first, feature "
            f"{same[0] + 1}, at patch {present.patch_id[ends[same[0], 0]]}, and gain nothing: draw them from one "
            f"patch to another that takes part."
        )
    if gaps:
        progress.warn(
            f"Layer '{lines.name}': {len(gaps)} line(s) end away from the patches that they join, the first, "
            f"feature {gaps[0] + 1}, by {open_ends[gaps[0]]:.0f} m in all, which count for nothing: draw them up "
            f"to the patches."
        )


def gain_from_links(candidates: CandidateLinks, network: Network, ec: float, progress: Progress = SILENT) -> LinkGains:
    """What each candidate link alone would add; ``ec`` is EC(PC) now."""
    a, b, distance = candidates.a, candidates.b, candidates.distance
    present = shortest_ways(network.links, a, b, progress)
    planned = Links(network.links.n, a, b, distance)
    gain = gain_of_links(network.patches.weight, network.links, planned, network.dispersal, progress=progress)
    idle = np.flatnonzero((a != b) & (distance >= present))
    if idle.size:
        k = idle[0]
        progress.warn(
            f"Layer '{candidates.layer.name}': {idle.size} of {len(gain)} candidate link(s) "
            f"gain nothing, since the patches are joined over a way as short already (the first, feature {k + 1}: "
            f"{distance[k]:.6g}, and {present[k]:.6g} now). Links that animals cannot "
            f"use must be left out of the network first: lower the longest link, or "
            f"take least-cost distances."
        )
    return LinkGains(
        layer=candidates.layer,
        a=a,
        b=b,
        distance=distance,
        patch_id=network.patches.patch_id,
        present=present,
        gain=gain,
        gain_ec=_gain_ec(ec, gain),
        rank=_rank(gain),
    )


def _ends(line: ogr.Geometry, layer: str, feature: int) -> list[ogr.Geometry]:
    """The two ends of a line, of whose parts each starts where another ends."""
    count = line.GetGeometryCount()
    parts = [line.GetGeometryRef(k) for k in range(count)] if count else [line]
    free: set[tuple[float, float]] = set()
    for part in parts:
        for index in (0, part.GetPointCount() - 1):
            free ^= {part.GetPoint_2D(index)}
    if len(free) != 2:
        raise InputError(
            f"Layer '{layer}', feature {feature} has {len(free)} ends, and a link has two: draw it as one line "
            f"without branches or rings.",
            layer=layer,
            feature=feature,
        )
    first = parts[0].GetPoint_2D(0)
    ordered = sorted(free, key=lambda end: (end != first, end))
    return [ogr.CreateGeometryFromWkt(f"POINT ({x!r} {y!r})") for x, y in ordered]


def _nearest(point: ogr.Geometry, geometries: list[ogr.Geometry], envelopes: Floats) -> tuple[int, float]:
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


def _gain_ec(ec: float, gain: Floats) -> Floats:
    gain_ec: Floats = ec * (np.sqrt(1 + np.asarray(gain) / 100) - 1)
    return gain_ec


def _rank(gain: Floats) -> Ints:
    """1 for the greatest gain."""
    rank = np.empty(len(gain), dtype=np.int64)
    rank[np.argsort(-np.asarray(gain), kind="stable")] = np.arange(1, len(gain) + 1)
    return rank

"""Connectivity of a layer of patches: distances between them, indices, links and candidates.

Feng, Bai & Wang (2024), Eqs 6 and 7; the indices themselves are in ``indices``, the report in
``connectivity_report``.
"""

import math
from dataclasses import dataclass

import numpy as np
from osgeo import ogr

from ..crs import require_metres
from ..errors import InputError
from ..geometry.layers import bounds_of
from ..geometry.polygon_distance import overlaps
from ..patch_sizes import of_size
from ..progress import SILENT, Progress
from .candidates import check_patches, gain_from_links, gain_from_patches, read_links, read_patches
from .changes import link_importance, neglected_share
from .dispersal import Dispersal
from .graph import Links
from .indices import Connectivity, connectivity
from .links import CENTROID, EDGE, LEAST_COST, least_distances, patch_links
from .removal import path_strengths

_BOUND_PATCHES = 5000  # up to which the bound of what is neglected is computed over all pairs, 40 bytes each
_SQUARED = 1e100  # of numbers further from 1 than this the products of squares overflow or vanish
_MANY = 1000  # patches from which the distances of all pairs take minutes
_PATCH_FIELDS = (
    "dpc",
    "dpc_intra",
    "dpc_flux",
    "dpc_connector",
    "diic",
    "diic_intra",
    "diic_flux",
    "diic_connector",
    "degree",
    "betweenness",
    "component",
)


@dataclass
class LandscapeConnectivity:
    """What :func:`landscape_connectivity` finds: the patches used and their links.

    ``index`` holds the features used; ``patch_id``, ``weight`` and ``points`` inside them are theirs;
    ``weight_unit`` is the unit of the weights in words. ``links`` are direct links, ``probability`` and
    ``dpc_link`` (% of PC lost without the link; None where it was not asked for) are theirs, ``neglected``
    is (most of PC that links left out could add, as a share; their largest probability), None where all
    pairs are linked.
    ``candidate_patches`` and ``candidate_links`` are those of module ``candidates``, or None.
    """

    features: object
    index: list
    patch_id: list
    weight: np.ndarray
    points: list
    links: Links
    probability: np.ndarray
    dpc_link: np.ndarray
    indices: Connectivity
    distance_rule: str
    dispersal_distance: float
    dispersal_probability: float
    max_link_distance: float = None
    neglected: tuple = None
    weight_unit: str = "km2"
    candidate_patches: object = None
    candidate_links: object = None

    def rows(self):
        """(geometry, mapping) per patch: its own fields and those of connectivity."""
        for position, index in enumerate(self.index):
            row = dict(self.features.attributes[index])
            row.update({name: getattr(self.indices, name)[position].item() for name in _PATCH_FIELDS})
            row["patch_id"] = self.patch_id[position]
            yield ogr.ForceToMultiPolygon(self.features.geometries[index]), row

    @property
    def length_unit(self):
        return "resistance x m" if self.distance_rule == LEAST_COST else "m"

    @property
    def neglected_percent(self):
        """Bound of the share of PC that is neglected; None where all pairs are linked."""
        return None if self.neglected is None else 100 * self.neglected[0]

    def links_by_importance(self):
        """Positions of the links, the one whose loss costs most first; by length where that is not known."""
        if self.dpc_link is None:
            return np.argsort(self.links.distance, kind="stable")
        return np.lexsort((self.links.distance, -self.dpc_link))

    def link_rows(self):
        """(line, mapping) per link, between points inside the two patches."""
        ends = [(point.GetX(), point.GetY()) for point in self.points]
        rank = np.empty(len(self.links), dtype=np.int64)
        rank[self.links_by_importance()] = np.arange(1, rank.size + 1)
        links = self.links
        for k, (a, b, distance) in enumerate(zip(links.a.tolist(), links.b.tolist(), links.distance.tolist())):
            line = ogr.Geometry(ogr.wkbLineString)
            line.AddPoint_2D(*ends[a])
            line.AddPoint_2D(*ends[b])
            row = {
                "patch_a": self.patch_id[a],
                "patch_b": self.patch_id[b],
                "distance_m": distance,
                "probability": float(self.probability[k]),
            }
            if self.dpc_link is not None:
                row.update(dpc_link=float(self.dpc_link[k]), rank=int(rank[k]))
            yield line, row


def landscape_connectivity(
    features,
    size_classes=("super-large",),
    weight_field="",
    dispersal_distance=2500.0,
    dispersal_probability=0.5,
    distance=EDGE,
    resistance=None,
    landscape_area_km2=None,
    progress=SILENT,
    max_link_distance=None,
    candidates=None,
    candidate_links=None,
    candidate_link_field="",
    link_losses=True,
):
    """Connectivity of a layer of patches.

    Parameters
    ----------
    features : layers.Layer
        Polygons in a projected CRS in metres.
    size_classes : sequence of str
        Patches that take part; a layer without the field ``size_class``: all.
    weight_field : str
        What is connected, at least 0; empty: ``area_km2`` where there is one, else the polygons' area.
    dispersal_distance, dispersal_probability : float
        A link of this length (m; resistance x m for least cost) has this probability, above 0, below 1.
    distance : str
        One of ``links.DISTANCES``: between edges, between centroids, or the accumulated cost between edges.
    resistance : grid.Grid, optional
        For least cost.
    landscape_area_km2 : float, optional
        A_L in the unit of the weight; None: PC and IIC are not reported.
    max_link_distance : float, optional
        Longer direct links are left out, at least 0 (m; resistance x m for least cost); None: all pairs.
    candidates, candidate_links : layers.Layer, optional
        Planned patches and links: each alone is added to the network.
    candidate_link_field : str
        Length of a candidate link; empty: that of the line.
    link_losses : bool
        Whether the loss of PC without each link is computed.

    Returns
    -------
    LandscapeConnectivity

    Raises
    ------
    InputError
        Empty layer, wrong CRS, missing or unfit weights, distance or probability out of range.

    Notes
    -----
    Memory: 40 bytes per link and what ``indices.connectivity`` and ``polygon_distance.edge_links`` state;
    with a longest link 40 bytes per pair of patches, up to 5,000 of them, for the bound of what is neglected.
    """
    dispersal = Dispersal(dispersal_distance, dispersal_probability)
    features = check_choices(
        features,
        weight_field,
        dispersal_distance,
        dispersal_probability,
        distance,
        resistance is not None,
        max_link_distance,
        landscape_area_km2,
        candidates,
        candidate_links,
        candidate_link_field,
    )
    index = of_size(features, size_classes, progress)
    warnings = []  # said after the refusal that makes them needless
    used = features.valid_polygons(Progress(warn=warnings.append))
    for i in index:
        if not used.geometries[i].GetArea() > 0:
            raise InputError(f"Layer '{features.name}', feature {i + 1} encloses no area: delete it or draw it anew.")
    for text in warnings:
        progress.warn(text)
    weight = _weights(used, index, weight_field, progress)
    patch_id = _identifiers(features, index, progress)
    names = [f"patch {i}" for i in patch_id]
    geometries = [used.geometries[i] for i in index]
    points = [geometry.PointOnSurface() for geometry in geometries]
    _warn_of_overlaps(geometries, names, features.name, progress.part(0, 0.02))
    unit = "km2" if weight_field in ("", "area_km2") else f"unit of field '{weight_field}'"
    if landscape_area_km2 is not None and weight.sum() > landscape_area_km2 * (1 + 1e-9):
        progress.warn(
            f"The area of the landscape (AREA_OF_LANDSCAPE) is {landscape_area_km2:g}, less than the weights "
            f"of the patches together, {weight.sum():.6g} ({unit}): PC and IIC can pass 1 and are no "
            f"probabilities; give the area of the whole study area in the unit of the weights."
        )
    planned = planned_links = None
    if candidates is not None:
        planned = read_patches(candidates, weight_field, features.crs, geometries, names, progress.part(0.02, 0.02))
    if candidate_links is not None:
        planned_links = read_links(
            candidate_links,
            candidate_link_field,
            distance,
            features.crs,
            geometries,
            patch_id,
            progress.part(0.02, 0.02),
        )
    if distance == LEAST_COST:
        geometries = [used.to_crs(resistance.template.crs, progress).geometries[i] for i in index]
    limit = math.inf if max_link_distance is None else float(max_link_distance)
    if limit == math.inf and len(index) > _MANY and distance != CENTROID:
        pairs = len(index) * (len(index) - 1) // 2
        progress.warn(
            f"{len(index)} patches have {pairs} pairs, and the distance of each is measured, which takes "
            f"minutes: give a longest link (MAX_LINK_DISTANCE) of some times the dispersal distance; the "
            f"report says what it neglects."
        )
    links = patch_links(geometries, distance, limit, resistance, names, progress=progress.part(0.02, 0.5))
    if len(links) == 0 and len(index) > 1 and limit < math.inf:
        progress.warn(
            f"No two patches are within {limit:g} of each other (MAX_LINK_DISTANCE, {distance}): each stands "
            f"alone in what follows; give a longer distance, or leave it empty."
        )
    indices = connectivity(
        weight, links, dispersal, landscape_area=landscape_area_km2, progress=progress.part(0.5, 0.8)
    )
    neglected = None
    if limit < math.inf:
        neglected = _neglected(
            geometries,
            distance,
            limit,
            resistance,
            weight,
            links,
            dispersal,
            indices.ec,
            progress.part(0.8, 0.84),
        )
    losses = None
    if link_losses:
        losses = link_importance(weight, links, dispersal, progress=progress.part(0.84, 0.92))
    if planned is not None:
        gain_from_patches(
            planned,
            weight,
            links,
            distance,
            limit,
            geometries,
            dispersal,
            indices.ec,
            resistance,
            names,
            progress.part(0.92, 0.98),
        )
    if planned_links is not None:
        gain_from_links(planned_links, weight, links, dispersal, indices.ec, progress.part(0.98, 1))
    probability = dispersal.probability_of(links.distance)
    result = LandscapeConnectivity(
        features,
        index,
        patch_id,
        weight,
        points,
        links,
        probability,
        losses,
        indices,
        distance,
        dispersal_distance,
        dispersal_probability,
        max_link_distance,
        neglected,
        unit,
        planned,
        planned_links,
    )
    _tell(result, progress)
    return result


def check_choices(
    features,
    weight_field,
    dispersal_distance,
    dispersal_probability,
    distance,
    has_resistance,
    max_link_distance=None,
    landscape_area_km2=None,
    candidates=None,
    candidate_links=None,
    candidate_link_field="",
):
    """What can be refused before any distance is measured; returns the layer, its fields recognised in any case.

    Raises
    ------
    InputError
        Empty layer, wrong CRS, missing field of the weight, distance or probability out of range, least
        cost without resistance; candidates that are empty or lack a field.
    """
    Dispersal(dispersal_distance, dispersal_probability)
    if max_link_distance is not None and not max_link_distance >= 0:
        raise InputError(
            f"The longest link (MAX_LINK_DISTANCE) is {max_link_distance:g}: give at least 0, or leave it "
            f"empty for links between all pairs of patches."
        )
    if landscape_area_km2 is not None and not landscape_area_km2 > 0:
        raise InputError(
            f"The area of the landscape (AREA_OF_LANDSCAPE) is {landscape_area_km2:g} km2: give one above "
            f"0, or leave it empty."
        )
    if landscape_area_km2 is not None and not 1 / _SQUARED < landscape_area_km2 < _SQUARED:
        raise InputError(
            f"The area of the landscape (AREA_OF_LANDSCAPE) is {landscape_area_km2:g} km2, which is the "
            f"size of no place: correct it, or leave it empty."
        )
    features.require_some("patch")
    west, south, _, _ = bounds_of(features.geometries)
    require_metres(features.crs, features.name, centre=(west, south))
    features = features.with_fields("patch_id", "size_class", "area_km2")
    if weight_field:
        features.require_field(weight_field, "the weight of a patch")
    if distance == LEAST_COST and not has_resistance:
        raise InputError(
            "Least-cost distances need a resistance surface: choose one (RESISTANCE), or "
            "another distance between patches (DISTANCE)."
        )
    if candidates is not None:
        check_patches(candidates, weight_field)
    if candidate_links is not None:
        candidate_links.require_some("candidate link")
        if candidate_link_field:
            candidate_links.require_field(candidate_link_field, "the length of a candidate link")
    return features


def _weights(features, index, weight_field, progress):
    field = weight_field or ("area_km2" if "area_km2" in features.field_names else "")
    if field:
        weight = features.numbers(field, "the weight of a patch", minimum=0)[index]
    else:
        weight = np.array([features.geometries[i].GetArea() / 1e6 for i in index])
        progress.log(f"Layer '{features.name}' has no field 'area_km2': the polygons' areas in km2 are the weights.")
    if not weight.sum() > 0:
        raise InputError(
            f"Layer '{features.name}', field '{field}': all weights are 0; give at least one patch a weight above 0."
        )
    if not 1 / _SQUARED < weight.max() < _SQUARED:
        raise InputError(
            f"Layer '{features.name}', field '{field}': the largest weight is {weight.max():g}, and its "
            f"square is no number that can be kept: give the weights in another unit."
        )
    return weight


def _identifiers(features, index, progress):
    values = [features.attributes[i].get("patch_id") for i in index]
    numbers = [
        int(v) if isinstance(v, (int, float)) and math.isfinite(v) and v == math.floor(v) else None for v in values
    ]
    if None not in numbers and len(set(numbers)) == len(numbers):
        return numbers
    renumbered = "the patches are numbered 1, 2, ... in the order of the layer"
    if "patch_id" not in features.field_names:
        progress.log(f"Layer '{features.name}' has no field 'patch_id': {renumbered}.")
        return list(range(1, len(index) + 1))
    seen, why = {}, ""
    for i, value, number in zip(index, values, numbers):
        if number is None:
            why = f"feature {i + 1}: '{'NULL' if value is None else value}' is not a whole number"
        elif number in seen:
            why = f"features {seen[number] + 1} and {i + 1} both have the id {number}"
        if why:
            break
        seen[number] = i
    progress.warn(
        f"Layer '{features.name}', field 'patch_id', {why}: {renumbered} for this run; give each patch its "
        f"own number, or dissolve the layer by 'patch_id' if such features are one patch."
    )
    return list(range(1, len(index) + 1))


def _neglected(geometries, rule, limit, resistance, weight, links, dispersal, ec, progress):
    """(most that links left out could add to PC, as a share of it; the largest probability of one).

    Those left out are put back with a length that they have at least (``links.least_distances``). Where
    that takes too long the bound is ``indices.neglected_share``, which is far above what is neglected.
    """
    if len(weight) > _BOUND_PATCHES:
        return neglected_share(weight, links, limit, dispersal, progress=progress)
    least = least_distances(geometries, rule, limit, links, resistance)
    strength = path_strengths(Links.from_matrix(least), dispersal, progress)
    return max(0.0, float(weight @ strength @ weight) / ec**2 - 1), dispersal.probability_of(limit)


def _warn_of_overlaps(geometries, names, layer, progress):
    found = overlaps(geometries, progress=progress)
    if found:
        a, b, area = found[0]
        progress.warn(
            f"Layer '{layer}': {len(found)} pair(s) of patches overlap, the first {names[a]} and {names[b]} "
            f"by {area / 1e6:.4g} km2. Ground that lies in two patches counts twice in PC: cut one by the "
            f"other ('Difference'), or join them ('Dissolve')."
        )


def _tell(result, progress):
    i, count = result.indices, len(result.index)
    progress.log(
        f"{count} patches, {i.n_links} links of at most {result.dispersal_distance:g} in {i.n_components} "
        f"component(s); EC(PC) {i.ec:.6g}"
        + (
            "; PC is not reported, since no area of the landscape is given."
            if math.isnan(i.pc)
            else f", PC {i.pc:.6g}, IIC {i.iic:.6g}."
        )
    )
    if result.neglected is not None and count > 1:
        share, probability = result.neglected
        progress.log(neglect_text(result, share, probability))
        if result.max_link_distance < result.dispersal_distance:
            progress.warn(
                f"The longest link (MAX_LINK_DISTANCE, {result.max_link_distance:g}) is shorter than the "
                f"dispersal distance ({result.dispersal_distance:g}): IIC, the number of links, degree and "
                f"components count links up to {result.max_link_distance:g} only."
            )


def neglect_text(result, share, probability):
    """What links longer than the longest link would add, in words."""
    n = len(result.index)
    pairs = n * (n - 1) // 2
    return (
        f"{len(result.links)} of the {pairs} pairs of patches are linked directly; links longer than "
        f"{result.max_link_distance:g} {result.length_unit} (MAX_LINK_DISTANCE) are left out. A link of that "
        f"length has the probability {probability:.3g}; PC with all links would be at most {100 * share:.3g} % higher."
    )

"""Connectivity of a layer of patches: distances between them, indices, links and the report.

Feng, Bai & Wang (2024), Eqs 6 and 7; the indices themselves are in ``indices``.
"""

import math
from dataclasses import dataclass

import numpy as np
from osgeo import ogr

from ..cost_distance import CostGrid, floods
from ..crs import require_metres
from ..errors import InputError
from ..polygon_distance import edge_distances
from ..progress import SILENT
from ..report import Report, number
from ..vector import bounds_of, rasterize
from .indices import Connectivity, check_dispersal, connectivity, decay
from .patches import of_size

EDGE, CENTROID, LEAST_COST = DISTANCES = ("edge", "centroid", "least cost")

_MANY = 1000       # patches from which removing each one takes minutes


@dataclass
class LandscapeConnectivity:
    """What :func:`landscape_connectivity` finds: the patches used and their links.

    ``weight_unit`` is the unit of the weights in words;
    ``index`` holds the features used, ``patch_id`` and ``weight`` are theirs, ``points`` lie inside
    them; ``distance`` and ``probability`` are (n, n) matrices of direct links.
    """

    features: object
    index: list
    patch_id: list
    weight: np.ndarray
    points: list
    distance: np.ndarray
    probability: np.ndarray
    indices: Connectivity
    distance_rule: str
    dispersal_distance: float
    weight_unit: str = "km2"

    def rows(self):
        """(geometry, mapping) per patch: its own fields and those of connectivity."""
        names = ("dpc", "dpc_intra", "dpc_flux", "dpc_connector", "diic", "degree", "betweenness", "component")
        for position, index in enumerate(self.index):
            row = dict(self.features.attributes[index])
            row.update({name: getattr(self.indices, name)[position].item() for name in names})
            row["patch_id"] = self.patch_id[position]
            yield ogr.ForceToMultiPolygon(self.features.geometries[index]), row

    def links(self):
        """(line, mapping) per pair that can be reached, between points inside the two patches."""
        points = self.points
        for a in range(len(points)):
            for b in range(a + 1, len(points)):
                if math.isfinite(self.distance[a, b]):
                    line = ogr.Geometry(ogr.wkbLineString)
                    for point in (points[a], points[b]):
                        line.AddPoint_2D(point.GetX(), point.GetY())
                    yield line, {"patch_a": self.patch_id[a], "patch_b": self.patch_id[b],
                                 "distance_m": float(self.distance[a, b]),
                                 "probability": float(self.probability[a, b])}


def landscape_connectivity(features, size_classes=("super-large",), weight_field="", dispersal_distance=2500.0,
                           dispersal_probability=0.5, distance=EDGE, resistance=None, landscape_area_km2=None,
                           progress=SILENT):
    """Connectivity of a layer of patches.

    Parameters
    ----------
    features : vector.Features
        Polygons in a projected CRS in metres.
    size_classes : sequence of str
        Patches that take part; a layer without the field ``size_class``: all.
    weight_field : str
        What is connected, at least 0; empty: ``area_km2`` where there is one, else the polygons' area.
    dispersal_distance, dispersal_probability : float
        A link of this length (m; resistance x m for least cost) has this probability, above 0, below 1.
    distance : str
        One of ``DISTANCES``: between edges, between centroids, or the accumulated cost between edges.
    resistance : raster.Grid, optional
        For least cost.
    landscape_area_km2 : float, optional
        A_L in the unit of the weight; None: PC and IIC are not reported.

    Returns
    -------
    LandscapeConnectivity

    Raises
    ------
    InputError
        Empty layer, wrong CRS, missing or unfit weights, distance or probability out of range.
    """
    features = check_choices(features, weight_field, dispersal_distance, dispersal_probability, distance,
                             resistance is not None)
    index = of_size(features, size_classes, progress)
    if len(index) > _MANY:
        progress.warn(f"{len(index)} patches: removing each of them in turn takes about "
                      f"{max(1, round((len(index) / _MANY) ** 3)):d} minute(s); fewer size classes (SIZE_CLASSES) "
                      f"take less.")
    used = features.valid_polygons(progress)
    for i in index:
        if not used.geometries[i].GetArea() > 0:
            raise InputError(f"Layer '{features.name}', feature {i + 1} encloses no area: delete it or draw it anew.")
    weight = _weights(used, index, weight_field, progress)
    patch_id = _identifiers(features, index, progress)
    points = [used.geometries[i].PointOnSurface() for i in index]
    if distance == LEAST_COST:
        used = used.to_crs(resistance.template.crs, progress)
    geometries = [used.geometries[i] for i in index]
    part = progress.part(0, 0.6)
    if distance == EDGE:
        matrix = edge_distances(geometries, part)
    elif distance == CENTROID:
        matrix = centroid_distances(geometries)
    else:
        matrix = cost_distances(geometries, resistance, [f"patch {i}" for i in patch_id], part)
    indices = connectivity(weight, matrix, dispersal_distance, dispersal_probability, landscape_area_km2,
                           progress.part(0.6, 1))
    probability = np.exp(-decay(dispersal_distance, dispersal_probability) * matrix)
    progress.log(f"{len(index)} patches, {indices.n_links} links of at most {dispersal_distance:g} in "
                 f"{indices.n_components} component(s); EC(PC) {indices.ec:.6g}"
                 + ("; PC is not reported, since no area of the landscape is given."
                    if math.isnan(indices.pc) else f", PC {indices.pc:.6g}, IIC {indices.iic:.6g}."))
    unit = "km2" if weight_field in ("", "area_km2") else f"unit of field '{weight_field}'"
    return LandscapeConnectivity(features, index, patch_id, weight, points, matrix, probability, indices,
                                 distance, dispersal_distance, unit)


def check_choices(features, weight_field, dispersal_distance, dispersal_probability, distance, has_resistance):
    """What can be refused before any distance is measured; returns the layer, its fields recognised in any case.

    Raises
    ------
    InputError
        Empty layer, wrong CRS, missing field of the weight, distance or probability out of range, least
        cost without resistance.
    """
    check_dispersal(dispersal_distance, dispersal_probability)
    features.require_some("patch")
    west, south, _, _ = bounds_of(features.geometries)
    require_metres(features.crs, features.name, (west, south))
    features = features.with_fields("patch_id", "size_class", "area_km2")
    if weight_field:
        features.require_field(weight_field, "the weight of a patch")
    if distance == LEAST_COST and not has_resistance:
        raise InputError("Least-cost distances need a resistance surface: choose one (RESISTANCE), or "
                         "another distance between patches (DISTANCE).")
    return features


def _weights(features, index, weight_field, progress):
    field = weight_field or ("area_km2" if "area_km2" in features.field_names else "")
    if field:
        weight = features.numbers(field, "the weight of a patch", minimum=0)[index]
    else:
        weight = np.array([features.geometries[i].GetArea() / 1e6 for i in index])
        progress.log(f"Layer '{features.name}' has no field 'area_km2': the polygons' areas in km2 are the weights.")
    if not weight.sum() > 0:
        raise InputError(f"Layer '{features.name}', field '{field}': all weights are 0; give at least one patch a "
                         f"weight above 0.")
    return weight


def _identifiers(features, index, progress):
    numbers = [features.attributes[i].get("patch_id") for i in index]
    if all(isinstance(n, (int, float)) and n == int(n) for n in numbers) and len(set(numbers)) == len(numbers):
        return [int(n) for n in numbers]
    progress.log(f"Layer '{features.name}' has no field 'patch_id' with one whole number per patch: its patches are "
                 f"numbered in the order of the layer.")
    return list(range(1, len(index) + 1))


# distances ----------------------------------------------------------------------------------------------

def centroid_distances(geometries):
    """Metres between centroids, shape (n, n)."""
    points = np.array([(c.GetX(), c.GetY()) for c in (g.Centroid() for g in geometries)])
    return np.hypot(*(points[:, None] - points[None]).transpose(2, 0, 1))


def cost_distances(geometries, resistance, names, progress=SILENT):
    """Accumulated cost between edges, shape (n, n), resistance x metre; +inf where nothing leads.

    From every cell of a patch (its centre inside the polygon; the cell under it where it holds none)
    to the nearest cell of the other.
    """
    template = resistance.template
    cost_grid = CostGrid(resistance)
    labels = rasterize(geometries, template, range(1, len(geometries) + 1))
    starts = []
    for number, (geometry, name) in enumerate(zip(geometries, names), 1):
        rows, cols = np.nonzero(labels == number)
        if not rows.size:
            point = geometry.PointOnSurface()
            row, col = template.row_col(point.GetX(), point.GetY())
            rows, cols = np.atleast_1d(row), np.atleast_1d(col)
            if not template.contains(rows[0], cols[0]):
                raise InputError(f"{name[:1].upper()}{name[1:]} lies outside the resistance surface "
                                 f"'{resistance.name}': choose one that covers all patches.")
        cells = cost_grid.index(rows, cols)
        cells = cells[cost_grid.passable(cells)]
        if not cells.size:
            raise InputError(f"{name[:1].upper()}{name[1:]} has no cell with a resistance above 0 in "
                             f"'{resistance.name}': choose a surface that covers the patches.")
        starts.append(cells)
    n = len(starts)
    matrix = np.zeros((n, n))
    targets = [starts[i + 1:] for i in range(n - 1)]
    for i, found in enumerate(floods(cost_grid, starts[:-1], targets, progress=progress) if n > 1 else ()):
        for j in range(i + 1, n):
            matrix[i, j] = matrix[j, i] = found[starts[j]].min()
    return matrix


# report -------------------------------------------------------------------------------------------------

def connectivity_report(result, parameters=()):
    """The report of :func:`landscape_connectivity`: indices of the whole, and a row per patch."""
    i = result.indices
    report = Report("Landscape connectivity")
    report.parameters(parameters)
    report.heading("The whole landscape")
    unknown, weight = "needs the area of the landscape", f"weight ({result.weight_unit})"
    length = "resistance x m of accumulated cost" if result.distance_rule == LEAST_COST else "m"
    report.table(("index", "value", "what it says"), [
        ("patches", len(result.index), "number of patches that took part"),
        ("links (NL)", i.n_links, f"pairs of patches at most {number(result.dispersal_distance)} {length} apart "
                                  f"({result.distance_rule})"),
        ("components (NC)", i.n_components, "groups of patches that these links join; 1 is one network"),
        ("PC (0 to 1)", unknown if math.isnan(i.pc) else i.pc,
         "probability of connectivity: that two places chosen at random in the landscape lie in patches between which "
         "animals can move"),
        (f"EC(PC) ({result.weight_unit})", i.ec, "equivalent connectivity: the size of one patch alone that would give "
                                                 "this PC"),
        ("IIC (0 to 1)", unknown if math.isnan(i.iic) else i.iic,
         "integral index of connectivity: like PC, but a link either exists (not longer than the dispersal distance) "
         "or does not, and each step of a way counts against it"),
        (f"EC(IIC) ({result.weight_unit})", i.ec_iic, "the size of one patch alone that would give this IIC"),
        ("of PC within patches (%)", i.pc_intra, "what the patches give by their own size"),
        ("of PC by direct links (%)", i.pc_direct, "what links from patch to patch give"),
        ("of PC by stepping stones (%)", i.pc_step, "what better ways over other patches add")])
    report.heading("Patches by dPC")
    report.text("dPC: the share of PC that would be lost without the patch, in %; dPC = intra + flux + connector. "
                "Intra: by its own size. Flux: by its links to other patches, as the start or end of a way. Connector: "
                "as a stepping stone between other patches that no other patch replaces. dIIC: the same share of IIC. "
                "Degree: number of its links. Betweenness: share of the shortest ways between other patches that "
                "pass it.")
    order = np.argsort(-i.dpc, kind="stable")
    report.table(("patch", weight, "dPC (%)", "intra (%)", "flux (%)", "connector (%)", "dIIC (%)", "degree (links)",
                  "betweenness (0 to 1)", "component"),
                 [(result.patch_id[k], float(result.weight[k]), float(i.dpc[k]), float(i.dpc_intra[k]),
                   float(i.dpc_flux[k]), float(i.dpc_connector[k]), float(i.diic[k]), int(i.degree[k]),
                   float(i.betweenness[k]), int(i.component[k])) for k in order])
    top = order[:30]

    def draw(axes):
        base = np.zeros(top.size)
        for name, colour in (("dpc_intra", "#2f7d4f"), ("dpc_flux", "#7fb77e"), ("dpc_connector", "#d99a00")):
            values = getattr(i, name)[top]
            axes.bar(range(top.size), values, bottom=base, color=colour, label=name[4:])
            base = base + values
        axes.set_xticks(range(top.size))
        axes.set_xticklabels([str(result.patch_id[k]) for k in top], fontsize=7)
        axes.set_xlabel("patch")
        axes.set_ylabel("dPC (%)")
        axes.legend()

    report.figure(draw, "dPC of the patches by its three parts")
    return report

"""Connectivity of patches: PC, IIC and what each patch adds to them (Eqs 6 and 7 of Feng et al. 2024).

Two patches at distance d are linked with probability ``p = exp(-k d)``. P* of a pair is the largest
product of probabilities over all paths, so stepping stones count; with this p it is ``exp(-k D)``, D
the shortest sum of distances. ``PC = sum_ij a_i a_j P*_ij / A_L^2`` (Saura & Pascual-Hortal 2007,
Landsc. Urban Plan. 83: 91); ``dPC = 100 (PC - PC without the patch) / PC`` has three parts, intra,
flux and connector (Saura & Rubio 2010, Ecography 33: 523). IIC counts links not longer than the
dispersal distance instead (Pascual-Hortal & Saura 2006, Landsc. Ecol. 21: 959). Same as Conefor 2.6.
"""

import math
from dataclasses import dataclass

import numpy as np
from osgeo import ogr

from ..cost_distance import CostGrid, floods
from ..crs import gdal_exceptions, require_metres
from ..errors import InputError
from ..progress import SILENT
from ..report import Report, number
from ..vector import bounds_of, rasterize
from .patches import of_size

EDGE, CENTROID, LEAST_COST = DISTANCES = ("edge", "centroid", "least cost")

_FANOUT = 3        # children of a node of the boundary trees
_PAIRS = 512       # pairs of patches whose trees are descended together
_MANY = 1000       # patches from which removing each one takes minutes


@dataclass
class Connectivity:
    """Indices of a set of n patches; arrays have shape (n,), percentages are of the whole.

    ``pc`` and ``iic`` are NaN where no area of the landscape is given. ``betweenness`` is the share
    (0 to 1) of shortest paths between other patches, in number of links, that pass a patch;
    ``component`` is numbered from 1 by weight, heaviest first; links are pairs within the dispersal
    distance. ``pc_intra``, ``pc_direct`` and ``pc_step`` are the parts, in %, of the sum behind PC that
    come from patches themselves, direct links and stepping stones.
    """

    dpc: np.ndarray
    dpc_intra: np.ndarray
    dpc_flux: np.ndarray
    dpc_connector: np.ndarray
    diic: np.ndarray
    degree: np.ndarray
    betweenness: np.ndarray
    component: np.ndarray
    pc: float
    ec: float
    iic: float
    ec_iic: float
    n_components: int
    n_links: int
    pc_intra: float
    pc_direct: float
    pc_step: float


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
    probability = np.exp(-_decay(dispersal_distance, dispersal_probability) * matrix)
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
    _check_dispersal(dispersal_distance, dispersal_probability)
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


def _check_dispersal(distance, probability):
    if not distance > 0:
        raise InputError(f"The dispersal distance (DISPERSAL_DISTANCE) is {distance:g}: give a distance above 0 m.")
    if not 0 < probability < 1:
        raise InputError(f"The probability at the dispersal distance (DISPERSAL_PROBABILITY) is {probability:g}: "
                         f"give one above 0 and below 1.")


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


# indices ------------------------------------------------------------------------------------------------

def _decay(distance, probability):
    return -math.log(probability) / distance


def connectivity(weight, distance, dispersal_distance, dispersal_probability, landscape_area=None,
                 progress=SILENT):
    """PC, IIC, their parts per patch, and the graph of links.

    Parameters
    ----------
    weight : float array, shape (n,)
        At least 0, not all 0.
    distance : float64 ndarray, shape (n, n)
        Direct distances, symmetric, 0 on the diagonal, +inf where there is no link.
    dispersal_distance, dispersal_probability : float
        ``k = -ln(probability) / distance``; a link not longer than the distance counts for IIC.
    landscape_area : float, optional
        In the unit of the weights.

    Returns
    -------
    Connectivity

    Notes
    -----
    Removal is exact. Time O(n^3 log n) in numpy: 1 s for 300 patches, 6 s for 500. Memory O(n^2 log n).
    """
    _check_dispersal(dispersal_distance, dispersal_probability)
    weight, distance = np.asarray(weight, dtype=np.float64), np.asarray(distance, dtype=np.float64)
    if not weight.sum() > 0:
        raise InputError("All weights of the patches are 0: give at least one patch a weight above 0.")
    if landscape_area is not None and not landscape_area > 0:
        raise InputError(f"The area of the landscape (AREA_OF_LANDSCAPE) is {landscape_area:g} km2: give one above "
                         f"0, or leave it empty.")
    k = _decay(dispersal_distance, dispersal_probability)
    linked = distance <= dispersal_distance
    np.fill_diagonal(linked, False)
    hops = np.where(linked, 1.0, np.inf)
    np.fill_diagonal(hops, 0.0)
    number, intra, flux, connector = _parts(weight, distance, lambda d: np.exp(-k * d), progress.part(0, 0.6))
    number_iic, *parts_iic = _parts(weight, hops, lambda n: 1.0 / (1.0 + n), progress.part(0.6, 0.9))
    betweenness = _betweenness(linked, progress.part(0.9, 1))
    component = _components(hops, weight)
    area2 = math.nan if landscape_area is None else float(landscape_area) ** 2
    direct = float(weight @ np.exp(-k * distance) @ weight)
    own = float(weight @ weight)
    progress(1.0)
    return Connectivity(
        intra + flux + connector, intra, flux, connector, sum(parts_iic), linked.sum(axis=0), betweenness,
        component, number / area2, math.sqrt(number), number_iic / area2, math.sqrt(number_iic),
        int(component.max()), int(linked.sum()) // 2, 100 * own / number, 100 * (direct - own) / number,
        100 * (number - direct) / number)


def _parts(weight, direct, probability, progress):
    """sum_ij a_i a_j P*_ij, and the intra, flux and connector parts of its loss per patch, in %."""
    n = weight.size
    intra, flux, connector = weight * weight, np.zeros(n), np.zeros(n)
    total = 0.0
    group = _groups(direct)
    done = 0
    for label in range(group.max() + 1):
        members = np.flatnonzero(group == label)
        a, sub = weight[members], direct[np.ix_(members, members)]
        shortest = _closed(sub.copy(), range(members.size), progress.part(done / n, done / n))
        strength = probability(shortest)
        received = strength @ a
        total += float(a @ received)
        flux[members] = 2 * a * (received - a)
        part = progress.part(done / n, (done + members.size) / n)
        for i, without in _without_each(sub, part):
            # a path is never shorter without a patch: the maximum takes out rounding alone
            loss = strength - probability(np.maximum(without, shortest))
            connector[members[i]] = a @ loss @ a  # pairs that end at i lose nothing here
        done += members.size
    return total, 100 * intra / total, 100 * flux / total, 100 * connector / total


def _closed(distance, through, progress):
    """Shortest distances when paths may pass the nodes of ``through`` (Floyd 1962), in place."""
    buffer = np.empty_like(distance)
    for v in through:
        np.add.outer(distance[:, v], distance[v], out=buffer)
        np.minimum(distance, buffer, out=distance)
        progress.check()
    return distance


def _without_each(direct, progress):
    """(i, shortest distances that avoid node i) for every i, by halving: each node is added log n times."""
    n = direct.shape[0]
    stack, served = [(direct, np.arange(n))], 0
    while stack:
        distance, left = stack.pop()
        if left.size == 1:
            served += 1
            progress(served / n)
            yield int(left[0]), distance
            continue
        half = left.size // 2
        for keep, add in ((left[:half], left[half:]), (left[half:], left[:half])):
            stack.append((_closed(distance.copy(), add, progress), keep))


def _groups(distance):
    """Label of the component of each node, by finite distances."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import connected_components
    return connected_components(csr_matrix(np.isfinite(distance)), directed=False)[1]


def _components(hops, weight):
    """Component per node, numbered from 1, heaviest first."""
    group = _groups(hops)
    order = np.argsort(-np.bincount(group, weights=weight), kind="stable")
    rank = np.empty(order.size, dtype=np.int64)
    rank[order] = np.arange(1, order.size + 1)
    return rank[group]


def _betweenness(linked, progress):
    """Share of shortest paths (in links) of all other pairs that pass each node (Freeman 1977)."""
    from scipy.sparse import csr_matrix
    n = linked.shape[0]
    result = np.zeros(n)
    if n < 3:
        return result
    graph = csr_matrix(linked.astype(np.float64))
    steps = np.full((n, n), np.inf)
    np.fill_diagonal(steps, 0)
    paths, front, level = np.eye(n), np.eye(n), 0
    while True:
        front = graph @ front
        front[np.isfinite(steps)] = 0
        new = front > 0
        if not new.any():
            break
        level += 1
        steps[new] = level
        paths += front
        progress.check()
    per_path = 1.0 / np.where(paths > 0, paths, 1.0)
    for i in range(n):
        through = paths[i].copy()
        through[i] = 0.0
        passes = np.add.outer(steps[i], steps[i]) == steps
        result[i] = through @ (per_path * passes) @ through
        progress((i + 1) / n)
    return result / ((n - 1) * (n - 2))


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


def edge_distances(geometries, progress=SILENT):
    """Metres between the nearest points of polygons, shape (n, n); 0 where they touch or overlap.

    Exact. The boundaries' segments are bundled by threes into trees of boxes; pairs of boxes that
    cannot hold the nearest points are passed over.
    """
    n = len(geometries)
    matrix = np.zeros((n, n))
    if n < 2:
        return matrix
    envelopes = np.array([g.GetEnvelope() for g in geometries])  # west, east, south, north
    segments, owner = _segments(geometries, envelopes[:, [0, 2]].min(axis=0))
    tree = _boundary_tree(segments, owner)
    first, second = np.triu_indices(n, 1)
    for start in range(0, first.size, _PAIRS):
        a, b = first[start:start + _PAIRS], second[start:start + _PAIRS]
        matrix[a, b] = matrix[b, a] = _nearest(tree, segments, a, b)
        progress(start / first.size)
    with gdal_exceptions():
        prepared = {}
        meets = ((envelopes[first][:, [0, 2]] <= envelopes[second][:, [1, 3]]).all(axis=1)
                 & (envelopes[second][:, [0, 2]] <= envelopes[first][:, [1, 3]]).all(axis=1)
                 & (matrix[first, second] > 0))
        for a, b in zip(first[meets], second[meets]):  # they may cross, or one lie inside the other
            progress.check()
            if a not in prepared:
                prepared = {a: geometries[a].CreatePreparedGeometry()}
            if prepared[a].Intersects(geometries[b]):
                matrix[a, b] = matrix[b, a] = 0.0
    progress(1.0)
    return matrix


def _rings(geometry):
    if geometry.GetGeometryCount():
        for index in range(geometry.GetGeometryCount()):
            yield from _rings(geometry.GetGeometryRef(index))
    elif geometry.GetPointCount():
        yield np.array(geometry.GetPoints(), dtype=np.float64)[:, :2]


def _segments(geometries, origin):
    """Boundary segments (x0, y0, x1, y1) of all polygons, and the polygon of each."""
    parts, owner = [], []
    for index, geometry in enumerate(geometries):
        count = 0
        for points in _rings(geometry):
            points = points - origin
            parts.append(np.hstack([points[:-1], points[1:]]))
            count += len(points) - 1
        owner.append(np.full(count, index))
    return np.vstack(parts), np.concatenate(owner)


def _boundary_tree(segments, owner):
    """Levels from segments up to one node per polygon: (box, point on the boundary, first child, end)."""
    box = np.column_stack([np.minimum(segments[:, :2], segments[:, 2:]), np.maximum(segments[:, :2], segments[:, 2:])])
    point = segments[:, :2]
    levels = [(box, point, None, None)]
    while True:
        size = np.bincount(owner)
        offset = np.concatenate(([0], np.cumsum(size)[:-1]))
        place = np.arange(owner.size) - offset[owner]
        first = np.flatnonzero(place % _FANOUT == 0)
        end = np.append(first[1:], owner.size)
        box = np.column_stack([np.minimum.reduceat(box[:, :2], first, axis=0),
                               np.maximum.reduceat(box[:, 2:], first, axis=0)])
        point, owner = point[first], owner[first]
        levels.append((box, point, first, end))
        if size.max() <= _FANOUT:
            return levels


def _nearest(tree, segments, a, b):
    """Distance of each pair of polygons; the trees of all pairs are descended level by level."""
    pair = np.arange(a.size)
    nearest = np.full(a.size, np.inf)  # squared, an upper bound until the last level
    for level in range(len(tree) - 1, -1, -1):
        box, point, first, end = tree[level]
        gap = np.maximum(box[a, :2] - box[b, 2:], box[b, :2] - box[a, 2:])
        np.maximum(gap, 0, out=gap)
        lower = gap[:, 0] ** 2 + gap[:, 1] ** 2
        between = point[a] - point[b]
        starts = np.flatnonzero(np.diff(pair, prepend=-1))
        nearest = np.minimum(nearest, np.minimum.reduceat(between[:, 0] ** 2 + between[:, 1] ** 2, starts))
        keep = lower <= nearest[pair] * (1 + 1e-12)
        a, b, pair = a[keep], b[keep], pair[keep]
        if level:
            wide_a, wide_b = end[a] - first[a], end[b] - first[b]
            count = wide_a * wide_b
            place = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
            row, column = np.divmod(place, np.repeat(wide_b, count))
            a, b = np.repeat(first[a], count) + row, np.repeat(first[b], count) + column
            pair = np.repeat(pair, count)
    starts = np.flatnonzero(np.diff(pair, prepend=-1))
    return np.sqrt(np.minimum.reduceat(_segment_distance2(segments[a], segments[b]), starts))


def _segment_distance2(s, t):
    """Squared distance of segments that do not cross, row by row."""
    return np.minimum(np.minimum(_point_distance2(s[:, :2], t), _point_distance2(s[:, 2:], t)),
                      np.minimum(_point_distance2(t[:, :2], s), _point_distance2(t[:, 2:], s)))


def _point_distance2(p, s):
    along = s[:, 2:] - s[:, :2]
    to = p - s[:, :2]
    length2 = (along ** 2).sum(axis=1)
    share = np.clip((to * along).sum(axis=1) / np.where(length2 > 0, length2, 1.0), 0, 1)
    return ((to - share[:, None] * along) ** 2).sum(axis=1)


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

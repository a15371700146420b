"""Ecological breakpoints: where corridors cross expressways, highways, railways or canals.

Feng, Bai & Wang (2024), "Key ecological node identification". The paper gives no rule for what is
one breakpoint; ours: crossings of one road closer together than a tolerance, each linked to the
next (single linkage), are one, with all corridors that use it.
"""

from dataclasses import dataclass

import numpy as np
from osgeo import ogr

from .. import tables
from ..crs import require_metres
from ..errors import InputError
from ..geometry import crossings
from ..geometry.layers import Layer, bounds_of
from ..geometry.segments import nearest_on_segments
from ..ids import as_id, id_list
from ..progress import SILENT

TOLERANCE_M = 90.0
"""Three cells of 30 m; there is no raster among the inputs to take the cell size from."""

TOUCHING_ROADS_M = 0.1
"""A road's end this close to another road touches it (reprojection moves ends by less)."""

_CHAIN_AT_MOST = 1000
"""Crossings in the chain of one breakpoint; more are thinned before the middle is found."""

FIELDS = (
    "breakpoint_id",
    "road",
    "road_class",
    "corridors",
    "n_corridors",
    "class",
    "gravity_sum",
    "priority",
    "measure",
)

_MEASURE_COLUMNS = [tables.Column("word", "text", required=False, default=""), tables.Column("measure", "text")]


def default_measures():
    """The shipped table of measures by road class."""
    return tables.shipped("network", "road_measures.csv")


def read_measures(raw=None):
    """A table of measures, ``word, measure``; default the shipped one."""
    return tables.parse(raw or default_measures(), _MEASURE_COLUMNS)


def check_corridors(corridors):
    """Corridors with the fields that are used, recognised regardless of case; refuses other CRS than in metres."""
    corridors.require_some("corridor")
    west, south, _, _ = bounds_of(corridors.geometries)
    require_metres(corridors.crs, corridors.name, centre=(west, south))
    return corridors.with_fields("corridor_id", "class", "gravity")


def breakpoints(
    corridors, roads, class_field="", classes=(), name_field="", tolerance_m=TOLERANCE_M, measures=None, progress=SILENT
):
    """The points where corridors cross roads.

    Parameters
    ----------
    corridors : layers.Layer
        Lines in a CRS in metres; ``corridor_id``, ``class`` and ``gravity`` are used where they are.
    roads : layers.Layer
        Lines or polygons, in any known CRS.
    class_field, name_field : str
        Fields of ``roads``; empty where it has none.
    classes : iterable of str
        Road classes that count; empty: all.
    tolerance_m : float
        Crossings of one road closer than this are one; 0: only those at one place, or in one
        unbroken run.
    measures : tables.RawTable, optional
        ``word, measure``; default the shipped table.

    Returns
    -------
    Features
        Points with :data:`FIELDS`, the first priority first: important before general, then by
        ``gravity_sum``, ``n_corridors``, road and place.

    Notes
    -----
    Roads of one name are one road; unnamed lines of one class are one road where an end of one lies
    on another, unnamed polygons of one class where they meet. Distance is as the crow flies, so that
    the two carriageways of a named road are crossed once. An unbroken run of a corridor along a road
    line, or through a road polygon, is one crossing and stands for its middle; the point lies halfway
    along the chain of linked crossings, on the road's line where the chain follows one line.

    Raises
    ------
    InputError
        Empty layer, missing field, unknown class, wrong geometry, unusable CRS or tolerance; roads further
        from the corridors' extent than that extent is wide or high.
    """
    if not (np.isfinite(tolerance_m) and tolerance_m >= 0):
        raise InputError(f"The tolerance is {tolerance_m:g} m: give a length of 0 m or more.")
    table = read_measures(measures)
    corridors = check_corridors(corridors)
    has_class, has_gravity = (name in corridors.field_names for name in ("class", "gravity"))
    roads.require_some("road")
    bounds = bounds_of(corridors.geometries)
    # a road that no corridor meets may lie beside them, and a layer of another city does not
    reach_m = max(bounds[2] - bounds[0], bounds[3] - bounds[1])
    roads = roads.to_crs_near(corridors.crs, bounds, other=corridors.name, reach_m=reach_m, progress=progress)
    roads = _chosen(roads, class_field, classes, name_field, progress)
    lines, polygons = _by_dimension(roads)
    steps = crossings.corridor_steps(corridors, progress.part(0, 0.1))
    grouped = _roads(roads, lines, polygons, class_field, name_field, progress.part(0.1, 0.3))
    road_of = np.empty(len(roads), dtype=np.int64)
    for index, (_, features) in enumerate(grouped):
        road_of[features] = index
    met = _met(steps, roads, lines, polygons, road_of, progress.part(0.3, 0.7))
    found = _linked(steps, met, tolerance_m, progress.part(0.7, 0.9))
    of_corridor = _class_and_gravity(corridors)
    points = []
    for index, (rows, middles) in enumerate(found):
        progress(0.9 + 0.1 * index / len(found))
        place = _halfway(middles, [met.lines[f] for f in set(met.feature[rows].tolist()) if f in met.lines])
        places, _ = steps.places(np.unique(met.step[rows]))
        used = [steps.ids[n] for n in np.unique(steps.walk_corridor[places])]
        road_class = _commonest(_text(roads.attributes[f].get(class_field)) for f in met.feature[rows])
        kinds = [of_corridor[i][0] for i in used]
        gravities = [of_corridor[i][1] for i in used if of_corridor[i][1] is not None]
        points.append(
            (
                place,
                {
                    "road": grouped[met.road[rows[0]]][0],
                    "road_class": road_class,
                    "corridors": id_list(used),
                    "n_corridors": len(used),
                    "class": "important" if "important" in kinds else "general" if "general" in kinds else None,
                    "gravity_sum": float(sum(gravities)) if gravities else None,
                    "measure": _measure(table, road_class),
                },
            )
        )
    points.sort(
        key=lambda p: (
            p[1]["class"] != "important",
            -(p[1]["gravity_sum"] or 0.0),
            -p[1]["n_corridors"],
            p[1]["road"] or "",
            tuple(p[0]),
        )
    )
    result = Layer("breakpoints", corridors.crs, field_names=list(FIELDS))
    for rank, (place, attributes) in enumerate(points, 1):
        geometry = ogr.Geometry(ogr.wkbPoint)
        geometry.AddPoint_2D(*place)
        result.geometries.append(geometry)
        result.attributes.append({"breakpoint_id": rank, "priority": rank, **attributes})
    if not points:
        progress.warn(
            f"No corridor of '{corridors.name}' meets a road of '{roads.name}': check that both "
            f"cover the same area ({corridors.crs.name}) and that the road classes are the "
            f"wanted ones."
        )
    if not (has_class and has_gravity):
        progress.log(
            f"Layer '{corridors.name}' has no field 'gravity' or 'class': run 'gravitymodel' first to "
            f"rank breakpoints by the corridors they cut."
        )
    important = sum(a["class"] == "important" for a in result.attributes)
    progress.log(
        f"{len(result)} breakpoint(s), {important} on important corridors; crossings of one road "
        f"closer than {tolerance_m:g} m are one."
    )
    return result


# roads -------------------------------------------------------------------------------------------


def _text(value):
    """A word of a field (1 for 1.0); None for NULL and blanks."""
    if not isinstance(value, str):
        value = as_id(value)
    return None if value is None else str(value).strip() or None


def _chosen(roads, class_field, classes, name_field, progress):
    """The roads of the wanted classes."""
    if name_field:
        roads.require_field(name_field, "the roads' names")
    wanted = {str(word).strip().lower() for word in classes if str(word).strip()}
    if wanted and not class_field:
        raise InputError(
            f"Road classes are given ({', '.join(sorted(wanted))}), and the field of layer "
            f"'{roads.name}' that holds the class is not: choose it, or leave the classes empty."
        )
    if class_field:
        roads.require_field(class_field, "the roads' class")
    if not wanted:
        return roads
    own = [(_text(value) or "").lower() for value in roads.values(class_field)]
    missing = wanted - set(own)
    have = ", ".join(sorted(set(own) - {""})[:20]) or "none"
    if missing == wanted:
        raise InputError(
            f"Layer '{roads.name}', field '{class_field}' holds none of the road classes "
            f"{', '.join(sorted(wanted))}: choose among {have}."
        )
    if missing:
        progress.warn(
            f"Layer '{roads.name}', field '{class_field}' holds no road of class "
            f"{', '.join(sorted(missing))}; it holds {have}."
        )
    keep = [index for index, word in enumerate(own) if word in wanted]
    progress.log(f"{len(keep)} of {len(roads)} features of '{roads.name}' are of the chosen classes.")
    return Layer(
        roads.name,
        roads.crs,
        [roads.geometries[i] for i in keep],
        [roads.attributes[i] for i in keep],
        roads.field_names,
    )


def _by_dimension(roads):
    """Numbers of the line features and of the polygon features."""
    dimensions = [geometry.GetDimension() for geometry in roads.geometries]
    for index, dimension in enumerate(dimensions):
        if dimension not in (1, 2):
            raise InputError(
                f"Layer '{roads.name}', feature {index + 1} is a "
                f"{roads.geometries[index].GetGeometryName().lower()}: roads must be lines or "
                f"polygons; choose another layer."
            )
    return tuple(np.array([i for i, d in enumerate(dimensions) if d == wanted], dtype=np.int64) for wanted in (1, 2))


def _subset(layer, numbers):
    return Layer(
        layer.name,
        layer.crs,
        [layer.geometries[i] for i in numbers],
        [layer.attributes[i] for i in numbers],
        layer.field_names,
    )


def _roads(roads, lines, polygons, class_field, name_field, progress):
    """Which features are one road: a list of (name or None, numbers of the features)."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    named, unnamed = {}, []
    for index in range(len(roads)):
        name = _text(roads.attributes[index].get(name_field)) if name_field else None
        if name is None:
            unnamed.append(index)
        else:
            named.setdefault(name, []).append(index)
    result = list(named.items())
    is_unnamed = np.zeros(len(roads), dtype=bool)
    is_unnamed[unnamed] = True
    kinds = np.array(
        [(_text(a.get(class_field)) or "").lower() for a in roads.attributes] if class_field else [""] * len(roads)
    )
    _, kinds = np.unique(kinds, return_inverse=True)
    one, two = [], []
    for numbers, share in ((lines[is_unnamed[lines]], (0, 0.5)), (polygons[is_unnamed[polygons]], (0.5, 1))):
        if len(numbers) < 2:
            continue
        part = progress.part(*share)
        pieces = crossings.line_segments(_subset(roads, numbers), "roads", part)
        if numbers[0] in lines:
            first = np.concatenate([[True], pieces.part[1:] != pieces.part[:-1]])
            last = np.concatenate([first[1:], [True]])
            ends = np.vstack([pieces.start[first], pieces.end[last]])
            owners = np.concatenate([pieces.owner[first], pieces.owner[last]])
            a, b, *_ = crossings.meetings(pieces.start, pieces.end, ends, ends, TOUCHING_ROADS_M, part)
        else:
            owners = pieces.owner
            a, b, *_ = crossings.meetings(pieces.start, pieces.end, pieces.start, pieces.end, TOUCHING_ROADS_M, part)
        one.append(numbers[pieces.owner[a]])
        two.append(numbers[owners[b]])
    if unnamed:
        one, two = (np.concatenate(ends) if ends else np.empty(0, dtype=np.int64) for ends in (one, two))
        same = kinds[one] == kinds[two]
        graph = coo_matrix((np.ones(same.sum()), (one[same], two[same])), shape=(len(roads),) * 2)
        _, component = connected_components(graph, directed=False)
        chains = {}
        for index in unnamed:
            chains.setdefault(component[index], []).append(index)
        result += [(None, features) for features in chains.values()]
    return result


def _commonest(words):
    """The word that occurs most; the first in the alphabet of several."""
    counts = {}
    for word in words:
        if word is not None:
            counts[word] = counts.get(word, 0) + 1
    return min(counts, key=lambda w: (-counts[w], w)) if counts else None


def _measure(table, road_class):
    """The plain suggestion for a road class."""
    for row in table.rows:
        if row["word"] and row["word"].lower() in (road_class or "").lower():
            return row["measure"]
    return next((row["measure"] for row in table.rows if not row["word"]), None)


# crossings ---------------------------------------------------------------------------------------


@dataclass
class _Met:
    """Stretches of the corridors' steps on roads, one row each, sorted by road.

    ``road`` numbers the road, ``feature`` the feature of the road layer; ``lines`` are the segments
    of the features that are lines.
    """

    road: np.ndarray
    feature: np.ndarray
    step: np.ndarray
    start: np.ndarray
    end: np.ndarray
    lines: dict


def _met(steps, roads, lines, polygons, road_of, progress):
    """All crossings of steps and roads."""
    empty = np.empty(0, dtype=np.int64)
    columns, segments_of = [(empty, empty, np.empty(0), np.empty(0))], {}
    if len(lines):
        pieces = crossings.line_segments(_subset(roads, lines), "roads", progress)
        step, piece, start, end, _, _ = crossings.meetings(
            steps.start, steps.end, pieces.start, pieces.end, progress=progress.part(0, 0.4)
        )
        columns.append((lines[pieces.owner[piece]], step, start, end))
        bounds = np.searchsorted(pieces.owner, np.arange(len(lines) + 1))
        segments_of = {number: pieces.select(slice(*bounds[n : n + 2])) for n, number in enumerate(lines.tolist())}
    if len(polygons):
        layer = _subset(roads, polygons).valid_polygons(progress)
        inside = crossings.stretches_inside(steps, layer, progress.part(0.4, 1))
        columns += [
            (np.full(len(found), number), found.step, found.start, found.end) for number, found in zip(polygons, inside)
        ]
    feature, step, start, end = (np.concatenate(column) for column in zip(*columns))
    order = np.argsort(road_of[feature], kind="stable")
    return _Met(road_of[feature][order], feature[order], step[order], start[order], end[order], segments_of)


def _linked(steps, met, tolerance_m, progress):
    """Single linkage of the crossings of each road.

    Returns
    -------
    list of (int ndarray, ndarray of shape (n, 2))
        Rows of ``met`` that are one breakpoint, and the middles of its runs.
    """
    found = []
    if not len(met.road):
        return found
    bounds = np.concatenate([[0], np.nonzero(np.diff(met.road))[0] + 1, [len(met.road)]])
    for low, high in zip(bounds[:-1], bounds[1:]):
        progress(low / bounds[-1])
        whole = crossings.joined(met.step[low:high], met.start[low:high], met.end[low:high])
        spots, spot_of, cluster = _clusters(*_sampled(steps, whole, max(tolerance_m / 8, 1.0)), tolerance_m, progress)
        of_row = cluster[
            spot_of[
                np.searchsorted(2.0 * whole.step + whole.start, 2.0 * met.step[low:high] + met.start[low:high], "right")
                - 1
            ]
        ]
        runs = [run for _, run in crossings.runs(steps, whole, progress)]
        entry = steps.point(np.array([run[0][0] for run in runs]), np.array([run[0][1] for run in runs]))
        of_run = cluster[spots.query(entry)[1]]
        middles = np.array([crossings.middle_of(steps, run) for run in runs])
        count = cluster.max() + 1
        found += [(low + rows, middles[own]) for rows, own in zip(_split(of_row, count), _split(of_run, count))]
    return found


def _sampled(steps, stretches, spacing_m):
    """Points along stretches at most ``spacing_m`` apart, ends included, and the stretch of each."""
    length = (stretches.end - stretches.start) * steps.length_m[stretches.step]
    count = np.where(length > crossings.TOUCH_M, np.ceil(length / spacing_m).astype(np.int64) + 1, 1)
    which = np.repeat(np.arange(len(count)), count)
    nth = np.arange(len(which)) - np.repeat(np.cumsum(count) - count, count)
    share = nth / np.maximum(count - 1, 1)[which]
    fraction = stretches.start[which] + share * (stretches.end - stretches.start)[which]
    return steps.point(stretches.step[which], fraction), which


def _clusters(points, which, tolerance_m, progress):
    """Single linkage of stretches that are sampled by points.

    Returns
    -------
    spots : cKDTree
        The points.
    spot_of : int ndarray
        A point of each stretch.
    cluster : int ndarray
        Label of each point, 0 to n - 1.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    same = 2 * crossings.TOUCH_M
    spots = cKDTree(points)
    progress.check()
    one, two = spots.query_pairs(max(tolerance_m, same), output_type="ndarray").T
    distance = np.hypot(*(points[one] - points[two]).T)
    close = (distance < tolerance_m) | (distance < same)
    along = np.nonzero(which[1:] == which[:-1])[0]
    one, two = np.concatenate([one[close], along]), np.concatenate([two[close], along + 1])
    progress.check()
    _, cluster = connected_components(
        coo_matrix((np.ones(len(one), dtype=np.int8), (one, two)), shape=(len(points),) * 2), directed=False
    )
    return spots, np.searchsorted(which, np.arange(which[-1] + 1)), cluster


def _split(labels, count):
    """The places of each label 0 to count - 1."""
    return np.split(np.argsort(labels, kind="stable"), np.cumsum(np.bincount(labels, minlength=count))[:-1])


def _halfway(middles, lines):
    """Halfway along the longest way through the minimum spanning tree of the crossings.

    Where one line of ``lines`` carries both crossings beside that place, the place is moved onto it;
    between two carriageways, or in a road polygon, it stays.
    """
    coarse, spots = crossings.TOUCH_M, middles
    while True:
        _, kept = np.unique(np.rint((middles - middles[0]) / coarse), axis=0, return_index=True)
        spots, coarse = middles[np.sort(kept)], 2 * coarse
        if len(spots) <= _CHAIN_AT_MOST:
            break
    if len(spots) == 1:
        return spots[0]
    if len(spots) == 2:
        one, two = spots
        return _on_line((one + two) / 2, one, two, lines)
    tree = _spanning_tree(spots)
    far, _ = _ways(tree, 0)
    reached, before = _ways(tree, max(far, key=far.get))
    here = max(reached, key=reached.get)
    half = reached[here] / 2
    while reached[before[here]] > half:
        here = before[here]
    one, two = spots[before[here]], spots[here]
    share = (half - reached[before[here]]) / (reached[here] - reached[before[here]])
    return _on_line(one + share * (two - one), one, two, lines)


def _spanning_tree(spots):
    """Neighbours and distances in the minimum spanning tree (Prim), a list of dicts."""
    tree = [{} for _ in spots]
    nearest, parent = np.hypot(*(spots - spots[0]).T), np.zeros(len(spots), dtype=np.int64)
    nearest[0] = np.inf
    for _ in range(len(spots) - 1):
        new = int(np.argmin(nearest))
        tree[new][int(parent[new])] = tree[int(parent[new])][new] = float(nearest[new])
        distance = np.hypot(*(spots - spots[new]).T)
        closer = (distance < nearest) & np.isfinite(nearest)
        nearest[closer], parent[closer] = distance[closer], new
        nearest[new] = np.inf
    return tree


def _ways(tree, root):
    """Distance along the tree from a node to each, and the node before it."""
    reached, before, waiting = {root: 0.0}, {}, [root]
    while waiting:
        node = waiting.pop()
        for other, distance in tree[node].items():
            if other not in reached:
                reached[other], before[other] = reached[node] + distance, node
                waiting.append(other)
    return reached, before


def _on_line(place, one, two, lines):
    """The place moved onto the line that carries both neighbouring crossings, if one does."""
    best, nearest = np.inf, place
    for line in lines:
        for part in np.unique(line.part):
            of_part = line.select(line.part == part)
            feet, distances = zip(*(_foot(point, of_part) for point in (one, two, place)))
            if max(distances[:2]) <= 10 * crossings.TOUCH_M and distances[2] < best:
                best, nearest = distances[2], feet[2]
    return nearest


def _foot(point, pieces):
    """The point of some segments nearest to a point, and its distance."""
    foot = nearest_on_segments(point, pieces.start, pieces.end)
    distance = np.hypot(*(foot - point).T)
    index = int(np.argmin(distance))
    return foot[index], distance[index]


def _class_and_gravity(corridors):
    """Corridor id to its class and gravity, None where the layer has none."""
    found = {}
    for index, (number, attributes) in enumerate(zip(crossings.corridor_ids(corridors), corridors.attributes)):
        kind, gravity = attributes.get("class"), attributes.get("gravity")
        if gravity is not None:
            text, gravity = gravity, tables.number_of(gravity)
            if gravity is None:
                raise InputError(
                    f"Layer '{corridors.name}', field 'gravity', feature {index + 1}: '{text}' is "
                    f"not a number; run 'gravitymodel' again or correct it."
                )
        found[number] = (None if kind is None else str(kind).strip().lower(), gravity)
    return found

"""Roads of a layer: which features count, and which of them are one road."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Ints
from ..errors import InputError
from ..geometry.crossings import line_segments
from ..geometry.layers import Layer
from ..geometry.segment_intersections import segment_intersections
from ..geometry.segments import Segments
from ..ids import as_id
from ..progress import Progress

TOUCHING_ROADS_M = 0.1
"""A road's end this close to another road touches it (reprojection moves ends by less)."""

_NAMED_AT_MOST = 20


@dataclass(frozen=True)
class Roads:
    """A layer of roads, and the roads that its features make up.

    Parameters
    ----------
    layer : Layer
    lines, polygons : int64 ndarray
        The places of the features that are lines, and of those that are polygons.
    names : list
        Each road's name, None where it has none.
    road_of : int64 ndarray
        The road of each feature.
    class_field : str
        Field of the class; empty where the layer has none.
    """

    layer: Layer
    lines: Ints
    polygons: Ints
    names: list[str | None]
    road_of: Ints
    class_field: str

    def class_of(self, features: Ints) -> str | None:
        """The class that most of some features have; the first in the alphabet of several."""
        attributes = self.layer.attributes
        return _commonest(word_of(attributes[feature].get(self.class_field)) for feature in features)


def word_of(value: Any) -> str | None:
    """A word of a field (1 for 1.0); None for NULL and blanks."""
    if not isinstance(value, str):
        value = as_id(value)
    return None if value is None else str(value).strip() or None


def roads_of_classes(roads: Layer, *, class_field: str, classes: Iterable[str], progress: Progress) -> Layer:
    """The roads of the wanted classes; all where none is given.

    Raises
    ------
    InputError
        A layer without any road of the classes.
    """
    wanted = {str(word).strip().lower() for word in classes if str(word).strip()}
    if not wanted:
        return roads
    own = [(word_of(value) or "").lower() for value in roads.values(class_field)]
    missing = wanted - set(own)
    have = ", ".join(sorted(set(own) - {""})[:_NAMED_AT_MOST]) or "none"
    if missing == wanted:
        raise InputError(
            f"Layer '{roads.name}', field '{class_field}' holds none of the road classes "
            f"{', '.join(sorted(wanted))}: choose among {have}.",
            layer=roads.name,
        )
    if missing:
        progress.warn(
            f"Layer '{roads.name}', field '{class_field}' holds no road of class "
            f"{', '.join(sorted(missing))}; it holds {have}."
        )
    keep = [index for index, word in enumerate(own) if word in wanted]
    progress.log(f"{len(keep)} of {len(roads)} features of '{roads.name}' are of the chosen classes.")
    return roads.part(keep)


def group_roads(roads: Layer, *, class_field: str, name_field: str, progress: Progress) -> Roads:
    """Which features are one road: those of one name, and unnamed ones of one class that touch.

    Raises
    ------
    InputError
        A feature that is neither line nor polygon.
    """
    lines, polygons = _by_dimension(roads)
    named, unnamed = _by_name(roads, name_field)
    groups: list[tuple[str | None, list[int]]] = list(named.items())
    groups += [(None, features) for features in _touching(roads, lines, polygons, unnamed, class_field, progress)]
    road_of = np.empty(len(roads), dtype=np.int64)
    for index, (_, features) in enumerate(groups):
        road_of[features] = index
    return Roads(roads, lines, polygons, [name for name, _ in groups], road_of, class_field)


def _by_dimension(roads: Layer) -> tuple[Ints, Ints]:
    """The places of the line features and of the polygon features."""
    dimensions = np.array([geometry.GetDimension() for geometry in roads.geometries], dtype=np.int64)
    for index in np.flatnonzero((dimensions != 1) & (dimensions != 2))[:1].tolist():
        raise InputError(
            f"Layer '{roads.name}', feature {index + 1} is a "
            f"{roads.geometries[index].GetGeometryName().lower()}: roads must be lines or "
            f"polygons; choose another layer.",
            layer=roads.name,
            feature=index + 1,
        )
    return np.flatnonzero(dimensions == 1), np.flatnonzero(dimensions == 2)


def _by_name(roads: Layer, name_field: str) -> tuple[dict[str, list[int]], list[int]]:
    """The features of each name, and those without one."""
    named: dict[str, list[int]] = {}
    unnamed: list[int] = []
    for index, attributes in enumerate(roads.attributes):
        name = word_of(attributes.get(name_field)) if name_field else None
        if name is None:
            unnamed.append(index)
        else:
            named.setdefault(name, []).append(index)
    return named, unnamed


def _touching(
    roads: Layer, lines: Ints, polygons: Ints, unnamed: Sequence[int], class_field: str, progress: Progress
) -> list[list[int]]:
    """Unnamed features of one class that touch, directly or over others."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    if not unnamed:
        return []
    is_unnamed = np.zeros(len(roads), dtype=bool)
    is_unnamed[list(unnamed)] = True
    words = [(word_of(a.get(class_field)) or "").lower() if class_field else "" for a in roads.attributes]
    _, kinds = np.unique(np.array(words), return_inverse=True)
    by_lines = _touching_lines(roads, lines[is_unnamed[lines]], progress.part(0, 0.5))
    by_polygons = _touching_polygons(roads, polygons[is_unnamed[polygons]], progress.part(0.5, 1))
    one, two = (np.concatenate(ends) for ends in zip(by_lines, by_polygons))
    same = kinds[one] == kinds[two]
    graph = coo_matrix((np.ones(same.sum()), (one[same], two[same])), shape=(len(roads),) * 2)
    _, component = connected_components(graph, directed=False)
    chains: dict[int, list[int]] = {}
    for index in unnamed:
        chains.setdefault(int(component[index]), []).append(index)
    return list(chains.values())


def _touching_lines(roads: Layer, features: Ints, progress: Progress) -> tuple[Ints, Ints]:
    """Pairs of a line and another of which an end lies on it."""
    if len(features) < 2:
        return features[:0], features[:0]
    pieces = line_segments(roads.part(features), "roads", progress)
    is_first = np.concatenate([[True], pieces.part[1:] != pieces.part[:-1]])
    is_last = np.concatenate([is_first[1:], [True]])
    ends = np.vstack([pieces.start[is_first], pieces.end[is_last]])
    parts, owners = (np.concatenate([of[is_first], of[is_last]]) for of in (pieces.part, pieces.owner))
    met = segment_intersections(
        pieces, Segments(ends, ends, parts, owners), within_m=TOUCHING_ROADS_M, progress=progress
    )
    return features[pieces.owner[met.a]], features[owners[met.b]]


def _touching_polygons(roads: Layer, features: Ints, progress: Progress) -> tuple[Ints, Ints]:
    """Pairs of polygons whose outlines meet."""
    if len(features) < 2:
        return features[:0], features[:0]
    pieces = line_segments(roads.part(features), "roads", progress)
    met = segment_intersections(pieces, pieces, within_m=TOUCHING_ROADS_M, progress=progress)
    return features[pieces.owner[met.a]], features[pieces.owner[met.b]]


def _commonest(words: Iterable[str | None]) -> str | None:
    """The word that occurs most; the first in the alphabet of several."""
    counts: dict[str, int] = {}
    for word in words:
        if word is not None:
            counts[word] = counts.get(word, 0) + 1
    return min(counts, key=lambda word: (-counts[word], word)) if counts else None

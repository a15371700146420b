"""Patches as nodes of a graph: their direct links, and the neighbours of each node for searches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Union

import numpy as np

from ..arrays import AnyArray, Floats, Ints
from ..errors import InputError


@dataclass(frozen=True)
class Links:
    """Direct links between n patches, each pair once; a pair that is absent has no direct link.

    Attributes
    ----------
    n : int
        Number of patches.
    a, b : int64 ndarray, shape (links,)
        Positions of the two patches, a < b.
    distance : float64 ndarray, shape (links,)
        Lengths, at least 0.
    """

    n: int
    a: Ints
    b: Ints
    distance: Floats

    @classmethod
    def from_matrix(cls, matrix: AnyArray | Sequence[Sequence[float]]) -> Links:
        """Links of a symmetric (n, n) matrix of distances; +inf where there is none."""
        matrix = np.asarray(matrix, dtype=np.float64)
        a, b = np.nonzero(np.triu(np.isfinite(matrix), 1))
        return cls(matrix.shape[0], a, b, matrix[a, b])

    @classmethod
    def of(cls, given: LinksOrMatrix) -> Links:
        """Links themselves, or those of a matrix."""
        return given if isinstance(given, cls) else cls.from_matrix(given)  # type: ignore[arg-type]

    def matrix(self) -> Floats:
        """Symmetric (n, n) distances, 0 on the diagonal, +inf where there is no link."""
        matrix = np.full((self.n, self.n), np.inf)
        matrix[self.a, self.b] = matrix[self.b, self.a] = self.distance
        np.fill_diagonal(matrix, 0.0)
        return matrix

    def __len__(self) -> int:
        return len(self.distance)


LinksOrMatrix = Union[Links, AnyArray, Sequence[Sequence[float]]]
Weights = Union[Floats, Sequence[float]]


def checked_weights(weight: Weights) -> Floats:
    """The weights of patches as an array.

    Raises
    ------
    InputError
        When all are 0; names ``weight``.
    """
    weight = np.asarray(weight, dtype=np.float64)
    if not weight.sum() > 0:
        raise InputError(
            "all weights of the patches are 0; give at least one patch a weight above 0.", parameter="weight"
        )
    return weight


@dataclass(frozen=True)
class Graph:
    """Neighbours of each of n nodes, nearest first: those of i are at ``start[i]`` to ``start[i + 1]``.

    24 bytes per link and end.

    Attributes
    ----------
    n : int
    start : int64 ndarray, shape (n + 1,)
    neighbour : int64 ndarray, shape (2 links,)
    length : float64 ndarray, shape (2 links,)
    link : int64 ndarray, shape (2 links,)
        Position of the link in the list that the graph was made of.
    """

    n: int
    start: Ints
    neighbour: Ints
    length: Floats
    link: Ints

    @classmethod
    def of(cls, links: Links, numbers: Ints | None = None) -> Graph:
        """The graph of some links; ``numbers``: what the links are called, by default 0, 1, 2, ..."""
        numbers = np.arange(len(links)) if numbers is None else numbers
        ends, others = np.concatenate((links.a, links.b)), np.concatenate((links.b, links.a))
        lengths, numbers = np.concatenate((links.distance, links.distance)), np.concatenate((numbers, numbers))
        order = np.lexsort((others, lengths, ends))
        start = np.concatenate(([0], np.cumsum(np.bincount(ends, minlength=links.n))))
        return cls(
            links.n,
            start.astype(np.int64),
            others[order].astype(np.int64),
            lengths[order].astype(np.float64),
            numbers[order].astype(np.int64),
        )

    @property
    def ends(self) -> Ints:
        """The node that each entry of ``neighbour`` is a neighbour of."""
        return np.repeat(np.arange(self.n), np.diff(self.start))

    def renumbered(self) -> tuple[Graph, Ints]:
        """The same graph with neighbours numbered near each other, and the old numbers in the new order.

        What lies below a node in a tree then has mostly larger, or mostly smaller, numbers than the source.
        """
        from scipy.sparse import csr_matrix
        from scipy.sparse.csgraph import reverse_cuthill_mckee

        shape = (self.n, self.n)
        order = reverse_cuthill_mckee(csr_matrix((np.ones(self.length.size), self.neighbour, self.start), shape), True)
        rank = np.empty(self.n, dtype=np.int64)
        rank[order] = np.arange(self.n)
        ends = self.ends
        once = ends < self.neighbour
        links = Links(self.n, rank[ends[once]], rank[self.neighbour[once]], self.length[once])
        return Graph.of(links, self.link[once]), order


@dataclass(frozen=True)
class Strength:
    """What a shortest distance is worth: ``exp(-decay d)``, or ``1 / (1 + d)`` where decay is negative."""

    decay: float

    @property
    def of_hops(self) -> bool:
        """Whether distances are numbers of links, as for IIC."""
        return self.decay < 0

    def __call__(self, distance: Floats) -> Floats:
        """Strengths of distances, 1 at 0."""
        worth: Floats = 1.0 / (1.0 + distance) if self.of_hops else np.exp(-self.decay * distance)
        return worth


HOPS = Strength(-1.0)

"""Connectivity of a layer of patches: distances between them, indices, links and candidates.

Feng, Bai & Wang (2024), Eqs 6 and 7; the indices themselves are in ``indices``, the report in ``report``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from osgeo import ogr

from ..geometry.layers import Layer
from ..grid.grid import Grid
from ..progress import SILENT, Progress
from .candidates import (
    LinkGains,
    Network,
    PatchGains,
    gain_from_links,
    gain_from_patches,
    read_candidate_links,
    read_candidate_patches,
)
from .changes import link_importance, neglected_share
from .choices import ConnectivityChoices
from .graph import Links
from .indices import Connectivity, connectivity
from .links import LinkRule, PatchDistance, least_distances, patch_links
from .patches import PresentPatches, read_patches
from .removal import path_strengths

if TYPE_CHECKING:
    from ..arrays import Floats, Ints

_BOUND_PATCHES = 5000  # up to which the bound of what is neglected is computed over all pairs, 40 bytes each
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


@dataclass(frozen=True)
class LandscapeConnectivity:
    """What :func:`landscape_connectivity` finds.

    Parameters
    ----------
    choices : ConnectivityChoices
    patches : PresentPatches
        In the CRS of their layer.
    links : Links
        Direct links.
    probability : float64 ndarray, shape (links,)
        Of the links.
    dpc_link : float64 ndarray, shape (links,), or None
        % of PC lost without the link; None where it was not asked for.
    indices : Connectivity
    neglected : (float, float), optional
        The most of PC that links left out could add, as a share, and their largest probability; None where all
        pairs are linked.
    candidate_patches, candidate_links : PatchGains, LinkGains, optional
        What planned patches and links would add.
    """

    choices: ConnectivityChoices
    patches: PresentPatches
    links: Links
    probability: Floats
    dpc_link: Floats | None
    indices: Connectivity
    neglected: tuple[float, float] | None = None
    candidate_patches: PatchGains | None = None
    candidate_links: LinkGains | None = None

    @property
    def patch_id(self) -> list[int]:
        """Ids of the patches that took part."""
        return self.patches.patch_id

    @property
    def weight(self) -> Floats:
        """Weights of the patches that took part."""
        return self.patches.weight

    @property
    def weight_unit(self) -> str:
        """The unit of the weights in words."""
        return self.choices.weight_unit

    @property
    def length_unit(self) -> str:
        """The unit of lengths of links."""
        return self.choices.distance.unit

    @property
    def neglected_percent(self) -> float | None:
        """Bound of the share of PC that is neglected; None where all pairs are linked."""
        return None if self.neglected is None else 100 * self.neglected[0]

    @property
    def neglected_text(self) -> str:
        """What links longer than the longest link would add, in words; empty where all pairs are linked."""
        if self.neglected is None:
            return ""
        share, probability = self.neglected
        n = len(self.patches)
        return (
            f"{len(self.links)} of the {n * (n - 1) // 2} pairs of patches are linked directly; links longer than "
            f"{self.choices.limit:g} {self.length_unit} are left out. A link of that length has the probability "
            f"{probability:.3g}; PC with all links would be at most {100 * share:.3g} % higher."
        )

    def rows(self) -> Iterator[tuple[ogr.Geometry, dict[str, Any]]]:
        """(geometry, mapping) per patch: its own fields and those of connectivity."""
        layer = self.patches.layer
        for position, index in enumerate(self.patches.index):
            row = dict(layer.attributes[index])
            row.update({name: getattr(self.indices, name)[position].item() for name in _PATCH_FIELDS})
            row["patch_id"] = self.patch_id[position]
            yield ogr.ForceToMultiPolygon(layer.geometries[index]), row

    def links_by_importance(self) -> Ints:
        """Positions of the links, the one whose loss costs most first; by length where that is not known."""
        order: Ints
        if self.dpc_link is None:
            order = np.argsort(self.links.distance, kind="stable")
        else:
            order = np.lexsort((self.links.distance, -self.dpc_link))
        return order

    def link_rows(self) -> Iterator[tuple[ogr.Geometry, dict[str, Any]]]:
        """(line, mapping) per link, between points inside the two patches."""
        ends = [(point.GetX(), point.GetY()) for point in (g.PointOnSurface() for g in self.patches.geometries)]
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
    patches: Layer,
    choices: ConnectivityChoices,
    *,
    resistance: Grid | None = None,
    candidates: Layer | None = None,
    candidate_links: Layer | None = None,
    progress: Progress = SILENT,
) -> LandscapeConnectivity:
    """Connectivity of a layer of patches.

    Parameters
    ----------
    patches : layers.Layer
        Polygons in a projected CRS in metres.
    choices : ConnectivityChoices
    resistance : grid.Grid, optional
        For least cost.
    candidates, candidate_links : layers.Layer, optional
        Planned patches and links: each alone is added to the network.
    progress : Progress

    Returns
    -------
    LandscapeConnectivity

    Raises
    ------
    InputError
        Empty layer, wrong CRS, missing or unfit weights, least cost without resistance; candidates that are empty,
        lack a field, or lie elsewhere.

    Notes
    -----
    Memory: 40 bytes per link and what ``indices.connectivity`` and ``polygon_distance.edge_links`` state;
    with a longest link 40 bytes per pair of patches, up to 5,000 of them, for the bound of what is neglected.
    """
    rule = LinkRule(choices.distance, choices.limit, resistance)
    present = read_patches(patches, choices, progress)
    planned = planned_links = None
    if candidates is not None:
        planned = read_candidate_patches(candidates, choices.weight_field, present, progress.part(0.02, 0.02))
    if candidate_links is not None:
        field, part = choices.candidate_link_field, progress.part(0.02, 0.02)
        planned_links = read_candidate_links(candidate_links, field, rule, present, part)
    network = _network(present, rule, choices, progress)
    links = network.links
    indices = connectivity(
        present.weight,
        links,
        choices.dispersal,
        landscape_area=choices.landscape_area_km2,
        progress=progress.part(0.5, 0.8),
    )
    neglected = None
    if rule.limit < math.inf:
        neglected = _neglected(network, indices.ec, progress.part(0.8, 0.84))
    losses = None
    if choices.link_losses:
        losses = link_importance(present.weight, links, choices.dispersal, progress=progress.part(0.84, 0.92))
    patch_gains = link_gains = None
    if planned is not None:
        patch_gains = gain_from_patches(planned, network, indices.ec, progress.part(0.92, 0.98))
    if planned_links is not None:
        link_gains = gain_from_links(planned_links, network, indices.ec, progress.part(0.98, 1))
    result = LandscapeConnectivity(
        choices=choices,
        patches=present,
        links=links,
        probability=choices.dispersal.probability_of(links.distance),
        dpc_link=losses,
        indices=indices,
        neglected=neglected,
        candidate_patches=patch_gains,
        candidate_links=link_gains,
    )
    _log_result(result, progress)
    return result


def _network(present: PresentPatches, rule: LinkRule, choices: ConnectivityChoices, progress: Progress) -> Network:
    """The patches, for least cost in the CRS of the resistance, and their links."""
    if rule.distance is PatchDistance.LEAST_COST:
        present = present.to_crs(rule.surface.template.crs, progress)
    n = len(present)
    if rule.limit == math.inf and n > _MANY and rule.distance is not PatchDistance.CENTROID:
        progress.warn(
            f"{n} patches have {n * (n - 1) // 2} pairs, and the distance of each is measured, which takes "
            f"minutes: give a longest link of some times the dispersal distance; the report says what it neglects."
        )
    links = patch_links(present.geometries, rule, names=present.names, progress=progress.part(0.02, 0.5))
    if len(links) == 0 and n > 1 and rule.limit < math.inf:
        progress.warn(
            f"No two patches are within {rule.limit:g} {rule.distance.unit} of each other (distance: "
            f"{rule.distance}), the longest link: each stands alone in what follows; give a longer one, or leave it "
            f"empty."
        )
    return Network(present, links, rule, choices.dispersal)


def _neglected(network: Network, ec: float, progress: Progress) -> tuple[float, float]:
    """(most that links left out could add to PC, as a share of it; the largest probability of one).

    Those left out are put back with a length that they have at least (``links.least_distances``). Where
    that takes too long the bound is ``changes.neglected_share``, which is far above what is neglected.
    """
    weight, links, rule, dispersal = network.patches.weight, network.links, network.rule, network.dispersal
    if len(weight) > _BOUND_PATCHES:
        return neglected_share(weight, links, rule.limit, dispersal, progress=progress)
    least = least_distances(network.patches.geometries, rule, links)
    strength = path_strengths(Links.from_matrix(least), dispersal, progress)
    return max(0.0, float(weight @ strength @ weight) / ec**2 - 1), dispersal.probability_of(rule.limit)


def _log_result(result: LandscapeConnectivity, progress: Progress) -> None:
    indices, count, choices = result.indices, len(result.patches), result.choices
    reach = choices.dispersal.distance
    progress.log(
        f"{count} patches, {indices.n_links} links of at most {reach:g} in {indices.n_components} "
        f"component(s); EC(PC) {indices.ec:.6g}"
        + (
            "; PC is not reported, since no area of the landscape is given."
            if math.isnan(indices.pc)
            else f", PC {indices.pc:.6g}, IIC {indices.iic:.6g}."
        )
    )
    if result.neglected is not None and count > 1:
        progress.log(result.neglected_text)
        if choices.limit < reach:
            progress.warn(
                f"The longest link ({choices.limit:g}) is shorter than the dispersal distance ({reach:g}): IIC, the "
                f"number of links, degree and components count links up to {choices.limit:g} only."
            )

"""The sources whose stability is scored: the base's own list, or a planner's polygons."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from osgeo import ogr

from ..arrays import Bools, Floats, Ints
from ..errors import InputError, first_few
from ..geometry.cells import ThinPolygons, cells_of
from ..geometry.layers import Layer
from ..ids import source_ids
from ..progress import SILENT, Progress
from .firmness_base import BaseList
from .source_lists import SourceList, SourceListMaker

if TYPE_CHECKING:
    from ..grid.grid import Template

OUTSIDE = "outside the map"

LOST_BELOW = 0.5
"""Share of a source's ground below which an alternative loses it."""

_LISTED = 12  # ids in a warning


@dataclass
class FirmSource:
    """A source and its stability; attributes are the output's fields, NaN or None where not known.

    ``base_share`` is the part of its ground that the base settings make source (1 for their own list);
    ``rank_min``, ``rank_max`` are the best and worst rank by dPC over the dispersal distances;
    ``lost_with`` says which alternatives lose it; ``attributes`` are the planner's own fields.
    """

    source_id: int
    area_km2: float
    geometry: ogr.Geometry
    base_share: float
    stability: float = math.nan
    stability_grid: float = math.nan
    stability_classes: float = math.nan
    stability_area: float = math.nan
    stability_weights: float = math.nan
    stability_dispersal: float = math.nan
    rank_min: int | None = None
    rank_max: int | None = None
    verdict: str = OUTSIDE
    lost_with: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)

    def row(self) -> dict[str, Any]:
        """Its fields as a mapping, with the planner's own."""
        ours = {name: value for name, value in vars(self).items() if name not in ("geometry", "attributes")}
        return {**self.attributes, **ours}


class ScoredGround:
    """The cells of the sources that are scored.

    Parameters
    ----------
    places : list of integer arrays
        Flat indices of the cells of each source.
    cell_counts : sequence of float
        Cells of each source, also of those beyond the map; NaN for a source outside it.
    template : Template
        The cells of the map.

    Attributes
    ----------
    index : integer array
        The cells of all sources, one source after the other.
    mask : boolean array, shape (rows, cols)
        The cells of any source.
    """

    def __init__(self, places: list[Ints], *, cell_counts: Sequence[float], template: Template) -> None:
        self.index: Ints = np.concatenate(places) if places else np.empty(0, dtype=np.int64)
        self._ends = np.cumsum([0, *(p.size for p in places)])
        self._cell_counts = np.asarray(cell_counts, dtype=np.float64)
        self.mask: Bools = np.zeros(template.shape, dtype=bool)
        self.mask.reshape(-1)[self.index] = True

    def share(self, mask: Bools) -> Floats:
        """The part of each source's ground that lies in a mask, 0 to 1; NaN outside the map."""
        inside = np.concatenate(([0], np.cumsum(mask.reshape(-1)[self.index], dtype=np.int64)))[self._ends]
        shares: Floats = np.diff(inside) / self._cell_counts
        return shares


@dataclass(frozen=True)
class GivenSources:
    """A planner's polygons in any known CRS, and the field of their ids (see :func:`~..ids.source_ids`)."""

    layer: Layer
    id_field: str = ""


class SourcesToScore(NamedTuple):
    """The sources, their cells, and what a planner should know of them."""

    sources: list[FirmSource]
    ground: ScoredGround
    warnings: list[str]


def sources_of_base(base: BaseList, maker: SourceListMaker) -> SourcesToScore:
    """The base's list."""
    numbers, is_source = base.patches.numbers, base.sources.is_source
    kept = np.flatnonzero(is_source[base.larger])
    place = np.zeros(is_source.size, dtype=np.int64)
    place[base.larger[kept]] = np.arange(1, kept.size + 1)
    index = np.flatnonzero(is_source[numbers])
    owner = place[numbers.reshape(-1)[index]]
    order = np.argsort(owner, kind="stable")
    places = np.split(index[order], np.cumsum(np.bincount(owner, minlength=kept.size + 1)[1:])[:-1])
    sources = [
        FirmSource(
            source_id=i + 1,
            area_km2=float(places[i].size * maker.cell_km2),
            geometry=ogr.ForceToMultiPolygon(base.polygons[k].Clone()),
            base_share=1.0,
            verdict="",
        )
        for i, k in enumerate(kept)
    ]
    ground = ScoredGround(places, cell_counts=[p.size for p in places], template=maker.template)
    return SourcesToScore(sources, ground, [])


def sources_given(given: GivenSources, *, maker: SourceListMaker, progress: Progress) -> SourcesToScore:
    """A planner's polygons.

    Raises
    ------
    InputError
        Unfit ids, or no polygon on ground where all services have a value.
    """
    layer, template = given.layer, maker.template
    ids = source_ids(layer, given.id_field, progress)
    moved = _on_the_map(layer, template, progress).valid_polygons(progress)
    sources, places, cell_counts, outside, partly = [], [], [], [], []
    valid = maker.valid.reshape(-1)
    for identifier, geometry, attributes in zip(ids, moved.geometries, moved.attributes):
        progress.check()
        index, count = _ground_of(geometry, template)
        known = np.count_nonzero(valid[index])
        if not geometry.GetArea() > 0 or not known:
            outside.append(str(identifier))
            index, count = index[:0], math.nan
        elif known < 0.99 * count:
            partly.append(f"{identifier} ({100 * (1 - known / count):.0f} %)")
        sources.append(
            FirmSource(
                source_id=identifier,
                area_km2=geometry.GetArea() / 1e6,
                geometry=ogr.ForceToMultiPolygon(geometry),
                base_share=math.nan,
                verdict=OUTSIDE if math.isnan(count) else "",
                attributes=attributes,
            )
        )
        places.append(index)
        cell_counts.append(count)
    if len(outside) == len(sources):
        raise InputError(
            f"No source of layer '{layer.name}' lies where all services have a value: choose the "
            f"sources of this area, or correct the layer's CRS.",
            layer=layer.name,
        )
    ground = ScoredGround(places, cell_counts=cell_counts, template=template)
    overlap_km2 = (ground.index.size - int(np.count_nonzero(ground.mask))) * maker.cell_km2
    warnings = _ground_warnings(layer.name, outside=outside, partly=partly, overlap_km2=overlap_km2)
    return SourcesToScore(sources, ground, warnings)


def check_given(outline: Layer, id_field: str, *, template: Template) -> None:
    """Refuse, by a layer's outline, planner's sources that lie wholly away from the map or lack their field of ids."""
    _on_the_map(outline, template)
    if id_field:
        outline.require_field(id_field, "the sources' ids")


def _on_the_map(layer: Layer, template: Template, progress: Progress = SILENT) -> Layer:
    """A planner's sources in the template's CRS; refused where they are none or lie wholly away."""
    layer.require_some("source polygon")
    return layer.to_crs_near(template.crs, template.bounds, other=template.name, progress=progress)


def base_differs_warnings(sources: Iterable[FirmSource], base: SourceList) -> list[str]:
    """A warning where the base settings do not make the planner's list."""
    known = [source for source in sources if not math.isnan(source.base_share)]
    missing = [str(source.source_id) for source in known if source.base_share < LOST_BELOW]
    if not missing:
        return []
    if not base.is_source.any():
        return [
            "The base settings make no source at all: the list that is scored was made in another way, and "
            "stability says only how often other choices would make its ground source."
        ]
    return [
        f"The base settings do not make {len(missing)} of the {len(known)} sources that are scored "
        f"({first_few(missing, _LISTED)}): less than half of their ground is source there. They were chosen in another "
        f"way, or by other settings than those given here."
    ]


def _ground_of(geometry: ogr.Geometry, template: Template) -> tuple[Ints, float]:
    """Flat indices of a polygon's cells on the map, and how many cells it covers there and beyond."""
    index = np.ravel_multi_index(cells_of(geometry, template, thin=ThinPolygons.TOUCHED), template.shape)
    beyond = round(geometry.GetArea() / template.cell_area_m2) if _reaches_out(geometry, template) else 0
    return index, max(index.size, beyond)


def _reaches_out(geometry: ogr.Geometry, template: Template) -> bool:
    left, right, low, high = geometry.GetEnvelope()
    west, south, east, north = template.bounds
    return bool(left < west or right > east or low < south or high > north)


def _ground_warnings(name: str, *, outside: list[str], partly: list[str], overlap_km2: float) -> list[str]:
    warnings = []
    if outside:
        warnings.append(
            f"Sources {first_few(outside, _LISTED)} of '{name}' lie where no cell has a value of all "
            f"services: they have no stability and count for nothing."
        )
    if partly:
        warnings.append(
            f"Part of the ground of sources {first_few(partly, _LISTED)} of '{name}' has no value of all "
            f"services; it counts as ground that is never source."
        )
    if overlap_km2:
        warnings.append(f"Sources of '{name}' overlap on {overlap_km2:.4g} km2: that ground counts to each of them.")
    return warnings

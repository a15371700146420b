"""Mean resistance by land cover and by district."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from osgeo import ogr

from ..arrays import AnyFloats, Bools, Ints
from ..errors import first_few
from ..geometry.cells import rasterize
from ..geometry.layers import Layer, bounds_of
from ..grid.blocks import Classes, run
from ..grid.grid import Grid, Template, Window
from ..grid.reading import RasterSource
from ..land_cover_products import LandCoverProduct, codes_of_class
from ..progress import SILENT, Progress
from .dominant import NO_VALUE
from .surface import ResistanceSurfaces

LAND_COVER, DISTRICT = "land cover", "district"
_NAMED_AT_MOST = 5


@dataclass(frozen=True)
class Zone:
    """Mean resistance of a land-cover class or of a district.

    Parameters
    ----------
    zone_kind, zone : str
        ``land cover`` or ``district``, and its name.
    area_km2 : float
        Of the cells that have a value in the integrated surface.
    base_mean, mine_mean, resistance_mean : float
        Over those cells; NaN where there is no value.
    mine_effect : float
        Mean of the integrated minus the base surface: ``resistance_mean - base_mean``.
    main_factor : str
        The factor that dominates most of those cells; empty where none does.
    main_share : float
        The share of those cells that it dominates.
    """

    zone_kind: str
    zone: str
    area_km2: float
    base_mean: float
    mine_mean: float
    resistance_mean: float
    mine_effect: float
    main_factor: str = ""
    main_share: float = math.nan


def land_cover_zones(
    surfaces: ResistanceSurfaces, land_cover: RasterSource, *, product: LandCoverProduct, progress: Progress = SILENT
) -> list[Zone]:
    """A `Zone` per class of the land cover as it is given (restored mines' ground keeps its class here).

    Parameters
    ----------
    surfaces : surface.ResistanceSurfaces
    land_cover : reading.RasterSource
    product : LandCoverProduct
        Whose class names are used.
    """
    names = {code: name for pairs in codes_of_class(product).values() for code, name in pairs}
    sums: dict[int, _ZoneSums] = {}

    def add(window: Window, grid: Grid) -> None:
        here = grid.valid
        codes, place = np.unique(grid.values[here], return_inverse=True)
        for index, code in enumerate(codes):
            mask: Bools = np.zeros(here.shape, dtype=bool)
            mask[here] = place.reshape(-1) == index
            sums.setdefault(int(code), _ZoneSums(surfaces)).add(window, mask)

    run([Classes(land_cover, surfaces.base.template)], add, progress=progress.quiet())
    return [
        sums[code].zone(LAND_COVER, f"{code} {names[code]}" if code in names else str(code))
        for code in sorted(sums)
        if sums[code].cells
    ]


def check_districts(districts: Layer, name_field: str) -> None:
    """Refuse an empty layer of districts, or one without the field that holds their names."""
    districts.require_some("district")
    if name_field:
        districts.require_field(name_field, "the district's name")


def district_zones(
    surfaces: ResistanceSurfaces, districts: Layer, *, name_field: str = "", progress: Progress = SILENT
) -> list[Zone]:
    """A `Zone` per name of a layer of districts, in the order of the layer.

    Parameters
    ----------
    surfaces : surface.ResistanceSurfaces
    districts : layers.Layer
        Polygons; those of one name are one district. A cell that two districts hold counts in both.
    name_field : str
        Empty: districts are numbered.

    Raises
    ------
    InputError
        An empty layer, a missing field, or districts that lie wholly away from the map.
    """
    template = surfaces.base.template
    check_districts(districts, name_field)
    moved = districts.to_crs_near(template.crs, template.bounds, other=template.name, progress=progress)
    moved = moved.valid_polygons(progress)
    shapes = _shapes_by_name(moved, name_field)
    districts_of_cell = np.zeros(template.shape, dtype=np.uint8)  # their number, at most 2
    zones: list[Zone] = []
    empty: list[str] = []
    beyond: list[str] = []
    for done, (name, parts) in enumerate(shapes.items()):
        progress(done / len(shapes))
        west, south, east, north = bounds_of(parts)
        sums = _ZoneSums(surfaces)
        window = template.window_of((west, east, south, north))
        if window is not None:
            mask = rasterize(parts, template.part(window), dtype=np.uint8) > 0
            sums.add(window, mask)
            districts_of_cell[window.slices] += mask & (districts_of_cell[window.slices] < 2)
        if not sums.cells:
            empty.append(name)
            continue
        if _reaches_beyond((west, south, east, north), template):
            beyond.append(name)
        zones.append(sums.zone(DISTRICT, name))
    overlaps = int((districts_of_cell > 1).sum())
    _log_places(districts.name, empty=empty, beyond=beyond, overlaps=overlaps, progress=progress)
    return zones


def _shapes_by_name(districts: Layer, name_field: str) -> dict[str, list[ogr.Geometry]]:
    """The polygons of each district; one without a name is called by its number."""
    shapes: dict[str, list[ogr.Geometry]] = {}
    for index, (shape, attributes) in enumerate(zip(districts.geometries, districts.attributes)):
        value = attributes.get(name_field) if name_field else None
        named = value is not None and str(value).strip()
        name = str(value).strip() if named else f"{DISTRICT} {index + 1}"
        if not shape.IsEmpty():
            shapes.setdefault(name, []).append(shape)
    return shapes


def _reaches_beyond(bounds: tuple[float, float, float, float], template: Template) -> bool:
    west, south, east, north = template.bounds
    return bounds[0] < west or bounds[1] < south or bounds[2] > east or bounds[3] > north


def _log_places(layer: str, *, empty: Sequence[str], beyond: Sequence[str], overlaps: int, progress: Progress) -> None:
    """Log districts that hold no cell, that reach beyond the map, and that overlap."""
    if empty:
        progress.warn(
            f"Layer '{layer}': district(s) {_quoted(empty)} hold no cell with a resistance and are left "
            f"out of the summary."
        )
    if beyond:
        progress.log(
            f"Layer '{layer}': district(s) {_quoted(beyond)} reach beyond the map; their figures are of "
            f"the part that lies on it."
        )
    if overlaps:
        progress.warn(f"Layer '{layer}': districts overlap; {overlaps} cells lie in more than one and count in each.")


def _quoted(names: Sequence[str]) -> str:
    return first_few([f"'{name}'" for name in names], _NAMED_AT_MOST)


class _ZoneSums:
    """Sums over the cells of a zone."""

    def __init__(self, surfaces: ResistanceSurfaces) -> None:
        self.cells = 0
        self._surfaces = surfaces
        self._base, self._mines, self._integrated, self._effect = _Mean(), _Mean(), _Mean(), _Mean()
        self._dominant: Ints = np.zeros(256, dtype=np.int64)

    def add(self, window: Window, mask: Bools) -> None:
        """Add the zone's cells in a window."""
        surfaces, place = self._surfaces, window.slices
        # cells that a mine closes still have a base resistance; all means are to be of the same cells
        mask = mask & ~np.isnan(surfaces.integrated.values[place])
        base, integrated = surfaces.base.values[place][mask], surfaces.integrated.values[place][mask]
        self._base.add(base)
        self._integrated.add(integrated)
        self._effect.add(integrated.astype(np.float64) - base)
        self.cells += integrated.size
        if surfaces.mines is not None:
            self._mines.add(surfaces.mines.values[place][mask])
        if surfaces.dominant is not None:
            self._dominant += np.bincount(surfaces.dominant.values[place][mask], minlength=256)

    def zone(self, kind: str, name: str) -> Zone:
        """The means over all cells that were added."""
        factor, share = self._main_factor()
        return Zone(
            zone_kind=kind,
            zone=name,
            area_km2=self.cells * self._surfaces.base.template.cell_area_m2 / 1e6,
            base_mean=self._base.value,
            mine_mean=self._mines.value,
            resistance_mean=self._integrated.value,
            mine_effect=self._effect.value,
            main_factor=factor,
            main_share=share,
        )

    def _main_factor(self) -> tuple[str, float]:
        """The factor that dominates most cells, and their share; an empty text and NaN where none does."""
        known, dominant = self._dominant[:NO_VALUE], self._surfaces.dominant
        if dominant is None or not known[1:].any():
            return "", math.nan
        most = int(known[1:].argmax()) + 1
        return dominant.categories[most], float(known[most] / known.sum())


class _Mean:
    """The mean of the values that were added; NaN is left out."""

    def __init__(self) -> None:
        self._total, self._count = 0.0, 0

    def add(self, values: AnyFloats) -> None:
        values = values[~np.isnan(values)]
        self._total += float(values.sum(dtype=np.float64))
        self._count += values.size

    @property
    def value(self) -> float:
        return self._total / self._count if self._count else math.nan

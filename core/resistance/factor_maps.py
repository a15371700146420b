"""The factors' maps: each is read, brought to the template's cells and scored.

Feng, Bai & Wang (2024), Table 1. Cells of restored mines are set to the values of their table before scoring.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Callable

import numpy as np

from ..arrays import AnyArray, AnyFloats, Bools, Float32s
from ..errors import InputError
from ..gdal_session import gdal_exceptions
from ..geometry.layers import Layer
from ..grid.euclidean import distance_m
from ..grid.grid import CLASSES, QUANTITY, Template
from ..grid.reading import RasterSource
from ..grid.slope import slope_degrees
from ..grid.warping import align, read_classes
from ..progress import Progress
from .choices import SurfaceChoices
from .factor_layers import FactorLayers
from .factors import MINE, Intervals, Rule
from .mine_rings import check_mines, mine_resistance
from .restored import RestoredCells
from .scheme import Scheme
from .scoring import classify, classify_codes, classify_distance

_HEIGHTS_M = -12000, 9000  # the earth's
_NO_HEIGHT = -9999  # common in elevation maps as nodata that is not declared


class FactorMaps:
    """Makes the resistance of one factor at a time; the DEM is read once.

    Parameters
    ----------
    layers : FactorLayers
    template : grid.Template
    scheme : Scheme
    choices : SurfaceChoices
    restored : sequence of RestoredCells

    Raises
    ------
    InputError
        Lines or mines that lie away from the map: they belong to another city, or have a wrong CRS. This is
        known before any map is read.
    """

    def __init__(
        self,
        layers: FactorLayers,
        template: Template,
        *,
        scheme: Scheme,
        choices: SurfaceChoices,
        restored: Sequence[RestoredCells] = (),
        progress: Progress,
    ) -> None:
        self._layers, self._template, self._scheme = layers, template, scheme
        self._choices, self._restored = choices, restored
        self._dem: AnyFloats | None = None
        self._lines = {
            factor: self._lines_near(layer, scheme.rules[factor].required_intervals, progress)
            for factor, layer in layers.lines().items()
            if factor in scheme.weights
        }
        if layers.mines is not None:
            check_mines(layers.mines, scheme.rings, template)

    def make(self, factor: str, *, progress: Progress) -> Float32s:
        """The resistance of a factor that has a map, unweighted; NaN where the map has no value."""
        if factor in self._layers.extra:
            return self._extra_factor(factor, progress)
        if factor == MINE:
            return self._mines(progress)
        if factor in self._lines:
            return self._distance(factor, progress)
        makers: dict[str, Callable[[Rule, Progress], Float32s]] = {
            "slope": self._slope,
            "elevation": self._elevation,
            "land_cover": self._land_cover,
            "ndvi": self._ndvi,
            "night_light": self._night_light,
            "distance_to_water": self._distance_to_water_cells,
        }
        return makers[factor](self._scheme.rules[factor], progress)

    def _lines_near(self, layer: Layer, intervals: Intervals, progress: Progress) -> Layer:
        """A layer in the template's CRS; refused where it lies out of reach of the map."""
        layer.require_some()
        reach = intervals.breaks[-1] if intervals.breaks else math.inf
        moved = layer.to_crs_near(
            self._template.crs, self._template.bounds, other=self._template.name, reach_m=reach, progress=progress
        )
        return moved.valid_polygons(progress)

    def _extra_factor(self, factor: str, progress: Progress) -> Float32s:
        """A further factor: scored by the factor table's rows, or as it is."""
        source, rule = self._layers.extra[factor], self._scheme.rules.get(factor)
        if rule is None:
            return self._scored_already(factor, source, progress)
        if rule.codes:
            grid = read_classes(source, self._template, progress)
            return classify_codes(grid.values, grid.valid, rule, name=source.name, progress=progress)
        return classify(self._quantity(source, progress), rule, name=source.name, progress=progress)

    def _scored_already(self, factor: str, source: RasterSource, progress: Progress) -> Float32s:
        """A map of scores, which must lie in the range of all rules."""
        # resampled as classes, so that no 3 appears between cells of 1 and 5
        scores = align(source, self._template, kind=CLASSES, progress=progress).floats()
        low, high = self._scheme.score_range
        invalid = (scores < low) | (scores > high)
        if invalid.any():
            raise InputError(
                f"Further factor '{source.name}' holds {float(scores[invalid][0]):g}, and {invalid.sum()} cells lie "
                f"outside {low:g} to {high:g}: score it first with 'Factor resistance' or 'Distance resistance', or "
                f"add rows for factor '{factor}' to the factor table.",
                parameter="extra_factors",
                layer=source.name,
                value=float(scores[invalid][0]),
            )
        return scores

    def _quantity(self, source: RasterSource, progress: Progress) -> AnyFloats:
        grid = align(source, self._template, kind=QUANTITY, progress=progress)
        return grid.floats(np.float64 if grid.values.dtype == np.float64 else np.float32)

    def _elevations(self, progress: Progress) -> tuple[AnyFloats, str]:
        """The heights of the elevation map, and its name."""
        source = _required(self._layers.dem)
        if self._dem is None:
            self._dem = self._quantity(source, progress)
            _refuse_feet(source)
            _refuse_impossible_heights(self._dem, source)
        return self._dem, source.name

    def _slope(self, rule: Rule, progress: Progress) -> Float32s:
        elevations, name = self._elevations(progress)
        slope = slope_degrees(elevations, self._template, progress.part(0, 0.8))
        self._apply_restored(slope, "slope_degrees")
        return classify(slope, rule, name=name, progress=progress.part(0.8, 1))

    def _elevation(self, rule: Rule, progress: Progress) -> Float32s:
        elevations, name = self._elevations(progress)
        datum_m = self._choices.datum_m
        if self._choices.factor_table is None:
            _log_depths(elevations, rule.required_intervals, datum_m, progress)
        self._dem = None  # slope comes before elevation, and no later factor needs the DEM
        return classify(elevations, rule, offset=datum_m, name=name, progress=progress)

    def _land_cover(self, rule: Rule, progress: Progress) -> Float32s:
        source = _required(self._layers.land_cover)
        grid = read_classes(source, self._template, progress)
        values, valid = grid.values, grid.valid
        self._apply_restored(values, "land_cover", valid)
        return classify_codes(values, valid, rule, name=source.name, progress=progress)

    def _ndvi(self, rule: Rule, progress: Progress) -> Float32s:
        source = _required(self._layers.ndvi)
        ndvi = self._quantity(source, progress)
        highest = float(np.nanmax(np.abs(ndvi)))
        if is_beyond_ndvi(highest, rule.required_intervals):
            raise beyond_ndvi(highest, source.name)
        self._apply_restored(ndvi, "ndvi")
        return classify(ndvi, rule, name=source.name, progress=progress)

    def _night_light(self, rule: Rule, progress: Progress) -> Float32s:
        source = _required(self._layers.night_light)
        return classify(self._quantity(source, progress), rule, name=source.name, progress=progress)

    def _distance_to_water_cells(self, rule: Rule, progress: Progress) -> Float32s:
        """Distance to the cells of a land cover that hold a code of water."""
        grid = read_classes(_required(self._layers.land_cover), self._template, progress)
        water = np.isin(grid.values, list(self._layers.water_codes)) & grid.valid
        codes = ", ".join(map(str, self._layers.water_codes))
        if not water.any():
            raise InputError(
                f"No cell of layer '{grid.name}' holds a code of water ({codes}): correct the codes, or "
                f"leave them empty, and the distance to water is left out.",
                parameter="water_codes",
                layer=grid.name,
            )
        progress.log(
            f"Water is where layer '{grid.name}' holds {codes}; its distance runs from cell centre to cell "
            f"centre and leaves out water beyond the map."
        )
        return classify(distance_m(water, self._template), rule, name=grid.name, progress=progress)

    def _distance(self, factor: str, progress: Progress) -> Float32s:
        """Distance to the features of a layer."""
        layer, intervals = self._lines[factor], self._scheme.rules[factor].required_intervals
        if factor == "distance_to_water" and self._layers.water_codes:
            progress.log(f"Water is layer '{layer.name}'; the land-cover codes of water are not used.")
        resistance = classify_distance(layer.geometries, intervals, self._template, progress=progress)
        breaks = intervals.breaks
        if breaks and (resistance == np.float32(intervals.resistance[-1])).all():
            progress.warn(
                f"No feature of layer '{layer.name}' lies within {breaks[-1]:g} m of any cell: check that "
                f"it belongs to this area and that its CRS is right."
            )
        return resistance

    def _mines(self, progress: Progress) -> Float32s:
        mines, rings = self._layers.mines or (), self._scheme.rings
        return mine_resistance(mines, rings, self._template, overlap=self._choices.overlap, progress=progress).values

    def _apply_restored(self, values: AnyArray, column: str, valid: Bools | None = None) -> None:
        """Set the cells of restored mines, in place, where both the restored table and the map have a value.

        ``valid``: where the map has one; by default where it is not NaN.
        """
        for cells in self._restored:
            if cells.values[column] is not None:
                map_has_value = ~np.isnan(values) if valid is None else valid
                values[cells.mask & map_has_value] = cells.values[column]


def is_beyond_ndvi(highest: float, intervals: Intervals) -> bool:
    """Whether values exceed the range of NDVI, -1 to 1, in which all bounds of the intervals lie."""
    return highest > 1.5 and all(abs(bound) <= 1 for bound in intervals.bounds)


def beyond_ndvi(highest: float, name: str) -> InputError:
    """The refusal of a layer whose values exceed the range of NDVI."""
    return InputError(
        f"Layer '{name}' holds values up to {highest:g} and NDVI lies between -1 and 1: divide it by its scale factor "
        f"(often 10000) with the raster calculator, or set its nodata value where that stands for no value.",
        layer=name,
        value=highest,
    )


def _required(source: RasterSource | None) -> RasterSource:
    """The map of a factor that is present."""
    if source is None:
        raise TypeError("A factor is made whose map is not given.")
    return source


def _refuse_feet(source: RasterSource) -> None:
    """Refuse an elevation map whose band says that it is in feet."""
    with gdal_exceptions():
        unit = source.dataset.GetRasterBand(source.band).GetUnitType() or ""
    if re.search(r"\b(us-)?ft(us)?\b|foot|feet", unit.lower()):
        raise InputError(
            f"Elevation layer '{source.name}' is in '{unit}' and heights are needed in metres: multiply it "
            f"by 0.3048 with the raster calculator and give that.",
            parameter="dem",
            layer=source.name,
            value=unit,
        )


def _refuse_impossible_heights(elevations: AnyFloats, source: RasterSource) -> None:
    """Refuse an elevation map with values that no place on earth has."""
    with np.errstate(invalid="ignore"):
        invalid = (elevations < _HEIGHTS_M[0]) | (elevations > _HEIGHTS_M[1]) | (elevations == _NO_HEIGHT)
    if invalid.any():
        raise InputError(
            f"Elevation layer '{source.name}' holds {float(elevations[invalid][0]):g} "
            f"and {invalid.sum()} cells of it cannot be heights in metres: set that as its nodata value "
            f"where it stands for no value, else bring the layer to metres with the raster calculator.",
            parameter="dem",
            layer=source.name,
            value=float(elevations[invalid][0]),
        )


def _log_depths(elevations: AnyFloats, intervals: Intervals, datum_m: float, progress: Progress) -> None:
    """Log how the shipped table scores ground below the datum: its lowest class, and depths that score as the plain."""
    plain = next(index for index, upper in enumerate(intervals.upper) if upper >= 0)
    score = intervals.resistance[plain]
    while plain and intervals.resistance[plain - 1] == score:
        plain -= 1
    deepest_m, passable_m = intervals.upper[0], intervals.lower[plain]
    deep = int((elevations <= datum_m + deepest_m).sum())
    shallow = int(((elevations > datum_m + passable_m) & (elevations < datum_m)).sum())
    if deep:
        progress.log(
            f"{deep} cells lie {-deepest_m:g} m or more below the datum, where Table 1 has no class: "
            f"they take resistance {intervals.resistance[0]:g} (ours)."
        )
    if shallow:
        progress.log(
            f"{shallow} cells lie less than {-passable_m:g} m below the datum and score {score:g} in Table 1, "
            f"as the plain does: a pit's depth is no obstacle there."
        )

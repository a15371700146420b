"""The factors' maps: each is read, brought to the template's cells and scored.

Feng, Bai & Wang (2024), Table 1; restored mines' cells take what their table says first.
"""

import math
import re
from dataclasses import dataclass, field

import numpy as np
from osgeo import gdal

from .. import tables
from ..errors import InputError
from ..gdal_session import gdal_exceptions
from ..grid.euclidean import distance_m
from ..grid.grid import CLASSES, QUANTITY
from ..grid.slope import slope_degrees
from ..grid.warping import align, read_classes
from .factors import FACTORS, MINE, classify, classify_codes, classify_distance, factor_name
from .mine_rings import check_mines, mine_resistance

_MOST_ADDED = 240
_HEIGHTS_M = -12000, 9000  # the earth's
_NO_HEIGHT = -9999  # what elevation maps hold where they have no value


@dataclass
class FactorLayers:
    """The maps that the factors are made from; what is None is left out.

    Parameters
    ----------
    dem : reading.RasterSource
        Metres; serves slope and elevation.
    land_cover : reading.RasterSource
        Class codes.
    ndvi, night_light : reading.RasterSource
    water, motorways, highways : layers.Layer
        Lines or polygons.
    water_codes : sequence of int
        Land-cover codes that are water, used where ``water`` is None.
    mines : list of ..mines.Mine
        In the template's CRS.
    extra : dict of str to reading.RasterSource
        Factors beside the nine, by their names as `extra_names` gives them: scored by the factor table's
        rows for them, or scored already where it has none.
    correction : reading.RasterSource
        Night light or multipliers, see `correction`; no factor.
    """

    dem: object = None
    land_cover: object = None
    ndvi: object = None
    night_light: object = None
    water: object = None
    motorways: object = None
    highways: object = None
    water_codes: tuple = ()
    mines: list = None
    extra: dict = field(default_factory=dict)
    correction: object = None

    def present(self):
        """The factors that these maps give, in the order of Table 1, then those that were added."""
        water = self.water
        if water is None and self.land_cover is not None and self.water_codes:
            water = self.water_codes
        given = {
            "slope": self.dem,
            "elevation": self.dem,
            "land_cover": self.land_cover,
            "ndvi": self.ndvi,
            "distance_to_water": water,
            "distance_to_motorway": self.motorways,
            "distance_to_highway": self.highways,
            "night_light": self.night_light,
            MINE: self.mines,
        }
        return [*(factor for factor in FACTORS if given[factor] is not None), *self.extra]

    def numbers(self):
        """The number of each factor in a map of the dominant one: 1 to 9, then 10 and more."""
        return {factor: number for number, factor in enumerate([*FACTORS, *self.extra], 1)}


class FactorMaps:
    """Makes the resistance of one factor at a time; the DEM is read once."""

    def __init__(self, layers, template, scheme, choices, restored, progress):
        self._layers, self._template, self._scheme = layers, template, scheme
        self._choices, self._restored = choices, restored
        self._dem = None
        # before any map is read: what lies elsewhere belongs to another city, or has a wrong CRS
        self._lines = {
            factor: self._near(features, scheme.rules[factor], progress)
            for factor, features in (
                ("distance_to_water", layers.water),
                ("distance_to_motorway", layers.motorways),
                ("distance_to_highway", layers.highways),
            )
            if features is not None and factor in scheme.weights
        }
        if layers.mines is not None:
            check_mines(layers.mines, scheme.rings, template)

    def _near(self, features, rule, progress):
        features.require_some()
        breaks = rule.intervals.breaks
        moved = features.to_crs_near(
            self._template.crs,
            self._template.bounds,
            other=self._template.name,
            reach_m=breaks[-1] if breaks else math.inf,
            progress=progress,
        )
        return moved.valid_polygons(progress)

    def make(self, factor, progress):
        if factor in self._layers.extra:
            return self._added(factor, self._scheme.rules.get(factor), progress)
        return getattr(self, f"_{factor}")(self._scheme.rules.get(factor), progress)

    def _added(self, factor, rule, progress):
        """A factor that the planner adds: by the factor table's rows, or as it is."""
        source = self._layers.extra[factor]
        if rule is not None and rule.codes:
            grid = read_classes(source, self._template, progress)
            return classify_codes(grid.values, grid.valid, rule, source.name, progress)
        if rule is not None:
            return classify(self._quantity(source, progress), rule, 0.0, source.name, progress)
        # scores are classes: between 1 and 5 no 3 is to appear where cells are made anew
        scores = align(source, self._template, CLASSES, progress).floats()
        low, high = self._scheme.range
        wrong = (scores < low) | (scores > high)
        if wrong.any():
            raise InputError(
                f"Further factor '{source.name}' (EXTRA_FACTORS) holds {float(scores[wrong][0]):g}, and "
                f"{wrong.sum()} cells lie outside {low:g} to {high:g}: score it first with 'Factor resistance' "
                f"or 'Distance resistance', or add rows for factor '{factor}' to the factor table."
            )
        return scores

    def _quantity(self, source, progress):
        grid = align(source, self._template, QUANTITY, progress)
        return grid.floats(np.float64 if grid.values.dtype == np.float64 else np.float32)

    def _elevations(self, progress):
        if self._dem is None:
            self._dem = self._quantity(self._layers.dem, progress)
            _refuse_feet(self._layers.dem)
            with np.errstate(invalid="ignore"):
                wrong = (self._dem < _HEIGHTS_M[0]) | (self._dem > _HEIGHTS_M[1]) | (self._dem == _NO_HEIGHT)
            if wrong.any():
                raise InputError(
                    f"Elevation layer '{self._layers.dem.name}' (DEM) holds {float(self._dem[wrong][0]):g} "
                    f"and {wrong.sum()} cells of it cannot be heights in metres: set that as its nodata value "
                    f"where it stands for no value, else bring the layer to metres with the raster calculator."
                )
        return self._dem

    def _slope(self, rule, progress):
        slope = slope_degrees(self._elevations(progress), self._template, progress.part(0, 0.8))
        self._burn(slope, "slope_degrees")
        return classify(slope, rule, 0.0, self._layers.dem.name, progress.part(0.8, 1))

    def _elevation(self, rule, progress):
        elevations, datum = self._elevations(progress), self._choices.datum_m
        if self._choices.factor_table is None:
            _log_depths(elevations, rule.intervals, datum, progress)
        self._dem = None
        return classify(elevations, rule, datum, self._layers.dem.name, progress)

    def _land_cover(self, rule, progress):
        grid = read_classes(self._layers.land_cover, self._template, progress)
        values, valid = grid.values, grid.valid
        self._burn(values, "land_cover", valid)
        return classify_codes(values, valid, rule, self._layers.land_cover.name, progress)

    def _ndvi(self, rule, progress):
        ndvi = self._quantity(self._layers.ndvi, progress)
        highest = float(np.nanmax(np.abs(ndvi)))
        if highest > 1.5 and all(abs(bound) <= 1 for bound in rule.intervals.bounds):
            raise InputError(
                f"Layer '{self._layers.ndvi.name}' holds values up to {highest:g} and NDVI lies between "
                f"-1 and 1: divide it by its scale factor (often 10000) with the raster calculator, or "
                f"set its nodata value where that stands for no value."
            )
        self._burn(ndvi, "ndvi")
        return classify(ndvi, rule, 0.0, self._layers.ndvi.name, progress)

    def _night_light(self, rule, progress):
        return classify(
            self._quantity(self._layers.night_light, progress), rule, 0.0, self._layers.night_light.name, progress
        )

    def _distance_to_water(self, rule, progress):
        if self._layers.water is not None:
            if self._layers.water_codes:
                progress.log(f"Water is layer '{self._layers.water.name}'; the land-cover codes of water are not used.")
            return self._distance("distance_to_water", rule, progress)
        grid = read_classes(self._layers.land_cover, self._template, progress)
        water = np.isin(grid.values, list(self._layers.water_codes)) & grid.valid
        codes = ", ".join(map(str, self._layers.water_codes))
        if not water.any():
            raise InputError(
                f"No cell of layer '{grid.name}' holds a code of water ({codes}): correct the codes, or "
                f"leave them empty, and the distance to water is left out."
            )
        progress.log(
            f"Water is where layer '{grid.name}' holds {codes}; its distance runs from cell centre to cell "
            f"centre and knows no water beyond the map."
        )
        return classify(distance_m(water, self._template), rule, 0.0, grid.name, progress)

    def _distance_to_motorway(self, rule, progress):
        return self._distance("distance_to_motorway", rule, progress)

    def _distance_to_highway(self, rule, progress):
        return self._distance("distance_to_highway", rule, progress)

    def _distance(self, factor, rule, progress):
        features = self._lines[factor]
        resistance = classify_distance(features.geometries, rule, self._template, progress)
        breaks = rule.intervals.breaks
        if breaks and (resistance == np.float32(rule.intervals.resistance[-1])).all():
            progress.warn(
                f"No feature of layer '{features.name}' lies within {breaks[-1]:g} m of any cell: check that "
                f"it belongs to this area and that its CRS is right."
            )
        return resistance

    def _mine(self, _, progress):
        return mine_resistance(
            self._layers.mines, self._scheme.rings, self._template, self._choices.overlap, progress
        ).values

    def _burn(self, values, column, valid=None):
        """What a restored mine's cells become, where the table says so and the map has a value."""
        for row, mask in self._restored:
            if row[column] is not None:
                values[mask & (~np.isnan(values) if valid is None else valid)] = row[column]


def _refuse_feet(source):
    """Refuse an elevation map whose band says that it is in feet."""
    with gdal_exceptions():
        dataset = gdal.Open(source.path)  # a band does not outlive it
        unit = dataset.GetRasterBand(source.band).GetUnitType() or ""
    if re.search(r"\b(us-)?ft(us)?\b|foot|feet", unit.lower()):
        raise InputError(
            f"Elevation layer '{source.name}' (DEM) is in '{unit}' and heights are needed in metres: multiply it "
            f"by 0.3048 with the raster calculator and give that."
        )


def extra_names(text, layer_names):
    """The names of factors beside the nine, as tables of weights write them.

    Parameters
    ----------
    text : str
        A list with commas between, in the layers' order; empty: the layers' own names.
    layer_names : list of str

    Raises
    ------
    InputError
        More or fewer names than layers, a name twice, one of the nine, or one that is no file name.
    """
    written = tables.split_list(text, words=True) or list(layer_names)
    if len(written) != len(layer_names):
        raise InputError(
            f"{len(written)} name(s) of further factors (EXTRA_NAMES) are given for {len(layer_names)} "
            f"layer(s) (EXTRA_FACTORS): write one for each, with commas between."
        )
    names = [factor_name(name) for name in written]
    if len(names) > _MOST_ADDED:
        raise InputError(f"{len(names)} further factors (EXTRA_FACTORS) are given: {_MOST_ADDED} are the most.")
    for place, (name, own) in enumerate(zip(names, written)):
        if name in FACTORS:
            raise InputError(
                f"Further factor '{own}' (EXTRA_FACTORS) has the name of one of the nine factors: name it "
                f"otherwise (EXTRA_NAMES)."
            )
        if name in names[:place]:
            raise InputError(
                f"Two further factors (EXTRA_FACTORS) are called '{own}': give each its own name (EXTRA_NAMES)."
            )
        if not name or re.search(r'[\\/:*?"<>|]', name):
            raise InputError(
                f"Further factor '{own}' (EXTRA_FACTORS) has a name that no file can have: name it otherwise "
                f"(EXTRA_NAMES)."
            )
    return names


def read_water_codes(text):
    """Land-cover codes from a text such as ``5, 9``; empty where there is none.

    Raises
    ------
    InputError
        A code that is not a whole number.
    """
    parts = tables.split_list(text)
    for part in parts:
        if not re.fullmatch(r"[+-]?\d+", part):
            raise InputError(
                f"Land-cover codes that are water (WATER_CODES): '{part}' in '{text}' is not a whole "
                f"number; write codes such as 5 or 5,9."
            )
    return tuple(int(part) for part in parts)


def _log_depths(elevations, intervals, datum_m, progress):
    """Say what the shipped table makes of ground below the datum: of its lowest class, and of that like the plain."""
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

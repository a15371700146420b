"""Resistance surfaces: the weighted sum of nine factors, with and without mines.

Feng, Bai & Wang (2024), Tables 1 and 2, Figs 3 to 5: a base surface (without mines, the other
weights scaled to 1), the mines' own surface (1 to 5) and the integrated one. A factor without a
map is left out and the other weights are scaled to 1.
"""

import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import tables, vector
from ..errors import InputError
from ..euclidean import distance_m
from ..land_cover_products import CLCD, table_for_product
from ..mines import FEATURES, known_words, plain_word
from ..progress import SILENT
from ..raster import QUANTITY, Grid, align, float_grid, read_classes
from ..slope import slope_degrees
from .distance import cells_of
from .factors import (FACTORS, MINE, classify, classify_codes, classify_distance, default_factor_table,
                      read_factor_table, read_weights, scaled_weights)
from .mines import MAXIMUM, check_mines, mine_resistance, read_rings

# the orders are those of the choices TRANSFORM and HARD_BARRIERS
NO_TRANSFORM, POWER, ONE_TO_100 = range(3)
TRANSFORMS = ("none", "power", "1 to 100")
BARRIER_OPEN_PITS, BARRIER_PRODUCING, BARRIER_MOTORWAYS, BARRIER_HIGHWAYS = range(4)
BARRIERS = ("producing open pits", "all producing mines", "motorways", "highways")

_LOWEST, _HIGHEST = 1.0, 5.0
_DECIMALS = 30  # of a float32's 38: costs along corridors are sums
_RESTORED_COLUMNS = [
    tables.Column("feature", "text", required=False), tables.Column("land_cover", "integer", required=False),
    tables.Column("ndvi", required=False, minimum=-1, maximum=1),
    tables.Column("slope_degrees", required=False, minimum=0, maximum=90, aliases=("slope",))]


@dataclass
class FactorLayers:
    """The maps that the factors are made from; what is None is left out.

    Parameters
    ----------
    dem : raster.RasterSource
        Metres; serves slope and elevation.
    land_cover : raster.RasterSource
        Class codes.
    ndvi, night_light : raster.RasterSource
    water, motorways, highways : vector.Features
        Lines or polygons.
    water_codes : sequence of int
        Land-cover codes that are water, used where ``water`` is None.
    mines : list of ..mines.Mine
        In the template's CRS.
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

    def present(self):
        """The factors that these maps give, in the order of Table 1."""
        water = self.water
        if water is None and self.land_cover is not None and self.water_codes:
            water = self.water_codes
        given = {"slope": self.dem, "elevation": self.dem, "land_cover": self.land_cover, "ndvi": self.ndvi,
                 "distance_to_water": water, "distance_to_motorway": self.motorways,
                 "distance_to_highway": self.highways, "night_light": self.night_light, MINE: self.mines}
        return [factor for factor in FACTORS if given[factor] is not None]


@dataclass
class Choices:
    """The tables and options of a resistance surface.

    Parameters
    ----------
    factor_table, ring_table, weights, restored_table : tables.RawTable, optional
        Default: the shipped tables; the weights of the factor table.
    datum_m : float
        Elevation that counts as 0; 0 as published.
    overlap : int
        Of mines: see ``mines.mine_resistance``.
    transform : int
        ``NO_TRANSFORM``; ``POWER``, resistance to ``exponent``; ``ONE_TO_100``, 1 to 5 spread
        evenly over 1 to 100. Applied to the base and the integrated surface.
    exponent : float
        Above 0.
    barriers : sequence of int
        What becomes nodata, which corridors cannot cross; from ``BARRIERS``.
    product : str
        Whose land-cover codes the shipped tables are keyed for; one of ``land_cover_products.PRODUCTS``.
    """

    factor_table: object = None
    ring_table: object = None
    weights: object = None
    restored_table: object = None
    datum_m: float = 0.0
    overlap: int = MAXIMUM
    transform: int = NO_TRANSFORM
    exponent: float = 2.0
    barriers: tuple = ()
    product: str = CLCD


@dataclass
class Scheme:
    """What the tables say for the factors at hand.

    Rules by factor, rings, the restored table's name and its rows by feature, and the weights,
    which add to 1 without and with mines.
    """

    rules: dict
    rings: object
    restored_table: str
    restored: dict
    base_weights: dict
    weights: dict


@dataclass
class ResistanceSurfaces:
    """Three surfaces; ``mines`` is None, and ``integrated`` equals ``base``, where there is no mine."""

    base: Grid
    mines: Grid
    integrated: Grid
    weights: dict


def read_scheme(present, choices, progress=SILENT):
    """Read and check the tables for the factors that have a map; nothing else is read.

    Parameters
    ----------
    present : list of str
        Factors that have a map.
    choices : Choices

    Returns
    -------
    Scheme

    Raises
    ------
    InputError
        A table that is wrong, rules or weights that do not match the factors.
    """
    factor_table = choices.factor_table or table_for_product(default_factor_table(), choices.product)
    rules, rings = read_factor_table(factor_table), read_rings(choices.ring_table)
    restored_table, restored = read_restored(
        choices.restored_table or table_for_product(default_restored_table(), choices.product))
    name = factor_table.name
    if choices.weights is None:
        weights, source = {f: rule.weight for f, rule in rules.items() if rule.weight is not None}, name
    else:
        weights, source = read_weights(choices.weights), choices.weights.name
    if not [factor for factor in present if factor != MINE]:
        raise InputError("No factor map is given: choose at least one of elevation, land cover, NDVI, night light, "
                         "water, motorways and highways.")
    for factor in present:
        if factor not in weights:
            raise InputError(f"Table '{source}' has no weight for factor '{factor}', whose map is given: add it "
                             f"(0 leaves the factor out), or leave the map out.")
        if factor not in rules and factor != MINE and weights[factor] > 0:
            raise InputError(f"Table '{name}' has no rows for factor '{factor}', whose map is given: add them, give "
                             f"the factor the weight 0, or leave the map out.")
    base = scaled_weights(weights, [factor for factor in present if factor != MINE])
    if not base:
        raise InputError(f"Table '{source}' gives the weight 0 to every factor that has a map: give one of "
                         f"{', '.join(f for f in present if f != MINE)} a weight.")
    scaled = scaled_weights(weights, present)
    _log_weights(weights, present, scaled, source, progress)
    if choices.transform == ONE_TO_100:
        _require_one_to_five(rules, rings, scaled, name)
    if choices.transform == POWER:
        _check_exponent(choices.exponent, rules, rings, scaled)
    return Scheme(rules, rings, restored_table, restored, base, scaled)


def resistance_surface(layers, template, choices=None, keep=None, progress=SILENT):
    """Base, mines' and integrated resistance surface.

    Parameters
    ----------
    layers : FactorLayers
    template : raster.Template
        Cells of the result, in metres; need not be square.
    choices : Choices, optional
    keep : callable, optional
        Called with a factor's name and its Grid (resistance, unweighted) as each is made.

    Returns
    -------
    ResistanceSurfaces
        Float32, NaN where any factor has no value and on hard barriers.

    Raises
    ------
    InputError
        See ``read_scheme``; also codes or values that no row scores, and maps that do not meet.

    Notes
    -----
    Factors are made one after the other: at most about 40 bytes per cell at a time.
    """
    choices = choices or Choices()
    scheme = read_scheme(layers.present(), choices, progress)
    restored = _restored_cells(layers, template, scheme, progress)
    makers = _Makers(layers, template, scheme, choices, restored, progress)
    total = np.zeros(template.shape, dtype=np.float64)
    mines = None
    made = [factor for factor in layers.present() if factor in scheme.weights or factor == MINE]
    for number, factor in enumerate(made):
        part = progress.part(number / len(made), (number + 1) / len(made))
        part(0.0)
        grid = float_grid(makers.make(factor, part), template, factor)
        if factor == MINE:
            mines = grid
        else:
            _log_missing(factor, grid.values, part)
            total += scheme.base_weights[factor] * grid.values
        if keep is not None:
            keep(factor, grid)
    integrated = total
    if mines is not None:
        share = scheme.weights.get(MINE, 0.0)
        integrated = (1 - share) * total + share * mines.values
    else:
        progress.log("No mines are given: the integrated surface equals the base surface, and there is no surface "
                     "of mines.")
    if np.isnan(total).all():
        raise InputError(f"No cell of '{template.name}' has a value in every factor: check that the maps cover one "
                         f"area, or leave one out.")
    base, integrated = (_transformed(values, choices) for values in (total, integrated))
    _close(base, integrated, layers, template, choices, progress)
    missing = np.isnan(base).mean()
    if missing > 0:
        progress.log(f"{100 * missing:.2f} % of the cells have no resistance in the base surface, because a factor has "
                     f"no value there or a barrier stands there; corridors go around them.")
    return ResistanceSurfaces(float_grid(base, template, "base resistance"), mines,
                              float_grid(integrated, template, "integrated resistance"), scheme.weights)


class _Makers:
    """Makes the resistance of one factor at a time; the DEM is read once."""

    def __init__(self, layers, template, scheme, choices, restored, progress):
        self._layers, self._template, self._scheme = layers, template, scheme
        self._choices, self._restored = choices, restored
        self._dem = None
        # before any map is read: what lies elsewhere belongs to another city, or has a wrong CRS
        self._lines = {factor: self._near(features, scheme.rules[factor], progress) for factor, features in (
            ("distance_to_water", layers.water), ("distance_to_motorway", layers.motorways),
            ("distance_to_highway", layers.highways)) if features is not None and factor in scheme.weights}
        if layers.mines is not None:
            check_mines(layers.mines, scheme.rings, template)

    def _near(self, features, rule, progress):
        features.require_some()
        breaks = rule.intervals.breaks
        moved = features.to_crs_near(self._template.crs, self._template.bounds, breaks[-1] if breaks else math.inf,
                                     self._template.name, progress)
        return moved.valid_polygons(progress)

    def make(self, factor, progress):
        return getattr(self, f"_{factor}")(self._scheme.rules.get(factor), progress)

    def _quantity(self, source, progress):
        grid = align(source, self._template, QUANTITY, progress)
        return grid.floats(np.float64 if grid.values.dtype == np.float64 else np.float32)

    def _elevations(self, progress):
        if self._dem is None:
            self._dem = self._quantity(self._layers.dem, progress)
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
            raise InputError(f"Layer '{self._layers.ndvi.name}' holds values up to {highest:g} and NDVI lies between "
                             f"-1 and 1: divide it by its scale factor (often 10000) with the raster calculator.")
        self._burn(ndvi, "ndvi")
        return classify(ndvi, rule, 0.0, self._layers.ndvi.name, progress)

    def _night_light(self, rule, progress):
        return classify(self._quantity(self._layers.night_light, progress), rule, 0.0,
                        self._layers.night_light.name, progress)

    def _distance_to_water(self, rule, progress):
        if self._layers.water is not None:
            if self._layers.water_codes:
                progress.log(f"Water is layer '{self._layers.water.name}'; the land-cover codes of water are not used.")
            return self._distance("distance_to_water", rule, progress)
        grid = read_classes(self._layers.land_cover, self._template, progress)
        water = np.isin(grid.values, list(self._layers.water_codes)) & grid.valid
        codes = ", ".join(map(str, self._layers.water_codes))
        if not water.any():
            raise InputError(f"No cell of layer '{grid.name}' holds a code of water ({codes}): correct the codes, or "
                             f"leave them empty, and the distance to water is left out.")
        progress.log(f"Water is where layer '{grid.name}' holds {codes}; its distance runs from cell centre to cell "
                     f"centre and knows no water beyond the map.")
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
            progress.warn(f"No feature of layer '{features.name}' lies within {breaks[-1]:g} m of any cell: check that "
                          f"it belongs to this area and that its CRS is right.")
        return resistance

    def _mine(self, _, progress):
        return mine_resistance(self._layers.mines, self._scheme.rings, self._template, self._choices.overlap,
                               progress).values

    def _burn(self, values, column, valid=None):
        """What a restored mine's cells become, where the table says so and the map has a value."""
        for row, mask in self._restored:
            if row[column] is not None:
                values[mask & (~np.isnan(values) if valid is None else valid)] = row[column]


def default_restored_table():
    """What a restored mine's own cells become, shipped; ours, not the paper's."""
    return tables.read_csv(Path(__file__).parent / "defaults" / "restored.csv", "restored.csv")


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
            raise InputError(f"Land-cover codes that are water (WATER_CODES): '{part}' in '{text}' is not a whole "
                             f"number; write codes such as 5 or 5,9.")
    return tuple(int(part) for part in parts)


def read_restored(raw=None):
    """The table's name, and its rows by feature; '' serves the features without a row.

    Parameters
    ----------
    raw : tables.RawTable, optional
        ``feature, land_cover, ndvi, slope_degrees``; empty cells leave the map's value.

    Raises
    ------
    InputError
        An unknown feature or one named twice.
    """
    table = tables.parse(default_restored_table() if raw is None else raw, _RESTORED_COLUMNS)
    known, rows = known_words()["feature"], {}
    for index, row in enumerate(table.rows):
        feature = known.get(plain_word(row["feature"])) if row["feature"] else ""
        if feature is None:
            raise table.error(index, "feature", f"is not a feature that is known; use one of {', '.join(FEATURES)}, "
                                                f"or leave it empty for all others.")
        if feature in rows:
            raise table.error(index, "feature", "has an earlier row; keep one of them.")
        rows[feature] = row
    return table.name, rows


def _restored_cells(layers, template, scheme, progress):
    """Pairs of a row of the restored table and the cells that it changes.

    A cell that also lies in a mine that is not restored keeps the maps' values.
    """
    restored = [mine for mine in layers.mines or () if mine.state == "restored"]
    table, rows = scheme.restored_table, scheme.restored
    if not restored:
        return []
    others = np.zeros(template.shape, dtype=bool)
    for mine in layers.mines:
        progress.check()
        if mine.state != "restored":
            others |= cells_of(mine.geometry, template)
    masks = {}
    for mine in restored:
        progress.check()
        feature = mine.feature if mine.feature in rows else ""
        if feature not in rows:
            raise InputError(f"Table '{table}' has no row for the feature '{mine.feature}' of the restored mine "
                             f"'{mine.name}': add one, or a row with an empty feature for all others.")
        masks[feature] = masks.get(feature, False) | (cells_of(mine.geometry, template) & ~others)
    rule = scheme.rules.get("land_cover")
    for feature, mask in masks.items():
        code = rows[feature]["land_cover"]
        if "land_cover" in scheme.weights and code is not None and code not in rule.codes:
            raise InputError(f"Table '{table}', column 'land_cover': restored mines become code {code}, which no row "
                             f"of factor 'land_cover' in table '{rule.table}' scores; use a code of that table.")
        said = ", ".join(f"{column} {rows[feature][column]:g}" for column in ("land_cover", "ndvi", "slope_degrees")
                         if rows[feature][column] is not None)
        progress.log(f"{mask.sum()} cells of restored mines take {said or 'nothing new'} (table '{table}').")
    return [(rows[feature], mask) for feature, mask in masks.items()]


def _shapes(features, template, progress):
    features.require_some()
    return features.to_crs(template.crs, progress).valid_polygons(progress).geometries


def _log_weights(weights, present, scaled, source, progress):
    left_out = [f"{factor} ({weights.get(factor, 0):g})" for factor in FACTORS
                if factor not in scaled and (factor in weights or factor in present)]
    total = math.fsum(weights[factor] for factor in scaled)
    if left_out:
        progress.log(f"Left out for want of a map or of a weight: {', '.join(left_out)}.")
    if abs(total - 1) > 1e-9:
        progress.log(f"The weights of the factors that are used (table '{source}') add to {total:g} and were scaled "
                     f"to 1.")
    progress.log("Weights: " + ", ".join(f"{factor} {weight:.4g}" for factor, weight in scaled.items()) + ".")


def _log_missing(factor, values, progress):
    count = int(np.isnan(values).sum())
    if count:
        progress.log(f"Factor '{factor}' has no value on {count} cells ({100 * count / values.size:.2f} %).")


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
        progress.log(f"{deep} cells lie {-deepest_m:g} m or more below the datum, where Table 1 has no class: "
                     f"they take resistance {intervals.resistance[0]:g} (ours).")
    if shallow:
        progress.log(f"{shallow} cells lie less than {-passable_m:g} m below the datum and score {score:g} in Table 1, "
                     f"as the plain does: a pit's depth is no obstacle there.")


def _check_exponent(exponent, rules, rings, weights):
    """Refuse an exponent by which float32 would turn resistance into infinity, or into 0, a barrier."""
    if not (exponent is not None and exponent > 0):
        raise InputError(f"The exponent of the transform 'power' (TRANSFORM_POWER) is "
                         f"{'not given' if exponent is None else f'{exponent:g}'}: choose one above 0, such as 2.")
    values = [value for factor in weights for value in _scores(factor, rules, rings)]
    widest = max(values, key=lambda value: abs(math.log10(value)))
    decimals = abs(math.log10(widest))
    if exponent * decimals > _DECIMALS:
        raise InputError(f"The exponent of the transform 'power' (TRANSFORM_POWER) is {exponent:g}, and {widest:g} to "
                         f"that power is a number that maps cannot hold: choose one up to "
                         f"{math.floor(10 * _DECIMALS / decimals) / 10:g}; 1 to 4 are usual.")


def _scores(factor, rules, rings):
    """The resistances that a factor can have."""
    if factor == MINE:
        return [resistance for kind in rings.by_kind.values() for resistance in kind.resistance]
    rule = rules[factor]
    return list(rule.intervals.resistance if rule.intervals else rule.codes.values())


def _require_one_to_five(rules, rings, weights, name):
    for factor in weights:
        wrong = [value for value in _scores(factor, rules, rings) if not _LOWEST <= value <= _HIGHEST]
        if wrong:
            table = rings.table if factor == MINE else name
            raise InputError(f"Table '{table}', factor '{factor}': resistance {wrong[0]:g} lies outside 1 to 5, which "
                             f"the transform '1 to 100' starts from; correct it or choose another transform.")


def _transformed(values, choices):
    if choices.transform == POWER:
        return values ** choices.exponent
    if choices.transform == ONE_TO_100:
        return 1 + 99 * (values - _LOWEST) / (_HIGHEST - _LOWEST)
    return values.copy()


def _close(base, integrated, layers, template, choices, progress):
    """Hard barriers become NaN; those of mines in the integrated surface alone."""
    for barrier in choices.barriers:
        if barrier in (BARRIER_MOTORWAYS, BARRIER_HIGHWAYS):
            roads = layers.motorways if barrier == BARRIER_MOTORWAYS else layers.highways
            closed = None if roads is None else _fence(_shapes(roads, template, progress), template)
        else:
            closed = np.zeros(template.shape, dtype=bool)
            for mine in layers.mines or ():
                progress.check()
                if mine.state == "producing" and (barrier == BARRIER_PRODUCING or mine.method == "open pit"):
                    closed |= cells_of(mine.geometry, template)
        if closed is None or not closed.any():
            progress.warn(f"Hard barrier '{BARRIERS[barrier]}': no cell of the map holds one.")
            continue
        integrated[closed] = np.nan
        if barrier in (BARRIER_MOTORWAYS, BARRIER_HIGHWAYS):
            base[closed] = np.nan
        progress.log(f"Hard barrier '{BARRIERS[barrier]}': {closed.sum()} cells have no resistance and no corridor "
                     f"crosses them.")


def _fence(geometries, template):
    """The cells that roads touch, without gaps at corners through which a diagonal step would slip."""
    closed = vector.rasterize(geometries, template, all_touched=True, dtype=np.uint8) > 0
    north_west, north_east = closed[:-1, :-1], closed[:-1, 1:]
    south_west, south_east = closed[1:, :-1], closed[1:, 1:]
    falling = north_west & south_east & ~north_east & ~south_west
    rising = north_east & south_west & ~north_west & ~south_east
    closed[:-1, 1:] |= falling
    closed[:-1, :-1] |= rising
    return closed

"""Resistance surfaces: the weighted sum of nine factors, with and without mines.

Feng, Bai & Wang (2024), Tables 1 and 2, Figs 3 to 5: a base surface (without mines, the other
weights scaled to 1), the mines' own surface (1 to 5) and the integrated one. A factor without a
map is left out and the other weights are scaled to 1.
"""

import math
from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from ..land_cover_products import CLCD, table_for_product
from ..progress import SILENT
from ..raster import Grid, float_grid
from .barriers import close
from .factor_maps import FactorLayers, FactorMaps
from .factors import FACTORS, MINE, default_factor_table, read_factor_table, read_weights, scaled_weights
from .mines import MAXIMUM, read_rings
from .restored import default_restored_table, read_restored, restored_cells
from .transforms import NO_TRANSFORM, ONE_TO_100, POWER, check_exponent, require_one_to_five, transformed


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
        require_one_to_five(rules, rings, scaled, name)
    if choices.transform == POWER:
        check_exponent(choices.exponent, rules, rings, scaled)
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
    restored = restored_cells(layers.mines, template, scheme, progress)
    makers = FactorMaps(layers, template, scheme, choices, restored, progress)
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
    base, integrated = (transformed(values, choices) for values in (total, integrated))
    close(base, integrated, layers, template, choices, progress)
    missing = np.isnan(base).mean()
    if missing > 0:
        progress.log(f"{100 * missing:.2f} % of the cells have no resistance in the base surface, because a factor has "
                     f"no value there or a barrier stands there; corridors go around them.")
    return ResistanceSurfaces(float_grid(base, template, "base resistance"), mines,
                              float_grid(integrated, template, "integrated resistance"), scheme.weights)


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

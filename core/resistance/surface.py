"""Resistance surfaces: the weighted sum of nine factors, with and without mines.

Feng, Bai & Wang (2024), Tables 1 and 2, Figs 3 to 5: a base surface (without mines, the other
weights scaled to 1), the mines' own surface (1 to 5) and the integrated one. A factor without a
map is left out and the other weights are scaled to 1.
"""

import math
from dataclasses import dataclass, field, replace

import numpy as np

from .. import tables
from ..errors import InputError
from ..grid.grid import Grid, float_grid
from ..grid.row_blocks import row_blocks
from ..land_cover_products import CLCD, table_for_product
from ..progress import SILENT
from .barriers import close
from .correction import CORRECTIONS, NO_CORRECTION, check_correction, multipliers
from .dominant import Dominant
from .effects import BLOCK_ROWS, Moved
from .factor_maps import FactorMaps
from .factors import FACTORS, MINE, default_factor_table, factor_name, read_factor_table, read_weights, scaled_weights
from .mine_rings import MAXIMUM, read_rings
from .restored import default_restored_table, read_restored, restored_cells
from .transforms import (
    DECIMALS,
    NO_TRANSFORM,
    ONE_TO_100,
    POWER,
    TRANSFORMS,
    check_exponent,
    require_one_to_five,
    scores_of,
    transformed,
)

_LARGEST_TOTAL = 1e30


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
    correction : int
        ``correction.NO_CORRECTION``; ``NIGHT_LIGHT`` or ``MULTIPLIER``: both surfaces, transformed, times
        what `correction.multipliers` says.
    correction_bounds : (float, float)
        Lowest and highest multiplier of the correction by night light.
    barriers : sequence of int
        What becomes nodata, which corridors cannot cross; from ``BARRIERS``.
    product : str
        Whose land-cover codes the shipped tables are keyed for; a `LandCoverProduct`.
    """

    factor_table: object = None
    ring_table: object = None
    weights: object = None
    restored_table: object = None
    datum_m: float = 0.0
    overlap: int = MAXIMUM
    transform: int = NO_TRANSFORM
    exponent: float = 2.0
    correction: int = NO_CORRECTION
    correction_bounds: tuple = (0.1, 10.0)
    barriers: tuple = ()
    product: str = CLCD


@dataclass
class Scheme:
    """What the tables say for the factors at hand.

    Rules by factor, rings, the restored table's name and its rows by feature, the weights as they were
    given, and as they are used: they add to 1 without and with mines. ``range`` is the lowest and the
    highest resistance of all rules, at least 1 to 5, which maps that are scored already keep to.
    """

    rules: dict
    rings: object
    restored_table: str
    restored: dict
    given_weights: dict
    base_weights: dict
    weights: dict
    range: tuple


@dataclass
class FactorUse:
    """What one factor gave: its weight as given and in both surfaces, the mean of its scores where it has one,
    the share of cells without, and the share of cells that it dominates (NaN where that was not asked for).

    A factor without a map has ``used`` False and no numbers but its weight as given.
    """

    name: str
    given_weight: float
    base_weight: float = 0.0
    weight: float = 0.0
    mean: float = math.nan
    missing_share: float = math.nan
    dominant_share: float = math.nan
    used: bool = True


@dataclass
class ResistanceSurfaces:
    """Three surfaces; ``mines`` is None, and ``integrated`` equals ``base``, where there is no mine.

    ``weights`` are those of the integrated surface, ``factors`` a `FactorUse` each, ``effects`` an
    `effects.Effect` per option and surface; ``dominant`` is a Grid of factor numbers, or None.
    """

    base: Grid
    mines: Grid
    integrated: Grid
    weights: dict
    factors: list = field(default_factory=list)
    effects: list = field(default_factory=list)
    dominant: Grid = None


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
    if not math.isfinite(choices.datum_m):
        raise InputError("The elevation that counts as 0 (DATUM) is not a number: write one in metres, such as 0.")
    factor_table = choices.factor_table or table_for_product(default_factor_table(), choices.product)
    extra = [factor for factor in present if factor not in FACTORS]
    rules, given = _read_rules(factor_table, extra)
    rings = read_rings(choices.ring_table)
    restored_table, restored = read_restored(
        choices.restored_table or table_for_product(default_restored_table(), choices.product)
    )
    name = factor_table.name
    if choices.weights is None:
        weights, source = given, name
    else:
        weights, source = read_weights(choices.weights, extra), choices.weights.name
    if not [factor for factor in present if factor != MINE]:
        raise InputError(
            "No factor map is given: choose at least one of elevation, land cover, NDVI, night light, "
            "water, motorways and highways."
        )
    for factor in present:
        if factor not in weights:
            mend = "add it" if factor in FACTORS else "add it, in a table of weights (WEIGHTS) or there"
            raise InputError(
                f"Table '{source}' has no weight for factor '{factor}', whose map is given: {mend} "
                f"(0 leaves the factor out), or leave the map out."
            )
        if factor not in rules and factor != MINE and factor in FACTORS and weights[factor] > 0:
            raise InputError(
                f"Table '{name}' has no rows for factor '{factor}', whose map is given: add them, give "
                f"the factor the weight 0, or leave the map out."
            )
    if not sum(weights[factor] for factor in present) < _LARGEST_TOTAL:
        raise InputError(
            f"Table '{source}': the weights add to more than {_LARGEST_TOTAL:g}, which cannot be scaled to "
            f"1; write smaller ones, such as shares of 1."
        )
    base = scaled_weights(weights, [factor for factor in present if factor != MINE])
    if not base:
        raise InputError(
            f"Table '{source}' gives the weight 0 to every factor that has a map: give one of "
            f"{', '.join(f for f in present if f != MINE)} a weight."
        )
    scaled = scaled_weights(weights, present)
    _log_weights(weights, present, scaled, source, progress)
    if choices.transform == ONE_TO_100:
        require_one_to_five(rules, rings, scaled, name)
    if choices.transform == POWER:
        check_exponent(choices.exponent, rules, rings, scaled)
    scores = [score for factor in scaled for score in scores_of(factor, rules, rings)]
    return Scheme(rules, rings, restored_table, restored, weights, base, scaled, (min(1.0, *scores), max(5.0, *scores)))


def _read_rules(table, extra):
    """Rules and weights of a factor table. A map that is scored already may have a row with a weight alone."""
    columns = [tables.Column("factor", "text")] + [
        tables.Column(name, "text", required=False) for name in ("weight", "from", "to", "codes", "resistance")
    ]
    rows = tables.parse(table, columns).rows
    bare = set(extra) - {
        factor_name(row["factor"]) for row in rows if any(row[name] for name in ("from", "to", "codes", "resistance"))
    }
    own = [factor_name(row["factor"]) in bare for row in rows]
    weights = {}
    if any(own):
        kept = [[row["factor"], row["weight"] or ""] for row in rows]
        weights = read_weights(
            tables.RawTable(
                table.name,
                ["factor", "weight"],
                [(number, cells) for (number, _), cells, bare_row in zip(table.rows, kept, own) if bare_row],
            ),
            extra,
        )
        table = replace(table, rows=[row for row, bare_row in zip(table.rows, own) if not bare_row])
    rules = read_factor_table(table, extra) if table.rows else {}
    weights.update({factor: rule.weight for factor, rule in rules.items() if rule.weight is not None})
    return rules, weights


def resistance_surface(layers, template, choices=None, keep=None, progress=SILENT, explain=False):
    """Base, mines' and integrated resistance surface.

    Parameters
    ----------
    layers : FactorLayers
    template : grid.Template
        Cells of the result, in metres; need not be square.
    choices : Choices, optional
    keep : callable, optional
        Called with a factor's name and its Grid (resistance, unweighted) as each is made.
    explain : bool
        Whether to say which factor makes each cell hard, as ``dominant``: 0 where none scores above its
        lowest, 1 to 9 in the order of ``factors.FACTORS``, 10 and more for added factors; 255 without value.

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
    Factors are made one after the other: about 25 bytes per cell at a time, 33 with ``explain``, 43 with a
    correction too (measured; the maps are float32, their sum float64).
    Weights do not depend on any mine's state, distance to water is measured on the land cover as it is
    given, and corrections compare with its classes: what a change of a mine's state changes lies within the
    reach of that mine's rings or in its polygon.
    """
    choices = choices or Choices()
    scheme = read_scheme(layers.present(), choices, progress)
    check_correction(choices, layers)
    restored = restored_cells(layers.mines, template, scheme, progress)
    if layers.water_codes and layers.water is None and layers.land_cover is None:
        progress.warn(
            "Land-cover codes that are water are given (WATER_CODES) and no land cover (LAND_COVER): the "
            "distance to water is left out."
        )
    makers = FactorMaps(layers, template, scheme, choices, restored, progress)
    total = np.zeros(template.shape, dtype=np.float64)
    mines, uses = None, _unused(scheme, layers.present())
    dominant = Dominant(template, scheme, layers.numbers()) if explain else None
    made = [factor for factor in layers.present() if factor in scheme.weights or factor == MINE]
    for number, factor in enumerate(made):
        part = progress.part(0.9 * number / len(made), 0.9 * (number + 1) / len(made))
        part(0.0)
        grid = float_grid(makers.make(factor, part), template, factor)
        if factor == MINE:
            mines = grid
        else:
            _log_missing(factor, grid.values, part)
            part.check()
            total += scheme.base_weights[factor] * grid.values
        part.check()
        uses[factor] = _use(factor, grid.values, scheme)
        part.check()
        if dominant is not None and factor in scheme.weights:
            dominant.add(factor, grid.values)
        if keep is not None:
            keep(factor, grid)
    if mines is None:
        progress.log(
            "No mines are given: the integrated surface equals the base surface, and there is no surface of mines."
        )
    if np.isnan(total).all():
        raise InputError(
            f"No cell of '{template.name}' has a value in every factor: check that the maps cover one "
            f"area, or leave one out."
        )
    if dominant is not None:
        dominant.leave_out(total)
    multiplier = multipliers(choices, layers, template, scheme.weights, progress.part(0.9, 0.95))
    base, integrated, effects = _finished(
        total, mines, scheme.weights.get(MINE, 0.0), choices, multiplier, progress.part(0.95, 1)
    )
    effects += close(base, integrated, layers, template, choices, progress)
    _say_effects(effects, mines is not None, progress)
    if effects and np.isnan(integrated).all():
        progress.warn(
            "Hard barriers leave no cell of the integrated surface open: no corridor can run on it. Choose fewer "
            "barriers, or check the extent of the mines and roads."
        )
    missing = np.isnan(base).mean()
    if missing > 0:
        progress.log(
            f"{100 * missing:.2f} % of the cells have no resistance in the base surface, because a factor has "
            f"no value there or a barrier stands there; corridors go around them."
        )
    if dominant is not None:
        for factor, share in dominant.shares().items():
            uses[factor].dominant_share = share
    return ResistanceSurfaces(
        float_grid(base, template, "base resistance"),
        mines,
        float_grid(integrated, template, "integrated resistance"),
        scheme.weights,
        list(uses.values()),
        effects,
        dominant.grid() if dominant is not None else None,
    )


def _finished(total, mines, share, choices, multiplier, progress):
    """Base and integrated surface, transformed and corrected, and what transform and correction changed."""
    surfaces = ["base"] if mines is None else ["base", "integrated"]
    maps = {name: np.empty(total.shape, dtype=np.float32) for name in surfaces}
    options = []
    if choices.transform != NO_TRANSFORM:
        options.append((f"transform '{TRANSFORMS[choices.transform]}'", lambda values, _: transformed(values, choices)))
    if multiplier is not None:
        options.append(
            (f"correction '{CORRECTIONS[choices.correction]}'", lambda values, rows: values * multiplier[rows])
        )
    moved = {(option, name): Moved(option, name) for option, _ in options for name in surfaces}
    for rows in row_blocks(*total.shape, block_rows=BLOCK_ROWS):
        progress(rows.start / total.shape[0])
        for name in surfaces:
            values = total[rows]
            if name == "integrated":
                values = (1 - share) * values + share * mines.values[rows]
            for option, change in options:
                before, values = values, change(values, rows)
                moved[option, name].add(before, values)
            with np.errstate(over="ignore", under="ignore"):
                maps[name][rows] = values
            if multiplier is not None and not _can_be_held(maps[name][rows]):
                raise InputError(
                    "The correction makes resistance so high or so low that maps cannot hold it: choose "
                    "multipliers nearer to 1, or a smaller exponent of the transform."
                )
    base = maps["base"]
    return base, maps["integrated"] if mines is not None else base.copy(), [one.effect() for one in moved.values()]


def _can_be_held(values):
    values = values[~np.isnan(values)]
    return bool(((values >= 10.0**-DECIMALS) & (values <= 10.0**DECIMALS)).all())


def _use(factor, values, scheme):
    valid = np.count_nonzero(~np.isnan(values))
    return FactorUse(
        factor,
        scheme.given_weights[factor],
        scheme.base_weights.get(factor, 0.0),
        scheme.weights.get(factor, 0.0),
        float(np.nansum(values, dtype=np.float64)) / valid if valid else math.nan,
        1 - valid / values.size,
    )


def _unused(scheme, present):
    """A `FactorUse` for each factor that has a weight or a map, in their order; those with a map are made later."""
    names = [*FACTORS, *(factor for factor in present if factor not in FACTORS)]
    return {
        factor: FactorUse(factor, scheme.given_weights.get(factor, 0.0), used=False)
        for factor in names
        if factor in scheme.given_weights
    }


def _say_effects(effects, with_mines, progress):
    for effect in effects:
        if with_mines and effect.surface == "base" and not effect.changed_share:
            continue
        parts = [f"changes {100 * effect.changed_share:.1f} % of the cells"]
        if effect.closed:
            parts.append(f"closes {effect.closed} of them")
        else:
            parts.append(f"moves the surface by {effect.mean_change:.3g} on average")
            if not math.isnan(effect.correlation):
                parts.append(f"correlation with the surface before {effect.correlation:.3f}")
            parts.append(
                f"range {effect.before[0]:.3g} to {effect.before[1]:.3g} becomes {effect.after[0]:.3g} to "
                f"{effect.after[1]:.3g}"
            )
        progress.log(f"{effect.option[:1].upper()}{effect.option[1:]}, {effect.surface} surface: {', '.join(parts)}.")


def _log_weights(weights, present, scaled, source, progress):
    left_out = [
        f"{factor} ({weights.get(factor, 0):g})"
        for factor in dict.fromkeys([*FACTORS, *present])
        if factor not in scaled and (factor in weights or factor in present)
    ]
    total = math.fsum(weights[factor] for factor in scaled)
    if left_out:
        progress.log(f"Left out for want of a map or of a weight: {', '.join(left_out)}.")
    if abs(total - 1) > 1e-9:
        progress.log(
            f"The weights of the factors that are used (table '{source}') add to {total:g} and were scaled to 1."
        )
    progress.log("Weights: " + ", ".join(f"{factor} {weight:.4g}" for factor, weight in scaled.items()) + ".")


def _log_missing(factor, values, progress):
    count = int(np.isnan(values).sum())
    if count:
        progress.log(f"Factor '{factor}' has no value on {count} cells ({100 * count / values.size:.2f} %).")

"""Resistance surfaces: the weighted sum of nine factors, with and without mines.

Feng, Bai & Wang (2024), Tables 1 and 2, Figs 3 to 5: a base surface (without mines, the other
weights scaled to 1), the mines' own surface (1 to 5) and the integrated one. A factor without a
map is left out and the other weights are scaled to 1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Callable

import numpy as np

from ..arrays import AnyFloats, Float32s, Floats
from ..errors import InputError
from ..grid.grid import Grid, Template, float_grid
from ..progress import SILENT, Progress
from .barriers import apply_hard_barriers
from .choices import SurfaceChoices, Transform
from .correction import check_correction, multipliers
from .dominant import DominantFactors
from .effects import EffectSums, OptionEffect, blocks_of
from .factor_layers import FactorLayers
from .factor_maps import FactorMaps
from .factors import FACTORS, LAND_COVER, MINE
from .restored import RestoredCells, restored_cells
from .scheme import Scheme, read_scheme
from .transforms import DECIMALS, transformed

KeepFactor = Callable[[str, Grid], object]
"""Called with a factor's name and its resistance, unweighted, as each is made."""


@dataclass(frozen=True)
class FactorUse:
    """One factor's weights, scores and dominance in the surfaces.

    Parameters
    ----------
    name : str
    given_weight : float
        Before the weights are scaled to 1.
    base_weight, weight : float
        In the base and in the integrated surface.
    mean : float
        Of its scores, over the cells that have one.
    missing_share : float
        Of the cells, those without a score.
    dominant_share : float
        Of the cells with a value, those that it dominates; NaN where that was not asked for.
    used : bool
        False for a factor without a map, of which only ``given_weight`` is known.
    """

    name: str
    given_weight: float
    base_weight: float = 0.0
    weight: float = 0.0
    mean: float = math.nan
    missing_share: float = math.nan
    dominant_share: float = math.nan
    used: bool = True


@dataclass(frozen=True)
class ResistanceSurfaces:
    """Base, mines' and integrated surface, and how each factor and option contributed.

    Parameters
    ----------
    base : grid.Grid
        Without mines.
    mines : grid.Grid, optional
        The mines' own resistance, unweighted; None where there is no mine.
    integrated : grid.Grid
        With mines; equals ``base`` where there is none.
    weights : dict of str to float
        Those of the integrated surface.
    factors : sequence of FactorUse
    effects : sequence of OptionEffect
        Per option and surface.
    dominant : grid.Grid, optional
        Numbers of factors: 0 where none scores above its lowest, 1 to 9 in the order of ``factors.FACTORS``,
        10 and more for further factors; 255 without value.
    """

    base: Grid
    mines: Grid | None
    integrated: Grid
    weights: Mapping[str, float]
    factors: Sequence[FactorUse] = field(default_factory=list)
    effects: Sequence[OptionEffect] = field(default_factory=list)
    dominant: Grid | None = None


def resistance_surface(
    layers: FactorLayers,
    template: Template,
    *,
    choices: SurfaceChoices | None = None,
    keep: KeepFactor | None = None,
    explain: bool = False,
    progress: Progress = SILENT,
) -> ResistanceSurfaces:
    """Base, mines' and integrated resistance surface.

    Parameters
    ----------
    layers : FactorLayers
    template : grid.Template
        Cells of the result, in metres; need not be square.
    choices : SurfaceChoices, optional
    keep : callable, optional
        Called with a factor's name and its Grid (resistance, unweighted) as each is made.
    explain : bool
        Whether to find the dominant factor of each cell, as ``dominant``.

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
    given, and corrections compare with its classes: so changing a mine's state changes cells only within the
    reach of that mine's rings or in its polygon.
    """
    choices = choices or SurfaceChoices()
    scheme = read_scheme(layers.present(), choices, progress=progress)
    check_correction(choices, layers)
    restored = _restored_cells(layers, template, scheme, progress)
    _warn_of_unused_water_codes(layers, progress)
    makers = FactorMaps(layers, template, scheme=scheme, choices=choices, restored=restored, progress=progress)
    sums = _FactorSums(layers, template, scheme, explain=explain)
    made = [factor for factor in layers.present() if factor in scheme.weights or factor == MINE]
    for number, factor in enumerate(made):
        part = progress.part(0.9 * number / len(made), 0.9 * (number + 1) / len(made))
        part(0.0)
        grid = float_grid(makers.make(factor, progress=part), template, factor)
        sums.add(factor, grid, part)
        if keep is not None:
            keep(factor, grid)
    sums.finish(progress)
    multiplier = multipliers(choices, layers, template, already_read=scheme.weights, progress=progress.part(0.9, 0.95))
    base, integrated, effects = _with_options(
        sums.total,
        sums.mines,
        mine_weight=scheme.weights.get(MINE, 0.0),
        options=_options_of(choices, multiplier),
        progress=progress.part(0.95, 1),
    )
    effects += apply_hard_barriers(
        base, integrated, layers=layers, template=template, barriers=choices.barriers, progress=progress
    )
    _log_results(base, integrated, effects, with_mines=sums.mines is not None, progress=progress)
    return ResistanceSurfaces(
        base=float_grid(base, template, "base resistance"),
        mines=sums.mines,
        integrated=float_grid(integrated, template, "integrated resistance"),
        weights=scheme.weights,
        factors=sums.uses(),
        effects=effects,
        dominant=None if sums.dominant is None else sums.dominant.grid(),
    )


def _restored_cells(
    layers: FactorLayers, template: Template, scheme: Scheme, progress: Progress
) -> list[RestoredCells]:
    """The cells that restored mines change in the maps of factors."""
    return restored_cells(
        layers.mines or (),
        template,
        table=scheme.restored,
        land_cover_rule=scheme.rules.get(LAND_COVER) if LAND_COVER in scheme.weights else None,
        progress=progress,
    )


def _warn_of_unused_water_codes(layers: FactorLayers, progress: Progress) -> None:
    if layers.water_codes and layers.water is None and layers.land_cover is None:
        progress.warn("Land-cover codes that are water are given and no land cover: the distance to water is left out.")


class _FactorSums:
    """Adds up the factors of a surface, one after the other.

    Attributes
    ----------
    total : float64 ndarray
        The weighted sum of the base surface.
    mines : grid.Grid or None
    dominant : DominantFactors or None
        Where it is asked for.
    """

    def __init__(self, layers: FactorLayers, template: Template, scheme: Scheme, *, explain: bool) -> None:
        self._scheme, self._template = scheme, template
        self.total: Floats = np.zeros(template.shape, dtype=np.float64)
        self.mines: Grid | None = None
        self.dominant = DominantFactors(template, scheme, layers.numbers()) if explain else None
        added = [factor for factor in layers.present() if factor not in FACTORS]
        # the entries of factors with a map are replaced in `add`
        self._uses = {
            factor: FactorUse(factor, scheme.given_weights[factor], used=False)
            for factor in [*FACTORS, *added]
            if factor in scheme.given_weights
        }

    def add(self, factor: str, grid: Grid, progress: Progress) -> None:
        """Add a factor's resistance."""
        values: Float32s = grid.values
        if factor == MINE:
            self.mines = grid
        else:
            _log_missing(factor, values, progress)
            progress.check()
            self.total += self._scheme.base_weights[factor] * values
        progress.check()
        self._uses[factor] = self._use_of(factor, values)
        progress.check()
        if self.dominant is not None and factor in self._scheme.weights:
            self.dominant.add(factor, values)

    def finish(self, progress: Progress) -> None:
        """Refuse a sum without any value; to be called when all factors are added."""
        if self.mines is None:
            progress.log(
                "No mines are given: the integrated surface equals the base surface, and there is no surface of mines."
            )
        if np.isnan(self.total).all():
            raise InputError(
                f"No cell of '{self._template.name}' has a value in every factor: check that the maps cover one "
                f"area, or leave one out.",
                layer=self._template.name,
            )
        if self.dominant is not None:
            self.dominant.finish(self.total)

    def uses(self) -> list[FactorUse]:
        """A `FactorUse` of each factor that has a weight or a map."""
        shares = {} if self.dominant is None else self.dominant.shares()
        return [
            replace(use, dominant_share=shares[factor]) if factor in shares else use
            for factor, use in self._uses.items()
        ]

    def _use_of(self, factor: str, values: Float32s) -> FactorUse:
        scheme, valid = self._scheme, np.count_nonzero(~np.isnan(values))
        return FactorUse(
            name=factor,
            given_weight=scheme.given_weights[factor],
            base_weight=scheme.base_weights.get(factor, 0.0),
            weight=scheme.weights.get(factor, 0.0),
            mean=float(np.nansum(values, dtype=np.float64)) / valid if valid else math.nan,
            missing_share=1 - valid / values.size,
        )


@dataclass(frozen=True)
class _SurfaceOption:
    """A transform or a correction: its name, and the function that changes a block of rows."""

    name: str
    change: Callable[[AnyFloats, slice], AnyFloats]
    is_correction: bool = False


def _options_of(choices: SurfaceChoices, multiplier: Float32s | None) -> list[_SurfaceOption]:
    """The transform and the correction that were chosen, in the order in which they are applied."""
    options = []
    if choices.transform is not Transform.NONE:
        options.append(
            _SurfaceOption(
                f"transform '{choices.transform}'",
                lambda values, rows: transformed(values, choices.transform, exponent=choices.power),
            )
        )
    if multiplier is not None:
        corrected = multiplier
        options.append(
            _SurfaceOption(
                f"correction '{choices.correction}'",
                lambda values, rows: values * corrected[rows],
                is_correction=True,
            )
        )
    return options


def _with_options(
    total: Floats,
    mines: Grid | None,
    *,
    mine_weight: float,
    options: Sequence[_SurfaceOption],
    progress: Progress,
) -> tuple[Float32s, Float32s, list[OptionEffect]]:
    """Base and integrated surface, transformed and corrected, and what each option changed."""
    is_corrected = any(option.is_correction for option in options)
    names = ["base"] if mines is None else ["base", "integrated"]
    maps: dict[str, Float32s] = {name: np.empty(total.shape, dtype=np.float32) for name in names}
    sums = {(option.name, name): EffectSums(option.name, name) for option in options for name in names}
    for rows in blocks_of(total):
        progress(rows.start / total.shape[0])
        for name in names:
            values: AnyFloats = total[rows]
            if mines is not None and name == "integrated":
                values = (1 - mine_weight) * values + mine_weight * mines.values[rows]
            for option in options:
                before, values = values, option.change(values, rows)
                sums[option.name, name].add(before, values)
            with np.errstate(over="ignore", under="ignore"):
                maps[name][rows] = values
            if is_corrected:
                _require_storable(maps[name][rows])
    base = maps["base"]
    integrated = base.copy() if mines is None else maps["integrated"]
    return base, integrated, [each.effect() for each in sums.values()]


def _require_storable(values: Float32s) -> None:
    """Refuse resistance too high or too low for float32 sums of costs."""
    values = values[~np.isnan(values)]
    if not ((values >= 10.0**-DECIMALS) & (values <= 10.0**DECIMALS)).all():
        raise InputError(
            "The correction makes resistance so high or so low that maps cannot hold it: choose "
            "multipliers nearer to 1, or a smaller exponent of the transform."
        )


def _log_results(
    base: Float32s, integrated: Float32s, effects: Sequence[OptionEffect], *, with_mines: bool, progress: Progress
) -> None:
    """Log what options changed, and how much of the map has no resistance."""
    for effect in effects:
        if not (with_mines and effect.surface == "base" and not effect.changed_share):
            progress.log(effect.text)
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


def _log_missing(factor: str, values: Float32s, progress: Progress) -> None:
    count = int(np.isnan(values).sum())
    if count:
        progress.log(f"Factor '{factor}' has no value on {count} cells ({100 * count / values.size:.2f} %).")

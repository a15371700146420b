"""The resistance of one factor from a raster, for maps of any size: by intervals or by codes."""

from __future__ import annotations

from dataclasses import dataclass

from ..arrays import AnyArray
from ..errors import InputError
from ..grid.blocks import BlockInput, BlockOutput, Classes, run
from ..grid.grid import QUANTITY, Grid, Template, Window
from ..grid.reading import RasterSource
from ..grid.slope import SlopeDegrees
from ..grid.warping import AlignedRaster
from ..progress import SILENT, Progress
from .factor_maps import beyond_ndvi, is_beyond_ndvi
from .factors import FACTORS, Rule
from .scoring import Scoring, log_shares


@dataclass(frozen=True)
class FactorChoices:
    """How a raster becomes the resistance of one factor.

    Parameters
    ----------
    rule : Rule
        With intervals or codes.
    datum_m : float
        Elevation that counts as 0.
    slope_from_dem : bool
        The raster is an elevation in metres, and its slope in degrees is scored.

    Raises
    ------
    InputError
        A datum (``datum_m``) or a slope (``slope_from_dem``) for a factor that has none.
    """

    rule: Rule
    datum_m: float = 0.0
    slope_from_dem: bool = False

    def __post_init__(self) -> None:
        if self.slope_from_dem and not self._can_score("slope"):
            raise InputError(
                f"The slope of an elevation is asked for, and the factor is '{self.rule.factor}': "
                f"choose the factor slope, or leave the slope off.",
                parameter="slope_from_dem",
            )
        if self.datum_m and (self.slope_from_dem or not self._can_score("elevation")):
            factor = "slope" if self.slope_from_dem else self.rule.factor
            raise InputError(
                f"It is {self.datum_m:g} m, and the factor is '{factor}', which has no datum: leave it at 0.",
                parameter="datum_m",
                value=self.datum_m,
            )

    def _can_score(self, factor: str) -> bool:
        """Whether the rule may score this factor: its name says so, or is a name of the planner's own."""
        return not self.rule.codes and (self.rule.factor == factor or self.rule.factor not in FACTORS)


def factor_resistance(
    source: RasterSource,
    template: Template,
    *,
    choices: FactorChoices,
    output: BlockOutput | None = None,
    progress: Progress = SILENT,
) -> dict[float, int]:
    """Resistance of a raster, for maps of any size; the log says each resistance's share of the area.

    Parameters
    ----------
    source : reading.RasterSource
    template : grid.Template
        Cells of the result.
    choices : FactorChoices
    output : blocks.BlockOutput, optional
        Takes the resistance.

    Returns
    -------
    dict of float to int
        Cells by resistance.

    Raises
    ------
    InputError
        A value or code that no row scores; NDVI that is not between -1 and 1.
    """
    rule = choices.rule
    scoring = Scoring(rule, offset=choices.datum_m, name=source.name, counted=True)
    extremes: list[tuple[float, float]] = []

    def step(_: Window, grid: Grid) -> tuple[AnyArray]:
        values, valid = grid.values, grid.valid
        if valid.any():
            held = values[valid]
            extremes.append((float(held.min()), float(held.max())))
        return (scoring.score(values, valid),)

    def check() -> None:
        lowest, highest = min(low for low, _ in extremes), max(high for _, high in extremes)
        _check_range(choices, source.name, lowest=lowest, highest=highest, progress=progress)
        scoring.check()

    run([_input_of(source, template, choices)], step, [output], check=check, progress=progress)
    log_shares(scoring.cells, total=template.rows * template.cols, name=source.name, progress=progress)
    return scoring.cells


def _input_of(source: RasterSource, template: Template, choices: FactorChoices) -> BlockInput:
    """The raster on the template's cells, as the rule scores it."""
    if choices.slope_from_dem:
        return SlopeDegrees(source, template)
    return Classes(source, template) if choices.rule.codes else AlignedRaster(source, template, QUANTITY)


def _check_range(choices: FactorChoices, name: str, *, lowest: float, highest: float, progress: Progress) -> None:
    """Refuse or warn of values that seem to be in another unit than the factor's bounds."""
    rule = choices.rule
    furthest = max(abs(lowest), abs(highest))
    has_bounds = rule.intervals is not None and bool(rule.intervals.bounds)
    if rule.factor == "ndvi" and has_bounds and is_beyond_ndvi(furthest, rule.required_intervals):
        raise beyond_ndvi(furthest, name)
    is_slope = rule.factor == "slope" and has_bounds and not choices.slope_from_dem
    if is_slope and (highest > 90 or lowest < 0):
        progress.warn(
            f"Layer '{name}' holds values from {lowest:g} to {highest:g}, and slopes in degrees lie between 0 and "
            f"90: if it is an elevation, tick 'The raster is an elevation: compute its slope'."
        )
    if rule.factor.startswith("distance_") and lowest < 0:
        progress.warn(
            f"Layer '{name}' holds values down to {lowest:g}, and distances are not negative: they are scored as "
            f"0 m. If they mean no value, declare them as the raster's nodata value."
        )

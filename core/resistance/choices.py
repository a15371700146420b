"""What a planner chooses for a resistance surface: options, tables and numbers that check themselves."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .. import tables
from ..errors import InputError
from ..land_cover_products import LandCoverProduct
from ..options import Option


class Overlap(Option):
    """Which resistance counts where the rings of several mines meet; the paper does not specify it."""

    MAXIMUM = "maximum", "maximum"
    NEAREST = "nearest mine", "nearest mine"
    CAPPED_SUM = "sum, at most 5", "sum, at most 5"


class Transform(Option):
    """How the weighted sum, which lies within 1 to 5, is spread, in the base and the integrated surface."""

    NONE = "none", "none"
    POWER = "power", "power"
    ONE_TO_100 = "1 to 100", "1 to 100"


class Correction(Option):
    """What the base and the integrated surface are multiplied by after the transform; see `correction`."""

    NONE = "none", "none"
    NIGHT_LIGHT = "night light", "night light"
    MULTIPLIER = "multiplier raster", "multiplier raster"


class HardBarrier(Option):
    """Mines or roads whose cells become nodata, so that no corridor crosses them."""

    PRODUCING_OPEN_PITS = "producing open pits", "producing open pits"
    PRODUCING_MINES = "all producing mines", "all producing mines"
    MOTORWAYS = "motorways", "motorways"
    HIGHWAYS = "highways", "highways"


@dataclass(frozen=True)
class SurfaceChoices:
    """The tables and options of a resistance surface.

    Parameters
    ----------
    factor_table, ring_table, weights, restored_table : tables.RawTable, optional
        Default: the shipped tables; the weights of the factor table.
    datum_m : float
        Elevation that counts as 0; 0 as published.
    overlap : Overlap
        Where the rings of several mines meet.
    transform : Transform
    exponent : float
        Of the transform ``POWER``; above 0.
    correction : Correction
    correction_least, correction_most : float
        Lowest and highest multiplier of the correction by night light; 1 lies between them.
    barriers : tuple of HardBarrier
    product : LandCoverProduct
        The land-cover product whose codes the shipped tables are to have.

    Raises
    ------
    InputError
        A datum that is no number; an exponent or bounds that the options chosen cannot use.
    """

    factor_table: tables.RawTable | None = None
    ring_table: tables.RawTable | None = None
    weights: tables.RawTable | None = None
    restored_table: tables.RawTable | None = None
    datum_m: float = 0.0
    overlap: Overlap = Overlap.MAXIMUM
    transform: Transform = Transform.NONE
    exponent: float | None = 2.0
    correction: Correction = Correction.NONE
    correction_least: float | None = 0.1
    correction_most: float | None = 10.0
    barriers: tuple[HardBarrier, ...] = ()
    product: LandCoverProduct = LandCoverProduct.CLCD

    def __post_init__(self) -> None:
        if not math.isfinite(self.datum_m):
            raise InputError(
                "The elevation that counts as 0 is not a number: write one in metres, such as 0.",
                parameter="datum_m",
                value=self.datum_m,
            )
        if self.transform is Transform.POWER and not (self.exponent is not None and self.exponent > 0):
            raise InputError(
                f"The exponent is {_given(self.exponent)}: choose one above 0, such as 2.",
                parameter="exponent",
                value=self.exponent,
            )
        if self.correction is Correction.NIGHT_LIGHT:
            least, most = self.correction_least, self.correction_most
            if not (least is not None and 0 < least <= 1):
                raise InputError(
                    f"The lowest multiplier of the correction by night light is {_given(least)}: it has to lie "
                    f"above 0 and up to 1.",
                    parameter="correction_least",
                    value=least,
                )
            if not (most is not None and most >= 1):
                raise InputError(
                    f"The highest multiplier of the correction by night light is {_given(most)}: it has to lie "
                    f"at 1 or above.",
                    parameter="correction_most",
                    value=most,
                )

    @property
    def power(self) -> float:
        """The exponent of the transform ``POWER``."""
        return 1.0 if self.exponent is None else self.exponent

    @property
    def correction_bounds(self) -> tuple[float, float]:
        """Lowest and highest multiplier of the correction by night light."""
        least, most = self.correction_least, self.correction_most
        return (0.0 if least is None else least, math.inf if most is None else most)


def _given(value: float | None) -> str:
    return "not given" if value is None else f"{value:g}"

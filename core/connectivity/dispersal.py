"""Dispersal: with what probability an organism covers a distance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, overload

import numpy as np

from ..errors import InputError

if TYPE_CHECKING:
    from ..arrays import Floats


@dataclass(frozen=True)
class Dispersal:
    """The negative exponential ``p = exp(-k d)`` through one point (Conefor; Saura & Pascual-Hortal 2007).

    Parameters
    ----------
    distance : float
        Metres, or resistance x metre where links are measured so; above 0.
    probability : float
        Of a direct movement over that distance; above 0, below 1.

    Raises
    ------
    InputError
        A number outside its range; names ``dispersal_distance`` or ``dispersal_probability``.
    """

    distance: float = 2500.0
    probability: float = 0.5

    def __post_init__(self) -> None:
        if not (math.isfinite(self.distance) and self.distance > 0):
            raise InputError(
                f"a dispersal distance of {self.distance:g} is not above 0; give metres, such as 2500.",
                parameter="dispersal_distance",
                value=self.distance,
            )
        if not 0 < self.probability < 1:
            raise InputError(
                f"a probability of {self.probability:g} is not between 0 and 1; give one such as 0.5.",
                parameter="dispersal_probability",
                value=self.probability,
            )

    @property
    def decay(self) -> float:
        """The constant k, per unit of distance; 0.5 at 2500 m is 2.772589e-4."""
        return -math.log(self.probability) / self.distance

    @overload
    def probability_of(self, length: float) -> float: ...

    @overload
    def probability_of(self, length: Floats) -> Floats: ...

    def probability_of(self, length: float | Floats) -> float | Floats:
        """The probability of a direct movement over a length, 1 at 0."""
        if isinstance(length, float):
            return math.exp(-self.decay * length)
        probability: Floats = np.exp(-self.decay * length)
        return probability

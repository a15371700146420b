"""The gravity above which a corridor is important: one rule each, and its function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..arrays import Bools, Floats
from ..errors import InputError
from ..natural_breaks.classes import natural_breaks
from ..options import Option
from ..progress import SILENT, Progress


class ThresholdRule(Option):
    """How the gravity above which a corridor is important is found."""

    MEAN = "mean"
    MEDIAN = "median"
    NATURAL_BREAKS = "natural breaks"
    QUANTILE = "quantile"
    FIXED = "fixed"

    @property
    def needs_number(self) -> bool:
        """Whether the planner gives the quantile or the gravity."""
        return self in (ThresholdRule.QUANTILE, ThresholdRule.FIXED)


# a new rule: a member above, at the end, and its function here
_THRESHOLDS: dict[ThresholdRule, Callable[[Floats, float, Progress], float]] = {
    ThresholdRule.MEAN: lambda values, given, progress: float(np.mean(values)),
    ThresholdRule.MEDIAN: lambda values, given, progress: float(np.median(values)),
    ThresholdRule.NATURAL_BREAKS: lambda values, given, progress: natural_breaks(
        values, 2, name="gravity", progress=progress
    ).breaks[0],
    ThresholdRule.QUANTILE: lambda values, given, progress: float(np.quantile(values, given)),
    ThresholdRule.FIXED: lambda values, given, progress: given,
}


@dataclass(frozen=True)
class Threshold:
    """The rule by which corridors become important.

    Parameters
    ----------
    rule : ThresholdRule
        Natural breaks: the bound between two classes.
    number : float, optional
        The quantile (0 to 1) or the fixed gravity; the other rules do not use it.

    Raises
    ------
    InputError
        A rule without the number that it needs, or a quantile out of its range; names ``threshold``.
    """

    rule: ThresholdRule = ThresholdRule.MEAN
    number: float | None = None

    def __post_init__(self) -> None:
        if self.rule.needs_number and self.number is None:
            such = "a share between 0 and 1, such as 0.75"
            if self.rule is ThresholdRule.FIXED:
                such = "a gravity, such as 50"
            raise InputError(f"the rule '{self.rule}' needs a threshold: give {such}.", parameter="threshold")
        if self.rule is ThresholdRule.QUANTILE and self.number is not None and not 0 <= self.number <= 1:
            raise InputError(
                f"{self.number:g} is not a quantile: give a share between 0 and 1, such as 0.75.",
                parameter="threshold",
                value=self.number,
            )

    def of(self, values: Floats, *, progress: Progress = SILENT) -> float:
        """The gravity above which a corridor is important.

        Parameters
        ----------
        values : float64 ndarray
            Gravity of all pairs, redundant ones too.
        """
        if not self.rule.needs_number and self.number is not None:
            progress.log(f"The threshold {self.number:g} is not used: rule '{self.rule}' finds its own.")
        return float(_THRESHOLDS[self.rule](values, self.number or 0.0, progress))


def is_above(values: Floats, threshold: float) -> Bools:
    """Whether values lie above a threshold by more than rounding."""
    return values > threshold + 1e-12 * abs(threshold)

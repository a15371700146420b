"""The two exceptions that core raises on purpose, and how messages name many things.

Any other exception from core is a defect of EcoNet, not of the planner's data.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class InputError(Exception):
    """Input that cannot be used.

    Parameters
    ----------
    message : str
        One sentence for a planner: which layer, table or field, what was found there, and how to remedy it. It
        names no parameter: a dialog puts its own label before it.
    parameter : str
        Core's name of the parameter at fault, such as ``min_area_km2``; empty where an input as a whole is.
    layer : str
        The layer's or table's name.
    feature : int, optional
        The feature or row, from 1.
    value : any, optional
        What was found.
    """

    def __init__(
        self,
        message: str,
        *,
        parameter: str = "",
        layer: str = "",
        feature: int | None = None,
        value: Any = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.parameter = parameter
        self.layer = layer
        self.feature = feature
        self.value = value

    def __str__(self) -> str:
        return f"{self.parameter}: {self.message}" if self.parameter else self.message


class Cancelled(Exception):  # noqa: N818 - a stop that was asked for is no error
    """The planner asked to stop; nothing of the unfinished work is kept."""

    def __init__(self, message: str = "Cancelled: this step wrote nothing.") -> None:
        super().__init__(message)


def first_few(texts: Sequence[str], most: int) -> str:
    """Texts with commas between, and how many more there are."""
    more = f" and {len(texts) - most} more" if len(texts) > most else ""
    return ", ".join(texts[:most]) + more

"""The choices behind the importance of services, and the texts in which a planner writes them."""

from __future__ import annotations

import math
from collections.abc import Sequence, Sized
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..arrays import Floats
from ..errors import InputError
from ..natural_breaks.classes import breaks_from_text, check_class_count
from ..options import Option
from ..tables import number_of, split_list
from .components import ComponentMatrix, ComponentRule, Weighting, needs_statistics
from .grid_cells import check_grid_size, grid_cell_count
from .service_names import name_key

if TYPE_CHECKING:
    from ..grid.grid import Template


class ClassifyOn(Option):
    """What natural breaks are taken from, and who gets the classes."""

    RASTER_CELLS = "cells of the raster", "cells of the raster"
    GRID_CELLS = "cells of the grid", "cells of the grid"


@dataclass(frozen=True)
class ImportanceChoices:
    """How services become one importance, and the importance classes.

    Parameters
    ----------
    weighting : Weighting
        With two services components cannot weigh: equal weights take their place.
    weights : str
        For manual weighting: ``name=value`` of every service, scaled to add to 1.
    clip : (float, float), optional
        Percentiles 0 to 100 that values are limited to before normalising (a heavy-tailed service).
    grid_size_m : float
        Side of the grid cells over which services are averaged before they are weighed.
    min_valid_share : float
        Above 0 to 1; grid cells with less are left out of the statistics.
    class_count : int
        2 to 255.
    classify_on : ClassifyOn
        Cells whose importance is classed.
    breaks : str
        Upper bounds of the classes by hand instead of natural breaks.
    component_rule : ComponentRule
        Where none passes, the first component alone weighs.
    matrix : ComponentMatrix
        What the components are taken of.

    Raises
    ------
    InputError
        A choice out of its range or a text that cannot be read; names it.
    """

    weighting: Weighting = Weighting.COMPONENT_SCORES
    weights: str = ""
    clip: tuple[float, float] | None = None
    grid_size_m: float = 3000.0
    min_valid_share: float = 0.5
    class_count: int = 5
    classify_on: ClassifyOn = ClassifyOn.RASTER_CELLS
    breaks: str = ""
    component_rule: ComponentRule = ComponentRule.EIGENVALUE
    matrix: ComponentMatrix = ComponentMatrix.CORRELATION

    def __post_init__(self) -> None:
        check_class_count(self.class_count)
        if not self.grid_size_m > 0:
            raise InputError(
                f"{self.grid_size_m:g} m is not above 0; give a size such as 3000.",
                parameter="grid_size_m",
                value=self.grid_size_m,
            )
        if not 0 < self.min_valid_share <= 1:
            raise InputError(
                f"a valid share of {self.min_valid_share:g} is out of range; give one above 0, up to 1.",
                parameter="min_valid_share",
                value=self.min_valid_share,
            )
        if self.clip is not None:
            _check_clip(self.clip, text=", ".join(f"{value:g}" for value in self.clip))
        self.upper_bounds()

    def upper_bounds(self) -> list[float] | None:
        """The upper bounds by hand, one fewer than classes; None for natural breaks."""
        return breaks_from_text(self.breaks, self.class_count) if self.breaks.strip() else None

    def manual_weights(self, names: Sequence[str]) -> Floats | None:
        """The manual weights of services by their names; None where the weights come from the services.

        Raises
        ------
        InputError
            As :func:`parse_weights`.
        """
        return parse_weights(self.weights, names) if self.weighting == Weighting.MANUAL else None

    def check_grid(self, template: Template, *, service_count: int) -> None:
        """Refuse grid cells that do not fit a map, or too few of them where services are weighed by them."""
        check_grid_size(self.grid_size_m, template)
        if not needs_statistics(self.weighting, service_count):
            return
        count = grid_cell_count(self.grid_size_m, template)
        if count < 3:
            raise InputError(
                f"{self.grid_size_m:g} m makes only {count} grid cell(s) of '{template.name or 'the map'}', too few "
                f"to weigh the services by; give a smaller grid size, or choose equal or manual weights.",
                parameter="grid_size_m",
                value=self.grid_size_m,
            )


def require_two(services: Sized) -> None:
    """Refuse fewer than two services: there is nothing to weigh."""
    if len(services) < 2:
        given = "only one is given" if len(services) else "none is given"
        raise InputError(f"{given}; choose at least two rasters of ecosystem services.", parameter="services")


def parse_weights(text: str, names: Sequence[str]) -> Floats:
    """Weights from ``habitat=0.45, carbon=0.1`` (``;`` or lines too), in the order of names, adding to 1.

    Raises
    ------
    InputError
        An unknown or missing name, one that stands twice, a weight that is no number or negative, all
        weights zero; names ``weights``.
    """

    def refusal(message: str) -> InputError:
        return InputError(message, parameter="weights", value=text)

    known = {name.lower(): index for index, name in enumerate(names)}
    values = np.full(len(names), np.nan)
    for part in split_list(text, words=True, decimals=True):
        name, equals, value = (piece.strip() for piece in part.rpartition("="))
        index = known.get(name_key(name))
        if not equals or index is None:
            raise refusal(f"'{part}' names no service; write name=value with the names {', '.join(names)}.")
        number = number_of(value)
        if number is None or number < 0:
            raise refusal(f"'{value}' of {names[index]} is not a number of at least 0; write one such as 0.25.")
        if not math.isnan(values[index]):
            raise refusal(f"{names[index]} stands twice; give each service one weight.")
        values[index] = number
    missing = [name for name, value in zip(names, values) if math.isnan(value)]
    if missing:
        raise refusal(f"no weight for {', '.join(missing)}; write name=value for every service.")
    if not values.any():
        raise refusal("all weights are 0; give at least one above 0.")
    values = values / values.max() if values.max() > 1e300 else values  # their sum would overflow
    unchanged = abs(values.sum() - 1) < 1e-12  # so that the weights of another run are the same here
    return values if unchanged else values / values.sum()


def parse_clip(text: str) -> tuple[float, float] | None:
    """Two percentiles from ``0.5, 99.5``; None where the text is empty.

    Raises
    ------
    InputError
        Anything but two ascending numbers from 0 to 100; names ``clip``.
    """
    if not text.strip():
        return None
    parts = [number_of(part) for part in split_list(text, decimals=True)]
    return _check_clip([math.nan if part is None else part for part in parts], text=text)


def _check_clip(values: Sequence[float], *, text: str) -> tuple[float, float]:
    if len(values) != 2 or not 0 <= values[0] < values[1] <= 100:
        raise InputError(
            f"'{text}' is not two ascending percentiles from 0 to 100; write two such as 0.5, 99.5.",
            parameter="clip",
            value=text,
        )
    return values[0], values[1]

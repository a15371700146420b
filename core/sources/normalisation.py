"""Services normalised by their range, so that they can be added."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..arrays import Bools, Float32s, Floats
from ..errors import InputError
from ..grid.row_blocks import row_blocks
from ..progress import SILENT, Progress

if TYPE_CHECKING:
    from ..grid.grid import Grid, Template

_BLOCK_ROWS = 512


class ValueRange(NamedTuple):
    """The values of a service that became 0 and 1, and how many cells beyond them were limited to them."""

    minimum: float
    maximum: float
    limited: int


@dataclass
class NormalisedServices:
    """Services on the same cells, each from 0 to 1.

    Parameters
    ----------
    names : list of str
        One per service.
    values : list of float32 arrays, shape (rows, cols)
        NaN where a service has no value.
    valid : boolean array, shape (rows, cols)
        Cells that have a value of every service.
    template : Template
        Of the cells.
    ranges : list of ValueRange
        One per service, in its own unit.
    """

    names: list[str]
    values: list[Float32s]
    valid: Bools
    template: Template
    ranges: list[ValueRange]

    def weighted_sum(self, weights: Floats, progress: Progress = SILENT) -> Float32s:
        """Sum of weight x service, NaN where not ``valid``; 4 bytes per cell."""
        importance = np.full(self.valid.shape, np.nan, dtype=np.float32)
        for part in row_blocks(*self.template.shape, progress, block_rows=_BLOCK_ROWS):
            total = np.zeros(self.valid[part].shape)
            for values, weight in zip(self.values, weights):
                total += weight * np.where(self.valid[part], values[part], 0)
            importance[part] = np.where(self.valid[part], total, np.nan)
        return importance


def normalise_services(
    services: Iterable[Grid],
    names: Sequence[str],
    *,
    clip: tuple[float, float] | None = None,
    progress: Progress = SILENT,
) -> NormalisedServices:
    """Services by their ranges.

    Parameters
    ----------
    services : iterable of Grid
        On the same cells; taken one after the other, so that they need not all be in memory.
    names : sequence of str
        One per service.
    clip : (float, float), optional
        Percentiles 0 to 100 that values are limited to first.

    Raises
    ------
    InputError
        A service without any value or with one value everywhere; no cell that has a value of all.
    """
    normalised, ranges = [], []
    valid: Bools | None = None
    template: Template | None = None
    for index, (service, name) in enumerate(zip(services, names)):
        values, limits = normalise(service, name=name, clip=clip, progress=progress)
        template = template or service.template
        known = ~np.isnan(values)
        valid = known if valid is None else valid & known
        normalised.append(values)
        ranges.append(limits)
        progress((index + 1) / len(names))
    if valid is None or template is None:
        raise InputError("none is given; choose rasters of ecosystem services.", parameter="services")
    if not valid.any():
        raise InputError(
            f"no cell of '{template.name or names[0]}' has a value of all of {', '.join(names)}; choose maps that "
            f"cover one area.",
            parameter="services",
        )
    return NormalisedServices(list(names), normalised, valid, template, ranges)


def normalise(
    service: Grid, *, name: str, clip: tuple[float, float] | None = None, progress: Progress = SILENT
) -> tuple[Float32s, ValueRange]:
    """A service by its range, (x - min) / (max - min).

    Parameters
    ----------
    service : Grid
        In its own unit.
    name : str
        For messages.
    clip : (float, float), optional
        Percentiles 0 to 100 that values are limited to first.

    Returns
    -------
    (float32 array, ValueRange)
        0 to 1 with NaN where there is no value.

    Raises
    ------
    InputError
        No value at all, or one value everywhere.
    """
    valid = service.valid
    if not valid.any():
        raise InputError(f"Service '{name}' holds no value at all, only nodata: choose another raster.", layer=name)
    known = service.values[valid]  # in their own type: float32 has no room for 1,000,000,000 and one more
    low, high, limited = float(known.min()), float(known.max()), 0
    if clip is not None and low < high:
        low, high = (float(v) for v in np.percentile(known, clip))
        limited = int(np.count_nonzero((known < low) | (known > high)))
        progress.log(
            f"Service '{name}': {limited} of {known.size} values were limited to {low:g} to "
            f"{high:g}, percentiles {clip[0]:g} to {clip[1]:g}."
        )
    if not low < high:
        between = "" if clip is None else f" between percentiles {clip[0]:g} and {clip[1]:g}"
        raise InputError(
            f"Service '{name}' is {low:g} everywhere{between}, so it cannot be normalised: leave "
            f"it out{', or widen the percentiles' if clip else ''}.",
            layer=name,
        )
    del known
    values = np.empty(valid.shape, dtype=np.float32)
    half = 1.0 if math.isfinite(high - low) else 0.5  # a range beyond all numbers
    for part in row_blocks(*service.template.shape, block_rows=_BLOCK_ROWS):
        block = np.where(valid[part], service.values[part], np.nan)  # float64, and float32 where both are
        block = (block.astype(np.float64) * half - low * half) / (high * half - low * half)
        values[part] = np.clip(block, 0.0, 1.0) if limited else block
        progress.check()
    return values, ValueRange(low, high, limited)

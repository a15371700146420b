"""Ids as layers carry them: numbers, or texts that a planner chose."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Union

import numpy as np

from .arrays import Ints
from .errors import InputError
from .progress import SILENT, Progress
from .tables import number_of

if TYPE_CHECKING:
    from .geometry.layers import Layer

Id = Union[int, str]

_LOWEST_ID, _HIGHEST_ID = -(1 << 63), (1 << 63) - 1


def as_id(value: Any) -> Id | None:
    """An id in one form: 3 for 3.0 and '3', other texts without blanks around, None for NULL."""
    if value is None or isinstance(value, numbers.Integral):
        return None if value is None else int(value)
    try:
        number = float(value)
    except (TypeError, ValueError):
        return str(value).strip() or None
    if math.isnan(number):
        return None
    return int(number) if math.isfinite(number) and number == math.floor(number) else str(value).strip()


def in_order(ids: Iterable[Id]) -> list[Id]:
    """Distinct ids sorted: numbers by value, then texts."""
    return sorted(set(ids), key=lambda i: (isinstance(i, str), i))


def id_list(ids: Iterable[Id]) -> str:
    """Ids as fields hold them: ``3,7``."""
    return ",".join(str(i) for i in in_order(ids))


def source_ids(sources: Layer, id_field: str = "", progress: Progress = SILENT) -> list[int]:
    """The sources' numbers: of ``id_field``, else of ``source_id``, else by area, largest first.

    Parameters
    ----------
    sources : layers.Layer
    id_field : str
        A field of whole numbers, each used once; empty: ``source_id`` where the layer has it.
    progress : Progress

    Raises
    ------
    InputError
        A field that is missing, an id that is empty or no whole number of 64 bits, or one used twice.
    """
    sources.require_some("source polygon")
    sources = sources.with_fields("source_id")
    if not id_field and "source_id" not in sources.field_names:
        areas = [-abs(geometry.GetArea()) for geometry in sources.geometries]
        ids: Ints = np.empty(len(sources), dtype=np.int64)
        ids[np.argsort(areas, kind="stable")] = np.arange(1, len(sources) + 1)
        progress.log(
            f"Layer '{sources.name}' has no field 'source_id': its sources were numbered by area, 1 the largest."
        )
        return [int(each) for each in ids]
    name = id_field or "source_id"
    sources.require_field(name, "the sources' ids")
    first_with: dict[int, int] = {}
    for index, value in enumerate(sources.values(name), start=1):
        number = _whole_number(value, sources.name, name, index)
        if number in first_with:
            raise InputError(
                f"Layer '{sources.name}', field '{name}': features {first_with[number]} and {index} "
                f"both have the id {number}; dissolve them by '{name}', or give "
                f"each source its own.",
                layer=sources.name,
                feature=index,
                value=number,
            )
        first_with[number] = index
    return list(first_with)


def _whole_number(value: Any, layer: str, field: str, feature: int) -> int:
    """An id as a field of 64 bits holds it."""
    number = None if value is None else number_of(value)
    if number is None or number != math.floor(number):
        raise InputError(
            f"Layer '{layer}', field '{field}', feature {feature}: "
            f"'{'NULL' if value is None else value}' is not a whole number; number the "
            f"sources, or choose another field.",
            layer=layer,
            feature=feature,
            value=value,
        )
    whole = int(value) if isinstance(value, int) else int(number)
    if not _LOWEST_ID <= whole <= _HIGHEST_ID:
        raise InputError(
            f"Layer '{layer}', field '{field}', feature {feature}: '{value}' is beyond the whole "
            f"numbers that a field holds (64 bits); number the sources anew, or choose another field.",
            layer=layer,
            feature=feature,
            value=value,
        )
    return whole

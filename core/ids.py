"""Ids as layers carry them: numbers, or texts that a planner chose."""

import math
import numbers

import numpy as np

from .errors import InputError
from .progress import SILENT
from .tables import number_of

_LOWEST_ID, _HIGHEST_ID = -(1 << 63), (1 << 63) - 1


def as_id(value):
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


def in_order(ids):
    """Distinct ids sorted: numbers by value, then texts."""
    return sorted(set(ids), key=lambda i: (isinstance(i, str), i))


def id_list(ids):
    """Ids as fields hold them: ``3,7``."""
    return ",".join(str(i) for i in in_order(ids))


def source_ids(sources, id_field="", progress=SILENT):
    """The sources' numbers: of ``id_field``, else of ``source_id``, else by area, largest first.

    Raises
    ------
    InputError
        A field that is missing, an id that is empty or no whole number of 64 bits, or one used twice.
    """
    sources.require_some("source polygon")
    sources = sources.with_fields("source_id")
    if not id_field and "source_id" not in sources.field_names:
        areas = [-abs(geometry.GetArea()) for geometry in sources.geometries]
        ids = np.empty(len(sources), dtype=np.int64)
        ids[np.argsort(areas, kind="stable")] = np.arange(1, len(sources) + 1)
        progress.log(
            f"Layer '{sources.name}' has no field 'source_id': its sources were numbered by area, 1 the largest."
        )
        return ids.tolist()
    name = id_field or "source_id"
    sources.require_field(name, "the sources' ids")
    ids, seen = [], {}
    for index, value in enumerate(sources.values(name), start=1):
        number = None if value is None else number_of(value)
        if number is None or number != math.floor(number):
            raise InputError(
                f"Layer '{sources.name}', field '{name}', feature {index}: "
                f"'{'NULL' if value is None else value}' is not a whole number; number the "
                f"sources, or choose another field."
            )
        number = int(value) if isinstance(value, int) else int(number)
        if not _LOWEST_ID <= number <= _HIGHEST_ID:
            raise InputError(
                f"Layer '{sources.name}', field '{name}', feature {index}: '{value}' is beyond the whole "
                f"numbers that a field holds (64 bits); number the sources anew, or choose another field."
            )
        if number in seen:
            raise InputError(
                f"Layer '{sources.name}', field '{name}': features {seen[number]} and {index} "
                f"both have the id {number}; dissolve them by '{name}', or give "
                f"each source its own."
            )
        seen[number] = index
        ids.append(number)
    return ids

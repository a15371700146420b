"""Ids as layers carry them: numbers, or texts that a planner chose."""

import math
import numbers


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

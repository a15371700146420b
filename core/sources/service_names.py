"""Names of services: unique, and fit for fields."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ..errors import InputError
from ..tables import split_list

RESERVED_FIELDS = ("fid", "geom", "cell_id", "importance", "class")


def service_names(text: str, layer_names: Sequence[str]) -> list[str]:
    """Unique names of services: from ``habitat, carbon``, or the layers' own where the text is empty.

    Raises
    ------
    InputError
        Another number of names than of layers, or a name that stands twice; names ``service_names``.
    """
    if not text.strip():
        return unique_names(layer_names)
    names = split_list(text, words=True)
    if len(names) != len(layer_names):
        raise InputError(
            f"{len(names)} name(s) for {len(layer_names)} services; give one name for each, in the order of the "
            f"layers.",
            parameter="service_names",
            value=text,
        )
    for index, name in enumerate(names):
        if name_key(name) in map(name_key, names[:index]):
            raise InputError(
                f"'{name}' stands twice; give each service a name of its own.", parameter="service_names", value=text
            )
    return unique_names(names)


def name_key(name: str) -> str:
    """A name as it is compared: without case and punctuation."""
    return re.sub(r"\W+", "_", name).strip("_").lower()


def unique_names(names: Iterable[str]) -> list[str]:
    """Names fit for fields: not empty, not one of the grid's own fields, none twice (case aside)."""
    taken, result = set(RESERVED_FIELDS), []
    for name in names:
        stem = re.sub(r"\W+", "_", str(name).strip()).strip("_") or "service"
        unique, count = stem, 1
        while unique.lower() in taken:
            count += 1
            unique = f"{stem}_{count}"
        taken.add(unique.lower())
        result.append(unique)
    return result

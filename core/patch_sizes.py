"""Size classes of patches: small, medium, large, super-large (Feng, Bai & Wang 2024, Table 3)."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import TYPE_CHECKING

from .errors import InputError
from .options import Option
from .progress import SILENT, Progress
from .tables import number_of, split_list

if TYPE_CHECKING:
    from .geometry.layers import Layer

AreaBands = tuple[float, float, float]  # km2, ascending


class SizeClass(Option):
    """How large a patch is."""

    SUPER_LARGE = "super-large", "super-large"
    LARGE = "large", "large"
    MEDIUM = "medium", "medium"
    SMALL = "small", "small"


SIZE_CLASSES = tuple(each.value for each in SizeClass)

AREA_BANDS_KM2: AreaBands = (1.0, 4.0, 7.0)

ROUNDING = 1e-9


def size_class(area_km2: float, bands: AreaBands = AREA_BANDS_KM2) -> str:
    """The size class of an area, with limits of three bands.

    small < ``bands[0]`` <= medium < ``bands[1]`` <= large <= ``bands[2]`` < super-large, areas to 1e-9 of themselves.
    """
    small, medium, large = bands
    if area_km2 < small * (1 - ROUNDING):
        return "small"
    if area_km2 < medium * (1 - ROUNDING):
        return "medium"
    return "large" if area_km2 <= large * (1 + ROUNDING) else "super-large"


def bands_from_text(text: str) -> AreaBands:
    """Three ascending areas in km2 from ``1, 4, 7``: the limits of small, medium and large patches.

    Raises
    ------
    InputError
        Names the parameter ``area_bands``.
    """
    numbers = [number_of(part) for part in split_list(text, decimals=True)]
    bands = [number for number in numbers if number is not None]
    if not (len(numbers) == len(bands) == 3 and 0 < bands[0] < bands[1] < bands[2]):
        raise InputError(
            f"'{text}' is not three ascending areas above 0 in km2; give three, such as 1, 4, 7.",
            parameter="area_bands",
            value=text,
        )
    return bands[0], bands[1], bands[2]


def size_words(layer: Layer, progress: Progress = SILENT) -> list[str]:
    """The size class of each feature from its field ``size_class``, in any case; "" for an unknown word.

    Raises
    ------
    InputError
        When no feature has one.
    """
    values = layer.values("size_class")
    words = [
        re.sub(r"[\s_-]+", "-", str(value or "").strip().lower()).replace("superlarge", SIZE_CLASSES[0])
        for value in values
    ]
    words = [word if word in SIZE_CLASSES else "" for word in words]
    unknown = [str(value if value is not None else "") for value, word in zip(values, words) if not word]
    if not unknown:
        return words
    found = ", ".join(f"'{value}'" for value in sorted(set(unknown))[:5])
    where, remedy = f"Layer '{layer.name}', field 'size_class'", f"write {', '.join(SIZE_CLASSES)}"
    if len(unknown) == len(words):
        raise InputError(
            f"{where}: {found} is no size class; {remedy}, or use a layer without this field.", layer=layer.name
        )
    progress.warn(
        f"{where}: {len(unknown)} of {len(words)} patches have no size class ({found}) and are left out; "
        f"{remedy} there."
    )
    return words


def require_size_classes(size_classes: Collection[str]) -> None:
    """Refuse an empty choice of size classes.

    Raises
    ------
    InputError
        Names the parameter ``size_classes``.
    """
    if not size_classes:
        raise InputError(
            f"No size class is chosen: choose at least one of {', '.join(SIZE_CLASSES)}.", parameter="size_classes"
        )


def of_size(layer: Layer, size_classes: Collection[str], progress: Progress = SILENT) -> list[int]:
    """Indices of the features of the wanted size classes; all where the layer has no field ``size_class``.

    Raises
    ------
    InputError
        When the layer is empty or none is of a wanted class.
    """
    layer.require_some("patch")
    require_size_classes(size_classes)
    if "size_class" not in layer.field_names:
        progress.log(f"Layer '{layer.name}' has no field 'size_class': all its {len(layer)} polygons are used.")
        return list(range(len(layer)))
    found = size_words(layer, progress)
    chosen = [index for index, value in enumerate(found) if value in size_classes]
    counts = ", ".join(f"{sum(value == name for value in found)} {name}" for name in SIZE_CLASSES)
    if not chosen:
        raise InputError(
            f"Layer '{layer.name}' has no patch of size class {' or '.join(size_classes)}, it has {counts}: choose "
            f"other size classes, or lower the limits of small, medium and large patches in step 'Patches'.",
            layer=layer.name,
        )
    progress.log(
        f"{len(chosen)} of the {len(layer)} patches of '{layer.name}' ({counts}) are of size class "
        f"{', '.join(size_classes)}."
    )
    return chosen

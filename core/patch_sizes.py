"""Size classes of patches: small, medium, large, super-large (Feng, Bai & Wang 2024, Table 3)."""

import re

from .errors import InputError
from .progress import SILENT
from .tables import number_of, split_list

SIZE_CLASSES = ("super-large", "large", "medium", "small")

AREA_BANDS_KM2 = (1.0, 4.0, 7.0)

ROUNDING = 1e-9


def size_class(area_km2, bands=AREA_BANDS_KM2):
    """Small < bands[0] <= medium < bands[1] <= large <= bands[2] < super-large, areas to 1e-9 of themselves."""
    small, medium, large = bands
    if area_km2 < small * (1 - ROUNDING):
        return "small"
    if area_km2 < medium * (1 - ROUNDING):
        return "medium"
    return "large" if area_km2 <= large * (1 + ROUNDING) else "super-large"


def bands_from_text(text, name="Limits of small, medium and large patches (AREA_BANDS)"):
    """Three ascending areas in km2 from ``1, 4, 7``."""
    bands = tuple(number_of(part) for part in split_list(text, decimals=True))
    if len(bands) != 3 or None in bands or not 0 < bands[0] < bands[1] < bands[2]:
        raise InputError(f"{name}: '{text}' is not three ascending areas above 0 in km2; give three, such as 1, 4, 7.")
    return bands


def size_words(features, progress=SILENT):
    """The size class of each feature by its field ``size_class``, whatever its case; "" where it is none.

    Raises
    ------
    InputError
        When no feature has one.
    """
    values = features.values("size_class")
    words = [
        re.sub(r"[\s_-]+", "-", str(value or "").strip().lower()).replace("superlarge", SIZE_CLASSES[0])
        for value in values
    ]
    words = [word if word in SIZE_CLASSES else "" for word in words]
    unknown = [str(value if value is not None else "") for value, word in zip(values, words) if not word]
    if not unknown:
        return words
    told = ", ".join(f"'{value}'" for value in sorted(set(unknown))[:5])
    where, mend = f"Layer '{features.name}', field 'size_class'", f"write {', '.join(SIZE_CLASSES)}"
    if len(unknown) == len(words):
        raise InputError(f"{where}: {told} is no size class; {mend}, or use a layer without this field.")
    progress.warn(
        f"{where}: {len(unknown)} of {len(words)} patches have no size class ({told}) and are left out; {mend} there."
    )
    return words


def require_size_classes(size_classes):
    """Refuse that none is chosen."""
    if not size_classes:
        raise InputError(f"No size class (SIZE_CLASSES) is chosen: choose at least one of {', '.join(SIZE_CLASSES)}.")


def of_size(features, size_classes, progress=SILENT):
    """Indices of the features of the wanted size classes; all where the layer has no ``size_class``.

    Raises
    ------
    InputError
        When the layer is empty or none is of a wanted class.
    """
    features.require_some("patch")
    require_size_classes(size_classes)
    if "size_class" not in features.field_names:
        progress.log(f"Layer '{features.name}' has no field 'size_class': all its {len(features)} polygons are used.")
        return list(range(len(features)))
    found = size_words(features, progress)
    chosen = [index for index, value in enumerate(found) if value in size_classes]
    counts = ", ".join(f"{sum(value == name for value in found)} {name}" for name in SIZE_CLASSES)
    if not chosen:
        raise InputError(
            f"Layer '{features.name}' has no patch of size class {' or '.join(size_classes)}, it has "
            f"{counts}: choose other size classes (SIZE_CLASSES), or lower the limits of small, medium "
            f"and large patches (AREA_BANDS) in step 'Patches'."
        )
    progress.log(
        f"{len(chosen)} of the {len(features)} patches of '{features.name}' ({counts}) are of size class "
        f"{', '.join(size_classes)}."
    )
    return chosen

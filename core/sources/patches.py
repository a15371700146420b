"""Patches of important ground and their size classes.

Section 2.4 of Feng, Bai & Wang (2024): cells of the very important and important classes join into
patches; 7, 4 and 1 km2 part super-large, large, medium and small ones.
"""

import math
from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from ..progress import SILENT
from ..tables import number_of, split_list
from ..vector import polygonize

SIZE_CLASSES = ("super-large", "large", "medium", "small")
AREA_BANDS_KM2 = (1.0, 4.0, 7.0)

_BLOCK = 512


@dataclass
class Patch:
    """One patch; ``importance_mean`` is NaN where no importance map is given."""

    patch_id: int
    area_km2: float
    size_class: str
    importance_mean: float
    geometry: object


def size_class(area_km2, bands=AREA_BANDS_KM2):
    """small < bands[0] <= medium < bands[1] <= large <= bands[2] < super-large."""
    small, medium, large = bands
    if area_km2 < small:
        return "small"
    if area_km2 < medium:
        return "medium"
    return "large" if area_km2 <= large else "super-large"


def bands_from_text(text, name="Limits of small, medium and large patches (AREA_BANDS)"):
    """Three ascending areas in km2 from ``1, 4, 7``."""
    bands = tuple(number_of(part) for part in split_list(text, decimals=True))
    if len(bands) != 3 or None in bands or not 0 < bands[0] < bands[1] < bands[2]:
        raise InputError(f"{name}: '{text}' is not three ascending areas above 0 in km2; give three, "
                         f"such as 1, 4, 7.")
    return bands


def classes_from_text(text, name="Classes that make patches (PATCH_CLASSES)"):
    """Class numbers from ``4, 5``."""
    numbers = [number_of(part) for part in split_list(text)]
    if not numbers or any(n is None or n != math.floor(n) for n in numbers):
        raise InputError(f"{name}: '{text}' is not a list of class numbers; write 4, 5.")
    return tuple(int(n) for n in numbers)


def find_patches(classes, patch_classes=(4, 5), importance=None, bands=AREA_BANDS_KM2, diagonals=True,
                 progress=SILENT):
    """Connected cells of the chosen classes as polygons that follow the cells.

    Parameters
    ----------
    classes : raster.Grid of whole numbers
    patch_classes : tuple of int
        Classes that make a patch.
    importance : raster.Grid, optional
        On the same cells; its mean over the cells that have a value goes to each patch.
    bands : three ascending floats
        km2; see :func:`size_class`.
    diagonals : bool
        True: cells that meet at a corner are one patch (8 neighbours); False: 4 neighbours.

    Returns
    -------
    list of Patch
        Largest first, ``patch_id`` from 1 in that order; equal areas from the top left.

    Raises
    ------
    InputError
        When no cell has one of the classes.

    Notes
    -----
    Memory: 4 bytes per cell for labels and 4 while they are turned into polygons.
    """
    from scipy import ndimage

    template = classes.template
    chosen = np.isin(classes.values, np.asarray(patch_classes)) & classes.valid
    if not chosen.any():
        have = ", ".join(str(v) for v in np.unique(classes.values[classes.valid])[:20].tolist()) or "none"
        raise InputError(f"No cell of '{classes.name}' has class {' or '.join(map(str, patch_classes))}; its "
                         f"classes are {have}: choose the classes that make patches (PATCH_CLASSES) among "
                         f"them.")
    progress(0.05)
    labels = np.zeros(template.shape, dtype=np.int32)
    count = ndimage.label(chosen, np.ones((3, 3)) if diagonals else None, output=labels)
    del chosen
    progress(0.3)
    cells = np.bincount(labels.reshape(-1), minlength=count + 1)[1:]
    order = np.argsort(-cells, kind="stable")
    renumber = np.zeros(count + 1, dtype=np.int32)
    renumber[order + 1] = np.arange(1, count + 1, dtype=np.int32)
    for start in range(0, template.rows, _BLOCK):
        labels[start:start + _BLOCK] = renumber[labels[start:start + _BLOCK]]
    cells = cells[order]
    progress(0.4)
    means = np.full(count, np.nan) if importance is None else _means(labels, count, importance, progress)
    polygons = polygonize(labels, template, progress.part(0.5, 0.95))
    progress(0.95)
    areas = cells * template.cell_area_m2 / 1e6
    patches = [Patch(i + 1, float(areas[i]), size_class(areas[i], bands), float(means[i]), polygons[i + 1])
               for i in range(count)]
    for row in size_summary(patches):
        progress.log("{}: {} patch(es), {:.3f} km2, {:.1f} % of the patches' area.".format(*row))
    progress(1.0)
    return patches


def _means(labels, count, importance, progress):
    sums, known = np.zeros(count + 1), np.zeros(count + 1)
    for start in range(0, labels.shape[0], _BLOCK):
        part = slice(start, start + _BLOCK)
        values = importance.values[part].astype(np.float64)
        inside = (labels[part] > 0) & importance.like(importance.values[part], importance.nodata).valid
        here = labels[part][inside]
        sums += np.bincount(here, weights=values[inside], minlength=count + 1)
        known += np.bincount(here, minlength=count + 1)
        progress(0.4 + 0.1 * start / labels.shape[0])
    with np.errstate(invalid="ignore"):
        return (sums / known)[1:]


def size_summary(patches):
    """(size class, count, area_km2, share of the area in %) per size class, largest class first."""
    total = sum(p.area_km2 for p in patches)
    rows = []
    for name in SIZE_CLASSES:
        areas = [p.area_km2 for p in patches if p.size_class == name]
        rows.append((name, len(areas), sum(areas), 100 * sum(areas) / total if total else 0.0))
    return rows


# patches as a layer -------------------------------------------------------------------------------------

def of_size(features, size_classes, progress=SILENT):
    """Indices of the features of the wanted size classes; all where the layer has no ``size_class``.

    Raises
    ------
    InputError
        When the layer is empty or none is of a wanted class.
    """
    features.require_some("patch")
    if not size_classes:
        raise InputError(f"No size class (SIZE_CLASSES) is chosen: choose at least one of {', '.join(SIZE_CLASSES)}.")
    if "size_class" not in features.field_names:
        progress.log(f"Layer '{features.name}' has no field 'size_class': all its {len(features)} polygons are used.")
        return list(range(len(features)))
    found = features.values("size_class")
    chosen = [index for index, value in enumerate(found) if value in size_classes]
    counts = ", ".join(f"{sum(value == name for value in found)} {name}" for name in SIZE_CLASSES)
    if not chosen:
        raise InputError(f"Layer '{features.name}' has no patch of size class {' or '.join(size_classes)}, it has "
                         f"{counts}: choose other size classes (SIZE_CLASSES), or lower the limits of small, medium "
                         f"and large patches (AREA_BANDS) in step 'Patches'.")
    progress.log(f"{len(chosen)} of the {len(features)} patches of '{features.name}' ({counts}) are of size class "
                 f"{', '.join(size_classes)}.")
    return chosen

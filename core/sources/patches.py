"""Patches of important ground and their size classes.

Section 2.4 of Feng, Bai & Wang (2024): cells of the very important and important classes join into
patches; 7, 4 and 1 km2 part super-large, large, medium and small ones.
"""

import math
from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from ..geometry.cells import polygonize
from ..patch_sizes import AREA_BANDS_KM2, ROUNDING, SIZE_CLASSES, size_class
from ..progress import SILENT
from ..tables import number_of, split_list

_BLOCK = 512  # rows that are worked on together

LISTED = 30  # patches that the report tells one by one


@dataclass
class Patch:
    """One patch; ``importance_mean`` is NaN where no importance map is given."""

    patch_id: int
    area_km2: float
    size_class: str
    importance_mean: float
    geometry: object


def classes_from_text(text, name="Classes that make patches (PATCH_CLASSES)"):
    """Class numbers from ``4, 5``."""
    numbers = [number_of(part) for part in split_list(text)]
    if not numbers or any(n is None or n != math.floor(n) for n in numbers):
        raise InputError(
            f"{name}: '{text}' is not a list of class numbers; write whole numbers with commas between, such as 4, 5."
        )
    return tuple(int(n) for n in numbers)


@dataclass
class Delineation:
    """The patches of a map and what the options changed; areas in km2.

    ``filled``: (holes, area, holes left because they hold cells without a value); ``cut``: (area, patches
    gone, patches split); ``dropped``: (patches, area). None where the option is off.
    """

    patches: list
    map_name: str
    map_km2: float
    cell_km2: float
    bands: tuple
    filled: tuple = None
    cut: tuple = None
    dropped: tuple = None

    @property
    def total_km2(self):
        return float(sum(patch.area_km2 for patch in self.patches))


def check_options(min_area_km2=None, fill_holes_km2=None, sliver_cells=None):
    """Refuse what cannot be a least area, a largest hole or a least width."""
    for value, name, what in (
        (min_area_km2, "Least area (MIN_AREA)", "an area of 0 km2 or more"),
        (fill_holes_km2, "Largest hole that is filled (HOLES)", "an area of 0 km2 or more"),
        (sliver_cells, "Least width (SLIVERS)", "a number of cells, 0 or more"),
    ):
        if value is not None and not value >= 0:
            raise InputError(f"{name}: {value:g} is not {what}; correct it or leave it empty.")


def find_patches(
    classes, patch_classes=(4, 5), importance=None, bands=AREA_BANDS_KM2, diagonals=True, progress=SILENT, **options
):
    """The patches of :func:`delineate`, as a list of Patch."""
    return delineate(classes, patch_classes, importance, bands, diagonals, progress=progress, **options).patches


def delineate(
    classes,
    patch_classes=(4, 5),
    importance=None,
    bands=AREA_BANDS_KM2,
    diagonals=True,
    min_area_km2=None,
    fill_holes_km2=None,
    sliver_cells=None,
    progress=SILENT,
):
    """Connected cells of the chosen classes as polygons that follow the cells.

    In this order: holes are filled, narrow parts cut, patches joined, small ones dropped.

    Parameters
    ----------
    classes : grid.Grid of whole numbers
    patch_classes : tuple of int
        Classes that make a patch.
    importance : grid.Grid, optional
        On the same cells; its mean over the cells that have a value goes to each patch.
    bands : three ascending floats
        km2; see :func:`size_class`.
    diagonals : bool
        True: cells that meet at a corner are one patch (8 neighbours); False: 4 neighbours.
    min_area_km2 : float, optional
        Patches below it are dropped; None or 0: none.
    fill_holes_km2 : float, optional
        Holes not larger than this become ground of the patch around them; None or 0: none. A hole is
        connected ground of other classes that does not reach the edge of the map, its cells joined by 4
        neighbours where patches are joined by 8, and the other way round (Rosenfeld 1970, J. ACM 17:
        146). A patch inside a hole does not count to the hole's area. A hole with cells without a value
        is kept: what lies there is not known.
    sliver_cells : int, optional
        Parts narrower than so many cells are cut off: what is left is the union of all squares of that
        side that fit into the patches (opening; Serra 1982). Pieces that no longer meet are patches of
        their own. Ground outside the map counts as no patch. None, 0 and 1: nothing is cut.

    Returns
    -------
    Delineation
        Patches largest first, ``patch_id`` from 1 in that order; equal areas from the top left.

    Raises
    ------
    InputError
        When no cell has one of the classes, none is left, or an option is out of range.

    Notes
    -----
    Memory beside the inputs: 11 bytes per cell (labels, the same for GDAL, masks), and polygons, which
    take up to 6 KB per patch where each cell is on its own; time is mostly that of GDAL's polygons.
    """
    check_options(min_area_km2, fill_holes_km2, sliver_cells)
    template = classes.template
    km2 = template.cell_area_m2 / 1e6
    chosen, known = _chosen(classes, patch_classes, progress.part(0, 0.05))
    result = Delineation([], classes.name, known * km2, km2, tuple(bands))
    labels = np.empty(template.shape, dtype=np.int32)
    neighbours = np.ones((3, 3)) if diagonals else None
    if fill_holes_km2:
        holes, cells, unknown = _fill_holes(
            chosen, classes, fill_holes_km2 / km2 * (1 + ROUNDING), diagonals, labels, progress.part(0.05, 0.15)
        )
        result.filled = holes, cells * km2, unknown
        progress.log(
            f"{holes} hole(s) of at most {fill_holes_km2:g} km2 were filled, {cells * km2:.3f} km2 in all"
            + (f"; {unknown} such hole(s) hold cells without a value and were kept." if unknown else ".")
        )
    if sliver_cells and sliver_cells > min(template.shape):
        raise _too_wide(classes.name, sliver_cells)
    if sliver_cells and sliver_cells > 1:
        cells, gone, split = _cut_slivers(chosen, int(sliver_cells), neighbours, labels, progress.part(0.15, 0.25))
        result.cut = cells * km2, gone, split
        progress.log(
            f"Parts narrower than {sliver_cells} cells were cut off, {cells * km2:.3f} km2 in all: {gone} "
            f"patch(es) are gone wholly, {split} fell into pieces, each a patch of its own."
        )
    _, cells = label_patches(chosen, diagonals, labels, progress)
    count = cells.size
    if not count:
        raise _too_wide(classes.name, sliver_cells)
    del chosen
    progress(0.3)
    order = np.argsort(-cells, kind="stable")
    if min_area_km2:
        kept = int(np.count_nonzero(cells * km2 >= min_area_km2 * (1 - ROUNDING)))
        if not kept:
            raise InputError(
                f"The largest of the {count} patches of '{classes.name}' has {cells.max() * km2:g} km2, "
                f"less than the least area of {min_area_km2:g} km2 (MIN_AREA): lower it."
            )
        result.dropped = count - kept, float(cells[order[kept:]].sum() * km2)
        progress.log(
            f"{count - kept} of {count} patches are smaller than {min_area_km2:g} km2 and were dropped, {result.dropped[1]:.3f} km2 in all."
        )
        order, count = order[:kept], kept
    renumber = np.zeros(cells.size + 1, dtype=np.int32)
    renumber[order + 1] = np.arange(1, count + 1, dtype=np.int32)
    for part in _blocks(labels):
        labels[part] = renumber[labels[part]]
        progress.check()
    areas = cells[order] * km2
    progress(0.4)
    means = np.full(count, np.nan) if importance is None else _means(labels, count, importance, progress)
    polygons = polygonize(labels, template, progress.part(0.5, 0.95))
    progress(0.95)
    result.patches = [
        Patch(i + 1, float(areas[i]), size_class(areas[i], bands), float(means[i]), polygons[i + 1])
        for i in range(count)
    ]
    for row in size_summary(result.patches):
        progress.log("{}: {} patch(es), {:.3f} km2, {:.1f} % of the patches' area.".format(*row))
    progress(1.0)
    return result


def label_patches(chosen, diagonals=True, labels=None, progress=SILENT):
    """Connected cells of a mask, numbered from 1 from the top left.

    Parameters
    ----------
    chosen : boolean array, shape (rows, cols)
    labels : int32 array of that shape, optional
        Written to.

    Returns
    -------
    (int32 array, int64 array)
        Labels, 0 elsewhere, and the number of cells of each.
    """
    labels = np.empty(chosen.shape, dtype=np.int32) if labels is None else labels
    count = _label(chosen, np.ones((3, 3)) if diagonals else None, labels, progress)
    return labels, _counts(labels, count, progress)


def _too_wide(name, sliver_cells):
    return InputError(
        f"No part of the patches of '{name}' is {sliver_cells} cells wide: lower the least width (SLIVERS) "
        f"or leave it empty."
    )


def _blocks(array):
    for start in range(0, array.shape[0], _BLOCK):
        yield slice(start, start + _BLOCK)


def _valid(grid, part):
    return grid.like(grid.values[part], grid.nodata).valid


def _chosen(classes, patch_classes, progress):
    """Mask of the cells of some classes, and the number of cells that have a value."""
    chosen, known = np.zeros(classes.values.shape, dtype=bool), 0
    for part in _blocks(chosen):
        valid = _valid(classes, part)
        for value in patch_classes:
            chosen[part] |= classes.values[part] == value
        chosen[part] &= valid
        known += int(np.count_nonzero(valid))
        progress.check()
    if not chosen.any():
        have = ", ".join(str(v) for v in np.unique(classes.values[classes.valid])[:20].tolist()) or "none"
        raise InputError(
            f"No cell of '{classes.name}' has class {' or '.join(map(str, patch_classes))}; its "
            f"classes are {have}: choose the classes that make patches (PATCH_CLASSES) among "
            f"them."
        )
    progress(1.0)
    return chosen, known


def _label(mask, neighbours, labels, progress):
    from scipy import ndimage

    progress.check()
    count = ndimage.label(mask, neighbours, output=labels)
    progress.check()
    return count


def _counts(labels, count, progress):
    """Cells per label from 1, by parts: ``bincount`` turns what it is given into 8 bytes per cell."""
    cells = np.zeros(count + 1, dtype=np.int64)
    for part in _blocks(labels):
        here = np.bincount(labels[part].reshape(-1))
        cells[: here.size] += here
        progress.check()
    return cells[1:]


def _fill_holes(chosen, classes, limit_cells, diagonals, labels, progress):
    """Fill holes in place; (holes filled, cells filled, holes of that size with cells without a value)."""
    count = _label(~chosen, None if diagonals else np.ones((3, 3)), labels, progress)
    progress(0.5)
    cells = np.concatenate(([0], _counts(labels, count, progress)))
    enclosed = cells <= limit_cells
    for edge in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        enclosed[edge] = False
    enclosed[0] = False
    unknown = np.zeros(count + 1, dtype=bool)
    for part in _blocks(labels):
        unknown[labels[part][~_valid(classes, part)]] = True
    fill = enclosed & ~unknown
    for part in _blocks(labels):
        chosen[part] |= fill[labels[part]]
        progress.check()
    progress(1.0)
    return int(fill.sum()), int(cells[fill].sum()), int((enclosed & unknown).sum())


def _cut_slivers(chosen, width, neighbours, labels, progress):
    """Open in place; (cells cut, patches gone, patches that fell into pieces)."""
    from scipy import ndimage

    before = _label(chosen, neighbours, labels, progress)
    opened = chosen.view(np.uint8)
    for find, origin in ((ndimage.minimum_filter1d, 0), (ndimage.maximum_filter1d, -1 if width % 2 == 0 else 0)):
        for axis in (0, 1):  # the square of an even side is off its cell, and the way back has to undo that
            opened = find(opened, width, axis=axis, mode="constant", cval=0, origin=origin)
            progress.check()
    cut = int(np.count_nonzero(chosen)) - int(np.count_nonzero(opened))
    chosen[...] = opened
    progress(0.5)
    after = np.empty_like(labels)
    pieces = _label(opened, neighbours, after, progress)
    parent = np.zeros(pieces + 1, dtype=np.int32)
    for part in _blocks(labels):
        parent[after[part]] = labels[part]
        progress.check()
    left = np.bincount(parent[1:], minlength=before + 1)[1:]
    progress(1.0)
    return cut, int((left == 0).sum()), int((left > 1).sum())


def _means(labels, count, importance, progress):
    sums, known = np.zeros(count + 1), np.zeros(count + 1)
    for part in _blocks(labels):
        values = importance.values[part].astype(np.float64)
        inside = (labels[part] > 0) & _valid(importance, part)
        here = labels[part][inside]
        sums += np.bincount(here, weights=values[inside], minlength=count + 1)
        known += np.bincount(here, minlength=count + 1)
        progress(0.4 + 0.1 * part.start / labels.shape[0])
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

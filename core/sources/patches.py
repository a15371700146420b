"""Patches of important ground and their size classes.

Section 2.4 of Feng, Bai & Wang (2024): cells of the very important and important classes join into
patches; 7, 4 and 1 km2 part super-large, large, medium and small ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from osgeo import ogr

from ..arrays import AnyArray, Bools, Floats, Int32s, Ints
from ..errors import InputError, first_few
from ..geometry.cells import polygonize
from ..grid.grid import Grid
from ..grid.row_blocks import row_blocks
from ..patch_sizes import AREA_BANDS_KM2, ROUNDING, SIZE_CLASSES, AreaBands, size_class
from ..progress import SILENT, Progress
from ..tables import number_of, split_list

_BLOCK_ROWS = 512


@dataclass(frozen=True)
class PatchChoices:
    """Which cells make patches, and what is done to them.

    Parameters
    ----------
    patch_classes : tuple of int
        Classes that make a patch.
    area_bands : three ascending floats
        Limits of small, medium and large patches; see :func:`~..patch_sizes.size_class`.
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

    Raises
    ------
    InputError
        A choice out of its range; names it.
    """

    patch_classes: tuple[int, ...] = (4, 5)
    area_bands: AreaBands = AREA_BANDS_KM2
    diagonals: bool = True
    min_area_km2: float | None = None
    fill_holes_km2: float | None = None
    sliver_cells: int | None = None

    def __post_init__(self) -> None:
        small, medium, large = self.area_bands
        if not 0 < small < medium < large:
            raise InputError(
                f"{small:g}, {medium:g}, {large:g} are not three ascending areas above 0; give three, such as 1, 4, 7.",
                parameter="area_bands",
                value=self.area_bands,
            )
        for name, what in (
            ("min_area_km2", "an area of 0 km2 or more"),
            ("fill_holes_km2", "an area of 0 km2 or more"),
            ("sliver_cells", "a number of cells, 0 or more"),
        ):
            value = getattr(self, name)
            if value is not None and not value >= 0:
                raise InputError(f"{value:g} is not {what}; correct it or leave it empty.", parameter=name, value=value)


@dataclass
class Patch:
    """One patch; ``importance_mean`` is NaN where no importance map is given."""

    patch_id: int
    area_km2: float
    size_class: str
    importance_mean: float
    geometry: ogr.Geometry


class FilledHoles(NamedTuple):
    """Holes that were filled, their area, and holes that were kept because they hold cells without a value."""

    holes: int
    area_km2: float
    kept: int


class CutSlivers(NamedTuple):
    """Area of the narrow parts that were cut off, and patches that are gone or fell into pieces by it."""

    area_km2: float
    gone: int
    split: int


class DroppedPatches(NamedTuple):
    """Patches below the least area, and their area."""

    patches: int
    area_km2: float


@dataclass
class Delineation:
    """The patches of a map, and what the choices changed: None where a choice is off.

    Parameters
    ----------
    patches : list of Patch
        Largest first.
    map_name : str
        Of the map of classes.
    map_km2, cell_km2 : float
        Area of its cells that have a value, and of one.
    bands : three floats
        As in `PatchChoices`.
    filled : FilledHoles, optional
    cut : CutSlivers, optional
    dropped : DroppedPatches, optional
    """

    map_name: str
    map_km2: float
    cell_km2: float
    bands: AreaBands
    patches: list[Patch] = field(default_factory=list)
    filled: FilledHoles | None = None
    cut: CutSlivers | None = None
    dropped: DroppedPatches | None = None

    @property
    def total_km2(self) -> float:
        """Area of all patches."""
        return float(sum(patch.area_km2 for patch in self.patches))


class SizeSummary(NamedTuple):
    """The patches of a size class; ``share`` is that of the area of all patches, in %."""

    size_class: str
    patch_count: int
    area_km2: float
    share: float


_DEFAULT_CHOICES = PatchChoices()


def classes_from_text(text: str, *, parameter: str = "patch_classes") -> tuple[int, ...]:
    """Class numbers from ``4, 5``.

    Raises
    ------
    InputError
        An empty text or anything but whole numbers; names ``parameter``.
    """
    numbers = [number_of(part) for part in split_list(text)]
    if not numbers or any(n is None or n != math.floor(n) for n in numbers):
        raise InputError(
            f"'{text}' is not a list of class numbers; write whole numbers with commas between, such as 4, 5.",
            parameter=parameter,
            value=text,
        )
    return tuple(int(n) for n in numbers if n is not None)


def delineate(
    classes: Grid,
    choices: PatchChoices = _DEFAULT_CHOICES,
    *,
    importance: Grid | None = None,
    progress: Progress = SILENT,
) -> Delineation:
    """Connected cells of the chosen classes as polygons that follow the cells.

    In this order: holes are filled, narrow parts cut, patches joined, small ones dropped.

    Parameters
    ----------
    classes : Grid of whole numbers
        Such as importance classes.
    choices : PatchChoices
        Which classes make patches, and what is done to them.
    importance : Grid, optional
        On the same cells; its mean over the cells that have a value goes to each patch.

    Returns
    -------
    Delineation
        Patches largest first, ``patch_id`` from 1 in that order; equal areas from the top left.

    Raises
    ------
    InputError
        When no cell has one of the classes, or no patch is left.

    Notes
    -----
    Memory beside the inputs: 11 bytes per cell (patch numbers, the same for GDAL, masks), and polygons, which
    take up to 6 KB per patch where each cell is on its own; time is mostly that of GDAL's polygons.
    """
    template = classes.template
    km2 = template.cell_area_m2 / 1e6
    chosen, known = _chosen_cells(classes, choices.patch_classes, progress.part(0, 0.05))
    result = Delineation(classes.name, known * km2, km2, choices.area_bands)
    numbers = np.empty(template.shape, dtype=np.int32)
    if choices.fill_holes_km2:
        result.filled = _fill_holes(chosen, classes, choices, numbers=numbers, progress=progress.part(0.05, 0.15))
    if choices.sliver_cells and choices.sliver_cells > min(template.shape):
        raise _nothing_so_wide(classes.name, choices.sliver_cells)
    if choices.sliver_cells and choices.sliver_cells > 1:
        cut_cells, gone, split = _cut_slivers(chosen, choices, numbers=numbers, progress=progress.part(0.15, 0.25))
        result.cut = CutSlivers(cut_cells * km2, gone, split)
        progress.log(
            f"Parts narrower than {choices.sliver_cells} cells were cut off, {result.cut.area_km2:.3f} km2 in all: "
            f"{gone} patch(es) are gone wholly, {split} fell into pieces, each a patch of its own."
        )
    _, cells = number_patches(chosen, diagonals=choices.diagonals, out=numbers, progress=progress)
    if not cells.size:
        raise _nothing_so_wide(classes.name, choices.sliver_cells or 0)
    del chosen
    progress(0.3)
    order = np.argsort(-cells, kind="stable")
    if choices.min_area_km2:
        order, result.dropped = _drop_small(order, cells, km2=km2, min_area_km2=choices.min_area_km2, name=classes.name)
        progress.log(
            f"{result.dropped.patches} of {cells.size} patches are smaller than {choices.min_area_km2:g} km2 and were "
            f"dropped, {result.dropped.area_km2:.3f} km2 in all."
        )
    _renumber(numbers, order, patch_count=cells.size, progress=progress)
    areas = cells[order] * km2
    progress(0.4)
    means: Floats = np.full(order.size, np.nan)
    if importance is not None:
        means = _mean_importance(numbers, importance, patch_count=order.size, progress=progress.part(0.4, 0.5))
    polygons = polygonize(numbers, template, progress.part(0.5, 0.95))
    progress(0.95)
    result.patches = [
        Patch(i + 1, float(areas[i]), size_class(areas[i], choices.area_bands), float(means[i]), polygons[i + 1])
        for i in range(order.size)
    ]
    for row in size_summary(result.patches):
        progress.log("{}: {} patch(es), {:.3f} km2, {:.1f} % of the patches' area.".format(*row))
    progress(1.0)
    return result


def number_patches(
    chosen: Bools, *, diagonals: bool = True, out: Int32s | None = None, progress: Progress = SILENT
) -> tuple[Int32s, Ints]:
    """Connected cells of a mask, numbered from 1 from the top left.

    Parameters
    ----------
    chosen : boolean array, shape (rows, cols)
        Cells of patches.
    diagonals : bool
        Whether cells that meet at a corner are connected.
    out : int32 array of that shape, optional
        Written to.

    Returns
    -------
    (int32 array, int64 array)
        Patch numbers, 0 elsewhere, and the number of cells of each patch.
    """
    numbers = np.empty(chosen.shape, dtype=np.int32) if out is None else out
    count = _label(chosen, _neighbours(diagonals), numbers, progress)
    return numbers, _cell_counts(numbers, count, progress)


def size_summary(patches: Sequence[Patch]) -> list[SizeSummary]:
    """Count and area of the patches of each size class, largest class first."""
    total = sum(p.area_km2 for p in patches)
    rows = []
    for name in SIZE_CLASSES:
        areas = [p.area_km2 for p in patches if p.size_class == name]
        rows.append(SizeSummary(name, len(areas), sum(areas), 100 * sum(areas) / total if total else 0.0))
    return rows


def _nothing_so_wide(name: str, sliver_cells: int) -> InputError:
    return InputError(
        f"no part of the patches of '{name}' is {sliver_cells} cells wide; lower the least width or leave it empty.",
        parameter="sliver_cells",
        value=sliver_cells,
    )


def _blocks(array: AnyArray) -> Iterator[slice]:
    rows, cols = array.shape
    return row_blocks(rows, cols, block_rows=_BLOCK_ROWS)


def _valid(grid: Grid, part: slice) -> Bools:
    valid: Bools = grid.like(grid.values[part], grid.nodata).valid
    return valid


def _neighbours(diagonals: bool) -> Floats | None:
    """The structure for scipy.ndimage.label: 8 neighbours, or None for 4."""
    return np.ones((3, 3)) if diagonals else None


def _chosen_cells(classes: Grid, patch_classes: tuple[int, ...], progress: Progress) -> tuple[Bools, int]:
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
        have = first_few([str(v) for v in np.unique(classes.values[classes.valid]).tolist()], 20) or "none"
        raise InputError(
            f"no cell of '{classes.name}' has class {' or '.join(map(str, patch_classes))}; its classes are "
            f"{have}; choose among them.",
            parameter="patch_classes",
            layer=classes.name,
            value=patch_classes,
        )
    progress(1.0)
    return chosen, known


def _label(mask: Bools, neighbours: Floats | None, numbers: Int32s, progress: Progress) -> int:
    """Number the connected parts of a mask; returns how many there are."""
    from scipy import ndimage

    progress.check()
    count = int(ndimage.label(mask, neighbours, output=numbers))
    progress.check()
    return count


def _cell_counts(numbers: Int32s, count: int, progress: Progress) -> Ints:
    """Cells per patch from 1, by parts: ``bincount`` turns what it is given into 8 bytes per cell."""
    cells = np.zeros(count + 1, dtype=np.int64)
    for part in _blocks(numbers):
        here = np.bincount(numbers[part].reshape(-1))
        cells[: here.size] += here
        progress.check()
    return cells[1:]


def _fill_holes(
    chosen: Bools, classes: Grid, choices: PatchChoices, *, numbers: Int32s, progress: Progress
) -> FilledHoles:
    """Fill holes in place; ``numbers`` is scratch space."""
    km2, limit_km2 = classes.template.cell_area_m2 / 1e6, choices.fill_holes_km2 or 0.0
    count = _label(~chosen, _neighbours(not choices.diagonals), numbers, progress)
    progress(0.5)
    cells = np.concatenate(([0], _cell_counts(numbers, count, progress)))
    enclosed = cells <= limit_km2 / km2 * (1 + ROUNDING)
    for edge in (numbers[0], numbers[-1], numbers[:, 0], numbers[:, -1]):
        enclosed[edge] = False
    enclosed[0] = False
    unknown = np.zeros(count + 1, dtype=bool)
    for part in _blocks(numbers):
        unknown[numbers[part][~_valid(classes, part)]] = True
    fill = enclosed & ~unknown
    for part in _blocks(numbers):
        chosen[part] |= fill[numbers[part]]
        progress.check()
    filled = FilledHoles(int(fill.sum()), int(cells[fill].sum()) * km2, int((enclosed & unknown).sum()))
    progress.log(
        f"{filled.holes} hole(s) of at most {limit_km2:g} km2 were filled, {filled.area_km2:.3f} km2 in all"
        + (f"; {filled.kept} such hole(s) hold cells without a value and were kept." if filled.kept else ".")
    )
    progress(1.0)
    return filled


def _cut_slivers(chosen: Bools, choices: PatchChoices, *, numbers: Int32s, progress: Progress) -> tuple[int, int, int]:
    """Open in place; (cells cut, patches gone, patches that fell into pieces). ``numbers`` is scratch space."""
    from scipy import ndimage

    width, neighbours = int(choices.sliver_cells or 0), _neighbours(choices.diagonals)
    before = _label(chosen, neighbours, numbers, progress)
    opened = chosen.view(np.uint8)
    for find, origin in ((ndimage.minimum_filter1d, 0), (ndimage.maximum_filter1d, -1 if width % 2 == 0 else 0)):
        for axis in (0, 1):  # the square of an even side is off its cell, and the way back has to undo that
            opened = find(opened, width, axis=axis, mode="constant", cval=0, origin=origin)
            progress.check()
    cut = int(np.count_nonzero(chosen)) - int(np.count_nonzero(opened))
    chosen[...] = opened
    progress(0.5)
    after = np.empty_like(numbers)
    pieces = _label(chosen, neighbours, after, progress)
    parent = np.zeros(pieces + 1, dtype=np.int32)
    for part in _blocks(numbers):
        parent[after[part]] = numbers[part]
        progress.check()
    left = np.bincount(parent[1:], minlength=before + 1)[1:]
    progress(1.0)
    return cut, int((left == 0).sum()), int((left > 1).sum())


def _drop_small(order: Ints, cells: Ints, *, km2: float, min_area_km2: float, name: str) -> tuple[Ints, DroppedPatches]:
    """The patches, in their order by size, that are not below an area, and what was dropped."""
    kept = int(np.count_nonzero(cells * km2 >= min_area_km2 * (1 - ROUNDING)))
    if not kept:
        raise InputError(
            f"the largest of the {cells.size} patches of '{name}' has {cells.max() * km2:g} km2, less than the "
            f"least area of {min_area_km2:g} km2; lower it.",
            parameter="min_area_km2",
            value=min_area_km2,
        )
    return order[:kept], DroppedPatches(cells.size - kept, float(cells[order[kept:]].sum() * km2))


def _renumber(numbers: Int32s, order: Ints, *, patch_count: int, progress: Progress) -> None:
    """Number patches by their order, in place; those that are not in it become 0."""
    new_number = np.zeros(patch_count + 1, dtype=np.int32)
    new_number[order + 1] = np.arange(1, order.size + 1, dtype=np.int32)
    for part in _blocks(numbers):
        numbers[part] = new_number[numbers[part]]
        progress.check()


def _mean_importance(numbers: Int32s, importance: Grid, *, patch_count: int, progress: Progress) -> Floats:
    """Mean of a map over the cells of each patch that have a value; NaN where none has."""
    sums, known = np.zeros(patch_count + 1), np.zeros(patch_count + 1)
    for part in _blocks(numbers):
        values = importance.values[part].astype(np.float64)
        inside = (numbers[part] > 0) & _valid(importance, part)
        here = numbers[part][inside]
        sums += np.bincount(here, weights=values[inside], minlength=patch_count + 1)
        known += np.bincount(here, minlength=patch_count + 1)
        progress(part.start / numbers.shape[0])
    with np.errstate(invalid="ignore"):
        means: Floats = (sums / known)[1:]
    return means

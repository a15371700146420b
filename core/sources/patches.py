"""Patches of important ground and their size classes.

Section 2.4 of Feng, Bai & Wang (2024): cells of the very important and important classes join into
patches; 7, 4 and 1 km2 part super-large, large, medium and small ones.
"""

import math
import re
from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from ..progress import SILENT
from ..report import Report, number
from ..tables import number_of, split_list
from ..vector import polygonize

SIZE_CLASSES = ("super-large", "large", "medium", "small")
AREA_BANDS_KM2 = (1.0, 4.0, 7.0)

_BLOCK = 512  # rows that are worked on together
_LISTED = 30  # patches that the report tells one by one
_ROUNDING = 1e-9


@dataclass
class Patch:
    """One patch; ``importance_mean`` is NaN where no importance map is given."""

    patch_id: int
    area_km2: float
    size_class: str
    importance_mean: float
    geometry: object


def size_class(area_km2, bands=AREA_BANDS_KM2):
    """small < bands[0] <= medium < bands[1] <= large <= bands[2] < super-large, areas to 1e-9 of themselves."""
    small, medium, large = bands
    if area_km2 < small * (1 - _ROUNDING):
        return "small"
    if area_km2 < medium * (1 - _ROUNDING):
        return "medium"
    return "large" if area_km2 <= large * (1 + _ROUNDING) else "super-large"


def bands_from_text(text, name="Limits of small, medium and large patches (AREA_BANDS)"):
    """Three ascending areas in km2 from ``1, 4, 7``."""
    bands = tuple(number_of(part) for part in split_list(text, decimals=True))
    if len(bands) != 3 or None in bands or not 0 < bands[0] < bands[1] < bands[2]:
        raise InputError(f"{name}: '{text}' is not three ascending areas above 0 in km2; give three, such as 1, 4, 7.")
    return bands


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
    classes : raster.Grid of whole numbers
    patch_classes : tuple of int
        Classes that make a patch.
    importance : raster.Grid, optional
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
            chosen, classes, fill_holes_km2 / km2 * (1 + _ROUNDING), diagonals, labels, progress.part(0.05, 0.15)
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
        kept = int(np.count_nonzero(cells * km2 >= min_area_km2 * (1 - _ROUNDING)))
        if not kept:
            raise InputError(
                f"The largest of the {count} patches of '{classes.name}' has {cells.max() * km2:g} km2, "
                f"less than the least area of {min_area_km2:g} km2 (MIN_AREA): lower it."
            )
        result.dropped = count - kept, float(cells[order[kept:]].sum() * km2)
        progress.log(
            "{} of {} patches are smaller than {:g} km2 and were dropped, {:.3f} km2 in all.".format(
                count - kept, count, min_area_km2, result.dropped[1]
            )
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


def patches_report(found, parameters=()):
    """The report of a :class:`Delineation`: counts and areas by size class, what options changed, the largest."""
    report = Report("Patches of important ground")
    patches, rows = found.patches, size_summary(found.patches)
    total = found.total_km2
    if not rows[0][1]:
        report.warning(
            f"No patch is super-large (above {found.bands[2]:g} km2), and the paper takes its sources from "
            f"these: choose other size classes when you select sources, or other limits."
        )
    if rows[3][2] > total / 2:
        report.warning(
            f"Small patches (below {found.bands[0]:g} km2) hold {rows[3][3]:.0f} % of the patches' area: "
            f"the important ground is scattered."
        )
    report.parameters(parameters)
    report.heading("Patches by size class")
    report.text(
        f"{len(patches)} patches cover {number(total)} km2, {number(100 * total / found.map_km2)} % of the "
        f"{number(found.map_km2)} km2 of '{found.map_name}' that have a value. One cell is "
        f"{number(found.cell_km2)} km2."
    )
    small, medium, large = found.bands
    limits = (f"above {large:g}", f"{medium:g} to {large:g}", f"{small:g} to below {medium:g}", f"below {small:g}")
    report.table(
        (
            "size class",
            "limits (km2)",
            "patches",
            "area (km2)",
            "share of the patches' area (%)",
            "share of the map (%)",
        ),
        [
            (name, limit, count, area, share, 100 * area / found.map_km2)
            for (name, count, area, share), limit in zip(rows, limits)
        ]
        + [("all", "", len(patches), total, 100.0, 100 * total / found.map_km2)],
    )

    def draw(axes):
        bars = axes.bar([row[0] for row in rows], [row[2] for row in rows], color="#2f7d4f")
        for bar, row in zip(bars, rows):
            axes.annotate(
                f"{row[1]} patch(es)",
                (bar.get_x() + bar.get_width() / 2, bar.get_height()),
                ha="center",
                va="bottom",
                fontsize=8,
            )
        axes.set_ylabel("area (km2)")
        axes.margins(y=0.12)

    report.figure(draw, "Area and number of patches by size class", height=3.2)
    report.text(
        "A large share in super-large patches means that the important ground is whole; a large share in small "
        "ones that it is broken up. For comparison only: the paper tells 51.3, 4.7, 14.5 and 29.5 % of the "
        "area for super-large, large, medium and small patches of its city, Fushun (Feng, Bai & Wang 2024, "
        "Results), and calls the landscape seriously fragmented."
    )
    report.heading("What the options changed")
    for text in _changes(found):
        report.text(text)
    shown = patches[:_LISTED]
    report.heading(f"The {len(shown)} largest patches" if len(shown) < len(patches) else "All patches")
    added = np.cumsum([p.area_km2 for p in shown])
    report.table(
        ("patch_id", "size class", "area (km2)", "share of the patches' area (%)", "together (%)", "mean importance"),
        [
            (
                p.patch_id,
                p.size_class,
                p.area_km2,
                100 * p.area_km2 / total,
                100 * together / total,
                "not known" if math.isnan(p.importance_mean) else p.importance_mean,
            )
            for p, together in zip(shown, added)
        ],
    )
    return report


def _changes(found):
    if found.filled is None:
        yield "Holes: kept as they are (HOLES is empty)."
    else:
        holes, area, unknown = found.filled
        yield (
            f"Holes: {holes} were filled, {number(area)} km2 in all, which now count as ground of the patches "
            f"around them."
            + (f" {unknown} hole(s) of that size hold cells without a value and were kept." if unknown else "")
        )
    if found.cut is None:
        yield "Narrow parts: kept (SLIVERS is empty)."
    else:
        yield (
            f"Narrow parts: {number(found.cut[0])} km2 were cut off; {found.cut[1]} patch(es) consisted of nothing "
            f"else and are gone, {found.cut[2]} fell into pieces, each a patch of its own."
        )
    if found.dropped is None:
        yield "Small patches: kept (MIN_AREA is empty)."
    else:
        yield (
            f"Small patches: {found.dropped[0]} below the least area were dropped, {number(found.dropped[1])} km2 "
            f"in all."
        )


# patches as a layer -------------------------------------------------------------------------------------


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

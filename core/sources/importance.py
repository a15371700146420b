"""Composite importance of ecosystem services, its weights and its classes.

Section 2.4 of Feng, Bai & Wang (2024): services normalised by range, averaged over 3 km x 3 km grid
cells, weighted by principal components of the grid cells (``components.py``), classed by natural breaks.
"""

import math
import re
from dataclasses import dataclass, field

import numpy as np

from ..errors import InputError
from ..grid.grid import Grid, float_grid
from ..land_cover_products import codes_of_class
from ..natural_breaks.classes import breaks_from_text, classify, fixed_breaks, natural_breaks
from ..progress import SILENT
from ..tables import number_of, split_list
from .components import (
    COMPONENT_SCORES,
    CORRELATION,
    EIGENVALUE_RULE,
    MANUAL,
    Components,
    needs_statistics,
    weigh,
)
from .grid_cells import GridCells, cell_index, check_grid_size, grid_means, normalise, spread, weighted_sum

RASTER_CELLS, GRID_CELLS = CLASSIFY = ("cells of the raster", "cells of the grid")

CLASS_WORDS = {5: ("least important (very not important)", "not important", "average", "important", "very important")}

RESERVED_FIELDS = ("fid", "geom", "cell_id", "importance", "class")

FOREST_CLASSES = (2,)

ARTIFICIAL_CLASSES = (8, 11, 12, 13, 14)

_USUAL_NODATA = {
    float(v)
    for v in (99, 127, 128, 255, 999, 9999, 99999, 999999, 32767, 32768, 65535, 2147483647, 2147483648, 4294967295)
}


@dataclass
class Importance:
    """What :func:`service_importance` finds.

    ``weighting`` is the rule that was used (with two services: equal instead of components),
    ``importance`` is a float32 Grid 0 to 1, ``classes`` a uint8 Grid (the highest number is the most
    important, nodata 0), ``components`` None where they could not be computed.
    """

    names: list
    weights: np.ndarray
    weighting: str
    importance: Grid
    classes: Grid
    cells: GridCells
    components: Components
    breaks: object
    classify_on: str
    ranges: list
    warnings: list = field(default_factory=list)

    @property
    def kmo(self):
        return math.nan if self.components is None else self.components.kmo

    def weights_text(self):
        """The weights as the manual weights are written, with all their digits."""
        return ", ".join(f"{name}={weight!r}" for name, weight in zip(self.names, self.weights.tolist()))

    def rows(self):
        """One mapping per grid cell, with the fields of the importance grid."""
        cells = self.cells
        for index in range(cells.cell_id.size):
            row = dict(zip(self.names, cells.means[index].tolist()))
            row.update(
                {
                    "cell_id": int(cells.cell_id[index]),
                    "importance": float(cells.importance[index]),
                    "class": int(cells.class_number[index]),
                }
            )
            yield row


def service_importance(
    services,
    names=None,
    weighting=COMPONENT_SCORES,
    weights="",
    clip=None,
    grid_size_m=3000.0,
    min_valid_share=0.5,
    class_count=5,
    classify_on=RASTER_CELLS,
    breaks="",
    component_rule=EIGENVALUE_RULE,
    matrix=CORRELATION,
    land_cover=None,
    forest_codes=FOREST_CLASSES,
    artificial_codes=ARTIFICIAL_CLASSES,
    progress=SILENT,
):
    """Composite importance of services, its classes, and the grid that weighed them.

    Parameters
    ----------
    services : list of Grid
        Two or more on the same cells; a cell without any one of them has no importance.
    names : list of str, optional
        One per service; default the grids' names; made unique.
    weighting : str
        One of ``components.WEIGHTINGS``. With two services components cannot weigh: equal weights.
    weights : str
        For ``manual``: ``name=value`` of every service, scaled to add to 1.
    clip : (float, float), optional
        Percentiles 0 to 100 that values are limited to before normalising (a heavy-tailed service).
    grid_size_m : float
        Side of the grid cells.
    min_valid_share : float
        Above 0 to 1; grid cells with less are left out of the statistics.
    class_count : int
        2 to 255.
    classify_on : str
        One of ``CLASSIFY``: what natural breaks are taken from and who gets the classes.
    breaks : str
        Upper bounds by hand instead of natural breaks.
    component_rule : str
        One of ``components.COMPONENT_RULES``; where none passes, the first component alone.
    matrix : str
        One of ``components.MATRICES``: what the components are taken of.
    land_cover : Grid of class codes, optional
        For the sign check: a service higher on artificial ground than in forest is named.

    Returns
    -------
    Importance

    Raises
    ------
    InputError
        Fewer than two services, a constant one, no common cell, a grid cell larger than the map, too few
        grid cells to weigh by, fewer distinct importances than classes, unfit texts.

    Notes
    -----
    Memory per cell: 4 bytes for each service, 4 for the importance, about 60 per distinct
    importance while natural breaks are sought.
    """
    require_two(services)
    names = unique_names([s.name for s in services] if names is None else names)
    check_valid_share(min_valid_share)
    manual = parse_weights(weights, names) if weighting == MANUAL else None
    by_hand = breaks_from_text(breaks, class_count) if breaks.strip() else None
    template = services[0].template
    check_grid_size(grid_size_m, template)
    warnings = []
    if weights.strip() and weighting != MANUAL:
        warnings.append(
            f"Manual weights (WEIGHTS) are given and were not used, since the weighting is {weighting}; "
            f"choose the weighting manual to use them."
        )

    normalised, ranges = [], []
    valid = np.ones(template.shape, dtype=bool)
    for index, (service, name) in enumerate(zip(services, names)):
        progress(0.3 * index / len(services))
        values, limits = normalise(service, name, clip, progress)
        valid &= ~np.isnan(values)
        normalised.append(values)
        ranges.append(limits)
        warnings += _nodata_doubts(service, name, limits)
    if not valid.any():
        raise InputError(
            f"No cell of '{template.name or services[0].name}' has a value of all of "
            f"{', '.join(names)}: choose maps that cover one area."
        )
    if land_cover is not None:
        warnings += _ground_check(normalised, names, land_cover, forest_codes, artificial_codes)
    cells = grid_means(normalised, valid, template, grid_size_m, min_valid_share, progress.part(0.3, 0.5))
    left_out = int(cells.used.size - cells.used.sum())
    progress.log(
        f"{int(cells.used.sum())} grid cells of {grid_size_m:g} m enter the statistics; {left_out} "
        f"with less than {100 * min_valid_share:g} % valid ground are left out of them."
    )
    weight, components, notes, weighting = weigh(
        cells.means[cells.used], names, weighting, manual, component_rule, matrix
    )
    warnings += notes
    if components is not None and len(names) > 2:
        progress.log(components.kmo_text())
        progress.log(components.kept_text())
    progress.log("Weights (" + weighting + "): " + ", ".join(f"{n} {w:.4f}" for n, w in zip(names, weight)) + ".")
    for text in warnings:
        progress.warn(text)

    importance = weighted_sum(normalised, weight, valid, progress.part(0.5, 0.6))
    del normalised
    cells.importance = cells.means @ weight
    classes, found = importance_classes(
        importance, cells, valid, template, class_count, classify_on, by_hand, progress.part(0.6, 0.95)
    )
    empty = [str(k) for k, count in enumerate(found.counts, 1) if not count]
    if empty:
        warnings.append(
            f"No importance of the {classify_on} falls into class {', '.join(empty)} by the upper bounds given "
            f"by hand (BREAKS): it reaches from {found.minimum:.4g} to {float(np.nanmax(importance)):.4g}; "
            f"check that the bounds belong to this map."
        )
        progress.warn(warnings[-1])
    open_end = "" if len(found.told()) == class_count else " (the highest class has none: nothing lies above these)"
    progress.log(
        f"Upper bounds of the {class_count} classes: {', '.join(f'{b:.4f}' for b in found.told())}{open_end}; "
        f"goodness of variance fit {found.gvf:.4f}."
    )
    progress(1.0)
    return Importance(
        names,
        weight,
        weighting,
        float_grid(importance, template, "importance"),
        Grid(classes, template, 0, "importance classes"),
        cells,
        components,
        found,
        classify_on,
        ranges,
        warnings,
    )


def importance_classes(
    importance, cells, valid, template, class_count, classify_on=RASTER_CELLS, by_hand=None, progress=SILENT
):
    """Classes of an importance map; the grid cells get theirs in place.

    Parameters
    ----------
    importance : float32 array, shape (rows, cols)
    cells : GridCells
        With their importance.
    valid : boolean array, shape (rows, cols)
    by_hand : list of float or None
        Upper bounds by hand instead of natural breaks.

    Returns
    -------
    (uint8 array, NaturalBreaks)
        1 to ``class_count``, 0 where not ``valid``.
    """
    sample = importance[valid] if classify_on == RASTER_CELLS else cells.importance[cells.used]
    what = "importance of the " + ("raster" if classify_on == RASTER_CELLS else "grid") + " cells"
    if by_hand is None:
        found = natural_breaks(sample, class_count, what, progress)
    else:
        found = fixed_breaks(sample, by_hand, what)
    cells.class_number = classify(cells.importance, found.breaks)
    if classify_on == RASTER_CELLS:
        return classify(importance, found.breaks, progress), found
    return spread(cells, template, valid), found


def require_two(services):
    """Refuse fewer than two services: there is nothing to weigh."""
    if len(services) < 2:
        given = f"One service is given, '{services[0].name}'" if services else "'Services' is empty"
        raise InputError(f"{given}: choose at least two rasters of ecosystem services (SERVICES).")


def check_valid_share(share):
    """Refuse a least valid share of grid cells that is not above 0, up to 1."""
    if not 0 < share <= 1:
        raise InputError(f"The least valid share of a grid cell (MIN_VALID) is {share:g}: give one above 0, up to 1.")


def check_grid_count(size_m, template, service_count, weighting):
    """Refuse a grid of fewer than three cells where the weights come from the differences between them."""
    if not needs_statistics(weighting, service_count):
        return
    rows, cols = (
        int(cell_index(count, side, size_m)[-1]) + 1
        for count, side in ((template.rows, template.cell_height), (template.cols, template.cell_width))
    )
    if rows * cols < 3:
        raise InputError(
            f"The grid size (GRID_SIZE) of {size_m:g} m makes only {rows * cols} grid cell(s) of "
            f"'{template.name or 'the map'}', too few to weigh the services by: give a smaller grid size, "
            f"or choose equal or manual weights (WEIGHTING)."
        )


def service_names(text, layer_names):
    """Unique names of services: from ``habitat, carbon``, or the layers' own where the text is empty.

    Raises
    ------
    InputError
        Another number of names than of layers, or a name that stands twice.
    """
    if not text.strip():
        return unique_names(layer_names)
    names = split_list(text, words=True)
    if len(names) != len(layer_names):
        raise InputError(
            f"Names of the services (SERVICE_NAMES): {len(names)} name(s) for {len(layer_names)} "
            f"services; give one name for each, in the order of the layers."
        )
    for index, name in enumerate(names):
        if _plain(name) in map(_plain, names[:index]):
            raise InputError(
                f"Names of the services (SERVICE_NAMES): '{name}' stands twice; give each service a name of its own."
            )
    return unique_names(names)


def _plain(name):
    """A name as it is compared: without case and marks."""
    return re.sub(r"\W+", "_", name).strip("_").lower()


def unique_names(names):
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


def parse_weights(text, names):
    """Weights from ``habitat=0.45, carbon=0.1`` (``;`` or lines too), in the order of names, adding to 1.

    Raises
    ------
    InputError
        An unknown or missing name, one that stands twice, a weight that is no number or negative, all
        weights zero.
    """
    known = {name.lower(): index for index, name in enumerate(names)}
    values = np.full(len(names), np.nan)
    for part in split_list(text, words=True, decimals=True):
        name, equals, value = (piece.strip() for piece in part.rpartition("="))
        index = known.get(_plain(name))
        if not equals or index is None:
            raise InputError(
                f"Manual weights (WEIGHTS): '{part}' names no service; write name=value with the names "
                f"{', '.join(names)}."
            )
        number = number_of(value)
        if number is None or number < 0:
            raise InputError(
                f"Manual weights (WEIGHTS): '{value}' of {names[index]} is not a number of at least 0; "
                f"write one such as 0.25."
            )
        if not math.isnan(values[index]):
            raise InputError(f"Manual weights (WEIGHTS): {names[index]} stands twice; give each service one weight.")
        values[index] = number
    missing = [name for name, value in zip(names, values) if math.isnan(value)]
    if missing:
        raise InputError(
            f"Manual weights (WEIGHTS): no weight for {', '.join(missing)}; write name=value for every service."
        )
    if not values.any():
        raise InputError("Manual weights (WEIGHTS): all weights are 0; give at least one above 0.")
    values = values / values.max() if values.max() > 1e300 else values  # their sum would overflow
    unchanged = abs(values.sum() - 1) < 1e-12  # so that the weights of another run are the same here
    return values if unchanged else values / values.sum()


def parse_clip(text):
    """Two percentiles from ``0.5, 99.5``; None where the text is empty."""
    if not text.strip():
        return None
    parts = [number_of(part) for part in split_list(text, decimals=True)]
    if len(parts) != 2 or None in parts or not 0 <= parts[0] < parts[1] <= 100:
        raise InputError(
            f"Percentiles that values are limited to (CLIP): '{text}' is not two ascending numbers of 0 "
            f"to 100; write 0.5, 99.5."
        )
    return tuple(parts)


def _nodata_doubts(service, name, limits):
    """A warning where the smallest or largest value looks like a nodata value that was not declared."""
    for extreme, opposite in (limits[:2], limits[1::-1]):
        if not (abs(extreme) in _USUAL_NODATA or abs(extreme) > 1e30):
            continue
        rest = service.valid & (service.values != extreme)
        count, rest = int(np.count_nonzero(service.valid & ~rest)), service.values[rest]
        nearest = float(rest.min() if extreme < opposite else rest.max()) if rest.size else extreme
        if count and abs(nearest - extreme) > 2 * abs(opposite - nearest):
            yield (
                f"Service '{name}' is {extreme:g} in {count} cell(s) and {min(nearest, opposite):g} to "
                f"{max(nearest, opposite):g} elsewhere: if this means no value, declare it as nodata ('Translate', or "
                f"Layer Properties > Transparency and export), since it squeezes all other values together."
            )


def ground_codes(product):
    """Codes of forest, and of artificial and mined ground, of a land-cover product, for the sign check."""
    known = codes_of_class(product)
    return [
        [code for of_class in classes for code, _ in known.get(of_class, ())]
        for classes in (FOREST_CLASSES, ARTIFICIAL_CLASSES)
    ]


def _ground_check(normalised, names, land_cover, forest_codes, artificial_codes):
    known = land_cover.valid
    forest = known & np.isin(land_cover.values, list(forest_codes))
    artificial = known & np.isin(land_cover.values, list(artificial_codes))
    warnings = []
    if not forest.any() or not artificial.any():
        missing = "forest" if not forest.any() else "artificial or mined ground"
        warnings.append(
            f"The services' signs were not checked: land cover '{land_cover.name}' has no cell of "
            f"{missing} (codes {', '.join(map(str, artificial_codes if forest.any() else forest_codes))}); choose "
            f"its land-cover product, or give the codes."
        )
    for values, name in zip(normalised, names):
        on_forest, on_artificial = values[forest], values[artificial]
        on_forest = on_forest[~np.isnan(on_forest)]
        on_artificial = on_artificial[~np.isnan(on_artificial)]
        if on_forest.size and on_artificial.size:
            f, a = on_forest.mean(dtype=np.float64), on_artificial.mean(dtype=np.float64)
            if a > f:
                warnings.append(
                    f"Service '{name}' is higher on artificial or mined ground (mean {a:.3f} of "
                    f"its range) than in forest ({f:.3f}): its weight would reward such ground; "
                    f"turn it round or choose another measure of the service."
                )
    return warnings

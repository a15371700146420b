"""Composite importance of ecosystem services, its weights and its classes.

Section 2.4 of Feng, Bai & Wang (2024): services normalised by range, averaged over 3 km x 3 km grid
cells, weighted by principal components of the grid cells (``components.py``), classed by natural breaks.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..arrays import Bytes, Float32s, Floats
from ..grid.grid import Grid, float_grid
from ..natural_breaks.classes import NaturalBreaks, classify, fixed_breaks, natural_breaks
from ..progress import SILENT, Progress
from .components import Components, Weighting, WeightsFound, weigh
from .grid_cells import GridCells, check_grid_size, grid_means
from .importance_choices import ClassifyOn, ImportanceChoices, require_two
from .normalisation import NormalisedServices, ValueRange, normalise_services
from .service_checks import GroundCodes, nodata_warnings, sign_warnings
from .service_names import unique_names

CLASS_WORDS = {5: ("least important (very not important)", "not important", "average", "important", "very important")}

_DEFAULT_CHOICES = ImportanceChoices()
_DEFAULT_CODES = GroundCodes()


@dataclass
class Importance:
    """What :func:`service_importance` finds.

    Parameters
    ----------
    names : list of str
        Of the services.
    weights : ndarray, shape (services,)
        They add to 1.
    weighting : Weighting
        The rule that was used: with two services equal instead of components.
    importance : Grid
        float32, 0 to 1.
    classes : Grid
        uint8; the highest number is the most important, nodata 0.
    cells : GridCells
        The grid that weighed the services.
    components : Components or None
        None where they could not be computed.
    breaks : NaturalBreaks
        Between the classes.
    choices : ImportanceChoices
        As they were given.
    ranges : list of ValueRange
        One per service.
    warnings : list of str
        What a planner should look at.
    """

    names: list[str]
    weights: Floats
    weighting: Weighting
    importance: Grid
    classes: Grid
    cells: GridCells
    components: Components | None
    breaks: NaturalBreaks
    choices: ImportanceChoices
    ranges: list[ValueRange]
    warnings: list[str] = field(default_factory=list)

    @property
    def kmo(self) -> float:
        """Kaiser-Meyer-Olkin measure of the services, NaN where it is not defined."""
        return math.nan if self.components is None else self.components.kmo

    def weights_text(self) -> str:
        """The weights as the manual weights are written, with all their digits."""
        return ", ".join(f"{name}={weight!r}" for name, weight in zip(self.names, self.weights.tolist()))

    def rows(self) -> Iterator[dict[str, float]]:
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
    services: Sequence[Grid],
    choices: ImportanceChoices = _DEFAULT_CHOICES,
    *,
    names: Sequence[str] | None = None,
    land_cover: Grid | None = None,
    ground_codes: GroundCodes = _DEFAULT_CODES,
    progress: Progress = SILENT,
) -> Importance:
    """Composite importance of services, its classes, and the grid that weighed them.

    Parameters
    ----------
    services : sequence of Grid
        Two or more on the same cells; a cell without any one of them has no importance.
    choices : ImportanceChoices
        Weighting, grid and classes.
    names : sequence of str, optional
        One per service; default the grids' names; made unique.
    land_cover : Grid of class codes, optional
        For the sign check: a service higher on artificial ground than in forest is named.
    ground_codes : GroundCodes
        Which of its codes are forest, and which artificial ground.

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
    choices.manual_weights(names)
    template = services[0].template
    check_grid_size(choices.grid_size_m, template)
    warnings: list[str] = []
    if choices.weights.strip() and choices.weighting != Weighting.MANUAL:
        warnings.append(
            f"Manual weights are given and were not used, since the weighting is {choices.weighting}; "
            f"choose the weighting manual to use them."
        )

    normalised = normalise_services(services, names, clip=choices.clip, progress=progress.part(0.0, 0.3))
    for service, name, limits in zip(services, names, normalised.ranges):
        warnings += nodata_warnings(service, name=name, limits=limits)
    if land_cover is not None:
        warnings += sign_warnings(normalised, land_cover, ground_codes)
    cells = _grid_cells(normalised, choices, progress.part(0.3, 0.5))
    found = weigh_services(cells, names, choices)
    warnings += found.warnings
    _log_weights(found, names, progress)
    for text in warnings:
        progress.warn(text)

    importance = normalised.weighted_sum(found.weights, progress.part(0.5, 0.6))
    normalised.values.clear()  # their memory serves the search for natural breaks
    cells.importance = cells.means @ found.weights
    classes, breaks = importance_classes(
        importance, cells, normalised, choices=choices, progress=progress.part(0.6, 0.95)
    )
    for text in _empty_class_warnings(importance, breaks, choices):
        warnings.append(text)
        progress.warn(text)
    _log_breaks(breaks, choices, progress)
    progress(1.0)
    return Importance(
        names=names,
        weights=found.weights,
        weighting=found.weighting,
        importance=float_grid(importance, template, "importance"),
        classes=Grid(classes, template, 0, "importance classes"),
        cells=cells,
        components=found.components,
        breaks=breaks,
        choices=choices,
        ranges=normalised.ranges,
        warnings=warnings,
    )


def weigh_services(cells: GridCells, names: Sequence[str], choices: ImportanceChoices) -> WeightsFound:
    """Weights of services by their means over the grid cells that enter the statistics."""
    return weigh(
        cells.means[cells.used],
        names,
        weighting=choices.weighting,
        manual=choices.manual_weights(names),
        rule=choices.component_rule,
        matrix=choices.matrix,
    )


def importance_classes(
    importance: Float32s,
    cells: GridCells,
    services: NormalisedServices,
    *,
    choices: ImportanceChoices,
    progress: Progress = SILENT,
) -> tuple[Bytes, NaturalBreaks]:
    """Classes of an importance map; the grid cells get theirs in place.

    Parameters
    ----------
    importance : float32 array, shape (rows, cols)
        0 to 1, NaN where not all services have a value.
    cells : GridCells
        With their importance; their ``class_number`` is set.
    services : NormalisedServices
        Where all of them have a value.
    choices : ImportanceChoices
        What is classed, into how many classes, by which breaks.

    Returns
    -------
    (uint8 array, NaturalBreaks)
        1 to ``class_count``, 0 where not all services have a value.
    """
    on_raster = choices.classify_on == ClassifyOn.RASTER_CELLS
    sample = importance[services.valid] if on_raster else cells.importance[cells.used]
    what = "importance of the " + ("raster" if on_raster else "grid") + " cells"
    by_hand = choices.upper_bounds()
    if by_hand is None:
        found = natural_breaks(sample, choices.class_count, name=what, progress=progress)
    else:
        found = fixed_breaks(sample, by_hand, name=what)
    cells.class_number = classify(cells.importance, found.breaks)
    if on_raster:
        return classify(importance, found.breaks, progress), found
    return cells.class_map(services), found


def _grid_cells(services: NormalisedServices, choices: ImportanceChoices, progress: Progress) -> GridCells:
    cells = grid_means(
        services, grid_size_m=choices.grid_size_m, min_valid_share=choices.min_valid_share, progress=progress
    )
    left_out = int(cells.used.size - cells.used.sum())
    progress.log(
        f"{int(cells.used.sum())} grid cells of {choices.grid_size_m:g} m enter the statistics; {left_out} "
        f"with less than {100 * choices.min_valid_share:g} % valid ground are left out of them."
    )
    return cells


def _log_weights(found: WeightsFound, names: Sequence[str], progress: Progress) -> None:
    if found.components is not None and len(names) > 2:
        progress.log(found.components.kmo_text())
        progress.log(found.components.kept_text())
    weights = ", ".join(f"{name} {weight:.4f}" for name, weight in zip(names, found.weights))
    progress.log(f"Weights ({found.weighting}): {weights}.")


def _empty_class_warnings(importance: Float32s, breaks: NaturalBreaks, choices: ImportanceChoices) -> Iterator[str]:
    empty = [str(k) for k, count in enumerate(breaks.counts, 1) if not count]
    if empty:
        yield (
            f"No importance of the {choices.classify_on} falls into class {', '.join(empty)} by the upper bounds given "
            f"by hand: it reaches from {breaks.minimum:.4g} to {float(np.nanmax(importance)):.4g}; "
            f"check that the bounds belong to this map."
        )


def _log_breaks(breaks: NaturalBreaks, choices: ImportanceChoices, progress: Progress) -> None:
    shown = breaks.shown_breaks
    open_end = "" if len(shown) == choices.class_count else " (the highest class has none: nothing lies above these)"
    progress.log(
        f"Upper bounds of the {choices.class_count} classes: {', '.join(f'{b:.4f}' for b in shown)}{open_end}; "
        f"goodness of variance fit {breaks.gvf:.4f}."
    )

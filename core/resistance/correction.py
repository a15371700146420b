"""Corrections of a resistance surface: by night light, or by a raster of multipliers.

By night light: ``R' = R * light / mean light of the cell's land-cover class``. Studies of ecological
security patterns correct resistance by night light, such as Jiao et al. (2024), Frontiers in Ecology and
Evolution 11: 1301149. The quotient is the form that we know to be usual there; we could not open a source
that prints it. Its bounds, and 1 where there is no light to compare with, are ours: a dark cell would
have no resistance at all.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from ..arrays import Bools, Float32s, Floats, Int32s, Ints
from ..errors import InputError
from ..grid.grid import QUANTITY, Grid, Template
from ..grid.reading import RasterSource
from ..grid.warping import align, read_classes
from ..progress import SILENT, Progress
from .choices import Correction, SurfaceChoices
from .effects import blocks_of
from .factor_layers import FactorLayers

_MAX_LIMITED_SHARE = 0.25


def check_correction(choices: SurfaceChoices, layers: FactorLayers) -> None:
    """Refuse a correction that lacks its map.

    Raises
    ------
    InputError
        Night light without a map of light or of land cover; a multiplier raster that is not given.
    """
    if choices.correction is Correction.MULTIPLIER and layers.correction is None:
        raise InputError(
            "The correction 'multiplier raster' needs a raster of multipliers: choose one, or no correction.",
            parameter="correction_raster",
        )
    if choices.correction is not Correction.NIGHT_LIGHT:
        return
    if layers.correction is None and layers.night_light is None:
        raise InputError(
            "The correction 'night light' needs a map of night light: choose one here, where it serves the correction "
            "alone, or as the factor night light, or choose no correction.",
            parameter="correction_raster",
        )
    if layers.land_cover is None:
        raise InputError(
            "The correction 'night light' compares each cell with its land-cover class: choose a land "
            "cover, or no correction.",
            parameter="land_cover",
        )


def multipliers(
    choices: SurfaceChoices,
    layers: FactorLayers,
    template: Template,
    *,
    already_read: Collection[str] = (),
    progress: Progress = SILENT,
) -> Float32s | None:
    """The number that each cell's resistance is multiplied by.

    Cells without a value in the map of light or of multipliers are multiplied by 1, and the log says how many there
    are. Cells without a land-cover class are multiplied by 1 too.

    Parameters
    ----------
    choices : SurfaceChoices
    layers : FactorLayers
    template : grid.Template
    already_read : collection of str
        Factors whose maps were read before: messages on their resampling are not logged again.

    Returns
    -------
    float32 ndarray, shape ``template.shape``, or None
        None without correction.

    Raises
    ------
    InputError
        Multipliers that are not above 0.

    Notes
    -----
    At most 12 bytes per cell while it is made, then 4.
    """
    source = layers.correction or layers.night_light
    if choices.correction is Correction.NONE or source is None:
        if layers.correction is not None:
            progress.warn(
                f"Raster '{layers.correction.name}' is given for a correction and no correction is chosen: "
                f"it is not used."
            )
        return None
    was_read = layers.correction is None and "night_light" in already_read
    values = align(source, template, kind=QUANTITY, progress=progress.quiet() if was_read else progress).floats()
    empty = np.isnan(values)
    if choices.correction is Correction.MULTIPLIER:
        _require_above_0(values, source)
    elif layers.land_cover is not None:
        classes = read_classes(
            layers.land_cover, template, progress.quiet() if "land_cover" in already_read else progress
        )
        _divide_by_class_means(values, classes, choices.correction_bounds, source.name, progress)
    if empty.any():
        values[empty] = 1
        progress.log(f"{empty.sum()} cells have no value in '{source.name}' and are not corrected.")
    return values


def _require_above_0(values: Float32s, source: RasterSource) -> None:
    invalid = values <= 0
    if invalid.any():
        raise InputError(
            f"Raster '{source.name}' of the correction holds {float(values[invalid][0]):g}, and "
            f"{invalid.sum()} cells are not above 0: resistance would vanish there; write multipliers "
            f"above 0 (1 changes nothing).",
            parameter="correction_raster",
            layer=source.name,
            value=float(values[invalid][0]),
        )


def _divide_by_class_means(
    light: Float32s, land_cover: Grid, bounds: tuple[float, float], name: str, progress: Progress
) -> None:
    """Divide light by the mean light of its land-cover class, in place, and limit the quotient to the bounds."""
    classes, valid = land_cover.values, land_cover.valid & ~np.isnan(light)
    codes, means = _class_means(light, classes, valid, progress)
    dark = [str(code) for code, mean in zip(codes, means) if not mean > 0]
    dimmed = raised = 0
    for rows in blocks_of(light):
        progress.check()
        here = valid[rows]
        mean = means[np.searchsorted(codes, classes[rows][here])] if codes.size else np.empty(0)
        quotient = np.divide(light[rows][here], mean, out=np.ones_like(mean), where=mean > 0)
        dimmed += int((quotient < bounds[0]).sum())
        raised += int((quotient > bounds[1]).sum())
        block = light[rows]
        block[~here] = 1  # no land-cover class, or no light, which the caller counts
        block[here] = np.clip(quotient, *bounds)
    if dark:
        progress.log(f"Land-cover class(es) {', '.join(dark)} have no light at all in '{name}' and are not corrected.")
    _log_limited(dimmed, raised, cells=light.size, bounds=bounds, progress=progress)


def _class_means(light: Float32s, classes: Int32s, valid: Bools, progress: Progress) -> tuple[Ints, Floats]:
    """The codes of a map of classes in ascending order, and the mean light of each."""
    totals: dict[int, list[float]] = {}
    for rows in blocks_of(light):
        progress.check()
        here = valid[rows]
        codes, index = np.unique(classes[rows][here], return_inverse=True)
        sums = np.bincount(index, light[rows][here].astype(np.float64), len(codes))
        for code, total, count in zip(codes, sums, np.bincount(index, minlength=len(codes))):
            total_and_count = totals.setdefault(int(code), [0.0, 0])
            total_and_count[0] += total
            total_and_count[1] += int(count)
    ordered: Ints = np.array(sorted(totals), dtype=np.int64)
    return ordered, np.array([totals[code][0] / totals[code][1] for code in ordered])


def _log_limited(dimmed: int, raised: int, *, cells: int, bounds: tuple[float, float], progress: Progress) -> None:
    """Log how many cells are limited by a bound; warn where they are many."""
    limited = dimmed + raised
    if not limited:
        return
    text = (
        f"{limited} cells ({100 * limited / cells:.1f} %) have less than {bounds[0]:g} times or more than "
        f"{bounds[1]:g} times the mean light of their land-cover class and are corrected by that bound "
        f"(the lowest multiplier on {dimmed} cells, the highest on {raised})."
    )
    if limited <= _MAX_LIMITED_SHARE * cells:
        progress.log(text)
    else:
        progress.warn(
            f"{text} The light is patchy: the correction mostly tells lit cells from dark ones, by up to "
            f"{bounds[1] / bounds[0]:g} times, and may outweigh all factors. Choose bounds nearer to 1, such "
            f"as 0.5 and 2, or leave night light to its factor."
        )

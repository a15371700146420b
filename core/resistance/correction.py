"""Corrections of a resistance surface: a map that raises it where there is more light, or as a planner says.

By night light: ``R' = R * light / mean light of the cell's land-cover class``. Studies of ecological
security patterns correct resistance by night light, such as Jiao et al. (2024), Frontiers in Ecology and
Evolution 11: 1301149. The quotient is the form that we know to be usual there; we could not open a source
that prints it. Its bounds, and 1 where there is no light to compare with, are ours: a dark cell would
have no resistance at all.
"""

import numpy as np

from ..errors import InputError
from ..grid.grid import QUANTITY
from ..grid.row_blocks import row_blocks
from ..grid.warping import align, read_classes
from ..progress import SILENT
from .effects import BLOCK_ROWS

# the order is that of the choice CORRECTION
NO_CORRECTION, NIGHT_LIGHT, MULTIPLIER = range(3)
CORRECTIONS = ("none", "night light", "multiplier raster")

_MOST_LIMITED = 0.25


def check_correction(choices, layers):
    """Refuse a correction that lacks its map.

    Raises
    ------
    InputError
        Night light without a map of light or of land cover, or without bounds above 0 that hold 1; a
        multiplier raster that is not given.
    """
    if choices.correction == MULTIPLIER and layers.correction is None:
        raise InputError(
            "The correction 'multiplier raster' needs a raster of multipliers: choose one as 'Night "
            "light or multipliers for the correction' (CORRECTION_RASTER), or no correction."
        )
    if choices.correction != NIGHT_LIGHT:
        return
    if layers.correction is None and layers.night_light is None:
        raise InputError(
            "The correction 'night light' needs a map of night light: choose one as 'Night light' "
            "(NIGHT_LIGHT) or for the correction alone (CORRECTION_RASTER), or no correction."
        )
    if layers.land_cover is None:
        raise InputError(
            "The correction 'night light' compares each cell with its land-cover class: choose a land "
            "cover (LAND_COVER), or no correction."
        )
    least, most = choices.correction_bounds
    if not (least is not None and most is not None and 0 < least <= 1 <= most):
        raise InputError(
            f"The bounds of the correction by night light are {_text(least)} and {_text(most)}: the lowest "
            f"multiplier (CORRECTION_LEAST) has to lie above 0 and up to 1, the highest (CORRECTION_MOST) at 1 or above."
        )


def multipliers(choices, layers, template, read=(), progress=SILENT):
    """What each cell's resistance is multiplied by: float32, shape ``template.shape``; None without correction.

    Cells without a value in the map of light or of multipliers are multiplied by 1, and counted in the log.

    Parameters
    ----------
    choices : surface.Choices
    layers : factor_maps.FactorLayers
    template : grid.Template
    read : collection of str
        Factors whose maps were read before: how they are brought to the cells is not said again.

    Raises
    ------
    InputError
        Multipliers that are not above 0.

    Notes
    -----
    At most 12 bytes per cell while it is made, then 4.
    """
    if choices.correction == NO_CORRECTION:
        if layers.correction is not None:
            progress.warn(
                f"Raster '{layers.correction.name}' is given as a correction and none is chosen (CORRECTION): "
                f"it is not used."
            )
        return None
    source = layers.correction or layers.night_light
    again = layers.correction is None and "night_light" in read
    grid = align(source, template, QUANTITY, progress.quiet() if again else progress)
    values = grid.floats()
    empty = np.isnan(values)
    if choices.correction == MULTIPLIER:
        wrong = values <= 0
        if wrong.any():
            raise InputError(
                f"Raster '{source.name}' of the correction (CORRECTION_RASTER) holds {float(values[wrong][0]):g}, and "
                f"{wrong.sum()} cells are not above 0: resistance would vanish there; write multipliers "
                f"above 0 (1 changes nothing)."
            )
    else:
        classes = read_classes(layers.land_cover, template, progress.quiet() if "land_cover" in read else progress)
        _by_class(values, classes, choices.correction_bounds, source.name, progress)
    if empty.any():
        values[empty] = 1
        progress.log(f"{empty.sum()} cells have no value in '{source.name}' and are not corrected.")
    return values


def _by_class(light, grid, bounds, name, progress):
    """Light over the mean light of the class, in place, within bounds."""
    classes, valid = grid.values, grid.valid & ~np.isnan(light)
    totals = {}
    for rows in row_blocks(*light.shape, block_rows=BLOCK_ROWS):
        progress.check()
        here = valid[rows]
        codes, place = np.unique(classes[rows][here], return_inverse=True)
        sums = np.bincount(place, light[rows][here].astype(np.float64), len(codes))
        for code, total, count in zip(codes, sums, np.bincount(place, minlength=len(codes))):
            known = totals.setdefault(int(code), [0.0, 0])
            known[0] += total
            known[1] += int(count)
    codes = np.array(sorted(totals), dtype=np.int64)
    means = np.array([totals[code][0] / totals[code][1] for code in codes])
    dark = [str(code) for code, mean in zip(codes, means) if not mean > 0]
    dimmed = raised = 0
    for rows in row_blocks(*light.shape, block_rows=BLOCK_ROWS):
        progress.check()
        here = valid[rows]
        mean = means[np.searchsorted(codes, classes[rows][here])] if codes.size else np.empty(0)
        share = np.divide(light[rows][here], mean, out=np.ones_like(mean), where=mean > 0)
        dimmed += int((share < bounds[0]).sum())
        raised += int((share > bounds[1]).sum())
        block = light[rows]
        block[~here] = 1  # no class, or no light: counted by the caller
        block[here] = np.clip(share, *bounds)
    if dark:
        progress.log(f"Land-cover class(es) {', '.join(dark)} have no light at all in '{name}' and are not corrected.")
    limited = dimmed + raised
    if limited:
        text = (
            f"{limited} cells ({100 * limited / light.size:.1f} %) have less than {bounds[0]:g} times or more than "
            f"{bounds[1]:g} times the mean light of their land-cover class and are corrected by that bound "
            f"(the lowest multiplier, CORRECTION_LEAST, on {dimmed} cells, the highest, CORRECTION_MOST, on {raised})."
        )
        if limited <= _MOST_LIMITED * light.size:
            progress.log(text)
        else:
            progress.warn(
                f"{text} The light is patchy: the correction mostly tells lit cells from dark ones, by up to "
                f"{bounds[1] / bounds[0]:g} times, and may outweigh all factors. Choose bounds nearer to 1, such "
                f"as 0.5 and 2, or leave night light to its factor."
            )


def _text(value):
    return "not given" if value is None else f"{value:g}"

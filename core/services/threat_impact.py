"""What is left of a threat at each cell of a map, by its distance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ..arrays import AnyArray, Bools, Float32s, Floats
from ..errors import InputError
from ..geometry.cells import rasterize
from ..geometry.layers import Layer
from ..grid.euclidean import distance_and_value_m, distance_m, overhang_m, tiles, unpadded
from ..grid.grid import CLASSES, Grid, Template
from ..grid.reading import RasterSource, bounds_in, check_overlap
from ..grid.row_blocks import row_blocks
from ..grid.warping import align
from ..options import Option
from ..progress import SILENT, Progress
from .habitat_tables import Decay, Threat

_DECAY_RATE = 2.99


class DistanceRule(Option):
    """What a threat's impact on a cell is.

    - ``nearest``: decay of the distance to the nearest cell of the threat, whatever its intensity (InVEST since
      3.13).
    - ``nearest x intensity``: times that cell's intensity.
    - ``sum``: the intensities of all cells in reach, weighted by a decay kernel that adds to 1 (the idea of InVEST
      3.3 to 3.12).
    """

    NEAREST = "nearest", "nearest"
    INTENSITY = "nearest x intensity", "nearest x intensity"
    SUM = "sum", "sum"


def decayed(distance: npt.ArrayLike, max_distance: float, decay: Decay) -> Floats:
    """The share of a threat that is left at a distance, 1 at 0; both distances in one unit.

    ``linear``: 1 - d / d_max; ``exponential``: exp(-2.99 d / d_max); both 0 beyond d_max.
    """
    share = np.asarray(distance, dtype=np.float64) / max_distance
    left = 1 - share if decay is Decay.LINEAR else np.exp(-_DECAY_RATE * share)
    return np.where(share > 1, 0, left)


def require_in_reach(threats: Sequence[Threat], template: Template, *, progress: Progress = SILENT) -> None:
    """Refuse, before the work, a threat layer of which no part reaches the map.

    Raises
    ------
    InputError
        Names layer and threat.
    """
    for threat in threats:
        near, place = template.padded(threat.max_distance_m), threat.place
        if isinstance(place, RasterSource):
            check_overlap(place, near)
        elif isinstance(place, Layer):
            place.require_some("threat")
            west, south, east, north = near.bounds
            boxes = [geometry.GetEnvelope() for geometry in place.to_crs(template.crs).geometries]
            if not any(
                left <= east and right >= west and bottom <= north and top >= south
                for left, right, bottom, top in boxes
            ):
                raise InputError(
                    f"Threat layer '{place.name}' has no feature within {threat.max_distance_m:g} m "
                    f"of '{template.name}': choose a layer of this area, correct its CRS, or take "
                    f"threat '{threat.name}' out of the table.",
                    layer=place.name,
                )
        progress.check()


def impact_of(threat: Threat, land_cover: Grid, rule: DistanceRule, *, progress: Progress = SILENT) -> Float32s | None:
    """What is left of a threat at each cell of the land cover, 0 to 1; None if it does not occur in reach."""
    template, reach = land_cover.template, threat.max_distance_m
    if reach < min(template.cell_width, template.cell_height):
        progress.warn(
            f"Threat '{threat.name}' reaches {reach:g} m, less than one cell: a table for InVEST "
            f"before 3.15 gives kilometres, which must be turned into metres."
        )
    intensity, wide = _intensity(threat, land_cover, progress)
    if not (intensity > 0).any():
        progress.log(f"Threat '{threat.name}' does not occur on the map or within {reach:g} m of it.")
        return None
    if rule is DistanceRule.SUM:
        return _kernel_sum(threat, intensity, wide, template=template, progress=progress)
    # in cell widths: float32 metres would cost 1e-5 of the little that is left near the reach
    reach_cells = reach / template.cell_width
    unit = replace(wide, transform=(0.0, 1.0, 0.0, 0.0, 0.0, -template.cell_height / template.cell_width))
    nearest: AnyArray | None = None
    if rule is DistanceRule.INTENSITY:
        distance, nearest = distance_and_value_m(intensity, unit, reach_m=reach_cells, progress=progress)
        nearest = unpadded(nearest, wide, template)
    else:
        distance = distance_m(intensity > 0, unit, reach_m=reach_cells, progress=progress)
    share: Float32s = unpadded(distance, wide, template)
    for block in row_blocks(*template.shape):
        share[block] = decayed(share[block], reach_cells, threat.decay)
        progress.check()
    return share if nearest is None else share * nearest


def _intensity(threat: Threat, land_cover: Grid, progress: Progress) -> tuple[Float32s, Template]:
    """Intensity 0 to 1 of a threat, and the template, grown as far as it matters, that it is on."""
    template, place = land_cover.template, threat.place
    if isinstance(place, list):
        return (np.isin(land_cover.values, place) & land_cover.valid).astype(np.float32), template
    if isinstance(place, Layer):
        place.require_some("threat")
        geometries = place.to_crs(template.crs, progress).geometries
        envelopes = [geometry.GetEnvelope() for geometry in geometries]
        wide = template.padded(min(threat.max_distance_m, overhang_m(envelopes, template)))
        return rasterize(geometries, wide, all_touched=True, dtype=np.uint8).astype(np.float32), wide
    if not isinstance(place, RasterSource):
        raise TypeError(f"The features of threat '{threat.name}' are not read: call Threat.with_features first.")
    reachable = template.padded(threat.max_distance_m)
    west, south, east, north = bounds_in(check_overlap(place, reachable), template.crs)
    wide = template.padded(min(threat.max_distance_m, overhang_m([(west, east, south, north)], template)))
    grid = align(place, wide, kind=CLASSES, progress=progress)
    valid = grid.valid
    values: Float32s = np.where(valid, grid.values, 0).astype(np.float32)
    require_share(values, valid, what=f"Threat layer '{place.name}'", layer=place.name)
    return values, wide


def require_share(values: Float32s, valid: Bools, *, what: str, layer: str) -> None:
    """Refuse values outside 0 to 1; ``what`` is the subject of the sentence."""
    invalid = valid & ((values < 0) | (values > 1))
    if invalid.any():
        raise InputError(
            f"{what} holds {values[invalid].flat[0]:g} on {np.count_nonzero(invalid)} cell(s), and "
            f"only 0 to 1 has a meaning there: rescale it.",
            layer=layer,
        )


def _kernel_sum(
    threat: Threat, intensity: Float32s, wide: Template, *, template: Template, progress: Progress
) -> Float32s:
    """Intensities in reach under a decay kernel that adds to 1, by FFT in strips of rows."""
    from scipy.signal import oaconvolve

    reach = threat.max_distance_m
    down, right = int(reach // template.cell_height), int(reach // template.cell_width)
    kernel = _kernel(threat, template, rows=down, cols=right)
    row, col = template.offset_in(wide)
    padded = np.zeros((template.rows + 2 * down, template.cols + 2 * right), dtype=np.float32)
    here = (
        slice(max(0, row - down), row + template.rows + down),
        slice(max(0, col - right), col + template.cols + right),
    )
    near = intensity[here]
    top, left = down - row + here[0].start, right - col + here[1].start
    padded[top : top + near.shape[0], left : left + near.shape[1]] = near
    result: Float32s = np.zeros(template.shape, dtype=np.float32)
    for inner, _ in tiles(template.shape, down, right):
        around = padded[inner[0].start : inner[0].stop + 2 * down, inner[1].start : inner[1].stop + 2 * right]
        if around.any():
            result[inner] = oaconvolve(around, kernel, mode="valid")
        progress(0.5 * inner[0].stop / template.rows)
    # the FFT leaves traces of 1e-8 where no cell of the threat is in reach
    distance = distance_m(intensity > 0, wide, reach_m=reach, progress=progress.part(0.5, 1))
    result[np.isinf(unpadded(distance, wide, template))] = 0
    raised: Float32s = np.maximum(result, 0)
    return raised


def _kernel(threat: Threat, template: Template, *, rows: int, cols: int) -> Float32s:
    """Decay around a cell, as many rows and columns each way; adds to 1."""
    apart = np.hypot(
        np.arange(-rows, rows + 1)[:, None] * template.cell_height,
        np.arange(-cols, cols + 1)[None, :] * template.cell_width,
    )
    weights = decayed(apart, threat.max_distance_m, threat.decay)
    kernel: Float32s = (weights / weights.sum()).astype(np.float32)
    return kernel

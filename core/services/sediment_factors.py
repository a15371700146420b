"""What enters soil loss: cover factor C, slope length and steepness LS, drainage, and the table of C and P."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .. import tables
from ..arrays import Floats
from ..errors import InputError
from ..geometry.cells import rasterize
from ..geometry.layers import Layer
from ..grid.grid import CLASSES, Grid, Template, float_grid
from ..grid.reading import RasterSource
from ..grid.row_blocks import row_blocks
from ..grid.warping import align
from ..land_cover_products import LandCoverProduct, table_for_product
from ..options import Option
from ..progress import SILENT, Progress
from .land_cover import CODE, codes_of

_FLATTEST_OF_STEEP = 9.0  # per cent
_M_UPTO, _M = (1.0, 3.5, 5.0, 9.0), (0.2, 0.3, 0.4, 0.5)
_UNIT_LENGTH_M = 22.13
_CAI_FULL_COVER = 78.3


class LsMethod(Option):
    """How slope length enters LS."""

    DESMET_GOVERS = "Desmet-Govers"
    INVEST = "InVEST from 3.14 on"


class Capped(Option):
    """What the cap in LS holds down."""

    SLOPE_LENGTH = "slope length in metres", "slope length in metres"
    L_FACTOR = "L factor", "L factor"


class CoverKind(Option):
    """What a raster of cover holds."""

    COVER_FACTOR = "cover factor", "cover factor"
    VAN_DER_KNIJFF = "NDVI (van der Knijff 1999)"
    CAI = "vegetation cover in % (Cai 2000)", "vegetation cover in % (Cai 2000)"


@dataclass(frozen=True)
class SlopeLength:
    """How LS is computed.

    Parameters
    ----------
    method : LsMethod
    cap : float
        Upper bound of what ``capped`` says, above 0; infinite: none. 122 to 333 are usual.
    capped : Capped
        The slope length is (A + D^2) / (D x) with A in m2.
    """

    method: LsMethod = LsMethod.DESMET_GOVERS
    cap: float = math.inf
    capped: Capped = Capped.SLOPE_LENGTH


def default_table(product: LandCoverProduct | str = LandCoverProduct.CLCD) -> tables.RawTable:
    """The shipped cover and practice factors for a product's codes; ours, not the paper's."""
    return table_for_product(tables.shipped("services", "biophysical.csv"), product)


def read_table(table: tables.RawTable | None = None, *, with_cover: bool = True) -> tables.Table:
    """A biophysical table with ``usle_c`` (unless a raster gives it) and ``usle_p`` checked, as `tables.Table`."""
    columns = [
        CODE,
        tables.Column("usle_c", minimum=0, maximum=1, required=with_cover),
        tables.Column("usle_p", minimum=0, maximum=1),
    ]
    parsed = tables.parse(table or default_table(), columns)
    codes_of(parsed)
    return parsed


def drainage_cells(layers: Sequence[RasterSource | Layer], template: Template, *, progress: Progress = SILENT) -> Grid:
    """Rivers and canals as a map of 1 for what is drained to, and 0.

    Parameters
    ----------
    layers : list of reading.RasterSource and layers.Layer
        Rasters drain where they hold 1; lines wherever they touch a cell, so that no flow slips through
        between two cells; polygons where they hold a cell's centre.
    template : grid.Template

    Returns
    -------
    grid.Grid
        uint8, 2 bytes per cell at most at once.
    """
    found = np.zeros(template.shape, dtype=np.uint8)
    for layer in layers:
        progress.check()
        if isinstance(layer, Layer):
            layer.require_some("line or polygon")
            geometries = layer.to_crs(template.crs, progress).geometries
            for by_line in (True, False):
                some = [geometry for geometry in geometries if (geometry.GetDimension() < 2) == by_line]
                if some:
                    found |= rasterize(some, template, all_touched=by_line, dtype=np.uint8)
        else:
            grid = align(layer, template, kind=CLASSES, progress=progress)
            found |= grid.valid & (grid.values == 1)
    return Grid(found, template, None, "drainage")


def cover_factor(grid: Grid, *, kind: CoverKind = CoverKind.VAN_DER_KNIJFF, progress: Progress = SILENT) -> Grid:
    """USLE's cover factor C from a map of vegetation.

    Parameters
    ----------
    grid : grid.Grid
        NDVI, -1 to 1, for ``exp(-2 NDVI / (1 - NDVI))`` (van der Knijff, Jones & Montanarella 1999, EUR
        19022); or vegetation cover, 0 to 100 %, for ``0.6508 - 0.3436 log10 f`` (Cai et al. 2000,
        J. Soil Water Conserv. 14(2): 19-24; no cover 1, above 78.3 % 0).
    kind : CoverKind
        What the grid holds; a cover factor is returned as it is.

    Returns
    -------
    grid.Grid
        float32, 0 to 1; cells that the formula puts outside are set to 0 or 1, and their number logged.
    """
    if kind is CoverKind.COVER_FACTOR:
        return grid
    valid = grid.valid
    low, high, what = (-1, 1, "NDVI") if kind is CoverKind.VAN_DER_KNIJFF else (0, 100, "vegetation cover in %")
    wrong = valid & ((grid.values < low) | (grid.values > high))
    if wrong.any():
        raise InputError(
            f"Raster '{grid.name}' holds {grid.values[wrong].flat[0]:g} on {np.count_nonzero(wrong)} "
            f"cell(s), and {what} is {low} to {high}: rescale it, or correct its nodata value."
        )
    cover, beyond = np.full(grid.values.shape, np.nan, dtype=np.float32), 0
    for block in row_blocks(*grid.template.shape, progress):
        values = grid.like(grid.values[block], grid.nodata).floats(np.float64)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            if kind is CoverKind.VAN_DER_KNIJFF:
                factor = np.where(values < 1, np.exp(-2 * values / (1 - values)), 0 * values)
            else:
                factor = np.where(values > 0, 0.6508 - 0.3436 * np.log10(values), 1 + 0 * values)
                factor = np.where(values > _CAI_FULL_COVER, 0, factor)
            beyond += np.count_nonzero((factor < 0) | (factor > 1))
        cover[block] = np.clip(factor, 0, 1)
    progress.log(f"Cover factor from '{grid.name}', {kind}: {beyond} cell(s) beyond 0 to 1 were set to its ends.")
    return float_grid(cover, grid.template, "cover factor")


def ls_factor(
    east_rise: Floats,
    south_rise: Floats,
    accumulation: Floats,
    *,
    cell_area_m2: float,
    how: SlopeLength = SlopeLength(),
) -> Floats:
    """Slope length and steepness factor.

    Parameters
    ----------
    east_rise, south_rise : float ndarray
        By `slope.rises`.
    accumulation : float ndarray
        Cells that flow through each cell, itself among them.
    cell_area_m2 : float
        D is its root.
    how : SlopeLength
        ``Desmet-Govers`` (1996, J. Soil Water Conserv. 51: 427-433): A the inflow area in m2, x = |sin a| +
        |cos a| of the aspect a. ``InVEST from 3.14 on``: A the root of that area, x from the slope's angle.

    Returns
    -------
    float64 ndarray
        ``S ((A + D^2)^(m+1) - A^(m+1)) / (D^(m+2) x^m 22.13^m)``, S after McCool et al. (1987, Trans.
        ASAE 30: 1387-1396), m by slope.
    """
    tangent = np.sqrt(np.square(east_rise, dtype=np.float64) + np.square(south_rise, dtype=np.float64))
    percent = (100 * tangent).astype(np.float32)  # as InVEST keeps it; a slope of 3.5 % is not steeper than 3.5
    sine = np.sin(np.arctan(tangent))
    steep = np.where(percent < _FLATTEST_OF_STEEP, 10.8 * sine + 0.03, 16.8 * sine - 0.5)
    ratio = (sine / 0.0896) / (3 * sine**0.8 + 0.56)
    m = np.where(percent > _M_UPTO[-1], ratio / (1 + ratio), np.array((*_M, _M[-1]))[np.searchsorted(_M_UPTO, percent)])
    aspect = np.divide(np.abs(east_rise) + np.abs(south_rise), tangent, out=np.ones_like(tangent), where=tangent > 0)
    size = math.sqrt(cell_area_m2)
    area = np.maximum(accumulation - 1, 0) * cell_area_m2
    if how.capped is Capped.SLOPE_LENGTH and how.cap < math.inf:
        area = np.minimum(area, np.maximum(0, how.cap * size * aspect - cell_area_m2))
    if how.method is LsMethod.INVEST:
        area = np.sqrt(area)
        cosine = np.cos(np.arctan(tangent))
        aspect = sine + cosine
    length = ((area + cell_area_m2) ** (m + 1) - area ** (m + 1)) / (size ** (m + 2) * (aspect * _UNIT_LENGTH_M) ** m)
    if how.capped is Capped.L_FACTOR:
        length = np.minimum(length, how.cap)
    factor: Floats = length * steep
    return factor

"""A resistance surface and sources to measure on: a study's own, or arrays made here."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from econet.core.crs import Crs
from econet.core.geometry.cells import polygonize
from econet.core.geometry.layers import Layer, read_layer
from econet.core.grid.grid import Grid, Template
from econet.core.grid.reading import RasterSource, read_raster


def synthetic(rows: int = 1000, cols: int = 1200, *, count: int = 21, seed: int = 1) -> tuple[Grid, Layer]:
    """Resistance 1 to 5 of real numbers, a fifth nodata, and irregular sources of low resistance.

    Returns
    -------
    Grid, Layer
        Cells of 30 m; the sources have ``source_id``.
    """
    from scipy import ndimage

    random = np.random.RandomState(seed)
    relief = sum(size * ndimage.gaussian_filter(random.standard_normal((rows, cols)), size) for size in (2, 8, 40))
    low, high = relief.min(), relief.max()
    values = (1 + 4 * (relief - low) / (high - low)).astype(np.float32)
    hole = ndimage.gaussian_filter(random.standard_normal((rows, cols)), 30)
    values[hole > np.quantile(hole, 0.8)] = np.nan
    parts, _ = ndimage.label(values < np.nanquantile(values, 0.15), np.ones((3, 3)))
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    largest = np.argsort(-sizes, kind="stable")[:count]
    number = np.zeros(sizes.size, dtype=np.int32)
    number[largest] = np.arange(1, count + 1)
    crs = Crs("EPSG:32651")
    template = Template(rows, cols, (500000.0, 30.0, 0.0, 4640000.0, 0.0, -30.0), crs, "synthetic")
    polygons = polygonize(number[parts], template)
    sources = Layer(
        "synthetic sources", crs, list(polygons.values()), [{"source_id": label} for label in polygons], ["source_id"]
    )
    return Grid(values, template, float("nan"), "synthetic"), sources


def mining_city() -> tuple[Grid, Layer] | None:
    """Resistance and sources of the shipped mining city where ``scripts/demo`` has made them, else None."""
    folder = Path(__file__).resolve().parent.parent / "demo-output" / "mining_city"
    if not (folder / "sources.gpkg").exists():
        return None
    resistance, sources = read_study(str(folder / "resistance.tif"), str(folder / "sources.gpkg"))
    resistance.name = "mining city"
    return resistance, sources


def read_study(resistance: str, sources: str) -> tuple[Grid, Layer]:
    """A study's resistance raster and sources (``file`` or ``file|layername=name``)."""
    path, _, layer = sources.partition("|layername=")
    return read_raster(RasterSource(resistance)), read_layer(path, layer or None)

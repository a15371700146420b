"""Arrays as GDAL stores them: data types, nodata values and datasets in memory."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from osgeo import gdal

from ..arrays import AnyArray, DType

if TYPE_CHECKING:
    from .grid import Template

GDAL_TYPES = {
    "uint8": gdal.GDT_Byte,
    "int16": gdal.GDT_Int16,
    "uint16": gdal.GDT_UInt16,
    "int32": gdal.GDT_Int32,
    "uint32": gdal.GDT_UInt32,
    "float32": gdal.GDT_Float32,
    "float64": gdal.GDT_Float64,
}


def nodata_as(dtype: DType, nodata: float | None) -> Any:
    """A nodata value as a number of a data type; None where the type cannot hold it, as -9999 in a byte."""
    if nodata is None:
        return None
    if np.issubdtype(dtype, np.integer):
        limits = np.iinfo(dtype)
        is_whole = math.isfinite(nodata) and nodata == math.floor(nodata)
        return dtype.type(int(nodata)) if is_whole and limits.min <= nodata <= limits.max else None
    with np.errstate(over="ignore"):
        return np.asarray(nodata).astype(dtype)[()]


def stored_dtype(values: AnyArray) -> DType:
    """The data type in which GDAL 3.4 stores an array; it has no int8, int64 or bool."""
    if values.dtype == bool:
        return np.dtype(np.uint8)
    if values.dtype.name in GDAL_TYPES:
        return values.dtype
    fits = not values.size or -2147483648 <= values.min() <= values.max() <= 2147483647
    return np.dtype(np.int32 if fits else np.float64)


def memory_dataset(values: AnyArray, template: Template, nodata: float | None) -> gdal.Dataset:
    """A GDAL dataset in memory with an array as its one band."""
    values = values.astype(stored_dtype(values), copy=False)
    code = GDAL_TYPES[values.dtype.name]
    dataset = gdal.GetDriverByName("MEM").Create("", int(template.cols), int(template.rows), 1, code)
    dataset.SetGeoTransform(template.transform)
    dataset.SetProjection(template.crs.reference.ExportToWkt())
    band = dataset.GetRasterBand(1)
    if nodata is not None and nodata_as(values.dtype, nodata) is not None:
        band.SetNoDataValue(float(nodata))
    band.WriteArray(values)
    return dataset

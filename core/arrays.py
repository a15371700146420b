"""Names for the arrays that functions take and give, for type hints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    AnyArray = npt.NDArray[Any]
    Bools = npt.NDArray[np.bool_]
    Bytes = npt.NDArray[np.uint8]
    Floats = npt.NDArray[np.float64]
    Float32s = npt.NDArray[np.float32]
    AnyFloats = npt.NDArray[np.floating[Any]]
    Int16s = npt.NDArray[np.int16]
    Ints = npt.NDArray[np.int64]
    Int32s = npt.NDArray[np.int32]
    AnyInts = npt.NDArray[np.integer[Any]]
    DType = np.dtype[Any]
    DTypeLike = npt.DTypeLike
    ArrayLike = npt.ArrayLike
else:  # the oldest numpy that QGIS brings has no numpy.typing.NDArray
    AnyArray = Bools = Bytes = Floats = Float32s = AnyFloats = Int16s = Ints = Int32s = AnyInts = np.ndarray
    DType = np.dtype
    DTypeLike = ArrayLike = Any

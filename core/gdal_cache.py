"""GDAL's cache of blocks kept small while maps are read in parts."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from osgeo import gdal

_CACHE_BYTES = 64 << 20

_lock = threading.Lock()
_inside = 0
_usual_bytes = 0


@contextlib.contextmanager
def small_cache() -> Iterator[None]:
    """GDAL keeps at most 64 MB of blocks inside, where its default is a twentieth of the machine's memory."""
    global _inside, _usual_bytes
    with _lock:
        if not _inside:
            _usual_bytes = gdal.GetCacheMax()
            gdal.SetCacheMax(min(_usual_bytes, _CACHE_BYTES))
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                gdal.SetCacheMax(_usual_bytes)

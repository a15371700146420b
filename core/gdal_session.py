"""Use GDAL so that it raises errors, prints nothing and can be cancelled."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any, Callable, TypeVar

from osgeo import gdal, ogr, osr

from .progress import Progress

_Result = TypeVar("_Result")

_MODULES = (gdal, ogr, osr)

_lock = threading.Lock()
_inside = 0
_were_on: list[int] = []


@contextlib.contextmanager
def gdal_exceptions() -> Iterator[None]:
    """Make GDAL, OGR and OSR raise exceptions inside this block, and restore their global switches after it.

    QGIS shares one GDAL with every plugin, so the switches must not be left on; it runs
    algorithms in threads, so the first to enter switches them on and the last to leave switches them off.
    """
    global _inside, _were_on
    with _lock:
        if not _inside:
            _were_on = [module.GetUseExceptions() for module in _MODULES]
            for module in _MODULES:
                module.UseExceptions()
        _inside += 1
    gdal.PushErrorHandler("CPLQuietErrorHandler")
    try:
        yield
    finally:
        gdal.PopErrorHandler()
        with _lock:
            _inside -= 1
            if not _inside:
                # GDAL 3.6 stacks the switches: last on, first off; 3.7 and later switch all at once
                for module, was_on in reversed(list(zip(_MODULES, _were_on))):
                    if not was_on:
                        module.DontUseExceptions()
                for module, was_on in zip(_MODULES, _were_on):
                    if was_on and not module.GetUseExceptions():
                        module.UseExceptions()


def gdal_says(error: BaseException) -> str:
    """The first line of a GDAL error; from GDAL 3.10 more lines follow with possible causes."""
    return str(error).split("\n", 1)[0]


@contextlib.contextmanager
def gdal_silent() -> Iterator[None]:
    """Make GDAL neither raise nor print inside this block; use it around closing a dataset.

    From GDAL 3.7 closing raises where nobody can catch it; `gdal.GetLastErrorType()` shows a failure instead.
    """
    with gdal.ExceptionMgr(useExceptions=False) if hasattr(gdal, "ExceptionMgr") else contextlib.nullcontext():
        gdal.PushErrorHandler("CPLQuietErrorHandler")
        try:
            yield
        finally:
            gdal.PopErrorHandler()


def run_with_callback(
    progress: Progress, work: Callable[[Callable[..., int]], _Result], *, with_fraction: bool = False
) -> _Result:
    """Return ``work(callback)``; raise Cancelled on a cancel, which GDAL alone would swallow in the callback.

    Parameters
    ----------
    progress : Progress
        Asked at each call of the callback whether to stop.
    work : callable
        Takes a callback and hands it to GDAL.
    with_fraction : bool
        GDAL's own fraction is reported too.
    """
    stopped: list[Exception] = []

    def callback(fraction: float, *_: Any) -> int:
        try:
            if with_fraction:
                progress(fraction)
            else:
                progress.check()
        except Exception as error:
            stopped.append(error)
            return 0
        return 1

    try:
        result = work(callback)
    except RuntimeError:
        if not stopped:
            raise
    if stopped:
        raise stopped[0]
    return result

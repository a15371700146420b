"""The one place that knows numba: an optional compiler that makes some loops faster, never different.

numba may be absent, and where it is present it may fail at import or at compiling with any kind
of exception; its cache folder may not be writable. So it is imported when first needed, every
compiled loop is checked once against the numpy way, and any failure falls back on numpy.
"""

_kernels = {}
_chosen = {"engine": "auto"}


def prefer(engine):
    """Choose the engine for all later work: ``auto`` (default), ``numpy`` or ``numba``.

    ``auto`` takes numba where it works and the work is worth compiling for. With ``numba`` work
    of any size is compiled; where numba fails, numpy still does it.
    """
    if engine not in ("auto", "numpy", "numba"):
        raise ValueError(f"engine must be auto, numpy or numba, not {engine!r}")
    _chosen["engine"] = engine


def kernel(function, agrees, work, worth, progress):
    """The compiled form of a loop, or None where numpy should do the work.

    Parameters
    ----------
    function : callable
        A loop in the subset of Python that numba compiles.
    agrees : callable
        Takes the compiled loop; True when it gives what the numpy way gives on a small case.
    work, worth : float
        Size of this job, and the size from which compiling pays.
    progress : Progress
        Hears why numba is not used, once per loop.
    """
    if _chosen["engine"] == "numpy" or (_chosen["engine"] == "auto" and work < worth):
        return None
    name = f"{function.__module__}.{function.__qualname__}"
    if name not in _kernels:
        _kernels[name] = _compiled(function, agrees, progress)
    return _kernels[name]


def _compiled(function, agrees, progress):
    try:
        import numba
    except ImportError:
        return None
    except Exception as error:  # a numba that does not fit this numpy raises SystemError and others
        progress.log(f"numba is installed and cannot be used ({error}); numpy does the work.")
        return None
    reason = "its result differed from numpy's on the test grid"
    for cache in (True, False):  # the cache folder may be missing or read-only
        try:
            compiled = numba.njit(cache=cache, nogil=True)(function)
            if agrees(compiled):
                return compiled
        except Exception as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    progress.log(f"numba is installed and cannot be used ({reason}); numpy does the work.")
    return None

"""The only module that imports numba: an optional compiler that makes some loops faster, with equal results.

numba may be absent, and where it is present it may fail at import or at compiling with any kind
of exception; its cache folder may not be writable. So it is imported when first needed, every
compiled loop is checked once against the numpy way, and any failure falls back on numpy.

A loop may call helper functions of its own module, if each is marked with :func:`compilable`. Arrays that belong
together are best handed on as one ``NamedTuple``, which numba understands.
"""

from __future__ import annotations

import types
from typing import Any, Callable, Literal, TypeVar

from .progress import Progress

Engine = Literal["auto", "numpy", "numba"]

Loop = TypeVar("Loop", bound=Callable[..., Any])

# Counting references to the arrays of a NamedTuple, one by one, takes most of the time of a short helper function, and
# threads wait for each other over it; so it is left out ("_nrt"), and a loop must not make arrays. The cache folder
# may be missing or read-only, and a numba may come that does not know that option.
_OPTIONS: tuple[dict[str, bool], ...] = (
    {"cache": True, "_nrt": False},
    {"cache": False, "_nrt": False},
    {"cache": False},
)

_kernels: dict[str, Callable[..., Any] | None] = {}
_chosen: dict[str, Engine] = {"engine": "auto"}
_helpers: set[Callable[..., Any]] = set()


def prefer(engine: Engine) -> None:
    """Choose the engine for all later work: ``auto`` (default), ``numpy`` or ``numba``.

    ``auto`` takes numba where it works and the work is worth compiling for. With ``numba`` work
    of any size is compiled; where numba fails, numpy still does it.
    """
    if engine not in ("auto", "numpy", "numba"):
        raise ValueError(f"engine must be auto, numpy or numba, not {engine!r}")
    _chosen["engine"] = engine


def compilable(helper: Loop) -> Loop:
    """Mark a function that loops given to :func:`kernel` may call; it stays a plain Python function.

    numba compiles it together with the loop. Define it in the same module as the loop and call it by the name it is
    defined with: numba renews its cache when that file changes, not when other files change.
    """
    _helpers.add(helper)
    return helper


def kernel(loop: Loop, agrees: Callable[[Loop], bool], *, work: float, worth: float, progress: Progress) -> Loop | None:
    """The compiled form of a loop, or None where numpy should do the work.

    Parameters
    ----------
    loop : callable
        A function in the subset of Python that numba compiles, as are the :func:`compilable` ones that it calls. It
        works on the arrays that it is given and makes none.
    agrees : callable
        Takes the compiled loop; True when it gives what the numpy way gives on a small case.
    work, worth : float
        Size of this job, and the size from which compiling pays.
    progress : Progress
        Its log receives the reason why numba is not used, once per loop.
    """
    if _chosen["engine"] == "numpy" or (_chosen["engine"] == "auto" and work < worth):
        return None
    name = f"{loop.__module__}.{loop.__qualname__}"
    if name not in _kernels:
        _kernels[name] = _checked(loop, agrees, progress)
    return _kernels[name]  # type: ignore[return-value]  # compiled of a Loop


def _checked(loop: Loop, agrees: Callable[[Loop], bool], progress: Progress) -> Loop | None:
    """The compiled loop if numba works and the results agree, else None and a line in the log."""
    try:
        import numba
    except ImportError:
        return None
    except Exception as error:  # a numba that does not fit this numpy raises SystemError and others
        progress.log(f"numba is installed and cannot be used ({error}); numpy does the work.")
        return None
    reason = "its result differed from numpy's on the test grid"
    for options in _OPTIONS:
        try:
            compiled: Loop = _compiled(loop, numba.njit(nogil=True, **options), {})
            if agrees(compiled):
                return compiled
        except Exception as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    progress.log(f"numba is installed and cannot be used ({reason}); numpy does the work.")
    return None


def _compiled(function: Loop, njit: Callable[[Any], Any], done: dict[Callable[..., Any], Any]) -> Any:
    """A function compiled by ``njit``; the helpers that it calls are compiled before it, each once.

    numba looks up what a function calls among its global names, so the function is given a copy of them in which the
    compiled helpers take the places of the plain ones.
    """
    if function not in done:
        names = function.__globals__
        called = {name: names[name] for name in function.__code__.co_names if _is_helper(names.get(name))}
        linked = types.FunctionType(
            function.__code__,
            {**names, **{name: _compiled(helper, njit, done) for name, helper in called.items()}},
            function.__name__,
            function.__defaults__,
            function.__closure__,
        )
        linked.__module__, linked.__qualname__ = function.__module__, function.__qualname__
        done[function] = njit(linked)
    return done[function]


def _is_helper(value: Any) -> bool:
    return isinstance(value, types.FunctionType) and value in _helpers

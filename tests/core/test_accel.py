"""Compiled loops of several functions: what they call is compiled with them, and the plain functions stay."""

import types
from typing import NamedTuple

import numpy as np
import pytest

from econet.core import accel
from econet.core.progress import SILENT, Progress


class _Pair(NamedTuple):
    values: np.ndarray
    sums: np.ndarray


@accel.compilable
def _double(value):
    return 2 * value


@accel.compilable
def _add(pair, at):
    pair.sums[0] += _double(pair.values[at])


def _unmarked(value):
    return value


def _loop(pair):
    for at in range(pair.values.size):
        _add(pair, at)


def _loop_with_unmarked(pair):
    pair.sums[0] = _unmarked(pair.values[0])


def _pair():
    return _Pair(np.arange(5.0), np.zeros(1))


def _agrees(loop):
    pair = _pair()
    loop(pair)
    return pair.sums[0] == 20


@pytest.fixture
def numba(monkeypatch):
    monkeypatch.setattr(accel, "_kernels", {})
    accel.prefer("numba")
    yield pytest.importorskip("numba")
    accel.prefer("auto")


def test_helpers_are_compiled_with_the_loop(numba):
    compiled = accel.kernel(_loop, _agrees, work=1, worth=100, progress=SILENT)
    pair = _pair()
    compiled(pair)
    assert compiled is not _loop and pair.sums[0] == 20
    assert compiled.py_func.__globals__["_add"].py_func.__globals__["_double"].py_func.__code__ is _double.__code__
    assert isinstance(_add, types.FunctionType) and _agrees(_loop)  # the plain ones are as they were


def test_a_helper_that_is_not_marked_falls_back_on_numpy(numba):
    said = []
    found = accel.kernel(_loop_with_unmarked, _agrees, work=1, worth=100, progress=Progress(log=said.append))
    assert found is None and len(said) == 1 and "numpy does the work" in said[0]


def test_unknown_engines_are_refused():
    with pytest.raises(ValueError, match="auto, numpy or numba"):
        accel.prefer("cuda")

"""Directions across flats, away from higher and towards lower ground (Garbrecht & Martz 1997)."""

from __future__ import annotations

from typing import Callable

import numpy as np

from ..arrays import Bools, Floats, Int32s, Ints
from ..progress import Progress, Throttled
from .lattice import not_filled, parts_of
from .ways import Terrain, Ways


def route_flats(terrain: Terrain, flat: Ints, ways: Ways, *, progress: Progress) -> None:
    """Directions on flats, into ``ways``.

    Steps from the outlet count twice, steps from the rim against them, so that the surface between has
    no pit: a step towards the outlet lowers the first by 2, and changes the second by 1 at most.

    Parameters
    ----------
    flat : int64 ndarray
        Flat cells without a lower neighbour.

    Raises
    ------
    InputError
        A depression that is not filled.
    """
    grades = _Grades(terrain, flat, progress)
    height, undrained = terrain.height, grades.undrained
    towards, away = (np.zeros(terrain.lattice.size, dtype=np.int32) for _ in range(2))
    grades.count_steps(grades.beside(flat, lambda to, here: (height[to] == here) & ~undrained[to]), towards)
    left = flat[towards[flat] == 0]
    out = grades.beside(left, lambda to, here: np.isnan(height[to]))
    ways.leaves[out] = True
    undrained[out] = False
    ways.direction[out] = terrain.lattice.off_the_map(height, out)
    left = left[undrained[left]]
    grades.count_steps(grades.beside(left, lambda to, here: (height[to] == here) & ~undrained[to]), towards)
    left = left[towards[left] == 0]
    if left.size:
        raise not_filled(left)
    flat = flat[undrained[flat]]
    grades.count_steps(grades.beside(flat, lambda to, here: height[to] > here), away)
    _follow(terrain, ways, flat, grades, towards, 2 * towards - away)


class _Grades:
    """Steps over the cells of flats."""

    def __init__(self, terrain: Terrain, flat: Ints, progress: Progress) -> None:
        self._terrain, self._total = terrain, max(1, 3 * flat.size)
        self._throttled = Throttled(progress)
        self.undrained = np.zeros(terrain.lattice.size, dtype=bool)
        self.undrained[flat] = True

    def report(self, done: int) -> None:
        """Tell how many of the steps are done, and hear a cancel."""
        self._throttled(done / self._total)

    def beside(self, cells: Ints, what: Callable[[Ints, Floats], Bools]) -> Ints:
        """The cells of which ``what`` holds for some neighbour; it takes the neighbours and the cells' heights."""
        found = []
        for part in parts_of(cells):
            self.report(0)
            around = self._terrain.lattice.neighbours_of(part)
            found.append(part[what(around, self._terrain.height[part][:, None]).any(axis=1)])
        return np.concatenate(found) if found else cells

    def count_steps(self, seeds: Ints, count: Int32s) -> None:
        """Steps from the seeds over flat cells of one height, into ``count``."""
        lattice, height, undrained = self._terrain.lattice, self._terrain.height, self.undrained
        level = 1
        count[seeds] = level
        while seeds.size:
            level += 1
            around = lattice.neighbours_of(seeds)
            new = around[undrained[around] & (count[around] == 0) & (height[around] == height[seeds][:, None])]
            seeds = np.unique(new)
            count[seeds] = level
            self.report(int(np.count_nonzero(seeds)))


def _follow(terrain: Terrain, ways: Ways, flat: Ints, grades: _Grades, towards: Int32s, grade: Int32s) -> None:
    """Water runs down the grade; cells beside an outlet run into it."""
    height, undrained = terrain.height, grades.undrained
    for part in parts_of(flat):
        grades.report(2 * flat.size)
        around = terrain.lattice.neighbours_of(part)
        level = height[around] == height[part][:, None]
        last = (towards[part] == 1)[:, None]
        drop = np.where(last, 1, grade[part][:, None] - grade[around])
        drop = np.where(level & (drop > 0) & (undrained[around] != last), drop, 0) * terrain.slope_by
        if ways.shares is not None:
            ways.shares[part] = drop
        else:
            steepest = drop == drop.max(axis=1, keepdims=True)
            ways.direction[part] = np.where(steepest, terrain.bed[around], np.inf).argmin(axis=1)

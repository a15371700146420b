"""Directions across flats."""

import numpy as np

from .lattice import Beat, lattice_parts, neighbours_of, not_filled, off_the_map


def route_flats(lattice, height, bed, flat, slope_by, direction, shares, leaves, progress):
    """Directions on flats, away from higher and towards lower ground (Garbrecht & Martz 1997).

    Steps from the outlet count twice, steps from the rim against them, so that the surface between has
    no pit: a step towards the outlet lowers the first by 2, and changes the second by 1 at most.
    """
    undrained = np.zeros(lattice.size, dtype=bool)
    undrained[flat] = True
    beat = Beat(progress, 3 * flat.size)

    def beside(cells, what):
        found = []
        for part in lattice_parts(cells):
            beat(0)
            around = neighbours_of(lattice, part)
            found.append(part[what(around, height[part][:, None]).any(axis=1)])
        return np.concatenate(found) if found else cells

    def levels(seeds, count):
        """Steps from the seeds over flat cells of one height, into ``count``."""
        level = 1
        count[seeds] = level
        while seeds.size:
            level += 1
            around = neighbours_of(lattice, seeds)
            new = around[undrained[around] & (count[around] == 0) & (height[around] == height[seeds][:, None])]
            seeds = np.unique(new)
            count[seeds] = level
            beat(np.count_nonzero(seeds))

    towards, away = (np.zeros(lattice.size, dtype=np.int32) for _ in range(2))
    levels(beside(flat, lambda to, here: (height[to] == here) & ~undrained[to]), towards)
    left = flat[towards[flat] == 0]
    out = beside(left, lambda to, here: np.isnan(height[to]))
    leaves[out] = True
    undrained[out] = False
    direction[out] = off_the_map(lattice, height, out)
    left = left[undrained[left]]
    levels(beside(left, lambda to, here: (height[to] == here) & ~undrained[to]), towards)
    left = left[towards[left] == 0]
    if left.size:
        raise not_filled(left)
    flat = flat[undrained[flat]]
    levels(beside(flat, lambda to, here: height[to] > here), away)
    grade = 2 * towards - away
    for part in lattice_parts(flat):
        beat(2 * flat.size)
        around = neighbours_of(lattice, part)
        level = height[around] == height[part][:, None]
        last = (towards[part] == 1)[:, None]
        drop = np.where(last, 1, grade[part][:, None] - grade[around])
        drop = np.where(level & (drop > 0) & (undrained[around] != last), drop, 0) * slope_by
        if shares is not None:
            shares[part] = drop
        else:
            steepest = drop == drop.max(axis=1, keepdims=True)
            direction[part] = np.where(steepest, bed[around], np.inf).argmin(axis=1)

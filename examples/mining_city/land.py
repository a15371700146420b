"""The land of the artificial city: valleys by an erosion model, reservoirs, pits and dumps."""

import math
from dataclasses import dataclass

import numpy as np

from econet.examples.mining_city.curves import (
    Surface,
    cells_between,
    distance_to,
    noise_map,
    ramp,
    random_state,
    segments_of,
    smooth,
)
from econet.examples.mining_city.scale import BLOCK_ROWS, CELL_M, CITY_M


def _erode(uplift, fixed, spacing_km, rng, steps=36):
    """Heights where uplift and river incision balance (stream power, m = 0.5, n = 1).

    The implicit scheme of Braun & Willett (2013, Geomorphology 180-181: 170-179), with the
    nodes ordered by their steps to an outlet so that each order is one vectorised operation.

    Parameters
    ----------
    uplift : float64 ndarray
        Relative rate.
    fixed : bool ndarray
        Rivers: nodes that stay at 0.
    spacing_km : float

    Returns
    -------
    height, area : float64 ndarrays
        Relative heights, and the area that drains through each node in km2.
    """
    shape, count = uplift.shape, uplift.size
    height = (uplift * 0.3 + 0.02 * rng.random_sample(shape)) * ~fixed
    base = np.arange(count)
    offsets = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0)]
    for _ in range(steps):
        height = np.where(fixed, 0, height + 0.03 * (smooth(height, 1) - height) * 5)
        padded = np.pad(height, 1, constant_values=np.inf)
        steepest, target = np.zeros(shape), np.zeros(shape, dtype=np.int64)
        for i, j in offsets:
            away = spacing_km * math.sqrt(i * i + j * j)
            slope = (height - padded[1 + i : 1 + i + shape[0], 1 + j : 1 + j + shape[1]]) / away
            better = slope > steepest
            steepest[better] = slope[better]
            target[better] = i * shape[1] + j
        target[fixed] = 0
        receiver = base + target.ravel()
        away = spacing_km * np.sqrt(np.where(np.isin(np.abs(target.ravel()), (0, 1, shape[1])), 1.0, 2.0))
        order, steps_down = (receiver != base).astype(np.int64), receiver
        while True:  # steps to the outlet by doubling
            more = order[steps_down]
            if not more.any():
                break
            order, steps_down = order + more, steps_down[steps_down]
        nodes = np.argsort(order, kind="stable")
        ends = np.cumsum(np.bincount(order))
        area = np.full(count, spacing_km * spacing_km)
        levels = [nodes[a:b] for a, b in zip(ends[:-1], ends[1:])]
        for level in reversed(levels):
            np.add.at(area, receiver[level], area[level])
        flat = (height + uplift * 0.25 * ~fixed).ravel()
        factor = 2.2 * 0.25 * np.sqrt(area) / away
        for level in levels:
            f = factor[level]
            flat[level] = (flat[level] + f * flat[receiver[level]]) / (1 + f)
        height = flat.reshape(shape)
    return height, area.reshape(shape)


@dataclass
class _Land:
    """What the finer maps are made from, on a coarser lattice."""

    height: Surface  # m
    floor: Surface  # height of the valley floor there, m
    to_river: Surface  # m
    valley: Surface  # 1 on the floor of a tributary's valley .. 0 on its slopes
    saddle: Surface  # the same for side valleys
    hollow: Surface  # the same for the small valleys that the erosion made
    mountain: Surface  # 0 plain .. 1 mountains


def make_land(plan):
    cells = plan.rows * plan.cols
    step = max(2 if cells < 300_000 else 3, math.ceil(math.sqrt(cells / 6e5)))
    shape = -(-plan.rows // step), -(-plan.cols // step)
    spacing = step * CELL_M
    km = plan.metres
    rng = random_state(plan.seed, "land")
    # exact where it matters; farther off every tenth bend is enough
    near, far = (
        distance_to(segments_of([river[::skip] for river in plan.rivers]), shape, spacing, km(reach))
        for skip, reach in ((1, 1.5), (10, 20))
    )
    to_river = np.where(near < km(1.5), near, np.maximum(far, km(1.5)))
    to_tributary = distance_to(segments_of(plan.tributaries), shape, spacing, km(3))
    to_saddle = distance_to(segments_of(plan.saddles), shape, spacing, km(3))
    x = (np.arange(shape[1]) + 0.5) * spacing
    y = ((np.arange(shape[0]) + 0.5) * spacing)[:, None]
    tracks = np.stack([np.interp(x, river[:, 0], river[:, 1]) for river in plan.rivers])
    nearest = np.abs(y[None] - tracks[:, None, :]).argmin(axis=0)
    is_north = y < np.take_along_axis(tracks, nearest, axis=0)
    width = plan.cols * CELL_M
    nx = max(1, round(width / CITY_M[0]))
    across = x / width * nx % 1.0
    east = ramp(across, 0.80, 0.93)
    if nx > 1:
        east = np.maximum(east, 1 - ramp(across, 0, 0.06))
    rough = noise_map(rng, shape, km(5) / spacing).band(0, shape[0], shape[1])
    fine = noise_map(rng, shape, km(1.6) / spacing).band(0, shape[0], shape[1])
    half_plain = km(1) * (np.where(is_north, 3.0, 3.0) + 0.8 * rough + 0.4 * fine) * (1 - 0.78 * east)
    mountain = ramp(to_river, half_plain, half_plain + km(2.2))
    distance_km = to_river / km(1)
    strength = np.where(is_north, 0.42 + 0.058 * distance_km, 0.40 + 0.02 * distance_km) + 0.45 * east
    uplift = mountain * strength * (1 + 0.35 * rough + 0.15 * fine)
    uplift = smooth(uplift.astype(np.float64), 3)
    # valleys narrow as they climb, and where the dam stands
    narrow = (1.25 - 0.075 * np.minimum(distance_km, 12)) * (1 + 0.35 * rough + 0.35 * fine)
    dams = np.array([reach[0] for reach in plan.reservoirs if len(reach)])
    for dam_x, dam_y in dams:
        narrow *= 0.3 + 0.7 * ramp(np.sqrt((x - dam_x) ** 2 + (y - dam_y) ** 2), km(0.4), km(1.7))
    narrow = np.maximum(narrow, 0.18) * km(1)
    uplift *= ramp(to_tributary, 0.28 * narrow, 0.28 * narrow + km(0.8))
    uplift *= 0.16 + 0.84 * ramp(to_saddle, km(0.10), km(0.95))
    uplift = np.maximum(uplift, 0) + 0.0015
    fixed = (to_river < 0.75 * spacing) | (to_tributary < 0.75 * spacing)
    rise, area = _erode(uplift, fixed, spacing / km(1), rng)
    rise = smooth(rise, 1)
    rise /= rise.max()
    rise *= 2880.0 * plan.relief / (3 + rise)  # hills keep their height, summits less: 720 m in all
    floor = 62.0 + 26.0 * x / width + plan.relief * 7.5 * np.maximum(distance_km - 1.0, 0)
    valley = 1 - ramp(to_tributary, 0.30 * narrow, 0.30 * narrow + km(0.25))
    saddle = 1 - ramp(to_saddle, 0.13 * narrow, 0.13 * narrow + km(0.18))
    hollow = smooth(np.where(fixed, 0, ramp(area, 0.5, 2.2)), 1)
    surface = lambda values: Surface(values, step)  # noqa: E731
    return _Land(*map(surface, (floor + rise, floor, to_river, valley, saddle, hollow, mountain)))


def make_dem(plan, land):
    """float32 heights without the works of mining, and the reservoirs: (row, column, mask) each."""
    rng = random_state(plan.seed, "dem")
    noises = [
        (noise_map(rng, plan.shape, plan.metres(length) / CELL_M), size)
        for length, size in ((0.9, 16.0), (0.42, 8.0), (0.18, 3.5))
    ]
    plain = noise_map(rng, plan.shape, plan.metres(2.5) / CELL_M)
    dem = np.empty(plan.shape, dtype=np.float32)
    for row in range(0, plan.rows, BLOCK_ROWS):
        stop = min(row + BLOCK_ROWS, plan.rows)
        height, floor = (s.band(row, stop, plan.cols) for s in (land.height, land.floor))
        above = ramp(height - floor, 4 * plan.relief, 140 * plan.relief)
        for noise, size in noises:
            height = height + above * size * plan.relief * noise.band(row, stop, plan.cols)
        dem[row:stop] = height + (1 - above) * 1.5 * plain.band(row, stop, plan.cols)
    return dem, [_flood(plan, reach, dem) for reach in plan.reservoirs if len(reach)]


def _flood(plan, reach, dem):
    """Fill a valley up to the dam's crest: everything low near the reach and behind the dam."""
    wide = plan.metres(1.5)
    r0, r1 = cells_between(reach[:, 1].min() - wide, reach[:, 1].max(), CELL_M, plan.rows)
    c0, c1 = cells_between(reach[:, 0].min() - wide, reach[:, 0].max() + wide, CELL_M, plan.cols)
    near = distance_to(segments_of([reach - (c0 * CELL_M, r0 * CELL_M)]), (r1 - r0, c1 - c0), CELL_M, wide) < wide
    dam = min(int(reach[0, 1] / CELL_M), plan.rows - 1), min(int(reach[0, 0] / CELL_M), plan.cols - 1)
    level = np.rint(float(dem[dam]) + 30 * plan.relief)
    part = dem[r0:r1, c0:c1]
    lake = near & (part < level)
    part[lake] = level
    return r0, c0, lake


def _benches(inside_m, depth_m, slope, bench_m):
    """Depth of a pit cut in benches: steep faces and level berms."""
    steps = np.minimum(inside_m * slope, depth_m) / bench_m
    whole = np.floor(steps)
    return bench_m * (whole + np.minimum(1, 2.0 * (steps - whole)))


def dig(plan, places, dem):
    """Pits, dumps and subsidence in the DEM, then heights in steps of 1/8 m."""
    for mine, place in zip(plan.mines, places):
        if place is None:
            continue
        rows, cols, inside = place
        size = mine.floor_m * plan.relief
        part, within = dem[rows, cols], inside > 0
        if not within.any() or not size:
            continue
        if mine.feature == "dump":
            part += np.where(within, np.minimum(inside * 0.36, size), 0)
        elif mine.feature == "subsidence":
            part -= size * ramp(inside, 0, max(float(inside.max()), 1.0))
        else:
            slope = max(size / (0.82 * float(inside.max())), 0.08)
            part -= np.where(within, _benches(inside, size, slope, max(size / 11, 1.0)), 0)
    np.divide(np.rint(np.multiply(dem, 8, out=dem), out=dem), 8, out=dem)

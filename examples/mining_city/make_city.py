#!/usr/bin/python3
"""Makes the artificial mining city: every map that EcoNet's steps read, at any size.

    /usr/bin/python3 examples/mining_city/make_city.py --rows 1000 --cols 1200 --seed 1 OUT

Nothing in it is real. A town lies on a river plain between two open pits; hills and mountains
around it are carved by an erosion model, so that valleys branch as real ones do. Maps wider
than one city hold several, side by side, and maps smaller than one show a smaller one.

The same seed and size give the same bytes, whatever numpy (1.24 and 2.2 were compared, with and
without its SIMD code): random numbers come from numpy's frozen ``RandomState``, maps are made with
+ - * / and square roots alone, which IEEE 754 rounds in one way, and the few sines, powers and
exponentials are rounded before use.

Memory: 9 bytes per cell held at the end, 15 at the peak (10,000 x 10,000). Inside the module x runs east
and y runs south from the north-west corner, in metres; map coordinates appear when features
and grids are made.
"""

import argparse
import math
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from osgeo import gdal, ogr

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
from load_econet import load_econet

load_econet()
from econet.core.crs import Crs
from econet.core.gdal_session import gdal_exceptions
from econet.core.geometry.cells import polygonize
from econet.core.geometry.layers import Layer
from econet.core.grid.grid import Grid, Template
from econet.core.outputs import OutputFiles

CELL_M = 30.0
CRS = "EPSG:32651"
WEST, NORTH = 440000.0, 4930000.0  # of the map's north-west corner; no such city is there
CITY_M = (36000.0, 30000.0)  # what one city region takes at full scale
SHIPPED = {"rows": 1000, "cols": 1200, "seed": 1}
CLIMATE_M, SOIL_M, LIGHT_CELLS = 500.0, 250.0, 4

CROP, FOREST, SHRUB, GRASS, WATER, BARREN, IMPERVIOUS, WETLAND = 1, 2, 3, 4, 5, 7, 8, 9

_BLOCK_ROWS = 128


# tools: curves, distances, noise -------------------------------------------------------------------


def _random(seed, purpose):
    return np.random.RandomState([seed, *purpose.encode()])


def _curve(points, step_m):
    """A smooth line (Catmull-Rom) through control points, a vertex about every ``step_m``."""
    points = np.asarray(points, dtype=np.float64)
    padded = np.vstack([2 * points[0] - points[1], points, 2 * points[-1] - points[-2]])
    parts = []
    for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:]):
        count = max(1, int(math.sqrt(((c - b) ** 2).sum()) / step_m))
        t = (np.arange(count) / count)[:, None]
        parts.append(
            0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t * t + (3 * b - a - 3 * c + d) * t * t * t)
        )
    parts.append(points[-1:])
    return np.round(np.vstack(parts), 1)


def _blob(x, y, half_width, half_height, rng, roughness=0.12, count=64, tilt=0.0):
    """A closed outline: an ellipse with a few random waves, as vertices (first = last)."""
    waves = [(k, roughness * rng.uniform(0.3, 1.0) / k, rng.uniform(0, 2 * math.pi)) for k in (2, 3, 4, 5, 7)]
    outline = []
    for i in range(count):
        angle = 2 * math.pi * i / count
        r = 1 + sum(size * math.sin(k * angle + phase) for k, size, phase in waves)
        u, v = half_width * r * math.cos(angle), half_height * r * math.sin(angle)
        outline.append(
            (
                round(x + u * math.cos(tilt) - v * math.sin(tilt), 1),
                round(y + u * math.sin(tilt) + v * math.cos(tilt), 1),
            )
        )
    return np.array(outline + outline[:1])


def _window(low_m, high_m, cell_m, count):
    return max(0, int(math.floor(low_m / cell_m))), min(count, int(math.ceil(high_m / cell_m)))


def _segments(lines):
    """Lines as rows ``x0, y0, x1, y1``."""
    return np.vstack([np.empty((0, 4))] + [np.hstack([line[:-1], line[1:]]) for line in lines])


def _distance_to(segments, shape, cell_m, reach_m, row=0):
    """Distance in metres from cell centres to the nearest segment, float32; ``reach_m`` beyond it.

    ``row`` is the map's row where the window of ``shape`` starts.
    """
    squared = np.full(shape, reach_m * reach_m, dtype=np.float32)
    lowest, highest = (f(segments[:, 1], segments[:, 3]) - row * cell_m for f in (np.minimum, np.maximum))
    met = (highest > -reach_m) & (lowest < shape[0] * cell_m + reach_m)
    for x0, y0, x1, y1 in (segments[met] - (0, row * cell_m, 0, row * cell_m)).tolist():
        r0, r1 = _window(min(y0, y1) - reach_m, max(y0, y1) + reach_m, cell_m, shape[0])
        c0, c1 = _window(min(x0, x1) - reach_m, max(x0, x1) + reach_m, cell_m, shape[1])
        if r0 >= r1 or c0 >= c1:
            continue
        y = ((np.arange(r0, r1) + 0.5) * cell_m - y0).astype(np.float32)[:, None]
        x = ((np.arange(c0, c1) + 0.5) * cell_m - x0).astype(np.float32)[None, :]
        dx, dy = np.float32(x1 - x0), np.float32(y1 - y0)
        length = max(dx * dx + dy * dy, np.float32(1e-6))
        t = np.minimum(np.maximum((x * dx + y * dy) / length, 0), 1)
        part = squared[r0:r1, c0:c1]
        np.minimum(part, (x - t * dx) ** 2 + (y - t * dy) ** 2, out=part)
    return np.sqrt(squared)


def _inside(outline, shape, cell_m=CELL_M):
    """Where a polygon lies: its window's slices, and metres inside its edge there (0 outside)."""
    (x0, y0), (x1, y1) = outline.min(axis=0), outline.max(axis=0)
    r0, r1 = _window(y0, y1, cell_m, shape[0])
    c0, c1 = _window(x0, x1, cell_m, shape[1])
    if r0 >= r1 or c0 >= c1:
        return None
    local = outline - (c0 * cell_m, r0 * cell_m)
    y = ((np.arange(r1 - r0) + 0.5) * cell_m)[:, None]
    x = ((np.arange(c1 - c0) + 0.5) * cell_m)[None, :]
    inside = np.zeros((r1 - r0, c1 - c0), dtype=bool)
    for (xa, ya), (xb, yb) in zip(local[:-1], local[1:]):
        if ya != yb:
            inside ^= ((ya > y) != (yb > y)) & (x < xa + (y - ya) * (xb - xa) / (yb - ya))
    reach = 0.5 * float(min(x1 - x0, y1 - y0)) + cell_m  # no point inside is farther from the edge
    depth = np.where(inside, _distance_to(_segments([local]), inside.shape, cell_m, reach), 0).astype(np.float32)
    return slice(r0, r1), slice(c0, c1), depth


def _ramp(values, low, high):
    """0 below ``low``, 1 above ``high``, smooth between."""
    t = np.minimum(np.maximum((values - low) / (high - low), 0), 1)
    return t * t * (3 - 2 * t)


class _Surface:
    """A coarse lattice seen smoothly (cubic B-spline) at cell centres, a band of rows at a time."""

    def __init__(self, values, spacing_cells):
        self.values = np.pad(np.asarray(values, dtype=np.float32), 2, mode="edge")
        self.spacing = float(spacing_cells)

    @staticmethod
    def _weights(position):
        first = np.floor(position)
        t = (position - first).astype(np.float32)
        s = 1 - t
        return first.astype(np.int64), (
            s * s * s / 6,
            (4 - 6 * t * t + 3 * t * t * t) / 6,
            (4 - 6 * s * s + 3 * s * s * s) / 6,
            t * t * t / 6,
        )

    def band(self, row, stop, cols, col=0):
        """Values at rows ``row`` to ``stop`` and columns ``col`` to ``cols``; node k is the middle of its cells."""
        first, weights = self._weights((np.arange(row, stop) + 0.5) / self.spacing - 0.5)
        lines = sum(w[:, None] * self.values[first + 1 + k] for k, w in enumerate(weights))
        first, weights = self._weights((np.arange(col, cols) + 0.5) / self.spacing - 0.5)
        total = np.take(lines, first + 1, axis=1) * weights[0]
        for k in (1, 2, 3):
            part = np.take(lines, first + 1 + k, axis=1)
            part *= weights[k]
            total += part
        return total


def _noise(rng, shape, spacing_cells):
    """Random values of about -1 to 1 that change over ``spacing_cells``."""
    spacing = max(1.0, spacing_cells)
    size = [int(math.ceil(n / spacing)) + 1 for n in shape]
    return _Surface(3.2 * rng.random_sample(size) - 1.6, spacing)


def _smooth(values, passes):
    """Mean of the cell and its four neighbours, several times."""
    for _ in range(passes):
        p = np.pad(values, 1, mode="edge")
        values = (values + p[:-2, 1:-1] + p[2:, 1:-1] + p[1:-1, :-2] + p[1:-1, 2:]) / 5
    return values


# the plan: where everything lies -------------------------------------------------------------------


@dataclass
class _Mine:
    name: str
    mineral: str
    method: str
    state: str
    feature: str
    outline: np.ndarray
    floor_m: float  # how deep (pit), high (dump) or low (subsidence) it goes at full scale


@dataclass
class _Plan:
    rows: int
    cols: int
    seed: int
    scale: float  # 1 = a city region of CITY_M
    relief: float  # heights shrink less than lengths
    rivers: list = field(default_factory=list)  # main ones, west to east
    tributaries: list = field(default_factory=list)  # mouth first
    saddles: list = field(default_factory=list)  # side valleys from one tributary to the next
    reservoirs: list = field(default_factory=list)  # (line of the flooded reach, dam first)
    towns: list = field(default_factory=list)  # outlines
    villages: list = field(default_factory=list)  # (x, y, radius)
    roads: list = field(default_factory=list)  # (name, road_class, line)
    mines: list = field(default_factory=list)

    @property
    def shape(self):
        return self.rows, self.cols

    def metres(self, km):
        """A length of the full-scale plan, in metres on this map."""
        return 1000.0 * km * self.scale


# name, mineral, method, state, feature, x, y (fractions of the region), half axes (km), tilt, floor (m)
_MINES = [
    ("West Pit", "coal", "open pit", "producing", "pit", 0.265, 0.672, 3.3, 0.98, -0.04, 285),
    ("East Pit", "coal", "open pit", "abandoned", "pit", 0.725, 0.668, 3.5, 0.92, 0.05, 270),
    ("West Dump", "coal", "open pit", "producing", "dump", 0.235, 0.745, 1.3, 0.75, 0.1, 95),
    ("East Dump", "coal", "open pit", "abandoned", "dump", 0.755, 0.738, 1.2, 0.65, -0.1, 80),
    ("Old Gangue Hill", "coal", "underground", "abandoned", "dump", 0.420, 0.650, 0.40, 0.36, 0, 70),
    ("North Shaft", "coal", "underground", "producing", "plant", 0.400, 0.470, 0.40, 0.28, 0.2, 0),
    ("North Shaft Subsidence", "coal", "underground", "abandoned", "subsidence", 0.345, 0.468, 0.95, 0.55, 0.1, 7),
    ("Redstone Iron Mine", "metal", "open pit", "producing", "pit", 0.775, 0.215, 0.75, 0.55, 0.5, 130),
    ("Redstone Tailings", "metal", "open pit", "producing", "dump", 0.822, 0.262, 0.50, 0.36, 0.2, 35),
    ("Larch Ridge Old Pit", "metal", "open pit", "abandoned", "pit", 0.175, 0.285, 0.48, 0.36, 0.3, 70),
    ("Deepwell Copper Mine", "metal", "underground", "producing", "plant", 0.575, 0.125, 0.24, 0.18, 0, 0),
    ("Silver Adit", "metal", "underground", "abandoned", "subsidence", 0.350, 0.135, 0.34, 0.24, 0.4, 4),
    ("White Quarry", "building material", "open pit", "producing", "pit", 0.925, 0.665, 0.50, 0.36, 0.3, 65),
    ("Brick Clay Pit", "building material", "open pit", "abandoned", "pit", 0.040, 0.500, 0.36, 0.28, 0.2, 18),
    ("Gypsum Works", "building material", "underground", "producing", "plant", 0.545, 0.775, 0.24, 0.18, 0, 0),
    (
        "Old Gypsum Field",
        "building material",
        "underground",
        "abandoned",
        "subsidence",
        0.300,
        0.875,
        0.34,
        0.24,
        0.2,
        4,
    ),
    ("Lakeside Park", "building material", "open pit", "restored", "pit", 0.565, 0.672, 0.45, 0.34, 0.3, 16),
]
_NORTH_VALLEYS = (0.085, 0.265, 0.455, 0.655, 0.845)  # where tributaries meet the river, of the width
_SOUTH_VALLEYS = (0.130, 0.395, 0.610, 0.880)
_RIVER_Y = 0.565


def _make_plan(rows, cols, seed):
    width, height = cols * CELL_M, rows * CELL_M
    nx, ny = (max(1, int(round(side / whole))) for side, whole in zip((width, height), CITY_M))
    scale = math.sqrt(width / nx * height / ny / (CITY_M[0] * CITY_M[1]))
    scale = round(scale, 6)
    plan = _Plan(rows, cols, seed, scale, round(min(1.0, scale) ** 0.6, 6))
    size = width / nx, height / ny
    for j in range(ny):
        river = _main_river(plan, j, nx, size)
        plan.rivers.append(river)
        for i in range(nx):
            suffix = f" {j * nx + i + 1}" if nx * ny > 1 else ""
            _plan_region(plan, river, (i, j), size, suffix)
    return plan


def _main_river(plan, j, nx, size):
    rng = _random(plan.seed, f"river {j}")
    x, end, side, points = 0.0, nx * size[0], 1, []
    while x < end:
        f = x / size[0] % 1.0
        bend = (0.020 * math.sin(2 * math.pi * f) + 0.012 * math.sin(6 * math.pi * f)) * size[1]
        side = -side if rng.random_sample() < 0.8 else side
        meander = side * plan.metres(rng.uniform(0.05, 0.55))
        points.append((x, round((j + _RIVER_Y) * size[1] + bend + meander, 1)))
        x += plan.metres(rng.uniform(0.8, 1.9))
    return _curve(points + [(end, points[0][1])], plan.metres(0.12))


def _river_y(river, x):
    return float(np.interp(x, river[:, 0], river[:, 1]))


def _plan_region(plan, river, ij, size, suffix):
    """One city with its valleys, roads and mines; neighbours meet at fixed places on the edges."""
    rng = _random(plan.seed, f"region {ij}")
    km = plan.metres

    def at(fx, fy):
        return (ij[0] + fx) * size[0], (ij[1] + fy) * size[1]

    def valley(fx, to_y):
        """A tributary from the river to the region's north or south edge, wandering as it climbs."""
        x, y = at(fx, 0)[0], None
        y, y1 = _river_y(river, x), at(0, to_y)[1]
        count = max(4, int(round(abs(y1 - y) / km(2.1))))
        points, drift, home = [(x, y)], 0.0, x
        for k in range(1, count + 1):
            drift = 0.45 * drift + km(rng.uniform(-1.15, 1.15))
            x = x + drift - 0.22 * (x - home)
            points.append((x, y + (y1 - y) * k / count))
        return _curve(points, km(0.15))

    north = [valley(f, 0) for f in _NORTH_VALLEYS]
    south = [valley(f, 1) for f in _SOUTH_VALLEYS]
    plan.tributaries += north + south

    def point_on(line, fy):
        return line[np.abs(line[:, 1] - at(0, fy)[1]).argmin()]

    def saddle(a, b, fy_a, fy_b):
        """A side valley between two tributaries, over a low pass."""
        (xa, ya), (xb, yb) = point_on(a, fy_a), point_on(b, fy_b)
        count = max(3, int(round(abs(xb - xa) / km(1.6))))
        points = [
            (
                xa + k / count * (xb - xa),
                ya + k / count * (yb - ya) + (km(rng.uniform(-0.75, 0.75)) if 0 < k < count else 0),
            )
            for k in range(count + 1)
        ]
        return _curve(points, km(0.15))

    def edge(fx):
        """A straight stand-in for a tributary at the region's west or east edge."""
        return np.array([[at(fx, 0)[0], at(0, k / 40)[1]] for k in range(41)])

    for lines, levels in ((north, (0.12, 0.29, 0.415)), (south, (0.765, 0.895))):
        chain = [edge(0), *lines, edge(1)]
        for fy in levels:
            for index, (a, b) in enumerate(zip(chain[:-1], chain[1:])):
                if fy == 0.415 and (index % 2 == 0 or index == 3):
                    continue  # the foothills are wider there
                shift = 0.025 if fy == 0.415 else 0.045
                pass_ = saddle(a, b, fy + rng.uniform(-shift, shift), fy + rng.uniform(-shift, shift))
                plan.saddles.append(pass_)
                if fy == 0.12 and abs(pass_[-1, 0] - pass_[0, 0]) > km(5.5):  # and one that climbs from it
                    x, y = pass_[int(len(pass_) * rng.uniform(0.38, 0.62))]
                    lean, rise = km(rng.uniform(-1.7, 1.7)), (at(0, 0)[1] - y) / 4
                    plan.saddles.append(
                        _curve(
                            [
                                (x + lean * k / 4 + (km(rng.uniform(-0.5, 0.5)) if k else 0), y + rise * k)
                                for k in range(5)
                            ],
                            km(0.15),
                        )
                    )
    # the reservoir floods a reach of the fourth northern valley
    flooded = north[3]
    ys = (flooded[:, 1] - ij[1] * size[1]) / size[1]
    plan.reservoirs.append(flooded[(ys < 0.385) & (ys > 0.13)])

    town_x, town_y = at(0.5, 0.55)
    plan.towns.append(_blob(town_x, town_y, km(3.3), km(1.9), rng, 0.28, 96, 0.05))
    _plan_villages(plan, rng, at, river, north + south)
    _plan_roads(plan, rng, at, river, north, south, (town_x, town_y), suffix)
    for name, mineral, method, state, feature, fx, fy, a, b, tilt, floor in _MINES:
        x, y = at(fx, fy)
        least = 2.5 * CELL_M
        outline = _blob(x, y, max(km(a), least), max(km(b), least), rng, 0.16, 72, tilt)
        plan.mines.append(_Mine(name + suffix, mineral, method, state, feature, outline, floor))


def _plan_villages(plan, rng, at, river, valleys):
    km = plan.metres
    for line in valleys:
        for index in range(8, len(line) - 4, 15):
            if rng.random_sample() < 0.62:
                x, y = line[min(index + rng.randint(-4, 5), len(line) - 1)]
                side = 1 if rng.random_sample() < 0.5 else -1
                plan.villages.append((x + side * km(0.28), y + km(rng.uniform(-0.2, 0.2)), km(rng.uniform(0.12, 0.26))))
    plan.villages += [
        (*at(0.37, 0.640), km(0.55)),
        (*at(0.640, 0.645), km(0.48)),
        (*at(0.195, 0.640), km(0.35)),
    ]  # pit towns
    for _ in range(46):
        x, _ = at(rng.random_sample(), 0)
        side = 1 if rng.random_sample() < 0.5 else -1
        plan.villages.append((x, _river_y(river, x) + side * km(rng.uniform(0.5, 3.2)), km(rng.uniform(0.13, 0.34))))


def _plan_roads(plan, rng, at, river, north, south, town, suffix):
    km = plan.metres

    def along(line, start, stop, shift, name, road_class, join):
        part = line[start:stop:6] + (shift, 0)
        points = [join] + [tuple(p) for p in part] + [tuple(line[stop - 1] + (shift, 0))]
        plan.roads.append((name + suffix, road_class, _curve(points, km(0.15))))

    ring = _blob(*town, km(4.9), km(3.0), rng, 0.08, 120)
    plan.roads.append(("Ring Expressway" + suffix, "motorway", ring))
    x0, x1 = at(0, 0)[0], at(1, 0)[0]

    def plain(x_from, x_to, offset, name, road_class, sway=0.25, join=None):
        count = max(4, int(abs(x_to - x_from) / km(2.2)))
        points = []
        for k in range(count + 1):
            x = x_from + (x_to - x_from) * k / count
            edge = k in (0, count)
            points.append((x, at(0, _RIVER_Y)[1] + km(offset) + (0 if edge else km(rng.uniform(-sway, sway)))))
        if join is not None:
            points[0 if x_from == join[0] else -1] = tuple(join)
        plan.roads.append((name + suffix, road_class, _curve(points, km(0.15))))

    west, east = ring[:, 0].argmin(), ring[:, 0].argmax()
    plain(x0, ring[west, 0], -1.3, "West Expressway", "motorway", join=ring[west])
    plain(ring[east, 0], x1, -1.3, "East Expressway", "motorway", join=ring[east])
    plain(x0, x1, 0.75, "Plain Highway", "trunk", 0.15)
    top, bottom = ring[:, 1].argmin(), ring[:, 1].argmax()
    line = north[2]
    start = int(np.abs(line[:, 1] - ring[top, 1] + km(0.8)).argmin())
    junction = ring[((ring - line[start]) ** 2).sum(axis=1).argmin()]
    along(line, start, len(line), km(-0.25), "North Expressway", "motorway", tuple(junction))
    line = south[2]
    start = int(np.abs(line[:, 1] - ring[bottom, 1] - km(0.8)).argmin())
    along(line, start, len(line), km(0.25), "South Highway", "trunk", (town[0], at(0, _RIVER_Y)[1] + km(0.75)))
    for line, shift, name in (
        (north[1], 0.25, "Birch Valley Highway"),
        (north[4], -0.25, "Iron Valley Highway"),
        (south[0], 0.25, "Willow Valley Highway"),
        (south[3], -0.25, "Quarry Valley Highway"),
    ):
        junction = line[0, 0] + km(shift), at(0, _RIVER_Y)[1] + km(0.75)
        along(line, 8, len(line), km(shift), name, "primary", junction)


# the land: erosion, pits, dumps ----------------------------------------------------------------------


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
        height = np.where(fixed, 0, height + 0.03 * (_smooth(height, 1) - height) * 5)
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

    height: _Surface  # m
    floor: _Surface  # height of the valley floor there, m
    to_river: _Surface  # m
    valley: _Surface  # 1 on the floor of a tributary's valley .. 0 on its slopes
    saddle: _Surface  # the same for side valleys
    hollow: _Surface  # the same for the small valleys that the erosion made
    mountain: _Surface  # 0 plain .. 1 mountains


def _make_land(plan):
    cells = plan.rows * plan.cols
    step = max(2 if cells < 300_000 else 3, int(math.ceil(math.sqrt(cells / 6e5))))
    shape = -(-plan.rows // step), -(-plan.cols // step)
    spacing = step * CELL_M
    km = plan.metres
    rng = _random(plan.seed, "land")
    # exact where it matters; farther off every tenth bend is enough
    near, far = (
        _distance_to(_segments([river[::skip] for river in plan.rivers]), shape, spacing, km(reach))
        for skip, reach in ((1, 1.5), (10, 20))
    )
    to_river = np.where(near < km(1.5), near, np.maximum(far, km(1.5)))
    to_tributary = _distance_to(_segments(plan.tributaries), shape, spacing, km(3))
    to_saddle = _distance_to(_segments(plan.saddles), shape, spacing, km(3))
    x = (np.arange(shape[1]) + 0.5) * spacing
    y = ((np.arange(shape[0]) + 0.5) * spacing)[:, None]
    tracks = np.stack([np.interp(x, river[:, 0], river[:, 1]) for river in plan.rivers])
    nearest = np.abs(y[None] - tracks[:, None, :]).argmin(axis=0)
    is_north = y < np.take_along_axis(tracks, nearest, axis=0)
    width = plan.cols * CELL_M
    nx = max(1, int(round(width / CITY_M[0])))
    across = x / width * nx % 1.0
    east = _ramp(across, 0.80, 0.93)
    if nx > 1:
        east = np.maximum(east, 1 - _ramp(across, 0, 0.06))
    rough = _noise(rng, shape, km(5) / spacing).band(0, shape[0], shape[1])
    fine = _noise(rng, shape, km(1.6) / spacing).band(0, shape[0], shape[1])
    half_plain = km(1) * (np.where(is_north, 3.0, 3.0) + 0.8 * rough + 0.4 * fine) * (1 - 0.78 * east)
    mountain = _ramp(to_river, half_plain, half_plain + km(2.2))
    distance_km = to_river / km(1)
    strength = np.where(is_north, 0.42 + 0.058 * distance_km, 0.40 + 0.02 * distance_km) + 0.45 * east
    uplift = mountain * strength * (1 + 0.35 * rough + 0.15 * fine)
    uplift = _smooth(uplift.astype(np.float64), 3)
    # valleys narrow as they climb, and where the dam stands
    narrow = (1.25 - 0.075 * np.minimum(distance_km, 12)) * (1 + 0.35 * rough + 0.35 * fine)
    dams = np.array([reach[0] for reach in plan.reservoirs if len(reach)])
    for dam_x, dam_y in dams:
        narrow *= 0.3 + 0.7 * _ramp(np.sqrt((x - dam_x) ** 2 + (y - dam_y) ** 2), km(0.4), km(1.7))
    narrow = np.maximum(narrow, 0.18) * km(1)
    uplift *= _ramp(to_tributary, 0.28 * narrow, 0.28 * narrow + km(0.8))
    uplift *= 0.16 + 0.84 * _ramp(to_saddle, km(0.10), km(0.95))
    uplift = np.maximum(uplift, 0) + 0.0015
    fixed = (to_river < 0.75 * spacing) | (to_tributary < 0.75 * spacing)
    rise, area = _erode(uplift, fixed, spacing / km(1), rng)
    rise = _smooth(rise, 1)
    rise /= rise.max()
    rise *= 2880.0 * plan.relief / (3 + rise)  # hills keep their height, summits less: 720 m in all
    floor = 62.0 + 26.0 * x / width + plan.relief * 7.5 * np.maximum(distance_km - 1.0, 0)
    valley = 1 - _ramp(to_tributary, 0.30 * narrow, 0.30 * narrow + km(0.25))
    saddle = 1 - _ramp(to_saddle, 0.13 * narrow, 0.13 * narrow + km(0.18))
    hollow = _smooth(np.where(fixed, 0, _ramp(area, 0.5, 2.2)), 1)
    surface = lambda values: _Surface(values, step)  # noqa: E731
    return _Land(*map(surface, (floor + rise, floor, to_river, valley, saddle, hollow, mountain)))


def _make_dem(plan, land):
    """float32 heights without the works of mining, and the reservoirs: (row, column, mask) each."""
    rng = _random(plan.seed, "dem")
    noises = [
        (_noise(rng, plan.shape, plan.metres(length) / CELL_M), size)
        for length, size in ((0.9, 16.0), (0.42, 8.0), (0.18, 3.5))
    ]
    plain = _noise(rng, plan.shape, plan.metres(2.5) / CELL_M)
    dem = np.empty(plan.shape, dtype=np.float32)
    for row in range(0, plan.rows, _BLOCK_ROWS):
        stop = min(row + _BLOCK_ROWS, plan.rows)
        height, floor = (s.band(row, stop, plan.cols) for s in (land.height, land.floor))
        above = _ramp(height - floor, 4 * plan.relief, 140 * plan.relief)
        for noise, size in noises:
            height = height + above * size * plan.relief * noise.band(row, stop, plan.cols)
        dem[row:stop] = height + (1 - above) * 1.5 * plain.band(row, stop, plan.cols)
    return dem, [_flood(plan, reach, dem) for reach in plan.reservoirs if len(reach)]


def _flood(plan, reach, dem):
    """Fill a valley up to the dam's crest: everything low near the reach and behind the dam."""
    wide = plan.metres(1.5)
    r0, r1 = _window(reach[:, 1].min() - wide, reach[:, 1].max(), CELL_M, plan.rows)
    c0, c1 = _window(reach[:, 0].min() - wide, reach[:, 0].max() + wide, CELL_M, plan.cols)
    near = _distance_to(_segments([reach - (c0 * CELL_M, r0 * CELL_M)]), (r1 - r0, c1 - c0), CELL_M, wide) < wide
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


def _dig(plan, places, dem):
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
            part -= size * _ramp(inside, 0, max(float(inside.max()), 1.0))
        else:
            slope = max(size / (0.82 * float(inside.max())), 0.08)
            part -= np.where(within, _benches(inside, size, slope, max(size / 11, 1.0)), 0)
    np.divide(np.rint(np.multiply(dem, 8, out=dem), out=dem), 8, out=dem)


# what grows and stands on it -------------------------------------------------------------------------


def _rise_per_metre(dem, row, stop):
    """Tangent of the slope for a band of rows."""
    band = dem[max(row - 1, 0) : stop + 1]
    if band.shape[0] > 1:
        down = np.gradient(band, CELL_M, axis=0)
    else:
        down = np.zeros_like(band)
    start = row - max(row - 1, 0)
    band, down = band[start : start + stop - row], down[start : start + stop - row]
    return np.sqrt(down**2 + np.gradient(band, CELL_M, axis=1) ** 2)


def _parcels(row, stop, cols, table, along_m, across_m):
    """A random value per field: tilted strips, each district of the plain with its own direction."""
    y = ((np.arange(row, stop, dtype=np.float32) + 0.5) * CELL_M)[:, None]
    x = ((np.arange(cols, dtype=np.float32) + 0.5) * CELL_M)[None, :]
    u, v = 0.94 * x + 0.34 * y, -0.34 * x + 0.94 * y
    turned = (np.floor(u / (along_m * 6)) + np.floor(v / (across_m * 9))) % 2 == 0
    u, v = np.where(turned, u, v), np.where(turned, v, u)
    strip = np.floor(v / across_m).astype(np.int32)
    field = np.floor((u + (strip % 7).astype(np.float32) * (along_m * 0.37)) / along_m).astype(np.int32)
    return table[(strip * 7919 + field * 104729) % table.size]


def _settled(plan, shape):
    """Towns and villages: how far inside a settlement a cell is, 0..1 (uint8 / 255 to save memory)."""
    settled = np.zeros(shape, dtype=np.uint8)
    for outline in plan.towns:
        place = _inside(outline, shape)
        if place:
            rows, cols, inside = place
            part = settled[rows, cols]
            np.maximum(part, (255 * np.minimum(1, inside / plan.metres(1.2))).astype(np.uint8), out=part)
    for x, y, radius in plan.villages:
        radius = max(radius, 1.6 * CELL_M)
        r0, r1 = _window(y - radius, y + radius, CELL_M, shape[0])
        c0, c1 = _window(x - radius, x + radius, CELL_M, shape[1])
        if r0 < r1 and c0 < c1:
            dy = ((np.arange(r0, r1) + 0.5) * CELL_M - y)[:, None]
            dx = ((np.arange(c0, c1) + 0.5) * CELL_M - x)[None, :]
            near = 1 - np.sqrt(dx * dx + dy * dy) / radius
            part = settled[r0:r1, c0:c1]
            np.maximum(part, (140 * np.clip(near, 0, 1)).astype(np.uint8), out=part)
    return settled


def _make_cover(plan, land, dem, lakes):
    """Land cover (uint8, CLCD codes) and NDVI (float32) as they would be without mines."""
    shape, km = plan.shape, plan.metres
    rng = _random(plan.seed, "cover")
    wood, clearing, speck, grain = (
        _noise(rng, shape, length / CELL_M) for length in (km(1.3), km(0.45), max(km(0.12), 60.0), 75.0)
    )
    table = rng.random_sample(4096).astype(np.float32)
    settled = _settled(plan, shape)
    along, across = max(km(0.42), 150.0), max(km(0.13), 90.0)
    river_half = max(km(0.075), 1.05 * CELL_M)
    rivers, streams = _segments(plan.rivers), _segments(plan.tributaries)
    roads = _segments([line for _, road_class, line in plan.roads if road_class != "primary"])
    cover, ndvi = np.empty(shape, dtype=np.uint8), np.empty(shape, dtype=np.float32)
    for row in range(0, plan.rows, _BLOCK_ROWS):
        stop = min(row + _BLOCK_ROWS, plan.rows)
        band = slice(row, stop)
        floor, to_river, valley, saddle, hollow, mountain = (
            s.band(row, stop, plan.cols)
            for s in (land.floor, land.to_river, land.valley, land.saddle, land.hollow, land.mountain)
        )
        woods, clear, specks, grains = (n.band(row, stop, plan.cols) for n in (wood, clearing, speck, grain))
        slope, above = _rise_per_metre(dem, row, stop), dem[band] - floor
        parcel = _parcels(row, stop, plan.cols, table, along, across)
        # farmed where it is level and low; the valleys' floors and the side valleys over the passes
        farm = (0.17 - slope) / 0.07 + (34 * plan.relief - above) / (26 * plan.relief) + 0.8 * woods + 0.5 * clear
        farm += 0.4 * specks + 3.5 * valley + 4.5 * saddle + 6.5 * hollow
        code = np.where(farm > 0, CROP, FOREST).astype(np.uint8)
        wild = code == FOREST
        code[wild & (farm > -1.0) & (clear + 0.6 * specks > 0.25)] = SHRUB
        code[wild & (farm > -0.8) & (clear + 0.6 * specks < -0.45)] = GRASS
        code[wild & (woods * 0.5 + clear > 1.22)] = SHRUB
        code[wild & (above > 520 * plan.relief) & (specks - clear > 1.05)] = GRASS
        code[wild & (slope > 0.75) & (grains > 0.7)] = BARREN
        tame = code == CROP
        code[tame & (parcel > 0.975)] = GRASS
        code[tame & (woods + 0.7 * clear > 1.05) & (mountain < 0.4)] = FOREST  # woodlots of the plain
        code[tame & (clear + specks > 1.55)] = SHRUB
        near, stream, paved = (
            _distance_to(lines, code.shape, CELL_M, reach, row)
            for lines, reach in ((rivers, river_half + CELL_M), (streams, CELL_M), (roads, CELL_M))
        )
        code[(to_river < km(0.8)) & (above < 12) & (woods * 0.6 + clear + 0.4 * specks > 1.0)] = WETLAND
        built = settled[band].astype(np.float32) / 255
        code[(built > 0) & (built + 0.12 * specks + 0.16 * grains > 0.12)] = IMPERVIOUS
        town = built > 0.6
        code[town & (clear + 0.4 * specks > 1.05)] = GRASS  # parks
        code[paved < 0.75 * CELL_M] = IMPERVIOUS
        if plan.scale > 0.7:  # brooks of a smaller city are narrower than a cell
            code[stream < 0.71 * CELL_M] = WATER  # half a diagonal: no gaps
        code[near < river_half] = WATER
        cover[band] = code
        ndvi[band] = _greenness(code, parcel, woods, clear, specks, grains, built)
    for row, col, lake in lakes:
        window = slice(row, row + lake.shape[0]), slice(col, col + lake.shape[1])
        cover[window][lake], ndvi[window][lake] = WATER, _GREEN[WATER]
    return cover, ndvi


#          crop forest shrub grass water snow barren built wetland
_GREEN = np.array([0, 0.56, 0.80, 0.64, 0.50, -0.08, 0, 0.12, 0.19, 0.58], dtype=np.float32)


def _greenness(code, parcel, woods, clear, specks, grains, built):
    green = _GREEN[code] + 0.02 * grains
    plants = (code != WATER) & (code != IMPERVIOUS)
    green += np.where(plants, 0.025 * woods + 0.02 * clear, 0)
    green += np.where(code == CROP, 0.22 * (parcel - 0.5), 0)
    return green + np.where(code == IMPERVIOUS, 0.05 * specks + 0.06 * (1 - built), 0)


def _cover_mines(plan, places, cover, ndvi):
    """What products show where mines are: a mix, never the word mine; then NDVI in steps of 1/128."""
    rng = _random(plan.seed, "mines")
    grain = _noise(rng, plan.shape, 2.5)
    patch = _noise(rng, plan.shape, 7.0)
    for mine, place in zip(plan.mines, places):
        if place is None:
            continue
        rows, cols, inside = place
        grains = grain.band(rows.start, rows.stop, cols.stop, cols.start)
        patches = patch.band(rows.start, rows.stop, cols.stop, cols.start)
        mix = patches + 0.5 * grains
        if mine.state == "restored":
            code = np.where(mix > 0.35, SHRUB, GRASS)
        elif mine.feature == "pit":
            code = np.where(mix > 0.1, IMPERVIOUS, BARREN)
            if mine.state == "abandoned":
                code = np.where(mix < -0.55, GRASS, code)
                code = np.where(inside > 0.86 * max(float(inside.max()), CELL_M), WATER, code)
        elif mine.feature == "dump":
            code = np.where(mix > (0.15 if mine.state == "producing" else -0.2), GRASS, BARREN)
            code = np.where((mine.state == "abandoned") & (mix > 0.75), SHRUB, code)
        elif mine.feature == "subsidence":
            code = np.where(mix > 0.55, WATER, np.where(mix > -0.1, WETLAND, np.where(mix > -0.5, GRASS, CROP)))
        else:
            code = np.where(mix > 0.9, BARREN, IMPERVIOUS)
        within = inside > 0
        cover[rows, cols][within] = code.astype(np.uint8)[within]
        green = _GREEN[code] + 0.03 * grains - (0.08 if mine.state != "restored" else 0)
        ndvi[rows, cols][within] = green[within]
    np.divide(np.rint(np.multiply(ndvi, 128, out=ndvi), out=ndvi), 128, out=ndvi)
    np.minimum(np.maximum(ndvi, -0.25, out=ndvi), 0.9375, out=ndvi)


# climate, soil, light: coarser grids of their own ------------------------------------------------------

_RAIN_SHARE = (0.010, 0.013, 0.024, 0.054, 0.085, 0.127, 0.242, 0.213, 0.098, 0.064, 0.046, 0.024)
_ET0_SHARE = (0.019, 0.028, 0.063, 0.108, 0.150, 0.154, 0.145, 0.124, 0.096, 0.063, 0.031, 0.019)


def _coarse_template(plan, cell_m, shift):
    """A grid that covers the map with a cell to spare, and does not share its lattice."""
    cols, rows = (int(math.ceil(n * CELL_M / cell_m)) + 3 for n in (plan.cols, plan.rows))
    west, north = WEST - (1 + shift) * cell_m, NORTH + (1 + shift) * cell_m
    return Template(
        rows, cols, (west, cell_m, 0.0, north, 0.0, -cell_m), Crs.of(CRS).reference.ExportToWkt(), "climate and soil"
    )


def _sample(values, template):
    """The fine map's value at the coarse cells' centres; the map's edge goes on outside."""
    x, _ = template.xy(0, np.arange(template.cols))
    _, y = template.xy(np.arange(template.rows), 0)
    cols = np.clip((x - WEST) / CELL_M, 0, values.shape[1] - 1).astype(np.int64)
    rows = np.clip((NORTH - y) / CELL_M, 0, values.shape[0] - 1).astype(np.int64)
    return values[rows[:, None], cols[None, :]].astype(np.float64)


def _coarse_noise(rng, template, km):
    return (
        _noise(rng, template.shape, max(2.0, 1000.0 * km / template.cell_width))
        .band(0, template.rows, template.cols)
        .astype(np.float64)
    )


def _climate(plan, dem):
    template = _coarse_template(plan, CLIMATE_M, 0.24)
    rng = _random(plan.seed, "climate")
    height = _smooth(_sample(dem, template), 6)
    broad = _coarse_noise(rng, template, 12)
    rain = 690 + 0.22 * height + 18 * broad
    et0 = 905 - 0.16 * height - 9 * broad
    months = {"precipitation_monthly": [], "evapotranspiration_monthly": []}
    for rain_share, et0_share in zip(_RAIN_SHARE, _ET0_SHARE):
        months["precipitation_monthly"].append(
            np.rint(8 * rain * rain_share * (1 + 0.04 * _coarse_noise(rng, template, 9))) / 8
        )
        months["evapotranspiration_monthly"].append(np.rint(8 * et0 * et0_share) / 8)
    stacks = {name: np.stack(months[name]).astype(np.float32) for name in months}
    p = stacks["precipitation_monthly"].astype(np.float64)
    f = (p * p).sum(axis=0) / p.sum(axis=0)
    annual = {
        "precipitation_annual": p.sum(axis=0),
        "evapotranspiration_annual": stacks["evapotranspiration_monthly"].astype(np.float64).sum(axis=0),
        # Zhang & Fu (2003), MJ mm ha-1 h-1 yr-1
        "erosivity": np.rint(0.3589 * np.power(f, 1.9462)),
    }
    return template, {**stacks, **{name: values.astype(np.float32) for name, values in annual.items()}}


def _soil(plan, dem):
    template = _coarse_template(plan, SOIL_M, 0.38)
    rng = _random(plan.seed, "soil")
    height = _sample(dem, template)
    steep = _smooth(np.abs(height - _smooth(height, 4)), 2)
    high = np.clip((_smooth(height, 4) - 60) / 500, 0, 1)
    broad, fine = _coarse_noise(rng, template, 6), _coarse_noise(rng, template, 1.6)
    sand = np.rint(8 * np.clip(27 + 17 * high + 4 * broad + 2.5 * fine, 12, 62)) / 8
    clay = np.rint(8 * np.clip(23 - 7 * high - 2.5 * broad + 1.5 * fine, 8, 38)) / 8
    silt = 100 - sand - clay
    carbon = np.rint(64 * np.clip(1.25 + 1.5 * high + 0.2 * broad + 0.15 * fine, 0.5, 4)) / 64
    depth = 10 * np.rint(np.clip(1500 - 900 * high - 14 * steep + 90 * broad + 60 * fine, 250, 1800) / 10)
    om = 1.724 * carbon
    # Zhou et al. (2005), % of volume
    water = (
        54.509
        - 0.132 * sand
        - 0.003 * sand**2
        - 0.055 * silt
        - 0.006 * silt**2
        - 0.738 * clay
        + 0.007 * clay**2
        - 2.688 * om
        + 0.501 * om**2
    )
    # EPIC (Williams 1995), x 0.1317 to t ha h ha-1 MJ-1 mm-1
    sn = 1 - sand / 100
    k = (
        (0.2 + 0.3 * np.exp(-0.0256 * sand * (1 - silt / 100)))
        * np.power(silt / (clay + silt), 0.3)
        * (1 - 0.25 * carbon / (carbon + np.exp(3.72 - 2.95 * carbon)))
        * (1 - 0.7 * sn / (sn + np.exp(-5.51 + 22.9 * sn)))
    ) * 0.1317
    maps = {
        "sand": sand,
        "silt": silt,
        "clay": clay,
        "organic_carbon": carbon,
        "soil_depth": depth,
        "plant_available_water": np.rint(np.clip(water, 1, 40) * 20) / 2000,
        "erodibility": np.rint(k * 20000) / 20000,
    }
    return template, {name: values.astype(np.float32) for name, values in maps.items()}


def _night_light(plan, cover):
    """Brightness 0 to 100 on cells of 120 m: built-up land, blurred as sensors blur it."""
    step = LIGHT_CELLS
    rows, cols = -(-plan.rows // step), -(-plan.cols // step)
    built = np.zeros((rows, cols), dtype=np.float64)
    for i in range(step):
        for j in range(step):
            part = cover[i::step, j::step] == IMPERVIOUS
            built[: part.shape[0], : part.shape[1]] += part
    built /= step * step
    near, wide = _smooth(built, 3), _smooth(built, 40)
    light = np.rint(100 * np.clip(0.22 * near + 0.80 * near * wide * wide + 0.10 * wide, 0, 1))
    template = Template(
        rows,
        cols,
        (WEST, step * CELL_M, 0.0, NORTH, 0.0, -step * CELL_M),
        Crs.of(CRS).reference.ExportToWkt(),
        "night light",
    )
    return template, light.astype(np.uint8)


# features ------------------------------------------------------------------------------------------


def _geometry(points, kind):
    geometry = ogr.Geometry(kind)
    for x, y in points:
        geometry.AddPoint_2D(WEST + float(x), NORTH - float(y))
    if kind == ogr.wkbLinearRing:
        polygon = ogr.Geometry(ogr.wkbPolygon)
        polygon.AddGeometry(geometry)
        return polygon
    return geometry


def _features(name, rows, field_names):
    layer = Layer(name, Crs.of(CRS).reference.ExportToWkt(), field_names=list(field_names))
    for geometry, *values in rows:
        layer.geometries.append(geometry)
        layer.attributes.append(dict(zip(field_names, values)))
    return layer


def _make_features(plan, lakes):
    extent = _geometry(
        [(0, 0), (plan.cols * CELL_M, 0), (plan.cols * CELL_M, plan.rows * CELL_M), (0, plan.rows * CELL_M), (0, 0)],
        ogr.wkbLinearRing,
    )
    with gdal_exceptions():
        roads = []
        for name, road_class, line in plan.roads:
            clipped = _geometry(line, ogr.wkbLineString).Intersection(extent)
            if not clipped.IsEmpty():
                roads.append((clipped, name, road_class))
        mines = [
            (
                _geometry(m.outline, ogr.wkbLinearRing).Intersection(extent),
                m.name,
                m.mineral,
                m.method,
                m.state,
                m.feature,
            )
            for m in plan.mines
        ]
        half = max(plan.metres(0.075), 1.05 * CELL_M)
        water = []
        for lines, kind, width in ((plan.rivers, "river", half), (plan.tributaries, "stream", max(0.1 * half, 8.0))):
            for index, line in enumerate(lines):
                body = _geometry(line, ogr.wkbLineString).Buffer(width, 4).Intersection(extent)
                water.append((body, f"{kind.title()} {index + 1}", kind))
        for row, col, lake in lakes:
            corner = WEST + col * CELL_M, CELL_M, 0.0, NORTH - row * CELL_M, 0.0, -CELL_M
            window = Template(*lake.shape, corner, Crs.of(CRS).reference.ExportToWkt())
            for polygon in polygonize(lake.astype(np.int32), window).values():
                water.append((polygon, "Reservoir", "reservoir"))
        study, districts = _study_area(plan)
    return {
        "roads": _features("roads", roads, ("name", "road_class")),
        "motorways": _features("motorways", [r for r in roads if r[2] == "motorway"], ("name", "road_class")),
        "highways": _features("highways", [r for r in roads if r[2] != "motorway"], ("name", "road_class")),
        "water": _features("water", water, ("name", "kind")),
        "mines": _features("mines", mines, ("name", "mineral", "method", "state", "feature")),
        "study_area": _features("study_area", [(study, "Wuming")], ("name",)),
        "districts": _features("districts", districts, ("name",)),
    }


def _study_area(plan):
    """A rounded region inside the map and its four districts, which meet near the town."""
    width, height = plan.cols * CELL_M, plan.rows * CELL_M
    rng = _random(plan.seed, "study area")
    inset = 0.018 * min(width, height)
    outline = []
    for (xa, ya), (xb, yb) in zip(((0, 0), (1, 0), (1, 1), (0, 1)), ((1, 0), (1, 1), (0, 1), (0, 0))):
        for k in range(12):
            t = k / 12
            u, v = xa + t * (xb - xa), ya + t * (yb - ya)
            inward = inset * rng.uniform(0.4, 1.6)
            outline.append(
                (
                    round(min(max(u * width, inward), width - inward), 1),
                    round(min(max(v * height, inward), height - inward), 1),
                )
            )
    study = _geometry(outline + outline[:1], ogr.wkbLinearRing)
    middle = np.array([0.47 * width, 0.57 * height])

    def border(to):
        points = [middle + (np.asarray(to) - middle) * k / 6 for k in range(7)]
        for point in points[1:-1]:
            point += rng.uniform(-0.02, 0.02) * min(width, height)
        return [tuple(np.round(p, 1)) for p in points]

    north, east, south, west = (
        border(to) for to in ((0.5 * width, 0), (width, 0.54 * height), (0.46 * width, height), (0, 0.58 * height))
    )
    corners = ((0, 0), (width, 0), (width, height), (0, height))
    sides = (
        ("Birchwood", west, corners[0], north),
        ("Redstone", north, corners[1], east),
        ("Quarry Hills", east, corners[2], south),
        ("Willow Bank", south, corners[3], west),
    )
    districts = []
    for name, first, corner, last in sides:
        ring = first + [corner] + last[::-1][:-1] + first[:1]
        districts.append((_geometry(ring, ogr.wkbLinearRing).Intersection(study), name))
    return study, districts


# the whole ---------------------------------------------------------------------------------------------


def make_city(rows, cols, seed):
    """Every map of the artificial city.

    Parameters
    ----------
    rows, cols : int
        Cells of 30 m, from 200 to 10,000 each.
    seed : int
        From 0 to 2**31; another seed bends rivers, hills and outlines, not the plan of the city.

    Returns
    -------
    dict
        ``grids``: file stem to ``grid.Grid``; ``stacks``: file stem to (Template, float32 array
        of 12 months); ``layers``: layer name to ``layers.Layer``.

    Raises
    ------
    ValueError
        A size outside the range.
    """
    if not (200 <= rows <= 10_000 and 200 <= cols <= 10_000):
        raise ValueError(f"The city is {rows} x {cols} cells: give 200 to 10,000 rows and columns.")
    plan = _make_plan(rows, cols, seed)
    template = Template(
        rows, cols, (WEST, CELL_M, 0.0, NORTH, 0.0, -CELL_M), Crs.of(CRS).reference.ExportToWkt(), "land_cover"
    )
    land = _make_land(plan)
    dem, lakes = _make_dem(plan, land)
    cover, ndvi = _make_cover(plan, land, dem, lakes)
    coarse_maps = _climate(plan, dem), _soil(plan, dem)
    light_template, light = _night_light(plan, cover)
    # mining comes last: climate, soil and street lamps know nothing of it
    places = [_inside(mine.outline, plan.shape) for mine in plan.mines]
    _cover_mines(plan, places, cover, ndvi)
    _dig(plan, places, dem)
    grids = {
        "dem": Grid(dem, template, None, "dem"),
        "land_cover": Grid(cover, template, 0, "land_cover"),
        "ndvi": Grid(ndvi, template, None, "ndvi"),
        "night_light": Grid(light, light_template, None, "night_light"),
    }
    stacks = {}
    for coarse, maps in coarse_maps:
        for name, values in maps.items():
            if values.ndim == 3:
                stacks[name] = coarse, values
            else:
                grids[name] = Grid(values, coarse, None, name)
    return {"grids": grids, "stacks": stacks, "layers": _make_features(plan, lakes)}


def _write_stack(outputs, path, template, values):
    with gdal_exceptions():
        partial = outputs.temporary(path)
        dataset = gdal.GetDriverByName("GTiff").Create(
            partial,
            template.cols,
            template.rows,
            len(values),
            gdal.GDT_Float32,
            ["COMPRESS=DEFLATE", "PREDICTOR=3", "INTERLEAVE=BAND"],
        )
        dataset.SetGeoTransform(template.transform)
        dataset.SetProjection(template.crs.wkt)
        for month, band in enumerate(values, 1):
            dataset.GetRasterBand(month).WriteArray(band)
            dataset.GetRasterBand(month).SetDescription(f"month {month:02d}")
        dataset = None


def _write_layers(outputs, path, layers):
    """All layers in one GeoPackage; its time stamp is fixed so that a remake has the same bytes."""
    with gdal_exceptions():
        before = gdal.GetConfigOption("OGR_CURRENT_DATE")
        gdal.SetConfigOption("OGR_CURRENT_DATE", "2024-01-01T00:00:00.000Z")
        try:
            dataset = ogr.GetDriverByName("GPKG").CreateDataSource(outputs.temporary(path))
            for name, features in layers.items():
                kind = ogr.wkbMultiPolygon if features.geometries[0].GetDimension() == 2 else ogr.wkbMultiLineString
                force = ogr.ForceToMultiPolygon if kind == ogr.wkbMultiPolygon else ogr.ForceToMultiLineString
                table = dataset.CreateLayer(name, Crs.of(CRS).reference, kind)
                for field_name in features.field_names:
                    table.CreateField(ogr.FieldDefn(field_name, ogr.OFTString))
                table.StartTransaction()
                for geometry, attributes in zip(features.geometries, features.attributes):
                    feature = ogr.Feature(table.GetLayerDefn())
                    for field_name, value in attributes.items():
                        feature.SetField(field_name, value)
                    feature.SetGeometry(force(geometry.Clone()))
                    table.CreateFeature(feature)
                table.CommitTransaction()
            table = dataset = None
        finally:
            gdal.SetConfigOption("OGR_CURRENT_DATE", before)


def write_city(folder, rows, cols, seed):
    """Make a city and write it: a GeoTIFF per map and ``city.gpkg``; returns what was made."""
    os.makedirs(folder, exist_ok=True)
    city = make_city(rows, cols, seed)
    with OutputFiles() as outputs:
        for name, grid in city["grids"].items():
            outputs.raster(grid, os.path.join(folder, f"{name}.tif"))
        for name, (template, values) in city["stacks"].items():
            _write_stack(outputs, os.path.join(folder, f"{name}.tif"), template, values)
        _write_layers(outputs, os.path.join(folder, "city.gpkg"), city["layers"])
    return city


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Make the artificial mining city.")
    parser.add_argument("folder", help="where the maps go")
    for name in ("rows", "cols", "seed"):
        parser.add_argument(f"--{name}", type=int, default=SHIPPED[name])
    given = parser.parse_args(arguments)
    write_city(given.folder, given.rows, given.cols, given.seed)


if __name__ == "__main__":
    main()

"""The plan of the artificial city: where rivers, towns, roads and mines lie."""

import math
from dataclasses import dataclass, field

import numpy as np

from econet.examples.mining_city.curves import blob, curve, random_state
from econet.examples.mining_city.scale import CELL_M, CITY_M


@dataclass
class Mine:
    name: str
    mineral: str
    method: str
    state: str
    feature: str
    outline: np.ndarray
    floor_m: float  # how deep (pit), high (dump) or low (subsidence) it goes at full scale


@dataclass
class Plan:
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


def make_plan(rows, cols, seed):
    width, height = cols * CELL_M, rows * CELL_M
    nx, ny = (max(1, round(side / whole)) for side, whole in zip((width, height), CITY_M))
    scale = math.sqrt(width / nx * height / ny / (CITY_M[0] * CITY_M[1]))
    scale = round(scale, 6)
    plan = Plan(rows, cols, seed, scale, round(min(1.0, scale) ** 0.6, 6))
    size = width / nx, height / ny
    for j in range(ny):
        river = _main_river(plan, j, nx, size)
        plan.rivers.append(river)
        for i in range(nx):
            suffix = f" {j * nx + i + 1}" if nx * ny > 1 else ""
            _plan_region(plan, river, (i, j), size, suffix)
    return plan


def _main_river(plan, j, nx, size):
    rng = random_state(plan.seed, f"river {j}")
    x, end, side, points = 0.0, nx * size[0], 1, []
    while x < end:
        f = x / size[0] % 1.0
        bend = (0.020 * math.sin(2 * math.pi * f) + 0.012 * math.sin(6 * math.pi * f)) * size[1]
        side = -side if rng.random_sample() < 0.8 else side
        meander = side * plan.metres(rng.uniform(0.05, 0.55))
        points.append((x, round((j + _RIVER_Y) * size[1] + bend + meander, 1)))
        x += plan.metres(rng.uniform(0.8, 1.9))
    return curve([*points, (end, points[0][1])], plan.metres(0.12))


def _river_y(river, x):
    return float(np.interp(x, river[:, 0], river[:, 1]))


def _plan_region(plan, river, ij, size, suffix):
    """One city with its valleys, roads and mines; neighbours meet at fixed places on the edges."""
    rng = random_state(plan.seed, f"region {ij}")
    km = plan.metres

    def at(fx, fy):
        return (ij[0] + fx) * size[0], (ij[1] + fy) * size[1]

    def valley(fx, to_y):
        """A tributary from the river to the region's north or south edge, wandering as it climbs."""
        x, y = at(fx, 0)[0], None
        y, y1 = _river_y(river, x), at(0, to_y)[1]
        count = max(4, round(abs(y1 - y) / km(2.1)))
        points, drift, home = [(x, y)], 0.0, x
        for k in range(1, count + 1):
            drift = 0.45 * drift + km(rng.uniform(-1.15, 1.15))
            x = x + drift - 0.22 * (x - home)
            points.append((x, y + (y1 - y) * k / count))
        return curve(points, km(0.15))

    north = [valley(f, 0) for f in _NORTH_VALLEYS]
    south = [valley(f, 1) for f in _SOUTH_VALLEYS]
    plan.tributaries += north + south

    def point_on(line, fy):
        return line[np.abs(line[:, 1] - at(0, fy)[1]).argmin()]

    def saddle(a, b, fy_a, fy_b):
        """A side valley between two tributaries, over a low pass."""
        (xa, ya), (xb, yb) = point_on(a, fy_a), point_on(b, fy_b)
        count = max(3, round(abs(xb - xa) / km(1.6)))
        points = [
            (
                xa + k / count * (xb - xa),
                ya + k / count * (yb - ya) + (km(rng.uniform(-0.75, 0.75)) if 0 < k < count else 0),
            )
            for k in range(count + 1)
        ]
        return curve(points, km(0.15))

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
                        curve(
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
    plan.towns.append(blob((town_x, town_y), (km(3.3), km(1.9)), rng, 0.28, 96, 0.05))
    _plan_villages(plan, rng, at, river, north + south)
    _plan_roads(plan, rng, at, (north, south), (town_x, town_y), suffix)
    for name, mineral, method, state, feature, fx, fy, a, b, tilt, floor in _MINES:
        x, y = at(fx, fy)
        least = 2.5 * CELL_M
        outline = blob((x, y), (max(km(a), least), max(km(b), least)), rng, 0.16, 72, tilt)
        plan.mines.append(Mine(name + suffix, mineral, method, state, feature, outline, floor))


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


def _plan_roads(plan, rng, at, valleys, town, suffix):
    (north, south), km = valleys, plan.metres

    def along(line, start, shift, name, road_class, join):
        moved = line + np.array((shift, 0))
        points = [join, *(tuple(point) for point in moved[start::6]), tuple(moved[-1])]
        plan.roads.append((name + suffix, road_class, curve(points, km(0.15))))

    ring = blob(town, (km(4.9), km(3.0)), rng, 0.08, 120)
    plan.roads.append(("Ring Expressway" + suffix, "motorway", ring))
    x0, x1 = at(0, 0)[0], at(1, 0)[0]

    def plain(ends, offset, name, road_class, sway=0.25, join=None):
        x_from, x_to = ends
        count = max(4, int(abs(x_to - x_from) / km(2.2)))
        points = []
        for k in range(count + 1):
            x = x_from + (x_to - x_from) * k / count
            edge = k in (0, count)
            points.append((x, at(0, _RIVER_Y)[1] + km(offset) + (0 if edge else km(rng.uniform(-sway, sway)))))
        if join is not None:
            points[0 if x_from == join[0] else -1] = tuple(join)
        plan.roads.append((name + suffix, road_class, curve(points, km(0.15))))

    west, east = ring[:, 0].argmin(), ring[:, 0].argmax()
    plain((x0, ring[west, 0]), -1.3, "West Expressway", "motorway", join=ring[west])
    plain((ring[east, 0], x1), -1.3, "East Expressway", "motorway", join=ring[east])
    plain((x0, x1), 0.75, "Plain Highway", "trunk", 0.15)
    top, bottom = ring[:, 1].argmin(), ring[:, 1].argmax()
    line = north[2]
    start = int(np.abs(line[:, 1] - ring[top, 1] + km(0.8)).argmin())
    junction = ring[((ring - line[start]) ** 2).sum(axis=1).argmin()]
    along(line, start, km(-0.25), "North Expressway", "motorway", tuple(junction))
    line = south[2]
    start = int(np.abs(line[:, 1] - ring[bottom, 1] - km(0.8)).argmin())
    along(line, start, km(0.25), "South Highway", "trunk", (town[0], at(0, _RIVER_Y)[1] + km(0.75)))
    for line, shift, name in (
        (north[1], 0.25, "Birch Valley Highway"),
        (north[4], -0.25, "Iron Valley Highway"),
        (south[0], 0.25, "Willow Valley Highway"),
        (south[3], -0.25, "Quarry Valley Highway"),
    ):
        junction = line[0, 0] + km(shift), at(0, _RIVER_Y)[1] + km(0.75)
        along(line, 8, km(shift), name, "primary", junction)

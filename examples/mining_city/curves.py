"""Curves, outlines, distances and noise, of which the artificial city is made."""

import math

import numpy as np

from econet.examples.mining_city.scale import CELL_M


def random_state(seed, purpose):
    return np.random.RandomState([seed, *purpose.encode()])


def curve(points, step_m):
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


def blob(centre, half_axes, rng, roughness=0.12, count=64, tilt=0.0):
    """A closed outline: an ellipse with a few random waves, as vertices (first = last)."""
    (x, y), (half_width, half_height) = centre, half_axes
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


def cells_between(low_m, high_m, cell_m, count):
    return max(0, math.floor(low_m / cell_m)), min(count, math.ceil(high_m / cell_m))


def segments_of(lines):
    """Lines as rows ``x0, y0, x1, y1``."""
    return np.vstack([np.empty((0, 4))] + [np.hstack([line[:-1], line[1:]]) for line in lines])


def distance_to(segments, shape, cell_m, reach_m, row=0):
    """Distance in metres from cell centres to the nearest segment, float32; ``reach_m`` beyond it.

    ``row`` is the map's row where the window of ``shape`` starts.
    """
    squared = np.full(shape, reach_m * reach_m, dtype=np.float32)
    lowest, highest = (f(segments[:, 1], segments[:, 3]) - row * cell_m for f in (np.minimum, np.maximum))
    met = (highest > -reach_m) & (lowest < shape[0] * cell_m + reach_m)
    for x0, y0, x1, y1 in (segments[met] - (0, row * cell_m, 0, row * cell_m)).tolist():
        r0, r1 = cells_between(min(y0, y1) - reach_m, max(y0, y1) + reach_m, cell_m, shape[0])
        c0, c1 = cells_between(min(x0, x1) - reach_m, max(x0, x1) + reach_m, cell_m, shape[1])
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


def inside_of(outline, shape, cell_m=CELL_M):
    """Where a polygon lies: its window's slices, and metres inside its edge there (0 outside)."""
    (x0, y0), (x1, y1) = outline.min(axis=0), outline.max(axis=0)
    r0, r1 = cells_between(y0, y1, cell_m, shape[0])
    c0, c1 = cells_between(x0, x1, cell_m, shape[1])
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
    depth = np.where(inside, distance_to(segments_of([local]), inside.shape, cell_m, reach), 0).astype(np.float32)
    return slice(r0, r1), slice(c0, c1), depth


def ramp(values, low, high):
    """0 below ``low``, 1 above ``high``, smooth between."""
    t = np.minimum(np.maximum((values - low) / (high - low), 0), 1)
    return t * t * (3 - 2 * t)


class Surface:
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


def noise_map(rng, shape, spacing_cells):
    """Random values of about -1 to 1 that change over ``spacing_cells``."""
    spacing = max(1.0, spacing_cells)
    size = [math.ceil(n / spacing) + 1 for n in shape]
    return Surface(3.2 * rng.random_sample(size) - 1.6, spacing)


def smooth(values, passes):
    """Mean of the cell and its four neighbours, several times."""
    for _ in range(passes):
        p = np.pad(values, 1, mode="edge")
        values = (values + p[:-2, 1:-1] + p[2:, 1:-1] + p[1:-1, :-2] + p[1:-1, 2:]) / 5
    return values

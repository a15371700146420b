"""Distance from cell centres to lines and polygons themselves, in classes.

A ring of Table 1 or 2 starts at the feature's edge. Measured between cells, as raster tools do,
it would be off by up to half a cell's diagonal and would depend on the cell size. Here the
distance is exact. The work is that of the classes' borders, not of the whole map: distance
changes by at most one metre per metre, so one query settles a block of cells that no border meets.
In the other blocks four queries at the corners settle most cells. With d(x) the distance of a place x,
d(x)^2 - |x|^2 is the least of functions that are linear in x, one per point of the features, and so
concave: it lies above what is interpolated between corners, and below the function of any one point.
"""

import math

import numpy as np

from ..grid.grid import windows
from ..progress import SILENT
from .cells import rasterize
from .polygons import polygons_of
from .segment_distance import Edges

_LARGEST_BLOCK = 64
_LARGEST_CORNERS = 16
_CHUNK = 1 << 16
_EXACT_CHUNK = 1 << 14
_CHUNK_CELLS = 1 << 18
_SLACK_M = 1e-3
_MOST_BREAKS = 120  # classes of 8 bits


class Distances:
    """Distance from the cells of a map to features, in parts of the map of any size.

    Parameters
    ----------
    edges : Edges
    covered : callable
        Takes a `grid.Window`; gives True on its cells whose distance is 0 m, or None where there are none.
    template : grid.Template
    """

    def __init__(self, edges, covered, template):
        self._edges, self._covered, self._template = edges, covered, template

    @classmethod
    def to_geometries(cls, geometries, template, breaks_m=None):
        """To points, lines and polygons in the template's CRS; those beyond the map's edge count.

        ``breaks_m``: classes by these are all that will be asked for, and what is out of their reach is left
        out; None: metres will be asked for.
        """
        if breaks_m is None:
            edges = Edges(geometries, template)
        else:
            positive = [each for each in breaks_m if each > 0]
            spacing = max(
                float(positive[0]) / 8 if positive else 0.0, min(template.cell_width, template.cell_height) / 4
            )
            edges = Edges(geometries, template, float(breaks_m[-1]) if len(breaks_m) else 0.0, spacing)
        polygons = [polygon for geometry in geometries for polygon in polygons_of(geometry)]
        boxes = np.array([polygon.GetEnvelope() for polygon in polygons]).reshape(-1, 4)

        def covered(window):
            part = template.part(window)
            west, south, east, north = part.bounds
            here = np.flatnonzero(
                (boxes[:, 0] < east) & (boxes[:, 1] > west) & (boxes[:, 2] < north) & (boxes[:, 3] > south)
            )
            return rasterize([polygons[k] for k in here], part, dtype=np.uint8) > 0 if len(here) else None

        return cls(edges, covered, template)

    def classes(self, window, breaks_m, progress=SILENT):
        """How many breaks lie below the distance of each cell of a window; see `distance_classes`."""
        part, breaks = self._template.part(window), np.asarray(breaks_m, dtype=np.float32)
        if not len(breaks):
            return np.zeros(part.shape, dtype=np.int8)
        if len(breaks) > _MOST_BREAKS:
            return np.searchsorted(breaks, self.metres(window, progress), side="left").astype(_counts(breaks))
        classes = _classes_of_edges(self._edges, breaks, part, progress)
        inside = self._covered(window)
        if inside is not None:
            classes[inside] = 0
        return classes

    def metres(self, window, progress=SILENT):
        """The distance of each cell of a window, float32."""
        part, inside = self._template.part(window), self._covered(window)
        distance = np.zeros(part.shape, dtype=np.float32)
        asked = np.ones(part.shape, dtype=bool) if inside is None else ~inside
        for rows, cols in _chunks(asked, _EXACT_CHUNK, progress):
            distance[rows, cols] = self._edges.exact_m(self._edges.local(*part.xy(rows, cols)))
        return distance


def each_window(template, progress):
    """The windows of a template, each with its share of the progress."""
    done, cells = 0, template.rows * template.cols
    for window in windows(template):
        size = window.rows * window.cols
        yield window, progress.part(done / cells, (done + size) / cells)
        done += size


def distance_classes(geometries, breaks_m, template, progress=SILENT):
    """How many breaks lie below each cell's distance to the nearest geometry.

    Parameters
    ----------
    geometries : list of ogr.Geometry
        In the template's CRS. Those beyond the map's edge count.
    breaks_m : ascending sequence of floats
        A distance equal to a break lies below it, so 0 is [0, first break].
    template : grid.Template

    Returns
    -------
    int8 ndarray, shape ``template.shape``
        int32 for more than 120 breaks.
        From cell centre to the geometry itself, 0 m inside a polygon. Distances are compared in
        float32, so that rounding does not tip a cell that lies on a break.

    Notes
    -----
    1 byte per cell, 40 bytes per sample of the edges in reach, and a part of the map at work.
    """
    classes = np.zeros(template.shape, dtype=_counts(breaks_m))
    if len(breaks_m):
        distances = Distances.to_geometries(geometries, template, breaks_m)
        for window, part in each_window(template, progress):
            classes[window.slices] = distances.classes(window, breaks_m, part)
    return classes


def distance_classes_to_cells(mask, breaks_m, template, progress=SILENT):
    """How many breaks lie below the distance from each cell's centre to the nearest centre of a mask's cell.

    Parameters
    ----------
    mask : bool ndarray, shape ``template.shape``
    breaks_m, template
        As for `distance_classes`.

    Returns
    -------
    int8 ndarray, shape ``template.shape``
        All breaks where no cell is in the mask.

    Notes
    -----
    4 bytes per cell, about 60 per cell on the mask's border, and a part of the map at work.
    """
    points = np.column_stack(template.xy(*np.nonzero(border_of(mask))))
    distances = Distances(Edges.of_points(points, template), lambda window: mask[window.slices], template)
    classes = np.zeros(template.shape, dtype=_counts(breaks_m))
    for window, part in each_window(template, progress):
        classes[window.slices] = distances.classes(window, breaks_m, part)
    return classes


def _counts(breaks):
    """The data type of classes by some breaks."""
    return np.int8 if len(breaks) <= _MOST_BREAKS else np.int32


def border_of(mask):
    """The cells of a mask that a place outside it can be nearest to: those with a side to a cell outside."""
    inner = mask.copy()
    inner[[0, -1]] = inner[:, [0, -1]] = False
    inner[1:-1, 1:-1] &= mask[:-2, 1:-1] & mask[2:, 1:-1] & mask[1:-1, :-2] & mask[1:-1, 2:]
    return mask & ~inner


def _classes_of_edges(edges, breaks, template, progress):
    """How many breaks lie below each cell's distance to the nearest edge."""
    corners = _corner_spacing(breaks, template)
    size = _LARGEST_BLOCK
    while size > corners and size >= 2 * max(template.shape):
        size //= 2
    classes = np.full(_blocks(template, size), -1, dtype=np.int8)
    reach = float(breaks[-1])
    while size > corners:
        radius = (size - 1) / 2 * math.hypot(template.cell_width, template.cell_height) + _SLACK_M
        for rows, cols in _chunks(classes < 0, _CHUNK, progress):
            points = edges.local(*template.xy(rows * size + (size - 1) / 2, cols * size + (size - 1) / 2))
            lower, upper = edges.bounds_m(points, reach + radius)
            least, most = _below(breaks, lower - radius), _below(breaks, upper + radius)
            classes[rows, cols] = np.where(least == most, most, -1)
        size //= 2
        high, wide = _blocks(template, size)
        classes = classes.repeat(2, axis=0).repeat(2, axis=1)[:high, :wide]
    open_blocks = classes < 0
    classes = classes.repeat(size, axis=0).repeat(size, axis=1)[: template.rows, : template.cols]
    if size > 1:
        _settle_by_corners(edges, breaks, template, size, open_blocks, classes, progress)
    for rows, cols in _chunks(classes < 0, _CHUNK, progress):
        points = edges.local(*template.xy(rows, cols))
        lower, upper = edges.bounds_m(points, reach + _SLACK_M)
        least, most = _below(breaks, lower), _below(breaks, upper)
        unclear = least != most
        if unclear.any():
            most[unclear] = _below(breaks, edges.exact_m(points[unclear]))
        classes[rows, cols] = most
    return classes


def _corner_spacing(breaks, template):
    """Cells between corners, a power of 2, by which few cells remain at the first break.

    Beside a straight line s^2 / 8d is left open at the distance d between corners s apart.
    """
    cell = math.sqrt(template.cell_area_m2)
    positive = breaks[breaks > 0]
    first = float(positive[0]) if len(positive) else 0.0
    size = _LARGEST_CORNERS
    while (size > 2 and (size * cell) ** 2 > 12 * first * cell) or (size > 1 and size >= 2 * max(template.shape)):
        size //= 2
    return size


def _settle_by_corners(edges, breaks, template, size, open_blocks, classes, progress):
    """Fill in the cells of open blocks whose class the distances at the blocks' corners prove."""
    if edges.is_empty or not open_blocks.any():
        return
    # corners are the centres of cells, the first of each block, and may lie beyond the map
    asked = np.zeros((open_blocks.shape[0] + 1, open_blocks.shape[1] + 1), dtype=bool)
    for down in (slice(None, -1), slice(1, None)):
        for right in (slice(None, -1), slice(1, None)):
            asked[down, right] |= open_blocks
    number = np.zeros(asked.shape, dtype=np.int32)
    number[asked] = np.arange(np.count_nonzero(asked))
    place = np.empty((np.count_nonzero(asked), 2))
    nearest, lower = np.empty_like(place), np.empty(len(place))
    start = 0
    for rows, cols in _chunks(asked, _CHUNK, progress):
        here = slice(start, start + len(rows))
        place[here] = edges.local(*template.xy(rows * size, cols * size))
        nearest[here], lower[here] = edges.nearest_sample(place[here])
        start = here.stop
    x, y = np.arange(size) * template.cell_width, np.arange(size) * -template.cell_height
    square = (x**2 + (y**2)[:, None]).astype(np.float32)
    share = np.arange(size, dtype=np.float32) / size
    # room for the rounding of float32
    rounding = 1e-6 * ((size * template.cell_width) ** 2 + (size * template.cell_height) ** 2)
    above = ((breaks + _SLACK_M).astype(np.float64) ** 2 * (1 + 4e-6) + rounding).astype(np.float32)
    below = (np.maximum(breaks - _SLACK_M, 0).astype(np.float64) ** 2 * (1 - 4e-6) - rounding).astype(np.float32)
    block_rows, block_cols = np.indices((size, size))
    padded = np.full((open_blocks.shape[0] * size, open_blocks.shape[1] * size), -1, dtype=np.int8)
    for rows, cols in _chunks(open_blocks, max(1, _CHUNK_CELLS // size**2), progress):
        first = place[number[rows, cols]]
        upper, left_right = None, []
        for right in (0, 1):
            edge = []
            for down in (0, 1):
                corner = number[rows + down, cols + right]
                dx, dy = (nearest[corner] - first).T
                across = ((x - dx[:, None]) ** 2).astype(np.float32)[:, None, :]
                along = ((y - dy[:, None]) ** 2).astype(np.float32)[:, :, None]
                upper = across + along if upper is None else np.minimum(upper, across + along, out=upper)
                off = (right * size * template.cell_width) ** 2 + (down * size * template.cell_height) ** 2
                edge.append((lower[corner] ** 2 - off).astype(np.float32)[:, None])
            left_right.append((edge[0] + share * (edge[1] - edge[0]))[:, :, None])
        least_squared = left_right[0] + share * (left_right[1] - left_right[0])
        least_squared += square
        least, most = (np.zeros(upper.shape, dtype=np.int8) for _ in range(2))
        for low, high in zip(below, above):
            least += least_squared > high
            most += upper >= low
        least[least != most] = -1
        padded[rows[:, None, None] * size + block_rows, cols[:, None, None] * size + block_cols] = least
    still = classes < 0
    classes[still] = padded[: classes.shape[0], : classes.shape[1]][still]


def _chunks(mask, count, progress):
    """The rows and columns where a mask is True, so many at a time."""
    rows, cols = np.nonzero(mask)
    for start in range(0, len(rows), count):
        progress(start / len(rows))
        yield rows[start : start + count], cols[start : start + count]


def _blocks(template, size):
    return -(-template.rows // size), -(-template.cols // size)


def _below(breaks, distance):
    return np.searchsorted(breaks, distance.astype(np.float32), side="left").astype(np.int8)

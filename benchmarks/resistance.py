"""The nine factors of a resistance surface: distance and reclass, against GDAL's proximity and SciPy's EDT.

Layers are made up at 30 m: an elevation, land cover, NDVI and night light as arrays, roads and rivers as lines, lakes
and mines as polygons. All ways reclass by Table 1 and 2 (the shipped defaults). The peers score quantities with
`numpy.digitize` and codes with a look-up, burn features into cells and take the distance between cells' centres; ours
runs from a cell's centre to the feature itself. Memory is what the process gains at its peak beyond the layers.
"""

import json
import math
import os
import resource as usage
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from osgeo import gdal, ogr
from run import in_turns, table, versions

from econet.core.crs import Crs
from econet.core.geometry.cells import rasterize
from econet.core.geometry.distance_classes import Distances, border_of
from econet.core.geometry.layers import Layer
from econet.core.geometry.segment_distance import Edges
from econet.core.grid.grid import Template, Window, windows
from econet.core.grid.reading import RasterSource, open_template
from econet.core.grid.slope import slope_degrees
from econet.core.grid.storage import memory_dataset
from econet.core.mines import METHODS, MINERALS, STATES, Mine
from econet.core.outputs import OutputFiles
from econet.core.resistance.distance_resistance import (
    DistanceChoices,
    DistanceOutputs,
    distance_resistance,
    distances_to_features,
)
from econet.core.resistance.factor_resistance import FactorChoices, factor_resistance
from econet.core.resistance.factors import DISTANCES, FACTORS
from econet.core.resistance.mine_rings import mine_resistance, read_rings
from econet.core.resistance.rule_tables import read_distance_intervals, read_factor_table, read_rule
from econet.core.resistance.scoring import classify, classify_codes, classify_distance

HERE = Path(__file__).resolve().parent
SIZES = {"12": (3000, 4000), "100": (25000, 4000)}
CELL = 30.0


def add_options(parser):
    group = parser.add_argument_group("resistance")
    group.add_argument("--cells", nargs=2, type=int, default=(3000, 4000), metavar=("ROWS", "COLS"))
    group.add_argument(
        "--files",
        nargs="*",
        choices=list(SIZES),
        default=list(SIZES),
        help="million cells at which factorresistance and distanceresistance are run on files; none: no",
    )
    group.add_argument("--step", nargs=2, metavar=("STEP", "FOLDER"), help="measure one step in this process")


class Layers:
    """Made-up layers of a mining city, the same at every run."""

    def __init__(self, rows, cols, arrays=True):
        random = np.random.RandomState(1)
        crs = Crs.of("EPSG:32651").reference.ExportToWkt()
        self.cells = Template(rows, cols, (500000.0, CELL, 0.0, 4640000.0, 0.0, -CELL), crs, "synthetic")
        self.random, self.width, self.height = random, cols * CELL, rows * CELL
        scale = math.sqrt(rows * cols / 12e6)
        self.features = {
            "distance_to_water": [self._lake() for _ in range(int(300 * scale) + 1)]
            + [self._line(80.0, 800) for _ in range(int(30 * scale) + 1)],
            "distance_to_motorway": [self._line(300.0, 400) for _ in range(int(8 * scale) + 1)],
            "distance_to_highway": [self._line(200.0, 250) for _ in range(int(40 * scale) + 1)],
        }
        kinds = [(a, b, c) for a in MINERALS for b in METHODS for c in STATES[:2]]
        self.mines = [
            Mine(f"mine {k}", *kinds[k % len(kinds)], "pit", self._lake(7.0), k) for k in range(int(40 * scale) + 1)
        ]
        if arrays:
            relief = self._noise(400) + 0.3 * self._noise(60) + 0.05 * self._noise(6)
            self.dem = (150 + 250 * relief).astype(np.float32)
            self.ndvi = np.clip(0.4 + 0.3 * self._noise(50), -1, 1).astype(np.float32)
            self.night_light = np.clip(15 + 20 * self._noise(200), 0, 63).astype(np.float32)
            codes = np.array([5, 1, 2, 4, 8, 7, 3], dtype=np.int32)
            self.land_cover = codes[np.digitize(self._noise(30), (-1.4, -0.5, 0.4, 0.9, 1.4, 1.8))]

    def _noise(self, size):
        """Smooth numbers of mean 0 and deviation 1."""
        from scipy import ndimage

        rows, cols = self.cells.shape
        coarse = self.random.standard_normal((rows // size + 4, cols // size + 4)).astype(np.float32)
        fine = ndimage.zoom(coarse, size, order=1)[:rows, :cols]
        return fine / fine.std()

    def _place(self):
        return (
            self.cells.transform[0] + self.random.uniform(0, self.width),
            self.cells.transform[3] - self.random.uniform(0, self.height),
        )

    def _line(self, step, count):
        heading = self.random.uniform(0, 2 * np.pi) + np.cumsum(self.random.normal(0, 0.12, count))
        x, y = self._place()
        return _wkt("LINESTRING({})", x + np.cumsum(step * np.cos(heading)), y + np.cumsum(step * np.sin(heading)))

    def _lake(self, log_size=6.0):
        angle = np.linspace(0, 2 * np.pi, 121)
        radius = self.random.lognormal(log_size, 0.6) * (1 + 0.3 * np.sin(3 * angle + self.random.uniform(0, 6)))
        x, y = self._place()
        return _wkt("POLYGON(({}))", x + radius * np.cos(angle), y + radius * np.sin(angle))


def _wkt(form, x, y):
    return ogr.CreateGeometryFromWkt(form.format(",".join(f"{a:.3f} {b:.3f}" for a, b in zip(x, y))))


# ours -----------------------------------------------------------------------------------------------


def ours(factor, layers, rules):
    cells, rule = layers.cells, rules[factor]
    if factor == "mine":
        return mine_resistance(layers.mines, read_rings(), cells).values
    if factor in DISTANCES:
        return classify_distance(layers.features[factor], rule.required_intervals, cells)
    if factor == "land_cover":
        return classify_codes(layers.land_cover, layers.land_cover > 0, rule)
    if factor == "slope":
        return classify(slope_degrees(layers.dem, cells), rule)
    return classify(layers.dem if factor == "elevation" else getattr(layers, factor), rule)


# peers ----------------------------------------------------------------------------------------------


def digitized(values, intervals):
    return np.array(intervals.resistance, dtype=np.float32)[np.digitize(values, intervals.breaks, right=True)]


def proximity(mask, cells, reach_m):
    """GDAL's distance in metres between cells' centres, as far as it is needed."""
    source = memory_dataset(mask.astype(np.uint8), cells, None)
    target = gdal.GetDriverByName("MEM").Create("", cells.cols, cells.rows, 1, gdal.GDT_Float32)
    gdal.ComputeProximity(
        source.GetRasterBand(1),
        target.GetRasterBand(1),
        [f"MAXDIST={reach_m / CELL + 2}", "DISTUNITS=PIXEL", "NODATA=1e9"],
    )
    return target.ReadAsArray() * np.float32(CELL)


def classes_to_cells(mask, breaks, cells):
    points = np.column_stack(cells.xy(*np.nonzero(border_of(mask))))
    distances = Distances(Edges.of_points(points, cells), lambda window: mask[window.slices], cells)
    return distances.classes(Window(0, 0, cells.rows, cells.cols), breaks)


def transform(mask, cells, _):
    from scipy.ndimage import distance_transform_edt

    return distance_transform_edt(~mask, sampling=(cells.cell_height, cells.cell_width))


def peer(factor, layers, rules, distance):
    cells, rule = layers.cells, rules[factor]
    if factor == "mine":
        rings, result = read_rings(), np.ones(cells.shape, dtype=np.float32)
        by_kind = {}
        for mine in layers.mines:
            by_kind.setdefault(rings.of(mine), []).append(mine.geometry)
        for kind, shapes in by_kind.items():
            mask = rasterize(shapes, cells, dtype=np.uint8) > 0
            np.maximum(result, digitized(distance(mask, cells, kind.breaks[-1]), kind), out=result)
        return result
    if factor in DISTANCES:
        mask = rasterize(layers.features[factor], cells, dtype=np.uint8) > 0
        return digitized(distance(mask, cells, rule.intervals.breaks[-1]), rule.intervals)
    if factor == "land_cover":
        look_up = np.full(max(rule.codes) + 1, np.nan, dtype=np.float32)
        look_up[list(rule.codes)] = list(rule.codes.values())
        return look_up[layers.land_cover]
    if factor == "slope":
        source = memory_dataset(layers.dem, cells, None)
        return digitized(
            gdal.DEMProcessing("", source, "slope", format="MEM", computeEdges=True).ReadAsArray(), rule.intervals
        )
    return digitized(layers.dem if factor == "elevation" else getattr(layers, factor), rule.intervals)


# measuring ------------------------------------------------------------------------------------------


def peak_bytes(way):
    """What resident memory gains at its peak while a way runs, looked at every 2 ms."""
    page, stop, highest = os.sysconf("SC_PAGE_SIZE"), threading.Event(), [0]

    def resident():
        with open("/proc/self/statm", encoding="ascii") as stream:
            return int(stream.read().split()[1]) * page

    start = resident()

    def watch():
        while not stop.wait(0.002):
            highest[0] = max(highest[0], resident())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        way()
    finally:
        stop.set()
        watcher.join()
    return max(0, highest[0] - start)


def accuracy(layers, rules, results):
    """How far off distances between cells are, and how many cells get another class by it.

    Only where the map's edge lies beyond the reach: the peers know nothing of features outside.
    """
    cells, rows = layers.cells, []
    for factor in DISTANCES:
        mask = rasterize(layers.features[factor], cells, dtype=np.uint8) > 0
        reach = rules[factor].intervals.breaks[-1]
        between, gdals = transform(mask, cells, reach), proximity(mask, cells, reach)
        margin = min(int(reach / CELL) + 2, min(cells.shape) // 3)
        within = np.zeros(cells.shape, dtype=bool)
        within[margin:-margin, margin:-margin] = True
        near = (between <= reach) & within
        sample = np.flatnonzero((between > 0) & near)[::97]
        edges = Edges.of_geometries(layers.features[factor], cells)
        exact = edges.exact_m(edges.local(*cells.xy(*np.unravel_index(sample, cells.shape))))
        rows.append(
            [
                factor,
                f"{np.abs(gdals - between)[near].max() / CELL:.3f}",
                f"{np.abs(between.reshape(-1)[sample] - exact).max() / CELL:.2f}",
                *(
                    f"{100 * (results[factor, way] != results[factor, 'EcoNet'])[within].mean():.3f} %"
                    for way in ("GDAL", "SciPy")
                ),
            ]
        )
    return rows


def step(name, folder):
    """One toolbox step on files in this process; prints seconds and peak memory in MB, before and after."""
    dem = RasterSource(os.path.join(folder, "dem.tif"))
    place = open_template(dem)
    roads = Layers(*place.shape, arrays=False).features["distance_to_motorway"]
    start = usage.getrusage(usage.RUSAGE_SELF).ru_maxrss / 1024
    began = time.perf_counter()
    with OutputFiles() as files:
        output = files.raster_windows(place, os.path.join(folder, "out.tif"))
        if name == "distance":
            intervals = read_distance_intervals(factor="distance_to_motorway")
            layer = Layer("roads", place.crs, roads, [{} for _ in roads])
            distances = distances_to_features(layer, place, DistanceChoices(intervals))
            distance_resistance(distances, intervals, place, name="roads", outputs=DistanceOutputs(output))
        else:
            choices = FactorChoices(read_rule(factor=name), slope_from_dem=name == "slope")
            factor_resistance(dem, place, choices=choices, output=output)
    os.remove(os.path.join(folder, "out.tif"))
    print(json.dumps([time.perf_counter() - began, start, usage.getrusage(usage.RUSAGE_SELF).ru_maxrss / 1024]))


def make_dem(folder, shape):
    """The same relief again and again, a band of rows held."""
    band = Layers(256, shape[1]).dem
    place = Layers(*shape, arrays=False).cells
    with OutputFiles() as files:
        writer = files.raster_windows(place, os.path.join(folder, "dem.tif"))
        for window in windows(place):
            writer.write(window, band[: window.rows, window.col : window.col + window.cols])
        writer.finish()


def on_files(sizes):
    """Steps in processes of their own; before the layers are made, as a child inherits its parent's peak."""
    rows = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            run = [sys.executable, str(HERE / "run.py"), "resistance", "--step"]
            subprocess.run([*run, size, folder], check=True, capture_output=True)
            for name in ("elevation", "slope", "distance"):
                done = subprocess.run([*run, name, folder], capture_output=True, text=True, check=True)
                took, start, peak = json.loads(done.stdout.splitlines()[-1])
                rows.append(
                    [
                        f"{name}, {size} million cells",
                        f"{took:.1f}",
                        f"{took / math.prod(SIZES[size]) * 1e9:.0f}",
                        f"{start:.0f}",
                        f"{peak:.0f}",
                    ]
                )
                print(*rows[-1], file=sys.stderr, flush=True)
    if rows:
        table(["steps on files", "seconds", "ns per cell", "MB before", "MB at peak"], rows)
        print()


def main(options):
    if options.step:
        name, folder = options.step
        return make_dem(folder, SIZES[name]) if name in SIZES else step(name, folder)
    print(versions("numpy", "scipy"), f"GDAL {gdal.__version__}")
    on_files(options.files)
    layers, rules = Layers(*options.cells), read_factor_table()
    count = layers.cells.rows * layers.cells.cols
    seconds, results, peaks = {}, {}, {}
    for factor in FACTORS:
        ways = {
            "EcoNet": lambda f=factor: ours(f, layers, rules),
            "GDAL": lambda f=factor: peer(f, layers, rules, proximity),
            "SciPy": lambda f=factor: peer(f, layers, rules, transform),
        }
        medians, found = in_turns(ways, options.rounds)
        for way in ways:
            seconds[factor, way], results[factor, way] = medians[way], found[way]
            peaks[factor, way] = peak_bytes(ways[way]) / count
    rows = [
        [factor, f"{seconds[factor, 'EcoNet']:.2f}"]
        + [f"{seconds[factor, way] / seconds[factor, 'EcoNet']:.2f} x" for way in ("GDAL", "SciPy")]
        + [f"{peaks[factor, way]:.0f}" for way in ("EcoNet", "GDAL", "SciPy")]
        for factor in FACTORS
    ]
    sums = {way: sum(seconds[factor, way] for factor in FACTORS) for way in ("EcoNet", "GDAL", "SciPy")}
    rows.append(
        ["all nine", f"{sums['EcoNet']:.2f}"]
        + [f"{sums[way] / sums['EcoNet']:.2f} x" for way in ("GDAL", "SciPy")]
        + [f"{max(peaks[factor, way] for factor in FACTORS):.0f}" for way in ("EcoNet", "GDAL", "SciPy")]
    )
    table(
        [f"{count / 1e6:.1f} million cells", "EcoNet, s", "GDAL", "SciPy EDT", "bytes per cell", "GDAL", "SciPy"], rows
    )
    print()
    table(
        [
            "errors",
            "GDAL against EDT, cells",
            "EDT against the features, cells",
            "GDAL: other class",
            "EDT: other class",
        ],
        accuracy(layers, rules, results),
    )
    mask = layers.land_cover == 5
    breaks = rules["distance_to_water"].intervals.breaks
    medians, found = in_turns(
        {
            "EcoNet": lambda: classes_to_cells(mask, breaks, layers.cells),
            "SciPy": lambda: np.digitize(transform(mask, layers.cells, None), breaks, right=True),
        },
        options.rounds,
    )
    same = np.array_equal(found["EcoNet"], found["SciPy"])
    print(
        f"\nDistance to water cells of the land cover ({mask.mean():.1%} of the map): "
        f"EcoNet {medians['EcoNet']:.2f} s, EDT {medians['SciPy'] / medians['EcoNet']:.2f} x, "
        f"{'the same classes' if same else 'other classes'}"
    )

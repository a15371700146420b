"""Patches of a class map, the whole step against GDAL's polygons alone, on a blobby and a noisy map.

GDAL turns the mask of the chosen classes into polygons with 8 neighbours, and no more: no labels, no order by
area, no size classes. Its polygons touch themselves at corners (invalid by OGC); ours are multipolygons. Counts and
areas of both must be equal. Each is also run as a process of its own for its peak memory beyond the map
(Linux), and ours with holes filled and narrow parts cut.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from osgeo import gdal, ogr
from run import in_turns, table, versions

from econet.core.errors import Cancelled
from econet.core.grid.grid import Grid, Template
from econet.core.progress import Progress
from econet.core.sources.patches import PatchChoices, delineate

SIZES = {"1.2": (1000, 1200), "12": (3000, 4000)}
MAPS = ("blobby", "noisy")
WAYS = ("GDAL alone", "EcoNet", "EcoNet, holes and slivers")


def add_options(parser):
    group = parser.add_argument_group("patches")
    group.add_argument("--patch-millions", nargs="+", choices=list(SIZES), default=list(SIZES), help="sizes to measure")
    group.add_argument("--patch-one", nargs=3, metavar=("WAY", "SIZE", "MAP"), help="measure one run in this process")


def class_map(size, kind):
    """Classes 1 and 5, two fifths of them 5: in blobs, or each cell by itself."""
    from scipy import ndimage

    values = np.random.default_rng(1).random(SIZES[size], dtype=np.float32)
    if kind == "blobby":
        values = ndimage.gaussian_filter(values, 12)
    classes = np.where(values > np.quantile(values[::7, ::7], 0.6), np.int32(5), np.int32(1))
    return Grid(
        classes, Template(*classes.shape, (5e5, 30.0, 0.0, 46e5, 0.0, -30.0), "EPSG:32651", "classes"), 0, "classes"
    )


def gdal_alone(classes):
    """Polygons of the mask with 8 neighbours, as GDAL gives them; their number and area in km2 are read after."""
    template = classes.template
    raster = gdal.GetDriverByName("MEM").Create("", template.cols, template.rows, 1, gdal.GDT_Byte)
    raster.SetGeoTransform(template.transform)
    band = raster.GetRasterBand(1)
    band.WriteArray((classes.values == 5).astype(np.uint8))
    memory = ogr.GetDriverByName("Memory").CreateDataSource("")
    layer = memory.CreateLayer("patches", None, ogr.wkbPolygon)
    layer.CreateField(ogr.FieldDefn("class", ogr.OFTInteger))
    gdal.Polygonize(band, band, layer, 0, ["8CONNECTED=8"])
    return memory, layer


def ways(classes):
    def way(name):
        began = time.perf_counter()
        if name == "GDAL alone":
            _kept, layer = gdal_alone(classes)
            took = time.perf_counter() - began
            return took, np.sort([feature.GetGeometryRef().GetArea() / 1e6 for feature in layer])[::-1]
        choices = (
            PatchChoices() if name == "EcoNet" else PatchChoices(fill_holes_km2=0.05, sliver_cells=3 if blobs else 2)
        )
        found = delineate(classes, choices)
        return time.perf_counter() - began, np.array([patch.area_km2 for patch in found.patches])

    blobs = np.count_nonzero(np.diff(classes.values[0])) < classes.values.shape[1] / 10
    return {name: lambda name=name: way(name) for name in WAYS}


def cancel_seconds(classes, tries=6):
    """The longest time that a cancel waits, tried at moments spread over the run."""
    began = time.perf_counter()
    delineate(classes)
    whole, longest = time.perf_counter() - began, 0.0
    for share in np.linspace(0.05, 0.95, tries):
        stop = time.perf_counter() + share * whole
        try:
            delineate(classes, progress=Progress(cancelled=lambda stop=stop: time.perf_counter() > stop))
        except Cancelled:
            longest = max(longest, time.perf_counter() - stop)
    return longest


def memory(name):
    """VmRSS (now) or VmHWM (the peak) of this process in bytes."""
    with open("/proc/self/status", encoding="ascii") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


def one(way, size, kind):
    """Runs one way; prints by how many bytes its peak passed what was held before."""
    run = ways(class_map(size, kind))[way]
    with open("/proc/self/clear_refs", "w", encoding="ascii") as forget:
        forget.write("5")  # the peak so far, of making the map
    before = memory("VmRSS")
    run()
    print(json.dumps(memory("VmHWM") - before))


def main(options):
    if options.patch_one:
        return one(*options.patch_one)
    print(versions("numpy", "scipy"), "GDAL", gdal.__version__)
    rows = []
    for size in options.patch_millions:
        for kind in MAPS:
            classes = class_map(size, kind)
            rounds = options.rounds if size == "1.2" else min(options.rounds, 1 if kind == "noisy" else 3)
            seconds, found = in_turns(ways(classes), rounds)
            gdal_areas, ours = found["GDAL alone"], found["EcoNet"]
            if gdal_areas.size != ours.size or not np.allclose(gdal_areas, ours, rtol=1e-9, atol=0):
                raise SystemExit(f"{size} {kind}: {ours.size} patches, GDAL {gdal_areas.size}, or other areas")
            longest = cancel_seconds(classes)
            for name in WAYS:
                script = str(Path(__file__).parent / "run.py")
                done = subprocess.run(
                    [sys.executable, script, "patches", "--patch-one", name, size, kind],
                    capture_output=True,
                    text=True,
                    check=True,
                )
                peak = json.loads(done.stdout.splitlines()[-1])
                cells = SIZES[size][0] * SIZES[size][1]
                rows.append(
                    [
                        f"{size} million cells, {kind}: {name}",
                        found[name].size,
                        f"{seconds[name]:.2f}",
                        f"{seconds[name] / seconds['GDAL alone']:.2f} x",
                        f"{peak / cells:.0f}",
                        "" if name != "EcoNet" else f"{longest:.2f}",
                    ]
                )
                print(*rows[-1], file=sys.stderr, flush=True)
    table(["", "patches", "seconds", "against GDAL", "bytes per cell at peak", "s until a cancel"], rows)

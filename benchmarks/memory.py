"""Peak memory and speed of the pixelwise services at 1.2 to 100 million cells, each run a process of its own.

Maps are the shipped mining city's, laid side by side: the land cover (and, for change, a second) as large as the
map, climate and soil on their own coarser cells, as planners hold them. `copy` reads the land cover and writes
a float map with the same reader and writer and computes nothing: the speed of disk and compression.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from run import table, versions

from econet.core.grid.blocks import Classes
from econet.core.grid.blocks import run as run_blocks
from econet.core.grid.grid import Template, windows
from econet.core.grid.reading import RasterSource, open_template, read_raster
from econet.core.grid.warping import AlignedRaster
from econet.core.outputs import OutputFiles
from econet.core.services.annual_sum import AnnualSum
from econet.core.services.carbon_storage import carbon_storage_blocks
from econet.core.services.water_yield import YieldInputs, YieldOutputs, water_yield_blocks

HERE = Path(__file__).resolve().parent
CITY = HERE.parent / "examples" / "mining_city"
SIZES = {"1.2": (1000, 1200), "12": (3000, 4000), "100": (25000, 4000), "100 wide": (10000, 10000)}
LAYERS = {
    "land_cover": "land_cover",
    "precipitation": "precipitation_monthly",
    "evapotranspiration": "evapotranspiration_annual",
    "soil_depth": "soil_depth",
    "plant_available_water": "plant_available_water",
}


def add_options(parser):
    group = parser.add_argument_group("memory")
    group.add_argument("--millions", nargs="+", choices=list(SIZES), default=list(SIZES), help="sizes to measure")
    group.add_argument("--maps", help="folder to keep the made-up maps in (100 million cells: 100 MB); default none")
    group.add_argument("--make", nargs=2, metavar=("SIZE", "FOLDER"), help="make the maps of a size, no more")
    group.add_argument("--one", nargs=2, metavar=("SERVICE", "FOLDER"), help="measure one run in this process")


def make_maps(folder, shape):
    """The city's rasters repeated until they cover a map of this size; a band of rows is held."""
    os.makedirs(folder, exist_ok=True)
    city = open_template(RasterSource(str(CITY / "land_cover.tif")))
    times = shape[0] / city.rows, shape[1] / city.cols
    for name, file in LAYERS.items():
        path = os.path.join(folder, f"{name}.tif")
        if os.path.exists(path):
            continue
        grids = [read_raster(RasterSource(str(CITY / f"{file}.tif"), band=1))]
        own = grids[0].template
        rows, cols = (int(np.ceil(count * share)) for count, share in zip(own.shape, times))
        place = Template(rows, cols, own.transform, own.crs, name)
        values = np.tile(grids[0].values, (1, -(-cols // own.cols)))[:, :cols]
        with OutputFiles() as files:
            writer = files.raster_windows(place, path, dtype=values.dtype, nodata=grids[0].nodata)
            for window in windows(place):
                which = np.arange(window.row, window.row + window.rows) % own.rows
                writer.write(window, values[which][:, window.col : window.col + window.cols])
            writer.finish()


def one(service, folder):
    """Runs a service; prints seconds and the peak memory of this process in MB, before and after.

    Linux hands the peak of the process that starts another down to it: it has to stay small itself.
    """
    start_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sources = {name: RasterSource(os.path.join(folder, f"{name}.tif")) for name in LAYERS}
    place = open_template(sources["land_cover"])
    began = time.perf_counter()
    with OutputFiles() as files:
        outputs = [
            files.raster_windows(place, os.path.join(folder, f"out_{number}.tif"))
            for number in range(1 if service == "copy" else 2)
        ]
        cover = Classes(sources["land_cover"], place)
        if service == "copy":
            run_blocks([AlignedRaster(sources["land_cover"], place)], lambda _, grid: (grid.values,), outputs)
        elif service == "carbonstorage":
            other = Classes(sources["land_cover"], place)
            carbon_storage_blocks(cover, output=outputs[0], other=other, output_change=outputs[1])
        else:
            rain, demand = (AnnualSum(sources[name], place) for name in ("precipitation", "evapotranspiration"))
            soil = [AlignedRaster(sources[name], place) for name in ("soil_depth", "plant_available_water")]
            water_yield_blocks(YieldInputs(cover, rain, demand, *soil), YieldOutputs(*outputs))
    seconds = time.perf_counter() - began
    for number in range(2):
        path = os.path.join(folder, f"out_{number}.tif")
        if os.path.exists(path):
            os.remove(path)
    print(json.dumps([seconds, start_mb, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))


def main(options):
    if options.one:
        return one(*options.one)
    if options.make:
        return make_maps(options.make[1], SIZES[options.make[0]])
    print(versions("numpy"))
    with tempfile.TemporaryDirectory() as scratch:
        rows = []
        for size in options.millions:
            folder = os.path.join(options.maps or scratch, size)
            run = [sys.executable, str(HERE / "run.py"), "memory"]
            subprocess.run([*run, "--make", size, folder], check=True, capture_output=True)
            for service in ("copy", "carbonstorage", "wateryield"):
                done = subprocess.run([*run, "--one", service, folder], capture_output=True, text=True, check=True)
                seconds, start_mb, peak_mb = json.loads(done.stdout.splitlines()[-1])
                cells = SIZES[size][0] * SIZES[size][1]
                rows.append(
                    [
                        f"{service}, {size} million cells",
                        f"{seconds:.1f}",
                        f"{seconds / cells * 1e9:.0f}",
                        f"{start_mb:.0f}",
                        f"{peak_mb:.0f}",
                    ]
                )
                print(*rows[-1], file=sys.stderr, flush=True)
        table(["", "seconds", "ns per cell", "MB before", "MB at peak"], rows)

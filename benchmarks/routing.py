"""Flow routing of a DEM (filling, D8 and MFD directions, accumulation) against pygeoprocessing.

The DEM is the mining city's, made by `examples/mining_city/make_city.py`. pygeoprocessing (which InVEST routes
with) is a Python package with its own numpy: name the Python that has it in ECONET_PYGEOPROCESSING_PYTHON, or
let it be importable here. It reads and writes GeoTIFFs, so ours is timed with the same files read and written
(uncompressed), and by step in memory. numba serves the convention `as InVEST` alone, on large flats.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from osgeo import gdal
from run import in_turns, table, versions

from econet.core import accel
from econet.core.grid.reading import RasterSource, read_raster
from econet.core.routing.depressions import fill_depressions
from econet.core.routing.flow import Unfilled, route
from econet.core.routing.ways import FlowConvention, Routing

MAKE_CITY = Path(__file__).resolve().parents[1] / "examples" / "mining_city" / "make_city.py"
PEER = """
import json, sys, time
from pygeoprocessing import __version__, routing
dem, folder, method = sys.argv[1:4]
took, path = {}, lambda name: f"{folder}/peer_{name}.tif"
def timed(name, function, *arguments):
    began = time.perf_counter()
    function(*arguments)
    took[name] = time.perf_counter() - began
timed("fill", routing.fill_pits, (dem, 1), path("filled"), folder)
direct, accumulate = ((routing.flow_dir_d8, routing.flow_accumulation_d8) if method == "D8" else
                      (routing.flow_dir_mfd, routing.flow_accumulation_mfd))
timed("directions", direct, (path("filled"), 1), path("directions"), folder)
timed("accumulation", accumulate, (path("directions"), 1), path("accumulation"))
print(json.dumps([__version__, took]))
"""


def add_options(parser):
    group = parser.add_argument_group("routing")
    group.add_argument("--dem", action="append", help="a DEM in metres; default the mining city of 1.2 million cells")
    group.add_argument("--size", type=int, nargs=2, metavar=("ROWS", "COLS"), help="a mining city of another size")
    group.add_argument("--routings", nargs="+", default=["D8", "MFD"], choices=["D8", "MFD"])
    group.add_argument("--engines", nargs="+", default=["numba", "numpy"], choices=["numba", "numpy"])


def peer_python():
    """The Python that has pygeoprocessing, or None."""
    for python in (os.environ.get("ECONET_PYGEOPROCESSING_PYTHON"), sys.executable):
        look = [python, "-c", "import pygeoprocessing.routing"]
        if python and subprocess.run(look, capture_output=True).returncode == 0:
            return python
    return None


def peer(python, dem, folder, method):
    script = os.path.join(folder, "peer.py")
    Path(script).write_text(PEER, encoding="utf-8")
    done = subprocess.run([python, script, dem, folder, method], capture_output=True, text=True, check=True)
    version, took = json.loads(done.stdout.splitlines()[-1])
    return sum(took.values()), (version, took)


def ours(dem, folder, method, convention, engine):
    """Seconds with files, and by step in memory."""
    accel.prefer(engine)
    began = time.perf_counter()
    grid = read_raster(RasterSource(dem))
    elevation = grid.floats(np.float64)
    took, start = {}, time.perf_counter()
    filled = fill_depressions(elevation)
    took["fill"], start = time.perf_counter() - start, time.perf_counter()
    flow = route(
        filled,
        grid.template,
        routing=Routing(method),
        convention=FlowConvention(convention),
        unfilled=Unfilled(elevation),
    )
    took["directions"], start = time.perf_counter() - start, time.perf_counter()
    accumulation = flow.accumulate()
    took["accumulation"] = time.perf_counter() - start
    for name, values in (
        ("filled", filled),
        ("accumulation", accumulation),
        *([("directions", flow.direction)] if method == "D8" else []),
    ):
        driver = gdal.GetDriverByName("GTiff")
        kind = gdal.GDT_Byte if values.dtype == np.uint8 else gdal.GDT_Float64
        dataset = driver.Create(os.path.join(folder, f"{name}.tif"), *values.shape[::-1], 1, kind, ["TILED=YES"])
        dataset.GetRasterBand(1).WriteArray(values)
        dataset = None
    accel.prefer("auto")
    return time.perf_counter() - began, (accumulation, took)


def main(options):
    python = peer_python()
    if python is None:
        print("pygeoprocessing is missing: set ECONET_PYGEOPROCESSING_PYTHON to a Python that has it; ours alone.\n")
    print(versions("numpy", "scipy", "numba"))
    with tempfile.TemporaryDirectory() as folder:
        dems = list(options.dem or [])
        if options.size:
            rows, cols = options.size
            subprocess.run(
                [sys.executable, str(MAKE_CITY), "--rows", str(rows), "--cols", str(cols), "--seed", "1", folder],
                check=True,
            )
            dems.append(os.path.join(folder, "dem.tif"))
        for dem in dems or [str(MAKE_CITY.parent / "dem.tif")]:
            for method in options.routings:
                compare(python, dem, folder, method, options.rounds, options.engines)


def compare(python, dem, folder, method, rounds, engines):
    ways = {} if python is None else {"pygeoprocessing": lambda: peer(python, dem, folder, method)}
    for convention, engine in (
        (FlowConvention.RECOMMENDED, "numpy"),
        *((FlowConvention.AS_INVEST, e) for e in engines),
    ):
        ways[f"EcoNet, {convention}, {engine}"] = lambda convention=convention, engine=engine: ours(
            dem, folder, method, convention, engine
        )
    if "numba" in engines:  # compiled before the clock runs
        ours(str(MAKE_CITY.parent / "dem.tif"), folder, method, FlowConvention.AS_INVEST, "numba")
    seconds, results = in_turns(ways, rounds)
    shape = next(result[0].shape for name, result in results.items() if name.startswith("EcoNet"))
    print(
        f"\n{method}, {shape[0]} x {shape[1]} cells, median of {rounds} round(s), files read and written; steps of the "
        f"last round:"
    )
    base = seconds.get("pygeoprocessing")
    rows = []
    for name, taken in seconds.items():
        steps = results[name][1]
        rows.append(
            [
                name,
                f"{taken:.2f}",
                f"{taken / base:.2f} x" if base else "-",
                *(f"{steps[step]:.2f}" for step in ("fill", "directions", "accumulation")),
                f"{sum(steps.values()):.2f}",
            ]
        )
    table(["", "seconds", "of pygeoprocessing", "fill", "directions", "accumulation", "steps alone"], rows)
    if base:
        expected = gdal.Open(os.path.join(folder, "peer_accumulation.tif")).ReadAsArray()
        same = np.isclose(results[f"EcoNet, as InVEST, {engines[0]}"][0], expected, rtol=1e-6, atol=0)
        print(
            f"accumulation as InVEST within 1e-6 of pygeoprocessing's on {100 * same.mean():.2f} % of the cells "
            f"(pygeoprocessing {results['pygeoprocessing'][0]})"
        )

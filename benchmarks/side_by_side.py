"""Is the working tree as fast as an old revision, or faster, on the same machine in the same run?

    /usr/bin/python3 benchmarks/side_by_side.py [OLD_REVISION] [--parts checks,steps,counts] [--only ID,ID]

Each tree has a worker process that stays alive, so that neither imports nor compiling count; a first run of everything
is thrown away. Old and new take turns, and the order changes from round to round. Seconds are medians.

checks : what a dialog waits for, ``checkParameterValues`` with loaded layers, on a made-up study of 10,000
    sources on 2000 x 2000 cells. Wanted: at least 3 times as fast where it took 0.05 s or more, else not slower.
steps : every single step of same_results.py on the mining city, as ``algorithm.run``. Wanted: none slower by more than
    3 %. A busy machine makes single medians err by more, so a step counts as slower only where the clock, the
    processor's time and the least of its times all say so, and still do after more rounds.
counts : how often files are opened, layers read and coordinate systems parsed in one check and run of two steps as the
    dialog does them; told, not judged. Reads that QGIS does by itself, in C++, are not seen.

Ends with 0 where what is wanted is reached, with 1 otherwise.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from _steps import (
    COVER,
    RESISTANCE,
    SERVICE_NAMES,
    SERVICES,
    SOURCES,
    Results,
    Step,
    Worker,
    check_out,
    chosen,
    copy_working_tree,
    git,
    old_results,
    resolved,
)
from osgeo import gdal, ogr, osr

WANTED_SPEEDUP = 3.0
ALLOWED_RATIO = 1.03
SHORTEST_TURN = 0.5  # seconds: shorter steps are run several times in a turn
MOST_REPEATS = 25
MOST_SERIES = 3  # series of rounds before something counts as slower
SHORTEST_DELAY = 0.001  # seconds
NOTICED = 0.05  # seconds: nobody waits for a shorter check
PARTS = ("checks", "steps", "counts")
TREES = ("old", "new")
COUNTED = (
    Step("corridors", "corridors", {"RESISTANCE": RESISTANCE, "SOURCES": SOURCES}),
    Step(
        "serviceimportance",
        "serviceimportance",
        {"SERVICES": SERVICES, "LAND_COVER": COVER, "SERVICE_NAMES": SERVICE_NAMES},
    ),
)


# a made-up study ---------------------------------------------------------------------------------

CELL = 30.0
WEST, NORTH = 440000.0, 4930000.0


def make_study(folder: Path, *, sources: int = 10_000, size: int = 2000) -> dict[str, str]:
    """Two rasters, source polygons of a few cells and corridors between neighbours.

    Parameters
    ----------
    folder : Path
    sources : int
        Their number; they stand in squares, one in each.
    size : int
        Rows and columns of the raster.

    Returns
    -------
    dict of str to str
        Name to path.
    """
    folder.mkdir(parents=True, exist_ok=True)
    reference = osr.SpatialReference()
    reference.ImportFromEPSG(32651)
    rows, cols = np.indices((size, size))
    for name, values in (("resistance", 1 + (rows // 9 + cols // 7) % 5), ("other", (rows * cols) % 101)):
        raster = gdal.GetDriverByName("GTiff").Create(
            str(folder / f"{name}.tif"), size, size, 1, gdal.GDT_Float32, ["COMPRESS=DEFLATE", "TILED=YES"]
        )
        raster.SetGeoTransform((WEST, CELL, 0, NORTH, 0, -CELL))
        raster.SetProjection(reference.ExportToWkt())
        raster.GetRasterBand(1).WriteArray(values.astype(np.float32))
        del raster  # closes the file
    points = _write_sources(folder / "sources.gpkg", reference, sources, size)
    _write_corridors(folder / "corridors.gpkg", reference, points)
    return {path.stem: str(path) for path in folder.iterdir() if path.suffix in (".tif", ".gpkg")}


def _layer(path: Path, reference: Any, kind: int, fields: Mapping[str, int]) -> tuple[Any, Any]:
    dataset = ogr.GetDriverByName("GPKG").CreateDataSource(str(path))
    layer = dataset.CreateLayer(path.stem, reference, kind)
    for name, of in fields.items():
        layer.CreateField(ogr.FieldDefn(name, of))
    layer.StartTransaction()
    return dataset, layer


def _write_sources(path: Path, reference: Any, count: int, size: int) -> np.ndarray:
    """Rectangles, every third with steps along an edge, every seventh of two parts; returns a point in each."""
    across = math.ceil(math.sqrt(count))
    square = size // across
    numbers = np.random.default_rng(1)
    fields = {"source_id": ogr.OFTInteger, "patch_id": ogr.OFTInteger, "size_class": ogr.OFTString}
    fields |= dict.fromkeys(("area_km2", "importance_mean", "dpc"), ogr.OFTReal)
    holder, layer = _layer(path, reference, ogr.wkbMultiPolygon, fields)
    points = np.empty((count, 2))
    for number in range(count):
        width, height = numbers.integers(3, max(4, square // 2), 2) * CELL
        x0 = WEST + ((number % across) * square + 1) * CELL
        y0 = NORTH - ((number // across) * square + 1) * CELL
        shape = _outline(x0, y0, width, height, steps=number % 3 == 0)
        if number % 7 == 0:
            second = _outline(x0 + width + 2 * CELL, y0, 2 * CELL, 2 * CELL, steps=False)
            shape.AddGeometry(second.GetGeometryRef(0))
        area = shape.GetArea() / 1e6
        feature = ogr.Feature(layer.GetLayerDefn())
        size_class = ("super-large", "large", "medium", "small")[number % 4]
        for name, value in zip(fields, (number + 1, number + 1, size_class, area, 0.5, 100 / (number + 1))):
            feature.SetField(name, value)
        feature.SetGeometry(shape)
        layer.CreateFeature(feature)
        points[number] = x0 + CELL / 2, y0 - CELL / 2
    layer.CommitTransaction()
    del layer, holder  # closes the file
    return points


def _outline(x0: float, y0: float, width: float, height: float, *, steps: bool) -> Any:
    corners = [(x0, y0), (x0 + width, y0), (x0 + width, y0 - height)]
    if steps:
        corners += [(x0 + width - CELL, y0 - height), (x0 + width - CELL, y0 - height + CELL), (x0, y0 - height + CELL)]
    else:
        corners.append((x0, y0 - height))
    text = ",".join(f"{x} {y}" for x, y in [*corners, corners[0]])
    return ogr.CreateGeometryFromWkt(f"MULTIPOLYGON((({text})))")


def _write_corridors(path: Path, reference: Any, points: np.ndarray) -> None:
    """A line from each source to the next and to the one below."""
    across = math.ceil(math.sqrt(len(points)))
    fields = dict.fromkeys(("corridor_id", "source_a", "source_b", "redundant"), ogr.OFTInteger)
    fields |= dict.fromkeys(("cost", "length_m"), ogr.OFTReal)
    holder, layer = _layer(path, reference, ogr.wkbLineString, fields)
    count = 0
    for number in range(len(points)):
        for other in (number + 1, number + across):
            if other >= len(points) or (other == number + 1 and other % across == 0):
                continue
            count += 1
            line = ogr.Geometry(ogr.wkbLineString)
            line.AddPoint_2D(*points[number])
            line.AddPoint_2D(points[number][0], points[other][1])
            line.AddPoint_2D(*points[other])
            feature = ogr.Feature(layer.GetLayerDefn())
            values = (count, number + 1, other + 1, 0, 3 * line.Length(), line.Length())
            for name, value in zip(fields, values):
                feature.SetField(name, value)
            feature.SetGeometry(line)
            layer.CreateFeature(feature)
    layer.CommitTransaction()
    del layer, holder


def checks_of(study: Mapping[str, str]) -> list[Step]:
    """What is checked on the made-up study."""
    sources, resistance = {"SOURCES": study["sources"]}, {"RESISTANCE": study["resistance"]}
    patches = {"PATCHES": study["sources"]}
    return [
        Step("corridors", "corridors", {**resistance, **sources}),
        Step("gravitymodel", "gravitymodel", {**resistance, **sources, "CORRIDORS": study["corridors"]}),
        Step("selectsources", "selectsources", {**patches, "MIN_DPC": 0.1, "TOP": 50}),
        Step("landscapeconnectivity", "landscapeconnectivity", patches),
        Step("landscapeconnectivity, least cost", "landscapeconnectivity", {**patches, **resistance, "DISTANCE": 2}),
        Step("sourcefirmness", "sourcefirmness", {**sources, "SERVICES": [study["resistance"], study["other"]]}),
    ]


# turns -------------------------------------------------------------------------------------------


@dataclass
class Pair:
    """Seconds of one thing in both trees.

    Parameters
    ----------
    name : str
    clock, processor : dict of str to list of float
        By tree.
    """

    name: str
    clock: dict[str, list[float]] = field(default_factory=lambda: {tree: [] for tree in TREES})
    processor: dict[str, list[float]] = field(default_factory=lambda: {tree: [] for tree in TREES})

    def medians(self) -> list[float]:
        """On the clock, old and new."""
        return [statistics.median(self.clock[tree]) for tree in TREES]

    def ratios(self) -> tuple[float, float]:
        """New over old on the clock and of the processor."""
        found = []
        for seconds in (self.clock, self.processor):
            old, new = (statistics.median(seconds[tree]) for tree in TREES)
            found.append(new / max(old, 1e-9))
        return found[0], found[1]

    def is_slower(self) -> bool:
        """Whether both medians and the least processor time say so, by more than the clock can tell."""
        old, new = self.medians()
        least = min(self.processor["new"]) / max(min(self.processor["old"]), 1e-9)
        return min(*self.ratios(), least) > ALLOWED_RATIO and new - old > SHORTEST_DELAY


def is_short_of_wanted(pair: Pair) -> bool:
    """Whether a check is not as much faster as wanted."""
    return pair.ratios()[0] > 1 / WANTED_SPEEDUP if pair.medians()[0] >= NOTICED else pair.is_slower()


def in_turns(name: str, ask: Callable[[str, int], Mapping[str, Any]], rounds: int) -> Pair:
    """Seconds of one thing in both trees, in each round of which the other tree begins.

    Parameters
    ----------
    name : str
    ask : callable
        Takes the tree and how often to repeat within a turn, and returns a worker's answer.
    rounds : int
        Run again, up to `MOST_SERIES` times, as long as the new tree seems slower.

    Raises
    ------
    SystemExit
        It does not run.
    """
    pair, repeats, turns = Pair(name), 1, 1
    for series in range(MOST_SERIES + 1):  # the first one warms up
        for number in range(turns):
            for tree in TREES if number % 2 == 0 else TREES[::-1]:
                answer = ask(tree, repeats)
                if not answer["ok"]:
                    sys.exit(f"{name} fails in the {tree} tree: {answer['error']}")
                pair.clock[tree].append(answer["clock"])
                pair.processor[tree].append(answer["processor"])
        if series == 0:
            repeats = min(MOST_REPEATS, math.ceil(SHORTEST_TURN / max(*pair.medians(), 1e-6)))
            pair, turns = Pair(name), rounds
        elif not pair.is_slower():
            break
    told(f"  {name}: {' and '.join(f'{seconds:.4f}' for seconds in pair.medians())} s")
    return pair


def time_checks(workers: Mapping[str, Worker], study: Mapping[str, str], rounds: int) -> list[Pair]:
    """Seconds of ``checkParameterValues`` on the made-up study."""

    def ask(tree: str, repeat: int) -> Mapping[str, Any]:
        return workers[tree].ask("check", algorithm=step.algorithm, values=step.values, repeat=repeat)

    pairs = []
    for step in checks_of(study):
        pairs.append(in_turns(f"check of {step.name}", ask, rounds))
    return pairs


def time_steps(workers: Mapping[str, Worker], results: Results, steps: Sequence[Step], rounds: int) -> list[Pair]:
    """Seconds of each step."""

    def ask(tree: str, repeat: int) -> Mapping[str, Any]:
        return workers[tree].ask(
            "time",
            algorithm=step.algorithm,
            values=resolved(step.values, results.places),
            without=list(step.without),
            folder=str(workers[tree].scratch / "outputs"),
            repeat=repeat,
        )

    pairs = []
    for step in steps:
        pairs.append(in_turns(step.name, ask, rounds))
    return pairs


def count_reads(trees: Mapping[str, Path], results: Results, scratch: Path) -> list[list[str]]:
    """Rows of a table: step, what, and how often in the check alone and with the run, old and new."""
    rows = []
    answers: dict[tuple[str, str], dict[str, Any]] = {}
    for tree in TREES:
        with Worker(trees[tree], scratch / f"{tree}_counting", flags=["--count"]) as worker:
            for step in COUNTED:
                values = resolved(step.values, results.places)
                folder = str(scratch / f"{tree}_counted" / step.name)
                answer = worker.ask("count", algorithm=step.algorithm, values=values, folder=folder, without=[])
                if not answer["ok"]:
                    sys.exit(f"{step.name} fails in the {tree} tree: {answer['error']}")
                answers[tree, step.name] = answer
    for step in COUNTED:
        both = [answers[tree, step.name] for tree in TREES]
        for what in sorted(set(both[0]["all"]) | set(both[1]["all"])):
            counts = [str(answer[part].get(what, 0)) for part in ("checked", "all") for answer in both]
            rows.append([step.name, what, *counts])
        for kind in ("gdal.Open", "parse", "getFeatures"):
            counts = [str(_sum(answer[part], kind)) for part in ("checked", "all") for answer in both]
            rows.append([step.name, f"all of {kind}", *counts])
    return rows


def _sum(counts: Mapping[str, int], kind: str) -> int:
    return sum(count for what, count in counts.items() if what.startswith(kind))


# the script --------------------------------------------------------------------------------------


def told(text: str) -> None:
    """Say how far it is."""
    print(text, file=sys.stderr, flush=True)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under headings, aligned."""
    widths = [max(len(row[k]) for row in [header, *rows]) for k in range(len(header))]
    for row in [header, *rows]:
        cells = (cell.ljust(width) if k < 1 else cell.rjust(width) for k, (cell, width) in enumerate(zip(row, widths)))
        print("  ".join(cells).rstrip())


def show_times(title: str, pairs: Sequence[Pair], verdict: Callable[[Pair], str]) -> None:
    """A table of medians and ratios."""
    print(f"\n{title}\n")
    rows = []
    for pair in pairs:
        clock, processor = pair.ratios()
        seconds = [f"{value:.4f}" for value in pair.medians()]
        rows.append([pair.name, *seconds, f"{clock:.3f}", f"{processor:.3f}", verdict(pair)])
    table(["", "old, s", "new, s", "new / old", "processor", ""], rows)


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("old_revision", nargs="?", default="3be55c3", help="to compare with (3be55c3)")
    parser.add_argument("--parts", default=",".join(PARTS), help=f"what to measure ({','.join(PARTS)})")
    parser.add_argument("--only", default="", metavar="ID,ID", help="algorithms or steps whose steps are timed (all)")
    parser.add_argument("--rounds", type=int, default=5, help="turns, of which the median counts (5)")
    parser.add_argument("--sources", type=int, default=10_000, help="sources of the made-up study (10000)")
    parser.add_argument("--old-results", type=Path, metavar="DIR", help="where same_results.py keeps the old results")
    options = parser.parse_args()
    options.parts = [part for part in options.parts.split(",") if part]
    if set(options.parts) - set(PARTS):
        parser.error(f"parts are {', '.join(PARTS)}")
    return options


def main() -> int:
    """Measure the parts; returns the exit code."""
    options = arguments()
    for module in (gdal, ogr, osr):
        module.UseExceptions()
    revision = git("rev-parse", "--verify", f"{options.old_revision}^{{commit}}").strip()
    names = [name for name in options.only.split(",") if name]
    steps = [step for step in chosen(names) if step.study == "mining_city" and not step.is_model]
    with tempfile.TemporaryDirectory(prefix="econet-") as name:
        scratch = Path(name)
        trees = {"old": scratch / "old", "new": copy_working_tree(scratch / "new")}
        check_out(revision, trees["old"])
        needed = (steps if "steps" in options.parts else []) + chosen(["city_network"]) * ("counts" in options.parts)
        results = old_results((options.old_results or scratch / "results").resolve(), revision, needed, scratch)
        return measure(options, trees, results, steps=steps, scratch=scratch)


def measure(
    options: argparse.Namespace, trees: Mapping[str, Path], results: Results, *, steps: Sequence[Step], scratch: Path
) -> int:
    """Measure and print what the options name; returns the exit code."""
    missed = []
    with contextlib.ExitStack() as stack:
        workers = {tree: stack.enter_context(Worker(trees[tree], scratch / f"{tree}_timed")) for tree in TREES}
        print(workers["new"].about)
        if "checks" in options.parts:
            study = make_study(scratch / "study", sources=options.sources)
            pairs = time_checks(workers, study, options.rounds)
            title = f"checkParameterValues with {options.sources} sources: wanted {WANTED_SPEEDUP:g} times as fast"
            show_times(title, pairs, lambda pair: f"{1 / pair.ratios()[0]:.1f} x")
            missed += [pair.name for pair in pairs if is_short_of_wanted(pair)]
        if "steps" in options.parts:
            pairs = time_steps(workers, results, steps, options.rounds)
            title = "Single steps on the mining city: wanted none slower by more than 3 %"
            show_times(title, pairs, lambda pair: "slower" if pair.is_slower() else "")
            missed += [f"step {pair.name}" for pair in pairs if pair.is_slower()]
    if "counts" in options.parts:
        print("\nReads and parses in one check and run, as the dialog does them\n")
        header = ["", "", "check, old", "check, new", "with run, old", "with run, new"]
        table(header, count_reads(trees, results, scratch))
    print(f"\nNot reached: {', '.join(missed)}." if missed else "\nAll that is wanted is reached.")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())

"""Do the working tree and an old revision give the same results, to the last bit?

    /usr/bin/python3 benchmarks/same_results.py [OLD_REVISION] [--only ID,ID] [--old-results DIR] [--keep DIR]

Runs both bundled models and every algorithm with many options (`_steps.STEPS`, see ``--list``) on the two examples, in
the old revision and in the working tree as it is, uncommitted changes included. Each tree is copied to a temporary
folder and runs in a process of its own, with its own QGIS profile. Single steps take the old revision's results
as inputs in both trees, so that a difference points to the step that makes it; the models show what a chain makes
of it. Zion has no maps of climate, soil and mines: of the two models only networkfromlandcover runs there, and single
steps without such maps.

Compared are rasters (bits of every band, nodata, georeferencing, categories, metadata, overviews), layers and tables
(fields, rows in their order, exact values, bits of geometries) and numbers and texts that algorithms return. Reports
are compared as text without pictures, dates, versions and paths; a difference there is told and fails the run only
with ``--strict-reports``. Lines of the log that differ are told for information. Styles of layers, help, dialogs and
refusals of wrong input are not compared.

Ends with 0 where all is equal, with 1 and a list otherwise.
"""

from __future__ import annotations

import argparse
import difflib
import filecmp
import html
import itertools
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from _steps import STEPS, Results, Step, chosen, copy_working_tree, git, old_results, places_of
from osgeo import gdal, ogr

KINDS = ("rasters", "layers", "tables", "numbers", "reports", "other files")
LINES_SHOWN = 40
# Files beside a raster or a database whose contents are compared through it, or that come and go with an open file.
SIDE_FILES = (".aux.xml", "-wal", "-shm", "-journal")


@dataclass
class Tally:
    """What was equal and what was not.

    Parameters
    ----------
    counts : Counter
        By (kind, whether equal).
    differences, reports, logs : list of str
        What differs: results, texts of reports, lines of logs.
    """

    counts: Counter[tuple[str, bool]] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)
    reports: list[str] = field(default_factory=list)
    logs: list[str] = field(default_factory=list)

    def add(self, kind: str, where: str, difference: str) -> None:
        """Count one comparison; an empty difference is equality."""
        self.counts[kind, not difference] += 1
        if difference:
            (self.reports if kind == "reports" else self.differences).append(f"{where}: {difference}")

    def summary(self) -> str:
        """One line."""
        parts = []
        for kind in KINDS:
            same, other = self.counts[kind, True], self.counts[kind, False]
            if same or other or kind != "other files":
                parts.append(f"{same + other} {kind}: {same} equal, {other} different")
        return "; ".join(parts)


# rasters -----------------------------------------------------------------------------------------


def raster_difference(old: Path, new: Path) -> str:
    """In what two rasters differ; empty where in nothing."""
    both = [gdal.Open(str(path)) for path in (old, new)]
    for told in zip(*(_raster_facts(dataset) for dataset in both)):
        if told[0] != told[1]:
            return f"{told[0]} became {told[1]}"
    if both[0].RasterCount != both[1].RasterCount:
        return f"{both[0].RasterCount} bands became {both[1].RasterCount}"
    for number in range(1, both[0].RasterCount + 1):
        bands = [dataset.GetRasterBand(number) for dataset in both]
        for told in zip(*(_band_facts(band) for band in bands)):
            if told[0] != told[1]:
                return f"band {number}, {told[0]} became {told[1]}"
        difference = _array_difference(*(band.ReadAsArray() for band in bands))
        if difference:
            return f"band {number}, {difference}"
    return ""


def _raster_facts(dataset: Any) -> Iterator[str]:
    yield f"size {dataset.RasterXSize} x {dataset.RasterYSize}"
    yield f"geotransform {dataset.GetGeoTransform()!r}"
    yield f"CRS {dataset.GetProjection()}"
    for domain in ("", "IMAGE_STRUCTURE"):
        yield f"metadata {_metadata(dataset, domain)}"


def _metadata(holder: Any, domain: str = "") -> dict[str, str]:
    """Metadata without the statistics that QGIS leaves beside a raster when a later step takes it."""
    return {
        key: value for key, value in (holder.GetMetadata(domain) or {}).items() if not key.startswith("STATISTICS_")
    }


def _band_facts(band: Any) -> Iterator[str]:
    yield f"type {gdal.GetDataTypeName(band.DataType)}"
    yield f"nodata {band.GetNoDataValue()!r}"
    yield f"categories {band.GetCategoryNames() or []}"
    yield f"description {band.GetDescription()!r}"
    yield f"metadata {_metadata(band)}"
    yield f"unit {band.GetUnitType()!r}, scale {band.GetScale() or 1.0}, offset {band.GetOffset() or 0.0}"
    yield f"colours {band.GetColorInterpretation()}, mask {band.GetMaskFlags()}, blocks {band.GetBlockSize()}"
    table, attributes = band.GetColorTable(), band.GetDefaultRAT()
    yield f"colour table {[table.GetColorEntry(k) for k in range(table.GetCount())] if table else []}"
    yield f"attribute table {(attributes.GetRowCount(), attributes.GetColumnCount()) if attributes else ()}"
    yield f"overviews {[band.GetOverview(k).XSize for k in range(band.GetOverviewCount())]}"


def _array_difference(old: np.ndarray, new: np.ndarray) -> str:
    if old.tobytes() == new.tobytes():
        return ""
    bits = f"V{old.itemsize}"
    differ = np.ascontiguousarray(old).view(bits) != np.ascontiguousarray(new).view(bits)
    row, col = (int(place[0]) for place in np.nonzero(differ))
    with np.errstate(all="ignore"):
        gap = np.abs(new[differ].astype(float) - old[differ].astype(float))
    most = f"{np.nanmax(gap):.3g}" if np.isfinite(gap).any() else "nan"
    return (
        f"{np.count_nonzero(differ)} of {differ.size} cells differ, by {most} at most; the first in row {row}, column "
        f"{col}: {old[row, col]!r} became {new[row, col]!r}"
    )


# layers and tables -------------------------------------------------------------------------------


def vector_differences(old: Path, new: Path) -> Iterator[tuple[str, str, str]]:
    """For every layer of two databases its kind (layers or tables), its name and in what it differs."""
    both = [ogr.Open(str(path)) for path in (old, new)]
    names = [[dataset.GetLayer(k).GetName() for k in range(dataset.GetLayerCount())] for dataset in both]
    for name in dict.fromkeys(names[0] + names[1]):
        layers = [dataset.GetLayerByName(name) for dataset in both]
        is_table = next(layer for layer in layers if layer is not None).GetGeomType() == ogr.wkbNone
        gone = "is new" if layers[0] is None else "is missing"
        yield "tables" if is_table else "layers", name, gone if None in layers else _layer_difference(*layers)


def _layer_difference(old: Any, new: Any) -> str:
    for told in itertools.zip_longest(_layer_facts(old), _layer_facts(new)):
        if told[0] != told[1]:
            return f"{told[0]} became {told[1]}"
    first, count = "", 0
    names = ["fid", "geometry", *(field.GetName() for field in old.schema)]
    for number, rows in enumerate(zip(old, new), 1):
        for name, *values in zip(names, *(_row(feature) for feature in rows)):
            if values[0] != values[1]:
                count += 1
                first = first or f"row {number}, {name}: {_short(values[0])} became {_short(values[1])}"
    return f"{count} values differ; the first in {first}" if count else ""


def _layer_facts(layer: Any) -> Iterator[str]:
    reference = layer.GetSpatialRef()
    yield f"geometry {ogr.GeometryTypeToName(layer.GetGeomType())}"
    yield f"CRS {reference.ExportToWkt() if reference else ''}"
    for one in layer.schema:
        yield (
            f"field {one.GetName()} {one.GetTypeName()} ({one.GetSubType()}) {one.GetWidth()}.{one.GetPrecision()} "
            f"{one.GetDefault()!r} {one.IsNullable()}"
        )
    yield f"{layer.GetFeatureCount()} rows"


def _row(feature: Any) -> list[str | bytes]:
    geometry = feature.GetGeometryRef()
    values = (
        feature.GetField(index) if feature.IsFieldSet(index) else "unset" for index in range(feature.GetFieldCount())
    )
    shape = b"" if geometry is None else bytes(geometry.ExportToIsoWkb())
    return [str(feature.GetFID()), shape, *(repr(value) for value in values)]


def _short(value: str | bytes) -> str:
    return value.hex()[:60] if isinstance(value, bytes) else value[:120]


# texts -------------------------------------------------------------------------------------------


def hidden(text: str, replaced: Mapping[str, str]) -> str:
    """A text without paths of the run, ids, dates and seconds."""
    for path in sorted(replaced, key=len, reverse=True):
        text = text.replace(path, replaced[path])
    text = re.sub(r"[0-9a-f]{8}_?-?[0-9a-f]{4}(_?-?[0-9a-f]{4}){2}_?-?[0-9a-f]{12}", "<id>", text)
    text = re.sub(r"processing_\w+", "<folder>", text)
    text = re.sub(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?( [A-Z]{2,5}| [+-]\d\d(:?\d\d)?)?", "<time>", text)
    text = re.sub(r"\b(Python|numpy|scipy|GDAL|QGIS|numba|EcoNet) \d+(\.\d+)+\w*", r"\1 <version>", text)
    return re.sub(r"\b\d+(\.\d+)? ?(ms|seconds?|s|minutes?)\b(?! of)", "<duration>", text) if "took" in text else text


def report_lines(page: str, replaced: Mapping[str, str]) -> list[str]:
    """What a reader sees of a report, a line per paragraph and row, with pictures by their titles."""
    page = re.sub(r"(?s)<(style|script|svg)\b.*?</\1>", "", page)
    page = re.sub(r"<img\b[^>]*?\balt=(\"[^\"]*\"|'[^']*')[^>]*>", r"\n[picture \1]\n", page)
    page = re.sub(r"</t[dh]>", " | ", page)
    page = re.sub(r"<(p|h\d|tr|table|li|footer|div|br|title|body)\b[^>]*>", r"\n<\1>", page)
    text = hidden(html.unescape(re.sub(r"<[^>]+>", "", page)), replaced)
    return [line.rstrip() for line in text.splitlines() if line.strip()]


def lines_difference(old: list[str], new: list[str]) -> str:
    """A unified diff, cut to a length that can be read; empty where nothing differs."""
    found = list(difflib.unified_diff(old, new, "old", "new", n=1, lineterm=""))
    more = [f"... and {len(found) - LINES_SHOWN} lines more"] if len(found) > LINES_SHOWN else []
    return "\n".join(["", *(f"    {line[:1000]}" for line in [*found[:LINES_SHOWN], *more])]) if found else ""


# a step ------------------------------------------------------------------------------------------


def compare_step(step: Step, old: Results, new: Results, tally: Tally) -> None:
    """Compare all that a step left in both trees."""
    records = [results.record(step) for results in (old, new)]
    if None in records or not all(record["ok"] for record in records):
        for name, record in zip(("old revision", "working tree"), records):
            if record is None or not record["ok"]:
                error = "no result" if record is None else hidden(record["error"], record["hidden"])
                tally.differences.append(f"{step.name}: failed in the {name}: {error}")
        return
    _compare_numbers(step, records, tally)
    folders = [results.folder / step.name for results in (old, new)]
    names = [
        {
            str(path.relative_to(folder))
            for path in folder.rglob("*")
            if path.is_file() and path.name != "result.json" and not path.name.endswith(SIDE_FILES)
        }
        for folder in folders
    ]
    for name in sorted(names[0] | names[1]):
        if name in names[0] and name in names[1]:
            _compare_files(f"{step.name}/{name}", [folder / name for folder in folders], records, tally)
        else:
            tally.add(_kind(name), f"{step.name}/{name}", "is missing" if name in names[0] else "is new")
    logs = [[hidden(line, record["hidden"]) for line in record["log"]] for record in records]
    difference = lines_difference(*(list("\n".join(log).splitlines()) for log in logs))
    if difference:
        tally.logs.append(f"{step.name}: {difference}")


def _kind(name: str) -> str:
    return {".tif": "rasters", ".gpkg": "layers", ".html": "reports"}.get(Path(name).suffix, "other files")


def _compare_numbers(step: Step, records: list[dict[str, Any]], tally: Tally) -> None:
    old, new = (
        {
            key: hidden(value, record["hidden"]) if isinstance(value, str) else value
            for key, value in record["results"].items()
        }
        for record in records
    )
    for key in sorted(set(old) | set(new)):
        if key in old and key in new:
            same = type(old[key]) is type(new[key]) and repr(old[key]) == repr(new[key])
            difference = "" if same else f"{old[key]!r} became {new[key]!r}"
        else:
            difference = "is missing" if key in old else "is new"
        if difference or not str(old[key]).startswith("<"):  # paths say nothing but that they are there
            tally.add("numbers", f"{step.name}/{key}", difference)


def _compare_files(where: str, paths: list[Path], records: list[dict[str, Any]], tally: Tally) -> None:
    kind = _kind(where)
    if kind == "rasters":
        tally.add(kind, where, raster_difference(*paths))
    elif kind == "layers":
        for found, name, difference in vector_differences(*paths):
            tally.add(found, where if name == paths[0].stem else f"{where}, layer {name}", difference)
    elif kind == "reports":
        pages = [
            report_lines(path.read_text(encoding="utf-8"), record["hidden"]) for path, record in zip(paths, records)
        ]
        difference = lines_difference(*pages)
        tally.add(kind, where, difference and f"report text differs{difference}")
    else:
        tally.add(kind, where, "" if filecmp.cmp(*paths, shallow=False) else "differs")


# the script --------------------------------------------------------------------------------------


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("old_revision", nargs="?", default="3be55c3", help="to compare with (3be55c3)")
    parser.add_argument("--only", default="", metavar="ID,ID", help="algorithms or steps to run (all)")
    parser.add_argument(
        "--old-results", type=Path, metavar="DIR", help="where the old results are kept for further runs"
    )
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep all results here, as old and new")
    parser.add_argument("--strict-reports", action="store_true", help="fail where a report's text differs")
    parser.add_argument("--without-numba", action="store_true", help="run the working tree as if numba were not there")
    parser.add_argument("--list", action="store_true", help="name the steps and end")
    return parser.parse_args()


def show(tally: Tally, *, strict_reports: bool) -> int:
    """Print what differs and the summary; returns the exit code."""
    for title, texts in (
        ("Lines of the log that differ, for information", tally.logs),
        ("Report text differs", tally.reports),
        ("DIFFERENT", tally.differences),
    ):
        if texts:
            print(f"\n{title}:")
            for text in texts:
                print(f"  {text}")
    print(f"\n{tally.summary()}")
    failed = bool(tally.differences) or (strict_reports and bool(tally.reports))
    print("Not the same results." if failed else "All results are the same.")
    return int(failed)


def main() -> int:
    """Run both trees and compare; returns the exit code."""
    options = arguments()
    steps = chosen([name for name in options.only.split(",") if name])
    if options.list:
        for step in steps:
            print(f"{step.name:28} {step.algorithm:24} {step.study}")
        return 0
    gdal.UseExceptions()
    ogr.UseExceptions()
    revision = git("rev-parse", "--verify", f"{options.old_revision}^{{commit}}").strip()
    with tempfile.TemporaryDirectory(prefix="econet-") as name:
        scratch = Path(name)
        kept = (options.keep or scratch).resolve()
        print(f"Old revision {revision[:7]}: {len(steps)} steps", file=sys.stderr)
        old = old_results((options.old_results or kept / "old_results").resolve(), revision, steps, scratch)
        print(f"Working tree: {len(steps)} steps", file=sys.stderr)
        new = Results(_empty(kept / "new_results"), places_of(old.folder / "inputs", old.folder))
        flags = ["--without-numba"] * options.without_numba
        new.run(steps, copy_working_tree(scratch / "new"), scratch / "new_worker", flags=flags)
        tally = Tally()
        abouts = {record["about"] for step in steps for record in (old.record(step), new.record(step)) if record}
        if len(abouts) > 1:
            print(f"\nOld and new results were made with other versions: {' | '.join(sorted(abouts))}")
        for step in steps:
            compare_step(step, old, new, tally)
        return show(tally, strict_reports=options.strict_reports)


def _empty(folder: Path) -> Path:
    """A new folder, refused where something stands there already that no earlier run has left."""
    for path in folder.glob("*"):
        if path.name not in {step.name for step in STEPS}:
            sys.exit(f"{folder} holds {path.name}, which is no result of this script: give another folder.")
    for path in folder.glob("*/result.json"):
        path.unlink()
    return folder


if __name__ == "__main__":
    sys.exit(main())

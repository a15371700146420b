"""Runs benchmarks and prints ratios.

    /usr/bin/python3 benchmarks/run.py [name ...] [options of the benchmark]

A benchmark is a module of this folder with ``add_options(parser)`` and ``main(options)``. What it compares
runs in turns in one run on the same arrays, so that a busy machine slows all alike: read the ratios.
"""

import argparse
import importlib
import os
import platform
import statistics
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "scripts")]

from load_econet import load_econet  # noqa: E402

load_econet()

_OTHERS = ("run", "landscape", "same_results", "side_by_side")  # helpers, and programs of their own
NAMES = sorted(path.stem for path in HERE.glob("[!_]*.py") if path.stem not in _OTHERS)


def versions(*packages):
    """``name version`` of Python and packages; those absent are left out."""
    found = [f"Python {platform.python_version()}", f"{os.cpu_count()} cores"]
    for name in packages:
        try:
            found.append(f"{name} {importlib.import_module(name).__version__}")
        except Exception:  # an optional library may be broken in any way
            continue
    return ", ".join(found)


def in_turns(ways, rounds):
    """Medians of the seconds that ways take, run one after the other in each round.

    Parameters
    ----------
    ways : dict
        Name to a function that returns what it computed, or (seconds, result) where it times itself.

    Returns
    -------
    dict of name to seconds, dict of name to the last result
    """
    seconds, results = {name: [] for name in ways}, {}
    for turn in range(rounds):
        for name, way in ways.items():
            began = time.perf_counter()
            result = way()
            took = time.perf_counter() - began
            if isinstance(result, tuple) and len(result) == 2 and isinstance(result[0], float):
                took, result = result
            seconds[name].append(took)
            results[name] = result
            print(f"  round {turn + 1}, {name}: {took:.2f} s", file=sys.stderr, flush=True)
    return {name: statistics.median(taken) for name, taken in seconds.items()}, results


def table(header, rows):
    """Print rows under headings, aligned."""
    rows = [[str(cell) for cell in row] for row in [header, *rows]]
    widths = [max(len(row[k]) for row in rows) for k in range(len(header))]
    for row in rows:
        print("  ".join(cell.ljust(widths[0]) if k == 0 else cell.rjust(widths[k]) for k, cell in enumerate(row)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(NAMES))
    parser.add_argument("--rounds", type=int, default=5, help="turns, of which the median counts (5)")
    modules = {name: importlib.import_module(name) for name in NAMES}
    for module in modules.values():
        module.add_options(parser)
    options = parser.parse_args()
    for name in options.names or NAMES:
        if name not in modules:
            parser.error(f"no benchmark '{name}': choose from {', '.join(NAMES)}")
        print(f"\n# {name}\n{modules[name].__doc__.splitlines()[0]}\n")
        modules[name].main(options)


if __name__ == "__main__":
    sys.modules["run"] = sys.modules["__main__"]  # benchmarks import the helpers from here
    main()

"""Natural breaks of a map against mapclassify (FisherJenks, FisherJenksSampled) and jenkspy.

The exact peers need time that grows with the square of the number of values (mapclassify in float32, of all
values; jenkspy of all values), so they are timed beside ours on samples that they can do, and what they
would take for the whole map is extrapolated by the square and marked so. FisherJenksSampled is timed on the whole
map; what its sample costs in within-class sum of squares stands beside it. Peers have a Python of their own: name it
in ECONET_CLASSIFY_PYTHON, or let them be importable here. Ours has one engine, numpy: numba serves nothing here.
"""

import json
import os
import subprocess
import sys
import tempfile

import numpy as np
from run import in_turns, table, versions

from econet.core.natural_breaks.classes import fixed_breaks, natural_breaks

PEER = """
import json, sys, time, warnings
import numpy as np
warnings.simplefilter("ignore")
name, path, k = sys.argv[1], sys.argv[2], int(sys.argv[3])
values = np.load(path).astype(np.float64)
if name == "jenkspy":
    import jenkspy as module
    way = lambda: module.jenks_breaks(values, k)[1:]
else:
    import mapclassify as module
    way = lambda: list(getattr(module, name)(values, k).bins)
began = time.perf_counter()
found = way()
print(json.dumps([time.perf_counter() - began, [float(b) for b in found], getattr(module, "__version__", "")]))
"""
EXACT = {"mapclassify": "FisherJenks", "jenkspy": "jenkspy"}


def add_options(parser):
    group = parser.add_argument_group("natural_breaks")
    group.add_argument("--values", type=int, nargs="+", default=[1_000_000, 12_000_000], help="values of the maps")
    group.add_argument(
        "--samples", type=int, nargs="+", default=[5_000, 10_000, 20_000], help="values that exact peers are given"
    )
    group.add_argument("--classes", type=int, default=5)


def peer_python(package):
    """The Python that has a package, or None."""
    for python in (os.environ.get("ECONET_CLASSIFY_PYTHON"), sys.executable):
        if python and subprocess.run([python, "-c", f"import {package}"], capture_output=True).returncode == 0:
            return python
    return None


def made_up(count):
    """A map like an importance: smooth, with noise, in float32, hardly a value twice."""
    generator = np.random.default_rng(1)
    place = np.linspace(0, 40, count)
    values = 0.4 + 0.2 * np.sin(place) + 0.1 * np.cos(2.7 * place) + generator.normal(0, 0.06, count)
    return np.clip(values, 0, 1).astype(np.float32)


def compare(values, classes, peers, rounds, folder):
    """Median seconds, and sums of squares of each way's breaks, worked out by ours alike."""
    path = os.path.join(folder, "values.npy")
    np.save(path, values)

    def peer(python, name):
        done = subprocess.run(
            [python, "-c", PEER, name, path, str(classes)], capture_output=True, text=True, check=True
        )
        seconds, breaks, version = json.loads(done.stdout.splitlines()[-1])
        return seconds, (breaks, version)

    ways = {"EcoNet": lambda: (natural_breaks(values, classes).breaks, "")}
    for name, python in peers.items():
        ways[name] = lambda python=python, name=name: peer(python, name)
    seconds, results = in_turns(ways, rounds)
    within = {name: fixed_breaks(values, result[0][:-1]).within_ss for name, result in results.items()}
    return seconds, within


def main(options):
    pythons = {package: peer_python(package) for package in EXACT}
    for package, python in pythons.items():
        if python is None:
            print(f"{package} is missing: set ECONET_CLASSIFY_PYTHON to a Python that has it; it is left out.")
    print(versions("numpy"))
    with tempfile.TemporaryDirectory() as folder:
        print(f"\nExact ways, {options.classes} classes, median of {options.rounds} round(s):")
        exact = {EXACT[package]: python for package, python in pythons.items() if python}
        rows, last = [], {}
        for count in options.samples:
            values = made_up(count)
            seconds, within = compare(values, options.classes, exact, options.rounds, folder)
            last = {name: taken / count**2 for name, taken in seconds.items()}
            rows += [
                [
                    f"{count} values, {name}",
                    f"{taken:.4f}",
                    f"{taken / seconds['EcoNet']:.1f} x",
                    f"{within[name] / within['EcoNet'] - 1:.1e}",
                ]
                for name, taken in seconds.items()
            ]
        header = ["", "seconds", "of EcoNet", "sum of squares above EcoNet's (share)"]
        table(header, rows)
        print(f"\nWhole maps, {options.classes} classes, median of {options.rounds} round(s):")
        rows = []
        sampled = {"FisherJenksSampled": pythons["mapclassify"]} if pythons["mapclassify"] else {}
        for count in options.values:
            values = made_up(count)
            seconds, within = compare(values, options.classes, sampled, options.rounds, folder)
            rows += [
                [
                    f"{count} values, {name}",
                    f"{taken:.2f}",
                    f"{taken / seconds['EcoNet']:.2f} x",
                    f"{within[name] / within['EcoNet'] - 1:.1e}",
                ]
                for name, taken in seconds.items()
            ]
            rows += [
                [
                    f"{count} values, {name}, extrapolated",
                    f"{last[name] * count**2:.0f}",
                    f"{last[name] * count**2 / seconds['EcoNet']:.0f} x",
                    "-",
                ]
                for name in exact
            ]
        table(header, rows)
        print(
            "extrapolated: seconds of the largest sample times the square of the numbers' ratio; memory, which "
            "may not suffice, is not counted."
        )

"""dPC of every patch against the textbook way: all pairs of shortest paths afresh for each patch removed.

Patches are discs of uneven size, strewn over 100 x 100 km, all pairs linked at the distance of their edges. The
textbook way is SciPy's Floyd-Warshall once per removed patch; above ``--whole`` patches it is measured on a
few of them and scaled. Seconds are those of the processor, so that other work on the machine counts less.
"""

import functools
import time

import numpy as np
from run import in_turns, table, versions

from econet.core import accel
from econet.core.connectivity.dispersal import Dispersal
from econet.core.connectivity.graph import Links
from econet.core.connectivity.indices import connectivity

DISPERSAL = Dispersal(2500.0, 0.5)


def add_options(parser):
    group = parser.add_argument_group("connectivity")
    group.add_argument("--patches", nargs="+", type=int, default=[100, 500, 2000], help="numbers of patches")
    group.add_argument("--whole", type=int, default=100, help="patches up to which the textbook way removes each")
    group.add_argument("--numpy-up-to", type=int, default=500, help="patches up to which numpy alone is timed")
    group.add_argument("--textbook-up-to", type=int, default=2000, help="patches up to which the textbook way is")


def discs(n, seed=1, covered=0.15):
    """Areas in km2 and distances in metres between the edges of discs that cover a share of the ground."""
    random = np.random.RandomState(seed)
    x, y = random.rand(2, n) * 1e5
    area = random.pareto(1.2, n) + 0.05
    area *= covered * 1e4 / area.sum()
    radius = np.sqrt(area / np.pi) * 1e3
    apart = np.hypot(x[:, None] - x, y[:, None] - y) - radius - radius[:, None]
    np.fill_diagonal(apart, 0.0)
    return area, np.maximum(apart, 0.0)


def textbook(area, apart, removed):
    """Seconds for one patch, and dPC of the removed ones."""
    from scipy.sparse.csgraph import floyd_warshall

    def number(keep):
        # SciPy takes lengths up to 1e-8 for no link at all: those of touching discs are made longer
        sub = np.maximum(apart[np.ix_(keep, keep)], 1e-6)
        return area[keep] @ DISPERSAL.probability_of(floyd_warshall(sub)) @ area[keep]

    everyone = np.arange(area.size)
    whole = number(everyone)
    began = time.process_time()
    left = np.array([number(np.delete(everyone, i)) for i in removed])
    return (time.process_time() - began) / len(removed), 100 * (whole - left) / whole


def main(options):
    print(versions("numpy", "scipy", "numba"))
    rows = []
    for n in options.patches:
        area, apart = discs(n)
        links = Links.from_matrix(apart)
        removed = np.arange(n) if n <= options.whole else np.linspace(0, n - 1, 10 if n < 1000 else 2).astype(int)

        def ours(engine, area=area, links=links):
            accel.prefer(engine)
            began = time.process_time()
            found = connectivity(area, links, DISPERSAL)
            return time.process_time() - began, found

        def theirs(area=area, apart=apart, removed=removed):
            each, found = textbook(area, apart, removed)
            return each * len(area), found

        ways = {"numba": functools.partial(ours, "numba")}
        if n <= options.numpy_up_to:
            ways["numpy"] = functools.partial(ours, "numpy")
        if n <= options.textbook_up_to:
            ways["textbook"] = theirs
        accel.prefer("numba")
        connectivity(area[:9], apart[:9, :9], DISPERSAL)  # compiling is not counted
        seconds, found = in_turns(ways, options.rounds)
        accel.prefer("auto")
        worst = (
            max(
                [np.abs(found[way].dpc[removed] - found["textbook"]).max() for way in ways if way != "textbook"],
                default=0.0,
            )
            if "textbook" in ways
            else float("nan")
        )
        for way in ways:
            faster = seconds["textbook"] / seconds[way] if "textbook" in ways else float("nan")
            sample = f" ({len(removed)} patches removed, scaled)" if way == "textbook" and len(removed) < n else ""
            rows.append([f"{n} patches, {way}{sample}", f"{seconds[way]:.2f}", f"{faster:.1f}", f"{worst:.1e}"])
    table(["", "seconds", "times faster than the textbook", "largest difference of dPC"], rows)

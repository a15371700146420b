"""Accumulated cost over a resistance surface (Eq 8 of Feng, Bai & Wang 2024).

The cost of a step is its length times the mean of the two cells' resistances, in resistance x
metre, over eight neighbours; cells without a value, or with 0, are barriers. Every cost is the
least sum over all paths, in float64.

Both engines are bucket queues (Dinitz; Denardo & Fox 1979): costs within a band are relaxed
until none changes, then the band moves on; a cost that is improved again is relaxed again, so
the width of the band decides the speed and never the result. Since rounding of ``d + w`` is monotone,
``d[v] = min over u of fl(d[u] + w(u, v))`` has one solution: any exact method that computes the
weight as ``(h_u + h_v) * f`` gives the same bits.
"""

from .cost_grid import CostGrid
from .paths import allocation, least_cost_path
from .surfaces import Search, accumulated_cost, cost_surfaces

__all__ = ["CostGrid", "Search", "accumulated_cost", "allocation", "cost_surfaces", "least_cost_path"]

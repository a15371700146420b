"""A source, and what a selection found."""

import math
from dataclasses import dataclass, field

DPC_FIELDS = ("dpc", "dpc_intra", "dpc_flux", "dpc_connector")

ROUNDING = 1e-9  # of areas that come from overlays


@dataclass
class Source:
    """One source; what is not known of it is NaN, its ``patch_id`` None.

    ``merged`` holds the ids of the patches that were merged into it, as ``3,7``; empty where none were.
    """

    source_id: int
    patch_id: object
    area_km2: float
    importance_mean: float
    geometry: object
    dpc: float = math.nan
    dpc_intra: float = math.nan
    dpc_flux: float = math.nan
    dpc_connector: float = math.nan
    merged: str = ""
    size_class: str = ""
    members: list = field(default_factory=list)  # positions of its patches in the layer
    origin: str = "patch"


@dataclass
class Selection:
    """Sources, and why each patch is or is not among them.

    ``decisions``: a list of texts per feature of the layer, in the order of the steps. ``curve``: share of EC
    (0 to 1) of the first k patches by dPC, where a share was asked for; ``ec_kept`` that of the chosen;
    ``measured`` says by which distances EC was measured, and whose dPC gave the order.
    """

    features: object
    sources: list
    decisions: list
    areas_km2: list
    warnings: list
    curve: object = None
    ec_kept: float = math.nan
    measured: str = ""

    def tell(self, source, text):
        """Add what became of the patches of a source."""
        for index in source.members:
            self.decisions[index].append(text)

"""A source, and what a selection found."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from osgeo import ogr

from ..arrays import Floats
from ..geometry.layers import Layer
from ..schemas import CONNECTIVITY, names

DPC_FIELDS: tuple[str, ...] = tuple(names(CONNECTIVITY)[:4])

ROUNDING = 1e-9  # of areas that come from overlays


@dataclass
class Source:
    """One source; what is not known of it is NaN, its ``patch_id`` None.

    ``merged`` holds the ids of the patches that were merged into it, as ``3,7``; empty where none were.
    ``members`` are positions of its patches in the layer. ``patch_id`` is as the layer has it, a number or a text.
    """

    source_id: int
    patch_id: Any
    area_km2: float
    importance_mean: float
    geometry: ogr.Geometry
    dpc: float = math.nan
    dpc_intra: float = math.nan
    dpc_flux: float = math.nan
    dpc_connector: float = math.nan
    merged: str = ""
    size_class: str = ""
    members: list[int] = field(default_factory=list)
    origin: str = "patch"


@dataclass
class Selection:
    """Sources, and why each patch is or is not among them.

    ``decisions``: a list of texts per feature of the layer, in the order of the steps. ``curve``: share of EC
    (0 to 1) of the first k patches by dPC, where a share was asked for; ``ec_kept`` that of the chosen;
    ``measured`` says by which distances EC was measured, and whose dPC gave the order.
    """

    patches: Layer
    sources: list[Source]
    decisions: list[list[str]]
    areas_km2: list[float]
    warnings: list[str]
    curve: Floats | None = None
    ec_kept: float = math.nan
    measured: str = ""

    @classmethod
    def of(cls, patches: Layer) -> Selection:
        """A selection from a layer before any step."""
        return cls(patches, [], [[] for _ in patches.geometries], [], [])

    def explain(self, source: Source, text: str) -> None:
        """Add what became of the patches of a source."""
        for index in source.members:
            self.decisions[index].append(text)

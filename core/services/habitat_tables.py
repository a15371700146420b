"""Tables of habitat quality: threats, and what each land-cover class suffers from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Union

import numpy as np

from .. import tables
from ..arrays import Floats
from ..errors import InputError
from ..geometry.layers import Layer, LayerSource
from ..grid.reading import RasterSource
from ..land_cover_products import LandCoverProduct, table_for_product
from ..options import Option
from ..progress import SILENT, Progress
from .land_cover import CODE, ClassCodes, codes_of

ThreatLayer = Union[RasterSource, Layer, LayerSource]


class Decay(Option):
    """How a threat weakens with distance; both are 0 beyond its reach."""

    LINEAR = "linear"
    EXPONENTIAL = "exponential"


_THREAT_COLUMNS = [
    tables.Column("threat", "text"),
    tables.Column("weight", minimum=0),
    tables.Column("max_distance_m", minimum=0, aliases=("max_dist", "max_dist_m")),
    tables.Column("decay", "text", choices=tuple(each.value for each in Decay)),
    tables.Column("land_cover_codes", "integers", required=False, aliases=("codes",)),
    tables.Column("layer", "text", required=False, aliases=("cur_path",)),
]


@dataclass(frozen=True)
class Threat:
    """One row of the threat table.

    Parameters
    ----------
    name : str
    weight : float
    max_distance_m : float
        Its reach, above 0.
    decay : Decay
    place : list of int, RasterSource, Layer or LayerSource
        Land-cover codes, a raster of intensity 0 to 1, or features of intensity 1.
    """

    name: str
    weight: float
    max_distance_m: float
    decay: Decay
    place: list[int] | ThreatLayer

    def with_features(self, progress: Progress = SILENT) -> Threat:
        """The threat with the features of its vector layer read."""
        if isinstance(self.place, (list, RasterSource, Layer)):
            return self
        return replace(self, place=self.place.read(progress))


@dataclass(frozen=True)
class HabitatTables:
    """The threats, and suitability and sensitivity by land-cover class.

    Parameters
    ----------
    threats : list of Threat
    codes : ClassCodes
    suitability : float64 array, shape (class,)
        H, 0 to 1.
    sensitivity : float64 array, shape (class, threat)
        S, 0 to 1.
    """

    threats: list[Threat]
    codes: ClassCodes
    suitability: Floats
    sensitivity: Floats


def weight_shares(threats: Sequence[Threat]) -> Floats:
    """The threats' weights over their sum."""
    shares: Floats = np.array([threat.weight for threat in threats]) / sum(threat.weight for threat in threats)
    return shares


def default_threats(product: LandCoverProduct | str = LandCoverProduct.CLCD) -> tables.RawTable:
    """The shipped threats; ours, since the paper's table is not published."""
    return table_for_product(tables.shipped("services", "threats.csv"), product)


def default_sensitivity(product: LandCoverProduct | str = LandCoverProduct.CLCD) -> tables.RawTable:
    """The shipped suitability and sensitivity of a product's classes and of burnt-in mines; ours."""
    return table_for_product(tables.shipped("services", "sensitivity.csv"), product)


def read_tables(
    threats: tables.RawTable | None = None,
    sensitivity: tables.RawTable | None = None,
    *,
    layers: Sequence[ThreatLayer] = (),
    product: LandCoverProduct | str = LandCoverProduct.CLCD,
) -> HabitatTables:
    """Both tables with every cell checked.

    Parameters
    ----------
    threats : tables.RawTable, optional
        ``threat, weight, max_distance_m, decay`` and either ``land_cover_codes`` or ``layer`` (a
        path, relative to the table's folder). InVEST's ``max_dist`` (in metres, as since InVEST
        3.15) and ``cur_path`` serve too. Default the shipped one.
    sensitivity : tables.RawTable, optional
        ``land_cover, habitat`` and one column per threat, all 0 to 1. Default the shipped one.
    layers : sequence of RasterSource, Layer or LayerSource
        The k-th serves the k-th row that has neither codes nor a layer of its own. Rasters of intensity 0 to 1
        (nodata is 0), or vectors of intensity 1 in all cells touched; they count also beyond the map, up to each
        threat's reach.
    product : LandCoverProduct
        Whose codes the shipped tables are keyed for.

    Raises
    ------
    InputError
        A column or value that is missing or wrong, a threat or code with two rows, weights that are all 0, or
        another number of layers than threats without codes.
    """
    found = _read_threats(threats or default_threats(product), layers)
    columns = [CODE, tables.Column("habitat", minimum=0, maximum=1)] + [
        tables.Column(threat.name, minimum=0, maximum=1, aliases=(f"l_{threat.name}",)) for threat in found
    ]
    parsed = tables.parse(sensitivity or default_sensitivity(product), columns)
    return HabitatTables(
        found,
        codes_of(parsed),
        np.array([row["habitat"] for row in parsed.rows]),
        np.array([[row[threat.name] for threat in found] for row in parsed.rows]),
    )


def _read_threats(table: tables.RawTable, layers: Sequence[ThreatLayer]) -> list[Threat]:
    parsed = tables.parse(table, _THREAT_COLUMNS)
    _require_layer_for_each(parsed, len(layers))
    threats: list[Threat] = []
    layers_left = list(layers)
    seen: set[str] = set()
    for index, row in enumerate(parsed.rows):
        if row["threat"].lower() in seen:
            raise parsed.error(index, "threat", "has a row already; give each threat its own name.")
        seen.add(row["threat"].lower())
        if row["max_distance_m"] == 0:
            raise parsed.error(index, "max_distance_m", "leaves the threat no reach; write metres above 0.")
        if row["land_cover_codes"] and row["layer"]:
            raise parsed.error(index, "layer", "stands beside land_cover_codes; keep one of the two.")
        place: list[int] | ThreatLayer = row["land_cover_codes"]
        if row["layer"]:
            place = RasterSource(str(Path(parsed.folder) / row["layer"]), row["threat"])
        elif not place:
            place = layers_left.pop(0)
        threats.append(Threat(row["threat"], row["weight"], row["max_distance_m"], Decay(row["decay"]), place))
    if not sum(threat.weight for threat in threats) > 0:
        raise InputError(
            f"Table '{parsed.name}', column 'weight': all weights are 0; give at least one threat a weight above 0.",
            layer=parsed.name,
        )
    return threats


def _require_layer_for_each(table: tables.Table, count: int) -> None:
    waiting = [row["threat"] for row in table.rows if not row["land_cover_codes"] and not row["layer"]]
    if len(waiting) != count:
        names = f" ({', '.join(waiting)})" if waiting else ""
        raise InputError(
            f"Table '{table.name}' has {len(waiting)} threat(s) without 'land_cover_codes' and "
            f"'layer'{names}, and {count} threat layer(s) are given: give one layer for each, "
            f"in the table's order.",
            layer=table.name,
        )

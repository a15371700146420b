"""Carbon storage by land-cover class (Eq 5 of Feng, Bai & Wang 2024; InVEST guide, Carbon Storage).

Each class holds four pools in t/ha: above ground, below ground, soil and dead matter; a cell's
storage is their sum. Soil carbon depends on the depth it was counted to, which a table must state.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import tables
from ..arrays import AnyArray, Float32s, Floats
from ..errors import InputError
from ..grid.blocks import BlockInput, BlockOutput, run
from ..grid.grid import Grid, Window, float_grid
from ..land_cover_products import LandCoverProduct, table_for_product
from ..progress import SILENT, Progress
from .land_cover import CODE, ClassCodes, class_rows, codes_of, require_codes, values_by_class

POOLS = ("above", "below", "soil", "dead")
_COLUMNS = [CODE] + [tables.Column(pool, minimum=0, aliases=(f"c_{pool}",)) for pool in POOLS]


@dataclass(frozen=True)
class CarbonTable:
    """Carbon by land-cover class.

    Parameters
    ----------
    codes : ClassCodes
    storage : float64 array
        t/ha of each code, the sum of its pools.
    """

    codes: ClassCodes
    storage: Floats


def default_table(product: LandCoverProduct | str = LandCoverProduct.CLCD) -> tables.RawTable:
    """The shipped carbon densities for a product's codes; ours, from IPCC's defaults, not the paper's."""
    return table_for_product(tables.shipped("services", "carbon.csv"), product)


def read_carbon_table(raw: tables.RawTable | None = None) -> CarbonTable:
    """A carbon table with every cell checked.

    Parameters
    ----------
    raw : tables.RawTable, optional
        ``land_cover, above, below, soil, dead`` in t/ha, each at least 0 (InVEST's ``lucode,
        c_above, c_below, c_soil, c_dead`` serve too); default the shipped one.

    Raises
    ------
    InputError
        A column or value that is missing or wrong, or a code with two rows.
    """
    table = tables.parse(raw or default_table(), _COLUMNS)
    storage = np.array([sum(row[pool] for pool in POOLS) for row in table.rows], dtype=np.float64)
    return CarbonTable(codes_of(table), storage)


def carbon_storage(land_cover: Grid, *, table: CarbonTable | None = None, progress: Progress = SILENT) -> Grid:
    """Carbon stored per hectare.

    Parameters
    ----------
    land_cover : grid.Grid
        Whole-number codes.
    table : CarbonTable, optional
        Of `read_carbon_table`; default the shipped one.
    progress : Progress

    Returns
    -------
    grid.Grid
        float32, t/ha; NaN where the land cover has no value.

    Raises
    ------
    InputError
        A code that the table lacks.

    Notes
    -----
    6 bytes per cell beyond the land cover.
    """
    values = _storage(land_cover, table or read_carbon_table(), progress)
    return float_grid(values, land_cover.template, "carbon storage")


def _storage(land_cover: Grid, table: CarbonTable, progress: Progress = SILENT) -> Float32s:
    return values_by_class(class_rows(land_cover, table.codes, progress=progress), table.storage)


def carbon_change(
    land_cover: Grid, other_land_cover: Grid, *, table: CarbonTable | None = None, progress: Progress = SILENT
) -> Grid:
    """Carbon gained per hectare from one land-cover map to another.

    Parameters
    ----------
    land_cover, other_land_cover : grid.Grid
        Before and after, on the same cells.
    table : CarbonTable, optional
        As for `carbon_storage`; it serves both maps.
    progress : Progress

    Returns
    -------
    grid.Grid
        float32, t/ha, after minus before; NaN where either map has no value.
    """
    if not land_cover.template.same_grid(other_land_cover.template):
        raise InputError(
            f"Land covers '{land_cover.name}' and '{other_land_cover.name}' are not on the same "
            f"cells: align one with the other first.",
            layer=other_land_cover.name,
        )
    table = table or read_carbon_table()
    before = _storage(land_cover, table, progress.part(0.0, 0.5))
    after = _storage(other_land_cover, table, progress.part(0.5, 1.0))
    return float_grid(after - before, land_cover.template, "carbon change")


def carbon_storage_blocks(
    land_cover: BlockInput,
    *,
    output: BlockOutput | None,
    other: BlockInput | None = None,
    output_change: BlockOutput | None = None,
    table: CarbonTable | None = None,
    progress: Progress = SILENT,
) -> None:
    """Carbon storage, and its change to another map, for maps of any size.

    Parameters
    ----------
    land_cover : blocks.Classes
    output : writing.RasterWriter, blocks.ArrayOutput or None
        For t/ha; None where the map is not wanted.
    other : blocks.Classes, optional
        The land cover of another year on the same cells.
    output_change : writing.RasterWriter, blocks.ArrayOutput or None
        For t/ha gained.
    table : CarbonTable, optional
        As for `carbon_storage`; it serves both maps.
    progress : Progress

    Raises
    ------
    InputError
        As `carbon_storage`; both maps are looked through before anything is written.
    """
    table_used = table or read_carbon_table()
    covers = [land_cover] if other is None else [land_cover, other]
    for number, cover in enumerate(covers):
        require_codes(cover, table_used.codes, progress=progress.part(0.15 * number, 0.15 * number + 0.15))

    def step(_: Window, before: Grid, after: Grid | None = None) -> tuple[AnyArray, AnyArray | None]:
        stored = _storage(before, table_used)
        return stored, None if after is None else _storage(after, table_used) - stored

    outputs = [output, None if other is None else output_change]
    run(covers, step, outputs, progress=progress.part(0.3, 1.0))

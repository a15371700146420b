"""Carbon storage by land-cover class (Eq 5 of Feng, Bai & Wang 2024; InVEST guide, Carbon Storage).

Each class holds four pools in t/ha: above ground, below ground, soil and dead matter; a cell's
storage is their sum. Soil carbon depends on the depth it was counted to, which a table must state.
"""

from pathlib import Path

import numpy as np

from .. import tables
from ..errors import InputError
from ..grid.blocks import run
from ..grid.grid import float_grid
from ..land_cover_products import CLCD, table_for_product
from ..progress import SILENT
from .land_cover import CODE, class_rows, codes_of, require_codes, values_by_class

POOLS = ("above", "below", "soil", "dead")
_COLUMNS = [CODE] + [tables.Column(pool, minimum=0, aliases=(f"c_{pool}",)) for pool in POOLS]


def default_table(product=CLCD):
    """The shipped carbon densities for a product's codes; ours, from IPCC's defaults, not the paper's."""
    path = Path(__file__).parent / "defaults" / "carbon.csv"
    return table_for_product(tables.read_csv(path, "carbon.csv (shipped)"), product)


def read_carbon_table(raw=None):
    """A carbon table, parsed and with its codes, an int64 array; default the shipped one.

    Raises
    ------
    InputError
        A column or value that is missing or wrong, or a code with two rows.
    """
    table = tables.parse(raw or default_table(), _COLUMNS)
    return table, codes_of(table)


def carbon_storage(land_cover, table=None, progress=SILENT):
    """Carbon stored per hectare.

    Parameters
    ----------
    land_cover : grid.Grid
        Whole-number codes.
    table : tables.RawTable, optional
        ``land_cover, above, below, soil, dead`` in t/ha, each at least 0 (InVEST's ``lucode,
        c_above, c_below, c_soil, c_dead`` serve too); default the shipped one.

    Returns
    -------
    grid.Grid
        float32, t/ha; NaN where the land cover has no value.

    Raises
    ------
    InputError
        A code that the table lacks, or a cell of the table that cannot be used.

    Notes
    -----
    6 bytes per cell beyond the land cover.
    """
    parsed, codes = read_carbon_table(table)
    rows = class_rows(land_cover, codes, parsed.name, progress)
    total = [sum(row[pool] for pool in POOLS) for row in parsed.rows]
    return float_grid(values_by_class(rows, total), land_cover.template, "carbon storage")


def carbon_change(land_cover, other_land_cover, table=None, progress=SILENT):
    """Carbon gained per hectare from one land-cover map to another.

    Parameters
    ----------
    land_cover, other_land_cover : grid.Grid
        Before and after, on the same cells.
    table : tables.RawTable, optional
        As for `carbon_storage`; it serves both maps.

    Returns
    -------
    grid.Grid
        float32, t/ha, after minus before; NaN where either map has no value.
    """
    if not land_cover.template.same_grid(other_land_cover.template):
        raise InputError(
            f"Land covers '{land_cover.name}' and '{other_land_cover.name}' are not on the same "
            f"cells: align one with the other first."
        )
    before = carbon_storage(land_cover, table, progress.part(0.0, 0.5))
    after = carbon_storage(other_land_cover, table, progress.part(0.5, 1.0))
    return float_grid(np.subtract(after.values, before.values), land_cover.template, "carbon change")


def carbon_storage_blocks(land_cover, output, table=None, other=None, change=None, progress=SILENT):
    """Carbon storage, and its change to another map, for maps of any size.

    Parameters
    ----------
    land_cover : blocks.Classes
    output, change : writing.RasterWriter, blocks.ArrayOutput or None
        For t/ha, and t/ha gained; None where the map is not wanted.
    table : tables.RawTable, optional
        As for `carbon_storage`; it serves both maps.
    other : blocks.Classes, optional
        The land cover of another year on the same cells.

    Raises
    ------
    InputError
        As `carbon_storage`; both maps are looked through before anything is written.
    """
    table = table or default_table()
    parsed, codes = read_carbon_table(table)
    covers = [land_cover] if other is None else [land_cover, other]
    for number, cover in enumerate(covers):
        require_codes(cover, codes, parsed.name, progress.part(0.15 * number, 0.15 * number + 0.15))

    def step(_, before, after=None):
        stored = carbon_storage(before, table).values
        return stored, None if after is None else carbon_storage(after, table).values - stored

    run(covers, step, [output, None if other is None else change], progress=progress.part(0.3, 1.0))

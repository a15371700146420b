"""Mines burnt into a land-cover map."""

from pathlib import Path

import numpy as np

from .. import tables
from ..errors import InputError
from ..geometry.cells import cells_under, rasterize
from ..grid.blocks import ArrayOutput, GridInput, run
from ..land_cover_products import CLCD, known_codes, table_for_product
from ..mines import FEATURES
from ..progress import SILENT
from .land_cover import NAMED_AT_MOST

RESTORED = "restored"

_MINE_COLUMNS = [
    tables.Column("feature", "text", choices=(*FEATURES, RESTORED)),
    tables.Column("land_cover", "integer", aliases=("lucode", "code")),
]


def default_mine_codes(product=CLCD):
    """The shipped codes of burnt-in mines; ours: 11 to 15 beside CLCD's 1 to 9, 911 to 915 in any other product."""
    path = Path(__file__).parent / "defaults" / "mine_codes.csv"
    raw = tables.read_csv(path, "mine_codes.csv (shipped)")
    keyed = table_for_product(raw, product)
    # a product's own class of mines (CORINE's 131) stays apart from what is burnt in
    code = raw.header.index("land_cover")
    keyed.rows = [(number, cells) for number, cells in keyed.rows if product == CLCD or int(cells[code]) > 900]
    return keyed


def read_mine_codes(table=None, product=CLCD):
    """A table of mine codes with every cell checked, as `tables.Table`; see `burn_mines`."""
    parsed = tables.parse(table or default_mine_codes(product), _MINE_COLUMNS)
    features = [row["feature"] for row in parsed.rows]
    for index, feature in enumerate(features):
        if feature in features[:index]:
            raise parsed.error(index, "feature", "has a row already; keep one row per feature.")
    return parsed


def burn_mines(land_cover, mines, table=None, progress=SILENT, product=CLCD):
    """The land cover with mines in it.

    Parameters
    ----------
    land_cover : grid.Grid
        Whole-number codes.
    mines : list of mines.Mine
        In the CRS of the land cover. A mine whose state is restored takes the code of
        ``restored``, any other that of its feature.
    table : tables.RawTable, optional
        ``feature, land_cover``; features are pit, dump, subsidence, plant and restored. Where
        mines overlap, the feature that stands higher in the table wins, whatever the order of
        the layer. Default the shipped one: pit, dump, plant, subsidence, restored.
    product : str
        One of ``land_cover_products.PRODUCTS``, whose shipped mine codes are free in its maps.

    Returns
    -------
    grid.Grid
        int32; a cell belongs to a mine that holds its centre, and keeps no value where the land
        cover has none.

    Raises
    ------
    InputError
        When the table lacks a feature of a mine, or no mine lies on the map; when a shipped code is taken in
        a map that is not of the product, so that mines would be merged with another class.

    Notes
    -----
    4 bytes per cell.
    """
    result = ArrayOutput(land_cover.template, np.int32)
    burn_mines_blocks(GridInput(land_cover), mines, result, table, progress, product)
    return land_cover.like(result.values, land_cover.nodata, f"{land_cover.name} with mines")


def burn_mines_blocks(land_cover, mines, output, table=None, progress=SILENT, product=CLCD):
    """As `burn_mines`, for a map of any size.

    Parameters
    ----------
    land_cover : blocks.Classes
    output : writing.RasterWriter of int32, blocks.ArrayOutput or None
        Cells without a value keep the land cover's nodata value.
    """
    parsed = read_mine_codes(table, product)
    rank = {row["feature"]: index for index, row in enumerate(parsed.rows)}
    kinds = [RESTORED if mine.state == RESTORED else mine.feature for mine in mines]
    for mine, kind in zip(mines, kinds):
        if kind not in rank:
            raise InputError(
                f"Table '{parsed.name}' has no row for feature '{kind}', which mine '{mine.name}' is: "
                f"add the row with the land-cover code to give it."
            )
    codes = [row["land_cover"] for row in parsed.rows]
    counts = {}

    def count(_, grid):
        for code, cells in zip(*np.unique(grid.values[grid.valid], return_counts=True)):
            counts[code] = counts.get(code, 0) + int(cells)

    run([land_cover], count, progress=progress.part(0.0, 0.3))
    _look_for_shared_codes(
        land_cover.name,
        counts,
        {codes[rank[kind]]: kind for kind in kinds},
        None if table is not None else product,
        progress,
    )

    order = sorted(zip(kinds, mines), key=lambda pair: -rank[pair[0]])
    places = [cells_under(mine.geometry, land_cover.template)[0] for _, mine in order]
    found = [False] * len(order)
    shared = burnt = 0

    def burn(window, grid):
        nonlocal shared, burnt
        valid = grid.valid
        result = np.where(valid, grid.values, grid.nodata if grid.nodata is not None else 0).astype(np.int32)
        claims = np.zeros(result.shape, dtype=np.uint8)
        for number, ((kind, mine), place) in enumerate(zip(order, places)):
            here = None if place is None else window.meet(place)
            if here is None:
                continue
            inside = rasterize([mine.geometry], land_cover.template.part(here), dtype=np.uint8) > 0
            found[number] = found[number] or bool(inside.any())
            block = here.within(window)
            inside &= valid[block]
            result[block][inside] = codes[rank[kind]]
            claims[block][inside] += claims[block][inside] < 2
            progress.check()
        shared += np.count_nonzero(claims > 1)
        burnt += np.count_nonzero(claims)
        return (result,)

    def check():
        if not any(found):
            raise InputError(
                f"None of the {len(mines)} mine(s) holds the centre of a cell of '{land_cover.name}': "
                f"choose maps of one area, or a finer land cover."
            )

    run([land_cover], burn, [output], check=check, progress=progress.part(0.3, 1.0))
    missed = [mine.name for (_, mine), met in zip(order, found) if not met]
    if missed:
        progress.warn(
            f"{len(missed)} mine(s) lie beyond '{land_cover.name}' or between the centres of its cells and "
            f"are not in the map: {', '.join(missed[:5])}{' ...' if len(missed) > 5 else ''}."
        )
    if shared:
        features = ", ".join(row["feature"] for row in parsed.rows)
        progress.log(
            f"{shared} cell(s) lie under several mines; the feature that stands higher in "
            f"'{parsed.name}' was taken ({features})."
        )
    progress.log(f"{burnt} cell(s) of '{land_cover.name}' were given the code of a mine.")


def _look_for_shared_codes(name, counts, kind_of, product, progress):
    """Warn of codes that a mine takes and the map has; refuse where the map is not of the product."""
    taken = {}
    for code, kind in kind_of.items():
        if counts.get(code):
            taken[code] = f"code {code} on {counts[code]} cell(s)", kind
    if product is not None:
        foreign = sorted(set(counts) - known_codes(product))
        named = ", ".join(f"{code:g}" for code in foreign[:NAMED_AT_MOST])
        if foreign and taken:
            raise InputError(
                f"Land cover '{name}' already has {' and '.join(text for text, _ in taken.values())}, and "
                f"holds codes that {product} does not have ({named}): its own classes would be merged with mines; "
                f"choose the land-cover product (LAND_COVER_PRODUCT), or give mines free codes (MINE_CODES)."
            )
        if foreign:
            progress.warn(
                f"Land cover '{name}' holds codes that {product} does not have ({named}); mines "
                f"take the codes {', '.join(map(str, kind_of))} all the same: choose the land-cover "
                f"product (LAND_COVER_PRODUCT) if these mean another class there."
            )
    for text, kind in taken.values():
        progress.warn(
            f"Land cover '{name}' already has {text}: they cannot be told from '{kind}' mines "
            f"afterwards; give mines other codes (MINE_CODES) unless this is meant."
        )

"""Land-cover codes: checked against a table, looked up, and mines burnt into the map.

No land-cover product tells pits, dumps and restored mines apart as the other steps need, so a
layer of mines is burnt into the map first.
"""

from pathlib import Path

import numpy as np

from .. import blocks, tables, vector
from ..errors import InputError, first_few
from ..land_cover_products import CLCD, known_codes, table_for_product
from ..mines import FEATURES
from ..progress import SILENT
from ..raster import Template

CODE = tables.Column("land_cover", "integer", aliases=("lucode", "lulc_code", "lulc", "code"))

RESTORED = "restored"
_MINE_COLUMNS = [
    tables.Column("feature", "text", choices=(*FEATURES, RESTORED)),
    tables.Column("land_cover", "integer", aliases=("lucode", "code")),
]
_BLOCK_CELLS = 1 << 20
_NAMED_AT_MOST = 5
_LOOKED_UP_BELOW = 1 << 16  # codes up to here are found by their place in an array, others by a search


def row_blocks(rows, cols, progress=SILENT):
    """Slices of whole rows of about a million cells; progress is told after each."""
    step = max(1, _BLOCK_CELLS // cols)
    for start in range(0, rows, step):
        yield slice(start, min(rows, start + step))
        progress(min(rows, start + step) / rows)


def codes_of(table):
    """The land-cover codes of a parsed table, as an int64 array in the table's order.

    Raises
    ------
    InputError
        When a code has two rows.
    """
    codes = np.array([row["land_cover"] for row in table.rows], dtype=np.int64)
    for index in range(codes.size):
        if codes[index] in codes[:index]:
            raise table.error(index, "land_cover", "has a row already; keep one row per code.")
    return codes


def class_rows(land_cover, codes, table_name, progress=SILENT):
    """The table row that serves each cell.

    Parameters
    ----------
    land_cover : raster.Grid
        Whole-number codes.
    codes : int array
        The code of each row of the table.
    table_name : str
        For messages.

    Returns
    -------
    int16 ndarray, shape (rows, cols)
        Index into ``codes``; -1 where the map has no value, so that values with NaN appended
        can be looked up at once.

    Raises
    ------
    InputError
        Names each code that the table lacks, with the number of its pixels.

    Notes
    -----
    2 bytes per cell.
    """
    found = np.full(land_cover.values.shape, -1, dtype=np.int16)
    missing = {}
    for block in row_blocks(*found.shape, progress):
        found[block] = _rows_of(land_cover.like(land_cover.values[block], land_cover.nodata), codes, missing)
    if missing:
        raise InputError(_missing_codes(missing, land_cover.name, table_name))
    return found


def _rows_of(part, codes, missing):
    """As `class_rows`, for a part of a map; codes that the table lacks are added to ``missing``: code to count."""
    valid, values, highest = part.valid, part.values, int(codes.max())
    if np.issubdtype(values.dtype, np.integer) and codes.min() >= 0 and highest < _LOOKED_UP_BELOW:
        row_of = np.full(highest + 3, -1, dtype=np.int16)  # beside the codes: one place above, one (the last) below
        row_of[codes] = np.arange(codes.size)
        rows = row_of[np.clip(values.astype(np.intp), -1, highest + 1)]
    else:
        order = np.argsort(codes)
        place = np.minimum(np.searchsorted(codes, values, sorter=order), codes.size - 1)
        rows = np.where(codes[order[place]] == values, order[place], -1).astype(np.int16)
    rows[~valid] = -1
    unknown = valid & (rows < 0)
    if unknown.any():
        for code, count in zip(*np.unique(values[unknown], return_counts=True)):
            missing[code] = missing.get(code, 0) + int(count)
    return rows


def require_codes(land_cover, codes, table_name, progress=SILENT):
    """Look through a whole map, before anything is computed, for codes that a table lacks.

    Parameters
    ----------
    land_cover : blocks.Classes or another input of `blocks.run`
    codes, table_name
        As for `class_rows`.

    Raises
    ------
    InputError
        As `class_rows`.
    """
    missing = {}

    def count(_, part):
        _rows_of(part, codes, missing)

    blocks.run([land_cover], count, progress=progress)
    if missing:
        raise InputError(_missing_codes(missing, land_cover.name, table_name))


def _missing_codes(missing, layer, table_name):
    named = [f"{code:g} ({count} pixels)" for code, count in sorted(missing.items())]
    text = first_few(named, _NAMED_AT_MOST)
    return (
        f"Land cover '{layer}' holds code {text}, for which table '{table_name}' has no row in column "
        f"'land_cover': add a row per code, give the table that belongs to this map, or let the shipped "
        f"table serve it by the map's land-cover product (LAND_COVER_PRODUCT)."
    )


def values_by_class(rows, values):
    """A float32 map of one value per class; NaN where ``rows`` (of `class_rows`) is -1."""
    return np.append(np.asarray(values, dtype=np.float32), np.float32(np.nan))[rows]


# mines -------------------------------------------------------------------------------------------


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
    land_cover : raster.Grid
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
    raster.Grid
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
    result = blocks.Array(land_cover.template, np.int32)
    burn_mines_blocks(blocks.Whole(land_cover), mines, result, table, progress, product)
    return land_cover.like(result.values, land_cover.nodata, f"{land_cover.name} with mines")


def burn_mines_blocks(land_cover, mines, output, table=None, progress=SILENT, product=CLCD):
    """As `burn_mines`, for a map of any size.

    Parameters
    ----------
    land_cover : blocks.Classes
    output : raster.RasterWriter of int32, blocks.Array or None
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

    blocks.run([land_cover], count, progress=progress.part(0.0, 0.3))
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
            inside = vector.rasterize([mine.geometry], land_cover.template.part(here), dtype=np.uint8) > 0
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

    blocks.run([land_cover], burn, [output], check, progress.part(0.3, 1.0))
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
        named = ", ".join(f"{code:g}" for code in foreign[:_NAMED_AT_MOST])
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


def cells_under(geometry, template):
    """The slices and the template of the cells under a geometry's box; None, None where they do not meet."""
    left, right, bottom, top = geometry.GetEnvelope()
    (first, last), (west, east) = template.row_col([left, right], [top, bottom])
    first, last = max(0, int(first)), min(template.rows, int(last) + 1)
    west, east = max(0, int(west)), min(template.cols, int(east) + 1)
    if first >= last or west >= east:
        return None, None
    x, dx, _, y, _, dy = template.transform
    part = Template(last - first, east - west, (x + west * dx, dx, 0.0, y + first * dy, 0.0, dy), template.crs)
    return (slice(first, last), slice(west, east)), part

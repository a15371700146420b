"""Land-cover products: a crosswalk from the codes of each product to EcoNet's own classes.

The shipped tables of all steps are keyed by CLCD's codes (1 to 9) and by our codes of mines burnt
into the map (11 to 15). For another product each row is repeated for that product's codes, by the
crosswalk ``defaults/land_cover_products.csv``. Burnt-in mines have the codes 911 to 915 there,
because 11 to 15 are other classes in most products: NLCD's 11 is water, CNLUCC's paddy field.
"""

from __future__ import annotations

from functools import lru_cache

from . import tables
from .errors import InputError
from .options import Option


class LandCoverProduct(Option):
    """A land-cover product with a crosswalk; ``CORINE`` has the codes 111 to 523, ``CORINE raster`` 1 to 44."""

    CLCD = "CLCD"
    GLOBELAND30 = "GlobeLand30"
    CNLUCC = "CNLUCC"
    WORLDCOVER = "ESA WorldCover"
    CORINE = "CORINE"
    CORINE_RASTER = "CORINE raster"
    NLCD = "NLCD"


CodesOfClass = dict[int, list[tuple[int, str]]]

_CODE_COLUMN = "land_cover"  # one code in a row
_LIST_COLUMNS = ("land_cover_codes", "codes")  # several, as 11;12
_COLUMNS = [
    tables.Column("product", "text"),
    tables.Column("code", "integer"),
    tables.Column("name", "text"),
    tables.Column("class", "integer"),
]


@lru_cache(maxsize=1)
def _crosswalk() -> dict[str, list[tuple[int, str, int]]]:
    """``(code, name, class of ours)`` by product."""
    by_product: dict[str, list[tuple[int, str, int]]] = {product: [] for product in LandCoverProduct}
    for row in tables.parse(tables.shipped("", "land_cover_products.csv"), _COLUMNS).rows:
        by_product[row["product"]].append((row["code"], row["name"], row["class"]))
    return by_product


def codes_of_class(product: LandCoverProduct | str) -> CodesOfClass:
    """The codes of a product, with their names, by class of ours: ``{class: [(code, name), ...]}``.

    Raises
    ------
    InputError
        An unknown product.
    """
    result: CodesOfClass = {}
    for code, name, of_class in _crosswalk()[LandCoverProduct.of(product, parameter="product")]:
        result.setdefault(of_class, []).append((code, name))
    return result


def known_codes(product: LandCoverProduct | str) -> set[int]:
    """All codes that a map of a product may hold, burnt-in mines included."""
    return {code for pairs in codes_of_class(product).values() for code, _ in pairs}


def table_for_product(table: tables.RawTable, product: LandCoverProduct | str) -> tables.RawTable:
    """Rewrite a shipped table, keyed by EcoNet's own classes, for the codes of another product.

    Parameters
    ----------
    table : tables.RawTable
        With one code per row in ``land_cover``, or lists of codes in ``land_cover_codes`` or
        ``codes``; rows without a code stay as they are.
    product : LandCoverProduct
        CLCD returns the table itself.

    Returns
    -------
    tables.RawTable
        A row with one code is repeated for each code of the product that is of its class, and is
        left out where none is; ``name`` becomes the product's own. Lists of codes are replaced; a
        row whose list has no code there is left out.

    Raises
    ------
    InputError
        An unknown product, or a table without a column of codes.
    """
    codes = codes_of_class(product)
    if product == LandCoverProduct.CLCD:
        return table
    column = next((name for name in (_CODE_COLUMN, *_LIST_COLUMNS) if name in table.header), None)
    if column is None:
        raise InputError(
            f"Table '{table.name}' has no column of land-cover codes ({_CODE_COLUMN}, "
            f"{', '.join(_LIST_COLUMNS)}): it cannot be keyed for {product}.",
            layer=table.name,
        )
    rows = []
    for number, cells in table.rows:
        classes = [int(part) for part in tables.split_list(cells[table.header.index(column)])]
        found = [pair for of_class in classes for pair in codes.get(of_class, [])]
        if not classes:
            rows.append((number, cells))
        elif column == _CODE_COLUMN:
            rows += [(number, _with_code(cells, table.header, code, name)) for code, name in found]
        elif found:
            index = table.header.index(column)
            rows.append((number, [*cells[:index], ";".join(str(code) for code, _ in found), *cells[index + 1 :]]))
    return tables.RawTable(f"{table.name}, keyed for {product}", list(table.header), rows, table.folder)


def _with_code(cells: list[str], header: list[str], code: int, name: str) -> list[str]:
    """A row with another code and, where the table has names, its name."""
    copy = list(cells)
    copy[header.index(_CODE_COLUMN)] = str(code)
    if "name" in header:
        copy[header.index("name")] = name
    return copy

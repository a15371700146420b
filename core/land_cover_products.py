"""Land-cover products: which class of ours stands for each of their classes.

The shipped tables of all steps are keyed by CLCD's codes (1 to 9) and by our codes of mines burnt
into the map (11 to 15). For another product each row is repeated for that product's codes, by the
crosswalk ``defaults/land_cover_products.csv``. Burnt-in mines have the codes 911 to 915 there,
because 11 to 15 are other classes in most products: NLCD's 11 is water, CNLUCC's paddy field.
"""

from functools import lru_cache
from pathlib import Path

from . import tables
from .errors import InputError

# the order is that of the choice LAND_COVER_PRODUCT
CLCD, GLOBELAND30, CNLUCC, WORLDCOVER, CORINE, CORINE_RASTER, NLCD = PRODUCTS = (
    "CLCD",
    "GlobeLand30",
    "CNLUCC",
    "ESA WorldCover",
    "CORINE",
    "CORINE raster",
    "NLCD",
)

_CODE_COLUMN = "land_cover"  # one code in a row
_LIST_COLUMNS = ("land_cover_codes", "codes")  # several, as 11;12
_COLUMNS = [
    tables.Column("product", "text"),
    tables.Column("code", "integer"),
    tables.Column("name", "text"),
    tables.Column("class", "integer"),
]


@lru_cache(maxsize=1)
def _crosswalk():
    path = Path(__file__).parent / "defaults" / "land_cover_products.csv"
    parsed = tables.parse(tables.read_csv(path, path.name), _COLUMNS)
    by_product = {product: [] for product in PRODUCTS}
    for row in parsed.rows:
        by_product[row["product"]].append((row["code"], row["name"], row["class"]))
    return by_product


def codes_of_class(product):
    """The codes of a product, with their names, by class of ours: ``{class: [(code, name), ...]}``.

    Parameters
    ----------
    product : str
        One of ``PRODUCTS``. ``CORINE`` has the codes 111 to 523, ``CORINE raster`` 1 to 44.

    Raises
    ------
    InputError
        An unknown product.
    """
    if product not in PRODUCTS:
        raise InputError(f"Land-cover product '{product}' is not known: choose one of {', '.join(PRODUCTS)}.")
    result = {}
    for code, name, of_class in _crosswalk()[product]:
        result.setdefault(of_class, []).append((code, name))
    return result


def known_codes(product):
    """All codes that a map of a product may hold, burnt-in mines included, as a set."""
    return {code for pairs in codes_of_class(product).values() for code, _ in pairs}


def table_for_product(table, product):
    """A shipped table, keyed by our classes, keyed by the codes of another product.

    Parameters
    ----------
    table : tables.RawTable
        With one code per row in ``land_cover``, or lists of codes in ``land_cover_codes`` or
        ``codes``; rows without a code stay as they are.
    product : str
        One of ``PRODUCTS``; CLCD returns the table itself.

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
    if product == CLCD:
        return table
    single = _CODE_COLUMN in table.header
    column = next((name for name in (_CODE_COLUMN, *_LIST_COLUMNS) if name in table.header), None)
    if column is None:
        raise InputError(
            f"Table '{table.name}' has no column of land-cover codes ({_CODE_COLUMN}, "
            f"{', '.join(_LIST_COLUMNS)}): it cannot be keyed for {product}."
        )
    index = table.header.index(column)
    name_index = table.header.index("name") if "name" in table.header else None
    rows = []
    for number, cells in table.rows:
        classes = [int(part) for part in tables.split_list(cells[index])]
        found = [pair for of_class in classes for pair in codes.get(of_class, [])]
        if not classes:
            rows.append((number, cells))
        elif single:
            for code, name in found:
                copy = list(cells)
                copy[index] = str(code)
                if name_index is not None:
                    copy[name_index] = name
                rows.append((number, copy))
        elif found:
            rows.append((number, [*cells[:index], ";".join(str(code) for code, _ in found), *cells[index + 1 :]]))
    return tables.RawTable(f"{table.name}, keyed for {product}", list(table.header), rows, table.folder)

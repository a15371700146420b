"""What restored mines' own cells become: land cover, NDVI and slope from an editable table.

Table 2 of Feng, Bai & Wang (2024) has no restored state. The factor mine weighs 0.10 and moves a cell
by at most 0.4, so a restored mine changes the maps of other factors too. The values are ours.
"""

import numpy as np

from .. import tables
from ..errors import InputError
from ..geometry.cells import ThinPolygons, mask_of
from ..mines import FEATURES, known_words, plain_word
from ..progress import SILENT

COLUMNS = ("land_cover", "ndvi", "slope_degrees")
_COLUMNS = [
    tables.Column("feature", "text", required=False),
    tables.Column("land_cover", "integer", required=False),
    tables.Column("ndvi", required=False, minimum=-1, maximum=1),
    tables.Column("slope_degrees", required=False, minimum=0, maximum=90, aliases=("slope",)),
]


def default_restored_table():
    """What a restored mine's own cells become, shipped; ours, not the paper's."""
    return tables.shipped("resistance", "restored.csv")


def read_restored(raw=None):
    """The table's name, and its rows by feature; '' serves the features without a row.

    Parameters
    ----------
    raw : tables.RawTable, optional
        ``feature, land_cover, ndvi, slope_degrees``; empty cells leave the map's value.

    Raises
    ------
    InputError
        An unknown feature or one named twice, or a table without any value.
    """
    table = tables.parse(default_restored_table() if raw is None else raw, _COLUMNS)
    if raw is not None and all(row[column] is None for row in table.rows for column in COLUMNS):
        raise InputError(
            f"Table '{table.name}' says nothing that restored mines become: fill in a column "
            f"{', '.join(COLUMNS)} in one row at least."
        )
    known, rows = known_words()["feature"], {}
    for index, row in enumerate(table.rows):
        feature = known.get(plain_word(row["feature"])) if row["feature"] else ""
        if feature is None:
            raise table.error(
                index,
                "feature",
                f"is not a feature that is known; use one of {', '.join(FEATURES)}, or leave it empty for all others.",
            )
        if feature in rows:
            raise table.error(index, "feature", "has an earlier row; keep one of them.")
        rows[feature] = row
    return table.name, rows


def restored_cells(mines, template, scheme, progress=SILENT):
    """Pairs of a row of the restored table and the cells that it changes.

    A cell that also lies in a mine that is not restored keeps the maps' values.
    """
    restored = [mine for mine in mines or () if mine.state == "restored"]
    table, rows = scheme.restored_table, scheme.restored
    if not restored:
        return []
    others = np.zeros(template.shape, dtype=bool)
    for mine in mines:
        progress.check()
        if mine.state != "restored":
            others |= mask_of(mine.geometry, template, thin=ThinPolygons.TOUCHED)
    masks = {}
    for mine in restored:
        progress.check()
        feature = mine.feature if mine.feature in rows else ""
        if feature not in rows:
            raise InputError(
                f"Table '{table}' has no row for the feature '{mine.feature}' of the restored mine "
                f"'{mine.name}': add one, or a row with an empty feature for all others."
            )
        masks[feature] = masks.get(feature, False) | (
            mask_of(mine.geometry, template, thin=ThinPolygons.TOUCHED) & ~others
        )
    rule = scheme.rules.get("land_cover")
    for feature, mask in masks.items():
        code = rows[feature]["land_cover"]
        if "land_cover" in scheme.weights and code is not None and code not in rule.codes:
            raise InputError(
                f"Table '{table}', column 'land_cover': restored mines become code {code}, which no row "
                f"of factor 'land_cover' in table '{rule.table}' scores; use a code of that table."
            )
        said = ", ".join(
            f"{column} {rows[feature][column]:g}" for column in COLUMNS if rows[feature][column] is not None
        )
        progress.log(f"{mask.sum()} cells of restored mines take {said or 'nothing new'} (table '{table}').")
    return [(rows[feature], mask) for feature, mask in masks.items()]

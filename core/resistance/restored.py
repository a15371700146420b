"""Land cover, NDVI and slope that the cells of restored mines are given, from an editable table.

Table 2 of Feng, Bai & Wang (2024) has no restored state. The factor mine weighs 0.10 and moves a cell
by at most 0.4, so a restored mine changes the maps of other factors too. The values are ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import tables
from ..arrays import Bools
from ..errors import InputError
from ..geometry.cells import ThinPolygons, mask_of
from ..grid.grid import Template
from ..mines import FEATURES, Mine, known_words, plain_word
from ..progress import SILENT, Progress
from .factors import LAND_COVER, Rule

COLUMNS = ("land_cover", "ndvi", "slope_degrees")
_COLUMNS = [
    tables.Column("feature", "text", required=False),
    tables.Column("land_cover", "integer", required=False),
    tables.Column("ndvi", required=False, minimum=-1, maximum=1),
    tables.Column("slope_degrees", required=False, minimum=0, maximum=90, aliases=("slope",)),
]


@dataclass(frozen=True)
class RestoredTable:
    """The values that the cells of restored mines are given.

    Parameters
    ----------
    name : str
        Of the table, for messages.
    rows : dict of str to dict
        By feature, ``""`` for the features without a row; values by column of ``COLUMNS``, None leaves the map's.
    """

    name: str
    rows: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class RestoredCells:
    """Cells of restored mines, as a mask, and what the maps hold there; see `RestoredTable`."""

    values: Mapping[str, Any]
    mask: Bools


def default_restored_table() -> tables.RawTable:
    """The shipped table of the values of restored mines' cells; ours, not the paper's."""
    return tables.shipped("resistance", "restored.csv")


def read_restored(raw: tables.RawTable | None = None) -> RestoredTable:
    """Read and check the table of the values of restored mines' cells.

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
            f"Table '{table.name}' has no value for restored mines: fill in a column "
            f"{', '.join(COLUMNS)} in one row at least.",
            layer=table.name,
        )
    known = known_words()["feature"]
    rows: dict[str, Mapping[str, Any]] = {}
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
    return RestoredTable(table.name, rows)


def restored_cells(
    mines: Sequence[Mine],
    template: Template,
    *,
    table: RestoredTable,
    land_cover_rule: Rule | None,
    progress: Progress = SILENT,
) -> list[RestoredCells]:
    """The cells that restored mines change, by row of the restored table.

    A cell that also lies in a mine that is not restored keeps the maps' values.

    Parameters
    ----------
    mines : sequence of Mine
        In the template's CRS.
    template : grid.Template
    table : RestoredTable
    land_cover_rule : Rule, optional
        Scores the land cover; None where no land cover is used.

    Raises
    ------
    InputError
        A feature without a row, or a land-cover code that no row scores.
    """
    restored = [mine for mine in mines if mine.state == "restored"]
    if not restored:
        return []
    others: Bools = np.zeros(template.shape, dtype=bool)
    for mine in mines:
        progress.check()
        if mine.state != "restored":
            others |= mask_of(mine.geometry, template, thin=ThinPolygons.TOUCHED)
    masks = _masks_by_feature(restored, template, table, progress)
    for feature, mask in masks.items():
        mask &= ~others
        values = table.rows[feature]
        _check_land_cover(values["land_cover"], table, land_cover_rule)
        changes = ", ".join(f"{column} {values[column]:g}" for column in COLUMNS if values[column] is not None)
        progress.log(f"{mask.sum()} cells of restored mines take {changes or 'nothing new'} (table '{table.name}').")
    return [RestoredCells(table.rows[feature], mask) for feature, mask in masks.items()]


def _masks_by_feature(
    restored: Iterable[Mine], template: Template, table: RestoredTable, progress: Progress
) -> dict[str, Bools]:
    """The cells of restored mines by the feature whose row serves them."""
    masks: dict[str, Bools] = {}
    for mine in restored:
        progress.check()
        feature = mine.feature if mine.feature in table.rows else ""
        if feature not in table.rows:
            raise InputError(
                f"Table '{table.name}' has no row for the feature '{mine.feature}' of the restored mine "
                f"'{mine.name}': add one, or a row with an empty feature for all others.",
                layer=table.name,
            )
        cells = mask_of(mine.geometry, template, thin=ThinPolygons.TOUCHED)
        masks[feature] = masks[feature] | cells if feature in masks else cells
    return masks


def _check_land_cover(code: int | None, table: RestoredTable, rule: Rule | None) -> None:
    if rule is not None and code is not None and code not in rule.codes:
        raise InputError(
            f"Table '{table.name}', column 'land_cover': restored mines become code {code}, which no row "
            f"of factor '{LAND_COVER}' in table '{rule.table}' scores; use a code of that table.",
            layer=table.name,
            value=code,
        )

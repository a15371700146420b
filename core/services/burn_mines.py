"""Mines burnt into a land-cover map.

No land-cover product tells pits, dumps and restored mines apart as the other steps need, so a layer of
mines is burnt into the map first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .. import tables
from ..arrays import AnyArray, Int32s
from ..errors import InputError, first_few
from ..geometry.cells import ThinPolygons, mask_of
from ..grid.blocks import ArrayOutput, BlockInput, BlockOutput, GridInput, run
from ..grid.grid import Grid, Window
from ..land_cover_products import LandCoverProduct, known_codes, table_for_product
from ..mines import FEATURES, Mine
from ..progress import SILENT, Progress
from .land_cover import NAMED_AT_MOST

RESTORED = "restored"

_MINE_COLUMNS = [
    tables.Column("feature", "text", choices=(*FEATURES, RESTORED)),
    tables.Column("land_cover", "integer", aliases=("lucode", "code")),
]


@dataclass(frozen=True)
class MineCodes:
    """The land-cover code of each feature of mines.

    Parameters
    ----------
    table_name : str
        For messages.
    code_of : dict
        Feature to code; where mines overlap, the feature that comes first wins.
    product : str
        The land-cover product that shipped codes are free in; empty for a planner's own table.
    """

    table_name: str
    code_of: dict[str, int]
    product: str = ""

    def feature_of(self, mine: Mine) -> str:
        """The feature whose code a mine takes: ``restored`` if that is its state.

        Raises
        ------
        InputError
            The table has no such feature.
        """
        feature = RESTORED if mine.state == RESTORED else mine.feature
        if feature not in self.code_of:
            raise InputError(
                f"Table '{self.table_name}' has no row for feature '{feature}', which mine '{mine.name}' is: "
                f"add the row with the land-cover code to give it.",
                layer=self.table_name,
            )
        return feature


def default_mine_codes(product: LandCoverProduct | str = LandCoverProduct.CLCD) -> tables.RawTable:
    """The shipped codes of burnt-in mines; ours: 11 to 15 beside CLCD's 1 to 9, 911 to 915 in any other product."""
    raw = tables.shipped("services", "mine_codes.csv")
    keyed = table_for_product(raw, product)
    # a product's own class of mines (CORINE's 131) stays apart from what is burnt in
    code = raw.header.index("land_cover")
    keyed.rows = [
        (number, cells) for number, cells in keyed.rows if product == LandCoverProduct.CLCD or int(cells[code]) > 900
    ]
    return keyed


def read_mine_codes(
    table: tables.RawTable | None = None, *, product: LandCoverProduct | str = LandCoverProduct.CLCD
) -> MineCodes:
    """The codes of mines.

    Parameters
    ----------
    table : tables.RawTable, optional
        ``feature, land_cover``; features are pit, dump, subsidence, plant and restored, and the one that
        stands higher wins where mines overlap. Default the shipped one: pit, dump, plant, subsidence, restored.
    product : str
        A `LandCoverProduct`, whose maps the shipped codes are free in; without meaning
        beside a table.

    Raises
    ------
    InputError
        A column or value that is missing or wrong, or a feature with two rows.
    """
    parsed = tables.parse(table or default_mine_codes(product), _MINE_COLUMNS)
    features = [row["feature"] for row in parsed.rows]
    for index, feature in enumerate(features):
        if feature in features[:index]:
            raise parsed.error(index, "feature", "has a row already; keep one row per feature.")
    code_of = {row["feature"]: row["land_cover"] for row in parsed.rows}
    return MineCodes(parsed.name, code_of, product if table is None else "")


def burn_mines(
    land_cover: Grid, mines: Sequence[Mine], *, codes: MineCodes | None = None, progress: Progress = SILENT
) -> Grid:
    """The land cover with mines in it.

    Parameters
    ----------
    land_cover : grid.Grid
        Whole-number codes.
    mines : sequence of mines.Mine
        In the CRS of the land cover. A mine whose state is restored takes the code of
        ``restored``, any other that of its feature.
    codes : MineCodes, optional
        Default the shipped ones, free in maps of CLCD.

    Returns
    -------
    grid.Grid
        int32; a cell belongs to a mine that holds its centre, and keeps no value where the land
        cover has none. Where mines overlap, the order of the codes decides, not that of the layer.

    Raises
    ------
    InputError
        When the codes lack a feature of a mine, or no mine lies on the map; when a shipped code is taken in
        a map that is not of the product, so that mines would be merged with another class.

    Notes
    -----
    4 bytes per cell.
    """
    result = ArrayOutput(land_cover.template, np.int32)
    burn_mines_blocks(GridInput(land_cover), mines, codes=codes, output=result, progress=progress)
    return land_cover.like(result.values, land_cover.nodata, f"{land_cover.name} with mines")


def burn_mines_blocks(
    land_cover: BlockInput,
    mines: Sequence[Mine],
    *,
    codes: MineCodes | None = None,
    output: BlockOutput | None,
    progress: Progress = SILENT,
) -> None:
    """As `burn_mines`, for a map of any size.

    Parameters
    ----------
    land_cover : blocks.Classes
    mines, codes
        As for `burn_mines`.
    output : writing.RasterWriter of int32, blocks.ArrayOutput or None
        Cells without a value keep the land cover's nodata value.
    progress : Progress
    """
    codes = codes or read_mine_codes()
    burning = _Burning(land_cover, mines, codes)
    counts: Counter[float] = Counter()

    def count(_: Window, grid: Grid) -> None:
        for code, cells in zip(*np.unique(grid.values[grid.valid], return_counts=True)):
            counts[code] += int(cells)

    run([land_cover], count, progress=progress.part(0.0, 0.3))
    feature_of_code = {codes.code_of[feature]: feature for feature in burning.features}
    _check_codes_in_use(counts, feature_of_code, name=land_cover.name, product=codes.product, progress=progress)
    progress = progress.part(0.3, 1.0)
    run(
        [land_cover],
        lambda window, grid: (burning.burn(window, grid, progress),),
        [output],
        check=burning.require_some,
        progress=progress,
    )
    burning.log(progress)


class _Burning:
    """Burns mines into parts of a map, and counts what the log says of the whole."""

    def __init__(self, land_cover: BlockInput, mines: Sequence[Mine], codes: MineCodes) -> None:
        self._template, self._name, self._codes = land_cover.template, land_cover.name, codes
        self.features = [codes.feature_of(mine) for mine in mines]
        rank = list(codes.code_of)
        # the last to be burnt wins
        self._order = sorted(zip(self.features, mines), key=lambda pair: -rank.index(pair[0]))
        self._windows = [self._template.window_of(mine.geometry.GetEnvelope()) for _, mine in self._order]
        self._found = [False] * len(self._order)
        self._under_several = self._burnt = 0

    def burn(self, window: Window, grid: Grid, progress: Progress) -> Int32s:
        """The codes of a part of the map, with the mines in it."""
        valid = grid.valid
        result: Int32s = np.where(valid, grid.values, grid.nodata if grid.nodata is not None else 0).astype(np.int32)
        mines_here: AnyArray = np.zeros(result.shape, dtype=np.uint8)  # 2 means several
        for number, ((feature, mine), place) in enumerate(zip(self._order, self._windows)):
            here = None if place is None else window.meet(place.slices)
            if here is None:
                continue
            inside = mask_of(mine.geometry, self._template.part(here), thin=ThinPolygons.NONE)
            self._found[number] = self._found[number] or bool(inside.any())
            block = here.within(window)
            inside &= valid[block]
            result[block][inside] = self._codes.code_of[feature]
            mines_here[block][inside] += mines_here[block][inside] < 2
            progress.check()
        self._under_several += np.count_nonzero(mines_here > 1)
        self._burnt += np.count_nonzero(mines_here)
        return result

    def require_some(self) -> None:
        """Refuse mines of which none holds a cell's centre."""
        if not any(self._found):
            raise InputError(
                f"None of the {len(self._found)} mine(s) holds the centre of a cell of '{self._name}': "
                f"choose maps of one area, or a finer land cover.",
                layer=self._name,
            )

    def log(self, progress: Progress) -> None:
        """Log what was burnt, and warn of mines that are not in the map."""
        missed = [mine.name for (_, mine), found in zip(self._order, self._found) if not found]
        if missed:
            progress.warn(
                f"{len(missed)} mine(s) lie beyond '{self._name}' or between the centres of its cells and "
                f"are not in the map: {first_few(missed, NAMED_AT_MOST)}."
            )
        if self._under_several:
            progress.log(
                f"{self._under_several} cell(s) lie under several mines; the feature that stands higher in "
                f"'{self._codes.table_name}' was taken ({', '.join(self._codes.code_of)})."
            )
        progress.log(f"{self._burnt} cell(s) of '{self._name}' were given the code of a mine.")


def _check_codes_in_use(
    counts: Counter[float], feature_of_code: dict[int, str], *, name: str, product: str, progress: Progress
) -> None:
    """Warn of codes that a mine takes and the map has; refuse where the map is not of the product.

    Parameters
    ----------
    counts : Counter
        Cells of the map by code.
    feature_of_code : dict
        Codes that mines take.
    name : str
        Of the map.
    product : str
        Whose maps the codes are meant for; empty for a planner's own codes.
    progress : Progress
    """
    in_use = {
        feature: f"code {code} on {counts[code]} cell(s)" for code, feature in feature_of_code.items() if counts[code]
    }
    if product:
        foreign = sorted(set(counts) - known_codes(product))
        named = ", ".join(f"{code:g}" for code in foreign[:NAMED_AT_MOST])
        if foreign and in_use:
            raise InputError(
                f"Land cover '{name}' already has {' and '.join(in_use.values())}, and holds codes that {product} "
                f"does not have ({named}): its own classes would be merged with mines; choose the land-cover product "
                f"of the map, or give a table of mine codes that are free in it.",
                layer=name,
            )
        if foreign:
            progress.warn(
                f"Land cover '{name}' holds codes that {product} does not have ({named}); mines take the codes "
                f"{', '.join(map(str, feature_of_code))} all the same: choose the land-cover product of the map if "
                f"these mean another class there."
            )
    for feature, text in in_use.items():
        progress.warn(
            f"Land cover '{name}' already has {text}: nothing distinguishes them from '{feature}' mines "
            f"afterwards; give a table of other mine codes unless this is meant."
        )

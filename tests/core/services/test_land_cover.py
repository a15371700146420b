"""Codes against a table, and mines burnt into the map by a rule that does not hang on their order."""

import itertools
import re

import factory
import numpy as np
import pytest

from econet.core import tables
from econet.core.errors import Cancelled, InputError
from econet.core.grid import row_blocks
from econet.core.grid.grid import Grid
from econet.core.land_cover_products import LandCoverProduct
from econet.core.mines import Mine
from econet.core.progress import Progress
from econet.core.services.burn_mines import burn_mines, read_mine_codes
from econet.core.services.land_cover import CODE, ClassCodes, class_rows, codes_of


def grid(values, dx=30.0, dy=30.0, nodata=-9, name="cover"):
    return factory.grid(values, cell=dx, height=dy, nodata=nodata, name=name, dtype=np.int32)


def table(text, name="t.csv"):
    return tables.parse_csv(text, name)


def own_codes(text, name="t.csv"):
    return read_mine_codes(table(text, name))


def rectangle(cover, row, col, rows, cols):
    """A polygon over whole cells."""
    width, height = cover.template.cell_width, cover.template.cell_height
    return factory.square(col * width, -(row + rows) * height, cols * width, rows * height)


def mine(cover, feature, *place, state="producing", name="m"):
    return Mine(name, "coal", "open pit", state, feature, rectangle(cover, *place), 1)


class Heard:
    def __init__(self):
        self.logs, self.warnings = [], []
        self.progress = Progress(log=self.logs.append, warn=self.warnings.append)


# codes -------------------------------------------------------------------------------------------


def test_rows_of_the_table_are_found_whatever_their_order():
    cover = grid([[3, 1, -9], [7, 7, 1]])
    assert np.array_equal(class_rows(cover, ClassCodes(np.array([7, 1, 3]), "t")), [[2, 1, -1], [0, 0, 1]])


def test_missing_codes_are_named_with_their_pixels():
    cover = grid([[1, 5, 5], [5, 300, -9]])
    with pytest.raises(InputError) as error:
        class_rows(cover, ClassCodes(np.array([1]), "carbon.csv"))
    message = str(error.value)
    assert "'cover'" in message and "5 (3 pixels), 300 (1 pixels)" in message and "'carbon.csv'" in message
    assert "-9" not in message


def test_missing_codes_are_counted_over_blocks(monkeypatch):
    monkeypatch.setattr(row_blocks, "_BLOCK_CELLS", 4)
    with pytest.raises(InputError, match=r"5 \(12 pixels\)"):
        class_rows(grid(np.full((4, 3), 5)), ClassCodes(np.array([1]), "t"))


def test_blocks_give_the_same_rows(monkeypatch):
    cover = grid(np.random.default_rng(0).integers(1, 5, (17, 9)))
    whole = class_rows(cover, ClassCodes(np.arange(1, 5), "t"))
    monkeypatch.setattr(row_blocks, "_BLOCK_CELLS", 5)
    assert np.array_equal(class_rows(cover, ClassCodes(np.arange(1, 5), "t")), whole)
    assert np.array_equal(whole, cover.values - 1)


def test_a_code_with_two_rows_is_refused():
    parsed = tables.parse(table("lucode,x\n1,0\n2,0\n1,5\n"), [CODE])
    with pytest.raises(InputError, match="row 4, column 'land_cover': '1' has a row already"):
        codes_of(parsed)


def test_cancel():
    with pytest.raises(Cancelled):
        class_rows(grid([[1]]), ClassCodes(np.array([1]), "t"), progress=Progress(cancelled=lambda: True))


# mines -------------------------------------------------------------------------------------------


def test_features_and_restored_mines_take_their_codes():
    cover = grid(np.full((4, 10), 2))
    mines = [
        mine(cover, feature, 1, 2 * k, 2, 1, state=state)
        for k, (feature, state) in enumerate(
            [
                ("pit", "producing"),
                ("dump", "abandoned"),
                ("subsidence", "producing"),
                ("plant", "producing"),
                ("pit", "restored"),
            ]
        )
    ]
    before = cover.values.copy()
    burnt = burn_mines(cover, mines)
    assert burnt.values[1].tolist() == [11, 2, 12, 2, 13, 2, 14, 2, 15, 2]
    assert np.array_equal(burnt.values[1], burnt.values[2])
    assert (burnt.values[[0, 3]] == 2).all()
    assert np.array_equal(cover.values, before)


def test_overlap_does_not_hang_on_the_order_of_the_layer():
    cover = grid(np.full((5, 5), 2))
    mines = [
        mine(cover, "pit", 0, 0, 3, 3),
        mine(cover, "dump", 1, 1, 3, 3),
        mine(cover, "pit", 2, 2, 3, 3, state="restored"),
    ]
    expected = [[11, 11, 11, 2, 2], [11, 11, 11, 12, 2], [11, 11, 11, 12, 15], [2, 12, 12, 12, 15], [2, 2, 15, 15, 15]]
    for order in itertools.permutations(mines):
        assert burn_mines(cover, list(order)).values.tolist() == expected


def test_the_table_sets_codes_and_rank_and_the_log_counts_shared_cells():
    cover = grid(np.full((1, 4), 2))
    mines = [mine(cover, "pit", 0, 0, 1, 3), mine(cover, "dump", 0, 1, 1, 3)]
    heard = Heard()
    burnt = burn_mines(cover, mines, codes=own_codes("feature,land_cover\ndump,52\npit,51\n"), progress=heard.progress)
    assert burnt.values.tolist() == [[51, 52, 52, 52]]
    assert any("2 cell(s) lie under several mines" in line for line in heard.logs)


def test_cells_without_land_cover_stay_so():
    cover = grid([[-9, 2, 2]])
    burnt = burn_mines(cover, [mine(cover, "pit", 0, 0, 1, 2)])
    assert burnt.values.tolist() == [[-9, 11, 2]]
    assert burnt.valid.tolist() == [[False, True, True]]


def test_non_square_cells_and_a_mine_over_the_edge():
    cover = grid(np.full((3, 3), 2), dx=10.0, dy=40.0)
    burnt = burn_mines(cover, [mine(cover, "pit", -5, -5, 6, 7)])
    assert burnt.values.tolist() == [[11, 11, 2], [2, 2, 2], [2, 2, 2]]


def test_a_mine_that_takes_no_cell_is_named():
    cover = grid(np.full((3, 3), 2))
    mines = [
        mine(cover, "pit", 0, 0, 1, 1),
        mine(cover, "pit", 1.6, 1.6, 0.2, 0.2, name="sliver"),
        mine(cover, "pit", 50, 50, 2, 2, name="far"),
    ]
    heard = Heard()
    burn_mines(cover, mines, progress=heard.progress)
    assert len(heard.warnings) == 1 and "sliver" in heard.warnings[0] and "far" in heard.warnings[0]
    with pytest.raises(InputError, match="None of the 2 mine"):
        burn_mines(cover, mines[1:])


def test_a_code_that_is_taken_is_warned_of():
    heard = Heard()
    cover = grid([[11, 2, 2]])
    burn_mines(cover, [mine(cover, "pit", 0, 2, 1, 1)], progress=heard.progress)
    assert "already has code 11 on 1 cell(s)" in heard.warnings[0]


def test_shipped_codes_never_merge_mines_with_a_class_of_another_product():
    nlcd = grid([[11, 41, 41, 82]])
    mines = [mine(nlcd, "pit", 0, 2, 1, 1), mine(nlcd, "dump", 0, 3, 1, 1)]
    with pytest.raises(InputError) as caught:
        burn_mines(nlcd, mines)
    assert "code 11 on 1 cell(s)" in str(caught.value) and "CLCD does not have (41, 82)" in str(caught.value)
    heard = Heard()
    burnt = burn_mines(nlcd, mines, codes=read_mine_codes(product="NLCD"), progress=heard.progress)
    assert burnt.values.tolist() == [[11, 41, 911, 912]] and heard.warnings == []
    burn_mines(grid([[41, 41, 41, 82]]), mines, progress=heard.progress)
    assert "holds codes that CLCD does not have (41, 82)" in heard.warnings.pop()
    own = burn_mines(nlcd, mines, codes=own_codes("feature,land_cover\npit,11\ndump,60\n"), progress=heard.progress)
    assert own.values.tolist() == [[11, 41, 11, 60]] and len(heard.warnings) == 1


@pytest.mark.parametrize("product", LandCoverProduct)
def test_shipped_mine_codes_of_each_product(product):
    code_of = read_mine_codes(product=product).code_of
    offset = 0 if product == "CLCD" else 900
    assert [(feature, code - offset) for feature, code in code_of.items()] == [
        ("pit", 11),
        ("dump", 12),
        ("plant", 14),
        ("subsidence", 13),
        ("restored", 15),
    ]


def test_a_feature_without_a_code_is_refused():
    cover = grid([[2, 2]])
    with pytest.raises(InputError, match="'codes.csv' has no row for feature 'dump', which mine 'west' is"):
        burn_mines(
            cover,
            [mine(cover, "dump", 0, 0, 1, 1, name="west")],
            codes=own_codes("feature,land_cover\npit,11\n", "codes.csv"),
        )
    with pytest.raises(InputError, match="row 3, column 'feature': 'pit' has a row already"):
        own_codes("feature,land_cover\npit,11\npit,12\n")
    with pytest.raises(InputError, match="column 'feature': 'quarry' is not one of"):
        own_codes("feature,land_cover\nquarry,11\n")


# shipped tables ----------------------------------------------------------------------------------

ALL = {1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15}


def test_shipped_tables_cover_all_codes_with_source_and_range():
    from econet.core.services import carbon_storage, habitat_tables, water_conservation, water_yield

    assert set(read_mine_codes().code_of.values()) == {11, 12, 13, 14, 15}
    checks = [
        (carbon_storage.default_table(), None),
        (water_yield.default_table(), "kc"),
        (habitat_tables.default_sensitivity(), "habitat"),
        (water_conservation.default_table(), "velocity"),
    ]
    for raw, value in checks:
        rows = [dict(zip(raw.header, cells)) for _, cells in raw.rows]
        assert {int(row["land_cover"]) for row in rows} == ALL
        for row in rows:
            assert row["source"] and row["certainty"]
            amount = float(row[value]) if value else sum(float(row[p]) for p in carbon_storage.POOLS)
            assert float(row["low"]) <= amount <= float(row["high"])
    threats = habitat_tables.read_tables().threats
    assert {code for threat in threats for code in threat.place} == {1, 7, 8, 11, 12, 13, 14}
    water_yield.read_table()


@pytest.mark.parametrize("codes", [[7, 1, 3], [70000, 1, 3], [-4, 1, 3], [0, 65535, 3]])
@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64, np.float32])
def test_rows_are_found_for_codes_of_any_size_and_type(codes, dtype):
    values = np.array([[0, 1, 3, 7, 9], [3, 255, 1, 200, 9]], dtype=dtype)
    if dtype != np.uint8:
        values[0, 3:], values[1, 3] = [70000, -4], 65535
    place = grid(values).template
    known = np.isin(values, codes)
    found = class_rows(
        Grid(np.where(known, values, 255).astype(dtype), place, 255, "cover"), ClassCodes(np.array(codes), "t")
    )
    assert found.tolist() == [
        [codes.index(value) if value in codes else -1 for value in row] for row in values.tolist()
    ]
    lacked, counts = np.unique(values[~known & (values != 255)], return_counts=True)
    named = ", ".join(f"{code:g} ({count} pixels)" for code, count in zip(lacked, counts))
    with pytest.raises(InputError, match=re.escape(f"holds code {named}")):
        class_rows(Grid(values, place, 255, "cover"), ClassCodes(np.array(codes), "t"))


def test_mines_burnt_in_parts_cross_the_borders_of_parts():
    """Against the same mines burnt by hand: each is a rectangle of whole cells."""
    values = np.random.default_rng(5).choice([1, 2, -9], (300, 4200), p=[0.6, 0.3, 0.1])
    cover, heard = grid(values), Heard()
    mines = [
        mine(cover, "dump", 200, 2000, 90, 2200, name="a"),
        mine(cover, "pit", 250, 2040, 20, 20, name="b"),
        mine(cover, "pit", 299, 4199, 1, 1, name="c"),
    ]
    expected = values.copy()
    for code, block in ((12, np.s_[200:290, 2000:4200]), (11, np.s_[250:270, 2040:2060]), (11, np.s_[299:, 4199:])):
        expected[block] = np.where(values[block] == -9, -9, code)
    burnt = burn_mines(cover, mines, progress=heard.progress)
    np.testing.assert_array_equal(burnt.values, expected)
    shared = np.count_nonzero(values[250:270, 2040:2060] != -9)
    assert any(f"{shared} cell(s) lie under several mines" in line for line in heard.logs)
    assert any(f"{np.count_nonzero(expected > 9)} cell(s) of 'cover' were given" in line for line in heard.logs)
    assert burnt.values.dtype == np.int32

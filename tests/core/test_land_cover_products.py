"""The crosswalk of land-cover products, and the shipped tables keyed for each of them."""

from collections import Counter

import pytest

from econet.core import land_cover_products as lcp
from econet.core import tables
from econet.core.errors import InputError
from econet.core.resistance.rule_tables import default_factor_table, read_factor_table
from econet.core.services import carbon_storage, habitat_tables, sediment_factors, water_conservation, water_yield

OURS = {1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15}
# legends of the products, counted by hand: USGS (NLCD 2016), ESA WorldCover 2021, GlobeLand30, CORINE, CNLUCC, CLCD
LEGENDS = {
    "CLCD": set(range(1, 10)),
    "GlobeLand30": set(range(10, 101, 10)),
    "CNLUCC": {11, 12, 21, 22, 23, 24, 31, 32, 33, 41, 42, 43, 44, 45, 46, 51, 52, 53, 61, 62, 63, 64, 65, 66, 67, 99},
    "ESA WorldCover": {10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 100},
    "CORINE": {
        111,
        112,
        121,
        122,
        123,
        124,
        131,
        132,
        133,
        141,
        142,
        211,
        212,
        213,
        221,
        222,
        223,
        231,
        241,
        242,
        243,
        244,
        311,
        312,
        313,
        321,
        322,
        323,
        324,
        331,
        332,
        333,
        334,
        335,
        411,
        412,
        421,
        422,
        423,
        511,
        512,
        521,
        522,
        523,
    },
    "CORINE raster": set(range(1, 45)),
    "NLCD": {11, 12, 21, 22, 23, 24, 31, 41, 42, 43, 51, 52, 71, 72, 73, 74, 81, 82, 90, 95},
}


@pytest.mark.parametrize("product", lcp.LandCoverProduct)
def test_every_class_of_every_legend_has_one_class_of_ours(product):
    codes = lcp.codes_of_class(product)
    pairs = [(code, ours) for ours, found in codes.items() for code, _ in found]
    mines = {11, 12, 13, 14, 15} if product == "CLCD" else {911, 912, 913, 914, 915}
    assert {code for code, _ in pairs} == LEGENDS[product] | mines == lcp.known_codes(product)
    assert max(Counter(code for code, _ in pairs).values()) == 1
    assert set(codes) <= OURS
    assert not mines & LEGENDS[product]


def test_mines_never_share_a_code_with_a_class_of_the_product():
    for product in lcp.LandCoverProduct:
        for of_class in (13, 14, 15):
            assert len(lcp.codes_of_class(product)[of_class]) == 1
    assert [code for code, _ in lcp.codes_of_class("CORINE")[11]] == [131, 911]
    assert [code for code, _ in lcp.codes_of_class("CORINE raster")[12]] == [8, 912]


def test_some_classes_that_anyone_knows():
    where = {
        product: {code: ours for ours, found in lcp.codes_of_class(product).items() for code, _ in found}
        for product in lcp.LandCoverProduct
    }
    assert [where["NLCD"][code] for code in (11, 12, 24, 41, 82)] == [5, 6, 8, 2, 1]
    assert [where["ESA WorldCover"][code] for code in (10, 20, 40, 50, 80, 90)] == [2, 3, 1, 8, 5, 9]
    assert [where["GlobeLand30"][code] for code in (10, 20, 30, 60, 80, 90)] == [1, 2, 4, 5, 8, 7]
    assert [where["CNLUCC"][code] for code in (11, 12, 21, 31, 43, 51, 64, 65)] == [1, 1, 2, 4, 5, 8, 9, 7]
    assert [where["CORINE"][code] for code in (111, 211, 311, 321, 512)] == [8, 1, 2, 4, 5]
    corine, raster = (sorted(LEGENDS[product]) for product in ("CORINE", "CORINE raster"))
    assert [where["CORINE"][a] for a in corine] == [where["CORINE raster"][b] for b in raster]


@pytest.mark.parametrize("product", lcp.LandCoverProduct)
@pytest.mark.parametrize(
    "default, value",
    [
        (carbon_storage.default_table, "soil"),
        (water_yield.default_table, "kc"),
        (habitat_tables.default_sensitivity, "habitat"),
        (water_conservation.default_table, "velocity"),
        (sediment_factors.default_table, "usle_c"),
    ],
)
def test_shipped_tables_give_each_code_the_value_of_its_class(product, default, value):
    def column(raw, name):
        return [cells[raw.header.index(name)] for _, cells in raw.rows]

    ours = dict(zip(map(int, column(default(), "land_cover")), column(default(), value)))
    keyed = lcp.table_for_product(default(), product)
    found = dict(zip(map(int, column(keyed, "land_cover")), column(keyed, value)))
    assert len(keyed.rows) == len(found)
    assert set(found) == lcp.known_codes(product)
    for of_class, pairs in lcp.codes_of_class(product).items():
        for code, _ in pairs:
            assert found[code] == ours[of_class]


@pytest.mark.parametrize("product", lcp.LandCoverProduct)
def test_threats_and_factors_are_lists_of_the_products_codes(product):
    keyed = lcp.table_for_product(habitat_tables.default_threats(), product)
    threats = habitat_tables.read_tables(keyed).threats
    assert len(threats) == len(habitat_tables.read_tables().threats)
    mine = next(threat for threat in threats if threat.name == "mine")
    assert set(mine.place) == {code for of_class in (11, 14) for code, _ in lcp.codes_of_class(product)[of_class]}
    rules = read_factor_table(lcp.table_for_product(default_factor_table(), product))
    assert set(rules["land_cover"].codes) == lcp.known_codes(product)
    assert rules["slope"].weight == 0.11


def test_names_become_the_products_and_clcd_changes_nothing():
    raw = carbon_storage.default_table()
    assert lcp.table_for_product(raw, "CLCD") is raw
    keyed = lcp.table_for_product(raw, "NLCD")
    names = {cells[0]: cells[1] for _, cells in keyed.rows}
    assert names["82"] == "cultivated crops" and names["911"] == "open pit"
    assert "NLCD" in keyed.name


def test_rows_and_lists_without_a_counterpart():
    raw = tables.parse_csv("threat,land_cover_codes\na,2;77\nb,77\nc,\n", "t.csv")
    keyed = lcp.table_for_product(raw, "ESA WorldCover")
    assert [cells for _, cells in keyed.rows] == [["a", "10"], ["c", ""]]


def test_refusals():
    with pytest.raises(InputError, match="'MODIS' is no choice: choose one of CLCD") as caught:
        lcp.codes_of_class("MODIS")
    assert caught.value.parameter == "product"
    with pytest.raises(InputError, match="'t.csv' has no column of land-cover codes"):
        lcp.table_for_product(tables.parse_csv("a,b\n1,2\n", "t.csv"), "NLCD")

"""core.mines: words of any city's layer, and what a step needs of them."""

from dataclasses import replace

import factory
import pytest
from factory import UTM

from econet.core import mines
from econet.core.crs import Crs
from econet.core.errors import InputError
from econet.core.mines import MineFields, read_mines
from econet.core.progress import SILENT, Progress
from econet.core.tables import RawTable, parse_csv

SQUARE = factory.square_wkt(factory.WEST, factory.NORTH, 100)
FIELDS = MineFields(mineral="mineral", method="method", state="state")


def layer(*rows, wkt=SQUARE, crs=UTM):
    fields = ["label", "mineral", "method", "state", "feature"]
    attributes = [dict(zip(fields, row + (None,) * 5)) for row in rows]
    return replace(factory.layer([wkt for _ in rows], attributes, name="mines of F", crs=crs), field_names=fields)


def one(*row, place=None, needed=("mineral", "method", "state"), words=None, progress=SILENT, **fields):
    fields = replace(FIELDS, **{name.replace("_field", ""): own for name, own in fields.items()})
    (mine,) = read_mines(layer(row, **(place or {})), UTM, fields=fields, needed=needed, words=words, progress=progress)
    return mine


@pytest.mark.parametrize(
    "words, meaning",
    [
        (("coal", "open pit", "producing"), ("coal", "open pit", "producing")),
        ((" COAL ", "Open-Pit", "PRODUCING"), ("coal", "open pit", "producing")),
        (("building_material", "underground", "Restored"), ("building material", "underground", "restored")),
        (("煤矿", "露天开采", "在产"), ("coal", "open pit", "producing")),
        (("铁矿", "地下开采", "废弃"), ("metal", "underground", "abandoned")),
        (("建筑材料", "露天", "复垦"), ("building material", "open pit", "restored")),
    ],
)
def test_words_in_english_and_chinese(words, meaning):
    mine = one(None, *words)
    assert (mine.mineral, mine.method, mine.state) == meaning
    assert (mine.name, mine.feature, mine.number) == ("mine 1", "pit", 1)
    assert mine.geometry.GetArea() == pytest.approx(10000)


def test_every_shipped_word_is_understood_and_no_plain_word_means_two_things():
    seen = {}
    for _, (attribute, word, meaning) in mines.default_words().rows:
        assert seen.setdefault((attribute, mines.plain_word(word)), meaning) == meaning
        known = {"mineral": "coal", "method": "open pit", "state": "producing", "feature": "pit", attribute: word}
        mine = one(None, known["mineral"], known["method"], known["state"], known["feature"], feature_field="feature")
        assert getattr(mine, attribute) == meaning


@pytest.mark.parametrize(
    "row, field, value",
    [
        (("a", "uranium", "open pit", "producing"), "mineral", "uranium"),
        (("a", "coal", "hole", "producing"), "method", "hole"),
        (("a", "coal", "open pit", "sleeping"), "state", "sleeping"),
        (("a", None, "open pit", "producing"), "mineral", "NULL"),
        (("a", "coal", "", "producing"), "method", ""),
        (("a", 7, "open pit", "producing"), "mineral", "7"),
    ],
)
def test_unknown_words_are_refused_with_field_feature_value_and_words(row, field, value):
    good = ("a", "coal", "open pit", "producing")
    with pytest.raises(InputError) as caught:
        read_mines(layer(good, row), UTM, fields=FIELDS)
    message = str(caught.value)
    assert (caught.value.layer, caught.value.feature, caught.value.value) == ("mines of F", 2, value)
    assert message.startswith(f"Mine layer 'mines of F', field '{field}', feature 2: '{value}' is not a {field}")
    assert {"mineral": "building material", "method": "underground", "state": "restored"}[field] in message
    if value in ("NULL", ""):
        assert message.endswith("; fill it in.")
    else:
        assert "table of words" in message and "core/defaults/mine_words.csv" in message


def test_mines_of_one_outline_that_differ_are_warned_of():
    said = []
    same, other = ("a", "coal", "open pit", "producing"), ("b", "coal", "open pit", "restored")
    read_mines(layer(same, same), UTM, fields=FIELDS, progress=Progress(log=said.append))
    assert said == ["Mine layer 'mines of F', mines read: 2 (producing open pit coal 2)."]
    said.clear()
    read_mines(layer(same, other, same), UTM, fields=replace(FIELDS, name="label"), progress=Progress(log=said.append))
    assert len(said) == 2 and "features 1 ('a') and 2 ('b') have one outline and differ" in said[1]


def test_the_log_counts_mines_by_kind_and_says_what_words_were_taken_to_mean():
    said = []
    read_mines(
        layer(
            ("a", "煤矿", "open pit", "producing"),
            ("b", "煤矿", "OPEN_PIT", "producing"),
            ("c", "Coal", "open pit", "producing"),
            ("d", "metal", "underground", "restored"),
        ),
        UTM,
        fields=FIELDS,
        progress=Progress(log=said.append),
    )
    assert said[:2] == [
        "Mine layer 'mines of F', mines read: 4 (producing open pit coal 3; restored underground metal 1).",
        "Mine layer 'mines of F', words understood: mineral '煤矿' as coal (2).",
    ]


def test_a_word_with_two_meanings_in_one_table_is_refused_and_one_repeated_is_not():
    words = "attribute,word,meaning\nmineral,Kohle,coal\nstate,Kohle,producing\nmineral,kohle,"
    with pytest.raises(
        InputError, match="row 4, column 'word': 'kohle' means 'coal' in an earlier row and 'metal' here"
    ):
        mines.known_words(parse_csv(words + "metal\n", "words"))
    assert mines.known_words(parse_csv(words + "coal\n", "words"))["mineral"]["kohle"] == "coal"
    # a planner's table has the last word over the shipped one
    own = parse_csv("attribute,word,meaning\nmineral,limestone,metal\n", "words")
    assert mines.known_words(own)["mineral"]["limestone"] == "metal"


def test_an_unknown_feature_is_refused_and_an_empty_one_is_a_pit():
    row = ("a", "coal", "open pit", "producing")
    assert one(*row, "排土场", feature_field="feature").feature == "dump"
    for empty in (None, "", "  "):
        assert one(*row, empty, feature_field="feature", needed=("feature",)).feature == "pit"
    with pytest.raises(InputError, match="'lake' is not a feature that is known"):
        one(*row, "lake", feature_field="feature")


def test_only_what_is_needed_must_be_known():
    mine = one(" Nr 5 ", None, "open pit", "  ", name_field="label", needed=("method",))
    assert (mine.name, mine.mineral, mine.method, mine.state) == ("Nr 5", "", "open pit", "")
    mine = one("a", "coal", "open pit", "producing", method_field="", state_field="", needed=("mineral",))
    assert (mine.mineral, mine.method, mine.state) == ("coal", "", "")
    with pytest.raises(
        InputError, match=r"the field that holds the method \(underground, open pit\) is not given"
    ) as caught:
        one("a", "coal", "open pit", "producing", method_field="")
    assert caught.value.parameter == "method_field"


def test_a_table_of_words_adds_to_the_shipped_ones():
    words = parse_csv(
        "attribute,word,meaning\nmineral,Molybdän,metal\nstate,coal,abandoned\nstate,active,abandoned\n", "w.csv"
    )
    mine = one("a", "MOLYBDÄN", "open pit", "active", words=words)
    assert (mine.mineral, mine.state) == ("metal", "abandoned")
    assert one("a", "lignite", "open pit", "producing", words=words).mineral == "coal"
    for text, message in (
        ("mineral,x,stone", "row 2, column 'meaning': 'stone' is not a mineral"),
        ("colour,x,metal", "row 2, column 'attribute': 'colour' is not one of mineral, method, state"),
        ("mineral,,metal", "row 2, column 'word': '' is empty"),
    ):
        with pytest.raises(InputError, match=message):
            one("a", "coal", "open pit", "producing", words=parse_csv(f"attribute,word,meaning\n{text}\n", "w.csv"))
    with pytest.raises(InputError, match="'w' has no column 'word'"):
        one(
            "a",
            "coal",
            "open pit",
            "producing",
            words=RawTable("w", ["attribute", "meaning"], [(1, ["state", "restored"])]),
        )


def test_layers_that_cannot_be_used():
    with pytest.raises(InputError, match="'mines of F' is empty"):
        read_mines(layer(), UTM, fields=FIELDS)
    for key in ("mineral_field", "name_field", "feature_field"):
        with pytest.raises(InputError, match="'mines of F' has no field 'typ'.*label, mineral, method"):
            one("a", "coal", "open pit", "producing", **{key: "typ"})
    with pytest.raises(InputError, match="'mines of F' has no coordinate reference system"):
        one("a", "coal", "open pit", "producing", place={"crs": ""})


def test_self_crossing_outlines_are_mended_and_other_crs_reprojected():
    said = []
    bow_tie = "POLYGON((123 41.5,123.002 41.502,123.002 41.5,123 41.502,123 41.5))"
    crs = Crs.of("EPSG:4326").reference.ExportToWkt()
    mine = one(
        "a", "coal", "open pit", "producing", place={"wkt": bow_tie, "crs": crs}, progress=Progress(log=said.append)
    )
    # two triangles of half the box each in height: half its area; 0.002 degrees are 166.9 m by 222.1 m at 41.5 N
    assert mine.geometry.IsValid() and mine.geometry.GetArea() == pytest.approx(166.9 * 222.1 / 2, rel=0.005)
    assert "reprojected from WGS 84" in said[0] and "1 self-crossing" in said[1]


@pytest.mark.parametrize(
    "attribute, word, meaning",
    [
        ("feature", "工业场地", "plant"),
        ("feature", "选煤厂", "plant"),
        ("feature", "露天采坑", "pit"),
        ("feature", "排矸场", "dump"),
        ("feature", "采煤塌陷区", "subsidence"),
        ("method", "露天矿", "open pit"),
        ("state", "已关闭", "abandoned"),
        ("state", "已废弃", "abandoned"),
    ],
)
def test_words_of_chinese_mine_layers(attribute, word, meaning):
    assert mines.known_words()[attribute][word] == meaning

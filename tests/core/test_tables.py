"""core.tables: CSV of any office program, and errors that name file, row, column and value."""

import pytest

from econet.core import tables
from econet.core.errors import InputError
from econet.core.tables import Column, RawTable, number_of, parse, parse_csv, read_csv

COLUMNS = [
    Column("land_cover", "integer", aliases=("lucode",)),
    Column("weight", minimum=0, maximum=10),
    Column("name", "text", required=False, default="none"),
]


def rows(text, columns=COLUMNS, **named):
    return parse(parse_csv(text, "t.csv"), columns, **named).rows


# reading --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_any_encoding_line_end_and_delimiter(tmp_path, encoding, end, delimiter):
    path = tmp_path / "t.csv"
    lines = ['# 注释, with; delimiters\tand "an open quote', "land_cover,weight,name", "", "01,2.5,露天煤矿", "2,3,"]
    text = end.join([lines[0]] + [line.replace(",", delimiter) for line in lines[1:]]) + end
    path.write_bytes(text.encode(encoding))
    table = parse(read_csv(str(path)), COLUMNS)
    assert table.rows == [
        {"land_cover": 1, "weight": 2.5, "name": "露天煤矿"},
        {"land_cover": 2, "weight": 3, "name": "none"},
    ]
    assert (table.numbers, table.name, table.folder) == ([4, 5], "t.csv", str(tmp_path))


def test_western_letters_are_read(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes("land_cover,weight,name\n1,2,Fossé\n".encode("latin-1"))
    assert read_csv(str(path)).rows == [(2, ["1", "2", "Fossé"])]


def test_semicolons_with_decimal_commas():
    assert rows("lucode;weight\n1;0,5\n2;,25\n3;1/3\n4;+1e0\n") == [
        {"land_cover": n, "weight": w, "name": "none"} for n, w in ((1, 0.5), (2, 0.25), (3, 1 / 3), (4, 1.0))
    ]


def test_quoted_headings_do_not_choose_the_delimiter():
    assert rows('land_cover;weight;"name, in words, of it"\n1;2;x\n')[0]["weight"] == 2


def test_quotes_blanks_trailing_delimiters_and_short_rows():
    assert rows('Land Cover , WEIGHT,Name,,\n 1, "0,5", "a, ""b""",,\n2,1\n\n,,,,\n') == [
        {"land_cover": 1, "weight": 0.5, "name": 'a, "b"'},
        {"land_cover": 2, "weight": 1, "name": "none"},
    ]


def test_rows_are_counted_as_a_spreadsheet_counts_them():
    text = '# one\n\nland_cover,weight,name\n1,2,"two\nlines"\n# five\n2,x,\n'
    with pytest.raises(InputError, match="'t.csv', row 6, column 'weight': 'x' is not a number"):
        rows(text)


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "'t.csv' is empty"),
        ("\n# only a comment\n", "'t.csv' is empty"),
        ("land_cover,weight\n", "'t.csv' has headings and no rows"),
        ("code,weight\n1,2\n", "has no column 'land_cover': its columns are code, weight"),
        ("land_cover,weight\n1,\n", "row 2, column 'weight': '' is empty"),
        ("land_cover,weight\n1,2\n3\n", "row 3, column 'weight': '' is empty"),
        ("land_cover,weight\n1,NULL\n", "row 2, column 'weight': 'NULL' is empty"),
        ("land_cover,weight\n1,much\n", "row 2, column 'weight': 'much' is not a number"),
        ("land_cover,weight\n1,10.01\n", "row 2, column 'weight': '10.01' is outside 0 to 10"),
        ("land_cover,weight\n1,-1\n", "row 2, column 'weight': '-1' is outside 0 to 10"),
        ("land_cover,weight\n1.5,1\n", "row 2, column 'land_cover': '1.5' is not a whole number"),
        ("land_cover,weight\n1,0,5\n", "row 2: 3 cells under 2 headings; put a value that holds ',' in quotes"),
        ("land_cover,weight,weight\n1,2,3\n", "'t.csv' has more than one column 'weight'"),
        ("land_cover,Weight, weight \n1,2,3\n", "'t.csv' has more than one column 'Weight'"),
        ("land_cover,weight\n1,nan\n", "'nan' is not a number"),
        ("land_cover,weight\n1,inf\n", "'inf' is not a number"),
        ("land_cover,weight\n1,1e999\n", "'1e999' is not a number"),
        ("land_cover,weight\n" + "1" * 200000 + ",2\n", "cannot be read as a CSV file"),
    ],
)
def test_refusals(text, message):
    with pytest.raises(InputError, match=message.replace("(", r"\(")):
        rows(text)


def test_duplicate_headings_that_nobody_reads_do_no_harm():
    assert len(rows("land_cover,weight,note,note\n1,2,a,b\n")) == 1
    with pytest.raises(InputError, match="more than one column 'note'"):
        rows("land_cover,weight,note,note\n1,2,a,b\n", [*COLUMNS, Column("note", "text")])


def test_files_that_cannot_be_read(tmp_path):
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(InputError, match="cannot be read"):
            read_csv(str(path))


# values ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, value",
    [
        ("01", 1),
        ("1/3", 1 / 3),
        ("0,5", 0.5),
        ("1e3", 1000),
        ("-.5", -0.5),
        ("5.", 5),
        (" 7 ", 7),
        ("0,5/2", 0.25),
        ("1/0", None),
        ("1/2/3", None),
        ("1.000,5", None),
        ("1,000,000", None),
        ("", None),
        ("x", None),
        ("1 000", None),
        ("0x10", None),
        ("1_000", None),
        ("--1", None),
        ("1e", None),
        ("/2", None),
        ("nan", None),
        ("1e400", None),
    ],
)
def test_what_a_text_means_as_a_number(text, value):
    assert number_of(text) == value


def test_a_comma_that_may_part_thousands_is_asked_about():
    columns = [Column("land_cover", "integer"), Column("weight")]
    text = "land_cover;weight\n1;{}\n2;{}\n"
    for first, second, values in (
        ("1,250", "0,5", (1.25, 0.5)),
        ("2,75", "12,345", (2.75, 12.345)),
        ("0,125", "3", (0.125, 3)),
        ("1250", "1.250", (1250, 1.25)),
    ):
        found = rows(text.format(first, second), columns)
        assert (found[0]["weight"], found[1]["weight"]) == values
    with pytest.raises(InputError, match="row 3, column 'weight': '1,250' may mean 1250 or 1.250; write it without"):
        rows(text.format("3", "1,250"), columns)
    with pytest.raises(InputError, match="column 'land_cover': '1,000' may mean 1000 or 1.000"):
        rows("land_cover;weight\n1,000;0,5\n", columns)


def test_flags_lists_and_choices():
    columns = [
        Column("flag", "flag", required=False, default=None),
        Column("codes", "integers", minimum=0),
        Column("decay", "text", choices=("linear", "exponential")),
    ]
    text = "flag;codes;decay\n{};{};{}\n"
    for word, value in (
        ("1", True),
        ("Yes", True),
        ("TRUE", True),
        ("是", True),
        ("1.0", True),
        ("0", False),
        ("no", False),
        ("否", False),
        ("", None),
    ):
        assert rows(text.format(word, "1", "linear"), columns)[0]["flag"] is value
    for cell, codes in (("11", [11]), ('"11;12, 13"', [11, 12, 13]), ("01 2", [1, 2]), ("3.0", [3])):
        assert rows(text.format("1", cell, "Linear"), columns)[0] == {"flag": True, "codes": codes, "decay": "linear"}
    for cells, message in (
        (("maybe", "1", "linear"), "'maybe' is neither yes nor no"),
        (("1", "1.5", "linear"), "'1.5' is not a whole number"),
        (("1", '";"', "linear"), "';' holds no number"),
        (("1", "1 -2", "linear"), "'1 -2' holds a number outside 0"),
        (("1", "1", "cubic"), "'cubic' is not one of linear, exponential"),
    ):
        with pytest.raises(InputError, match=message):
            rows(text.format(*cells), columns)


def test_other_columns_are_passed_over():
    text = "land_cover,weight,road,mine\n1,2,0.5,1\n"
    assert rows(text, COLUMNS[:2]) == [{"land_cover": 1, "weight": 2}]


def test_errors_of_a_later_check_name_the_row_too():
    table = parse(RawTable("layer", ["weight"], [(7, ["2"])]), [Column("weight")])
    assert str(table.error(0, "weight", "is twice; correct it.")) == (
        "Table 'layer', row 7, column 'weight': '2.0' is twice; correct it."
    )


# typed lists ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, parts",
    [
        ("4, 5", ["4", "5"]),
        ("4;5", ["4", "5"]),
        ("4 5\n6", ["4", "5", "6"]),
        ("4，5；6、7", ["4", "5", "6", "7"]),
        (" ，4,, ", ["4"]),
        ("", []),
    ],
)
def test_lists_take_western_and_chinese_marks(text, parts):
    assert tables.split_list(text) == parts


def test_commas_are_decimal_commas_beside_semicolons():
    assert (
        tables.split_list("0,5; 99,5", decimals=True)
        == tables.split_list("0，5；99，5", decimals=True)
        == ["0,5", "99,5"]
    )
    assert tables.split_list("1，4，7", decimals=True) == ["1", "4", "7"]


def test_words_keep_their_blanks():
    assert tables.split_list("water yield，固碳；carbon", words=True) == ["water yield", "固碳", "carbon"]
    assert tables.split_list("a b＝0,5；c=1", words=True, decimals=True) == ["a b=0,5", "c=1"]


def test_codes_of_a_table_take_chinese_marks():
    column = Column("codes", "integers")
    assert parse_csv("factor,codes\nx,11；12，13\n", "t.csv").rows and rows(
        "factor,codes\nx,11；12，13\n", [column]
    ) == [{"codes": [11, 12, 13]}]


def test_a_file_that_is_no_text_is_refused_without_its_bytes():
    with pytest.raises(InputError, match=r"^Table 'picture.csv' is no text: save it as CSV and use that\.$"):
        parse_csv("\0\x01a,b\n1,2\n", "picture.csv")

"""Rule tables that a planner edits.

A table is text until it is parsed here, so that a CSV from any office program and a table layer
of QGIS give the same rows and the same errors. Errors name file, row, column and value.
"""

from __future__ import annotations

import csv
import io
import math
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from .errors import InputError

_CORE = Path(__file__).resolve().parent
_ENCODINGS = ("utf-8-sig", "gb18030", "latin-1")
# 0,5 and 1,25 are decimals; 1,250 is one where the same table holds such, else it is ambiguous
_DECIMAL_COMMA = re.compile(r"[+-]?(\d*,(\d{1,2}|\d{4,})|0*,\d+|\d{4,},\d+)")
_THOUSAND_OR_DECIMAL = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")

_TRUE = {"1", "true", "yes", "y", "t", "是"}
_FALSE = {"0", "false", "no", "n", "f", "否", ""}
_CHINESE_MARKS = str.maketrans("，、；＝", ",,;=")

ColumnKind = Literal["text", "number", "integer", "integers", "flag"]
Row = dict[str, Any]


@dataclass
class RawTable:
    """A table as text.

    Parameters
    ----------
    name : str
        File or layer name, for messages.
    header : list of str
    rows : list of (int, list of str)
        The row's number as the planner counts it (in a file the header is row 1), and its cells.
    folder : str
        Folder that relative paths inside the table start from; empty when there is none.
    """

    name: str
    header: list[str]
    rows: list[tuple[int, list[str]]]
    folder: str = ""


@dataclass(frozen=True)
class Column:
    """What a column may hold.

    Parameters
    ----------
    name : str
    kind : str
        ``text``, ``number``, ``integer``, ``integers`` (several, as ``11;12``) or ``flag``.
    required : bool
        Whether the column, and a value in every row, must be there.
    minimum, maximum : float, optional
        Closed range of numbers.
    choices : tuple of str, optional
        Words allowed, in lower case.
    aliases : tuple of str
        Other headings understood, such as InVEST's.
    default : any
        Value of an optional column or cell that is empty.
    """

    name: str
    kind: ColumnKind = "number"
    required: bool = True
    minimum: float = -math.inf
    maximum: float = math.inf
    choices: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    default: Any = None


@dataclass
class Table:
    """Parsed rows, each a dict by column name; ``numbers[i]`` is row i's number in the file."""

    name: str
    rows: list[Row]
    numbers: list[int]
    header: list[str] = field(default_factory=list)
    folder: str = ""

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def error(self, index: int, column: str, remedy: str) -> InputError:
        """An InputError that names the row, the column and its value."""
        value = self.rows[index].get(column)
        return InputError(
            f"Table '{self.name}', row {self.numbers[index]}, column '{column}': "
            f"'{'' if value is None else value}' {remedy}",
            layer=self.name,
            feature=self.numbers[index],
            value=value,
        )


def read_csv(path: str | Path, name: str = "") -> RawTable:
    """A CSV file as text: UTF-8 with or without BOM or GBK; comma, semicolon or tab.

    Raises
    ------
    InputError
        The file cannot be read, or is no CSV.
    """
    try:
        with open(path, "rb") as stream:
            content = stream.read()
    except OSError as error:
        raise InputError(
            f"Table '{name or path}' cannot be read ({error.strerror}): check that the file "
            f"exists and is not held open by another program.",
            layer=name or str(path),
        ) from None
    return parse_csv(_decoded(content), name or os.path.basename(path), os.path.dirname(os.path.abspath(path)))


def _decoded(content: bytes) -> str:
    utf_16 = ("utf-16",) if content.startswith((b"\xff\xfe", b"\xfe\xff")) else ()
    for encoding in utf_16 + _ENCODINGS[:-1]:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return content.decode(_ENCODINGS[-1])  # which takes any bytes


def shipped(room: str, name: str) -> RawTable:
    """A table that comes with the library.

    Parameters
    ----------
    room : str
        The folder of core in whose ``defaults`` it lies; empty: ``core/defaults``.
    name : str
        The file's name.
    """
    return read_csv(_CORE / room / "defaults" / name, f"{name} (shipped)")


def parse_csv(text: str, name: str, folder: str = "") -> RawTable:
    """CSV text to a RawTable; lines that are empty or start with # are skipped.

    Rows are counted as a spreadsheet counts them: comments and empty lines too, and a cell of
    several lines is one row.

    Raises
    ------
    InputError
        The text is no CSV, is empty, or a row has more cells than there are headings.
    """
    if "\0" in text:
        raise InputError(f"Table '{name}' is no text: save it as CSV and use that.", layer=name)
    # a comment may hold a quote that never ends
    text = re.sub(r"(?m)^[ \t]*\"?#.*$", "", text.replace("\r\n", "\n").replace("\r", "\n"))
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(",;\t", key=re.sub(r'"[^"]*"', "", first).count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    header: list[str] | None = None
    rows: list[tuple[int, list[str]]] = []
    try:
        for number, cells in enumerate(reader, 1):
            cells = [cell.strip() for cell in cells]
            if not any(cells):
                continue
            if header is None:
                header = cells
                continue
            if any(cells[len(header) :]):
                raise InputError(
                    f"Table '{name}', row {number}: {len(cells)} cells under "
                    f"{len(header)} headings; put a value that holds '{delimiter}' in quotes.",
                    layer=name,
                    feature=number,
                )
            rows.append((number, (cells + [""] * len(header))[: len(header)]))
    except csv.Error as error:
        raise InputError(
            f"Table '{name}' cannot be read as a CSV file ({error}): save it as CSV and use that.", layer=name
        ) from None
    if header is None:
        raise InputError(f"Table '{name}' is empty: give it a row of headings and at least one row.", layer=name)
    return RawTable(name, header, rows, folder)


def parse(raw: RawTable, columns: Sequence[Column]) -> Table:
    """Typed rows of a RawTable; other columns are ignored.

    Raises
    ------
    InputError
        Names table, row, column, value and remedy.
    """
    places = _places(raw, columns)
    if not raw.rows:
        raise InputError(f"Table '{raw.name}' has headings and no rows: add at least one row.", layer=raw.name)
    measured = [place for column in columns if column.kind == "number" and (place := places[column.name]) is not None]
    decimal_commas = any(_DECIMAL_COMMA.fullmatch(cells[place].strip()) for _, cells in raw.rows for place in measured)
    rows = []
    for number, cells in raw.rows:
        row = {}
        for column in columns:
            place = places[column.name]
            cell = _Cell("" if place is None else cells[place].strip(), column, raw.name, number)
            row[column.name] = cell.value(decimal_commas)
        rows.append(row)
    return Table(raw.name, rows, [number for number, _ in raw.rows], list(raw.header), raw.folder)


def _places(raw: RawTable, columns: Sequence[Column]) -> dict[str, int | None]:
    """Index of each column in a table's rows; None where an optional one is missing."""
    headings = [_plain(heading) for heading in raw.header]
    places: dict[str, int | None] = {}
    for column in columns:
        names = [_plain(name) for name in (column.name, *column.aliases)]
        place = next((headings.index(name) for name in names if name in headings), None)
        if place is None and column.required:
            raise InputError(
                f"Table '{raw.name}' has no column '{column.name}': its columns are "
                f"{', '.join(raw.header)}; add '{column.name}' or rename one.",
                layer=raw.name,
            )
        if place is not None and headings.count(headings[place]) > 1:
            raise InputError(
                f"Table '{raw.name}' has more than one column '{raw.header[place]}': remove or rename all but one.",
                layer=raw.name,
            )
        places[column.name] = place
    return places


def _plain(heading: str) -> str:
    return re.sub(r"[\s_]+", "_", heading.strip().lower())


@dataclass(frozen=True)
class _Cell:
    """A cell's text, with its table, row and column."""

    text: str
    column: Column
    table: str
    row: int

    def value(self, decimal_commas: bool) -> Any:
        """What the text means in its column; ``decimal_commas``: the table is known to write 0,5."""
        if self.text == "" or self.text.upper() == "NULL":
            if self.column.required:
                raise self._refusal("is empty; fill it in.")
            return self.column.default
        if self.column.kind == "text":
            return self._word()
        if self.column.kind == "flag":
            return self._flag()
        if self.column.kind == "integers":
            return self._integers()
        return self._number(decimal_commas)

    def _refusal(self, remedy: str) -> InputError:
        return InputError(
            f"Table '{self.table}', row {self.row}, column '{self.column.name}': '{self.text}' {remedy}",
            layer=self.table,
            feature=self.row,
            value=self.text,
        )

    def _word(self) -> str:
        choices = self.column.choices
        if choices and self.text.lower() not in choices:
            raise self._refusal(f"is not one of {', '.join(choices)}; use one of these words.")
        return self.text.lower() if choices else self.text

    def _flag(self) -> bool:
        word = self.text.lower()
        word = word[:-2] if word.endswith(".0") else word
        if word in _TRUE or word in _FALSE:
            return word in _TRUE
        raise self._refusal("is neither yes nor no; write 1 or 0.")

    def _integers(self) -> list[int]:
        values = [self._integer(part) for part in split_list(self.text)]
        if not values:
            raise self._refusal("holds no number; write some such as 11;12.")
        if not all(self._is_in_range(value) for value in values):
            raise self._refusal(f"holds a number outside {self._range_text()}; correct it.")
        return values

    def _number(self, decimal_commas: bool) -> float:
        text, is_integer = self.text, self.column.kind == "integer"
        if _THOUSAND_OR_DECIMAL.fullmatch(text) and (is_integer or not decimal_commas):
            raise self._refusal(
                f"may mean {text.replace(',', '')} or {text.replace(',', '.')}; write it without the comma."
            )
        value = self._integer(text) if is_integer else number_of(text)
        if value is None:
            raise self._refusal("is not a number; write one such as 0.5.")
        if not self._is_in_range(value):
            raise self._refusal(f"is outside {self._range_text()}; correct it.")
        return value

    def _integer(self, text: str) -> int:
        value = number_of(text)
        if value is None or value != math.floor(value):
            raise self._refusal("is not a whole number; write one such as 11.")
        return int(value)

    def _is_in_range(self, value: float) -> bool:
        return self.column.minimum <= value <= self.column.maximum

    def _range_text(self) -> str:
        return f"{self.column.minimum:g} to {self.column.maximum:g}"


def number_of(value: str | float | None) -> float | None:
    """The number a text means (``01``, ``0,5``, ``1/3``, ``1e3``), or None."""
    text = str(value).strip()
    if text.count("/") == 1:
        top, bottom = (number_of(part) for part in text.split("/"))
        return None if top is None or not bottom else top / bottom
    if text.count(",") == 1 and "." not in text:
        text = text.replace(",", ".")
    if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text):
        return None
    number = float(text)
    return number if math.isfinite(number) else None


def split_list(text: str, *, words: bool = False, decimals: bool = False) -> list[str]:
    """The parts of a list that a planner typed, without blanks; Chinese marks count as Western ones.

    Parameters
    ----------
    text : str
        Parts with comma, semicolon, line break or white space between.
    words : bool
        White space belongs to the parts and does not separate them.
    decimals : bool
        Where a semicolon (of words also a line break) separates, a comma is a decimal comma.
    """
    text = text.translate(_CHINESE_MARKS)
    between, decisive = (r"[,;\n]", r"[;\n]") if words else (r"[,;\s]", ";")
    if decimals and re.search(decisive, text.strip()):
        between = decisive
    return [part.strip() for part in re.split(between, text) if part.strip()]

"""Rule tables: what a planner edits instead of code.

A table is text until it is parsed here, so that a CSV from any office program and a table layer
of QGIS give the same rows and the same errors. Errors name file, row, column and value.
"""

import csv
import io
import math
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from .errors import InputError

_CORE = Path(__file__).resolve().parent
_ENCODINGS = ("utf-8-sig", "gb18030", "latin-1")
# 0,5 and 1,25 are decimals; 1,250 is one where the same table holds such, else nobody can tell
_DECIMAL_COMMA = re.compile(r"[+-]?(\d*,(\d{1,2}|\d{4,})|0*,\d+|\d{4,},\d+)")
_THOUSAND_OR_DECIMAL = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")

_TRUE = {"1", "true", "yes", "y", "t", "是"}
_FALSE = {"0", "false", "no", "n", "f", "否", ""}
_CHINESE_MARKS = str.maketrans("，、；＝", ",,;=")


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
    header: list
    rows: list
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
    default : object
        Where an optional column or cell is empty.
    """

    name: str
    kind: str = "number"
    required: bool = True
    minimum: float = -math.inf
    maximum: float = math.inf
    choices: tuple = ()
    aliases: tuple = ()
    default: object = None


@dataclass
class Table:
    """Parsed rows, each a dict by column name; ``numbers[i]`` is row i's number in the file."""

    name: str
    rows: list
    numbers: list
    header: list = field(default_factory=list)
    folder: str = ""

    def __iter__(self):
        return iter(self.rows)

    def __len__(self):
        return len(self.rows)

    def error(self, index, column, mend):
        """An InputError that names the row, the column and its value."""
        value = self.rows[index].get(column)
        return InputError(
            f"Table '{self.name}', row {self.numbers[index]}, column '{column}': "
            f"'{'' if value is None else value}' {mend}"
        )


def read_csv(path, name=""):
    """A CSV file as text: UTF-8 with or without BOM or GBK; comma, semicolon or tab."""
    try:
        with open(path, "rb") as stream:
            content = stream.read()
    except OSError as error:
        raise InputError(
            f"Table '{name or path}' cannot be read ({error.strerror}): check that the file "
            f"exists and is not held open by another program."
        ) from None
    utf_16 = ("utf-16",) if content.startswith((b"\xff\xfe", b"\xfe\xff")) else ()
    for encoding in utf_16 + _ENCODINGS:
        try:
            text = content.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    return parse_csv(text, name or os.path.basename(path), os.path.dirname(os.path.abspath(path)))


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


def parse_csv(text, name, folder=""):
    """CSV text to a RawTable; lines that are empty or start with # are passed over.

    Rows are counted as a spreadsheet counts them: comments and empty lines too, and a cell of
    several lines is one row.
    """
    if "\0" in text:
        raise InputError(f"Table '{name}' is no text: save it as CSV and use that.")
    # a comment may hold a quote that never ends
    text = re.sub(r"(?m)^[ \t]*\"?#.*$", "", text.replace("\r\n", "\n").replace("\r", "\n"))
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(",;\t", key=re.sub(r'"[^"]*"', "", first).count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    header, rows = None, []
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
                    f"{len(header)} headings; put a value that holds '{delimiter}' in quotes."
                )
            rows.append((number, (cells + [""] * len(header))[: len(header)]))
    except csv.Error as error:
        raise InputError(
            f"Table '{name}' cannot be read as a CSV file ({error}): save it as CSV and use that."
        ) from None
    if header is None:
        raise InputError(f"Table '{name}' is empty: give it a row of headings and at least one row.")
    return RawTable(name, header, rows, folder)


def parse(raw, columns, extra="ignore"):
    """Typed rows of a RawTable.

    Parameters
    ----------
    raw : RawTable
    columns : list of Column
    extra : str
        ``ignore`` columns not named, or keep them as ``text`` or as ``number``.

    Raises
    ------
    InputError
        Names table, row, column, value and mend.
    """
    headings = {_plain(heading): index for index, heading in reversed(list(enumerate(raw.header)))}
    where, used = {}, set()

    def require_one(heading):
        if sum(_plain(other) == _plain(heading) for other in raw.header) > 1:
            raise InputError(f"Table '{raw.name}' has more than one column '{heading}': remove or rename all but one.")

    for column in columns:
        index = next((headings[_plain(n)] for n in (column.name, *column.aliases) if _plain(n) in headings), None)
        if index is None and column.required:
            raise InputError(
                f"Table '{raw.name}' has no column '{column.name}': its columns are "
                f"{', '.join(raw.header)}; add '{column.name}' or rename one."
            )
        where[column.name] = index
        if index is not None:
            used.add(index)
            require_one(raw.header[index])
    if not raw.rows:
        raise InputError(f"Table '{raw.name}' has headings and no rows: add at least one row.")
    others = (
        []
        if extra == "ignore"
        else [
            (index, Column(heading, extra)) for index, heading in enumerate(raw.header) if index not in used and heading
        ]
    )
    for _, column in others:
        require_one(column.name)
    rows, numbers = [], []
    measured = [where[column.name] for column in columns if column.kind == "number" and where[column.name] is not None]
    commas = any(_DECIMAL_COMMA.fullmatch(cells[index].strip()) for _, cells in raw.rows for index in measured)
    for number, cells in raw.rows:
        row = {}
        for column in columns:
            index = where[column.name]
            cell = "" if index is None else cells[index]
            row[column.name] = _value(cell, column, raw.name, number, commas)
        for index, column in others:
            row[column.name] = _value(cells[index], column, raw.name, number, commas)
        rows.append(row)
        numbers.append(number)
    return Table(raw.name, rows, numbers, list(raw.header), raw.folder)


def _plain(heading):
    return re.sub(r"[\s_]+", "_", heading.strip().lower())


def _value(cell, column, table, number, commas):
    cell = cell.strip()

    def refuse(mend):
        return InputError(f"Table '{table}', row {number}, column '{column.name}': '{cell}' {mend}")

    if cell == "" or cell.upper() == "NULL":
        if column.required:
            raise refuse("is empty; fill it in.")
        return column.default
    if column.kind == "text":
        text = cell
        if column.choices and text.lower() not in column.choices:
            raise refuse(f"is not one of {', '.join(column.choices)}; use one of these words.")
        return text.lower() if column.choices else text
    if column.kind == "flag":
        word = cell.lower()
        word = word[:-2] if word.endswith(".0") else word
        if word in _TRUE or word in _FALSE:
            return word in _TRUE
        raise refuse("is neither yes nor no; write 1 or 0.")
    if column.kind == "integers":
        values = [_integer(part, refuse) for part in split_list(cell)]
        if not values:
            raise refuse("holds no number; write some such as 11;12.")
        if not all(column.minimum <= value <= column.maximum for value in values):
            raise refuse(f"holds a number outside {column.minimum:g} to {column.maximum:g}; correct it.")
        return values
    if _THOUSAND_OR_DECIMAL.fullmatch(cell) and (column.kind == "integer" or not commas):
        raise refuse(f"may mean {cell.replace(',', '')} or {cell.replace(',', '.')}; write it without the comma.")
    if column.kind == "integer":
        value = _integer(cell, refuse)
    else:
        value = number_of(cell)
        if value is None:
            raise refuse("is not a number; write one such as 0.5.")
    if not column.minimum <= value <= column.maximum:
        raise refuse(f"is outside {column.minimum:g} to {column.maximum:g}; correct it.")
    return value


def _integer(cell, refuse):
    value = number_of(cell)
    if value is None or value != math.floor(value):
        raise refuse("is not a whole number; write one such as 11.")
    return int(value)


def number_of(cell):
    """The number a text means (``01``, ``0,5``, ``1/3``, ``1e3``), or None."""
    cell = str(cell).strip()
    if cell.count("/") == 1:
        top, bottom = (number_of(part) for part in cell.split("/"))
        return None if top is None or not bottom else top / bottom
    if cell.count(",") == 1 and "." not in cell:
        cell = cell.replace(",", ".")
    if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", cell):
        return None
    value = float(cell)
    return value if math.isfinite(value) else None


def split_list(text, words=False, decimals=False):
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

"""Judgements as experts write them: rows ``factor_a, factor_b, judgement``, or matrices."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from .. import tables
from ..errors import InputError
from .matrix import TOP_OF_SCALE
from .names import Names

_ROWS = [
    tables.Column("factor_a", "text", aliases=("因子a", "因素a", "指标a")),
    tables.Column("factor_b", "text", aliases=("因子b", "因素b", "指标b")),
    tables.Column("judgement", "text", required=False, aliases=("judgment", "value", "判断", "判断值", "标度")),
    tables.Column("expert", "text", required=False, aliases=("专家",)),
]
_NOT_JUDGED = {"", "-", "*", "?", "null", "na", "n/a", "none"}
_MONTH = "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
_YEAR = r"([- ,]+\d{2,4})?"
_DATE = re.compile(
    rf"\d{{1,4}}[-/.]\d{{1,2}}[-/.]\d{{1,4}}( .*)?|\d{{1,2}}[- ]?{_MONTH}\.?{_YEAR}|"
    rf"{_MONTH}\.?[- ]?\d{{1,2}}{_YEAR}|.*月.*",
    re.IGNORECASE,
)
# a raised or fraction sign after a digit would become further digits: 1½ is not 11/2
_RUN_TOGETHER = re.compile("\\d\\s*[\u00b2\u00b3\u00b9\u00bc-\u00be\u2070-\u2079\u2150-\u215e]")
# what programs write beside a matrix
_RESULT_HEADINGS = {
    "wi",
    "weight",
    "weights",
    "priority",
    "priorities",
    "priority vector",
    "eigenvector",
    "sum",
    "total",
    "ci",
    "cr",
    "lambda max",
    "λmax",
    "λ max",
    "权重",
    "权重值",
    "特征向量",
    "合计",
    "总和",
    "求和",
}
_SIGNS = str.maketrans("\u2044\u2215\u2236", "//:")  # fraction slash, division slash, ratio


@dataclass(frozen=True)
class Entry:
    """One judgement as it was written.

    Parameters
    ----------
    a, b : str
        Keys of the names of both factors.
    value : float, optional
        How many times as important a is as b; None where the pair was not judged.
    text : str
        As it was written.
    expert : str
        Empty where the table does not say.
    where : str
        For messages, such as ``Table 'x', row 2``.
    """

    a: str
    b: str
    value: float | None
    text: str
    expert: str
    where: str


def judgement_of(text: str, where: str) -> float | None:
    """The judgement that a cell holds, or None where the pair was not judged.

    Parameters
    ----------
    text : str
        ``3``, ``1/3``, ``0.33``, ``0,33`` or ``1:3``; Chinese full-width signs count as Western ones.
    where : str
        For messages, such as ``Table 'x', row 2``.

    Raises
    ------
    InputError
        No number, a date into which a spreadsheet turned a fraction, or outside 1/9 to 9.
    """
    cell = unicodedata.normalize("NFKC", text).translate(_SIGNS).strip().lstrip("'=")
    if cell.lower() in _NOT_JUDGED or set(cell) <= set("-–—―"):
        return None
    value = None if _RUN_TOGETHER.search(text) else tables.number_of(cell.replace(":", "/", 1))
    if value is None:
        if _DATE.fullmatch(cell):
            raise InputError(
                f"{where}: '{text}' is a date, into which spreadsheets turn judgements such as 1/3: "
                f"format the cell as text and type the judgement again."
            )
        raise InputError(
            f"{where}: '{text}' is not a judgement; write 1 to 9, or 1/2 to 1/9 where the second one is more important."
        )
    least = 1.0 / TOP_OF_SCALE
    if 0.11 <= value < least:
        value = least
    if not least * (1 - 1e-9) <= value <= TOP_OF_SCALE * (1 + 1e-9):
        raise InputError(
            f"{where}: '{text}' is outside Saaty's scale, 1/9 to 9; correct it, or leave it empty where "
            f"the pair was not judged."
        )
    return value


def entries_of_rows(raw: tables.RawTable, names: Names, experts: Names) -> list[Entry]:
    """The judgements of a table of rows."""
    table = tables.parse(raw, _ROWS)
    judgement = _ROWS[2]
    if not {judgement.name, *judgement.aliases} & {heading.strip().lower() for heading in raw.header}:
        raise InputError(
            f"Table '{raw.name}' has no column '{judgement.name}': its columns are "
            f"{', '.join(raw.header)}; add '{judgement.name}' or rename one."
        )
    with_expert = any(row["expert"] for row in table)
    entries = []
    for index, row in enumerate(table.rows):
        where = f"Table '{table.name}', row {table.numbers[index]}"
        if with_expert and not row["expert"]:
            raise table.error(index, "expert", "is empty; name the expert in every row.")
        a, b = names.key(row["factor_a"]), names.key(row["factor_b"])
        expert = experts.shown[experts.key(row["expert"])] if row["expert"] else ""
        entries.append(Entry(a, b, judgement_of(row["judgement"] or "", where), row["judgement"] or "", expert, where))
    return entries


@dataclass
class _Matrix:
    """A table as a matrix: keys of its columns and lines, and the numbered cells of each line, its name first."""

    name: str
    columns: list[str]
    lines: list[str]
    rows: list[tuple[int, list[str]]]

    @property
    def only_columns(self) -> list[str]:
        return [key for key in self.columns if key not in self.lines]

    @property
    def only_lines(self) -> list[str]:
        return [key for key in self.lines if key not in self.columns]


def entries_of_matrix(raw: tables.RawTable, names: Names, notes: list[str]) -> list[Entry]:
    """The judgements of a matrix; one triangle is enough. ``notes`` receives a sentence on ignored columns."""
    matrix = _matrix_of(raw, names)
    _leave_out_sums(matrix, names, notes)
    _require_matrix(matrix, names)
    entries = []
    for line, (number, cells) in zip(matrix.lines, matrix.rows):
        for column, cell in zip(matrix.columns, cells[1:]):
            where = f"Table '{raw.name}', row {number} ('{names.shown[line]}'), column '{names.shown[column]}'"
            entries.append(Entry(line, column, judgement_of(cell, where), cell, "", where))
    for key in matrix.only_columns:  # a row of only the diagonal may be omitted
        entries.append(Entry(key, key, None, "", "", ""))
    return entries


def _matrix_of(raw: tables.RawTable, names: Names) -> _Matrix:
    header, rows = raw.header, raw.rows
    if header and header[0].strip().lower() in ("fid", "ogc_fid"):  # what a GeoPackage puts first
        header, rows = header[1:], [(number, cells[1:]) for number, cells in rows]
    while header and not header[-1].strip() and len(header) > 1:
        header = header[:-1]
    columns = [names.key(heading) for heading in header[1:]]
    lines = [names.key(cells[0]) for _, cells in rows]
    for found, what in ((columns, "columns"), (lines, "rows")):
        twice = sorted({key for key in found if found.count(key) > 1})
        if twice or "" in found:
            fault = f"{what} without a name; name each factor in the header and in the first column."
            if twice:
                once = "a factor stands once in the header and once in the first column."
                fault = f"two {what} {names.listed(twice)}; {once}"
            raise InputError(f"Table '{raw.name}' has {fault}", layer=raw.name)
    return _Matrix(raw.name, columns, lines, rows)


def _leave_out_sums(matrix: _Matrix, names: Names, notes: list[str]) -> None:
    """Remove the columns and rows of weights, sums and ratios that programs add to a matrix."""
    columns, lines = matrix.columns, matrix.lines
    results = {key for key in columns + lines if key in _RESULT_HEADINGS} - (set(columns) & set(lines))
    if not results:
        return
    notes.append(f"{names.listed(sorted(results))} in table '{matrix.name}' is not a factor and was ignored.")
    kept = [0, *(place for place, key in enumerate(columns, 1) if key not in results)]
    matrix.rows = [
        (number, [cells[place] for place in kept])
        for (number, cells), key in zip(matrix.rows, lines)
        if key not in results
    ]
    matrix.columns, matrix.lines = ([key for key in found if key not in results] for found in (columns, lines))


def _require_matrix(matrix: _Matrix, names: Names) -> None:
    """Refuse a table whose header and first column do not name the same factors."""
    columns, lines = matrix.columns, matrix.lines
    only_columns, only_lines = matrix.only_columns, matrix.only_lines
    # without the row and column of the diagonal; two numbers are a matrix without names
    triangle = (columns[:-1] == lines[1:] or columns[1:] == lines[:-1]) and not all(
        tables.number_of(names.shown[key]) for key in columns + lines
    )
    if (
        not columns
        or not lines
        or (not triangle and ((only_columns and only_lines) or len(only_columns) > 1 or len(only_lines) > 1))
    ):
        raise InputError(
            f"Table '{matrix.name}' is no matrix of judgements: the header has {names.listed(columns) or 'no names'} "
            f"and the first column {names.listed(lines) or 'no names'}; name the same factors in both, or give rows "
            f"with the columns factor_a, factor_b, judgement.",
            layer=matrix.name,
        )
    if not triangle and (only_columns or only_lines):
        _check_whole(matrix, (only_columns or only_lines)[0], names)


def _check_whole(matrix: _Matrix, alone: str, names: Names) -> None:
    """Refuse a name that stands only in the header or the first column where both triangles are filled.

    The row or column that a triangle may leave out is empty but for the diagonal.
    """
    order = {key: place for place, key in enumerate(matrix.columns)}
    filled: set[bool] = set()
    for line, (_, cells) in zip(matrix.lines, matrix.rows):
        filled |= {
            order[line] < place
            for column, place in order.items()
            if column in matrix.lines and line in order and column != line and cells[1 + place].strip()
        }
    if len(filled) == 2:
        here, there = ("column", "row") if alone in matrix.columns else ("row", "column")
        raise InputError(
            f"Table '{matrix.name}' has a {here} '{names.shown[alone]}' and no such {there}: remove the {here} "
            f"if it is no factor, or add the {there}.",
            layer=matrix.name,
        )


def is_table_of_rows(raw: tables.RawTable) -> bool:
    """Whether a table holds rows of pairs, not a matrix."""
    try:
        tables.parse(raw, _ROWS[:2])
    except InputError:
        headings = {heading.strip().lower() for heading in raw.header}
        return bool(headings & {"factor_a", "factor_b", "judgement", "judgment"})
    return True

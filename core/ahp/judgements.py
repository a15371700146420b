"""Reads what experts judged: rows ``factor_a, factor_b, judgement`` or matrices, and a table of groups.

Factors are compared within their group, and groups with each other. All of it becomes one
judgement matrix per comparison and expert (see ``ahp_matrix``).
"""

import os
import re
import unicodedata
from dataclasses import dataclass, field

from .. import tables
from ..errors import InputError
from ..progress import SILENT
from .matrix import TOP_OF_SCALE, as_text, empty_matrix, put

GOAL = ""

_ROWS = [
    tables.Column("factor_a", "text", aliases=("因子a", "因素a", "指标a")),
    tables.Column("factor_b", "text", aliases=("因子b", "因素b", "指标b")),
    tables.Column("judgement", "text", required=False, aliases=("judgment", "value", "判断", "判断值", "标度")),
    tables.Column("expert", "text", required=False, aliases=("专家",)),
]
_GROUPS = [
    tables.Column("factor", "text", aliases=("因子", "因素", "指标")),
    tables.Column("group", "text", required=False, aliases=("dimension", "criterion", "维度", "准则", "准则层")),
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
_BESIDE = {
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
_ROUNDING = 0.02


@dataclass
class Comparison:
    """What is compared with each other: the members of a group, or the groups under the goal.

    Parameters
    ----------
    name : str
        The group; empty for the goal.
    members : list of str
    title, where : str
        What is compared and where, for messages: ``factors`` and ``among the factors``.
    matrices : dict of str to float64 ndarray
        By expert; experts who judged nothing here are left out.
    """

    name: str
    members: list
    title: str
    where: str
    matrices: dict = field(default_factory=dict)


@dataclass
class Hierarchy:
    """All judgements.

    Parameters
    ----------
    comparisons : list of Comparison
        The goal first, a group after the one that it belongs to.
    factors : list of str
        Those that get a weight, in the order of the judgements.
    parent : dict of str to str
        The group of each factor or group; ``GOAL`` where there is none.
    experts : list of str
    notes : list of str
        Sentences on how the tables were read.
    """

    comparisons: list
    factors: list
    parent: dict
    experts: list
    notes: list


@dataclass(frozen=True)
class _Entry:
    a: str
    b: str
    value: float
    text: str
    expert: str
    where: str


class _Names:
    """Names that differ in case, blanks or width are one; the first spelling is kept."""

    def __init__(self):
        self.shown, self.variants = {}, []

    def key(self, text):
        text = text.strip()
        plain = re.sub("[\u00ad\u200b-\u200d\ufeff]", "", unicodedata.normalize("NFKC", text))
        key = re.sub(r"[\s_-]+", " ", plain).strip().casefold() or text
        if self.shown.setdefault(key, text) != text and text not in self.variants:
            self.variants.append(text)
        return key

    def read_as(self):
        """A sentence for each spelling that was taken for another one."""
        return [f"Read '{variant}' as '{self.shown[self.key(variant)]}'." for variant in tuple(self.variants)]

    def list(self, keys):
        return ", ".join(f"'{self.shown[key]}'" for key in keys)


# what one cell says -----------------------------------------------------------------------------------


def judgement_of(text, where):
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


def _entries_of_rows(raw, names, experts):
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
        entries.append(_Entry(a, b, judgement_of(row["judgement"] or "", where), row["judgement"] or "", expert, where))
    return entries


def _entries_of_matrix(raw, names, notes):
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
            raise InputError(
                f"Table '{raw.name}' has "
                + (
                    f"two {what} {names.list(twice)}; a factor stands once in the header and once in the first column."
                    if twice
                    else f"{what} without a name; name each factor in the header and in the first column."
                )
            )
    beside = {key for key in columns + lines if key in _BESIDE} - (set(columns) & set(lines))
    if beside:
        notes.append(f"{names.list(sorted(beside))} in table '{raw.name}' is no factor and was passed over.")
        kept = [0, *(place for place, key in enumerate(columns, 1) if key not in beside)]
        rows = [
            (number, [cells[place] for place in kept]) for (number, cells), key in zip(rows, lines) if key not in beside
        ]
        columns, lines = ([key for key in found if key not in beside] for found in (columns, lines))
    only_columns = [key for key in columns if key not in lines]
    only_lines = [key for key in lines if key not in columns]
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
            f"Table '{raw.name}' is no matrix of judgements: the header has {names.list(columns) or 'no names'} and the "
            f"first column {names.list(lines) or 'no names'}; name the same factors in both, or give rows with the "
            f"columns factor_a, factor_b, judgement."
        )
    if not triangle and (only_columns or only_lines):
        _check_whole(raw, columns, lines, [cells for _, cells in rows], (only_columns or only_lines)[0], names)
    entries = []
    for line, (number, cells) in zip(lines, rows):
        for column, cell in zip(columns, cells[1:]):
            where = f"Table '{raw.name}', row {number} ('{names.shown[line]}'), column '{names.shown[column]}'"
            entries.append(_Entry(line, column, judgement_of(cell, where), cell, "", where))
    for key in only_columns:  # a row that would hold nothing but the diagonal may be left out
        entries.append(_Entry(key, key, None, "", "", ""))
    return entries


def _check_whole(raw, columns, lines, rows, alone, names):
    """Refuse a name that stands only in the header or the first column where both triangles are filled.

    The row or column that a triangle may leave out is empty but for the diagonal.
    """
    order, filled = {key: place for place, key in enumerate(columns)}, set()
    for line, cells in zip(lines, rows):
        filled |= {
            order[line] < place
            for column, place in order.items()
            if column in lines and line in order and column != line and cells[1 + place].strip()
        }
    if len(filled) == 2:
        here, there = ("column", "row") if alone in columns else ("row", "column")
        raise InputError(
            f"Table '{raw.name}' has a {here} '{names.shown[alone]}' and no such {there}: remove the {here} "
            f"if it is no factor, or add the {there}."
        )


def _is_rows(raw):
    try:
        tables.parse(raw, _ROWS[:2])
    except InputError:
        headings = {heading.strip().lower() for heading in raw.header}
        return bool(headings & {"factor_a", "factor_b", "judgement", "judgment"})
    return True


# who said it ------------------------------------------------------------------------------------------


def _name_experts(named, parent):
    """Gives entries without an expert one: each table goes to the first who has not yet judged the same.

    Parameters
    ----------
    named : list of (str, list of _Entry)
        Table name and its entries.

    Returns
    -------
    list of _Entry, list of (str, list of str)
        Entries by named experts, and each expert's tables.
    """
    entries, anonymous = [], []
    for table, found in named:
        entries += [entry for entry in found if entry.expert]
        without = [entry for entry in found if not entry.expert]
        if not without:
            continue
        # a table whose names all stand under one group says something about that comparison
        touched = {parent(entry.a) for entry in without if parent(entry.a) == parent(entry.b)} or {None}
        place = next((one for one in anonymous if not one[0] & touched), None)
        if place is None:
            anonymous.append(place := (set(), [], []))
        place[0].update(touched)
        place[1].append(table)
        place[2].extend(without)
    labels = [
        place[1][0] if len(place[1]) == 1 else re.sub(r"[\W_]+$", "", os.path.commonprefix(place[1]))
        for place in anonymous
    ]
    if len(set(labels)) < len(labels) or not all(labels) or len(anonymous) == 1:
        labels = [f"expert {number}" for number in range(1, len(anonymous) + 1)]
    for label, (_, _, found) in zip(labels, anonymous):
        entries += [_Entry(e.a, e.b, e.value, e.text, label, e.where) for e in found]
    return entries, [(label, place[1]) for label, place in zip(labels, anonymous)]


def read_expert_weights(text, experts):
    """The say of each expert, adding to 1; empty text: all alike.

    Parameters
    ----------
    text : str
        ``Li=2, Wang=1``, or numbers in the experts' order: ``2, 1``.
    experts : list of str

    Raises
    ------
    InputError
        Names or their number do not match the experts, or no weight is above 0.
    """
    if not text.strip():
        return dict.fromkeys(experts, 1.0 / len(experts))
    parts = tables.split_list(text, words=True, decimals=True)
    if all("=" in part for part in parts):
        names = _Names()
        by_key, given = {names.key(expert): expert for expert in experts}, {}
        for part in parts:
            written, _, number = part.rpartition("=")
            expert = by_key.get(names.key(written))
            if expert is None or expert in given:
                raise InputError(
                    f"Experts' weights: '{written.strip()}' "
                    + (
                        "is named twice; keep one."
                        if expert
                        else f"is none of the experts {', '.join(experts)}; correct the name."
                    )
                )
            given[expert] = number
        missing = [expert for expert in experts if expert not in given]
        if missing:
            raise InputError(f"Experts' weights name no weight for {', '.join(missing)}: add name=weight for each.")
        numbers = [given[expert] for expert in experts]
    else:
        numbers = parts
        if len(numbers) != len(experts):
            raise InputError(
                f"Experts' weights are {len(numbers)} and the experts {len(experts)} "
                f"({', '.join(experts)}): give one number for each, or name=number."
            )
    values = [tables.number_of(number) for number in numbers]
    for number, value in zip(numbers, values):
        if value is None or value < 0:
            raise InputError(f"Experts' weights: '{number.strip()}' is not a number from 0 up; write one such as 2.")
    if not sum(values):
        raise InputError("Experts' weights are all 0: give at least one expert a weight above 0.")
    return {expert: value / sum(values) for expert, value in zip(experts, values)}


# all together -----------------------------------------------------------------------------------------


def read_hierarchy(judgements=None, judgement_tables=(), groups=None, progress=SILENT):
    """All judgements as matrices.

    Parameters
    ----------
    judgements : tables.RawTable, optional
        Rows ``factor_a, factor_b, judgement`` and, for several people, ``expert``.
    judgement_tables : list of tables.RawTable
        Matrices with factor names in the first column and in the header; the upper triangle is
        enough. Tables over the same factors are different experts; tables over different groups
        go to experts in their order. Tables of rows are understood here too, matrices there too.
    groups : tables.RawTable, optional
        Rows ``factor, group``; a group may itself stand under a group.

    Raises
    ------
    InputError
        A cell that is no judgement, contradicting entries for one pair, judgements across groups,
        factors that do not match the groups, or both or none of the two inputs.
    """
    if (judgements is not None) == bool(judgement_tables):
        raise InputError(
            "Judgements are given twice, as a table of rows and as tables of experts: keep one of the two."
            if judgement_tables
            else "No judgements are given: choose a table of rows (factor_a, factor_b, judgement) or the "
            "experts' tables."
        )
    names, people = _Names(), _Names()
    parent = _read_groups(groups, names)
    named, beside = [], []
    for raw in [judgements] if judgements is not None else judgement_tables:
        progress.check()
        found = _entries_of_rows(raw, names, people) if _is_rows(raw) else _entries_of_matrix(raw, names, beside)
        named.append((raw.name, found))
    order = list(dict.fromkeys(key for _, found in named for entry in found for key in (entry.a, entry.b)))
    group_keys = set(parent.values()) - {GOAL}
    if groups is None:
        parent = dict.fromkeys(order, GOAL)
    else:
        unknown = [key for key in order if key not in parent and key not in group_keys]
        if unknown:
            raise InputError(
                f"{names.list(unknown)} in the judgements stand in no row of the table of groups "
                f"'{groups.name}': add a row for each, or use the same names in both."
            )
        parent.update({key: GOAL for key in sorted(group_keys) if key not in parent})
        order = [key for key in order if key in parent] + [key for key in parent if key not in order]
    entries, tables_of = _name_experts(named, lambda key: parent[key])
    experts = list(dict.fromkeys(entry.expert for entry in entries))
    comparisons = _comparisons(order, parent, names)
    notes = beside + _notes(names, tables_of, judgement_tables) + people.read_as()
    _fill(comparisons, entries, parent, names, notes)
    shown = names.shown
    for comparison in comparisons:
        comparison.name = shown.get(comparison.name, GOAL)
        comparison.members = [shown[key] for key in comparison.members]
    return Hierarchy(
        comparisons,
        [shown[key] for key in order if key not in group_keys],
        {shown[key]: shown.get(above, GOAL) for key, above in parent.items()},
        experts,
        notes,
    )


def _read_groups(raw, names):
    if raw is None:
        return {}
    table, parent = tables.parse(raw, _GROUPS), {}
    for index, row in enumerate(table.rows):
        key = names.key(row["factor"])
        group = names.key(row["group"]) if row["group"] else GOAL
        if key in parent:
            raise table.error(index, "factor", "stands in an earlier row; a factor belongs to one group.")
        parent[key] = group
        above = group
        while above:
            if above == key:
                raise table.error(
                    index, "group", "would belong to itself; give the group another name than its factor."
                )
            above = parent.get(above, GOAL)
    return parent


def _comparisons(order, parent, names):
    """The goal's and each group's members, groups below their own group."""
    result, waiting = [], [GOAL]
    while waiting:
        name = waiting.pop(0)
        members = [key for key in order if parent[key] == name]
        below = [key for key in members if key in set(parent.values())]
        title = f"group '{names.shown[name]}'" if name else "groups" if below else "factors"
        result.append(Comparison(name, members, title, f"within {title}" if name else f"among the {title}"))
        waiting += below
    return result


def _notes(names, tables_of, judgement_tables):
    notes = names.read_as()
    if len(judgement_tables) > 1:
        notes += [
            f"Judgements of {label}: tables {', '.join(found)}." for label, found in tables_of if found != [label]
        ]
    return notes


def _fill(comparisons, entries, parent, names, notes):
    """Puts the entries into the matrices of their comparison, after checking them against each other."""
    said, rounded = {}, False
    for entry in entries:
        if entry.a == entry.b:
            if entry.value is not None and abs(entry.value - 1.0) > 1e-9:
                raise InputError(
                    f"{entry.where}: '{names.shown[entry.a]}' against itself is '{entry.text}', and "
                    f"is 1 by definition; correct it."
                )
            continue
        if entry.value is None:
            continue
        if parent[entry.a] != parent[entry.b]:
            places = [f"'{names.shown[key]}' ({_place(key, parent, names)})" for key in (entry.a, entry.b)]
            raise InputError(
                f"{entry.where}: {places[0]} is compared with {places[1]}; compare factors within their "
                f"group and groups with each other, or correct the table of groups."
            )
        first = said.get((entry.expert, entry.a, entry.b)) or said.get((entry.expert, entry.b, entry.a))
        if first is None:
            said[entry.expert, entry.a, entry.b] = entry
        else:
            rounded |= first.a != entry.a and abs(first.value * entry.value - 1.0) > 1e-6
            said[first.expert, first.a, first.b] = _agreed(first, entry, names)
    where = {key: comparison for comparison in comparisons for key in comparison.members}
    for (expert, _, _), entry in said.items():
        comparison = where[entry.a]
        matrix = comparison.matrices.get(expert)
        if matrix is None:
            matrix = empty_matrix(len(comparison.members))
        comparison.matrices[expert] = put(
            matrix, comparison.members.index(entry.a), comparison.members.index(entry.b), entry.value
        )
    if rounded:
        notes.append(
            "Where both triangles of a matrix are filled, the value of 1 or more of a pair was used and the "
            "other one, such as 0.33 for 1/3, taken as its rounded reciprocal."
        )


def _place(key, parent, names):
    return f"group '{names.shown[parent[key]]}'" if parent[key] else "directly under the goal"


def _agreed(first, second, names):
    """The entry to use of two that one expert gave for one pair."""
    pair = f"'{names.shown[first.a]}' against '{names.shown[first.b]}'"
    if (first.a, first.b) == (second.a, second.b):
        if abs(first.value / second.value - 1.0) > 1e-9:
            raise InputError(
                f"{second.where}: {pair} is '{second.text}', and in {_lower(first.where)} "
                f"'{first.text}'; keep one of them."
            )
        return first
    product = first.value * second.value
    large, small = (first, second) if first.value >= second.value else (second, first)
    if abs(product - 1.0) > _ROUNDING and not _is_rounded(small.text, 1.0 / large.value):
        raise InputError(
            f"{second.where}: the pair {pair} is '{first.text}' one way and '{second.text}' the other way "
            f"({_lower(first.where)}), and one has to be the reciprocal of the other, here "
            f"{as_text(1.0 / first.value)}: correct one of them, or leave one of the two cells empty."
        )
    return large


def _lower(where):
    return where[0].lower() + where[1:]


def _is_rounded(text, value):
    """Whether a decimal of two or more places is the value rounded, or cut, to them."""
    decimals = re.search(r"[.,](\d{2,})\s*$", text)
    number = tables.number_of(text.strip())
    return bool(decimals) and number is not None and abs(number - value) <= 0.5001 * 10.0 ** -len(decimals.group(1))

"""All judgements as matrices: one per comparison and expert.

Factors are compared within their group, and groups with each other.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from .. import tables
from ..arrays import Floats
from ..errors import InputError
from ..progress import SILENT, Progress
from .experts import name_experts
from .judgements import Entry, entries_of_matrix, entries_of_rows, is_table_of_rows
from .matrix import as_text, empty_matrix, with_judgement
from .names import Names

GOAL = ""
_RECIPROCAL_ROUNDING = 0.02
_GROUPS = [
    tables.Column("factor", "text", aliases=("因子", "因素", "指标")),
    tables.Column("group", "text", required=False, aliases=("dimension", "criterion", "维度", "准则", "准则层")),
]


@dataclass
class Comparison:
    """One set of things that are compared with each other: the members of a group, or the groups under the goal.

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
    members: list[str]
    title: str
    where: str
    matrices: dict[str, Floats] = field(default_factory=dict)


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

    comparisons: list[Comparison]
    factors: list[str]
    parent: dict[str, str]
    experts: list[str]
    notes: list[str]


def read_hierarchy(
    judgements: tables.RawTable | None = None,
    judgement_tables: Sequence[tables.RawTable] = (),
    groups: tables.RawTable | None = None,
    *,
    progress: Progress = SILENT,
) -> Hierarchy:
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
    names, people = Names(), Names()
    parent = _read_groups(groups, names)
    named: list[tuple[str, list[Entry]]] = []
    beside: list[str] = []
    for raw in [judgements] if judgements is not None else judgement_tables:
        progress.check()
        by_rows = is_table_of_rows(raw)
        named.append(
            (raw.name, entries_of_rows(raw, names, people) if by_rows else entries_of_matrix(raw, names, beside))
        )
    order = list(dict.fromkeys(key for _, found in named for entry in found for key in (entry.a, entry.b)))
    group_keys = set(parent.values()) - {GOAL}
    if groups is None:
        parent = dict.fromkeys(order, GOAL)
    else:
        order = _order_with_groups(order, parent, groups.name, names)
    entries, tables_of = name_experts(named, lambda key: parent[key])
    experts = list(dict.fromkeys(entry.expert for entry in entries))
    comparisons = _comparisons(order, parent, names)
    notes = beside + _notes(names, tables_of, n_tables=len(judgement_tables)) + people.read_as()
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


def _order_with_groups(order: list[str], parent: dict[str, str], table: str, names: Names) -> list[str]:
    """Order the keys: first those of the judgements, then those of the groups table alone; groups go under the goal."""
    group_keys = set(parent.values()) - {GOAL}
    unknown = [key for key in order if key not in parent and key not in group_keys]
    if unknown:
        raise InputError(
            f"{names.listed(unknown)} in the judgements stand in no row of the table of groups "
            f"'{table}': add a row for each, or use the same names in both.",
            layer=table,
        )
    parent.update({key: GOAL for key in sorted(group_keys) if key not in parent})
    return [key for key in order if key in parent] + [key for key in parent if key not in order]


def _read_groups(raw: tables.RawTable | None, names: Names) -> dict[str, str]:
    """The group of each name in a table of groups."""
    parent: dict[str, str] = {}
    if raw is None:
        return parent
    table = tables.parse(raw, _GROUPS)
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


def _comparisons(order: list[str], parent: dict[str, str], names: Names) -> list[Comparison]:
    """The goal's and each group's members, groups below their own group."""
    result: list[Comparison] = []
    waiting = [GOAL]
    while waiting:
        name = waiting.pop(0)
        members = [key for key in order if parent[key] == name]
        below = [key for key in members if key in set(parent.values())]
        title = f"group '{names.shown[name]}'" if name else "groups" if below else "factors"
        result.append(Comparison(name, members, title, f"within {title}" if name else f"among the {title}"))
        waiting += below
    return result


def _notes(names: Names, tables_of: list[tuple[str, list[str]]], *, n_tables: int) -> list[str]:
    notes = names.read_as()
    if n_tables > 1:
        notes += [
            f"Judgements of {label}: tables {', '.join(found)}." for label, found in tables_of if found != [label]
        ]
    return notes


def _fill(
    comparisons: list[Comparison], entries: list[Entry], parent: dict[str, str], names: Names, notes: list[str]
) -> None:
    """Put the entries into the matrices of their comparison, after checking them against each other."""
    used: dict[tuple[str, str, str], Entry] = {}
    rounded = False
    for entry in entries:
        if entry.a == entry.b:
            _require_one(entry, names)
            continue
        if entry.value is None:
            continue
        if parent[entry.a] != parent[entry.b]:
            raise _across_groups(entry, parent, names)
        first = used.get((entry.expert, entry.a, entry.b)) or used.get((entry.expert, entry.b, entry.a))
        if first is None:
            used[entry.expert, entry.a, entry.b] = entry
        else:
            rounded |= first.a != entry.a and abs(_value(first) * entry.value - 1.0) > 1e-6
            used[first.expert, first.a, first.b] = _agreed(first, entry, names)
    where = {key: comparison for comparison in comparisons for key in comparison.members}
    for (expert, _, _), entry in used.items():
        comparison = where[entry.a]
        matrix = comparison.matrices.get(expert)
        if matrix is None:
            matrix = empty_matrix(len(comparison.members))
        comparison.matrices[expert] = with_judgement(
            matrix, comparison.members.index(entry.a), comparison.members.index(entry.b), value=_value(entry)
        )
    if rounded:
        notes.append(
            "Where both triangles of a matrix are filled, the value of 1 or more of a pair was used and the "
            "other one, such as 0.33 for 1/3, taken as its rounded reciprocal."
        )


def _value(entry: Entry) -> float:
    """The value of an entry that has one."""
    return float("nan") if entry.value is None else entry.value


def _require_one(entry: Entry, names: Names) -> None:
    if entry.value is not None and abs(entry.value - 1.0) > 1e-9:
        raise InputError(
            f"{entry.where}: '{names.shown[entry.a]}' against itself is '{entry.text}', and "
            f"is 1 by definition; correct it."
        )


def _across_groups(entry: Entry, parent: dict[str, str], names: Names) -> InputError:
    one, other = (
        f"'{names.shown[key]}' ("
        + (f"group '{names.shown[parent[key]]}'" if parent[key] else "directly under the goal")
        + ")"
        for key in (entry.a, entry.b)
    )
    return InputError(
        f"{entry.where}: {one} is compared with {other}; compare factors within their "
        f"group and groups with each other, or correct the table of groups."
    )


def _agreed(first: Entry, second: Entry, names: Names) -> Entry:
    """Choose between two entries that one expert gave for the same pair; refuse them if they contradict."""
    one, other = _value(first), _value(second)
    pair = f"'{names.shown[first.a]}' against '{names.shown[first.b]}'"
    if (first.a, first.b) == (second.a, second.b):
        if abs(one / other - 1.0) > 1e-9:
            raise InputError(
                f"{second.where}: {pair} is '{second.text}', and in {_lower(first.where)} "
                f"'{first.text}'; keep one of them."
            )
        return first
    product = one * other
    large, small = (first, second) if one >= other else (second, first)
    if abs(product - 1.0) > _RECIPROCAL_ROUNDING and not _is_rounded(small.text, 1.0 / _value(large)):
        raise InputError(
            f"{second.where}: the pair {pair} is '{first.text}' one way and '{second.text}' the other way "
            f"({_lower(first.where)}), and one has to be the reciprocal of the other, here "
            f"{as_text(1.0 / one)}: correct one of them, or leave one of the two cells empty."
        )
    return large


def _lower(where: str) -> str:
    return where[0].lower() + where[1:]


def _is_rounded(text: str, value: float) -> bool:
    """Whether a decimal of two or more places is the value rounded, or cut, to them."""
    decimals = re.search(r"[.,](\d{2,})\s*$", text)
    number = tables.number_of(text.strip())
    if decimals is None or number is None:
        return False
    return bool(abs(number - value) <= 0.5001 * 10.0 ** -len(decimals.group(1)))

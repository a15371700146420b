"""Who judged: experts that tables name, experts known by their tables alone, and the share of each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Callable

from .. import tables
from ..errors import InputError
from .judgements import Entry
from .names import Names


def name_experts(
    named: Sequence[tuple[str, list[Entry]]], parent: Callable[[str], str]
) -> tuple[list[Entry], list[tuple[str, list[str]]]]:
    """Assign entries without an expert: each table goes to the first unnamed expert who has not judged its pairs yet.

    Parameters
    ----------
    named : sequence of (str, list of Entry)
        Table name and its entries.
    parent : callable
        The group of a name's key.

    Returns
    -------
    list of Entry, list of (str, list of str)
        Entries by named experts, and each expert's tables.
    """
    entries: list[Entry] = []
    anonymous: list[_Anonymous] = []
    for table, found in named:
        entries += [entry for entry in found if entry.expert]
        without = [entry for entry in found if not entry.expert]
        if not without:
            continue
        # a table whose names all stand under one group says something about that comparison
        touched: set[str | None] = {parent(entry.a) for entry in without if parent(entry.a) == parent(entry.b)}
        touched = touched or {None}
        place = next((one for one in anonymous if not one.groups & touched), None)
        if place is None:
            place = _Anonymous()
            anonymous.append(place)
        place.groups |= touched
        place.tables.append(table)
        place.entries.extend(without)
    labels = _labels(anonymous)
    for label, one in zip(labels, anonymous):
        entries += [replace(entry, expert=label) for entry in one.entries]
    return entries, [(label, one.tables) for label, one in zip(labels, anonymous)]


@dataclass
class _Anonymous:
    """An expert whom no table names."""

    groups: set[str | None] = field(default_factory=set)
    tables: list[str] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)


def _labels(anonymous: list[_Anonymous]) -> list[str]:
    """The label of each unnamed expert: from the names of the tables, or a number."""
    labels = [
        one.tables[0] if len(one.tables) == 1 else re.sub(r"[\W_]+$", "", _common_start(one.tables))
        for one in anonymous
    ]
    if len(set(labels)) < len(labels) or not all(labels) or len(anonymous) == 1:
        labels = [f"expert {number}" for number in range(1, len(anonymous) + 1)]
    return labels


def _common_start(texts: list[str]) -> str:
    """The letters that all texts begin with."""
    shortest = min(texts, key=len)
    for place, letter in enumerate(shortest):
        if any(text[place] != letter for text in texts):
            return shortest[:place]
    return shortest


def read_expert_shares(text: str, experts: Sequence[str]) -> dict[str, float]:
    """The share of each expert, adding to 1; empty text: all alike.

    Parameters
    ----------
    text : str
        ``Li=2, Wang=1``, or numbers in the experts' order: ``2, 1``.
    experts : sequence of str

    Raises
    ------
    InputError
        Names or their number do not match the experts, or no weight is above 0; names ``expert_weights``.
    """
    if not text.strip():
        return dict.fromkeys(experts, 1.0 / len(experts))
    parts = tables.split_list(text, words=True, decimals=True)
    if all("=" in part for part in parts):
        numbers = _by_name(parts, experts)
    else:
        numbers = parts
        if len(numbers) != len(experts):
            raise _refusal(
                f"{len(numbers)} weights are given for {len(experts)} experts ({', '.join(experts)}): give one number "
                f"for each, or name=number."
            )
    values = []
    for number in numbers:
        value = tables.number_of(number)
        if value is None or value < 0:
            raise _refusal(f"'{number.strip()}' is not a number from 0 up; write one such as 2.")
        values.append(value)
    if not sum(values):
        raise _refusal("all are 0: give at least one expert a weight above 0.")
    return {expert: value / sum(values) for expert, value in zip(experts, values)}


def _by_name(parts: list[str], experts: Sequence[str]) -> list[str]:
    """The numbers of ``name=number`` in the experts' order."""
    names = Names()
    by_key, given = {names.key(expert): expert for expert in experts}, {}
    for part in parts:
        written, _, number = part.rpartition("=")
        expert = by_key.get(names.key(written))
        if expert is None:
            raise _refusal(f"'{written.strip()}' is none of the experts {', '.join(experts)}; correct the name.")
        if expert in given:
            raise _refusal(f"'{written.strip()}' is named twice; keep one.")
        given[expert] = number
    missing = [expert for expert in experts if expert not in given]
    if missing:
        raise _refusal(f"no weight is given for {', '.join(missing)}: add name=weight for each.")
    return [given[expert] for expert in experts]


def _refusal(message: str) -> InputError:
    return InputError(message, parameter="expert_weights")

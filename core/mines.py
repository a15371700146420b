"""Mines as every step reads them: name, mineral, method, state and feature of each polygon.

The words are those of Table 2 of Feng, Bai & Wang (2024) and a third state, restored, that the
table lacks although the text treats restored pits as passable. A table of words translates what
a city's own layer says; ``defaults/mine_words.csv`` holds common English and Chinese words.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from osgeo import ogr

from . import tables
from .crs import Crs
from .errors import InputError, first_few
from .geometry.layers import Layer
from .geometry.layers import require_near as require_layer_near
from .grid.grid import Template
from .options import Option
from .progress import SILENT, Progress


class Mineral(Option):
    """What is mined."""

    METAL = "metal"
    COAL = "coal"
    BUILDING_MATERIAL = "building material"


class MiningMethod(Option):
    """How it is mined."""

    UNDERGROUND = "underground"
    OPEN_PIT = "open pit"


class MineState(Option):
    """Whether mining goes on, has ended, or the ground is restored."""

    PRODUCING = "producing"
    ABANDONED = "abandoned"
    RESTORED = "restored"


class MineFeature(Option):
    """What a polygon of a mine is."""

    PIT = "pit"
    DUMP = "dump"
    SUBSIDENCE = "subsidence"
    PLANT = "plant"


# the words alone, as tables and layers hold them
MINERALS = tuple(each.value for each in Mineral)
METHODS = tuple(each.value for each in MiningMethod)
STATES = tuple(each.value for each in MineState)
FEATURES = tuple(each.value for each in MineFeature)

_WORDS = {"mineral": MINERALS, "method": METHODS, "state": STATES, "feature": FEATURES}
_NEEDED = ("mineral", "method", "state")
_NAMED_AT_MOST = 10
_COLUMNS = [
    tables.Column("attribute", "text", choices=tuple(_WORDS)),
    tables.Column("word", "text"),
    tables.Column("meaning", "text"),
]

KnownWords = dict[str, dict[str, str]]


@dataclass
class Mine:
    """One mine feature.

    Parameters
    ----------
    name, mineral, method, state, feature : str
        Words of `Mineral`, `MiningMethod`, `MineState` and `MineFeature`; those that a step does not need may be empty.
    geometry : ogr.Geometry
    number : int
        The feature's number in its layer, from 1.
    layer : str
        The layer's name, for messages.
    layer_crs : Crs
        The layer's own, for messages.
    """

    name: str
    mineral: str
    method: str
    state: str
    feature: str
    geometry: ogr.Geometry
    number: int
    layer: str = "mines"
    layer_crs: Crs = field(default_factory=Crs)


@dataclass(frozen=True)
class MineFields:
    """Which fields of a layer of mines hold what; empty where the layer has none."""

    name: str = ""
    mineral: str = ""
    method: str = ""
    state: str = ""
    feature: str = ""

    def of(self, attribute: str) -> str:
        """The field of an attribute: ``name``, ``mineral``, ``method``, ``state`` or ``feature``."""
        return str(getattr(self, attribute))


def default_words() -> tables.RawTable:
    """The shipped table of words."""
    return tables.shipped("", "mine_words.csv")


def known_words(raw: tables.RawTable | None = None) -> KnownWords:
    """What each plain word means: ``{attribute: {word: meaning}}``, of the shipped words and a table's own.

    Raises
    ------
    InputError
        A meaning that is none of the attribute's words, or a word with two meanings in one table.
    """
    words = {attribute: {word: word for word in meanings} for attribute, meanings in _WORDS.items()}
    for source in (default_words(), raw):
        if source is None:
            continue
        table, own = tables.parse(source, _COLUMNS), set()
        for index, row in enumerate(table.rows):
            meanings = _WORDS[row["attribute"]]
            meaning = plain_word(row["meaning"])
            if meaning not in meanings:
                raise table.error(index, "meaning", f"is not a {row['attribute']}; use one of {', '.join(meanings)}.")
            known, word = words[row["attribute"]], plain_word(row["word"])
            if (row["attribute"], word) in own and known[word] != meaning:
                raise table.error(
                    index, "word", f"means '{known[word]}' in an earlier row and '{meaning}' here; keep one of them."
                )
            own.add((row["attribute"], word))
            known[word] = meaning
    return words


def plain_word(word: str) -> str:
    """A word in lower case, without underscores, double spaces and wide forms, as `known_words` holds it."""
    return re.sub(r"[\s_-]+", " ", unicodedata.normalize("NFKC", word).strip().lower())


def read_mines(
    layer: Layer,
    crs: Crs | str,
    *,
    fields: MineFields,
    needed: Sequence[str] = _NEEDED,
    words: tables.RawTable | None = None,
    progress: Progress = SILENT,
) -> list[Mine]:
    """The mines of a polygon layer, in a given CRS, with words understood and shapes repaired.

    Parameters
    ----------
    layer : layers.Layer
        Polygons.
    crs : Crs
        To which they are brought.
    fields : MineFields
        A feature of a layer without the feature field is a pit.
    needed : sequence of str
        Attributes that must be known.
    words : tables.RawTable, optional
        ``attribute, word, meaning``, beside the shipped words.
    progress : Progress

    Raises
    ------
    InputError
        Empty layer, missing field, or an unknown word, with layer, field and value.
    """
    known = known_words(words)
    check_layer(layer, fields=fields, needed=needed)
    layer_crs = layer.crs
    layer = layer.to_crs(crs, progress).valid_polygons(progress)
    reader = _WordReader(known, fields, needed)
    mines = []
    for index, (geometry, attributes) in enumerate(zip(layer.geometries, layer.attributes)):
        found = reader.words_of(index, attributes)
        name = attributes.get(fields.name) if fields.name else None
        name = "" if name is None else str(name).strip()
        mines.append(
            Mine(
                name or f"mine {index + 1}",
                geometry=geometry,
                number=index + 1,
                layer=layer.name,
                layer_crs=layer_crs,
                **found,
            )
        )
    if reader.unknown:
        raise _unknown_words(reader.unknown, layer.name, fields)
    _log_read(mines, reader.understood, layer.name, progress)
    _warn_of_twins(mines, layer.name, progress)
    return mines


class _WordReader:
    """Takes a layer's words for ours, and keeps what was taken for what.

    Attributes
    ----------
    unknown : dict
        (attribute, word) that nothing is known of, to the first feature with it, from 0.
    understood : dict
        (attribute, word, meaning) of words that are not ours, to their number.
    """

    def __init__(self, known: KnownWords, fields: MineFields, needed: Sequence[str]) -> None:
        self._known, self._fields, self._needed = known, fields, needed
        self.unknown: dict[tuple[str, str], int] = {}
        self.understood: dict[tuple[str, str, str], int] = {}

    def words_of(self, index: int, attributes: Mapping[str, Any]) -> dict[str, str]:
        """Our word for each attribute of a feature; empty where it is unknown or not needed."""
        found = {}
        for attribute in _WORDS:
            field_name = self._fields.of(attribute)
            value = attributes.get(field_name) if field_name else None
            if (value is None or not str(value).strip()) and (attribute not in self._needed or attribute == "feature"):
                found[attribute] = "pit" if attribute == "feature" else ""
                continue
            meaning = self._known[attribute].get(plain_word("" if value is None else str(value)))
            if meaning is None:
                self.unknown.setdefault((attribute, "NULL" if value is None else str(value)), index)
            elif plain_word(str(value)) != meaning:
                key = attribute, str(value).strip(), meaning
                self.understood[key] = self.understood.get(key, 0) + 1
            found[attribute] = meaning or ""
        return found


def check_layer(layer: Layer, *, fields: MineFields, needed: Sequence[str] = _NEEDED) -> None:
    """Refuse a layer of mines that is empty or lacks a field; its values are not looked at.

    Parameters
    ----------
    layer : layers.Layer
        Of which only the number of features and ``field_names`` count, so that its outline serves.
    fields, needed
        As for `read_mines`.

    Raises
    ------
    InputError
    """
    layer.require_some("mine")
    for attribute in needed:
        if attribute != "feature" and not fields.of(attribute):
            raise InputError(
                f"Mine layer '{layer.name}': the field that holds the {attribute} "
                f"({', '.join(_WORDS[attribute])}) is not given; choose it.",
                parameter=f"{attribute}_field",
                layer=layer.name,
            )
    for attribute in (*_WORDS, "name"):
        if fields.of(attribute):
            layer.require_field(fields.of(attribute), f"the mine's {attribute}")


def _unknown_words(unknown: Mapping[tuple[str, str], int], layer: str, fields: MineFields) -> InputError:
    """The refusal of words by (attribute, word) to the first feature that has it."""
    (attribute, word), index = next(iter(unknown.items()))
    others = [f"'{other}' ({kind})" for kind, other in unknown if (kind, other) != (attribute, word)]
    also = f" Not known either: {first_few(others, _NAMED_AT_MOST)}." if others else ""
    remedy = (
        "fill it in."
        if word in ("NULL", "")
        else (
            "correct it, or say what it means in a table of words, with the columns attribute, word, meaning; "
            "the known words stand in core/defaults/mine_words.csv of the plugin."
        )
    )
    return InputError(
        f"Mine layer '{layer}', field '{fields.of(attribute)}', feature {index + 1}: '{word}' is not a {attribute} "
        f"that is known ({', '.join(_WORDS[attribute])}); {remedy}{also}",
        layer=layer,
        feature=index + 1,
        value=word,
    )


def _log_read(
    mines: Sequence[Mine], understood: Mapping[tuple[str, str, str], int], layer: str, progress: Progress
) -> None:
    """Log how many mines of each kind were read, and what the layer's own words were taken to mean."""
    kinds: dict[str, int] = {}
    for mine in mines:
        kind = " ".join(word for word in (mine.state, mine.method, mine.mineral) if word)
        if kind:
            kinds[kind] = kinds.get(kind, 0) + 1
    parts = [f"{kind} {count}" for kind, count in sorted(kinds.items(), key=lambda item: -item[1])]
    without = len(mines) - sum(kinds.values())
    if without and parts:
        parts.append(f"without mineral, method and state {without}")
    if parts:
        progress.log(f"Mine layer '{layer}', mines read: {len(mines)} ({'; '.join(parts)}).")
    if understood:
        words = [
            f"{attribute} '{word}' as {meaning} ({count})" for (attribute, word, meaning), count in understood.items()
        ]
        progress.log(f"Mine layer '{layer}', words understood: {first_few(words, _NAMED_AT_MOST)}.")


def _warn_of_twins(mines: Sequence[Mine], layer: str, progress: Progress) -> None:
    """Warn of mines of one outline that differ in what they are, as a feature that was copied to change its state."""
    first: dict[bytes, Mine] = {}
    for mine in mines:
        if mine.geometry.IsEmpty():
            continue
        twin = first.setdefault(bytes(mine.geometry.ExportToWkb()), mine)
        if (twin.mineral, twin.method, twin.state) != (mine.mineral, mine.method, mine.state):
            progress.warn(
                f"Mine layer '{layer}': features {twin.number} ('{twin.name}') and {mine.number} ('{mine.name}') "
                f"have one outline and differ in mineral, method or state; both count. Delete one of them if it "
                f"is one mine."
            )
            return


def require_near(mines: Sequence[Mine], template: Template, *, reach_m: float, map_name: str = "") -> None:
    """Refuse mines that lie further than a reach from a map, as those of another city do.

    Raises
    ------
    InputError
    """
    geometries = [mine.geometry for mine in mines if not mine.geometry.IsEmpty()]
    if geometries:
        one = mines[0]
        require_layer_near(
            geometries,
            template.bounds,
            name=one.layer,
            crs=one.layer_crs or template.crs,
            other=map_name or template.name,
            reach_m=reach_m,
        )

"""Mines as every step reads them: name, mineral, method, state and feature of each polygon.

The words are those of Table 2 of Feng, Bai & Wang (2024) and a third state, restored, that the
table lacks although the text treats restored pits as passable. A table of words translates what
a city's own layer says; ``defaults/mine_words.csv`` holds common English and Chinese words.
"""

import re
import unicodedata
from dataclasses import dataclass

from . import tables
from .errors import InputError, first_few
from .geometry.layers import require_near as require_layer_near
from .progress import SILENT

MINERALS = ("metal", "coal", "building material")
METHODS = ("underground", "open pit")
STATES = ("producing", "abandoned", "restored")
FEATURES = ("pit", "dump", "subsidence", "plant")

_WORDS = {"mineral": MINERALS, "method": METHODS, "state": STATES, "feature": FEATURES}
_NAMED_AT_MOST = 10
_COLUMNS = [
    tables.Column("attribute", "text", choices=tuple(_WORDS)),
    tables.Column("word", "text"),
    tables.Column("meaning", "text"),
]


@dataclass
class Mine:
    """One mine feature. Attributes that a step does not need may be empty; ``layer_crs`` is the layer's own."""

    name: str
    mineral: str
    method: str
    state: str
    feature: str
    geometry: object
    number: int
    layer: str = "mines"
    layer_crs: str = ""


def default_words():
    """The shipped table of words."""
    return tables.shipped("", "mine_words.csv")


def known_words(raw=None):
    """What each plain word means: ``{attribute: {word: meaning}}``, the shipped words and a table's own."""
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


def plain_word(word):
    """A word without case, underscores, double spaces and wide forms, as ``known_words`` holds it."""
    return re.sub(r"[\s_-]+", " ", unicodedata.normalize("NFKC", str(word)).strip().lower())


def read_mines(
    features,
    crs,
    name_field="",
    mineral_field="",
    method_field="",
    state_field="",
    feature_field="",
    needed=("mineral", "method", "state"),
    words=None,
    progress=SILENT,
):
    """The mines of a polygon layer, in a given CRS, with words understood and shapes mended.

    Parameters
    ----------
    features : layers.Layer
        Polygons.
    crs : str
        WKT to bring them to.
    name_field, mineral_field, method_field, state_field, feature_field : str
        Fields; empty where the layer has none. A feature without the feature field is a pit.
    needed : tuple of str
        Attributes that must be known.
    words : tables.RawTable, optional
        ``attribute, word, meaning``, beside the shipped words.

    Returns
    -------
    list of Mine

    Raises
    ------
    InputError
        Empty layer, missing field, or an unknown word, with layer, field and value.
    """
    known = known_words(words)
    field_of = {"mineral": mineral_field, "method": method_field, "state": state_field, "feature": feature_field}
    check_layer(features, needed, name_field=name_field, **{f"{key}_field": field for key, field in field_of.items()})
    layer_crs = features.crs
    features = features.to_crs(crs, progress).valid_polygons(progress)
    mines, unknown, understood = [], {}, {}
    for index, (geometry, attributes) in enumerate(zip(features.geometries, features.attributes)):
        found = {}
        for attribute, field_name in field_of.items():
            value = attributes.get(field_name) if field_name else None
            if (value is None or not str(value).strip()) and (attribute not in needed or attribute == "feature"):
                found[attribute] = "pit" if attribute == "feature" else ""
                continue
            found[attribute] = known[attribute].get(plain_word("" if value is None else value))
            if found[attribute] is None:
                unknown.setdefault((attribute, "NULL" if value is None else str(value)), index)
            elif plain_word(value) != found[attribute]:
                key = attribute, str(value).strip(), found[attribute]
                understood[key] = understood.get(key, 0) + 1
        name = attributes.get(name_field) if name_field else None
        name = "" if name is None else str(name).strip()
        mines.append(
            Mine(
                name or f"mine {index + 1}",
                geometry=geometry,
                number=index + 1,
                layer=features.name,
                layer_crs=layer_crs,
                **found,
            )
        )
    if unknown:
        raise InputError(_unknown_words(unknown, features.name, field_of))
    _log_read(mines, understood, features.name, progress)
    _warn_of_twins(mines, features.name, progress)
    return mines


def check_layer(features, needed=("mineral", "method", "state"), name_field="", **fields):
    """Refuse a layer of mines that is empty or lacks a field; its values are not looked at.

    Parameters
    ----------
    features : layers.Layer
        Of which only the number and ``field_names`` count.
    needed, name_field, **fields
        As for `read_mines`.

    Raises
    ------
    InputError
    """
    features.require_some("mine")
    for attribute in needed:
        if attribute != "feature" and not fields.get(f"{attribute}_field"):
            raise InputError(
                f"Mine layer '{features.name}': the field that holds the {attribute} "
                f"({', '.join(_WORDS[attribute])}) is not given; choose it."
            )
    for attribute in (*_WORDS, "name"):
        field_name = name_field if attribute == "name" else fields.get(f"{attribute}_field")
        if field_name:
            features.require_field(field_name, f"the mine's {attribute}")


def _unknown_words(unknown, layer, field_of):
    """The refusal of words by (attribute, word) to the first feature that has it."""
    (attribute, word), index = next(iter(unknown.items()))
    others = [f"'{other}' ({kind})" for kind, other in unknown if (kind, other) != (attribute, word)]
    also = f" Not known either: {first_few(others, _NAMED_AT_MOST)}." if others else ""
    mend = (
        "fill it in."
        if word in ("NULL", "")
        else (
            "correct it, or say what it means in 'Mines: table of words' (MINE_WORDS), with the columns attribute, word, meaning; the words that are "
            "known stand in core/defaults/mine_words.csv of the plugin."
        )
    )
    return (
        f"Mine layer '{layer}', field '{field_of[attribute]}', feature {index + 1}: '{word}' is not a {attribute} "
        f"that is known ({', '.join(_WORDS[attribute])}); {mend}{also}"
    )


def _log_read(mines, understood, layer, progress):
    """Say how many mines of each kind were read, and what the layer's own words were taken to mean."""
    kinds = {}
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


def _warn_of_twins(mines, layer, progress):
    """Warn of mines of one outline that differ in what they are, as a feature that was copied to change its state."""
    first = {}
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


def require_near(mines, template, reach_m, map_name=""):
    """Refuse mines that lie further than a reach from a map, as those of another city do."""
    geometries = [mine.geometry for mine in mines if not mine.geometry.IsEmpty()]
    if geometries:
        one = mines[0]
        require_layer_near(
            geometries, one.layer, one.layer_crs or template.crs, template.bounds, reach_m, map_name or template.name
        )

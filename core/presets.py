"""PRESET of the services: which conventions hold, and how the log names them.

A service's conventions are a frozen dataclass of choices, and its presets a mapping from `Preset` to one of
them. What a planner chooses by hand takes the place of the preset's choice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from .errors import InputError
from .options import Option

_Conventions = TypeVar("_Conventions")


class Preset(Option):
    """A set of conventions."""

    RECOMMENDED = "recommended", "Recommended"
    AS_PUBLISHED = "as published", "As published"
    AS_INVEST = "as InVEST 3.20", "As InVEST 3.20"


def settled(presets: Mapping[Preset, _Conventions], preset: Preset, **by_hand: Any) -> _Conventions:
    """The conventions of a preset, with those that were chosen by hand in their place.

    Parameters
    ----------
    presets : mapping of Preset to a frozen dataclass
        The dataclass checks itself in ``__post_init__``.
    preset : Preset
    **by_hand
        Convention to choice; None leaves the preset's.
    """
    chosen = {name: choice for name, choice in by_hand.items() if choice is not None}
    conventions: Any = presets[Preset.of(preset, parameter="preset")]
    settled_conventions: _Conventions = replace(conventions, **chosen)
    return settled_conventions


def conventions_text(preset: Preset, phrases: Mapping[str, str], by_hand: Mapping[str, Any]) -> str:
    """The conventions in words, each with where it comes from.

    Parameters
    ----------
    preset : Preset
    phrases : mapping
        Convention to what the log says of it.
    by_hand : mapping
        Convention to choice, or None for the preset's, as given to `settled`.
    """
    parts = [f"{phrase} [{'preset' if by_hand.get(name) is None else 'by hand'}]" for name, phrase in phrases.items()]
    return f"conventions of preset '{preset}': {', '.join(parts) or 'none to choose'}"


# the way of the services that still take the preset as a number

PRESETS = tuple(each.value for each in Preset)
RECOMMENDED, AS_PUBLISHED, AS_INVEST = range(len(PRESETS))


def check_preset(preset: int) -> None:
    """Refuse a number that is no preset."""
    if preset not in range(len(PRESETS)):
        known = ", ".join(f"{number} ({name})" for number, name in enumerate(PRESETS))
        raise InputError(f"PRESET {preset} does not exist: choose one of {known}.")


def settle(presets: Sequence[dict[str, Any]], preset: int, given: dict[str, Any], options: Any = ()) -> dict[str, Any]:
    """As `settled`, of presets that are dicts."""
    check_preset(preset)
    taken = {name: choice for name, choice in given.items() if choice is not None}
    for name, choice in taken.items():
        if name in options and choice not in options[name]:
            raise InputError(f"'{choice}' is no choice for {name}: choose one of {', '.join(options[name])}.")
    return {**presets[preset], **taken}


def conventions_told(preset: int, phrases: dict[str, str], given: dict[str, Any]) -> str:
    """As `conventions_text`, of a preset by number."""
    told = [f"{phrase} [{'PRESET' if given.get(name) is None else 'by hand'}]" for name, phrase in phrases.items()]
    return f"conventions under PRESET {preset} ({PRESETS[preset]}): {', '.join(told) or 'none to choose'}"

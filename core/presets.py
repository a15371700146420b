"""PRESET of the services: which conventions hold, and how the log names them.

A service's conventions are a frozen dataclass of choices, and its presets a mapping from `Preset` to one of
them. What a planner chooses by hand takes the place of the preset's choice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

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
        Convention to its words in the log.
    by_hand : mapping
        Convention to choice, or None for the preset's, as given to `settled`.
    """
    parts = [f"{phrase} [{'preset' if by_hand.get(name) is None else 'by hand'}]" for name, phrase in phrases.items()]
    return f"conventions of preset '{preset}': {', '.join(parts) or 'none to choose'}"

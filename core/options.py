"""Choices that a planner makes, each a word: one encoding for dialogs, core, logs and reports."""

from __future__ import annotations

from enum import Enum
from typing import TypeVar

from .errors import InputError

_Choice = TypeVar("_Choice", bound="Option")


class Option(str, Enum):
    """A choice among words; subclasses list them as ``NAME = "word"`` or ``NAME = "word", "Label in the dialog"``.

    The order of the members is the order of the dialog and of saved models, which hold the index: append only.

    Attributes
    ----------
    label : str
        What a dialog shows; by default the word with a capital.
    """

    label: str

    def __new__(cls, word: str, label: str = "") -> Option:
        """A member that is its word."""
        member = str.__new__(cls, word)
        member._value_ = word
        member.label = label or word[:1].upper() + word[1:]
        return member

    def __str__(self) -> str:
        return str(self.value)

    def __format__(self, spec: str) -> str:
        return format(str(self.value), spec)

    @classmethod
    def saved_order(cls: type[_Choice]) -> tuple[_Choice, ...]:
        """The members as saved models count them."""
        return tuple(cls)

    @classmethod
    def of(cls: type[_Choice], word: str, *, parameter: str = "") -> _Choice:
        """The member with a word.

        Raises
        ------
        InputError
            The word is not one of the choices; names ``parameter``.
        """
        try:
            return cls(word)
        except ValueError:
            raise InputError(
                f"'{word}' is no choice: choose one of {', '.join(member.value for member in cls)}.",
                parameter=parameter,
                value=word,
            ) from None

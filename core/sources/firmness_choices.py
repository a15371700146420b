"""Which choices behind a list of sources are changed, and to what."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from ..errors import InputError
from ..options import Option
from ..tables import number_of, split_list


class ChoiceKind(Option):
    """A kind of choice behind a list of sources."""

    GRID_SIZE = "grid size"
    CLASS_COUNT = "number of classes"
    AREA = "area threshold"
    WEIGHTS = "weights"
    DISPERSAL = "dispersal distance"

    @property
    def stability_field(self) -> str:
        """The output's field with the stability under this kind of choice."""
        return _STABILITY_FIELDS[self]

    @property
    def is_plural(self) -> bool:
        """Whether the word is a plural."""
        return self == ChoiceKind.WEIGHTS

    @property
    def left_out_text(self) -> str:
        """That this kind does not count, with the verb that fits."""
        return f"{self} {'do' if self.is_plural else 'does'} not count"


_STABILITY_FIELDS = {
    ChoiceKind.GRID_SIZE: "stability_grid",
    ChoiceKind.CLASS_COUNT: "stability_classes",
    ChoiceKind.AREA: "stability_area",
    ChoiceKind.WEIGHTS: "stability_weights",
    ChoiceKind.DISPERSAL: "stability_dispersal",
}


@dataclass(frozen=True)
class _Range:
    """Numbers that alternatives may have; ``closed``: the minimum is one of them."""

    minimum: float = 0.0
    closed: bool = False
    maximum: float = math.inf

    def check(self, value: float, *, parameter: str) -> None:
        """Refuse a number out of the range."""
        if not (value > self.minimum or (self.closed and value == self.minimum)) or value > self.maximum:
            limits = f"{'of at least' if self.closed else 'above'} {self.minimum:g}"
            if math.isfinite(self.maximum):
                limits += f", up to {self.maximum:g}"
            raise InputError(f"{value:g} is out of range; give numbers {limits}.", parameter=parameter, value=value)


_RANGES = {
    "grid_sizes_m": _Range(),
    "class_counts": _Range(2, closed=True, maximum=255),
    "min_areas_km2": _Range(closed=True),
    "weight_changes": _Range(maximum=100),
    "dispersal_distances": _Range(),
}


@dataclass(frozen=True)
class Alternatives:
    """What each choice is changed to; a value equal to the base's is no alternative, empty: not changed.

    Parameters
    ----------
    grid_sizes_m : tuple of float
        Above 0.
    class_counts : tuple of int
        2 to 255.
    min_areas_km2 : tuple of float
        At least 0.
    weight_changes : tuple of float
        Above 0 to 100, in % of a service's weight, each up and down; the other ways of weighting are
        tried too.
    dispersal_distances : tuple of float
        Metres, above 0.

    Raises
    ------
    InputError
        A number out of its range; names the kind of alternatives.
    """

    grid_sizes_m: tuple[float, ...] = (1000.0, 2000.0, 3000.0, 4000.0, 5000.0)
    class_counts: tuple[int, ...] = (4, 5, 6, 7)
    min_areas_km2: tuple[float, ...] = (4.0, 5.0, 7.0, 10.0, 15.0)
    weight_changes: tuple[float, ...] = (10.0, 20.0, 30.0, 40.0, 50.0)
    dispersal_distances: tuple[float, ...] = (500.0, 1000.0, 2500.0, 5000.0, 10000.0)

    def __post_init__(self) -> None:
        for each in fields(self):
            for value in getattr(self, each.name):
                _RANGES[each.name].check(value, parameter=each.name)

    @classmethod
    def from_texts(
        cls,
        *,
        grid_sizes_m: str = "",
        class_counts: str = "",
        min_areas_km2: str = "",
        weight_changes: str = "",
        dispersal_distances: str = "",
    ) -> Alternatives:
        """Alternatives as a planner writes them, such as ``1000, 2000``; order and repetition do not matter."""
        counts = numbers_from_text(class_counts, parameter="class_counts", whole=True)
        return cls(
            grid_sizes_m=numbers_from_text(grid_sizes_m, parameter="grid_sizes_m"),
            class_counts=tuple(int(count) for count in counts),
            min_areas_km2=numbers_from_text(min_areas_km2, parameter="min_areas_km2"),
            weight_changes=numbers_from_text(weight_changes, parameter="weight_changes"),
            dispersal_distances=numbers_from_text(dispersal_distances, parameter="dispersal_distances"),
        )

    def of_kind(self, kind: ChoiceKind) -> tuple[float, ...]:
        """What a kind of choice is changed to."""
        return {
            ChoiceKind.GRID_SIZE: self.grid_sizes_m,
            ChoiceKind.CLASS_COUNT: self.class_counts,
            ChoiceKind.AREA: self.min_areas_km2,
            ChoiceKind.WEIGHTS: self.weight_changes,
            ChoiceKind.DISPERSAL: self.dispersal_distances,
        }[kind]


def numbers_from_text(text: str, *, parameter: str, whole: bool = False) -> tuple[float, ...]:
    """Numbers from ``1000, 2000``, ascending, each once; an empty text gives none.

    Raises
    ------
    InputError
        A text that is no number, or no whole one where ``whole``; names ``parameter``.
    """
    found = set()
    for part in split_list(text, decimals=True):
        value = number_of(part)
        if value is None or (whole and value != math.floor(value)):
            raise InputError(
                f"'{part}' is not a {'whole ' if whole else ''}number; write numbers with commas "
                f"between, such as {'4, 5, 6' if whole else '10, 20, 50'}.",
                parameter=parameter,
                value=part,
            )
        found.add(value)
    return tuple(sorted(found))

"""What PRESET sets, what stands before it, and what the log says of both."""

from dataclasses import dataclass

import pytest

from econet.core import presets
from econet.core.errors import InputError
from econet.core.presets import Preset

TABLE = ({"rule": "a", "k": None}, {"rule": "b", "k": None}, {"rule": "a", "k": 0.05})


def test_what_is_given_stands_before_the_preset_and_nothing_else_moves():
    assert presets.settle(TABLE, 1, {"rule": None, "k": None}) == {"rule": "b", "k": None}
    assert presets.settle(TABLE, 2, {"rule": "b", "k": None}) == {"rule": "b", "k": 0.05}
    assert TABLE[2] == {"rule": "a", "k": 0.05}


@pytest.mark.parametrize("preset", [3, -1])
def test_a_preset_that_does_not_exist(preset):
    with pytest.raises(InputError, match=f"PRESET {preset} does not exist: choose one of 0 .recommended., 1 .as publ"):
        presets.settle(TABLE, preset, {})


def test_a_choice_that_does_not_exist():
    with pytest.raises(InputError, match="'c' is no choice for rule: choose one of a, b"):
        presets.settle(TABLE, 0, {"rule": "c"}, {"rule": ("a", "b")})


def test_the_log_says_where_each_convention_comes_from():
    told = presets.conventions_told(2, {"rule": "rule b", "k": "k 0.05"}, {"rule": "b", "k": None})
    assert told == "conventions under PRESET 2 (as InVEST 3.20): rule b [by hand], k 0.05 [PRESET]"


@dataclass(frozen=True)
class Conventions:
    rule: str = "a"
    k: float = 0.5

    def __post_init__(self):
        if self.k <= 0:
            raise InputError("0 is not above 0.", parameter="k", value=self.k)


BY_PRESET = {
    Preset.RECOMMENDED: Conventions(),
    Preset.AS_PUBLISHED: Conventions("b"),
    Preset.AS_INVEST: Conventions("b", 0.05),
}


def test_a_choice_by_hand_takes_the_place_of_the_presets():
    assert presets.settled(BY_PRESET, Preset.AS_INVEST, rule=None, k=None) == Conventions("b", 0.05)
    assert presets.settled(BY_PRESET, Preset.AS_INVEST, rule="a", k=None) == Conventions("a", 0.05)
    assert presets.settled(BY_PRESET, "as published") == Conventions("b")


def test_conventions_check_themselves_and_an_unknown_preset_is_refused():
    with pytest.raises(InputError, match="not above 0") as caught:
        presets.settled(BY_PRESET, Preset.RECOMMENDED, k=0.0)
    assert caught.value.parameter == "k"
    with pytest.raises(InputError, match="no choice") as caught:
        presets.settled(BY_PRESET, "as I like")
    assert caught.value.parameter == "preset"


def test_saved_models_count_presets_in_this_order():
    assert [(each.value, each.label) for each in Preset.saved_order()] == [
        ("recommended", "Recommended"),
        ("as published", "As published"),
        ("as InVEST 3.20", "As InVEST 3.20"),
    ]


def test_the_text_says_what_the_preset_set_and_what_a_hand():
    text = presets.conventions_text(Preset.AS_INVEST, {"rule": "rule b", "k": "k 0.05"}, {"rule": "b", "k": None})
    assert text == "conventions of preset 'as InVEST 3.20': rule b [by hand], k 0.05 [preset]"
    assert presets.conventions_text(Preset.RECOMMENDED, {}, {}).endswith(": none to choose")

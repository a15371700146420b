"""What PRESET sets, what stands before it, and what the log says of both."""

from dataclasses import dataclass

import pytest

from econet.core import presets
from econet.core.errors import InputError
from econet.core.presets import Preset


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

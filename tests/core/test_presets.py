"""What PRESET sets, what stands before it, and what the log says of both."""

import pytest

from econet.core import presets
from econet.core.errors import InputError

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

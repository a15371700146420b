"""core.errors: what a planner reads is what was raised."""

import pytest

from econet.core.errors import Cancelled, InputError, first_few


def test_messages_are_kept_as_they_are():
    assert str(InputError("Layer 'a' is empty.")) == "Layer 'a' is empty."
    assert str(Cancelled()) == "Cancelled: this step wrote nothing."


def test_neither_is_taken_for_the_other_or_for_a_value_error():
    for error, others in ((InputError, (Cancelled, ValueError, OSError)), (Cancelled, (InputError, RuntimeError))):
        with pytest.raises(error) as caught:
            raise error("x")
        assert not isinstance(caught.value, others)


@pytest.mark.parametrize(
    "texts, said", [([], ""), (["a"], "a"), (["a", "b"], "a, b"), (["a", "b", "c", "d"], "a, b and 2 more")]
)
def test_many_things_are_named_by_the_first_few(texts, said):
    assert first_few(texts, 2) == said

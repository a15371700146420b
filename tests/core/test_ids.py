"""core.ids: one form for every id, and the sources' numbers."""

from __future__ import annotations

from dataclasses import replace

import factory
import pytest
from factory import square

from econet.core.errors import InputError
from econet.core.ids import as_id, id_list, in_order, source_ids
from econet.core.progress import Progress

HIGHEST = (1 << 63) - 1


@pytest.mark.parametrize(
    "value, expected",
    [
        (3, 3),
        (3.0, 3),
        ("3", 3),
        (" 3.0 ", 3),
        (2.5, "2.5"),
        (" A 1 ", "A 1"),
        ("", None),
        (None, None),
        (float("nan"), None),
        (HIGHEST, HIGHEST),
    ],
)
def test_an_id_has_one_form(value, expected):
    assert as_id(value) == expected


def test_ids_are_sorted_by_value_and_texts_stand_last():
    assert in_order([10, "b", 9, "a", 10]) == [9, 10, "a", "b"]
    assert id_list([10, "b", 9, 10]) == "9,10,b"


def sources(*numbers, field="source_id"):
    sizes = range(1, len(numbers) + 1)
    return factory.layer(
        [square(1000 * size, 0, 100 * size) for size in sizes], [{field: n} for n in numbers], name="sources"
    )


def test_ids_of_the_field_of_any_case_or_of_one_chosen():
    assert source_ids(sources(7, "8", 9.0)) == [7, 8, 9]
    assert source_ids(sources(7, 8, field="SOURCE_ID")) == [7, 8]
    assert source_ids(sources(4, 2, field="number"), "number") == [4, 2]
    assert source_ids(sources(HIGHEST)) == [HIGHEST]


def test_sources_without_numbers_are_numbered_by_area_the_largest_first():
    heard = []
    bare = replace(sources(1, 1, 1), field_names=[], attributes=[{}, {}, {}])
    assert source_ids(bare, progress=Progress(log=heard.append)) == [3, 2, 1]
    assert len(heard) == 1 and "numbered by area" in heard[0]


@pytest.mark.parametrize(
    "numbers, feature, phrase",
    [
        ((1, None), 2, "'NULL' is not a whole number"),
        ((1, 2.5), 2, "'2.5' is not a whole number"),
        (("north",), 1, "'north' is not a whole number"),
        ((HIGHEST + 1,), 1, "beyond the whole numbers"),
        ((5, 6, 5), 3, "features 1 and 3 both have the id 5"),
    ],
)
def test_numbers_that_are_none_are_refused_by_feature(numbers, feature, phrase):
    with pytest.raises(InputError, match=phrase) as caught:
        source_ids(sources(*numbers))
    assert (caught.value.layer, caught.value.feature) == ("sources", feature)


def test_a_field_that_is_missing_is_refused():
    with pytest.raises(InputError, match="has no field 'code'"):
        source_ids(sources(1), "code")

"""docs/choices.md names every choice that PRESET governs, and says of the presets what core has."""

import re
from pathlib import Path

import make_choices_page as maker
import numpy as np
import pytest
from osgeo import gdal

from econet.core.presets import Preset
from econet.core.services import habitat_quality, sediment_retention, water_yield

DOCS = Path(__file__).resolve().parent.parent / "docs"
CORE = {
    "habitatquality": [vars(preset) for preset in habitat_quality.PRESETS.values()],
    "wateryield": [vars(preset) for preset in water_yield.PRESETS.values()],
    "sedimentretention": [vars(preset) for preset in sediment_retention.PRESETS.values()],
}
CORE_NAMES = {"TIES_AND_FLATS": "flow", "LS_CAP": "cap"}  # any other key is core's name in capitals
AS_PRESET = "as PRESET"


@pytest.fixture(scope="module")
def page():
    return (DOCS / "choices.md").read_text(encoding="utf-8")


def section(page, identifier):
    """What stands below the heading that names an algorithm."""
    found = re.search(rf"^## [^\n]*\(`{identifier}`\)\n(.*?)(?=^## )", page, re.DOTALL | re.MULTILINE)
    assert found, f"no section of {identifier}"
    return found.group(1)


def block(page, name):
    return re.search(rf"<!-- made: {name} -->\n(.*?)<!-- made -->", page, re.DOTALL).group(1)


def table_rows(text):
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]


def governed(algorithm):
    """Key to options (none for a number) of what PRESET governs."""
    found = {}
    for definition in algorithm.parameterDefinitions():
        options = getattr(definition, "options", lambda: [])()
        if options[:1] == [AS_PRESET]:
            found[definition.name()] = options[1:]
        elif f"empty: {AS_PRESET}" in definition.description():
            found[definition.name()] = []
    return found


@pytest.fixture(scope="module")
def services(provider):
    found = {
        algorithm.name(): governed(algorithm)
        for algorithm in provider.algorithms()
        if algorithm.group().startswith("1 ") and algorithm.parameterDefinition("PRESET") is not None
    }
    assert {"habitatquality", "sedimentretention", "wateryield", "carbonstorage"} <= set(found)
    return found


def test_every_governed_choice_and_each_of_its_options_is_named(page, services):
    for identifier, choices in services.items():
        points = [" ".join(point.split()) for point in re.split(r"\n(?=- )|\n\n", section(page, identifier))]
        for key, options in choices.items():
            about = [point for point in points if f"**`{key}`**" in point]
            assert len(about) == 1, f"{identifier}: {key} is not explained"
            for option in options:
                assert f"*{option}*" in about[0], f"{identifier}: {key} '{option}' is not named"


def test_every_governed_choice_has_a_row_of_numbers(page, services):
    for identifier, choices in services.items():
        first = [row[0] for row in table_rows(block(page, identifier))]
        for key, options in choices.items():
            shown = {label.split("` ", 1)[1] for label in first if label.startswith(f"`{key}` ")}
            missing = set(options) - shown
            assert shown and (not options or len(missing) == 1), f"{identifier}: {key} shows {shown}"


def test_the_presets_are_those_of_core(page, services):
    for identifier, choices in services.items():
        if not choices:
            continue
        header, _, *rows = table_rows(block(page, f"{identifier}-presets"))
        assert header[1:] == [f"{number} {name}" for number, name in enumerate(Preset)]
        assert {row[0].strip("`") for row in rows} == set(choices)
        for row in rows:
            key = row[0].strip("`")
            for text, preset in zip(row[1:], CORE[identifier]):
                value = preset[CORE_NAMES.get(key, key.lower())]
                assert text == (
                    "half of the highest degradation"
                    if value is None
                    else value
                    if isinstance(value, str)
                    else f"{value:g}"
                ), (key, text, value)


def test_core_sets_nothing_that_is_no_choice(services):
    for identifier, tables in CORE.items():
        names = {CORE_NAMES.get(key, key.lower()) for key in services[identifier]}
        assert all(set(preset) == names for preset in tables), identifier


def test_the_maker_writes_what_the_page_shows(page):
    for name, keys in maker.KEYS.items():
        if keys:
            assert block(page, f"{name}-presets").strip() == maker.presets_table(name)


def test_pictures_are_there_used_and_small(page):
    used = re.findall(r"\]\((images/choices/[^)]+)\)", page)
    assert len(used) == len(set(used)) and used
    assert {DOCS / name for name in used} == set((DOCS / "images" / "choices").iterdir())
    sizes = [(DOCS / name).stat().st_size for name in used]
    assert max(sizes) < 120_000 and sum(sizes) < 2_500_000
    for name in used:
        colours = gdal.Open(str(DOCS / name)).ReadAsArray()
        assert len(set(colours.ravel().tolist())) > 20, f"{name} is blank"


# the maker's own numbers -------------------------------------------------------------------------


def test_numbers_keep_four_digits():
    assert [maker.number(value) for value in (0.071484, 222.41, 2558626.3, 0)] == ["0.07148", "222.4", "2,559,000", "0"]
    assert [maker.share(value) for value in (0, 0.0001, 0.1234)] == ["0 %", "< 0.1 %", "12.3 %"]
    assert [maker.change(*pair) for pair in ((3, 3), (1.5, 1), (0.5, 1))] == ["0", "+50.0 %", "-50.0 %"]


def test_a_cell_counts_as_changed_above_one_per_cent_or_with_its_value_lost():
    base = np.array([100, 100, 100, 0, 0, np.nan, np.nan], np.float32)
    other = np.array([100.9, 101.1, np.nan, 0, 1, np.nan, 5], np.float32)
    assert maker.changed_share(other, base) == pytest.approx(4 / 6)  # of six with a value in either


def test_a_block_of_the_picture_is_the_mean_of_what_is_known():
    values = np.full((8, 9), np.nan, np.float32)
    values[:4, :4], values[0, 0] = 3, np.nan
    np.testing.assert_array_equal(maker.coarse(values), [[3, np.nan], [np.nan, np.nan]])

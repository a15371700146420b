"""Table 2 at the edges of every ring, mines that overlap, and every way a ring table can be wrong."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest

from econet.core.errors import Cancelled, InputError
from econet.core.progress import Progress
from econet.core.resistance.choices import Overlap
from econet.core.resistance.mine_rings import mine_resistance, read_rings

PAPER = Path(__file__).parents[2] / "data" / "paper"


def table_2():
    """Table 2 as printed: by kind the outer bound and resistance of the first two rings; beyond the second it is 1."""
    with open(PAPER / "table2_as_printed.csv", encoding="utf-8-sig", newline="") as stream:
        _, states, *rows = csv.reader(stream)
    rings = {}
    for start in range(0, len(rows), 3):
        mineral = rows[start][0].replace(" mines", "").lower()
        for column in range(1, 5):
            near, middle, far = (
                row[column].strip("() ").replace(")", "").split("=") for row in rows[start : start + 3]
            )
            bounds = [[int(bound) for bound in re.findall(r"\d+", text)] for text, _ in (near, middle, far)]
            assert (
                bounds[0][0] == 0 and bounds[0][1] == bounds[1][0] and bounds[1][1] == bounds[2][0] and int(far[1]) == 1
            )
            rings[mineral, "underground" if column < 3 else "open pit", states[column].split()[0].lower()] = (
                (bounds[0][1], int(near[1])),
                (bounds[1][1], int(middle[1])),
            )
    return rings


TABLE_2 = table_2()
HEAD = "mineral,method,state,from_m,to_m,resistance\n"


def rings(lab, rows):
    return read_rings(lab.table(HEAD + rows))


def test_the_paper_has_twelve_kinds_of_mine():
    assert len(TABLE_2) == 12 and TABLE_2["building material", "open pit", "abandoned"] == ((800, 3), (1500, 3))
    assert TABLE_2["metal", "underground", "abandoned"] == ((500, 5), (1000, 3))


@pytest.mark.parametrize("kind", TABLE_2, ids=lambda kind: " ".join(kind))
def test_table_2_at_the_edge_of_every_ring(lab, kind):
    """Cells of 1 m in one row; centres lie at 0.5, 1.5, ... m from the mine's edge, then at 0, 1, ... m."""
    (first, inner), (second, outer) = TABLE_2[kind]
    cells = lab.template(1, 4300, 1)
    assert {int(bound) for bound in read_rings().by_kind[kind].breaks} == {first, second}
    for shift, on_edge in ((0, 0), (0.5, 1)):
        pit = lab.box(lab.template(1, 1, 1, west=500000 - 50 + shift, north=4600000 + 100), 0, 0, 300, 50)
        values = mine_resistance([lab.mine(pit, *kind)], read_rings(), cells).values[0]
        expected = np.full(4300, 1.0)
        expected[: second + on_edge] = outer
        expected[: first + on_edge] = inner
        np.testing.assert_array_equal(values, expected)


@pytest.mark.parametrize("mineral", ["metal", "coal", "building material"])
@pytest.mark.parametrize("method", ["underground", "open pit"])
def test_restored_mines_resist_by_1(lab, mineral, method):
    cells = lab.template(20, 20, 100)
    pit = lab.mine(lab.box(cells, 5, 5, 4, 4), mineral, method, "restored")
    assert (mine_resistance([pit], read_rings(), cells).values == 1).all()
    only = rings(lab, "coal,open pit,producing,0,1000,5\ncoal,open pit,producing,1000,,1\n")
    assert (mine_resistance([pit], only, cells).values == 1).all()


@pytest.mark.parametrize("dx, dy", [(100, 100), (70, 160)])
@pytest.mark.parametrize("seed", range(3))
def test_rings_and_overlaps_against_geos(lab, dx, dy, seed):
    rng = np.random.default_rng(seed)
    cells = lab.template(50, 60, dx, dy)
    mines = []
    for _number in range(5):
        kind = list(TABLE_2)[rng.integers(12)]
        x, y = 500000 + rng.uniform(-2000, 8000), 4600000 - rng.uniform(-2000, 8000)
        shape = lab.geometry(f"LINESTRING({x} {y},{x + 300} {y + 200},{x + 200} {y - 500})").Buffer(
            rng.uniform(20, 300), 3
        )
        mines.append(lab.mine(shape, *kind))
    distances = np.array([lab.distance_by_ogr([mine.geometry], cells) for mine in mines])
    values = np.empty(distances.shape)
    for mine, distance, value in zip(mines, distances, values):
        (first, inner), (second, outer) = TABLE_2[mine.mineral, mine.method, mine.state]
        value[:] = np.select([distance <= first, distance <= second], [inner, outer], 1)
    got = [
        mine_resistance(mines, read_rings(), cells, overlap=overlap).values
        for overlap in (Overlap.MAXIMUM, Overlap.NEAREST, Overlap.CAPPED_SUM)
    ]
    np.testing.assert_array_equal(got[0], values.max(axis=0))
    nearest = np.where(distances == distances.min(axis=0), values, 0).max(axis=0)
    np.testing.assert_array_equal(got[1], nearest)
    np.testing.assert_array_equal(got[2], np.minimum(5, 1 + (values - 1).sum(axis=0)))
    np.testing.assert_array_equal(mine_resistance(mines[::-1], read_rings(), cells).values, got[0])


def test_rings_that_rise_outwards_and_end_above_1(lab):
    """No shortcut may rest on rings falling to 1: every cell against GEOS."""
    cells = lab.template(30, 30, 100)
    own = rings(
        lab,
        "coal,open pit,producing,0,300,2\ncoal,open pit,producing,300,,4\n"
        "metal,open pit,producing,0,500,5\nmetal,open pit,producing,500,,3\n"
        "metal,open pit,abandoned,0,900,0.5\nmetal,open pit,abandoned,900,,0.25\n",
    )
    mines = [
        lab.mine(lab.box(cells, 4, 4, 3, 3)),
        lab.mine(lab.box(cells, 20, 22, 2, 2), "metal"),
        lab.mine(lab.box(cells, 25, 3), "metal", "open pit", "abandoned"),
    ]
    a, b, c = (lab.distance_by_ogr([mine.geometry], cells) for mine in mines)
    values = np.array([np.where(a <= 300, 2, 4), np.where(b <= 500, 5, 3), np.where(c <= 900, 0.5, 0.25)])
    np.testing.assert_array_equal(mine_resistance(mines, own, cells).values, values.max(axis=0))
    nearest = np.argmin([a, b, c], axis=0)
    np.testing.assert_array_equal(
        mine_resistance(mines, own, cells, overlap=Overlap.NEAREST).values,
        np.take_along_axis(values, nearest[None], 0)[0],
    )
    for mine, value in zip(mines, values):
        np.testing.assert_array_equal(mine_resistance([mine], own, cells).values, value.astype(np.float32))


def test_a_sum_is_capped_at_5_or_the_highest_that_meet(lab):
    cells = lab.template(1, 12, 100)
    own = rings(
        lab,
        "coal,open pit,producing,0,200,9\ncoal,open pit,producing,200,,1\n"
        "metal,open pit,producing,0,200,3.5\nmetal,open pit,producing,200,,1\n",
    )
    coal, metal = lab.mine(lab.box(cells, 0, 0)), lab.mine(lab.box(cells, 0, 3), "metal")
    one = [9, 9, 9, 1, 1, 1, 1, 1, 1, 1, 1, 1]
    np.testing.assert_array_equal(mine_resistance([coal], own, cells, overlap=Overlap.CAPPED_SUM).values[0], one)
    np.testing.assert_array_equal(
        mine_resistance([coal, metal], own, cells, overlap=Overlap.CAPPED_SUM).values[0],
        [9, 9, 9, 3.5, 3.5, 3.5, 1, 1, 1, 1, 1, 1],
    )
    np.testing.assert_array_equal(
        mine_resistance([metal, metal, coal], own, cells, overlap=Overlap.CAPPED_SUM).values[0],
        [9, 9, 9, 5, 5, 5, 1, 1, 1, 1, 1, 1],
    )


def test_a_mine_smaller_than_a_cell_counts(lab):
    cells = lab.template(9, 9, 1000)
    shaft = lab.geometry("POINT(504020 4595010)").Buffer(6)  # near a corner of cell (4, 4), 687 m from its centre
    own = rings(lab, "coal,open pit,producing,0,50,5\ncoal,open pit,producing,50,,1\n")
    for overlap in (Overlap.MAXIMUM, Overlap.NEAREST, Overlap.CAPPED_SUM):
        values = mine_resistance([lab.mine(shaft)], own, cells, overlap=overlap).values
        assert np.argwhere(values == 5).tolist() == [[4, 4]]


def test_a_mine_beyond_the_map_reaches_into_it(lab):
    cells = lab.template(3, 40, 100)
    pit = lab.box(lab.template(1, 1, 1000, west=500000 - 3000, north=4600500), 0, 0)  # ends 2 km west of the map
    values = mine_resistance([lab.mine(pit)], read_rings(), cells).values
    np.testing.assert_array_equal(values[1], [5] * 5 + [3] * 10 + [1] * 25)


def test_a_change_of_state_changes_only_cells_within_reach(lab):
    cells = lab.template(80, 80, 150)
    pits = [lab.mine(lab.box(cells, 10, 10, 5, 7), "coal"), lab.mine(lab.box(cells, 50, 50, 4, 4), "metal")]
    before = mine_resistance(pits, read_rings(), cells).values
    reach = lab.distance_by_ogr([pits[0].geometry], cells) <= 3500
    for state in ("abandoned", "restored"):
        pits[0].state = state
        after = mine_resistance(pits, read_rings(), cells).values
        assert (after <= before).all() and (after != before).any()
        assert reach[after != before].all()


def test_nearest_lets_a_restored_mine_end_the_rings_around_it(lab):
    cells = lab.template(20, 20, 100)
    pits = [lab.mine(lab.box(cells, 9, 1, 2, 2)), lab.mine(lab.box(cells, 9, 15, 2, 2), state="restored")]
    highest = mine_resistance(pits, read_rings(), cells).values
    nearest = mine_resistance(pits, read_rings(), cells, overlap=Overlap.NEAREST).values
    assert (highest[:, :18] == 5).all() and nearest[9, 15] == 1 and nearest[9, 2] == 5
    np.testing.assert_array_equal(nearest[9], np.where(np.arange(20) <= 8, 5, 1))


@pytest.mark.parametrize(
    "rows, message",
    [
        ("gold leaf,open pit,producing,0,,5\n", r"row 2, column 'mineral': 'gold leaf' is not a mineral.*metal, coal"),
        ("coal,tunnel,producing,0,,5\n", r"row 2, column 'method': 'tunnel' is not a method.*underground, open pit"),
        (
            "coal,open pit,sleeping,0,,5\n",
            r"row 2, column 'state': 'sleeping' is not a state.*producing, abandoned, restored",
        ),
        (
            "coal,open pit,producing,0,100,5\ncoal,open pit,producing,200,,1\n",
            r"'mine.csv', rings of coal, open pit, producing: no row covers \(100, 200\]",
        ),
        ("coal,open pit,producing,0,100,5\ncoal,open pit,producing,50,,1\n", r"rows 2 and 3 overlap in \(50, 100\]"),
        ("coal,open pit,producing,10,100,5\ncoal,open pit,producing,100,,1\n", r"no row covers \[0, 10\]"),
        ("coal,open pit,producing,0,100,5\n", r"no row covers \(100, unbounded\)"),
        ("coal,open pit,producing,0,far,5\n", r"row 2, column 'to_m': 'far' is not a number"),
        ("coal,open pit,producing,-5,100,5\n", r"row 2, column 'from_m': '-5' is outside 0"),
        ("coal,open pit,producing,0,,-3\n", r"row 2, column 'resistance': '-3.0' is not above 0"),
        ("coal,open pit,producing,0,,0\n", r"row 2, column 'resistance': '0.0' is not above 0"),
        ("coal,open pit,producing,0,,\n", r"row 2, column 'resistance': '' is empty"),
        ("coal,,producing,0,,1\n", r"row 2, column 'method': '' is empty"),
    ],
)
def test_a_wrong_ring_table_is_refused_by_name(lab, rows, message):
    with pytest.raises(InputError, match=message):
        rings(lab, rows)


def test_words_of_other_hands_are_understood(lab):
    own = rings(lab, "煤矿,Open_Pit,生产,,100,5\ncoal,open pit,producing,100,,2\n")
    assert own.by_kind["coal", "open pit", "producing"].resistance == (5, 2)


def test_a_mine_without_rings_is_named(lab):
    own = rings(lab, "coal,open pit,producing,0,,5\n")
    with pytest.raises(
        InputError,
        match="'mine.csv' has no rings for a mine that is metal, open pit, abandoned "
        r"\('Old pit'\)",
    ):
        mine_resistance(
            [lab.mine(lab.geometry("POINT(0 0)").Buffer(9), "metal", state="abandoned", name="Old pit")],
            own,
            lab.template(3, 3),
        )
    with pytest.raises(InputError, match="no mine"):
        mine_resistance([], own, lab.template(3, 3))


@pytest.mark.parametrize("overlap", [Overlap.MAXIMUM, Overlap.NEAREST])
def test_cancel_is_heard(lab, overlap):
    cells = lab.template(30, 30)
    with pytest.raises(Cancelled):
        mine_resistance(
            [lab.mine(lab.box(cells, 3, 3))],
            read_rings(),
            cells,
            overlap=overlap,
            progress=Progress(cancelled=lambda: True),
        )


def test_mines_too_far_to_count_are_warned_of_and_those_of_another_city_refused(lab):
    """Beyond the widest ring (3500 m) and within the map's width: a warning; beyond both: refused."""
    cells = lab.template(60, 40)
    warned = []
    progress = Progress(warn=warned.append)
    near = lab.mine(lab.box(cells, 5, cells.cols + 34))
    assert (mine_resistance([near], read_rings(), cells, progress=progress).values > 1).any() and not warned
    far = lab.mine(lab.box(cells, 5, cells.cols + 36))
    assert (mine_resistance([far], read_rings(), cells, progress=progress).values == 1).all()
    assert len(warned) == 1 and "No mine of layer 'mines' lies on 'template' or within 3500 m of it" in warned[0]
    log = lab.Log()
    mine_resistance([far, near], read_rings(), cells, progress=log.progress)
    assert "1 of 2 mines of layer 'mines' lie further from 'template' than their rings reach" in log.text
    mine_resistance([near], read_rings(), cells, progress=progress)
    assert len(warned) == 1
    away = lab.mine(lab.box(cells, 5, cells.cols + 61))
    with pytest.raises(InputError, match="'mines' lies wholly away from 'template', further than 6000 m"):
        mine_resistance([away], read_rings(), cells)
    assert mine_resistance([away, near], read_rings(), cells).values.max() > 1

"""A change of one mine's state changes what lies in its reach and its polygon, and not one bit elsewhere."""

from dataclasses import replace

import numpy as np
import pytest

from econet.core.mines import STATES
from econet.core.resistance import surface as s
from econet.core.resistance.choices import Correction, HardBarrier, Overlap, Transform

# numbers that no float holds exactly, and rings short enough to leave most of the map alone
RINGS = """mineral,method,state,from_m,to_m,resistance
coal,open pit,producing,0,300,4.7
coal,open pit,producing,300,700,2.3
coal,open pit,producing,700,,1.1
coal,open pit,abandoned,0,500,3.3
coal,open pit,abandoned,500,,1.1
coal,open pit,restored,0,150,1.7
coal,open pit,restored,150,,1.1
"""
REACH_M = {"producing": 700, "abandoned": 500, "restored": 150}
RESTORED = "feature,land_cover,ndvi,slope_degrees\n,5,0.7,3\ndump,4,,12\n"

OPTIONS = {
    "plain": {},
    "power": {"transform": Transform.POWER, "exponent": 2.7},
    "light and barriers": {
        "transform": Transform.ONE_TO_100,
        "correction": Correction.NIGHT_LIGHT,
        "barriers": (HardBarrier.PRODUCING_OPEN_PITS, HardBarrier.MOTORWAYS),
    },
}


@pytest.fixture
def scene(city):
    """Four mines, two of which overlap, one smaller than a cell; water from land-cover codes, far from the mines."""
    lab, cells, layers, _, data = city
    cover = np.where(data["land_cover"] == 5, 4, data["land_cover"])
    cover[:, -1] = 5
    mines = [
        lab.mine(lab.box(cells, 5, 5, 4, 5), name="West"),
        lab.mine(lab.box(cells, 7, 8, 4, 5), feature="dump", name="Dump"),
        lab.mine(lab.box(cells, 28, 36, 3, 4), name="East"),
        lab.mine(lab.geometry("POINT(501234 4598123)").Buffer(11), name="Shaft"),
    ]
    return (
        lab,
        cells,
        replace(
            layers, mines=mines, water=None, water_codes=(5,), land_cover=lab.raster("dry", cover, cells, nodata=0)
        ),
    )


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("overlap", [Overlap.MAXIMUM, Overlap.NEAREST, Overlap.CAPPED_SUM])
def test_all_changes_of_state(scene, overlap, options):
    lab, cells, layers = scene
    choices = s.SurfaceChoices(
        ring_table=lab.table(RINGS), restored_table=lab.table(RESTORED), overlap=overlap, **options
    )
    others = {"West": "producing", "Dump": "restored", "East": "abandoned", "Shaft": "producing"}

    def run(changed, state):
        mines = [replace(mine, state=state if mine.name == changed else others[mine.name]) for mine in layers.mines]
        made = s.resistance_surface(replace(layers, mines=mines), cells, choices=choices, explain=True)
        return {
            "base": made.base.values,
            "mines": made.mines.values,
            "integrated": made.integrated.values,
            "dominant": made.dominant.values,
        }

    for mine in layers.mines:
        made = {state: run(mine.name, state) for state in STATES}
        distance = lab.distance_by_ogr([mine.geometry], cells)
        inside = distance == 0
        if not inside.any():
            inside = distance <= np.hypot(cells.cell_width, cells.cell_height) / 2  # the cells that it touches
        for before, after in (("producing", "abandoned"), ("producing", "restored"), ("abandoned", "restored")):
            reach = (distance <= max(REACH_M[before], REACH_M[after])) | inside
            for name in made[before]:
                same = made[before][name].view(np.uint8 if name == "dominant" else np.uint32) == made[after][name].view(
                    np.uint8 if name == "dominant" else np.uint32
                )
                assert same[~(inside if name == "base" else reach)].all(), (mine.name, before, after, name)
            assert (made[before]["integrated"] != made[after]["integrated"])[reach].any(), (mine.name, before, after)
            assert (~reach).mean() > 0.3


def test_weights_and_what_is_said_of_them_do_not_depend_on_states(scene):
    lab, cells, layers = scene
    said = []
    for state in STATES:
        log = lab.Log()
        made = s.resistance_surface(
            replace(layers, mines=[replace(mine, state=state) for mine in layers.mines]), cells, progress=log.progress
        )
        said.append((made.weights, [line for line in log.said if line.startswith("Weights")]))
    assert said[0] == said[1] == said[2]


def test_a_mine_restored_to_water_brings_no_water_nearer(scene):
    lab, cells, layers = scene
    kept = {state: {} for state in ("producing", "restored")}
    for state, own in kept.items():
        s.resistance_surface(
            replace(layers, mines=[replace(mine, state=state) for mine in layers.mines]),
            cells,
            choices=s.SurfaceChoices(restored_table=lab.table(RESTORED)),
            keep=own.__setitem__,
        )
    np.testing.assert_array_equal(
        kept["producing"]["distance_to_water"].values, kept["restored"]["distance_to_water"].values
    )
    assert (kept["producing"]["land_cover"].values != kept["restored"]["land_cover"].values).any()

"""Fracture surfaces on geometry drawn by hand, and costs against the sum over the cells of a path."""

import math

import numpy as np
import pytest
from osgeo import ogr

from econet.core.crs import Crs
from econet.core.errors import Cancelled, InputError
from econet.core.geometry.layers import Layer
from econet.core.grid.grid import Grid, Template
from econet.core.mines import MineFields, read_mines
from econet.core.network.fracture_surfaces import FractureChoices, fracture_surfaces
from econet.core.progress import SILENT, Progress
from econet.core.schemas import FRACTURE_PAIRS, FRACTURE_SURFACES, names

UTM = Crs.of("EPSG:32651").reference.ExportToWkt()
FIELDS_OF = {"name_field": "name", "mineral_field": "mineral", "method_field": "method", "state_field": "state"}


def resistance(values=None, width=30.0, height=30.0):
    values = np.ones((100, 100)) if values is None else np.asarray(values)
    rows, cols = values.shape
    return Grid(
        values.astype(np.float32),
        Template(rows, cols, (0.0, width, 0.0, height * rows, 0.0, -height), UTM),
        -9999.0,
        "resistance",
    )


def corridors(*lines):
    shapes = []
    for points in lines:
        shape = ogr.Geometry(ogr.wkbLineString)
        for x, y in points:
            shape.AddPoint_2D(float(x), float(y))
        shapes.append(shape)
    return Layer(
        "corridors",
        UTM,
        shapes,
        [
            {"corridor_id": n, "source_a": 10 * n, "source_b": 10 * n + 1, "class": "general"}
            for n in range(1, len(lines) + 1)
        ],
        ["corridor_id", "source_a", "source_b", "class"],
    )


def box(x0, y0, x1, y1):
    return f"(({x0} {y0},{x1} {y0},{x1} {y1},{x0} {y1},{x0} {y0}))"


def mines(*rows):
    """Rows of (WKT, name, method, state, ...)."""
    shapes = [ogr.CreateGeometryFromWkt(row[0]) for row in rows]
    return Layer(
        "mines",
        UTM,
        shapes,
        [
            {
                "name": row[1],
                "mineral": "coal",
                "method": row[2] if len(row) > 2 else "open pit",
                "state": row[3] if len(row) > 3 else "producing",
                "feature": row[4] if len(row) > 4 else "pit",
            }
            for row in rows
        ],
        ["name", "mineral", "method", "state", "feature"],
    )


def run(lines, pits, grid=None, progress=SILENT, **options):
    grid = grid or resistance()
    own = {key: options.pop(key, value) for key, value in {**FIELDS_OF, "feature_field": ""}.items()}
    fields = MineFields(**{key.replace("_field", ""): name for key, name in own.items()})
    found = read_mines(pits, grid.template.crs, fields=fields, needed=(), progress=progress)
    found = fracture_surfaces(lines, found, grid, choices=FractureChoices(**options), progress=progress)
    assert found.surfaces.field_names == names(FRACTURE_SURFACES)
    assert all(set(row) == set(names(FRACTURE_PAIRS)) for row in found.pairs)
    assert sum(a["n_corridors"] for a in found.surfaces.attributes) == len(found.pairs)
    return found


PIT = "POLYGON" + box(900, 900, 1200, 1200)


def test_one_corridor_through_one_pit():
    found = run(corridors([(315, 1005), (2115, 1005)]), mines((PIT, "West")))
    [row], [pair] = found.surfaces.attributes, found.pairs
    assert row == {
        "fracture_id": 1,
        "mine": "West",
        "mineral": "coal",
        "method": "open pit",
        "state": "producing",
        "corridors": "1",
        "n_corridors": 1,
        "crossing_m": pytest.approx(300),
        "cost_share": pytest.approx(1 / 6),
        "area_km2": pytest.approx(0.09),
    }
    assert pair == {
        "fracture_id": 1,
        "mine": "West",
        "corridor_id": 1,
        "source_a": 10,
        "source_b": 11,
        "class": "general",
        "crossing_m": pytest.approx(300),
        "cost_share": pytest.approx(1 / 6),
    }
    assert found.surfaces.geometries[0].Equals(ogr.CreateGeometryFromWkt(PIT)) and found.n_lines == 1


def test_the_paper_s_two_counts():
    """West pit: one corridor; East pit: two that join before it: two surfaces, two lines, three pairs."""
    west, east = "POLYGON" + box(300, 300, 600, 600), "POLYGON" + box(1500, 300, 1800, 600)
    found = run(
        corridors(
            [(435, 105), (435, 1005)],
            [(1605, 105), (1605, 705), (1305, 1005)],
            [(1605, 105), (1605, 705), (1905, 1005)],
        ),
        mines((west, "West"), (east, "East")),
    )
    assert len(found.surfaces) == 2 and len(found.pairs) == 3 and found.n_lines == 2
    by_mine = {a["mine"]: a for a in found.surfaces.attributes}
    assert by_mine["East"]["corridors"] == "2,3" and by_mine["East"]["crossing_m"] == pytest.approx(300), "shared once"
    length = 600 + 300 * math.sqrt(2)
    assert by_mine["East"]["cost_share"] == pytest.approx(600 / (2 * length))
    assert [p["cost_share"] for p in found.pairs if p["mine"] == "East"] == pytest.approx([300 / length] * 2)
    apart = run(corridors([(1605, 105), (1605, 705)], [(1695, 105), (1695, 705)]), mines((east, "East")))
    assert apart.n_lines == 2 and apart.surfaces.attributes[0]["crossing_m"] == pytest.approx(600)


def test_a_corridor_that_only_grazes_adds_nothing_to_the_surface():
    found = run(corridors([(315, 1005), (2115, 1005)], [(1185, 1500), (1185, 1180)]), mines((PIT, "West")))
    [row], [pair] = found.surfaces.attributes, found.pairs
    assert (row["corridors"], row["n_corridors"], pair["corridor_id"]) == ("1", 1, 1)
    assert row["crossing_m"] == pytest.approx(300), "the other's 20 m do not count"
    assert row["cost_share"] == pair["cost_share"] == pytest.approx(300 / 1800)


def test_no_more_than_a_cell_is_no_fracture():
    grazing = corridors([(315, 1185), (885, 1185), (915, 1215)], [(885, 300), (885, 900), (900, 930), (885, 960)])
    assert len(run(grazing, mines((PIT, "West"))).surfaces) == 0
    at = lambda y: corridors([(315, y), (905, y), (905, 1500)])  # noqa: E731
    thin = mines(("POLYGON" + box(900, 900, 910, 935), "West"))
    assert len(run(corridors([(905, 300), (905, 1500)]), thin).surfaces) == 1, "35 m of a 30 m cell"
    assert len(run(corridors([(905, 300), (905, 1500)]), thin, resistance(np.ones((100, 100)), 30, 40)).surfaces) == 0
    exactly = mines(("POLYGON" + box(900, 900, 910, 930), "West"))
    assert len(run(corridors([(905, 300), (905, 1500)]), exactly).surfaces) == 0
    assert len(run(at(960), mines(("POLYGON" + box(860, 950, 890, 970), "West"))).surfaces) == 0
    in_and_out = corridors(
        [(885, 950), (905, 950), (905, 960), (885, 960), (885, 970), (905, 970), (905, 980), (885, 980)]
    )
    assert len(run(in_and_out, mines((PIT, "West"))).surfaces) == 1, "40 m in two visits"


def test_parts_of_a_mine():
    two = "MULTIPOLYGON(" + box(300, 900, 600, 1200) + "," + box(900, 900, 1200, 1200) + ")"
    found = run(corridors([(105, 1005), (705, 1005)], [(105, 1095), (1395, 1095)]), mines((two, "West")))
    assert [(a["fracture_id"], a["mine"], a["corridors"]) for a in found.surfaces.attributes] == [
        (1, "West", "1,2"),
        (2, "West", "2"),
    ]
    assert len(found.pairs) == 3
    halves = mines(("POLYGON" + box(900, 900, 1000, 1200), "West"), ("POLYGON" + box(1000, 900, 1200, 1200), "West"))
    found = run(corridors([(315, 1005), (2115, 1005)]), halves)
    assert len(found.surfaces) == 1 and found.surfaces.attributes[0]["crossing_m"] == pytest.approx(300)
    other = mines(("POLYGON" + box(900, 900, 1000, 1200), "West"), ("POLYGON" + box(1000, 900, 1200, 1200), "East"))
    assert len(run(corridors([(315, 1005), (2115, 1005)]), other).surfaces) == 2
    nameless = run(corridors([(315, 1005), (2115, 1005)]), other, name_field="")
    assert sorted(a["mine"] for a in nameless.surfaces.attributes) == ["mine 1", "mine 2"]
    hole = mines((f"POLYGON({box(900, 900, 1200, 1200)[1:-1]},(950 950,1150 950,1150 1150,950 1150,950 950))", "Ring"))
    assert run(corridors([(315, 1005), (2115, 1005)]), hole).surfaces.attributes[0]["crossing_m"] == pytest.approx(100)


def test_which_mines_count():
    said = []
    pits = mines(
        (PIT, "a"),
        (PIT, "b", "underground"),
        (PIT, "c", "open pit", "restored"),
        (PIT, "d", "露天", "abandoned"),
        (PIT, "e", "open pit", "producing", "dump"),
    )
    line = corridors([(315, 1005), (2115, 1005)])

    def names(**options):
        found = run(line, pits, feature_field="feature", progress=Progress(log=said.append), **options)
        return sorted(a["mine"] for a in found.surfaces.attributes)

    assert names() == ["a", "d"]
    assert any("1 mine feature(s) of state 'restored' were left out" in text for text in said)
    assert any("1 mine feature(s) of method 'underground' were left out" in text for text in said)
    assert names(methods=()) == ["a", "b", "d"]
    assert names(states=()) == ["a", "c", "d"]
    assert names(features=()) == ["a", "d", "e"]
    assert names(methods=(), states=("restored",), features=()) == ["c"]
    assert names(state_field="") == ["a", "c", "d"], "without the field all states count"
    assert names(methods=(), method_field="") == ["a", "b", "d"]
    warned = []
    none = run(line, pits, methods=("underground",), states=("restored",), progress=Progress(warn=warned.append))
    assert len(none.surfaces) == 0 and none.pairs == []
    assert any("No mine is of the chosen" in text for text in warned)


def cell_path(rng, count):
    moves = np.array([(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1) if a or b])
    path, here = [(20, 20)], (20, 20)
    while len(path) < count:
        step = moves[rng.integers(0, 8)]
        there = (here[0] + step[0], here[1] + step[1])
        if all(0 <= c < 40 for c in there):
            path.append(there)
            here = there
    return path


@pytest.mark.parametrize("seed", range(4))
def test_cost_share_against_the_steps_of_the_path(seed):
    """The cost of a path over cells is the sum of step lengths times the mean of both resistances."""
    rng = np.random.default_rng(seed)
    values = rng.uniform(1, 5, (40, 40)).astype(np.float32)
    grid = resistance(values, 30.0, 20.0)
    path = cell_path(rng, 120)
    total = inside = inside_m = 0.0
    for (r0, c0), (r1, c1) in zip(path, path[1:]):
        step_m = math.hypot(30 * (c1 - c0), 20 * (r1 - r0))
        total += step_m * (float(values[r0, c0]) + float(values[r1, c1])) / 2
        for r, c in ((r0, c0), (r1, c1)):  # half of the step lies in each cell
            if 10 <= c < 22:
                inside += step_m / 2 * float(values[r, c])
                inside_m += step_m / 2
    line = corridors([grid.template.xy(r, c) for r, c in path])
    pit = mines(("POLYGON" + box(300, 0, 660, 800), "West"))
    found = run(line, pit, grid)
    row = found.pairs[0]
    assert row["cost_share"] == pytest.approx(inside / total, rel=1e-9)
    assert row["crossing_m"] == pytest.approx(inside_m, rel=1e-9)
    assert sum(g.Intersection(line.geometries[0]).Length() for g in found.surfaces.geometries) <= inside_m * (1 + 1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_against_everything_with_everything(seed):
    rng = np.random.default_rng(seed)
    lines = corridors(*([tuple(p) for p in rng.uniform(0, 3000, (6, 2))] for _ in range(8)))
    shapes = [
        ogr.CreateGeometryFromWkt(f"POINT({x} {y})").Buffer(float(r), 4)
        for x, y, r in np.column_stack([rng.uniform(200, 2800, (12, 2)), rng.uniform(5, 200, 12)])
    ]
    pits = mines(*((s.ExportToWkt(), f"m{n}") for n, s in enumerate(shapes)))
    found = run(lines, pits)
    expected = {
        (f"m{n}", c): shape.Intersection(line).Length()
        for n, shape in enumerate(shapes)
        for c, line in enumerate(lines.geometries, 1)
    }
    expected = {key: value for key, value in expected.items() if value > 30}
    assert {(p["mine"], p["corridor_id"]): pytest.approx(p["crossing_m"], abs=1e-6) for p in found.pairs} == expected
    for p in found.pairs:  # resistance 1: the share of the cost is the share of the length
        assert p["cost_share"] == pytest.approx(p["crossing_m"] / lines.geometries[p["corridor_id"] - 1].Length())


def test_layers_in_other_crs_are_reprojected():
    geographic = Crs.of("EPSG:4326").reference.ExportToWkt()
    lines, pits = corridors([(315, 1005), (1215, 1005), (2115, 1005)]), mines((PIT, "West"))
    for layer in (lines, pits):
        for shape in layer.geometries:
            parts = [shape] if shape.GetGeometryCount() == 0 else [shape.GetGeometryRef(0)]
            for part in parts:
                for i in range(part.GetPointCount()):
                    part.SetPoint_2D(i, part.GetX(i) + 500000, part.GetY(i) + 4600000)
    grid = resistance()
    grid.template = Template(100, 100, (500000.0, 30.0, 0.0, 4603000.0, 0.0, -30.0), UTM)
    said = []
    found = run(lines.to_crs(geographic), pits.to_crs(geographic), grid, progress=Progress(log=said.append))
    assert found.pairs[0]["crossing_m"] == pytest.approx(300, abs=0.1)
    assert found.surfaces.crs.wkt == UTM and sum("was reprojected" in text for text in said) == 2


def test_costs_outside_the_map_are_said():
    warned = []
    values = np.ones((100, 100))
    values[:, 20] = -9999
    found = run(
        corridors([(315, 1005), (2115, 1005)]),
        mines((PIT, "West")),
        resistance(values),
        progress=Progress(warn=warned.append),
    )
    assert found.pairs[0]["cost_share"] == pytest.approx(300 / 1770)
    assert "1 corridor(s) of 'corridors' leave the passable cells" in warned[0]


def test_bad_input():
    line, pit = corridors([(315, 1005), (2115, 1005)]), mines((PIT, "West"))
    with pytest.raises(InputError, match="'corridors' is empty"):
        run(corridors(), pit)
    with pytest.raises(InputError, match="'mines' is empty"):
        run(line, mines())
    with pytest.raises(InputError, match="'quarrying' is no choice: choose one of underground, open pit") as caught:
        run(line, pit, methods=("quarrying",))
    assert caught.value.parameter == "methods"
    with pytest.raises(InputError, match="resistance.*holds -1"):
        run(line, pit, resistance(-np.ones((100, 100))))
    with pytest.raises(Cancelled):
        run(line, pit, progress=Progress(cancelled=lambda: True))


def test_layers_of_another_city_are_refused_with_both_extents():
    line, pit = corridors([(315, 1005), (2115, 1005)]), mines((PIT, "West"))
    far = [(100315, 1005), (102115, 1005)]
    with pytest.raises(
        InputError, match="'corridors' lies wholly away from .*100315, 1005 to 102115, 1005.*0, 0 to 3000, 3000"
    ):
        run(corridors(far), pit)
    beside = mines(("POLYGON" + box(3100, 0, 3200, 100), "East"), ("POLYGON" + box(5000, 0, 5200, 100), "Far"))
    with pytest.raises(InputError, match="'mines' lies wholly away from .*3100, 0 to 5200, 100"):
        run(line, beside)
    assert len(run(line, mines((PIT, "West"), ("POLYGON" + box(5000, 0, 5200, 100), "Far"))).pairs) == 1


def test_fields_are_recognised_in_any_case():
    line, pit = corridors([(315, 1005), (2115, 1005)]), mines((PIT, "West"))
    line.attributes[0].update(corridor_id=41, source_a=7, source_b=9)
    shouted = Layer(
        line.name,
        UTM,
        line.geometries,
        [{name.upper(): value for name, value in line.attributes[0].items()}],
        [name.upper() for name in line.field_names],
    )
    (plain,), (found,) = run(line, pit).pairs, run(shouted, pit).pairs
    assert found == plain and (found["corridor_id"], found["source_a"], found["source_b"]) == (41, 7, 9)

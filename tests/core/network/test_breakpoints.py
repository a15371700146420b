"""Breakpoints on geometry drawn by hand, and against OGR's intersection of everything with everything."""

import time

import numpy as np
import pytest
from osgeo import ogr

from econet.core.crs import Crs
from econet.core.errors import Cancelled, InputError
from econet.core.geometry.layers import Layer
from econet.core.network.breakpoints import BreakpointChoices, breakpoints
from econet.core.progress import SILENT, Progress
from econet.core.schemas import BREAKPOINTS, names

UTM = Crs.of("EPSG:32651").reference.ExportToWkt()
X0, Y0 = 560000.0, 4630000.0


def geometry(shape):
    """A line through points, several lines, or WKT; moved to where UTM coordinates are large."""
    if isinstance(shape, str):
        shape = ogr.CreateGeometryFromWkt(shape)
    elif isinstance(shape[0][0], (tuple, list)):
        several = ogr.Geometry(ogr.wkbMultiLineString)
        for part in shape:
            several.AddGeometry(line(part))
        shape = several
    else:
        shape = line(shape)
    return moved(shape)


def line(points):
    found = ogr.Geometry(ogr.wkbLineString)
    for x, y in points:
        found.AddPoint_2D(float(x), float(y))
    return found


def moved(shape):
    for index in range(shape.GetGeometryCount()):
        moved(shape.GetGeometryRef(index))
    if shape.GetGeometryCount() == 0:
        for index in range(shape.GetPointCount()):
            shape.SetPoint_2D(index, shape.GetX(index) + X0, shape.GetY(index) + Y0)
    return shape


def corridors(*shapes, ids=None, classes=None, gravity=None):
    names = ["corridor_id"] + (["gravity", "class"] if classes else [])
    rows = [
        {
            "corridor_id": (ids or range(1, 99))[n],
            "class": (classes or [None] * 99)[n],
            "gravity": (gravity or [None] * 99)[n],
        }
        for n in range(len(shapes))
    ]
    return Layer("corridors", UTM, [geometry(s) for s in shapes], rows, names)


def roads(*rows):
    """Rows of (shape, name, class)."""
    return Layer(
        "roads",
        UTM,
        [geometry(row[0]) for row in rows],
        [{"name": row[1], "kind": row[2]} for row in rows],
        ["name", "kind"],
    )


def find(lines, streets, progress=SILENT, **choices):
    return breakpoints(lines, streets, choices=BreakpointChoices(**choices), progress=progress)


def run(lines, streets, **options):
    found = find(lines, streets, **{"class_field": "kind", "name_field": "name", **options})
    assert found.field_names == names(BREAKPOINTS) and found.crs.wkt == UTM
    assert [a["breakpoint_id"] for a in found.attributes] == list(range(1, len(found) + 1))
    return [((g.GetX() - X0, g.GetY() - Y0), a) for g, a in zip(found.geometries, found.attributes)]


EAST = [(-1000, 0), (1000, 0)]


def test_one_crossing():
    [(place, row)] = run(corridors([(10, -300), (10, 300)]), roads((EAST, "G1", "motorway")))
    assert place == pytest.approx((10, 0), abs=1e-6)
    assert {
        k: row[k] for k in ("road", "road_class", "corridors", "n_corridors", "class", "gravity_sum", "priority")
    } == {
        "road": "G1",
        "road_class": "motorway",
        "corridors": "1",
        "n_corridors": 1,
        "class": None,
        "gravity_sum": None,
        "priority": 1,
    }
    assert "overpass" in row["measure"]


def test_crossing_at_a_vertex_and_a_touch_are_one_place():
    assert (
        len(
            run(
                corridors([(0, -300), (0, 0), (0, 300)]),
                roads(([(-500, 0), (0, 0), (500, 0)], "a", "b")),
                tolerance_m=0,
            )
        )
        == 1
    )
    [(place, _)] = run(corridors([(-50, 40), (0, 0), (50, 40)]), roads((EAST, "a", "b")), tolerance_m=0)
    assert place == pytest.approx((0, 0), abs=1e-6)


def test_a_corridor_that_ends_on_the_road_meets_it():
    [(place, row)] = run(corridors([(0, 300), (0, 0)], [(0, 300), (0, 1)]), roads((EAST, "a", "b")))
    assert place == pytest.approx((0, 0), abs=1e-6) and row["corridors"] == "1"


ZIGZAG = [(0, -300), (0, 30), (60, 30), (60, -300)]


def test_two_crossings_within_the_tolerance_are_one_in_the_middle():
    [(place, row)] = run(corridors(ZIGZAG), roads((EAST, "a", "b")))
    assert place == pytest.approx((30, 0), abs=1e-6)
    assert row["n_corridors"] == 1


def test_two_crossings_beyond_the_tolerance_are_two():
    for tolerance in (0, 30, 60):  # closer than: 60 m apart are not closer than 60 m
        assert len(run(corridors(ZIGZAG), roads((EAST, "a", "b")), tolerance_m=tolerance)) == 2, tolerance
    assert len(run(corridors(ZIGZAG), roads((EAST, "a", "b")), tolerance_m=60.01)) == 1


def test_single_linkage_joins_a_chain():
    weave = [(80 * n, 40 * (-1) ** n) for n in range(11)]  # crosses at 40, 120, ... 760
    [(place, _)] = run(corridors(weave), roads((EAST, "a", "b")))
    assert place == pytest.approx((400, 0), abs=1e-6)
    assert len(run(corridors(weave), roads((EAST, "a", "b")), tolerance_m=79)) == 10


def test_the_middle_lies_on_a_curved_road():
    angle = np.linspace(0, np.pi, 181)
    arc = list(zip(100 * np.cos(angle), 100 * np.sin(angle)))
    spoke = [(f * np.cos(a), f * np.sin(a)) for a, f in ((0.5, 50), (0.5, 150), (1.1, 150), (1.1, 50))]
    [((x, y), _)] = run(corridors(spoke), roads((arc, "a", "b")))
    assert np.hypot(x, y) == pytest.approx(100, abs=0.05)
    assert np.arctan2(y, x) == pytest.approx(0.8, abs=0.005)


def test_a_run_along_the_road_is_one_point_in_its_middle():
    along = [(0, -200), (0, 0), (100, 0), (250, 0), (600, 0), (600, 200)]
    for tolerance in (0, 90):
        [(place, _)] = run(corridors(along), roads((EAST, "a", "b")), tolerance_m=tolerance)
        assert place == pytest.approx((300, 0), abs=1e-6), tolerance
    leaves = [(0, 0), (100, 0), (100, 50), (500, 50), (500, 0), (600, 0)]
    found = run(corridors(leaves), roads((EAST, "a", "b")))
    assert sorted(p[0] for p, _ in found) == pytest.approx([50, 550])
    # another corridor crosses in the midst of the run
    [(_, row)] = run(corridors(along, [(433, -50), (433, 50)]), roads((EAST, "a", "b")))
    assert row["corridors"] == "1,2"


def test_dual_carriageway_of_one_name_is_one_road():
    both = roads((EAST, "Ring", "motorway"), ([(1000, 40), (-1000, 40)], "Ring", "motorway"))
    [(place, row)] = run(corridors([(0, -300), (0, 300)]), both)
    assert place == pytest.approx((0, 20), abs=1e-6) and row["road"] == "Ring"
    as_multiline = roads(([EAST, [(1000, 40), (-1000, 40)]], "Ring", "motorway"))
    [(place, _)] = run(corridors([(0, -300), (0, 300)]), as_multiline)
    assert place == pytest.approx((0, 20), abs=1e-6)
    other = roads((EAST, "Ring", "motorway"), ([(1000, 40), (-1000, 40)], "Rail", "rail"))
    assert {row["road"] for _, row in run(corridors([(0, -300), (0, 300)]), other)} == {"Ring", "Rail"}


def test_unnamed_lines_that_touch_are_one_road():
    up = corridors([(-20, -100), (-20, 100)], [(20, -100), (20, 100)])
    touching = roads(([(-900, 0), (0, 0)], None, "primary"), ([(0, 0), (900, 0)], " ", "primary"))
    [(place, row)] = run(up, touching)
    assert place == pytest.approx((0, 0), abs=1e-6) and row["road"] is None and row["corridors"] == "1,2"
    t_junction = roads(([(-900, 0), (900, 0)], None, "primary"), ([(0, 0), (0, 900)], None, "primary"))
    assert len(run(corridors([(-20, -100), (-20, 50), (20, 50)]), t_junction)) == 1
    apart = roads(([(-900, 0), (-5, 0)], None, "primary"), ([(5, 0), (900, 0)], None, "primary"))
    assert len(run(up, apart)) == 2
    classes = roads(([(-900, 0), (0, 0)], None, "primary"), ([(0, 0), (900, 0)], None, "trunk"))
    assert sorted(row["road_class"] for _, row in run(up, classes)) == ["primary", "trunk"]
    assert len(run(up, classes, class_field="", name_field="")) == 1, "without a class all touching lines are one"


@pytest.mark.parametrize("gap_m, n_roads", [(0.08, 1), (0.12, 2)])
def test_unnamed_roads_touch_within_a_tenth_of_a_metre(gap_m, n_roads):
    up = corridors([(-20, -100), (-20, 100)], [(20, -100), (20, 100)])
    lines = roads(([(-900, 0), (0, 0)], None, "primary"), ([(gap_m, 0), (900, 0)], None, "primary"))
    assert len(run(up, lines)) == n_roads
    west, east = (f"POLYGON(({x0} 0,{x1} 0,{x1} 30,{x0} 30,{x0} 0))" for x0, x1 in ((-900, 0), (gap_m, 900)))
    assert len(run(up, roads((west, None, "primary"), (east, None, "primary")))) == n_roads


@pytest.mark.parametrize(
    "kinds, measure",
    [
        (
            ("motorway", "Motorway_link", "Expressway", "freeway", "高速公路"),
            "wildlife overpass or underpass with guiding fences",
        ),
        (
            ("rail", "light_rail", "High-speed railway", "铁路", "高速铁路"),
            "wildlife underpass or enlarged culvert below the track",
        ),
        (("canal", "干渠"), "green bridge and exit ramps in the banks"),
        (
            ("trunk", "primary", "first-class road", "First class", "highway", "一级公路"),
            "enlarged culvert or underpass, warning signs, speed limit",
        ),
        (("residential", None), "warning signs, speed limit"),
    ],
)
def test_the_shipped_measure_of_a_road_class(kinds, measure):
    for kind in kinds:
        [(_, row)] = run(corridors([(10, -300), (10, 300)]), roads((EAST, "a", kind)))
        assert row["measure"] == measure, kind


def test_names_and_classes_as_layers_write_them():
    close = corridors([(0, -50), (0, 50)])
    numbers = roads((EAST, "07", 1.0), ([(-500, 20), (500, 20)], "7", 1.0))
    found = run(close, numbers, classes=["1"])
    assert sorted((row["road"], row["road_class"]) for _, row in found) == [("07", "1"), ("7", "1")]
    mixed = roads(([(-900, 0), (0, 0)], None, "Primary"), ([(0, 0), (900, 0)], "", "primary"))
    [(_, row)] = run(corridors([(-20, -50), (-20, 50)], [(20, -50), (20, 50)]), mixed)
    assert row["road_class"] == "Primary" and "culvert" in row["measure"]


def test_far_crossings_of_one_named_road_stay_apart():
    split = roads(([(-900, 0), (0, 0)], "a", "b"), ([(0, 0), (900, 0)], "a", "b"))
    found = run(corridors([(-700, -9), (-700, 9)], [(700, -9), (700, 9)]), split)
    assert sorted(p[0] for p, _ in found) == pytest.approx([-700, 700])


BLOCK = "POLYGON((-1000 0,1000 0,1000 50,-1000 50,-1000 0))"


def test_polygon_road_gives_the_middle_of_the_crossing_piece():
    [(place, row)] = run(corridors([(10, -300), (10, 20), (10, 300)]), roads((BLOCK, "a", "motorway")))
    assert place == pytest.approx((10, 25), abs=1e-6) and row["corridors"] == "1"
    # along the road for 400 m, bent: halfway by length
    [(place, _)] = run(corridors([(0, -100), (0, 25), (400, 25), (400, 200)]), roads((BLOCK, "a", "b")))
    assert place == pytest.approx((200, 25), abs=1e-6)
    found = run(corridors([(0, -100), (0, 100), (500, 100), (500, -100)]), roads((BLOCK, "a", "b")))
    assert sorted(p for p, _ in found) == [pytest.approx((0, 25)), pytest.approx((500, 25))]
    [(place, row)] = run(corridors([(0, -100), (0, 100)], [(40, -100), (40, 100)]), roads((BLOCK, "a", "b")))
    assert place == pytest.approx((20, 25), abs=1e-6) and row["corridors"] == "1,2"


def test_polygon_road_in_adjoining_pieces_and_with_a_hole():
    west, east = "POLYGON((-1000 0,5 0,5 50,-1000 50,-1000 0))", "POLYGON((5 0,1000 0,1000 50,5 50,5 0))"
    along = [(-100, -50), (-100, 25), (300, 25), (300, 90)]
    for pair in (roads((west, "a", "b"), (east, "a", "b")), roads((west, None, "b"), (east, None, "b"))):
        [(place, _)] = run(corridors(along), pair)
        assert place == pytest.approx((100, 25), abs=1e-6)
    ring = "POLYGON((0 0,600 0,600 600,0 600,0 0),(50 50,550 50,550 550,50 550,50 50))"
    found = run(corridors([(300, -100), (300, 900)]), roads((ring, "a", "b")))
    assert sorted(p for p, _ in found) == [pytest.approx((300, 25)), pytest.approx((300, 575))]
    [(place, _)] = run(corridors([(60, 20), (540, 20)]), roads((ring, "a", "b")))
    assert place == pytest.approx((300, 20), abs=1e-6), "wholly inside"
    assert not find(corridors([(100, 100), (500, 500)]), roads((ring, "a", "b"))).geometries, "in the hole"


def test_overlapping_polygons_are_one_crossing_whatever_the_tolerance():
    twice = roads((BLOCK, "a", "b"), ("POLYGON((-1000 20,1000 20,1000 70,-1000 70,-1000 20))", "a", "b"))
    for tolerance in (0, 90):
        [(place, _)] = run(corridors([(10, -300), (10, 300)]), twice, tolerance_m=tolerance)
        assert place == pytest.approx((10, 35), abs=1e-6)


def test_lines_and_polygons_of_one_name():
    both = roads((BLOCK, "a", "b"), ([(1000, 25), (2000, 25)], "a", "b"))
    [(place, row)] = run(corridors([(980, -50), (980, 90)], [(1020, -50), (1020, 90)]), both)
    assert place == pytest.approx((1000, 25), abs=1e-6) and row["corridors"] == "1,2"


def test_corridors_that_share_cells_share_the_point():
    shared = [(0, -60), (30, -30), (30, 0), (30, 30)]
    lines = corridors(
        [(-300, -60), *shared, (60, 60)],
        [(90, 90), (60, 60), *reversed(shared), (0, -300)],
        [(500, -60), (500, 60)],
        ids=[12, 3, 7],
        classes=["general", "important", "general"],
        gravity=[10.0, 90.5, 200.0],
    )
    first, second = run(lines, roads(([(-999, 10), (999, 10)], "a", "b")))
    assert first[0] == pytest.approx((30, 10), abs=1e-6)
    assert first[1]["corridors"] == "3,12" and first[1]["n_corridors"] == 2
    assert first[1]["class"] == "important" and first[1]["gravity_sum"] == pytest.approx(100.5)
    assert second[1]["corridors"] == "7" and second[1]["class"] == "general", "important goes before a larger gravity"
    assert (first[1]["priority"], second[1]["priority"]) == (1, 2)


def test_priority_by_gravity_then_number():
    at = [corridors([(x, -9), (x, 9)]).geometries[0] for x in (0, 300, 600)]
    lines = corridors(EAST, EAST, EAST, EAST, classes=["general"] * 4, gravity=[5.0, 6.0, 3.0, 3.0])
    lines.geometries = [at[0], at[1], at[2], at[2].Clone()]
    lines.attributes[0]["gravity"] = None
    found = run(lines, roads((EAST, "a", "b")))
    assert [row["corridors"] for _, row in found] == ["3,4", "2", "1"]  # sums 6, 6 and NULL
    assert [row["gravity_sum"] for _, row in found] == [6.0, 6.0, None]


def test_multilines_and_features_of_one_corridor():
    parts = corridors([[(0, -50), (0, 50)], [(400, -50), (400, 50)]], [(800, -50), (800, 50)], ids=[5, 5])
    found = run(parts, roads(([[(-100, 0), (100, 0)], [(300, 0), (900, 0)]], "a", "b")))
    assert sorted((round(p[0]), row["corridors"]) for p, row in found) == [(0, "5"), (400, "5"), (800, "5")]


def test_classes_and_crs():
    lines = corridors([(0, -50), (0, 50)])
    both = roads((EAST, "a", "Motorway"), ([(-50, 9), (50, 9)], "b", "footway"))
    assert [row["road"] for _, row in run(lines, both, classes=["motorway", " "])] == ["a"]
    said = []
    abroad = both.to_crs(Crs.of("EPSG:4326").reference.ExportToWkt())
    found = run(lines, abroad, classes=["footway"], progress=Progress(log=said.append))
    assert found[0][0] == pytest.approx((0, 9), abs=0.01)
    assert any("'roads' was reprojected" in text for text in said)


def test_nothing_crossed_is_said():
    said = []
    assert run(corridors([(0, 5), (0, 50)]), roads((EAST, "a", "b")), progress=Progress(warn=said.append)) == []
    assert "No corridor of 'corridors' meets a road of 'roads'" in said[0]
    assert run(corridors([(5e6, 5), (5e6, 50)]), roads((BLOCK, "a", "b"), ([(6e6, 0), (6e6, 9)], "c", "d"))) == []


def test_roads_of_another_city_are_refused_with_both_extents():
    lines = corridors([(0, 0), (3000, 1000)])
    near, far = roads(([(-2900, 0), (-2900, 9)], "a", "b")), roads(([(-3100, 0), (-3100, 9)], "a", "b"))
    assert run(lines, near) == []
    with pytest.raises(
        InputError,
        match="Layer 'roads' lies wholly away from 'corridors', further than 3000 m: its extent "
        "there is 556900, 4630000 to 556900, 4630009, that of 'corridors' is 560000, 4630000 to "
        "563000, 4631000",
    ):
        run(lines, far)


def test_bad_input():
    lines, street = corridors([(0, -50), (0, 50)]), roads((EAST, "a", "b"))
    with pytest.raises(InputError, match="'roads' has no field 'highway'"):
        find(lines, street, class_field="highway")
    with pytest.raises(InputError, match="'roads' has no field 'label'"):
        find(lines, street, name_field="label")
    with pytest.raises(InputError, match="holds none of the road classes motorway: choose among b"):
        find(lines, street, class_field="kind", classes=["motorway"])
    with pytest.raises(
        InputError, match="motorway are given, and the roads' field that holds the class is not"
    ) as caught:
        find(lines, street, classes=["motorway"])
    assert caught.value.parameter == "classes"
    with pytest.raises(InputError, match="-1 m is no tolerance") as caught:
        find(lines, street, tolerance_m=-1)
    assert (caught.value.parameter, caught.value.value) == ("tolerance_m", -1)
    with pytest.raises(InputError, match="'roads' is empty"):
        find(lines, roads())
    with pytest.raises(InputError, match="'corridors' is empty"):
        find(corridors(), street)
    with pytest.raises(InputError, match="roads must be lines or polygons"):
        find(lines, roads(("POINT(1 1)", "a", "b")))
    with pytest.raises(InputError, match="corridors must be lines"):
        find(corridors(BLOCK), street)
    with pytest.raises(InputError, match="field 'corridor_id', feature 1: NULL is not an id"):
        find(corridors([(0, 0), (1, 1)], ids=[None]), street)
    with pytest.raises(InputError, match="'many' is not a number"):
        find(corridors([(0, 0), (1, 1)], classes=["general"], gravity=["many"]), street)
    with pytest.raises(InputError, match="in degrees"):
        find(lines.to_crs(Crs.of("EPSG:4326").reference.ExportToWkt()), street)
    with pytest.raises(InputError, match="'roads' has no coordinate reference system"):
        find(lines, Layer("roads", "", street.geometries, street.attributes, street.field_names))


def test_fields_are_recognised_in_any_case():
    lines = corridors(
        [(0, 0), (0, 100)], [(10, 0), (10, 100)], ids=[41, 42], classes=["important", "general"], gravity=[3.0, 4.0]
    )
    shouted = Layer(
        lines.name,
        UTM,
        lines.geometries,
        [{name.upper(): value for name, value in row.items()} for row in lines.attributes],
        ["CORRIDOR_ID", "GRAVITY", "CLASS"],
    )
    street = roads(([(-50, 50), (50, 50)], "a", "b"))
    (found,) = find(shouted, street).attributes
    assert found == find(lines, street).attributes[0]
    assert (found["corridors"], found["class"], found["gravity_sum"]) == ("41,42", "important", 7)


# against OGR ---------------------------------------------------------------------------------------


def random_walk(rng, steps, cell=30):
    moves = np.array([(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1) if a or b])
    drift = moves[rng.integers(0, 8)]
    path = np.cumsum(np.vstack([rng.integers(0, 60, 2), moves[rng.integers(0, 8, steps)] + drift]), axis=0)
    return [tuple(p) for p in path * float(cell)]


def brute_force(lines, streets, tolerance):
    """Crossing pieces by OGR of everything with everything; single linkage road by road."""
    result = []
    for name in sorted({a["name"] for a in streets.attributes}):
        pieces = []
        for corridor, a in zip(lines.geometries, lines.attributes):
            for road, b in zip(streets.geometries, streets.attributes):
                if b["name"] == name:
                    common = corridor.Intersection(road)
                    simple = (
                        [common]
                        if common.GetGeometryCount() == 0
                        else [common.GetGeometryRef(i).Clone() for i in range(common.GetGeometryCount())]
                    )
                    pieces += [(g, a["corridor_id"]) for g in simple if not g.IsEmpty()]
        label = list(range(len(pieces)))
        for i in range(len(pieces)):
            for j in range(i):
                distance = pieces[i][0].Distance(pieces[j][0])
                if (distance < tolerance or distance < 0.002) and label[i] != label[j]:
                    label = [label[j] if k == label[i] else k for k in label]
        for one in sorted(set(label)):
            result.append((name, tuple(sorted({c for (_, c), k in zip(pieces, label) if k == one}))))
    return sorted(result)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("kind", ["lines", "polygons"])
def test_against_everything_with_everything(seed, kind):
    rng = np.random.default_rng(seed)
    lines = corridors(*(random_walk(rng, 40) for _ in range(8)))
    rows = []
    for _n in range(8):
        shape = geometry([tuple(p) for p in rng.uniform(-600, 2400, (rng.integers(2, 5), 2))])
        if kind == "polygons":
            shape = shape.Buffer(float(rng.uniform(5, 40)), 3)
        rows.append(shape)
    streets = Layer("roads", UTM, rows, [{"name": f"r{n // 2}", "kind": "b"} for n in range(8)], ["name", "kind"])
    for tolerance in (0, 25, 90, 400) if kind == "lines" else (25, 90, 400):
        found = find(lines, streets, class_field="kind", name_field="name", tolerance_m=tolerance)
        mine = sorted((a["road"], tuple(int(i) for i in a["corridors"].split(","))) for a in found.attributes)
        assert mine == brute_force(lines, streets, tolerance), tolerance
        if tolerance == 0:
            everything = lines.geometries[0].Clone()
            for corridor in lines.geometries[1:]:
                everything = everything.Union(corridor)
            for point, a in zip(found.geometries, found.attributes):
                assert everything.Distance(point) < 1e-2
                assert (
                    min(
                        s.Distance(point)
                        for s, b in zip(streets.geometries, streets.attributes)
                        if b["name"] == a["road"]
                    )
                    < 1e-2
                )


def test_turning_and_mirroring_the_map_turns_the_points():
    rng = np.random.default_rng(3)
    walks = [random_walk(rng, 50) for _ in range(5)]
    streets = [[tuple(p) for p in rng.uniform(-600, 2400, (3, 2))] for _ in range(5)]

    def places(change):
        found = run(
            corridors(*([change(p) for p in w] for w in walks)),
            roads(*(([change(p) for p in s], f"r{n}", "b") for n, s in enumerate(streets))),
        )
        return sorted((a["road"], a["corridors"], *(round(c, 3) + 0.0 for c in p)) for p, a in found)

    turned = sorted((road, ids, round(-y, 3) + 0.0, round(x, 3) + 0.0) for road, ids, x, y in places(lambda p: p))
    assert places(lambda p: (-p[1], p[0])) == [
        (r, i, pytest.approx(x, abs=0.02), pytest.approx(y, abs=0.02)) for r, i, x, y in turned
    ]


def test_cancel_acts_within_a_second():
    rng = np.random.default_rng(0)
    lines = corridors(*(random_walk(rng, 400) for _ in range(40)), ids=list(range(40)))
    streets = roads(*(([tuple(p) for p in rng.uniform(-6000, 12000, (20, 2))], f"r{n}", "b") for n in range(60)))
    start = time.perf_counter()
    calls = []

    def stop():
        calls.append(time.perf_counter())
        return len(calls) > 5

    with pytest.raises(Cancelled):
        find(lines, streets, class_field="kind", name_field="name", progress=Progress(cancelled=stop))
    gaps = np.diff([start, *calls])
    assert gaps.max() < 1

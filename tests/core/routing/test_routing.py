"""Flow routing against InVEST's own rasters, brute force (heap flood, cell by cell routing), and laws."""

import heapq
import math
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from econet.core import accel
from econet.core.crs import Crs
from econet.core.errors import Cancelled, InputError
from econet.core.grid.grid import Template
from econet.core.grid.reading import RasterSource, read_raster
from econet.core.progress import Progress
from econet.core.routing import flat_search
from econet.core.routing import flow as flow_module
from econet.core.routing.depressions import fill_depressions, internal_drains
from econet.core.routing.flat_search import FlatCells, _search_loop, search_compiled, search_flats
from econet.core.routing.flow import Unfilled, WayEnds, from_directions, step_lengths
from econet.core.routing.lattice import Lattice
from econet.core.routing.streams import streams
from econet.core.routing.ways import FlowConvention, Routing

INVEST = Path(__file__).resolve().parents[2] / "data" / "invest_synth"
D8, MFD = ROUTINGS = tuple(Routing)
RECOMMENDED, AS_INVEST = CONVENTIONS = tuple(FlowConvention)


def route(
    filled, template, routing=Routing.MFD, ground=None, drains=None, convention=FlowConvention.RECOMMENDED, **more
):
    return flow_module.route(
        filled, template, routing=routing, convention=convention, unfilled=Unfilled(ground, drains), **more
    )


WKT = Crs.of("EPSG:32651").reference.ExportToWkt()
STEPS = [(0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1)]
TURNS = {"quarter": np.rot90, "half": lambda a: np.rot90(a, 2), "transposed": lambda a: a.T, "mirrored": np.fliplr}


def cells(shape, dx=30.0, dy=30.0):
    return Template(*shape, (500000.0, dx, 0.0, 4600000.0, 0.0, -dy), WKT)


def ground(shape, seed, holes=0, whole=False):
    """Rough ground with many pits."""
    random = np.random.default_rng(seed)
    z = sum(ndimage.gaussian_filter(random.normal(size=shape), s) * s * 30 for s in (0.8, 3))
    z = (z + np.linspace(0, 60, shape[0])[:, None]).astype(np.float32)
    z = np.round(z / 8) if whole else z
    z[random.random(shape) < holes] = np.nan
    return z


def beside(shape, r, c):
    for k, (dr, dc) in enumerate(STEPS):
        yield k, r + dr, c + dc, 0 <= r + dr < shape[0] and 0 <= c + dc < shape[1]


def flooded(z, drains=None):
    """The priority flood as it is told: from all ways out inwards, always at the lowest cell."""
    level, heap = np.full(z.shape, np.nan), []
    for r, c in np.argwhere(~np.isnan(z)):
        if (drains is not None and drains[r, c]) or any(
            not inside or np.isnan(z[i, j]) for _, i, j, inside in beside(z.shape, r, c)
        ):
            level[r, c] = z[r, c]
            heapq.heappush(heap, (z[r, c], r, c))
    while heap:
        height, r, c = heapq.heappop(heap)
        for _, i, j, inside in beside(z.shape, r, c):
            if inside and not np.isnan(z[i, j]) and np.isnan(level[i, j]):
                level[i, j] = max(height, z[i, j])
                heapq.heappush(heap, (level[i, j], i, j))
    return level


def invest(name):
    return read_raster(RasterSource(str(INVEST / f"{name}.tif")))


def routed(z, routing, dx=30.0, dy=30.0, **more):
    filled = fill_depressions(z)
    return filled, route(filled, cells(z.shape, dx, dy), routing, ground=z, **more)


# filling -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "shape, holes, whole",
    [
        ((31, 44), 0, False),
        ((40, 33), 0.02, False),
        ((30, 30), 0.2, True),
        ((50, 41), 0, True),
        ((1, 30), 0, False),
        ((25, 1), 0.1, False),
        ((2, 2), 0, False),
        ((1, 1), 0, False),
    ],
)
def test_filled_as_a_priority_flood_fills(shape, holes, whole):
    for seed in range(4):
        z = ground(shape, seed, holes, whole) if min(shape) > 2 or holes == 0 else ground(shape, seed + 3)
        filled = fill_depressions(z)
        assert filled.dtype == z.dtype
        np.testing.assert_array_equal(filled, flooded(z))


def test_noise_and_a_spiral_are_filled():
    noise = np.random.default_rng(1).normal(size=(45, 45))
    np.testing.assert_array_equal(fill_depressions(noise), flooded(noise))
    spiral = np.full((15, 15), 9.0)
    r, c, dr, dc, turn = 1, 0, 0, 1, 0
    for step in range(60):  # a channel that falls towards its closed inner end
        spiral[r, c] = 8 - step / 10
        if not (0 < c + dc < 14 and 0 < r + dr < 14) or (
            0 <= r + 2 * dr < 15 and 0 <= c + 2 * dc < 15 and spiral[r + 2 * dr, c + 2 * dc] < 9
        ):
            dr, dc, turn = dc, -dr, turn + 1
        r, c = r + dr, c + dc
    np.testing.assert_array_equal(fill_depressions(spiral), flooded(spiral))


def test_a_flat_map_a_map_below_zero_and_no_map():
    flat = np.full((6, 7), -3.0)
    np.testing.assert_array_equal(fill_depressions(flat), flat)
    bowl = -(np.hypot(*(np.mgrid[:9, :9] - 4)) ** 2) * -1.0 - 40
    np.testing.assert_array_equal(fill_depressions(bowl), flooded(bowl))
    empty = np.full((3, 3), np.nan)
    np.testing.assert_array_equal(fill_depressions(empty), empty)


def test_the_dem_is_not_altered():
    z = ground((20, 20), 3, holes=0.05)
    before = z.copy()
    _, flow = routed(z, MFD)
    flow.accumulate()
    np.testing.assert_array_equal(z, before)


def test_filled_as_invest_fills():
    np.testing.assert_array_equal(
        fill_depressions(invest("inputs/dem").values), invest("expected/sdr_D8_pit_filled_dem").values
    )


# against InVEST ----------------------------------------------------------------------------------


def test_directions_streams_and_accumulation_as_invest():
    filled = invest("expected/sdr_D8_pit_filled_dem")
    flow = route(filled.values, filled.template, D8, convention=AS_INVEST)
    np.testing.assert_array_equal(flow.direction, invest("expected/sdr_D8_flow_direction").values)
    accumulation = flow.accumulate()
    np.testing.assert_array_equal(accumulation, invest("expected/sdr_D8_flow_accumulation").values)
    np.testing.assert_array_equal(
        streams(flow, accumulation, threshold=60, convention=AS_INVEST), invest("expected/sdr_D8_stream").values == 1
    )


def test_mfd_with_shares_in_four_bits_as_invest():
    filled = invest("expected/sdr_D8_pit_filled_dem")
    flow = route(filled.values, filled.template, MFD, convention=AS_INVEST)
    accumulation = flow.accumulate()
    np.testing.assert_allclose(accumulation, invest("expected/sdr_MFD_flow_accumulation").values, rtol=1e-12)
    np.testing.assert_array_equal(
        streams(flow, accumulation, threshold=60, convention=AS_INVEST), invest("expected/sdr_MFD_stream").values == 1
    )


def test_flow_from_invests_directions():
    direction = invest("expected/sdr_D8_flow_direction")
    flow = from_directions(direction.values, direction.template)
    np.testing.assert_array_equal(flow.accumulate(), invest("expected/sdr_D8_flow_accumulation").values)


def test_recommended_directions_differ_from_invests_only_where_two_are_as_steep():
    filled = invest("expected/sdr_D8_pit_filled_dem")
    ours = route(filled.values, filled.template, D8, ground=invest("inputs/dem").values).direction
    theirs = invest("expected/sdr_D8_flow_direction").values
    z = np.pad(filled.values.astype(float), 1, constant_values=np.nan)
    drops = np.stack(
        [(z[1:-1, 1:-1] - np.roll(z, (-dr, -dc), (0, 1))[1:-1, 1:-1]) / math.hypot(dr, dc) for dr, dc in STEPS]
    )
    steepest = np.nan_to_num(drops).max(axis=0)
    tied = (np.nan_to_num(drops) >= steepest * (1 - 1e-12)).sum(axis=0) > 1
    no_tie = ~tied & (steepest > 0)
    assert no_tie.mean() > 0.9
    np.testing.assert_array_equal(ours[no_tie], theirs[no_tie])


# directions --------------------------------------------------------------------------------------


@pytest.mark.parametrize("dx, dy", [(30, 30), (10, 45)])
def test_d8_runs_down_the_steepest_slope(dx, dy):
    z = ground((30, 35), 5)
    filled, flow = routed(z, D8, dx, dy)
    for r, c in np.argwhere(filled == z):
        slopes = [
            (filled[r, c].astype(float) - filled[i, j]) / math.hypot((i - r) * dy, (j - c) * dx) if inside else -1.0
            for _, i, j, inside in beside(z.shape, r, c)
        ]
        if max(slopes) > 0:
            assert slopes[flow.direction[r, c]] == pytest.approx(max(slopes), rel=1e-12)


@pytest.mark.parametrize("dx, dy", [(30, 30), (10, 45)])
def test_mfd_shares_are_in_proportion_to_slope(dx, dy):
    z = ground((20, 25), 6)
    filled, flow = routed(z, MFD, dx, dy)
    cell, _, way, share = flow.receivers()
    dense = np.zeros((z.size, 8))
    dense[cell, way] = share
    checked = 0
    for r, c in np.argwhere(filled == z):
        here = filled[r, c].astype(float)
        slopes = np.array(
            [
                max(0.0, (here - filled[i, j]) / math.hypot((i - r) * dy, (j - c) * dx)) if inside else 0.0
                for _, i, j, inside in beside(z.shape, r, c)
            ]
        )
        if slopes.any():
            np.testing.assert_allclose(dense[r * z.shape[1] + c], slopes / slopes.sum(), atol=1e-12)
            checked += 1
    assert checked > 300


def test_shares_in_fifteenths():
    """Drops 3, 1 (straight) and 1 (diagonal): 3 : 1 : 0.7071 of 15 are 9.56, 3.19, 2.25: 10, 3, 2 of 15."""
    z = np.array([[9, 9, 9.0], [9, 8, 5], [9, 7, 7]])
    flow = route(z, cells(z.shape), MFD, convention=AS_INVEST)
    cell, _, way, share = flow.receivers()
    middle = cell == 4
    assert dict(zip(way[middle], share[middle] * 15)) == pytest.approx({0: 10, 6: 3, 7: 2})
    flow = route(z, cells(z.shape), MFD)
    cell, _, way, share = flow.receivers()
    assert dict(zip(way[cell == 4], share[cell == 4])) == pytest.approx(
        {0: 3 / 4.70711, 6: 1 / 4.70711, 7: 0.70711 / 4.70711}, rel=1e-5
    )


@pytest.mark.parametrize("routing", ROUTINGS)
@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize(
    "shape, holes, whole",
    [
        ((33, 41), 0.01, False),
        ((30, 28), 0, True),
        ((1, 40), 0, False),
        ((40, 1), 0, True),
        ((1, 1), 0, False),
        ((25, 25), 0.3, True),
    ],
)
def test_all_water_leaves_and_nothing_is_lost(routing, convention, shape, holes, whole):
    z = ground(shape, 11, holes, whole)
    filled = fill_depressions(z)
    flow = route(filled, cells(shape, 20, 35), routing, z, convention=convention)
    accumulation = flow.accumulate()
    assert accumulation[flow.leaves].sum() == pytest.approx(flow.valid.sum(), rel=1e-12)
    assert (accumulation[flow.valid] >= 1).all() and not accumulation[~flow.valid].any()
    cell, to, _, share = flow.receivers()
    inside = (flow.valid & ~flow.leaves).ravel()
    np.testing.assert_allclose(np.bincount(cell, share, z.size)[inside], 1, rtol=1e-12)
    assert (filled.ravel()[to] <= filled.ravel()[cell]).all()
    own = np.random.default_rng(2).random(shape)
    assert flow.accumulate(own)[flow.leaves].sum() == pytest.approx(own[flow.valid].sum(), rel=1e-12)


@pytest.mark.parametrize("routing", ROUTINGS)
def test_accumulation_by_brute_force(routing):
    z = ground((18, 21), 8, holes=0.02)
    _, flow = routed(z, routing)
    cell, to, _, share = flow.receivers()
    matrix = np.zeros((z.size, z.size))
    matrix[to, cell] = share
    expected = np.linalg.solve(np.eye(z.size) - matrix, flow.valid.ravel().astype(float))
    np.testing.assert_allclose(flow.accumulate().ravel(), expected, rtol=1e-9)


@pytest.mark.parametrize("routing", ROUTINGS)
@pytest.mark.parametrize("turn", TURNS)
def test_a_map_turned_around_gives_its_flow_turned_around(routing, turn):
    """Also across filled lakes: their beds settle what the level surface leaves open."""
    turned = TURNS[turn]
    z = ground((40, 37), 9)
    z[8:30, 10:31] -= np.float32(60)
    filled, flow = routed(z, routing, 20, 20)
    assert (filled > z).mean() > 0.3
    again = route(
        fill_depressions(np.ascontiguousarray(turned(z))),
        cells(turned(z).shape, 20, 20),
        routing,
        np.ascontiguousarray(turned(z)),
    )
    np.testing.assert_allclose(again.accumulate(), turned(flow.accumulate()), rtol=1e-9)


def test_transposed_cells_that_are_not_square():
    z = ground((30, 22), 10)
    _, flow = routed(z, MFD, 15, 40)
    _, again = routed(np.ascontiguousarray(z.T), MFD, 40, 15)
    np.testing.assert_allclose(again.accumulate(), flow.accumulate().T, rtol=1e-9)
    length, _ = flow.path_to(np.zeros(z.shape, bool), 1.0)
    np.testing.assert_allclose(again.path_to(np.zeros(z.T.shape, bool), 1.0)[0], length.T, rtol=1e-9)


# flats -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("routing", ROUTINGS)
def test_a_flat_drains_to_its_only_outlet_and_keeps_off_the_rim(routing):
    """Garbrecht & Martz: flow gathers in the middle of a flat, away from the high ground around it."""
    z = np.full((9, 15), 9.0)
    z[1:-1, 1:-1] = 5.0
    z[4, -1] = 1.0
    flow = route(z, cells(z.shape), routing)
    accumulation = flow.accumulate()
    assert accumulation[4, -1] >= 7 * 13 + 1
    column = accumulation[1:-1, 10]
    assert column.argmax() == 3 and column[3] > 3 * max(column[0], column[-1])
    np.testing.assert_allclose(column, column[::-1])


def test_a_flat_by_distance_as_invest():
    z = np.full((5, 9), 9.0)
    z[1:-1, 1:-1] = 5.0
    z[2, -1] = 1.0
    direction = route(z, cells(z.shape), D8, convention=AS_INVEST).direction
    assert (direction[2, 1:-1] == 0).all() and (direction[[1, 3], 7] == [7, 1]).all()


@pytest.mark.parametrize("routing", ROUTINGS)
@pytest.mark.parametrize("convention", CONVENTIONS)
def test_an_all_flat_map_drains_to_its_edges(routing, convention):
    flow = route(np.zeros((12, 17)), cells((12, 17)), routing, convention=convention)
    edge = np.ones((12, 17), dtype=bool)
    edge[1:-1, 1:-1] = False
    np.testing.assert_array_equal(flow.leaves, edge)
    assert flow.accumulate()[edge].sum() == pytest.approx(12 * 17)


def test_a_lake_at_the_edge_runs_to_the_valley_below_it():
    z = np.array([[5, 5, 5, 9.0], [9, 5, 5, 9], [9, 9, 3, 1]])
    for convention in CONVENTIONS:
        flow = route(z, cells(z.shape), D8, convention=convention)
        assert flow.leaves.sum() == 1 and flow.accumulate()[2, 3] == 12


def test_a_depression_left_is_refused():
    z = np.full((5, 5), 5.0)
    z[2, 2] = 1
    for convention in CONVENTIONS:
        with pytest.raises(InputError, match="depression left, with 1 cell"):
            route(z, cells(z.shape), D8, convention=convention)


def test_directions_in_a_circle_are_refused():
    with pytest.raises(InputError, match="2 cell.*circle"):
        from_directions(np.array([[0, 4, 255]], dtype=np.uint8), cells((1, 3)))


# internal drains ---------------------------------------------------------------------------------


def pit(shape=(21, 25)):
    """A slope with a deep pit that has a bench with a small pit of its own, and a pit elsewhere."""
    r, c = np.mgrid[: shape[0], : shape[1]]
    z = 100.0 + c + r * 0.01
    inside = np.hypot(r - 10, c - 12) < 6
    z[inside] = 60 + 2 * np.hypot(r - 10, c - 12)[inside]
    z[10, 12] = 55
    z[8, 10] = 58
    z[3, 20] = 90
    return z, inside


def test_pits_under_a_mask_drain_inside():
    z, inside = pit()
    filled = fill_depressions(z)
    drains = internal_drains(z, filled, under=inside)
    assert np.argwhere(drains).tolist() == [[10, 12]]
    kept = fill_depressions(z, drains=drains)
    np.testing.assert_array_equal(kept, flooded(z, drains))
    assert kept[10, 12] == 55 and kept[8, 10] > 58 and kept[3, 20] == filled[3, 20]
    for routing in ROUTINGS:
        flow = route(kept, cells(z.shape), routing, z, drains)
        accumulation = flow.accumulate()
        assert accumulation[10, 12] >= inside.sum()
        assert accumulation[10, 12] + accumulation[flow.leaves].sum() == pytest.approx(z.size)


def test_a_flat_bottom_drains_inside_as_a_whole_and_elsewhere_nothing_does():
    z, inside = pit()
    z[9:12, 11:14] = 50
    filled = fill_depressions(z)
    assert internal_drains(z, filled, under=inside).sum() == 9
    assert not internal_drains(z, filled, under=~inside)[inside].any()
    assert not internal_drains(filled, filled, under=np.ones_like(inside)).any()


# ways down ---------------------------------------------------------------------------------------


def test_length_of_the_way_to_a_stream():
    """A ramp of 40 x 10 m cells down to a stream; the last column leads off the map, corners by the nearer side."""
    z = np.tile(np.arange(6.0)[::-1], (3, 1))
    template = cells(z.shape, 40, 10)
    flow = route(z, template, D8)
    stream = np.zeros(z.shape, dtype=bool)
    stream[:, 4] = True
    length, reach = flow.path_to(stream, 0.5)
    expected = np.tile([80.0, 60, 40, 20, 0, 20], (3, 1))
    expected[[0, 2], 5] = 5
    np.testing.assert_allclose(length, expected)
    assert (reach == 1).all()
    length, reach = flow.path_to(stream, 0.5, how=WayEnds(in_cells=True, at_edge=False))
    np.testing.assert_array_equal(length, np.tile([2, 1.5, 1, 0.5, 0, np.nan], (3, 1)))
    np.testing.assert_array_equal(reach[:, 5], 0)


def test_the_way_down_by_brute_force():
    z = ground((14, 17), 12)
    drains = np.zeros(z.shape, bool)
    drains[7, 8] = True
    filled = fill_depressions(z, drains=drains)
    flow = route(filled, cells(z.shape, 20, 30), MFD, z, drains)
    weight = np.random.default_rng(1).random(z.shape) + 0.5
    stream = flow.accumulate() > 12
    stream &= ~drains
    length, reach = flow.path_to(stream, weight)
    cell, to, way, share = flow.receivers()
    goes = ~stream.ravel()[cell]
    matrix, steps = np.zeros((z.size, z.size)), step_lengths(cells(z.shape, 20, 30))
    matrix[cell[goes], to[goes]] = share[goes]
    arrives = (stream | flow.leaves).ravel().astype(float)
    expected_reach = np.linalg.solve(np.eye(z.size) - matrix, arrives)
    np.testing.assert_allclose(reach.ravel(), expected_reach, atol=1e-12)
    # length x reach of a cell = sum of share x (step x reach + length x reach) of those below
    off = (flow.leaves & ~stream).ravel()
    local = np.zeros(z.size)
    np.add.at(local, cell[goes], share[goes] * steps[way[goes]] * weight.ravel()[cell[goes]] * expected_reach[to[goes]])
    _rows, cols = np.divmod(np.flatnonzero(off), z.shape[1])
    side = np.where((cols == 0) | (cols == z.shape[1] - 1), 20, 30)  # the nearer one at corners
    local[off] = weight.ravel()[off] * side
    total = np.linalg.solve(np.eye(z.size) - matrix, local)
    known = expected_reach > 0
    np.testing.assert_allclose(length.ravel()[known], total[known] / expected_reach[known], rtol=1e-9)
    assert reach[7, 8] == 0 and np.isnan(length[7, 8]) and (reach[~stream] < 1).any()


# streams -----------------------------------------------------------------------------------------


def test_streams_begin_at_the_threshold():
    z = np.arange(10.0)[::-1][None, :]
    flow = route(z, cells(z.shape), D8)
    accumulation = flow.accumulate()
    np.testing.assert_array_equal(streams(flow, accumulation, threshold=4)[0], np.arange(10) >= 3)
    np.testing.assert_array_equal(streams(flow, accumulation, threshold=4, convention=AS_INVEST)[0], np.arange(10) >= 4)


# manners -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [1, 3, 8])
def test_a_cancel_acts(after):
    calls = []

    def cancelled():
        calls.append(1)
        return len(calls) > after

    z = ground((60, 60), 1)
    with pytest.raises(Cancelled):
        route(
            fill_depressions(z, progress=Progress(cancelled=cancelled)),
            cells(z.shape),
            MFD,
            progress=Progress(cancelled=cancelled),
        )


# compiled ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("at_once, spare", [(1 << 20, 1 << 10), (7, 0), (1, 3)])
def test_the_loop_to_compile_searches_flats_as_the_lists_do(monkeypatch, at_once, spare):
    """Also when it is called again and again, and when its queue is full."""
    monkeypatch.setattr(flat_search, "_SEARCH_AT_ONCE", at_once)
    monkeypatch.setattr(flat_search, "_QUEUE_SPARE", spare)
    random = np.random.default_rng(9)
    for shape, share in (((1, 1), 1), ((1, 9), 0.8), ((40, 31), 0.7), ((25, 25), 1), ((30, 30), 0.4)):
        lattice = Lattice(shape)
        node = np.flatnonzero(lattice.flat(random.random(shape) < share, False))
        name = np.full(lattice.size, -1)
        name[node] = np.arange(node.size)
        drained = random.random(node.size) < 0.1
        case = FlatCells(
            random.permutation(node.size),
            name[lattice.neighbours_of(node)],
            drained,
            (random.random(node.size) < 0.1) & ~drained,
        )
        lists_and_arrays = zip(
            search_flats(case, lambda done: None), search_compiled(_search_loop, case, lambda done: None)
        )
        for lists, arrays in lists_and_arrays:
            np.testing.assert_array_equal(arrays, lists)


@pytest.mark.parametrize("routing", ROUTINGS)
def test_numba_changes_nothing(routing):
    terrain = np.round(np.random.default_rng(3).random((60, 80)) * 4)
    place = Template(60, 80, (500000.0, 30.0, 0.0, 4600000.0, 0.0, -30.0), "EPSG:32651", "dem")
    found = []
    for engine in ("numpy", "numba"):
        accel.prefer(engine)
        try:
            flow = route(fill_depressions(terrain), place, routing, terrain, convention=AS_INVEST)
        finally:
            accel.prefer("auto")
        found.append(flow.accumulate())
    np.testing.assert_array_equal(*found)


def test_a_cancel_is_heard_in_the_compiled_search():
    flat = np.zeros((300, 300))
    flat[0, 0] = -1
    lattice = Lattice(flat.shape)
    node = np.flatnonzero(lattice.flat(np.ones(flat.shape, bool), False))
    name = np.full(lattice.size, -1)
    name[node] = np.arange(node.size)

    def stop(done):
        raise Cancelled()

    with pytest.raises(Cancelled):
        search_compiled(
            lambda *arguments: _search_loop(*arguments[:-1], 5),
            FlatCells(
                np.arange(node.size),
                name[lattice.neighbours_of(node)],
                node == node[0],
                np.zeros(node.size, bool),
            ),
            stop,
        )

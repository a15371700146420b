"""Sources: areas by hand, ids by the conditions that the planner sets."""

import math

import pytest
from osgeo import ogr

from econet.core.errors import InputError
from econet.core.sources.patches import size_class
from econet.core.sources.selection import select_sources
from econet.core.vector import Features

UTM = "EPSG:32651"


def square(x, y, side_km):
    x, y, s = 5e5 + x * 1000, 46e5 + y * 1000, side_km * 1000
    return ogr.CreateGeometryFromWkt(f"POLYGON(({x} {y},{x+s} {y},{x+s} {y+s},{x} {y+s},{x} {y}))")


def layer(shapes, attributes=None, name="patches", crs=UTM):
    attributes = attributes or [{} for _ in shapes]
    return Features(name, crs, shapes, attributes, sorted({k for a in attributes for k in a}))


@pytest.fixture
def patches():
    rows = [(0, 0, 3, 30.0), (10, 0, 4, 5.0), (20, 0, 2, 50.0), (30, 0, 5, 1.0), (40, 0, 1, 0.5)]
    return layer([square(x, y, s) for x, y, s, _ in rows],
                 [{"patch_id": i + 7, "area_km2": s * s, "size_class": size_class(s * s), "importance_mean": 0.5,
                   "dpc": d, "dpc_intra": d / 2, "dpc_flux": d / 4, "dpc_connector": d / 4}
                  for i, (_, _, s, d) in enumerate(rows)])


def test_sources_are_numbered_by_area(patches):
    sources = select_sources(patches)
    assert [(s.source_id, s.patch_id, round(s.area_km2, 9)) for s in sources] == [(1, 10, 25), (2, 8, 16), (3, 7, 9)]
    assert (sources[0].dpc, sources[2].dpc_intra, sources[2].importance_mean) == (1.0, 15.0, 0.5)


def test_conditions(patches):
    def ids(**options):
        every = ("super-large", "large", "medium", "small")
        return sorted(s.patch_id for s in select_sources(patches, every, **options))

    assert ids(min_area_km2=9) == [7, 8, 10]
    assert ids(min_dpc=5) == [7, 8, 9]
    assert ids(top=2) == [7, 9]
    assert ids(top=0) == [7, 8, 9, 10, 11]
    bare = layer(patches.geometries)
    assert [s.patch_id for s in select_sources(bare, top=2)] == [4, 2]
    with pytest.raises(InputError, match=r"No patch of 'patches' meets all conditions \(size class super-large; area "
                                         r"of at least 99 km2\): lower the least area \(MIN_AREA\)"):
        select_sources(patches, min_area_km2=99)


def test_exclude_cuts(patches):
    sources = select_sources(patches, exclude=layer([square(-1, -1, 2), square(29, -1, 9)], name="plan"))
    assert [(s.patch_id, round(s.area_km2, 9)) for s in sources] == [(8, 16), (7, 8)]
    left = [s.patch_id for s in select_sources(patches, min_area_km2=9, exclude=layer([square(-1, -1, 2)]))]
    assert left == [10, 8]


def test_include_makes_sources_and_joins(patches):
    reserve = layer([square(50, 0, 1), square(2, 2, 2), square(31, 1, 1), square(40, 0, 1)], name="reserves")
    sources = select_sources(patches, include=reserve)
    assert [(s.patch_id, round(s.area_km2, 9)) for s in sources] == [
        (10, 25), (8, 16), (7, 12), (None, 1), (None, 1)]
    joined = sources[2]
    assert math.isnan(joined.dpc) and math.isnan(joined.importance_mean)
    only = select_sources(patches, min_area_km2=99, include=layer([square(50, 0, 1)]))
    assert [s.source_id for s in only] == [1]
    bridge = layer([square(2, 0, 9)], name="bridge")
    assert len(select_sources(patches, include=bridge)) == 2


def test_include_in_another_crs(patches):
    degrees = layer([square(2, 2, 2)]).to_crs("EPSG:4326")
    area = [s.area_km2 for s in select_sources(patches, include=degrees)]
    assert area[2] == pytest.approx(12, rel=1e-6)


def test_sources_refuse(patches):
    with pytest.raises(InputError, match="'patches' is empty"):
        select_sources(layer([]))
    with pytest.raises(InputError, match="'patches' is in degrees"):
        select_sources(patches.to_crs("EPSG:4326"))
    with pytest.raises(InputError, match="no patch of size class small, it has 3 super-large, 1 large, 1 medium"):
        select_sources(patches, ("small",))
    with pytest.raises(InputError, match="no field 'dpc'"):
        select_sources(layer(patches.geometries), min_dpc=1)
    patches.attributes[0]["dpc"] = None
    with pytest.raises(InputError, match="field 'dpc': 1 of the 3 patches"):
        select_sources(patches, min_dpc=1)

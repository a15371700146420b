"""Means by land cover and district by brute force."""

import math

import numpy as np
import pytest

from econet.core.errors import InputError
from econet.core.geometry.layers import Layer
from econet.core.grid.grid import Grid, float_grid
from econet.core.land_cover_products import LandCoverProduct
from econet.core.resistance import surface as s
from econet.core.resistance import zones as zones_of
from econet.core.resistance.dominant import CATEGORIES, NO_VALUE

WKT_FIELDS = ["name"]


def districts(lab, cells, *named):
    layer = lab.features("districts", *[shape for _, shape in named])
    layer.attributes, layer.field_names = [{"name": name} for name, _ in named], WKT_FIELDS
    return layer


def mask_of(lab, cells, shape):
    return lab.distance_by_ogr([shape], cells) == 0


def check(zone, made, mask, cells):
    mask = mask & np.isfinite(made.integrated.values)
    values, base = made.integrated.values[mask].astype(float), made.base.values[mask].astype(float)
    assert zone.area_km2 == pytest.approx(mask.sum() * cells.cell_area_m2 / 1e6)
    assert zone.resistance_mean == pytest.approx(values.mean()) and zone.base_mean == pytest.approx(base.mean())
    assert zone.mine_mean == pytest.approx(made.mines.values[mask].mean(dtype=float))
    assert zone.mine_effect == pytest.approx((values - base).mean(), abs=1e-9)
    assert zone.mine_effect == pytest.approx(zone.resistance_mean - zone.base_mean, abs=1e-6)
    numbers, counts = np.unique(made.dominant.values[mask], return_counts=True)
    known = (numbers > 0) & (numbers < 255)
    best = counts[known].argmax()
    assert zone.main_factor == made.dominant.categories[numbers[known][best]]
    assert zone.main_share == pytest.approx(counts[known][best] / counts[numbers < 255].sum())


def test_land_cover_by_brute_force(made):
    surfaces, (_lab, cells, layers, _, data) = made
    zones = zones_of.land_cover_zones(surfaces, layers.land_cover, product=LandCoverProduct.CLCD)
    assert [zone.zone for zone in zones[:3]] == ["1 cropland", "2 forest", "3 shrub"] and len(zones) == 9
    for code, zone in enumerate(zones, 1):
        assert zone.zone_kind == "land cover"
        check(zone, surfaces, data["land_cover"] == code, cells)


def test_districts_by_brute_force(made):
    surfaces, (lab, cells, *_) = made
    shapes = {
        "North": lab.box(cells, 0, 0, 17, 50),
        "South": lab.geometry("POINT(501500 4596700)").Buffer(1100),
        "West": lab.box(cells, 20, -3, 15, 20),
    }
    second = lab.box(cells, 36, 40, 4, 10)
    layer = districts(lab, cells, *shapes.items(), ("North", second), ("", lab.box(cells, 30, 45, 2, 2)))
    log = lab.Log()
    zones = zones_of.district_zones(surfaces, layer, name_field="name", progress=log.progress)
    assert [zone.zone for zone in zones] == ["North", "South", "West", "district 5"]
    for zone, mask in zip(
        zones,
        (
            mask_of(lab, cells, shapes["North"]) | mask_of(lab, cells, second),
            mask_of(lab, cells, shapes["South"]),
            mask_of(lab, cells, shapes["West"]),
        ),
    ):
        check(zone, surfaces, mask, cells)
    twice = (sum(mask_of(lab, cells, shape).astype(int) for shape in layer.geometries) > 1).sum()
    assert twice > 0 and f"districts overlap; {twice} cells lie in more than one and count in each" in log.text
    assert "district(s) 'South', 'West' reach beyond the map" in log.text


def test_districts_that_hold_nothing_or_lie_elsewhere(made):
    surfaces, (lab, cells, *_) = made
    log = lab.Log()
    tiny = lab.geometry("POINT(500000 4599999)").Buffer(3)
    layer = districts(lab, cells, ("A", lab.box(cells, 0, 0, 5, 5)), ("Tiny", tiny), ("Far", lab.box(cells, 0, 900)))
    assert [
        zone.zone for zone in zones_of.district_zones(surfaces, layer, name_field="name", progress=log.progress)
    ] == ["A"]
    assert "district(s) 'Tiny', 'Far' hold no cell with a resistance and are left out" in log.text
    with pytest.raises(InputError, match="Layer 'districts' lies wholly away from 'template'"):
        zones_of.district_zones(surfaces, districts(lab, cells, ("Far", lab.box(cells, 0, 900))), name_field="name")
    with pytest.raises(InputError, match="'districts' has no field 'town' .the district's name."):
        zones_of.district_zones(surfaces, layer, name_field="town")
    with pytest.raises(InputError, match="Layer 'districts' is empty: choose a layer with at least one district"):
        zones_of.district_zones(surfaces, districts(lab, cells))
    bow = lab.geometry("POLYGON((500000 4599000,501000 4600000,501000 4599000,500000 4600000,500000 4599000))")
    zones = zones_of.district_zones(surfaces, districts(lab, cells, ("Bow", bow)), progress=log.progress)
    assert "1 self-crossing or otherwise invalid polygon(s) were repaired" in log.text and zones[0].zone == "district 1"
    assert zones[0].area_km2 == pytest.approx(0.5, rel=0.15)
    other = Layer("degrees", layer.crs, layer.geometries[:1], layer.attributes[:1], WKT_FIELDS).to_crs("EPSG:4326")
    assert zones_of.district_zones(surfaces, other, name_field="name")[0].area_km2 == pytest.approx(
        25 * cells.cell_area_m2 / 1e6
    )


def test_the_main_factor_of_ground_that_is_mostly_easy(lab):
    """Cells that no factor makes hard are no factor's, but count in the share."""
    cells = lab.template(2, 5)
    flat = float_grid(np.ones((2, 5), np.float32), cells, "flat")
    numbers = np.array([[0, 0, 0, 0, 0], [0, 3, 3, 3, 1]], np.uint8)
    surfaces = s.ResistanceSurfaces(
        flat, None, flat, {}, dominant=Grid(numbers, cells, NO_VALUE, "dominant", CATEGORIES)
    )
    (zone,) = zones_of.district_zones(
        surfaces, districts(lab, cells, ("All", lab.box(cells, 0, 0, 2, 5))), name_field="name"
    )
    assert (zone.main_factor, zone.main_share) == ("land cover", pytest.approx(0.3))
    assert math.isnan(zone.mine_mean) and zone.mine_effect == 0
    (zone,) = zones_of.district_zones(
        surfaces, districts(lab, cells, ("Easy", lab.box(cells, 0, 0, 1, 5))), name_field="name"
    )
    assert zone.main_factor == "" and math.isnan(zone.main_share)

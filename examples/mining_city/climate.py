"""Climate, soil and night light of the artificial city, on coarser grids of their own."""

import math

import numpy as np

from econet.core.crs import Crs
from econet.core.grid.grid import Template
from econet.examples.mining_city.curves import noise_map, random_state, smooth
from econet.examples.mining_city.scale import CELL_M, CLIMATE_M, CRS, IMPERVIOUS, LIGHT_CELLS, NORTH, SOIL_M, WEST

_RAIN_SHARE = (0.010, 0.013, 0.024, 0.054, 0.085, 0.127, 0.242, 0.213, 0.098, 0.064, 0.046, 0.024)
_ET0_SHARE = (0.019, 0.028, 0.063, 0.108, 0.150, 0.154, 0.145, 0.124, 0.096, 0.063, 0.031, 0.019)


def _coarse_template(plan, cell_m, shift):
    """A grid that covers the map with a cell to spare, and does not share its lattice."""
    cols, rows = (math.ceil(n * CELL_M / cell_m) + 3 for n in (plan.cols, plan.rows))
    west, north = WEST - (1 + shift) * cell_m, NORTH + (1 + shift) * cell_m
    return Template(
        rows, cols, (west, cell_m, 0.0, north, 0.0, -cell_m), Crs.of(CRS).reference.ExportToWkt(), "climate and soil"
    )


def _sample(values, template):
    """The fine map's value at the coarse cells' centres; the map's edge goes on outside."""
    x, _ = template.xy(0, np.arange(template.cols))
    _, y = template.xy(np.arange(template.rows), 0)
    cols = np.clip((x - WEST) / CELL_M, 0, values.shape[1] - 1).astype(np.int64)
    rows = np.clip((NORTH - y) / CELL_M, 0, values.shape[0] - 1).astype(np.int64)
    return values[rows[:, None], cols[None, :]].astype(np.float64)


def _coarse_noise(rng, template, km):
    return (
        noise_map(rng, template.shape, max(2.0, 1000.0 * km / template.cell_width))
        .band(0, template.rows, template.cols)
        .astype(np.float64)
    )


def make_climate(plan, dem):
    template = _coarse_template(plan, CLIMATE_M, 0.24)
    rng = random_state(plan.seed, "climate")
    height = smooth(_sample(dem, template), 6)
    broad = _coarse_noise(rng, template, 12)
    rain = 690 + 0.22 * height + 18 * broad
    et0 = 905 - 0.16 * height - 9 * broad
    months = {"precipitation_monthly": [], "evapotranspiration_monthly": []}
    for rain_share, et0_share in zip(_RAIN_SHARE, _ET0_SHARE):
        months["precipitation_monthly"].append(
            np.rint(8 * rain * rain_share * (1 + 0.04 * _coarse_noise(rng, template, 9))) / 8
        )
        months["evapotranspiration_monthly"].append(np.rint(8 * et0 * et0_share) / 8)
    stacks = {name: np.stack(months[name]).astype(np.float32) for name in months}
    p = stacks["precipitation_monthly"].astype(np.float64)
    f = (p * p).sum(axis=0) / p.sum(axis=0)
    annual = {
        "precipitation_annual": p.sum(axis=0),
        "evapotranspiration_annual": stacks["evapotranspiration_monthly"].astype(np.float64).sum(axis=0),
        # Zhang & Fu (2003), MJ mm ha-1 h-1 yr-1
        "erosivity": np.rint(0.3589 * np.power(f, 1.9462)),
    }
    return template, {**stacks, **{name: values.astype(np.float32) for name, values in annual.items()}}


def make_soil(plan, dem):
    template = _coarse_template(plan, SOIL_M, 0.38)
    rng = random_state(plan.seed, "soil")
    height = _sample(dem, template)
    steep = smooth(np.abs(height - smooth(height, 4)), 2)
    high = np.clip((smooth(height, 4) - 60) / 500, 0, 1)
    broad, fine = _coarse_noise(rng, template, 6), _coarse_noise(rng, template, 1.6)
    sand = np.rint(8 * np.clip(27 + 17 * high + 4 * broad + 2.5 * fine, 12, 62)) / 8
    clay = np.rint(8 * np.clip(23 - 7 * high - 2.5 * broad + 1.5 * fine, 8, 38)) / 8
    silt = 100 - sand - clay
    carbon = np.rint(64 * np.clip(1.25 + 1.5 * high + 0.2 * broad + 0.15 * fine, 0.5, 4)) / 64
    depth = 10 * np.rint(np.clip(1500 - 900 * high - 14 * steep + 90 * broad + 60 * fine, 250, 1800) / 10)
    om = 1.724 * carbon
    # Zhou et al. (2005), % of volume
    water = (
        54.509
        - 0.132 * sand
        - 0.003 * sand**2
        - 0.055 * silt
        - 0.006 * silt**2
        - 0.738 * clay
        + 0.007 * clay**2
        - 2.688 * om
        + 0.501 * om**2
    )
    # EPIC (Williams 1995), x 0.1317 to t ha h ha-1 MJ-1 mm-1
    sn = 1 - sand / 100
    k = (
        (0.2 + 0.3 * np.exp(-0.0256 * sand * (1 - silt / 100)))
        * np.power(silt / (clay + silt), 0.3)
        * (1 - 0.25 * carbon / (carbon + np.exp(3.72 - 2.95 * carbon)))
        * (1 - 0.7 * sn / (sn + np.exp(-5.51 + 22.9 * sn)))
    ) * 0.1317
    maps = {
        "sand": sand,
        "silt": silt,
        "clay": clay,
        "organic_carbon": carbon,
        "soil_depth": depth,
        "plant_available_water": np.rint(np.clip(water, 1, 40) * 20) / 2000,
        "erodibility": np.rint(k * 20000) / 20000,
    }
    return template, {name: values.astype(np.float32) for name, values in maps.items()}


def make_night_light(plan, cover):
    """Brightness 0 to 100 on cells of 120 m: built-up land, blurred as sensors blur it."""
    step = LIGHT_CELLS
    rows, cols = -(-plan.rows // step), -(-plan.cols // step)
    built = np.zeros((rows, cols), dtype=np.float64)
    for i in range(step):
        for j in range(step):
            part = cover[i::step, j::step] == IMPERVIOUS
            built[: part.shape[0], : part.shape[1]] += part
    built /= step * step
    near, wide = smooth(built, 3), smooth(built, 40)
    light = np.rint(100 * np.clip(0.22 * near + 0.80 * near * wide * wide + 0.10 * wide, 0, 1))
    template = Template(
        rows,
        cols,
        (WEST, step * CELL_M, 0.0, NORTH, 0.0, -step * CELL_M),
        Crs.of(CRS).reference.ExportToWkt(),
        "night light",
    )
    return template, light.astype(np.uint8)

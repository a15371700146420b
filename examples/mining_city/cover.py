"""Land cover and NDVI of the artificial city."""

import numpy as np

from econet.examples.mining_city.curves import (
    cells_between,
    distance_to,
    inside_of,
    noise_map,
    random_state,
    segments_of,
)
from econet.examples.mining_city.scale import (
    BARREN,
    BLOCK_ROWS,
    CELL_M,
    CROP,
    FOREST,
    GRASS,
    IMPERVIOUS,
    SHRUB,
    WATER,
    WETLAND,
)


def _rise_per_metre(dem, row, stop):
    """Tangent of the slope for a band of rows."""
    band = dem[max(row - 1, 0) : stop + 1]
    down = np.gradient(band, CELL_M, axis=0) if band.shape[0] > 1 else np.zeros_like(band)
    start = row - max(row - 1, 0)
    band, down = band[start : start + stop - row], down[start : start + stop - row]
    return np.sqrt(down**2 + np.gradient(band, CELL_M, axis=1) ** 2)


def _parcels(row, stop, cols, table, along_m, across_m):
    """A random value per field: tilted strips, each district of the plain with its own direction."""
    y = ((np.arange(row, stop, dtype=np.float32) + 0.5) * CELL_M)[:, None]
    x = ((np.arange(cols, dtype=np.float32) + 0.5) * CELL_M)[None, :]
    u, v = 0.94 * x + 0.34 * y, -0.34 * x + 0.94 * y
    turned = (np.floor(u / (along_m * 6)) + np.floor(v / (across_m * 9))) % 2 == 0
    u, v = np.where(turned, u, v), np.where(turned, v, u)
    strip = np.floor(v / across_m).astype(np.int32)
    field = np.floor((u + (strip % 7).astype(np.float32) * (along_m * 0.37)) / along_m).astype(np.int32)
    return table[(strip * 7919 + field * 104729) % table.size]


def _settled(plan, shape):
    """Towns and villages: how far inside a settlement a cell is, 0..1 (uint8 / 255 to save memory)."""
    settled = np.zeros(shape, dtype=np.uint8)
    for outline in plan.towns:
        place = inside_of(outline, shape)
        if place:
            rows, cols, inside = place
            part = settled[rows, cols]
            np.maximum(part, (255 * np.minimum(1, inside / plan.metres(1.2))).astype(np.uint8), out=part)
    for x, y, radius in plan.villages:
        radius = max(radius, 1.6 * CELL_M)
        r0, r1 = cells_between(y - radius, y + radius, CELL_M, shape[0])
        c0, c1 = cells_between(x - radius, x + radius, CELL_M, shape[1])
        if r0 < r1 and c0 < c1:
            dy = ((np.arange(r0, r1) + 0.5) * CELL_M - y)[:, None]
            dx = ((np.arange(c0, c1) + 0.5) * CELL_M - x)[None, :]
            near = 1 - np.sqrt(dx * dx + dy * dy) / radius
            part = settled[r0:r1, c0:c1]
            np.maximum(part, (140 * np.clip(near, 0, 1)).astype(np.uint8), out=part)
    return settled


def make_cover(plan, land, dem, lakes):
    """Land cover (uint8, CLCD codes) and NDVI (float32) as they would be without mines."""
    shape, km = plan.shape, plan.metres
    rng = random_state(plan.seed, "cover")
    wood, clearing, speck, grain = (
        noise_map(rng, shape, length / CELL_M) for length in (km(1.3), km(0.45), max(km(0.12), 60.0), 75.0)
    )
    table = rng.random_sample(4096).astype(np.float32)
    settled = _settled(plan, shape)
    along, across = max(km(0.42), 150.0), max(km(0.13), 90.0)
    river_half = max(km(0.075), 1.05 * CELL_M)
    rivers, streams = segments_of(plan.rivers), segments_of(plan.tributaries)
    roads = segments_of([line for _, road_class, line in plan.roads if road_class != "primary"])
    cover, ndvi = np.empty(shape, dtype=np.uint8), np.empty(shape, dtype=np.float32)
    for row in range(0, plan.rows, BLOCK_ROWS):
        stop = min(row + BLOCK_ROWS, plan.rows)
        band = slice(row, stop)
        floor, to_river, valley, saddle, hollow, mountain = (
            s.band(row, stop, plan.cols)
            for s in (land.floor, land.to_river, land.valley, land.saddle, land.hollow, land.mountain)
        )
        woods, clear, specks, grains = (n.band(row, stop, plan.cols) for n in (wood, clearing, speck, grain))
        slope, above = _rise_per_metre(dem, row, stop), dem[band] - floor
        parcel = _parcels(row, stop, plan.cols, table, along, across)
        # farmed where it is level and low; the valleys' floors and the side valleys over the passes
        farm = (0.17 - slope) / 0.07 + (34 * plan.relief - above) / (26 * plan.relief) + 0.8 * woods + 0.5 * clear
        farm += 0.4 * specks + 3.5 * valley + 4.5 * saddle + 6.5 * hollow
        code = np.where(farm > 0, CROP, FOREST).astype(np.uint8)
        wild = code == FOREST
        code[wild & (farm > -1.0) & (clear + 0.6 * specks > 0.25)] = SHRUB
        code[wild & (farm > -0.8) & (clear + 0.6 * specks < -0.45)] = GRASS
        code[wild & (woods * 0.5 + clear > 1.22)] = SHRUB
        code[wild & (above > 520 * plan.relief) & (specks - clear > 1.05)] = GRASS
        code[wild & (slope > 0.75) & (grains > 0.7)] = BARREN
        tame = code == CROP
        code[tame & (parcel > 0.975)] = GRASS
        code[tame & (woods + 0.7 * clear > 1.05) & (mountain < 0.4)] = FOREST  # woodlots of the plain
        code[tame & (clear + specks > 1.55)] = SHRUB
        near, stream, paved = (
            distance_to(lines, code.shape, CELL_M, reach, row)
            for lines, reach in ((rivers, river_half + CELL_M), (streams, CELL_M), (roads, CELL_M))
        )
        code[(to_river < km(0.8)) & (above < 12) & (woods * 0.6 + clear + 0.4 * specks > 1.0)] = WETLAND
        built = settled[band].astype(np.float32) / 255
        code[(built > 0) & (built + 0.12 * specks + 0.16 * grains > 0.12)] = IMPERVIOUS
        town = built > 0.6
        code[town & (clear + 0.4 * specks > 1.05)] = GRASS  # parks
        code[paved < 0.75 * CELL_M] = IMPERVIOUS
        if plan.scale > 0.7:  # brooks of a smaller city are narrower than a cell
            code[stream < 0.71 * CELL_M] = WATER  # half a diagonal: no gaps
        code[near < river_half] = WATER
        cover[band] = code
        ndvi[band] = _greenness(code, parcel, (woods, clear, specks, grains), built)
    for row, col, lake in lakes:
        window = slice(row, row + lake.shape[0]), slice(col, col + lake.shape[1])
        cover[window][lake], ndvi[window][lake] = WATER, _GREEN[WATER]
    return cover, ndvi


#          crop forest shrub grass water snow barren built wetland
_GREEN = np.array([0, 0.56, 0.80, 0.64, 0.50, -0.08, 0, 0.12, 0.19, 0.58], dtype=np.float32)


def _greenness(code, parcel, noises, built):
    woods, clear, specks, grains = noises
    green = _GREEN[code] + 0.02 * grains
    plants = (code != WATER) & (code != IMPERVIOUS)
    green += np.where(plants, 0.025 * woods + 0.02 * clear, 0)
    green += np.where(code == CROP, 0.22 * (parcel - 0.5), 0)
    return green + np.where(code == IMPERVIOUS, 0.05 * specks + 0.06 * (1 - built), 0)


def cover_mines(plan, places, cover, ndvi):
    """What products show where mines are: a mix, never the word mine; then NDVI in steps of 1/128."""
    rng = random_state(plan.seed, "mines")
    grain = noise_map(rng, plan.shape, 2.5)
    patch = noise_map(rng, plan.shape, 7.0)
    for mine, place in zip(plan.mines, places):
        if place is None:
            continue
        rows, cols, inside = place
        grains = grain.band(rows.start, rows.stop, cols.stop, cols.start)
        patches = patch.band(rows.start, rows.stop, cols.stop, cols.start)
        mix = patches + 0.5 * grains
        if mine.state == "restored":
            code = np.where(mix > 0.35, SHRUB, GRASS)
        elif mine.feature == "pit":
            code = np.where(mix > 0.1, IMPERVIOUS, BARREN)
            if mine.state == "abandoned":
                code = np.where(mix < -0.55, GRASS, code)
                code = np.where(inside > 0.86 * max(float(inside.max()), CELL_M), WATER, code)
        elif mine.feature == "dump":
            code = np.where(mix > (0.15 if mine.state == "producing" else -0.2), GRASS, BARREN)
            code = np.where((mine.state == "abandoned") & (mix > 0.75), SHRUB, code)
        elif mine.feature == "subsidence":
            code = np.where(mix > 0.55, WATER, np.where(mix > -0.1, WETLAND, np.where(mix > -0.5, GRASS, CROP)))
        else:
            code = np.where(mix > 0.9, BARREN, IMPERVIOUS)
        within = inside > 0
        cover[rows, cols][within] = code.astype(np.uint8)[within]
        green = _GREEN[code] + 0.03 * grains - (0.08 if mine.state != "restored" else 0)
        ndvi[rows, cols][within] = green[within]
    np.divide(np.rint(np.multiply(ndvi, 128, out=ndvi), out=ndvi), 128, out=ndvi)
    np.minimum(np.maximum(ndvi, -0.25, out=ndvi), 0.9375, out=ndvi)

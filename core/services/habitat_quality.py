"""Habitat quality and degradation (Eq 1 of Feng, Bai & Wang 2024; InVEST guide, Habitat Quality).

A cell of class j is degraded by every threat r within its reach,
``D = sum_r (w_r / sum w) * S_jr * i_r * beta``, and keeps the quality
``Q = H_j * (1 - D^z / (D^z + k^z))`` with z = 2.5. ``i_r`` is what the distance rule makes of the
threat's decay: linear ``1 - d / d_max`` or exponential ``exp(-2.99 d / d_max)``, 0 beyond ``d_max``.
What one threat costs is the quality without its term of D, less the quality with all of them.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from .. import tables
from ..errors import InputError
from ..geometry.cells import ThinPolygons, mask_of, rasterize
from ..geometry.layers import Layer
from ..grid.euclidean import distance_and_value_m, distance_m, overhang_m, tiles, unpadded
from ..grid.grid import CLASSES, Grid, float_grid
from ..grid.reading import RasterSource, bounds_in, check_overlap
from ..grid.row_blocks import row_blocks
from ..grid.warping import align
from ..land_cover_products import CLCD, table_for_product
from ..presets import conventions_told, settle
from ..progress import SILENT
from .land_cover import CODE, class_rows, codes_of, values_by_class

NEAREST, INTENSITY, SUM = DISTANCE_RULES = ("nearest", "nearest x intensity", "sum")
TO_THE_Z, AS_PRINTED = EXPONENTS = ("k^z", "k^2 as printed")
Z = 2.5
_DECAY_RATE = 2.99

PRESETS = (
    {"distance_rule": NEAREST, "exponent": TO_THE_Z, "half_saturation": None},
    {"distance_rule": NEAREST, "exponent": AS_PRINTED, "half_saturation": None},
    {"distance_rule": NEAREST, "exponent": TO_THE_Z, "half_saturation": 0.05},
)

_THREAT_COLUMNS = [
    tables.Column("threat", "text"),
    tables.Column("weight", minimum=0),
    tables.Column("max_distance_m", minimum=0, aliases=("max_dist", "max_dist_m")),
    tables.Column("decay", "text", choices=("linear", "exponential")),
    tables.Column("land_cover_codes", "integers", required=False, aliases=("codes",)),
    tables.Column("layer", "text", required=False, aliases=("cur_path",)),
]


@dataclass
class Threat:
    """One row of the threat table; ``place`` is a list of codes, a RasterSource or Features."""

    name: str
    weight: float
    max_distance_m: float
    decay: str
    place: object


@dataclass
class ThreatCost:
    """What one threat costs; areas are of quality 1, so 1 km2 lost is 2 km2 that fall from 1 to 0.5.

    Parameters
    ----------
    threat : str
    weight_share : float
        Its weight over the sum of all weights.
    degradation_share : float
        Its part of the sum of D over all cells; these add to 1.
    quality_lost_km2 : float
        Sum over the cells of (quality without this threat - quality with all) x cell area. Without a
        threat its term of D is left out; k and the weights of the others stay.
    loss_share : float
        ``quality_lost_km2`` over what all threats together cost, sum of (suitability - quality). These
        do not add to 1: quality is not linear in D, and where two threats would each be enough neither
        is missed alone. None where nothing is lost.
    """

    threat: str
    weight_share: float
    degradation_share: float
    quality_lost_km2: float
    loss_share: float


@dataclass
class HabitatQuality:
    """The maps, and the half-saturation constant they were made with.

    ``rarity`` is None without a baseline; ``costs`` (a `ThreatCost` each, and a last one for all threats)
    and ``cost_maps`` (quality lost by threat) are None unless asked for.
    """

    quality: Grid
    degradation: Grid
    half_saturation: float
    rarity: Grid = None
    costs: list = None
    cost_maps: dict = None


ALL_THREATS = "all threats"


def default_threats(product=CLCD):
    """The shipped threats; ours, since the paper's table is not published."""
    return table_for_product(_default("threats.csv"), product)


def default_sensitivity(product=CLCD):
    """The shipped suitability and sensitivity of a product's classes and of burnt-in mines; ours."""
    return table_for_product(_default("sensitivity.csv"), product)


def _default(name):
    return tables.shipped("services", name)


def read_threats(table=None, layers=()):
    """The threats of a table, each with the place it is taken from.

    Parameters
    ----------
    table : tables.RawTable, optional
        ``threat, weight, max_distance_m, decay`` and either ``land_cover_codes`` or ``layer`` (a
        path, relative to the table's folder). InVEST's ``max_dist`` (in metres, as since InVEST
        3.15) and ``cur_path`` serve too. Default the shipped one.
    layers : sequence of reading.RasterSource or layers.Layer
        The k-th serves the k-th row that has neither codes nor a layer of its own.

    Returns
    -------
    list of Threat
    """
    parsed = tables.parse(table or default_threats(), _THREAT_COLUMNS)
    threats, left = [], list(layers)
    waiting = [row["threat"] for row in parsed.rows if not row["land_cover_codes"] and not row["layer"]]
    if len(waiting) != len(left):
        names = f" ({', '.join(waiting)})" if waiting else ""
        raise InputError(
            f"Table '{parsed.name}' has {len(waiting)} threat(s) without 'land_cover_codes' and "
            f"'layer'{names}, and {len(left)} threat layer(s) are given: give one layer for each, "
            f"in the table's order."
        )
    seen = set()
    for index, row in enumerate(parsed.rows):
        if row["threat"].lower() in seen:
            raise parsed.error(index, "threat", "has a row already; give each threat its own name.")
        seen.add(row["threat"].lower())
        if row["max_distance_m"] == 0:
            raise parsed.error(index, "max_distance_m", "leaves the threat no reach; write metres above 0.")
        if row["land_cover_codes"] and row["layer"]:
            raise parsed.error(index, "layer", "stands beside land_cover_codes; keep one of the two.")
        place = row["land_cover_codes"]
        if row["layer"]:
            place = RasterSource(str(Path(parsed.folder) / row["layer"]), row["threat"])
        elif not place:
            place = left.pop(0)
        threats.append(Threat(row["threat"], row["weight"], row["max_distance_m"], row["decay"], place))
    if not sum(threat.weight for threat in threats) > 0:
        raise InputError(
            f"Table '{parsed.name}', column 'weight': all weights are 0; give at least one threat a weight above 0."
        )
    return threats


def read_sensitivity(threats, table=None):
    """Codes, suitability H, and sensitivity S as an array of (class, threat), all in 0 to 1."""
    columns = [CODE, tables.Column("habitat", minimum=0, maximum=1)] + [
        tables.Column(threat.name, minimum=0, maximum=1, aliases=(f"l_{threat.name}",)) for threat in threats
    ]
    parsed = tables.parse(table or default_sensitivity(), columns)
    habitat = np.array([row["habitat"] for row in parsed.rows])
    sensitivity = np.array([[row[threat.name] for threat in threats] for row in parsed.rows])
    return parsed.name, codes_of(parsed), habitat, sensitivity


def decay(distance, max_distance_m, kind):
    """The share of a threat that is left at a distance in metres, 1 at 0 m.

    ``linear``: 1 - d / d_max; ``exponential``: exp(-2.99 d / d_max); both 0 beyond d_max.
    """
    share = np.asarray(distance, dtype=np.float64) / max_distance_m
    left = 1 - share if kind == "linear" else np.exp(-_DECAY_RATE * share)
    return np.where(share > 1, 0, left)


def habitat_quality(
    land_cover,
    threats=None,
    layers=(),
    sensitivity=None,
    access=None,
    preset=0,
    distance_rule=None,
    exponent=None,
    half_saturation=None,
    progress=SILENT,
    product=CLCD,
    baseline=None,
    with_costs=False,
):
    """Habitat quality and degradation of a land-cover map.

    Parameters
    ----------
    land_cover : grid.Grid
        Whole-number codes; NaN or nodata outside the map.
    threats : tables.RawTable, optional
        See `read_threats`. Threat layers count also beyond the map, up to each threat's reach.
    layers : sequence of reading.RasterSource or layers.Layer
        Rasters of intensity 0 to 1 (nodata is 0), or vectors of intensity 1 in all cells touched.
    sensitivity : tables.RawTable, optional
        ``land_cover, habitat`` and one column per threat, all 0 to 1.
    access : grid.Grid, optional
        beta in 0 to 1 on the cells of the land cover; 1 where it has no value. See `access_of_areas`.
    preset : int
        0 recommended, 1 as published (k^2 in Eq 1 as printed), 2 as InVEST 3.20 (k = 0.05).
    distance_rule : str, optional
        ``nearest``: decay of the distance to the nearest cell of the threat, whatever its intensity
        (InVEST since 3.13). ``nearest x intensity``: times that cell's intensity. ``sum``: the
        intensities of all cells in reach, weighted by a decay kernel that adds to 1 (the idea of
        InVEST 3.3 to 3.12). Default as the preset.
    exponent : str, optional
        ``k^z`` or ``k^2 as printed``; default as the preset.
    half_saturation : float, optional
        k above 0. Default as the preset: half of the highest degradation, or 0.05. The highest
        degradation is that of the baseline where one is given and all threats come from codes, else
        that of this map.
    product : str
        Whose codes the shipped tables are keyed for; a `LandCoverProduct`.
    baseline : grid.Grid, optional
        Land cover before, on the same cells: gives rarity, and k.
    with_costs : bool
        Also what each threat costs (`ThreatCost`).

    Returns
    -------
    HabitatQuality
        float32 maps in 0 to 1; NaN where the land cover has no value.

    Notes
    -----
    About 30 bytes per cell of the map grown by the longest reach; with costs 8 more per cell and threat.
    """
    given = {"distance_rule": distance_rule, "exponent": exponent, "half_saturation": half_saturation}
    chosen = settle(PRESETS, preset, given, {"distance_rule": DISTANCE_RULES, "exponent": EXPONENTS})
    if half_saturation is not None and not half_saturation > 0:
        raise InputError(f"Half-saturation constant {half_saturation:g}: give a number above 0, or leave it empty.")
    threats = read_threats(threats or default_threats(product), layers)
    name, codes, habitat, sensitivity = read_sensitivity(threats, sensitivity or default_sensitivity(product))
    _require_near(threats, land_cover.template, progress)
    rows = class_rows(land_cover, codes, progress=progress.part(0, 0.05))
    beta = _access(access, land_cover.template)
    weights = np.array([threat.weight for threat in threats]) / sum(threat.weight for threat in threats)
    factors = weights[:, None] * sensitivity.T

    end = 0.9 if baseline is None else 0.5
    total, parts = _degradation(
        threats, factors, land_cover, rows, beta, chosen["distance_rule"], progress.part(0.05, end), with_costs
    )
    k, how = chosen["half_saturation"], ""
    if k is None:
        highest, how = float(total.max()), " (half of the highest degradation)"
        if baseline is not None:
            found = _highest_of_baseline(
                threats, factors, baseline, codes, name, beta, chosen["distance_rule"], progress.part(end, 0.9)
            )
            if found is not None:
                highest, how = found, " (half of the highest degradation of the baseline)"
        k = 0.5 * highest
    phrases = {
        "distance_rule": f"distance rule '{chosen['distance_rule']}'",
        "exponent": f"half-saturation term {chosen['exponent']}",
        "half_saturation": f"half-saturation constant {k:.6g}{how}",
    }
    progress.log(
        f"Habitat quality, {conventions_told(preset, phrases, given)}. Give this constant to every scenario "
        f"that is to be compared with this map."
    )
    power = 2.0 if chosen["exponent"] == AS_PRINTED else Z
    quality = values_by_class(rows, habitat)
    suitability = quality.copy() if with_costs else None
    for block in row_blocks(*total.shape, progress.part(0.9, 0.97)):
        quality[block] *= _left(total[block], k, power)
    degradation = total.astype(np.float32)
    degradation[rows < 0] = np.nan
    result = HabitatQuality(
        float_grid(quality, land_cover.template, "habitat quality"),
        float_grid(degradation, land_cover.template, "habitat degradation"),
        k,
    )
    if baseline is not None:
        result.rarity = rarity(land_cover, baseline, progress)
    if with_costs:
        result.costs, result.cost_maps = _costs(
            threats,
            weights,
            parts,
            total,
            suitability,
            quality,
            k,
            power,
            land_cover.template,
            progress.part(0.97, 1.0),
        )
    return result


def _left(degradation, k, power):
    """The share of the suitability that is left at a degradation D."""
    harm = degradation**Z
    return 1 - harm / (harm + k**power) if k > 0 else np.ones_like(harm)


def _degradation(threats, factors, land_cover, rows, beta, rule, progress, keep):
    """D as float64, and where ``keep`` the part of each threat as float32 (None where it is nowhere)."""
    total, parts = np.zeros(land_cover.values.shape, dtype=np.float64), []
    for number, threat in enumerate(threats):
        part = progress.part(number / len(threats), (number + 1) / len(threats))
        share = _impact(threat, land_cover, rule, part)
        kept = None
        if share is not None:
            factor = np.append(factors[number], 0.0)
            kept = np.empty(total.shape, dtype=np.float32) if keep else None
            for block in row_blocks(*total.shape, part):
                harm = factor[rows[block]] * share[block]
                total[block] += harm
                if keep:
                    kept[block] = harm if beta is None else harm * beta[block]
        parts.append(kept)
    if beta is not None:
        total *= beta
    return total, parts


def _highest_of_baseline(threats, factors, baseline, codes, name, beta, rule, progress):
    """The highest degradation of the baseline map; None where its threats are not known."""
    if not all(isinstance(threat.place, list) for threat in threats):
        progress.log(
            "The half-saturation constant is that of this map, not of the baseline: its threat layers are "
            "those of today. Give the constant of the baseline's own run to compare the two."
        )
        return None
    rows = class_rows(baseline, codes)
    return float(_degradation(threats, factors, baseline, rows, beta, rule, progress, False)[0].max())


def _costs(threats, weights, parts, total, suitability, quality, k, power, template, progress):
    lost, harm = np.zeros(len(threats)), np.zeros(len(threats))
    maps = {}
    all_lost = all_harm = 0.0
    for block in row_blocks(*total.shape):
        all_lost += float(np.nansum(suitability[block].astype(np.float64) - quality[block]))
        all_harm += float(total[block].sum())
    for number, (threat, part) in enumerate(zip(threats, parts)):
        cost = np.where(np.isnan(quality), np.float32(np.nan), np.float32(0))
        for block in row_blocks(*total.shape, progress.part(number / len(threats), (number + 1) / len(threats))):
            if part is None:
                continue
            without = np.maximum(total[block] - part[block], 0.0)
            change = suitability[block] * (_left(without, k, power) - _left(total[block], k, power))
            cost[block] = np.where(part[block] > 0, change, cost[block])
            lost[number] += float(np.nansum(cost[block], dtype=np.float64))
            harm[number] += float(part[block].sum(dtype=np.float64))
        maps[threat.name] = float_grid(cost, template, f"quality lost to {threat.name}")
    area_km2 = template.cell_area_m2 / 1e6
    costs = [
        ThreatCost(
            threat.name,
            float(weights[number]),
            harm[number] / all_harm if all_harm else 0.0,
            lost[number] * area_km2,
            lost[number] / all_lost if all_lost else None,
        )
        for number, threat in enumerate(threats)
    ]
    costs.append(ThreatCost(ALL_THREATS, 1.0, 1.0 if all_harm else 0.0, all_lost * area_km2, 1.0 if all_lost else None))
    return costs, maps


def rarity(land_cover, baseline, progress=SILENT):
    """How much rarer the class of each cell is than in a baseline map: ``R_j = 1 - N_j / (N_j,base + N_j)``.

    Parameters
    ----------
    land_cover, baseline : grid.Grid
        Whole-number codes of one legend, on the same cells.

    Returns
    -------
    grid.Grid
        float32: 0.5 where a class is as frequent as before, towards 1 where it has become rare, 0 where it is
        absent from the baseline; NaN where the land cover has no value. InVEST guide, Habitat Quality.
    """
    if not land_cover.template.same_grid(baseline.template):
        raise InputError(
            f"Land covers '{land_cover.name}' and '{baseline.name}' are not on the same cells: align "
            f"one with the other first."
        )
    valid, before_valid = land_cover.valid, baseline.valid
    missing = np.count_nonzero(valid != before_valid)
    if missing:
        progress.warn(
            f"{missing} cell(s) have a value in only one of '{land_cover.name}' and '{baseline.name}': "
            f"rarity compares how often a class occurs in each, so let both cover the same area."
        )
    codes, place, now = np.unique(land_cover.values[valid], return_inverse=True, return_counts=True)
    known, counts = np.unique(baseline.values[before_valid], return_counts=True)
    before = np.zeros(codes.size)
    shared = np.isin(codes, known)
    before[shared] = counts[np.searchsorted(known, codes[shared])]
    values = np.full(land_cover.values.shape, np.nan, dtype=np.float32)
    values[valid] = np.where(before > 0, 1 - now / (before + now), 0.0)[np.ravel(place)]
    return float_grid(values, land_cover.template, "rarity")


def access_of_areas(features, template, progress=SILENT, field="access"):
    """Accessibility on a template's cells from polygons, such as reserves.

    Parameters
    ----------
    features : layers.Layer
        Polygons with a number 0 (fully protected) to 1 in ``field``.
    template : grid.Template

    Returns
    -------
    grid.Grid
        float32; 1 outside all polygons, the lowest value where several hold a cell's centre.
    """
    features.require_some("accessibility polygon")
    features.require_field(field, "the accessibility (0 to 1)")
    features = features.to_crs(template.crs, progress).valid_polygons(progress)
    values = []
    for number, attributes in enumerate(features.attributes):
        value = tables.number_of("" if attributes[field] is None else attributes[field])
        if value is None or not 0 <= value <= 1:
            raise InputError(
                f"Layer '{features.name}', field '{field}', feature {number + 1}: '{attributes[field]}' "
                f"is not a number from 0 to 1; correct it."
            )
        values.append(value)
    beta = np.ones(template.shape, dtype=np.float32)
    for number, (geometry, value) in enumerate(zip(features.geometries, values)):
        window = template.window_of(geometry.GetEnvelope())
        if window is not None:
            inside, block = mask_of(geometry, template.part(window), thin=ThinPolygons.NONE), window.slices
            beta[block][inside] = np.minimum(beta[block][inside], np.float32(value))
        progress((number + 1) / len(values))
    return Grid(beta, template, None, features.name)


def _require_near(threats, template, progress):
    """Refuse, before the work, a threat layer that no part of reaches the map."""
    for threat in threats:
        near = template.padded(threat.max_distance_m)
        if isinstance(threat.place, RasterSource):
            check_overlap(threat.place, near)
        elif isinstance(threat.place, Layer):
            threat.place.require_some("threat")
            west, south, east, north = near.bounds
            boxes = [geometry.GetEnvelope() for geometry in threat.place.to_crs(template.crs).geometries]
            if not any(
                left <= east and right >= west and bottom <= north and top >= south
                for left, right, bottom, top in boxes
            ):
                raise InputError(
                    f"Threat layer '{threat.place.name}' has no feature within {threat.max_distance_m:g} m "
                    f"of '{template.name}': choose a layer of this area, correct its CRS, or take "
                    f"threat '{threat.name}' out of the table."
                )
        progress.check()


def _access(access, template):
    if access is None:
        return None
    valid = access.valid
    beta = np.where(valid, access.values, 1).astype(np.float32)
    if access.values.shape != template.shape:
        raise InputError(f"Accessibility '{access.name}' is not on the cells of the land cover: align it first.")
    _require_share(beta, valid, f"Accessibility '{access.name}'")
    return beta


def _require_share(values, valid, what):
    wrong = valid & ((values < 0) | (values > 1))
    if wrong.any():
        raise InputError(
            f"{what} holds {values[wrong].flat[0]:g} on {np.count_nonzero(wrong)} cell(s), and "
            f"only 0 to 1 has a meaning there: rescale it."
        )


def _impact(threat, land_cover, rule, progress):
    """What is left of a threat at each cell of the land cover, 0 to 1; None where it is nowhere."""
    template, reach = land_cover.template, threat.max_distance_m
    if reach < min(template.cell_width, template.cell_height):
        progress.warn(
            f"Threat '{threat.name}' reaches {reach:g} m, less than one cell: a table for InVEST "
            f"before 3.15 gives kilometres, which must be turned into metres."
        )
    intensity, wide = _intensity(threat, land_cover, progress)
    mask = intensity > 0
    if not mask.any():
        progress.log(f"Threat '{threat.name}' does not occur on the map or within {reach:g} m of it.")
        return None
    if rule == SUM:
        return _sum(intensity, wide, template, threat, progress)
    # in cell widths: float32 metres would cost 1e-5 of the little that is left near the reach
    reach_cells = reach / template.cell_width
    unit = replace(wide, transform=(0.0, 1.0, 0.0, 0.0, 0.0, -template.cell_height / template.cell_width))
    found = None
    if rule == INTENSITY:
        share, found = distance_and_value_m(intensity, unit, reach_m=reach_cells, progress=progress)
        found = unpadded(found, wide, template)
    else:
        share = distance_m(mask, unit, reach_m=reach_cells, progress=progress)
    share = unpadded(share, wide, template)
    for block in row_blocks(*share.shape):
        share[block] = decay(share[block], reach_cells, threat.decay)
        progress.check()
    return share if found is None else share * found


def _intensity(threat, land_cover, progress):
    """Intensity 0 to 1 of a threat, and the template, grown as far as it matters, that it is on."""
    template, place = land_cover.template, threat.place
    if isinstance(place, list):
        return (np.isin(land_cover.values, place) & land_cover.valid).astype(np.float32), template
    if isinstance(place, Layer):
        place.require_some("threat")
        geometries = place.to_crs(template.crs, progress).geometries
        wide = template.padded(
            min(threat.max_distance_m, overhang_m([geometry.GetEnvelope() for geometry in geometries], template))
        )
        return rasterize(geometries, wide, all_touched=True, dtype=np.uint8).astype(np.float32), wide
    reachable = template.padded(threat.max_distance_m)
    west, south, east, north = bounds_in(check_overlap(place, reachable), template.crs)
    wide = template.padded(min(threat.max_distance_m, overhang_m([(west, east, south, north)], template)))
    grid = align(place, wide, CLASSES, progress)
    valid = grid.valid
    values = np.where(valid, grid.values, 0).astype(np.float32)
    _require_share(values, valid, f"Threat layer '{place.name}'")
    return values, wide


def _sum(intensity, wide, template, threat, progress):
    """Intensities in reach under a decay kernel that adds to 1, by FFT in strips of rows."""
    from scipy.signal import oaconvolve

    reach = threat.max_distance_m
    down, right = int(reach // template.cell_height), int(reach // template.cell_width)
    apart = np.hypot(
        np.arange(-down, down + 1)[:, None] * template.cell_height,
        np.arange(-right, right + 1)[None, :] * template.cell_width,
    )
    kernel = decay(apart, reach, threat.decay)
    kernel = (kernel / kernel.sum()).astype(np.float32)
    row, col = template.offset_in(wide)
    padded = np.zeros((template.rows + 2 * down, template.cols + 2 * right), dtype=np.float32)
    here = (
        slice(max(0, row - down), row + template.rows + down),
        slice(max(0, col - right), col + template.cols + right),
    )
    near = intensity[here]
    top, left = down - row + here[0].start, right - col + here[1].start
    padded[top : top + near.shape[0], left : left + near.shape[1]] = near
    result = np.zeros(template.shape, dtype=np.float32)
    for inner, _ in tiles(template.shape, down, right):
        around = padded[inner[0].start : inner[0].stop + 2 * down, inner[1].start : inner[1].stop + 2 * right]
        if around.any():
            result[inner] = oaconvolve(around, kernel, mode="valid")
        progress(0.5 * inner[0].stop / template.rows)
    # the FFT leaves traces of 1e-8 where no cell of the threat is in reach
    distance = distance_m(intensity > 0, wide, reach_m=reach, progress=progress.part(0.5, 1))
    result[np.isinf(unpadded(distance, wide, template))] = 0
    return np.maximum(result, 0)

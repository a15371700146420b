"""Resistance by land cover and by district, and the report of a resistance surface."""

import math
from dataclasses import dataclass

import numpy as np

from ..errors import first_few
from ..geometry.cells import rasterize
from ..geometry.layers import bounds_of
from ..grid.blocks import Classes, run
from ..land_cover_products import codes_of_class
from ..progress import SILENT
from ..report import Report, number
from .dominant import LABELS, NO_VALUE
from .effects import values_of
from .factors import FACTORS, MINE

LAND_COVER, DISTRICT = "land cover", "district"
LOW_CONTRAST = 3.0
"""Below this quotient of hard (95 %) to easy (5 %) ground the report says that the contrast is small; ours."""


@dataclass
class Zone:
    """Mean resistance of a land-cover class or of a district.

    Parameters
    ----------
    zone_kind, zone : str
        ``land cover`` or ``district``, and its name.
    area_km2 : float
        Of the cells that have a value in the integrated surface.
    base_mean, mine_mean, resistance_mean : float
        Over those cells; NaN where there is no value.
    mine_effect : float
        Mean of the integrated minus the base surface: ``resistance_mean - base_mean``.
    main_factor : str
        The factor that dominates most of those cells; empty where none does.
    main_share : float
        The share of those cells that it dominates.
    """

    zone_kind: str
    zone: str
    area_km2: float
    base_mean: float
    mine_mean: float
    resistance_mean: float
    mine_effect: float
    main_factor: str = ""
    main_share: float = math.nan


def factor_words(surfaces):
    """What a reader calls each factor, by its name."""
    return {
        use.name: LABELS[FACTORS.index(use.name) + 1] if use.name in FACTORS else use.name for use in surfaces.factors
    }


def land_cover_zones(surfaces, land_cover, product, progress=SILENT):
    """A `Zone` per class of the land cover as it is given (restored mines' ground keeps its class here).

    Parameters
    ----------
    surfaces : surface.ResistanceSurfaces
    land_cover : reading.RasterSource
    product : str
        Whose names the codes have.
    """
    names = {code: name for pairs in codes_of_class(product).values() for code, name in pairs}
    sums = {}

    def add(window, grid):
        here = grid.valid
        codes, place = np.unique(grid.values[here], return_inverse=True)
        for index, code in enumerate(codes):
            mask = np.zeros(here.shape, dtype=bool)
            mask[here] = place.reshape(-1) == index
            sums.setdefault(int(code), _Sums()).add(surfaces, window.slices, mask)

    template = surfaces.base.template
    run([Classes(land_cover, template)], add, progress=progress.quiet())
    return [
        sums[code].zone(LAND_COVER, f"{code} {names[code]}" if code in names else str(code), surfaces)
        for code in sorted(sums)
        if sums[code].cells
    ]


def district_zones(surfaces, districts, name_field="", progress=SILENT):
    """A `Zone` per name of a layer of districts, in the order of the layer.

    Parameters
    ----------
    surfaces : surface.ResistanceSurfaces
    districts : layers.Layer
        Polygons; those of one name are one district. A cell that two districts hold counts in both.
    name_field : str
        Empty: districts are numbered.

    Raises
    ------
    InputError
        An empty layer, a missing field, or districts that lie wholly away from the map.
    """
    template = surfaces.base.template
    check_districts(districts, name_field)
    moved = districts.to_crs_near(template.crs, template.bounds, other=template.name, progress=progress)
    moved = moved.valid_polygons(progress)
    shapes = {}
    for index, (shape, attributes) in enumerate(zip(moved.geometries, moved.attributes)):
        value = attributes.get(name_field) if name_field else None
        named = value is not None and str(value).strip()
        name = str(value).strip() if named else f"{DISTRICT} {index + 1}"
        if not shape.IsEmpty():
            shapes.setdefault(name, []).append(shape)
    west, south, east, north = template.bounds
    times = np.zeros(template.shape, dtype=np.uint8)
    zones, empty, beyond = [], [], []
    for done, (name, parts) in enumerate(shapes.items()):
        progress(done / len(shapes))
        own = bounds_of(parts)
        window = template.window_of((own[0], own[2], own[1], own[3]))
        mask = None if window is None else rasterize(parts, template.part(window), dtype=np.uint8) > 0
        sums = _Sums()
        if mask is not None:
            sums.add(surfaces, window.slices, mask)
            times[window.slices] += mask & (times[window.slices] < 2)
        if not sums.cells:
            empty.append(name)
            continue
        if own[0] < west or own[1] < south or own[2] > east or own[3] > north:
            beyond.append(name)
        zones.append(sums.zone(DISTRICT, name, surfaces))
    if empty:
        progress.warn(
            f"Layer '{districts.name}': district(s) {_some(empty)} hold no cell with a resistance and are left "
            f"out of the summary."
        )
    if beyond:
        progress.log(
            f"Layer '{districts.name}': district(s) {_some(beyond)} reach beyond the map; their figures are of "
            f"the part that lies on it."
        )
    twice = int((times > 1).sum())
    if twice:
        progress.warn(
            f"Layer '{districts.name}': districts overlap; {twice} cells lie in more than one and count in each."
        )
    return zones


def check_districts(districts, name_field):
    """Refuse an empty layer of districts, or one without the field of their names."""
    districts.require_some("district")
    if name_field:
        districts.require_field(name_field, "the district's name")


class _Sums:
    """Sums over the cells of a zone."""

    def __init__(self):
        self.cells = 0
        self._totals = dict.fromkeys(("base", "mines", "integrated", "effect"), (0.0, 0))
        self._dominant = np.zeros(256, dtype=np.int64)

    def add(self, surfaces, slices, mask):
        # what a mine closes has a base resistance still: all means are of the same cells
        mask = mask & ~np.isnan(surfaces.integrated.values[slices])
        base, integrated = surfaces.base.values[slices][mask], surfaces.integrated.values[slices][mask]
        self._add("base", base)
        self._add("integrated", integrated)
        self._add("effect", integrated.astype(np.float64) - base)
        self.cells += integrated.size
        if surfaces.mines is not None:
            self._add("mines", surfaces.mines.values[slices][mask])
        if surfaces.dominant is not None:
            self._dominant += np.bincount(surfaces.dominant.values[slices][mask], minlength=256)

    def _add(self, name, values):
        values = values[~np.isnan(values)]
        total, count = self._totals[name]
        self._totals[name] = total + float(values.sum(dtype=np.float64)), count + values.size

    def zone(self, kind, name, surfaces):
        base, mines, integrated, effect = (
            total / count if count else math.nan for total, count in self._totals.values()
        )
        area_km2 = self.cells * surfaces.base.template.cell_area_m2 / 1e6
        factor, share = "", math.nan
        known = self._dominant[:NO_VALUE]
        if known[1:].any():
            most = int(known[1:].argmax()) + 1
            factor, share = surfaces.dominant.categories[most], float(known[most] / known.sum())
        return Zone(kind, name, area_km2, base, mines, integrated, effect, factor, share)


def _some(names, most=5):
    return first_few([f"'{name}'" for name in names], most)


# the report --------------------------------------------------------------------------------------


def resistance_report(surfaces, zones=(), parameters=(), said=(), progress=SILENT):
    """The report of a resistance surface, in a planner's words.

    Parameters
    ----------
    surfaces : surface.ResistanceSurfaces
        Best made with ``explain``.
    zones : sequence of Zone
    parameters : iterable of (name, value)
    said : sequence of str
        What the run said of its choices.
    """
    report = Report("Resistance surface")
    maps = {"base (without mines)": surfaces.base, "mines alone": surfaces.mines, "integrated": surfaces.integrated}
    values = {name: values_of(grid, progress=progress) for name, grid in maps.items() if grid is not None}
    _contrast(report, values["integrated"])
    _surfaces(report, values, surfaces)
    _factors(report, surfaces)
    _effects(report, surfaces)
    _zones(report, zones, surfaces)
    report.parameters(parameters)
    if said:
        report.heading("What the run said")
        for text in said:
            report.text(text)
    return report


def _contrast(report, whole):
    report.heading("How much the surface deters")
    if math.isnan(whole.mean):
        report.text("The integrated surface has no value anywhere.")
        return
    report.text(
        f"Hard ground (the 5 % of cells with the highest resistance, {number(whole.percent_95)} and above) costs "
        f"{number(whole.contrast, 3)} times what easy ground costs (the 5 % with the lowest, "
        f"{number(whole.percent_5)} and below). A corridor goes round hard ground only while the way round over "
        f"easy ground is less than that many times as long."
    )
    if whole.contrast < LOW_CONTRAST:
        report.warning(
            f"The contrast is small: hard ground costs {number(whole.contrast, 3)} times what easy ground "
            f"costs. A weighted sum of 1 to 5 hardly deters a path; corridors may run straight through. Consider a "
            f"transform (power, 1 to 100) or hard barriers, and compare."
        )


def _surfaces(report, values, surfaces):
    report.heading("The surfaces")
    report.table(
        ("surface", "lowest", "5 %", "mean", "95 %", "highest", "cells with a value (%)"),
        [
            (name, v.lowest, v.percent_5, v.mean, v.percent_95, v.highest, 100 * v.valid_share)
            for name, v in values.items()
        ],
    )
    if surfaces.mines is None:
        report.text("No mines were given: the integrated surface equals the base surface.")
    else:
        report.text(
            "The base surface leaves mines out and scales the other weights to 1; the mines' own surface is not "
            "weighted; the integrated one is the weighted sum of all factors (Figs 3 to 5 of the paper)."
        )

    def histogram(axes):
        for (name, v), colour in zip(values.items(), ("#2f7d4f", "#4a2c5e", "#b5462f")):
            if v.counts.any() and name != "mines alone":
                axes.stairs(100 * v.counts / v.counts.sum(), v.edges, label=name, color=colour)
        axes.set_xlabel("resistance")
        axes.set_ylabel("share of the cells (%)")
        axes.legend()

    report.figure(histogram, "Share of the cells by resistance, base and integrated surface", height=3.2)


def _factors(report, surfaces):
    report.heading("Factors and weights")
    words, rows, left_out = factor_words(surfaces), [], []
    for use in surfaces.factors:
        if not use.used:
            left_out.append(f"{words[use.name]} ({number(use.given_weight)})")
            continue
        rows.append(
            (
                words[use.name],
                use.given_weight,
                use.base_weight if use.name != MINE else None,
                use.weight,
                use.mean,
                use.weight * use.mean,
                None if math.isnan(use.dominant_share) else 100 * use.dominant_share,
                100 * use.missing_share,
            )
        )
    report.table(
        (
            "factor",
            "weight given",
            "weight in the base surface",
            "weight in the integrated surface",
            "mean score",
            "mean contribution (weight x score)",
            "decides (% of cells)",
            "cells without a value (%)",
        ),
        rows,
    )
    if left_out:
        report.text(
            f"Without a map: {', '.join(left_out)}. Their weights were shared out among the others in proportion, "
            f"so that weights add to 1."
        )
    report.text(
        "A factor decides a cell where its weight times its score above the lowest is the largest: it is what "
        "makes that cell hard. Where all factors score their lowest none decides."
    )
    if any(use.used and use.name == "elevation" for use in surfaces.factors):
        report.text(
            "Elevation in Table 1: ground down to 125 m below the datum scores 1, so the depth of a pit is no "
            "obstacle there but eases passage. Mind the date of the elevation map: SRTM was flown in 2000 and is "
            "older than many pits and dumps."
        )


def _effects(report, surfaces):
    report.heading("What the options changed")
    if not surfaces.effects:
        report.text(
            "No transform, correction or hard barrier was chosen: the surfaces are the weighted sums themselves."
        )
        return
    rows = [
        (
            effect.option,
            effect.surface,
            None if math.isnan(effect.mean_change) else effect.mean_change,
            "not defined" if math.isnan(effect.correlation) else effect.correlation,
            100 * effect.changed_share,
            _range(effect.before),
            _range(effect.after),
            effect.closed,
        )
        for effect in surfaces.effects
    ]
    report.table(
        (
            "option",
            "surface",
            "mean absolute change",
            "correlation with the surface before",
            "cells changed (%)",
            "range before",
            "range after",
            "cells closed",
        ),
        rows,
    )
    report.text(
        "Options act one after the other: transform, correction, hard barriers. Multiplying a whole surface "
        "moves no corridor; what counts is the correlation (1: the same order and proportions) and the range."
    )


def _zones(report, zones, surfaces):
    for kind, title in ((LAND_COVER, "By land cover"), (DISTRICT, "By district")):
        own = [zone for zone in zones if zone.zone_kind == kind]
        if not own:
            continue
        report.heading(title)
        with_mines = surfaces.mines is not None
        header = (
            [kind, "area with a value (km2)", "mean base resistance"]
            + with_mines * ["mean of mines alone", "mean integrated resistance", "integrated minus base"]
            + ["mostly decided by", "on (% of its cells)"]
        )
        report.table(
            header,
            [
                [zone.zone, zone.area_km2, _defined(zone.base_mean)]
                + with_mines * [_defined(zone.mine_mean), _defined(zone.resistance_mean), _defined(zone.mine_effect)]
                + [zone.main_factor or "none", None if math.isnan(zone.main_share) else 100 * zone.main_share]
                for zone in own
            ],
        )
        if with_mines:
            report.text(
                "Integrated minus base is what mines change. It falls below 0 where no mine is near: there the factor "
                "mines scores 1 and thins out the others, whose weights are smaller in the integrated surface."
            )
        if kind == LAND_COVER:
            report.text(
                "Classes are those of the land-cover map as it was given; the ground of restored mines keeps its "
                "class here."
            )


def _defined(value):
    return None if math.isnan(value) else value


def _range(pair):
    return "no value" if math.isnan(pair[0]) else f"{number(pair[0], 3)} to {number(pair[1], 3)}"

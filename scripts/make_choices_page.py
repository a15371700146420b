"""Makes the numbers and the pictures of docs/choices.md anew, from examples/mining_city.

    /usr/bin/python3 scripts/make_choices_page.py [docs folder]

The page's sentences are written by hand; what stands between ``<!-- made: NAME -->`` and
``<!-- made -->`` is replaced. Every choice is run once on the city as it is shipped (1000 x 1200 cells)
with the mines burnt into its land cover; nothing is random and nothing is kept between runs.
"""

import io
import re
import sys
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from load_econet import ROOT, load_econet

load_econet()

from econet.core.geometry.layers import read_layer
from econet.core.grid.grid import QUANTITY, float_grid
from econet.core.grid.reading import RasterSource
from econet.core.grid.warping import align, read_classes
from econet.core.mines import MineFields, read_mines
from econet.core.outputs import write_raster
from econet.core.presets import Preset
from econet.core.progress import SILENT, Progress
from econet.core.routing.ways import FlowConvention, Routing
from econet.core.services import carbon_storage as carbon
from econet.core.services import habitat_quality as habitat
from econet.core.services import sediment_retention as sediment
from econet.core.services import water_yield as water
from econet.core.services.burn_mines import burn_mines
from econet.core.services.degradation import HalfSaturationTerm
from econet.core.services.habitat_tables import default_threats, read_tables
from econet.core.services.sediment_delivery import IcLength, Masking, SedimentUnit
from econet.core.services.sediment_factors import Capped, LsMethod
from econet.core.services.threat_impact import DistanceRule
from econet.core.services.watersheds import VolumeArea
from econet.core.sources.importance import service_importance
from econet.core.sources.patches import delineate

CITY = ROOT / "examples" / "mining_city"
PAGE, IMAGES = "choices.md", Path("images") / "choices"
CHANGED = 0.01  # from what share of its value on a cell counts as changed
CLASS_COLOURS = "cividis_r"
PICTURE_BLOCK = 4  # cells of the map in one of the picture, each way

# A toolbox key that PRESET governs, and what core calls it.
KEYS = {
    "habitatquality": {"DISTANCE_RULE": "distance_rule", "EXPONENT": "exponent", "HALF_SATURATION": "half_saturation"},
    "sedimentretention": {
        "ROUTING": "routing",
        "LS_METHOD": "ls_method",
        "LS_CAP": "cap",
        "CAPPED": "capped",
        "IC_LENGTH": "ic_length",
        "TIES_AND_FLATS": "flow",
        "MASKING": "masking",
        "UNIT": "unit",
    },
    "wateryield": {"BUDYKO": "budyko", "MASKING": "masking", "VOLUMES": "volumes"},
    "carbonstorage": {},
}
PRESETS_OF = {
    "habitatquality": [vars(conventions) for conventions in habitat.PRESETS.values()],
    "wateryield": [vars(conventions) for conventions in water.PRESETS.values()],
    "sedimentretention": [vars(conventions) for conventions in sediment.PRESETS.values()],
    "carbonstorage": [{}] * 3,
}


@dataclass
class Result:
    """What one choice gives: a map, its sum in ``Service.total``, and the service's other columns."""

    values: np.ndarray
    total: float
    others: list = field(default_factory=list)
    grid: object = None
    unit_factor: float = 1.0  # of the map over that of the recommended unit


@dataclass
class Service:
    """A service and the rows of its table: (key, choice as the dialog names it, picture or "", core's arguments)."""

    name: str
    title: str
    unit: str
    total: str
    others: tuple
    colours: str
    rows: list
    run: object
    decimals: int
    base: str = "recommended"


# the city ----------------------------------------------------------------------------------------


class City:
    """The mining city's maps on the cells of its land cover."""

    def __init__(self):
        self.land_cover = read_classes(self.source("land_cover"))
        self.template = self.land_cover.template
        self.mines = read_mines(
            read_layer(str(CITY / "city.gpkg"), "mines"),
            self.template.crs,
            fields=MineFields("name", "mineral", "method", "state", "feature"),
        )
        self.land_cover = burn_mines(self.land_cover, self.mines)
        self.districts = read_layer(str(CITY / "city.gpkg"), "districts")
        self.cell_km2 = self.template.cell_area_m2 / 1e6

    @staticmethod
    def source(name):
        return RasterSource(str(CITY / f"{name}.tif"), name)

    def map(self, name):
        return align(self.source(name), self.template, kind=QUANTITY)


def habitat_of(city, tables=None):
    def run(**choices):
        found = habitat.habitat_quality(city.land_cover, tables=tables, choices=habitat.HabitatChoices(**choices))
        return Result(
            found.quality.values,
            np.nansum(found.quality.values, dtype=np.float64) * city.cell_km2,
            [number(found.half_saturation), share(np.nanmean(found.quality.values < 0.1))],
            found.quality,
        )

    return run


def habitat_by_night_light(city):
    """The settlements' threat as a layer of intensity, the night light over its highest value."""
    light = city.map("night_light")
    light.values = np.where(light.valid, light.values / light.values[light.valid].max(), 0).astype(np.float32)
    threats = default_threats()
    codes, name = threats.header.index("land_cover_codes"), threats.header.index("threat")
    threats.rows = [
        (line, ["" if at == codes and cells[name] == "impervious" else text for at, text in enumerate(cells)])
        for line, cells in threats.rows
    ]
    folder = tempfile.TemporaryDirectory()
    path = str(Path(folder.name) / "light.tif")
    write_raster(light, path)
    run = habitat_of(city, read_tables(threats, layers=[RasterSource(path, "night light")]))
    run.folder = folder
    return run


def sediment_of(city):
    maps = sediment.SedimentMaps(city.map("dem"), city.land_cover, city.map("erosivity"), city.map("erodibility"))
    pits = [mine.geometry for mine in city.mines if mine.method == "open pit" and mine.feature == "pit"]

    def run(mines=False, preset=Preset.RECOMMENDED, progress=SILENT, **by_hand):
        found = sediment.sediment_retention(
            replace(maps, mine_geometries=pits) if mines else maps,
            choices=sediment.SedimentChoices(preset, by_hand),
            progress=progress,
        )
        factor = city.template.cell_area_m2 / 1e4 if found.conventions.unit is SedimentUnit.PER_PIXEL else 1.0
        return Result(
            found.retention.values,
            found.totals["retention"],
            [number(found.totals[name]) for name in ("soil_loss", "export", "avoided_export")],
            found.retention,
            factor,
        )

    return run


WATER_COLUMNS = ("evapotranspiration, mm", "districts, million m3", "cells held at the demand")


def water_of(city, with_gaps=False):
    """Water yield; with gaps: the map ends in the middle, and soil maps say nothing of water and built-up land."""
    land_cover = city.land_cover
    maps = {
        name: city.map(file)
        for name, file in (
            ("precipitation", "precipitation_annual"),
            ("evapotranspiration", "evapotranspiration_annual"),
            ("soil_depth", "soil_depth"),
            ("plant_available_water", "plant_available_water"),
        )
    }
    if with_gaps:
        codes, soil = land_cover.values, maps["soil_depth"]
        land_cover = float_grid(
            np.where(np.arange(codes.shape[1]) < codes.shape[1] // 2, codes, np.nan).astype(np.float32),
            city.template,
            "western half",
        )
        known = np.where(np.isin(codes, (5, 8)), np.nan, soil.floats())
        maps["soil_depth"] = float_grid(known, city.template, soil.name)
    inputs = water.YieldInputs.of_grids(land_cover, **maps)

    def run(**choices):
        heard = []
        found = water.water_yield(
            inputs,
            water.YieldChoices(**choices),
            watersheds=city.districts,
            progress=Progress(log=heard.append),
        )
        held = [re.search(r"On (\d+) cell", line) for line in heard]
        held = sum(int(match.group(1)) for match in held if match)
        total = np.nansum(found.water_yield.values, dtype=np.float64) / 1000 * city.template.cell_area_m2 / 1e6
        return Result(
            found.water_yield.values,
            total,
            [
                number(np.nanmean(found.evapotranspiration.values, dtype=np.float64)),
                number(sum(shed.yield_m3 for shed in found.watersheds) / 1e6),
                share(held / city.land_cover.values.size),
            ],
            found.water_yield,
        )

    return run


def carbon_of(city):
    def run(preset=Preset.RECOMMENDED):
        found = carbon.carbon_storage(city.land_cover)
        return Result(found.values, np.nansum(found.values, dtype=np.float64) * city.cell_km2 * 100 / 1e6, [], found)

    return run


def services(city):
    """The services of the page, with every choice that its tables show."""
    pair = [
        ("PRESET", "as published", "published", {"preset": Preset.AS_PUBLISHED}),
        ("PRESET", "as InVEST 3.20", "invest", {"preset": Preset.AS_INVEST}),
    ]
    by_light = habitat_by_night_light(city)
    return [
        Service(
            "habitatquality",
            "Habitat quality",
            "0 to 1",
            "km2 of quality 1",
            ("k", "cells below 0.1"),
            "YlGn",
            [
                *pair,
                ("DISTANCE_RULE", DistanceRule.INTENSITY, "", {"distance_rule": DistanceRule.INTENSITY}),
                ("DISTANCE_RULE", DistanceRule.SUM, "sum", {"distance_rule": DistanceRule.SUM}),
                ("EXPONENT", HalfSaturationTerm.AS_PRINTED, "", {"exponent": HalfSaturationTerm.AS_PRINTED}),
                ("HALF_SATURATION", "0.05", "", {"half_saturation": 0.05}),
            ],
            habitat_of(city),
            3,
        ),
        Service(
            "nightlight",
            "Habitat quality",
            "0 to 1",
            "km2 of quality 1",
            ("k", "cells below 0.1"),
            "YlGn",
            [
                ("DISTANCE_RULE", DistanceRule.INTENSITY, "intensity", {"distance_rule": DistanceRule.INTENSITY}),
                ("DISTANCE_RULE", DistanceRule.SUM, "", {"distance_rule": DistanceRule.SUM}),
            ],
            by_light,
            3,
            DistanceRule.NEAREST,
        ),
        Service(
            "sedimentretention",
            "Sediment retention",
            "t/ha a year",
            "t a year",
            ("soil loss, t a year", "export, t a year", "avoided export, t a year"),
            "YlOrBr",
            [
                *pair[1:],
                ("ROUTING", Routing.D8, "d8", {"routing": Routing.D8}),
                ("LS_METHOD", LsMethod.INVEST, "ls", {"ls_method": LsMethod.INVEST}),
                ("LS_CAP", "122", "cap", {"cap": 122.0}),
                ("CAPPED", Capped.L_FACTOR, "capped", {"capped": Capped.L_FACTOR}),
                ("IC_LENGTH", IcLength.PIXELS, "pixels", {"ic_length": IcLength.PIXELS}),
                ("TIES_AND_FLATS", FlowConvention.AS_INVEST, "flats", {"flow": FlowConvention.AS_INVEST}),
                ("MASKING", Masking.AS_INVEST, "masking", {"masking": Masking.AS_INVEST}),
                ("UNIT", SedimentUnit.PER_PIXEL, "", {"unit": SedimentUnit.PER_PIXEL}),
                ("MINES", "given, open pits drain inside (not of PRESET)", "pits", {"mines": True}),
            ],
            sediment_of(city),
            2,
        ),
        Service(
            "wateryield",
            "Water yield",
            "mm a year",
            "million m3 a year",
            WATER_COLUMNS,
            "Blues",
            [
                *pair[:1],
                ("PRESET", "as InVEST 3.20", "", {"preset": Preset.AS_INVEST}),
                ("BUDYKO", water.BudykoCurve.ZHANG_2001, "", {"budyko": water.BudykoCurve.ZHANG_2001}),
                ("MASKING", water.Masking.AS_INVEST, "", {"masking": water.Masking.AS_INVEST}),
                ("VOLUMES", VolumeArea.POLYGON, "", {"volumes": VolumeArea.POLYGON}),
            ],
            water_of(city),
            1,
        ),
        Service(
            "gaps",
            "Water yield",
            "mm a year",
            "million m3 a year",
            WATER_COLUMNS,
            "Blues",
            [
                ("MASKING", water.Masking.AS_INVEST, "", {"masking": water.Masking.AS_INVEST}),
                ("VOLUMES", VolumeArea.POLYGON, "", {"volumes": VolumeArea.POLYGON}),
            ],
            water_of(city, True),
            1,
        ),
        Service("carbonstorage", "Carbon storage", "t/ha", "million t", (), "Greens", [], carbon_of(city), 1),
    ]


# numbers -----------------------------------------------------------------------------------------


def number(value):
    """Four digits that count, thousands apart."""
    if value == 0 or not np.isfinite(value):
        return f"{value:g}"
    digits = 3 - int(np.floor(np.log10(abs(value))))
    return f"{round(value, digits):,.{max(0, digits)}f}"


def share(value):
    percent = 100 * value
    return "0 %" if percent == 0 else "< 0.1 %" if percent < 0.05 else f"{percent:.1f} %"


def change(value, base):
    percent = 100 * (value / base - 1)
    return "0" if abs(percent) < 1e-6 else f"{percent:+.1f} %" if abs(percent) >= 0.05 else f"{percent:+.0e} %"


def changed_share(values, base):
    """Share of the cells with a value on either map that changed by more than 1 %, or have one on one map only."""
    here, there = np.isfinite(values), np.isfinite(base)
    with np.errstate(invalid="ignore"):
        moved = np.abs(values.astype(np.float64) - base) > CHANGED * np.abs(base)
    return np.count_nonzero(np.where(here & there, moved, here != there)) / np.count_nonzero(here | there)


def table(header, rows):
    right = [" ---: "] * (len(header) - 1)
    lines = ["| " + " | ".join(row) + " |" for row in [header, *rows]]
    return "\n".join([lines[0], "| --- |" + "|".join(right) + "|", *lines[1:]])


def presets_table(name):
    """What each preset of a service sets, from core's own tables."""

    def text(value):
        if value is None:
            return "half of the highest degradation"
        return f"{value:g}" if isinstance(value, float) else value

    keys, tables = KEYS[name], PRESETS_OF[name]
    rows = [[f"`{key}`", *(text(preset[convention]) for preset in tables)] for key, convention in keys.items()]
    header = ["", *(f"{number} {title}" for number, title in enumerate(Preset))]
    return table(header, rows).replace(" ---: ", " --- ")


# pictures ----------------------------------------------------------------------------------------


def coarse(values):
    """Means of blocks of cells; NaN where a block has none."""
    rows, cols = (size // PICTURE_BLOCK * PICTURE_BLOCK for size in values.shape)
    blocks = values[:rows, :cols].reshape(rows // PICTURE_BLOCK, PICTURE_BLOCK, cols // PICTURE_BLOCK, PICTURE_BLOCK)
    known = np.isfinite(blocks)
    count = known.sum(axis=(1, 3))
    return np.where(count > 0, np.where(known, blocks, 0).sum(axis=(1, 3), dtype=np.float64) / count.clip(1), np.nan)


def picture(path, city, panels):
    """Maps side by side, a pixel for each block of cells: (title, values, colours, lowest, highest, unit)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from PIL import Image

    west, south, east, north = city.template.bounds
    rows, cols = coarse(panels[0][1]).shape
    wide, high = cols + 34, rows + 36 + 48  # room for a title above, a scale below
    figure = Figure(figsize=(wide * len(panels) / 100, high / 100), dpi=100)

    def place(number, left, bottom, width, height):
        return figure.add_axes(
            ((number * wide + left) / (wide * len(panels)), bottom / high, width / (wide * len(panels)), height / high)
        )

    for number, (title, values, colours, low, top, unit) in enumerate(panels):
        axes = place(number, 17, 48, cols, rows)
        axes.set_facecolor("#c8c8c8")
        shown = axes.imshow(
            coarse(values),
            cmap=_steps(colours),
            vmin=low,
            vmax=top,
            aspect="auto",
            extent=(west, east, south, north),
            interpolation="nearest",
        )
        for mine in city.mines:
            for line in _lines(mine.geometry):
                axes.plot(*line, color="black", linewidth=0.5, antialiased=False)
        axes.set(xlim=(west, east), ylim=(south, north), xticks=[], yticks=[])
        axes.set_title(title, fontsize=8.5, pad=4)
        bar = figure.colorbar(shown, cax=place(number, 17, 36, cols, 7), orientation="horizontal")
        bar.set_label(unit, fontsize=8, labelpad=1)
        bar.ax.tick_params(labelsize=7, length=2, pad=1)
    canvas, drawn = FigureCanvasAgg(figure), io.BytesIO()
    canvas.print_png(drawn)
    drawn.seek(0)
    Image.open(drawn).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)


def _steps(colours):
    """A colour map of few steps, so that a picture keeps its colours in a small file; the middle of RdBu is white."""
    from matplotlib import colormaps

    return colormaps[colours].resampled(17 if colours == "RdBu" else 5 if colours == CLASS_COLOURS else 16)


def _lines(geometry):
    """The x and y of each ring of a polygon."""
    boundary = geometry.GetBoundary()
    parts = [boundary.GetGeometryRef(at) for at in range(boundary.GetGeometryCount())] or [boundary]
    return [np.array(part.GetPoints())[:, :2].T for part in parts]


def compared(path, city, service, title, base, result):
    """The recommended map beside what a choice adds to it or takes away."""
    top = np.nanpercentile(base.values, 98)
    difference = result.values / result.unit_factor - base.values / base.unit_factor
    shown = np.abs(coarse(difference))
    reach = np.nanpercentile(shown, 99) or np.nanmax(shown)
    picture(
        path,
        city,
        [
            (f"{service.title}: {service.base}", base.values, service.colours, 0, top, service.unit),
            (f"{title}\nless {service.base}", difference, "RdBu", -reach, reach, f"difference, {service.unit}"),
        ],
    )


# the page ----------------------------------------------------------------------------------------


def service_rows(city, service, images, keep):
    """The service's table; draws its pictures, and keeps its maps for the end of the chain."""
    base = service.run()
    keep[service.name, ""] = base.grid
    mean = f"mean ({service.unit})"
    rows = [row_of(service.base, service, base, base)]
    for key, choice, slug, arguments in service.rows:
        result = service.run(**arguments)
        keep[service.name, key + " " + choice] = result.grid
        rows.append(row_of(f"`{key}` {choice}", service, result, base))
        if slug:
            path, title = images / f"{service.name}_{slug}.png", f"{key} {choice.split(',')[0]}"
            compared(path, city, service, title, base, result)
    if not service.rows:
        top = np.nanpercentile(base.values, 98)
        picture(
            images / f"{service.name}.png",
            city,
            [(f"{service.title}: all presets", base.values, service.colours, 0, top, service.unit)],
        )
    return table(
        [
            "choice",
            mean,
            f"total ({service.total})",
            "total, change",
            "cells changed",
            "cells without a value",
            *service.others,
        ],
        rows,
    )


def row_of(title, service, result, base):
    values = result.values / np.float32(result.unit_factor)
    mean = f"{np.nanmean(result.values, dtype=np.float64):.{service.decimals + (result.unit_factor != 1)}f}"
    if result.unit_factor != 1:
        mean += " t per pixel"
    first = result is base
    return [
        title,
        mean,
        number(result.total),
        "" if first else change(result.total, base.total),
        "" if first else share(changed_share(values, base.values)),
        share(np.mean(~np.isfinite(values))),
        *result.others,
    ]


CHAIN = ("habitatquality", "sedimentretention", "wateryield", "carbonstorage")
CHAIN_ROWS = [
    ("recommended", {}),
    (
        "`PRESET` as published, all services",
        {"habitatquality": "PRESET as published", "wateryield": "PRESET as published"},
    ),
    ("`PRESET` as InVEST 3.20, all services", dict.fromkeys(CHAIN[:3], "PRESET as InVEST 3.20")),
    *(
        (f"{title}: `{key}` {choice}", {name: f"{key} {choice}"})
        for name, title, key, choice in (
            ("habitatquality", "habitat quality", "DISTANCE_RULE", DistanceRule.SUM),
            ("habitatquality", "habitat quality", "EXPONENT", HalfSaturationTerm.AS_PRINTED),
            ("habitatquality", "habitat quality", "HALF_SATURATION", "0.05"),
            ("sedimentretention", "sediment", "ROUTING", Routing.D8),
            ("sedimentretention", "sediment", "LS_METHOD", LsMethod.INVEST),
            ("sedimentretention", "sediment", "IC_LENGTH", IcLength.PIXELS),
            ("sedimentretention", "sediment", "MASKING", Masking.AS_INVEST),
            ("wateryield", "water yield", "BUDYKO", water.BudykoCurve.ZHANG_2001),
        )
    ),
]


def chain(city, keep, images):
    """What the choices do to weights and patches, with the defaults of serviceimportance and patches."""
    rows, maps = [], {}
    for title, choices in CHAIN_ROWS:
        grids = [keep[name, choices.get(name, "")] for name in CHAIN]
        found = service_importance(grids, names=list(CHAIN))
        patches = [patch for patch in delineate(found.classes).patches if patch.size_class == "super-large"]
        area = sum(patch.area_km2 for patch in patches)
        largest = max(patch.area_km2 for patch in patches) if patches else 0.0
        rows.append(
            [
                title,
                *(f"{weight:.3f}" for weight in found.weights),
                f"{found.kmo:.3f}",
                str(len(patches)),
                number(area),
                number(largest),
            ]
        )
        maps[title] = found.classes
    titles = [CHAIN_ROWS[at][0] for at in (0, 1, 2)]
    panels = []
    for title, short in zip(titles, Preset):
        classes = maps[title]
        one = (slice(PICTURE_BLOCK // 2, None, PICTURE_BLOCK),) * 2  # a block's class is that of one cell, never a mean
        values = np.where(classes.valid, classes.values, np.nan)[one].repeat(PICTURE_BLOCK, 0).repeat(PICTURE_BLOCK, 1)
        panels.append((f"Importance: {short}", values, CLASS_COLOURS, 0.5, 5.5, "class (5 very important)"))
    picture(images / "chain_presets.png", city, panels)
    return table(
        [
            "choice",
            *(f"weight of {name}" for name in ("habitat", "sediment", "water", "carbon")),
            "KMO",
            "super-large patches",
            "their area (km2)",
            "largest (km2)",
        ],
        rows,
    )


def write_blocks(path, blocks):
    """Put each block in its place on the page; a block without a place is an error."""
    text = path.read_text(encoding="utf-8")
    for name, content in blocks.items():
        text, count = re.subn(
            rf"(<!-- made: {name} -->\n).*?(<!-- made -->)",
            lambda match, content=content: f"{match.group(1)}\n{content}\n\n{match.group(2)}",
            text,
            flags=re.DOTALL,
        )
        if count != 1:
            sys.exit(f"{path} has {count} places for '{name}'.")
    path.write_text(text, encoding="utf-8")


def main(docs=ROOT / "docs"):
    docs = Path(docs)
    images = docs / IMAGES
    images.mkdir(parents=True, exist_ok=True)
    city, keep = City(), {}
    blocks = {f"{name}-presets": presets_table(name) for name in KEYS if KEYS[name]}
    for service in services(city):
        blocks[service.name] = service_rows(city, service, images, keep)
        print(service.name, blocks[service.name], sep="\n", flush=True)
    blocks["chain"] = chain(city, keep, images)
    print(blocks["chain"])
    write_blocks(docs / PAGE, blocks)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""The two studies that scripts/demo runs, their layers, steps and pages."""

from dataclasses import dataclass, field
from pathlib import Path

from load_econet import ROOT

OUTPUT = ROOT / "demo-output"


@dataclass
class Step:
    """A toolbox step run on what the model left: ``outputs`` are key to title.

    A value ``@name`` is the layer of that file name, a list is given value by value.
    """

    algorithm: str
    parameters: dict
    outputs: dict


@dataclass
class Study:
    """One landscape: a bundled model, its maps, and steps that question what it left.

    ``parameters`` are those of the model; ``context`` are input layers for the project, of which
    vector layers also lie under the last map: title to (source, colour or name of a style).
    """

    name: str
    title: str
    model: str
    note: str
    parameters: dict
    relief: Path
    context: dict = field(default_factory=dict)
    steps: tuple = ()

    @property
    def folder(self):
        return OUTPUT / self.name

    @property
    def project(self):
        return OUTPUT / f"{self.name}.qgz"


CITY = ROOT / "examples" / "mining_city"
ZION = ROOT / "examples" / "zion"


def city_layer(name):
    return f"{CITY / 'city.gpkg'}|layername={name}"


ROAD, MINE = "#3c3c3c", "#4a2c5e"

CITY_STEPS = (
    Step(
        "sourcefirmness",
        {
            "SERVICES": ["@habitat_quality", "@sediment_retention", "@water_yield", "@carbon_storage"],
            "SERVICE_NAMES": "habitat_quality,sediment_retention,water_yield,carbon_storage",
        },
        {
            "OUTPUT": "Firmness of the sources",
            "OUTPUT_FREQUENCY": "How often a cell is a source",
            "OUTPUT_VARIANTS": "Alternatives of the sources",
            "OUTPUT_REPORT": "Firmness report",
        },
    ),
    Step(
        "ahpweights", {"JUDGEMENTS": CITY / "judgements.csv"}, {"OUTPUT": "AHP weights", "OUTPUT_REPORT": "AHP report"}
    ),
    Step(
        "resistancesurface",
        {
            "DEM": CITY / "dem.tif",
            "LAND_COVER": "@land_cover",
            "NDVI": CITY / "ndvi.tif",
            "NIGHT_LIGHT": CITY / "night_light.tif",
            "WATER": city_layer("water"),
            "MOTORWAYS": city_layer("motorways"),
            "HIGHWAYS": city_layer("highways"),
            "MINES": city_layer("mines"),
            "WEIGHTS": "@ahp_weights",
            "OUTPUT": "TEMPORARY_OUTPUT",
        },
        {"OUTPUT_DOMINANT": "Which factor makes a cell hard", "OUTPUT_REPORT": "Resistance report"},
    ),
    Step(
        "mineresistance",
        {"MINES": city_layer("mines"), "TEMPLATE": "@land_cover", "OUTPUT": "TEMPORARY_OUTPUT"},
        {"OUTPUT_RINGS": "Rings of the mines"},
    ),
)

STUDIES = [
    Study(
        "mining_city",
        "Mining city",
        "ecologicalnetwork",
        "An artificial mining city made by a script of the project; no place on earth.",
        {
            "LAND_COVER": CITY / "land_cover.tif",
            "DEM": CITY / "dem.tif",
            "PRECIPITATION": CITY / "precipitation_annual.tif",
            "EVAPOTRANSPIRATION": CITY / "evapotranspiration_annual.tif",
            "SOIL_DEPTH": CITY / "soil_depth.tif",
            "PLANT_AVAILABLE_WATER": CITY / "plant_available_water.tif",
            "EROSIVITY": CITY / "erosivity.tif",
            "ERODIBILITY": CITY / "erodibility.tif",
            "NDVI": CITY / "ndvi.tif",
            "NIGHT_LIGHT": CITY / "night_light.tif",
            "WATER": city_layer("water"),
            "MOTORWAYS": city_layer("motorways"),
            "HIGHWAYS": city_layer("highways"),
            "MINES": city_layer("mines"),
            "AREA_OF_LANDSCAPE": 1080,
        },
        CITY / "dem.tif",
        {
            "Roads": (city_layer("roads"), ROAD),
            "Mines": (city_layer("mines"), MINE),
            "Land cover": (CITY / "land_cover.tif", "land_cover"),
        },
        CITY_STEPS,
    ),
    Study(
        "zion",
        "Zion",
        "networkfromlandcover",
        "Zion National Park and its surroundings, Utah: real land cover (NLCD 2011) and SRTM; its "
        "developed strips stand for roads.",
        {
            "LAND_COVER": ZION / "land_cover.tif",
            "DEM": ZION / "srtm.tif",
            "ROADS": ZION / "roads.gpkg",
            "ROAD_CLASS_FIELD": "class",
            "WATER_CODES": "11",
            "LAND_COVER_PRODUCT": 6,  # NLCD
            "THREAT_TABLE": ZION / "tables" / "threats.csv",
            "SENSITIVITY_TABLE": ZION / "tables" / "sensitivity.csv",
            "CARBON_TABLE": ZION / "tables" / "carbon.csv",
            "FACTOR_TABLE": ZION / "tables" / "resistance.csv",
            "PATCH_CLASSES": "5",
            "DIAGONALS": "false",
            "AREA_BANDS": "1,2,4",
            "AREA_OF_LANDSCAPE": 1449.4,
        },
        ZION / "srtm.tif",
        {"Roads (developed strips)": (ZION / "roads.gpkg", ROAD), "Land cover (NLCD)": (ZION / "land_cover.tif", None)},
    ),
]

# Layers of each map, uppermost first: (algorithm, output) of a model's child, or a study's context.
STAGES = {
    "importance": ("Importance of ecosystem services", [("serviceimportance", "OUTPUT_IMPORTANCE")]),
    "sources": ("Ecological sources", [("selectsources", "OUTPUT"), ("serviceimportance", "OUTPUT_CLASSES")]),
    "firmness": ("Firmness of the sources", [("sourcefirmness", "OUTPUT"), ("sourcefirmness", "OUTPUT_FREQUENCY")]),
    "resistance": ("Resistance surface", [("resistancesurface", "OUTPUT")]),
    "dominant_factor": ("Which factor makes a cell hard", ["context", ("resistancesurface", "OUTPUT_DOMINANT")]),
    "mine_rings": ("Resistance of mines and their rings", ["context", ("mineresistance", "OUTPUT_RINGS"), "relief"]),
    "corridors": (
        "Corridors, important and general",
        [("gravitymodel", "OUTPUT"), ("selectsources", "OUTPUT"), "relief"],
    ),
    "breakpoints": (
        "Breakpoints and fracture surfaces",
        [
            ("breakpoints", "OUTPUT"),
            ("fracturesurfaces", "OUTPUT"),
            ("gravitymodel", "OUTPUT"),
            "context",
            ("selectsources", "OUTPUT"),
            "relief",
        ],
    ),
}


# What a map shows, in a sentence.
NOTES = {
    "firmness": "How much of each source stays source when grid size, number of classes, area threshold and weights "
    "are chosen otherwise; below it, how often a cell is source.",
    "dominant_factor": "The factor whose weighted score adds most above its lowest.",
    "mine_rings": "The rings of Table 2 around each mine, by mineral, method and state.",
    "importance": "The services added up by their weights, from 0 to 1.",
    "sources": "The largest patches of the most important classes.",
    "resistance": "How hard it is for animals to cross each cell.",
    "corridors": "The ways of least accumulated cost between sources; important ones join sources that interact "
    "strongly.",
    "breakpoints": "Where corridors cross roads, and where they run through open pits.",
}
PITS = (
    "Corridors run through the pits because the paper's weighted sum of scores of 1 to 5 has low contrast: a way "
    "around costs more than the pit. Hard barriers and Transform in the resistance step change that."
)

# What a row of the table means.
MEANINGS = {
    "sources": "patches that are large and important enough to start from",
    "corridors": "least-cost ways between pairs of sources",
    "important": "corridors kept, with a gravity above the threshold (the mean of all pairs)",
    "general": "the other corridors kept",
    "redundant": "corridors dropped, since they pass through a third source",
    "breakpoints (on important)": "places where corridors cross roads, which need a passage",
    "fracture surfaces": "parts of open pits that corridors run through, which need restoration",
    "KMO": "whether the services share enough to be weighed by components (with Kaiser's word)",
    "weights": "share of each service in the importance",
    "stability": "share of the sources' ground that stays source when the choices behind the list change",
    "PC": "probability that two places chosen at random lie in patches between which animals can move",
}


# Ticked when the project opens.
SHOWN = {
    ("selectsources", "OUTPUT"),
    ("gravitymodel", "OUTPUT"),
    ("breakpoints", "OUTPUT"),
    ("fracturesurfaces", "OUTPUT"),
}

# Sources lie on the classes they come from, in the same colours.
FAINT = {("serviceimportance", "OUTPUT_CLASSES"): 0.45}

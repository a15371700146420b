"""Writes the two bundled models to algorithms/models/; run with QGIS' Python after changing a step.

    QT_HASH_SEED=0 QT_QPA_PLATFORM=offscreen /usr/bin/python3 scripts/make_models.py

The models are the chain: there is no second one in code. They are made by a script so that a key
that a step no longer has is found here, and not by a planner.
"""

import sys
from pathlib import Path

from load_econet import load_econet
from model_builder import MODELS, Model, given, step
from qgis.core import QgsApplication

load_econet()

from econet.algorithms import parameters as p
from econet.core.presets import Preset

PRODUCT = {"LAND_COVER_PRODUCT": given("LAND_COVER_PRODUCT")}


def choices_of_steps(model):
    """Numbers and choices that both models offer, with the paper's values."""
    for definition in (
        p.number(
            "AREA_OF_LANDSCAPE",
            "Connectivity: area of the landscape (km2); without it no PC",
            default=None,
            minimum=0,
            optional=True,
        ),
        p.number("GRID_SIZE", "Importance: grid size (m)", default=3000, minimum=0),
        p.text("PATCH_CLASSES", "Patches: importance classes that make them", default="4,5", optional=False),
        p.flag("DIAGONALS", "Patches: cells that meet at a corner are one patch", default=True),
        p.text("AREA_BANDS", "Patches: limits of small, medium and large patches (km2)", default="1,4,7"),
        p.number("DISPERSAL_DISTANCE", "Connectivity: dispersal distance (m)", default=2500, minimum=0),
        p.number(
            "DISPERSAL_PROBABILITY", "Connectivity: probability at that distance", default=0.5, minimum=0, maximum=1
        ),
        p.number("DATUM", "Resistance: elevation that counts as 0 (m)", default=0.0),
        _like("resistancesurface", "TRANSFORM", "TRANSFORM", "Resistance: transform"),
        _like("corridors", "PATH_ENDS", "PATH_ENDS", "Corridors: run from"),
        _like("corridors", "PAIRS", "PAIRS", "Corridors: pairs of sources"),
        _like("gravitymodel", "FORM", "GRAVITY_FORM", "Gravity: form"),
        _like("gravitymodel", "AREA_UNIT", "AREA_UNIT", "Gravity: unit of the sources' areas"),
        _like("gravitymodel", "THRESHOLD_RULE", "THRESHOLD_RULE", "Gravity: corridors are important above"),
        p.number("THRESHOLD", "Gravity: threshold, for the rules quantile (0 to 1) and fixed", optional=True),
    ):
        model.add_input(p.advanced(definition))


def _like(algorithm, key, name, label):
    """A choice with the entries that a step has."""
    definition = QgsApplication.processingRegistry().algorithmById(f"econet:{algorithm}").parameterDefinition(key)
    return p.choice(name, label, definition.options(), default=definition.defaultValue())


def sources_steps(model, services, names, **more):
    model.add_step(
        "importance",
        "econet:serviceimportance",
        "2 Importance of the services",
        {"SERVICES": services, "SERVICE_NAMES": names, "GRID_SIZE": given("GRID_SIZE"), **more},
        {
            "importance": ("OUTPUT_IMPORTANCE", "Importance"),
            "importance_classes": ("OUTPUT_CLASSES", "Importance classes"),
            "importance_grid": ("OUTPUT_GRID", "Importance grid"),
            "importance_report": ("OUTPUT_REPORT", "Importance report"),
            "kmo": ("KMO", "KMO"),
            "weights": ("WEIGHTS_USED", "Weights of the services"),
        },
    )
    model.add_step(
        "patches",
        "econet:patches",
        "2 Patches",
        {
            "CLASSES": step("importance", "OUTPUT_CLASSES"),
            "IMPORTANCE": step("importance", "OUTPUT_IMPORTANCE"),
            "PATCH_CLASSES": given("PATCH_CLASSES"),
            "DIAGONALS": given("DIAGONALS"),
            "AREA_BANDS": given("AREA_BANDS"),
        },
        {"patches": ("OUTPUT", "Patches")},
    )
    model.add_step(
        "connectivity",
        "econet:landscapeconnectivity",
        "2 Connectivity of the patches",
        {
            "PATCHES": step("patches"),
            "DISPERSAL_DISTANCE": given("DISPERSAL_DISTANCE"),
            "DISPERSAL_PROBABILITY": given("DISPERSAL_PROBABILITY"),
            "AREA_OF_LANDSCAPE": given("AREA_OF_LANDSCAPE"),
        },
        {"connectivity_report": ("OUTPUT_REPORT", "Connectivity report"), "pc": ("PC", "PC"), "ec": ("EC", "EC")},
    )
    model.add_step(
        "sources",
        "econet:selectsources",
        "2 Ecological sources",
        {"PATCHES": step("connectivity")},
        {"sources": ("OUTPUT", "Ecological sources")},
    )


def corridors_steps(model):
    model.add_step(
        "corridors",
        "econet:corridors",
        "4 Corridors between all sources",
        {
            "RESISTANCE": step("resistance"),
            "SOURCES": step("sources"),
            "PATH_ENDS": given("PATH_ENDS"),
            "PAIRS": given("PAIRS"),
        },
        {
            "all_corridors": ("OUTPUT", "All corridors, redundant ones too"),
            "n_corridors": ("N_CORRIDORS", "Number of corridors"),
        },
    )
    model.add_step(
        "gravity",
        "econet:gravitymodel",
        "4 Important and general corridors",
        {
            "CORRIDORS": step("corridors"),
            "SOURCES": step("sources"),
            "RESISTANCE": step("resistance"),
            "FORM": given("GRAVITY_FORM"),
            "AREA_UNIT": given("AREA_UNIT"),
            "THRESHOLD_RULE": given("THRESHOLD_RULE"),
            "THRESHOLD": given("THRESHOLD"),
        },
        {
            "corridors": ("OUTPUT", "Corridors"),
            "gravity_matrix": ("OUTPUT_MATRIX", "Gravity matrix"),
            "gravity_report": ("OUTPUT_REPORT", "Gravity report"),
            "threshold": ("THRESHOLD_VALUE", "Gravity threshold"),
        },
    )


MINES = {
    key: given(key)
    for key in ("MINES", "NAME_FIELD", "MINERAL_FIELD", "METHOD_FIELD", "STATE_FIELD", "FEATURE_FIELD", "MINE_WORDS")
}


def ecological_network():
    model = Model("ecologicalnetwork", "Ecological network of a mining city")
    city_inputs(model)
    city_services(model)
    sources_steps(
        model,
        [
            step("habitat", "OUTPUT_QUALITY"),
            step("sediment", "OUTPUT_RETENTION"),
            step("water", "OUTPUT_YIELD"),
            step("carbon"),
        ],
        "habitat_quality,sediment_retention,water_yield,carbon_storage",
        LAND_COVER=step("land_cover"),
        **PRODUCT,
    )
    city_resistance(model)
    corridors_steps(model)
    city_breaks(model)
    model.write()


def city_inputs(model):
    for definition in (
        p.raster("LAND_COVER", "Land cover"),
        p.raster("DEM", "Elevation (DEM)"),
        p.raster("PRECIPITATION", "Annual precipitation (mm)"),
        p.raster("EVAPOTRANSPIRATION", "Annual reference evapotranspiration (mm)"),
        p.raster("SOIL_DEPTH", "Depth of the root-restricting layer (mm)"),
        p.raster("PLANT_AVAILABLE_WATER", "Plant available water (0 to 1)"),
        p.raster("EROSIVITY", "Rainfall erosivity R (MJ mm / (ha h a))"),
        p.raster("ERODIBILITY", "Soil erodibility K (t ha h / (ha MJ mm))"),
        p.raster("NDVI", "NDVI", optional=True),
        p.raster("NIGHT_LIGHT", "Night light", optional=True),
        p.vector("WATER", "Water bodies", p.ANY, optional=True),
        p.vector("MOTORWAYS", "Motorways (expressways)", [p.LINE, p.POLYGON], optional=True),
        p.vector("HIGHWAYS", "First-class highways", [p.LINE, p.POLYGON], optional=True),
        p.field("ROAD_NAME_FIELD", "Roads: field of the name", "HIGHWAYS", default="name"),
        p.field("ROAD_CLASS_FIELD", "Roads: field of the class", "HIGHWAYS", default="road_class"),
        p.vector("MINES", "Mines", p.POLYGON),
        p.field("NAME_FIELD", "Mines: field of the name", "MINES", default="name"),
        p.field("MINERAL_FIELD", "Mines: field of the mineral", "MINES", default="mineral"),
        p.field("METHOD_FIELD", "Mines: field of the method", "MINES", default="method"),
        p.field("STATE_FIELD", "Mines: field of the state", "MINES", default="state"),
        p.field("FEATURE_FIELD", "Mines: field of the feature (pit, dump ...)", "MINES", default="feature"),
        p.table("THREAT_TABLE", "Habitat quality: threats"),
        p.table("SENSITIVITY_TABLE", "Habitat quality: sensitivity"),
        p.table("BIOPHYSICAL_TABLE", "Water yield and sediment: biophysical table"),
        p.table("CARBON_TABLE", "Carbon densities"),
        p.table("FACTOR_TABLE", "Resistance: factors (Table 1)"),
        p.table("RING_TABLE", "Resistance: mine rings (Table 2)"),
        p.table("MINE_WORDS", "Mines: table of words (attribute, word, meaning)"),
        p.land_cover_product(),
        p.option("PRESET", "Services: preset of conventions", Preset),
    ):
        model.add_input(definition)
    choices_of_steps(model)
    barriers = (
        QgsApplication.processingRegistry()
        .algorithmById("econet:resistancesurface")
        .parameterDefinition("HARD_BARRIERS")
        .options()
    )
    model.add_input(
        p.advanced(p.choices("HARD_BARRIERS", "Resistance: hard barriers", barriers, default=[], optional=True))
    )


def city_services(model):
    """The land cover with the mines in it, and four services on it."""
    model.add_step(
        "land_cover",
        "econet:burnmines",
        "1 Land cover with the mines in it",
        {"LAND_COVER": given("LAND_COVER"), **MINES, **PRODUCT},
        {"land_cover": ("OUTPUT", "Land cover with mines")},
    )
    model.add_step(
        "sediment",
        "econet:sedimentretention",
        "1 Sediment retention",
        {
            "DEM": given("DEM"),
            "LAND_COVER": step("land_cover"),
            "EROSIVITY": given("EROSIVITY"),
            "ERODIBILITY": given("ERODIBILITY"),
            "BIOPHYSICAL_TABLE": given("BIOPHYSICAL_TABLE"),
            "PRESET": given("PRESET"),
            **PRODUCT,
        },
        {"sediment_retention": ("OUTPUT_RETENTION", "Sediment retention")},
    )
    model.add_step(
        "habitat",
        "econet:habitatquality",
        "1 Habitat quality",
        {
            "LAND_COVER": step("land_cover"),
            "THREAT_TABLE": given("THREAT_TABLE"),
            "SENSITIVITY_TABLE": given("SENSITIVITY_TABLE"),
            "PRESET": given("PRESET"),
            **PRODUCT,
        },
        {"habitat_quality": ("OUTPUT_QUALITY", "Habitat quality")},
    )
    model.add_step(
        "carbon",
        "econet:carbonstorage",
        "1 Carbon storage",
        {"LAND_COVER": step("land_cover"), "CARBON_TABLE": given("CARBON_TABLE"), "PRESET": given("PRESET"), **PRODUCT},
        {"carbon_storage": ("OUTPUT", "Carbon storage")},
    )
    model.add_step(
        "water",
        "econet:wateryield",
        "1 Water yield",
        {
            "LAND_COVER": step("land_cover"),
            "PRECIPITATION": given("PRECIPITATION"),
            "EVAPOTRANSPIRATION": given("EVAPOTRANSPIRATION"),
            "SOIL_DEPTH": given("SOIL_DEPTH"),
            "PLANT_AVAILABLE_WATER": given("PLANT_AVAILABLE_WATER"),
            "BIOPHYSICAL_TABLE": given("BIOPHYSICAL_TABLE"),
            "PRESET": given("PRESET"),
            **PRODUCT,
        },
        {"water_yield": ("OUTPUT_YIELD", "Water yield")},
    )


def city_resistance(model):
    model.add_step(
        "resistance",
        "econet:resistancesurface",
        "3 Resistance",
        {
            "DEM": given("DEM"),
            "LAND_COVER": step("land_cover"),
            "NDVI": given("NDVI"),
            "WATER": given("WATER"),
            "MOTORWAYS": given("MOTORWAYS"),
            "HIGHWAYS": given("HIGHWAYS"),
            "NIGHT_LIGHT": given("NIGHT_LIGHT"),
            **MINES,
            "FACTOR_TABLE": given("FACTOR_TABLE"),
            "RING_TABLE": given("RING_TABLE"),
            "DATUM": given("DATUM"),
            "TRANSFORM": given("TRANSFORM"),
            "HARD_BARRIERS": given("HARD_BARRIERS"),
            **PRODUCT,
        },
        {
            "resistance_base": ("OUTPUT_BASE", "Base resistance"),
            "resistance_mines": ("OUTPUT_MINES", "Mine resistance"),
            "resistance": ("OUTPUT", "Resistance"),
        },
    )


def city_breaks(model):
    """Breakpoints at roads, fracture surfaces at open pits."""
    model.add_step(
        "roads",
        "native:mergevectorlayers",
        "5 Motorways and highways together",
        {"LAYERS": [given("MOTORWAYS"), given("HIGHWAYS")]},
    )
    model.add_step(
        "breakpoints",
        "econet:breakpoints",
        "5 Breakpoints at roads",
        {
            "CORRIDORS": step("gravity"),
            "ROADS": step("roads"),
            "ROAD_NAME_FIELD": given("ROAD_NAME_FIELD"),
            "ROAD_CLASS_FIELD": given("ROAD_CLASS_FIELD"),
        },
        {"breakpoints": ("OUTPUT", "Breakpoints")},
    )
    model.add_step(
        "fractures",
        "econet:fracturesurfaces",
        "5 Fracture surfaces at open pits",
        {"CORRIDORS": step("gravity"), "RESISTANCE": step("resistance"), **MINES},
        {
            "fracture_surfaces": ("OUTPUT", "Fracture surfaces"),
            "fracture_pairs": ("OUTPUT_PAIRS", "Corridors across mines"),
        },
    )


def network_from_land_cover():
    model = Model("networkfromlandcover", "Ecological network from land cover, DEM and roads")
    for definition in (
        p.raster("LAND_COVER", "Land cover"),
        p.raster("DEM", "Elevation (DEM)"),
        p.vector("ROADS", "Roads", [p.LINE, p.POLYGON]),
        p.field("ROAD_NAME_FIELD", "Roads: field of the name", "ROADS", default="name"),
        p.field("ROAD_CLASS_FIELD", "Roads: field of the class", "ROADS", default="road_class"),
        p.text("WATER_CODES", "Land-cover codes that are water", default="5", optional=True),
        p.table("THREAT_TABLE", "Habitat quality: threats"),
        p.table("SENSITIVITY_TABLE", "Habitat quality: sensitivity"),
        p.table("CARBON_TABLE", "Carbon densities"),
        p.table("FACTOR_TABLE", "Resistance: factors (Table 1)"),
        p.land_cover_product(),
        p.option("PRESET", "Services: preset of conventions", Preset),
    ):
        model.add_input(definition)
    choices_of_steps(model)
    model.add_step(
        "habitat",
        "econet:habitatquality",
        "1 Habitat quality",
        {
            "LAND_COVER": given("LAND_COVER"),
            "THREAT_TABLE": given("THREAT_TABLE"),
            "SENSITIVITY_TABLE": given("SENSITIVITY_TABLE"),
            "PRESET": given("PRESET"),
            **PRODUCT,
        },
        {"habitat_quality": ("OUTPUT_QUALITY", "Habitat quality")},
    )
    model.add_step(
        "carbon",
        "econet:carbonstorage",
        "1 Carbon storage",
        {
            "LAND_COVER": given("LAND_COVER"),
            "CARBON_TABLE": given("CARBON_TABLE"),
            "PRESET": given("PRESET"),
            **PRODUCT,
        },
        {"carbon_storage": ("OUTPUT", "Carbon storage")},
    )
    sources_steps(
        model,
        [step("habitat", "OUTPUT_QUALITY"), step("carbon")],
        "habitat_quality,carbon_storage",
        LAND_COVER=given("LAND_COVER"),
        **PRODUCT,
    )
    model.add_step(
        "resistance",
        "econet:resistancesurface",
        "3 Resistance",
        {
            "DEM": given("DEM"),
            "LAND_COVER": given("LAND_COVER"),
            "WATER_CODES": given("WATER_CODES"),
            "HIGHWAYS": given("ROADS"),
            "FACTOR_TABLE": given("FACTOR_TABLE"),
            "DATUM": given("DATUM"),
            "TRANSFORM": given("TRANSFORM"),
            **PRODUCT,
        },
        {"resistance": ("OUTPUT", "Resistance")},
    )
    corridors_steps(model)
    model.add_step(
        "breakpoints",
        "econet:breakpoints",
        "5 Breakpoints at roads",
        {
            "CORRIDORS": step("gravity"),
            "ROADS": given("ROADS"),
            "ROAD_NAME_FIELD": given("ROAD_NAME_FIELD"),
            "ROAD_CLASS_FIELD": given("ROAD_CLASS_FIELD"),
        },
        {"breakpoints": ("OUTPUT", "Breakpoints")},
    )
    model.write()


def main():
    application = QgsApplication([], False)
    application.initQgis()
    sys.path.append(str(Path(QgsApplication.pkgDataPath()) / "python" / "plugins"))
    from processing.core.Processing import Processing

    Processing.initialize()
    from qgis.analysis import QgsNativeAlgorithms

    registry = QgsApplication.processingRegistry()
    if registry.providerById("native") is None:
        registry.addProvider(QgsNativeAlgorithms())
    from econet.algorithms.provider import EcoNetProvider

    registry.addProvider(EcoNetProvider())
    MODELS.mkdir(exist_ok=True)
    ecological_network()
    network_from_land_cover()
    application.exitQgis()


main()

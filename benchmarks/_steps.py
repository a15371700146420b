"""What same_results.py and side_by_side.py share: the steps they run, made-up inputs, trees and workers.

A tree is a folder that holds the plugin; a worker is a process that loads the plugin of one tree and runs
what it is told. Nothing of the plugin is imported here except as QGIS does it, through ``classFactory``, so that
the modules of the tree may be called and placed as they like.

    python3 _steps.py TREE SCRATCH [--count] [--without-numba]      (started by `Worker`)
"""

from __future__ import annotations

import contextlib
import functools
import gc
import hashlib
import importlib.util
import inspect
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
EXTENSIONS = {"rasterDestination": ".tif", "sink": ".gpkg", "vectorDestination": ".gpkg", "fileDestination": ".html"}
MODELS = ("ecologicalnetwork", "networkfromlandcover")


# what is run -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """One run of an algorithm.

    Parameters
    ----------
    name : str
        Of the run and of its folder.
    algorithm : str
        Id without the provider's.
    values : dict
        By parameter key, as saved models hold them: enums by index. ``{city}``, ``{zion}`` and ``{made}`` are folders
        of inputs, ``{old}/NAME/FILE`` is what the old revision left in the step of that name.
    study : str
        ``mining_city``, ``zion``, or ``products`` for the city in the codes of a land-cover product.
    without : tuple of str
        Outputs that these values do not allow; all others are made.
    """

    name: str
    algorithm: str
    values: dict[str, Any]
    study: str = "mining_city"
    without: tuple[str, ...] = ()

    @property
    def is_model(self) -> bool:
        return self.algorithm in MODELS

    def needs(self) -> set[str]:
        """Names of the steps whose results it takes."""
        return set(re.findall(r"\{old\}/([^/]+)/", json.dumps(self.values)))


def _city(name: str) -> str:
    return "{city}/city.gpkg|layername=" + name


def _made(name: str) -> str:
    return "{made}/made.gpkg|layername=" + name


COVER = "{old}/city_network/land_cover.land_cover.tif"
SERVICES = [
    "{old}/city_network/habitat.habitat_quality.tif",
    "{old}/city_network/sediment.sediment_retention.tif",
    "{old}/city_network/water.water_yield.tif",
    "{old}/city_network/carbon.carbon_storage.tif",
]
SERVICE_NAMES = "habitat,sediment,water,carbon"
CLASSES = "{old}/city_network/importance.importance_classes.tif"
IMPORTANCE = "{old}/city_network/importance.importance.tif"
PATCHES = "{old}/city_network/patches.patches.gpkg"
SOURCES = "{old}/city_network/sources.sources.gpkg"
RESISTANCE = "{old}/city_network/resistance.resistance.tif"
ALL_CORRIDORS = "{old}/city_network/corridors.all_corridors.gpkg"
CORRIDORS = "{old}/city_network/gravity.corridors.gpkg"
ZION_NETWORK = "{old}/zion_from_land_cover"

# The made mines call their fields otherwise and use words of their own.
OTHER_MINES = {
    "MINES": _made("mines"),
    "NAME_FIELD": "called",
    "MINERAL_FIELD": "ore",
    "METHOD_FIELD": "way",
    "STATE_FIELD": "now",
    "FEATURE_FIELD": "part",
    "MINE_WORDS": "{made}/mine_words.csv",
}

CITY_MODEL = {
    "LAND_COVER": "{city}/land_cover.tif",
    "DEM": "{city}/dem.tif",
    "PRECIPITATION": "{city}/precipitation_annual.tif",
    "EVAPOTRANSPIRATION": "{city}/evapotranspiration_annual.tif",
    "SOIL_DEPTH": "{city}/soil_depth.tif",
    "PLANT_AVAILABLE_WATER": "{city}/plant_available_water.tif",
    "EROSIVITY": "{city}/erosivity.tif",
    "ERODIBILITY": "{city}/erodibility.tif",
    "NDVI": "{city}/ndvi.tif",
    "NIGHT_LIGHT": "{city}/night_light.tif",
    "WATER": _city("water"),
    "MOTORWAYS": _city("motorways"),
    "HIGHWAYS": _city("highways"),
    "MINES": _city("mines"),
    "AREA_OF_LANDSCAPE": 1080,
}
ZION_MODEL = {
    "LAND_COVER": "{zion}/land_cover.tif",
    "DEM": "{zion}/srtm.tif",
    "ROADS": "{zion}/roads.gpkg",
    "ROAD_CLASS_FIELD": "class",
    "WATER_CODES": "11",
    "LAND_COVER_PRODUCT": 6,
    "THREAT_TABLE": "{zion}/tables/threats.csv",
    "SENSITIVITY_TABLE": "{zion}/tables/sensitivity.csv",
    "CARBON_TABLE": "{zion}/tables/carbon.csv",
    "FACTOR_TABLE": "{zion}/tables/resistance.csv",
    "PATCH_CLASSES": "5",
    "DIAGONALS": False,
    "AREA_BANDS": "1,2,4",
    "AREA_OF_LANDSCAPE": 1449.4,
}
MODEL_STEPS = (
    Step("city_network", "ecologicalnetwork", CITY_MODEL),
    Step(
        "city_network_other",
        "ecologicalnetwork",
        {
            **CITY_MODEL,
            "PRESET": 2,
            "GRID_SIZE": 2000,
            "DIAGONALS": False,
            "AREA_BANDS": "0.5,2,5",
            "DISPERSAL_DISTANCE": 4000,
            "DISPERSAL_PROBABILITY": 0.3,
            "DATUM": 150,
            "TRANSFORM": 2,
            "PATH_ENDS": 1,
            "PAIRS": 1,
            "GRAVITY_FORM": 1,
            "AREA_UNIT": 1,
            "THRESHOLD_RULE": 3,
            "THRESHOLD": 0.6,
            "HARD_BARRIERS": [0, 1],
        },
    ),
    Step(
        "city_network_tables",
        "ecologicalnetwork",
        {
            **CITY_MODEL,
            **OTHER_MINES,
            "THREAT_TABLE": "{made}/threats_by_code.csv",
            "SENSITIVITY_TABLE": "{made}/sensitivity.csv",
            "BIOPHYSICAL_TABLE": "{made}/biophysical.csv",
            "CARBON_TABLE": "{made}/carbon.csv",
            "FACTOR_TABLE": "{made}/factors.csv",
            "RING_TABLE": "{made}/rings.csv",
            "PRESET": 1,
            "PATCH_CLASSES": "3,4,5",
            "TRANSFORM": 1,
            "AREA_UNIT": 2,
            "THRESHOLD_RULE": 4,
            "THRESHOLD": 30,
            "HARD_BARRIERS": [2],
        },
    ),
    Step(
        "city_from_land_cover",
        "networkfromlandcover",
        {
            "LAND_COVER": "{city}/land_cover.tif",
            "DEM": "{city}/dem.tif",
            "ROADS": _city("roads"),
            "WATER_CODES": "5",
            "AREA_OF_LANDSCAPE": 1080,
        },
    ),
    Step("zion_from_land_cover", "networkfromlandcover", ZION_MODEL, "zion"),
    Step(
        "zion_from_land_cover_other",
        "networkfromlandcover",
        {
            **ZION_MODEL,
            "PRESET": 1,
            "GRID_SIZE": 2500,
            "DATUM": 1100,
            "TRANSFORM": 1,
            "PATH_ENDS": 1,
            "PAIRS": 1,
            "GRAVITY_FORM": 1,
            "THRESHOLD_RULE": 1,
        },
        "zion",
    ),
)

_CLIMATE = {
    "PRECIPITATION": "{city}/precipitation_annual.tif",
    "EVAPOTRANSPIRATION": "{city}/evapotranspiration_annual.tif",
    "SOIL_DEPTH": "{city}/soil_depth.tif",
    "PLANT_AVAILABLE_WATER": "{city}/plant_available_water.tif",
}
_SLOPES = {"DEM": "{city}/dem.tif", "EROSIVITY": "{city}/erosivity.tif", "ERODIBILITY": "{city}/erodibility.tif"}
_SOIL = {key: "{city}/" + key.lower() + ".tif" for key in ("SAND", "SILT", "CLAY", "ORGANIC_CARBON")}
# The made maps of soil hold these units, by the number of the unit in the dialog.
SOIL_UNITS = {1: 10.0, 2: 100.0, 3: 0.01}


def _soil_in(unit: int) -> dict[str, Any]:
    return {
        **{key: "{made}/" + f"{key.lower()}_{unit}.tif" for key in _SOIL},
        "TEXTURE_UNIT": unit,
        "CARBON_UNIT": unit,
    }


SERVICE_STEPS = (
    Step("burn_default", "burnmines", {"LAND_COVER": "{city}/land_cover.tif", "MINES": _city("mines")}),
    Step(
        "burn_codes",
        "burnmines",
        {"LAND_COVER": "{city}/land_cover.tif", **OTHER_MINES, "MINE_CODES": "{made}/mine_codes.csv"},
    ),
    Step(
        "habitat_sum",
        "habitatquality",
        {
            "LAND_COVER": COVER,
            "DISTANCE_RULE": 3,
            "EXPONENT": 2,
            "HALF_SATURATION": 0.2,
            "ACCESS": "{made}/access.tif",
            "BASELINE_LAND_COVER": "{made}/other_land_cover.tif",
        },
    ),
    Step(
        "habitat_layers",
        "habitatquality",
        {
            "LAND_COVER": COVER,
            "THREAT_LAYERS": ["{made}/threat.tif", _city("motorways")],
            "THREAT_TABLE": "{made}/threats.csv",
            "SENSITIVITY_TABLE": "{made}/sensitivity.csv",
            "ACCESS_AREAS": _made("areas"),
            "ACCESS_FIELD": "reach",
            "PRESET": 1,
            "DISTANCE_RULE": 2,
        },
        without=("OUTPUT_RARITY",),
    ),
    Step(
        "habitat_invest",
        "habitatquality",
        {"LAND_COVER": COVER, "PRESET": 2, "EXPONENT": 1},
        without=("OUTPUT_RARITY", "OUTPUT_THREATS", "OUTPUT_THREAT_MAPS"),
    ),
    Step(
        "sediment_mfd",
        "sedimentretention",
        {
            **_SLOPES,
            "LAND_COVER": COVER,
            "COVER_FACTOR": "{city}/ndvi.tif",
            "COVER_FACTOR_HOLDS": 1,
            "DRAINAGE": ["{made}/drainage.tif", _city("water")],
            "MINES": _city("mines"),
            "ROUTING": 2,
            "LS_METHOD": 1,
            "IC_LENGTH": 2,
            "LS_CAP": 100,
            "CAPPED": 1,
            "KB": 1.8,
            "IC0": 0.4,
            "SDR_MAX": 0.7,
        },
    ),
    Step(
        "sediment_by_hand",
        "sedimentretention",
        {
            **_SLOPES,
            "LAND_COVER": "{city}/land_cover.tif",
            "COVER_FACTOR": "{made}/vegetation.tif",
            "COVER_FACTOR_HOLDS": 2,
            "ACCUMULATION_THRESHOLD": 400,
            "PRESET": 2,
            "ROUTING": 1,
            "LS_METHOD": 2,
            "IC_LENGTH": 1,
            "UNIT": 1,
            "CAPPED": 2,
            "TIES_AND_FLATS": 1,
            "MASKING": 1,
        },
    ),
    Step("sediment_invest", "sedimentretention", {**_SLOPES, "LAND_COVER": COVER, "PRESET": 2}),
    Step(
        "sediment_published",
        "sedimentretention",
        {
            **_SLOPES,
            "LAND_COVER": COVER,
            "BIOPHYSICAL_TABLE": "{made}/biophysical.csv",
            "DRAINAGE": [_city("water")],
            "ACCUMULATION_THRESHOLD": 0,
            "PRESET": 1,
            "UNIT": 2,
            "TIES_AND_FLATS": 2,
            "MASKING": 2,
        },
    ),
    Step(
        "carbon_published",
        "carbonstorage",
        {"LAND_COVER": COVER, "OTHER_LAND_COVER": "{made}/other_land_cover.tif", "PRESET": 1},
    ),
    Step(
        "carbon_invest",
        "carbonstorage",
        {
            "LAND_COVER": "{city}/land_cover.tif",
            "OTHER_LAND_COVER": COVER,
            "CARBON_TABLE": "{made}/carbon.csv",
            "PRESET": 2,
        },
    ),
    Step("carbon_alone", "carbonstorage", {"LAND_COVER": COVER}, without=("OUTPUT_CHANGE",)),
    Step(
        "water_zhang",
        "wateryield",
        {
            **_CLIMATE,
            "LAND_COVER": COVER,
            "PRECIPITATION": "{city}/precipitation_monthly.tif",
            "EVAPOTRANSPIRATION": "{city}/evapotranspiration_monthly.tif",
            "WATERSHEDS": _city("districts"),
            "BUDYKO": 2,
            "MASKING": 1,
            "VOLUMES": 2,
        },
    ),
    Step(
        "water_by_hand",
        "wateryield",
        {
            **_CLIMATE,
            "LAND_COVER": COVER,
            "SOIL_DEPTH": "{made}/soil_depth_cm.tif",
            "WATERSHEDS": _city("districts"),
            "PRESET": 1,
            "BUDYKO": 1,
            "DEPTH_UNIT": 1,
            "MASKING": 2,
            "VOLUMES": 1,
        },
    ),
    Step(
        "water_invest",
        "wateryield",
        {
            **_CLIMATE,
            "LAND_COVER": COVER,
            "WATERSHEDS": _made("areas"),
            "BIOPHYSICAL_TABLE": "{made}/biophysical.csv",
            "SEASONALITY": 6,
            "PRESET": 2,
        },
    ),
    Step(
        "water_published",
        "wateryield",
        {**_CLIMATE, "LAND_COVER": COVER, "PRESET": 1},
        without=("OUTPUT_WATERSHEDS",),
    ),
    Step(
        "conservation_d8",
        "waterconservation",
        {
            "WATER_YIELD": SERVICES[2],
            "DEM": "{city}/dem.tif",
            "SOIL_CONDUCTIVITY": "{made}/conductivity.tif",
            "LAND_COVER": COVER,
            "SOIL_DEPTH": "{city}/soil_depth.tif",
        },
    ),
    Step(
        "conservation_mfd",
        "waterconservation",
        {
            "WATER_YIELD": SERVICES[2],
            "DEM": "{city}/dem.tif",
            "SOIL_CONDUCTIVITY": "{made}/conductivity.tif",
            "LAND_COVER": "{city}/land_cover.tif",
            "VELOCITY_TABLE": "{made}/velocity.csv",
            "CONDUCTIVITY_UNIT": 1,
            "TOPOGRAPHIC_INDEX": 1,
            "ROUTING": 1,
            "CONDUCTIVITY_THRESHOLD": 900,
            "SOIL_DEPTH_VALUE": 800,
        },
    ),
    Step(
        "conservation_units",
        "waterconservation",
        {
            "WATER_YIELD": SERVICES[2],
            "DEM": "{city}/dem.tif",
            "SOIL_CONDUCTIVITY": "{made}/conductivity.tif",
            "LAND_COVER": COVER,
            "SOIL_DEPTH": "{made}/soil_depth_cm.tif",
            "CONDUCTIVITY_UNIT": 3,
            "DEPTH_UNIT": 1,
        },
    ),
    Step(
        "erosivity_monthly",
        "rainfallerosivity",
        {"PRECIPITATION": ["{city}/precipitation_monthly.tif"], "METHOD": 0},
    ),
    Step(
        "erosivity_annual",
        "rainfallerosivity",
        {"PRECIPITATION": ["{city}/precipitation_monthly.tif"], "TEMPLATE": "{city}/land_cover.tif", "METHOD": 1},
    ),
    Step(
        "erosivity_twelve_maps",
        "rainfallerosivity",
        {"PRECIPITATION": [f"{{made}}/rain_{month:02}.tif" for month in range(1, 13)], "METHOD": 3},
    ),
    *(
        Step(
            f"erosivity_method_{method}",
            "rainfallerosivity",
            {"PRECIPITATION": ["{city}/precipitation_monthly.tif"], "TEMPLATE": "{city}/sand.tif", "METHOD": method},
        )
        for method in (2, 4)
    ),
    Step("erodibility_epic", "soilerodibility", _SOIL),
    Step(
        "erodibility_china",
        "soilerodibility",
        {**_soil_in(1), "CARBON_KIND": 1, "TEMPLATE": "{city}/land_cover.tif", "CORRECTION": 1},
    ),
    Step("erodibility_us", "soilerodibility", {**_soil_in(3), "CORRECTION": 2}),
    Step("erodibility_decigrams", "soilerodibility", _soil_in(2)),
    Step("available_water_default", "plantavailablewater", _SOIL),
    Step("available_water_shares", "plantavailablewater", _soil_in(3)),
    Step(
        "available_water_grams",
        "plantavailablewater",
        {**_soil_in(1), "CARBON_KIND": 1, "TEMPLATE": "{city}/night_light.tif"},
    ),
)

_SHORT_LISTS = {
    "GRID_SIZES": "2000, 4000",
    "CLASS_COUNTS": "4, 6",
    "AREA_THRESHOLDS_KM2": "5, 10",
    "WEIGHT_CHANGES_PERCENT": "20",
    "DISPERSAL_DISTANCES": "1000, 5000",
}
SOURCE_STEPS = (
    Step(
        "importance_components",
        "serviceimportance",
        {
            "SERVICES": SERVICES,
            "LAND_COVER": COVER,
            "SERVICE_NAMES": SERVICE_NAMES,
            "GRID_SIZE": 2000,
            "CLIP": "0.5, 99.5",
            "CLASSIFY": 1,
            "COMPONENTS": 1,
            "MATRIX": 1,
            "MIN_VALID": 0.3,
        },
    ),
    Step(
        "importance_manual",
        "serviceimportance",
        {
            "SERVICES": SERVICES,
            "LAND_COVER": COVER,
            "SERVICE_NAMES": SERVICE_NAMES,
            "WEIGHTING": 4,
            "WEIGHTS": "habitat=0.4, sediment=0.3, water=0.2, carbon=0.1",
            "CLASS_COUNT": 4,
            "BREAKS": "0.2, 0.4, 0.6, 1",
            "FOREST_CODES": "2,3",
            "ARTIFICIAL_CODES": "8,11",
        },
    ),
    Step(
        "importance_entropy",
        "serviceimportance",
        {"SERVICES": SERVICES[::-1], "GRID_SIZE": 1000, "WEIGHTING": 3, "CLASS_COUNT": 7},
    ),
    Step(
        "importance_communalities",
        "serviceimportance",
        {"SERVICES": SERVICES, "SERVICE_NAMES": SERVICE_NAMES, "WEIGHTING": 1},
    ),
    Step("breaks_importance", "naturalbreaks", {"INPUT": IMPORTANCE, "CLASS_COUNT": 7}),
    Step("breaks_elevation", "naturalbreaks", {"INPUT": "{city}/dem.tif", "CLASS_COUNT": 12}),
    Step(
        "patches_holes",
        "patches",
        {
            "CLASSES": CLASSES,
            "IMPORTANCE": IMPORTANCE,
            "PATCH_CLASSES": "3, 4, 5",
            "AREA_BANDS": "0.5, 2, 5",
            "DIAGONALS": False,
            "MIN_AREA": 0.2,
            "HOLES": 1,
            "SLIVERS": 3,
        },
    ),
    Step("patches_diagonals", "patches", {"CLASSES": CLASSES, "PATCH_CLASSES": "5", "DIAGONALS": True}),
    Step(
        "connectivity_cost",
        "landscapeconnectivity",
        {
            "PATCHES": PATCHES,
            "RESISTANCE": RESISTANCE,
            "DISPERSAL_DISTANCE": 6000,
            "SIZE_CLASSES": [0, 1],
            "DISTANCE": 2,
            "MAX_LINK_DISTANCE": 40000,
            "AREA_OF_LANDSCAPE": 1080,
            "CANDIDATES": _made("areas"),
            "CANDIDATE_LINKS": "{made}/links.gpkg",
            "CANDIDATE_LINK_FIELD": "cost",
        },
    ),
    Step(
        "connectivity_centroids",
        "landscapeconnectivity",
        {
            "PATCHES": PATCHES,
            "WEIGHT_FIELD": "importance_mean",
            "DISPERSAL_PROBABILITY": 0.2,
            "SIZE_CLASSES": [0, 1, 2],
            "DISTANCE": 1,
            "AREA_OF_LANDSCAPE": 1080,
        },
        without=("OUTPUT_CANDIDATES", "OUTPUT_CANDIDATE_LINKS"),
    ),
    Step(
        "connectivity_edges",
        "landscapeconnectivity",
        {
            "PATCHES": PATCHES,
            "SIZE_CLASSES": [0, 1, 2, 3],
            "CANDIDATES": _made("areas"),
            "CANDIDATE_LINKS": "{made}/links.gpkg",
        },
    ),
    Step(
        "select_merged",
        "selectsources",
        {
            "PATCHES": "{old}/connectivity_edges/OUTPUT.gpkg",
            "INCLUDE": _made("reserves"),
            "EXCLUDE": _made("plans"),
            "MIN_AREA": 2,
            "MIN_DPC": 0.2,
            "SIZE_CLASSES": [0, 1, 2, 3],
            "MERGE_DISTANCE": 120,
            "MERGE_AREA": 4,
            "AREA_BANDS": "0.5, 2, 5",
            "DISPERSAL_DISTANCE": 4000,
            "DISPERSAL_PROBABILITY": 0.4,
        },
    ),
    Step(
        "select_share",
        "selectsources",
        {"PATCHES": "{old}/connectivity_centroids/OUTPUT.gpkg", "MIN_EC_SHARE": 90, "SIZE_CLASSES": [0, 1]},
    ),
    Step(
        "select_top",
        "selectsources",
        {"PATCHES": "{old}/connectivity_cost/OUTPUT.gpkg", "EXCLUDE": _made("plans"), "MIN_DPC": 0.1, "TOP": 8},
    ),
    Step(
        "firmness_given",
        "sourcefirmness",
        {
            "SERVICES": SERVICES,
            "SOURCES": SOURCES,
            "ID_FIELD": "source_id",
            "SERVICE_NAMES": SERVICE_NAMES,
            "WEIGHTING": 4,
            "WEIGHTS": "habitat=0.4, sediment=0.3, water=0.2, carbon=0.1",
            "CLIP": "1, 99",
            "TOP": 12,
            "MATRIX": 1,
            **_SHORT_LISTS,
        },
    ),
    Step(
        "firmness_base",
        "sourcefirmness",
        {
            "SERVICES": SERVICES,
            "SERVICE_NAMES": SERVICE_NAMES,
            "GRID_SIZE": 2500,
            "CLASS_COUNT": 6,
            "PATCH_CLASSES": "5, 6",
            "MIN_AREA": 5,
            "MIN_VALID": 0.4,
            "DISPERSAL_DISTANCE": 4000,
            "DISPERSAL_PROBABILITY": 0.3,
            "WEIGHTING": 3,
            "DIAGONALS": False,
            "CLASSIFY": 1,
            "COMPONENTS": 1,
            **_SHORT_LISTS,
        },
    ),
)

_FACTOR_MAPS = {
    "DEM": "{city}/dem.tif",
    "LAND_COVER": COVER,
    "NDVI": "{city}/ndvi.tif",
    "NIGHT_LIGHT": "{city}/night_light.tif",
    "MOTORWAYS": _city("motorways"),
    "HIGHWAYS": _city("highways"),
}
RESISTANCE_STEPS = (
    Step("ahp_rows", "ahpweights", {"JUDGEMENTS": "{city}/judgements.csv"}),
    Step(
        "ahp_experts",
        "ahpweights",
        {
            "JUDGEMENTS": "{made}/experts.csv",
            "GROUPS": "{made}/groups.csv",
            "AGGREGATION": 1,
            "RANDOM_INDEX": 2,
            "REPAIR": True,
            "EXPERT_WEIGHTS": "Li=2, Wang=1",
        },
    ),
    Step(
        "ahp_matrices",
        "ahpweights",
        {
            "JUDGEMENT_TABLES": ["{made}/matrix_a.csv", "{made}/matrix_b.csv"],
            "AGGREGATION": 2,
            "RANDOM_INDEX": 1,
            "METHOD": 1,
        },
    ),
    Step("ahp_other_index", "ahpweights", {"JUDGEMENTS": "{city}/judgements.csv", "RANDOM_INDEX": 3, "METHOD": 1}),
    Step("factor_slope", "factorresistance", {"INPUT": "{city}/dem.tif", "FACTOR": "slope", "SLOPE_FROM_DEM": True}),
    Step("factor_elevation", "factorresistance", {"INPUT": "{city}/dem.tif", "FACTOR": "elevation", "DATUM": 150}),
    Step("factor_land_cover", "factorresistance", {"INPUT": COVER, "FACTOR": "land_cover"}),
    Step(
        "factor_table",
        "factorresistance",
        {"INPUT": "{city}/ndvi.tif", "FACTOR": "green", "BREAKS_TABLE": "{made}/breaks.csv"},
    ),
    Step(
        "distance_lines",
        "distanceresistance",
        {"INPUT": _city("motorways"), "TEMPLATE": "{city}/land_cover.tif", "FACTOR": "distance_to_motorway"},
    ),
    Step(
        "distance_polygons",
        "distanceresistance",
        {
            "INPUT": _city("mines"),
            "TEMPLATE": "{city}/night_light.tif",
            "FACTOR": "far",
            "BREAKS_TABLE": "{made}/breaks.csv",
        },
    ),
    Step(
        "distance_codes",
        "distanceresistance",
        {"INPUT": COVER, "FACTOR": "distance_to_water", "MASK_CODES": "5,9"},
    ),
    Step("mines_nearest", "mineresistance", {"MINES": _city("mines"), "TEMPLATE": COVER, "OVERLAP": 1}),
    Step(
        "mines_sum",
        "mineresistance",
        {**OTHER_MINES, "TEMPLATE": "{city}/night_light.tif", "RING_TABLE": "{made}/rings.csv", "OVERLAP": 2},
    ),
    Step(
        "resistance_power",
        "resistancesurface",
        {
            **_FACTOR_MAPS,
            "WATER": _city("water"),
            "MINES": _city("mines"),
            "DISTRICTS": _city("districts"),
            "EXTRA_FACTORS": ["{made}/scored.tif"],
            "EXTRA_NAMES": "noise",
            "WEIGHTS": "{made}/weights.csv",
            "RESTORED_TABLE": "{made}/restored.csv",
            "DISTRICT_FIELD": "name",
            "DATUM": 120,
            "OVERLAP": 1,
            "TRANSFORM": 1,
            "TRANSFORM_POWER": 3,
            "HARD_BARRIERS": [0, 2],
            "CORRECTION": 1,
            "CORRECTION_LEAST": 0.5,
            "CORRECTION_MOST": 2,
        },
    ),
    Step(
        "resistance_spread",
        "resistancesurface",
        {
            **_FACTOR_MAPS,
            **OTHER_MINES,
            "WATER_CODES": "5,9",
            "RING_TABLE": "{made}/rings.csv",
            "WEIGHTS": "{old}/ahp_rows/OUTPUT.gpkg",
            "TRANSFORM": 2,
            "OVERLAP": 2,
            "HARD_BARRIERS": [1, 3],
            "CORRECTION": 2,
            "CORRECTION_RASTER": "{made}/multiplier.tif",
        },
    ),
    Step(
        "resistance_table",
        "resistancesurface",
        {"LAND_COVER": COVER, "NDVI": "{city}/ndvi.tif", "FACTOR_TABLE": "{made}/factors.csv"},
        without=("OUTPUT_MINES",),
    ),
)
NETWORK_STEPS = (
    Step("corridors_edges", "corridors", {"RESISTANCE": RESISTANCE, "SOURCES": SOURCES, "PATH_ENDS": 1, "PAIRS": 1}),
    Step(
        "corridors_limited",
        "corridors",
        {"RESISTANCE": RESISTANCE, "SOURCES": SOURCES, "ID_FIELD": "patch_id", "MAX_COST": 30000},
    ),
    Step(
        "corridors_barriers",
        "corridors",
        {
            "RESISTANCE": "{old}/resistance_power/OUTPUT.tif",
            "SOURCES": "{old}/select_top/OUTPUT.gpkg",
            "PAIRS": 1,
        },
    ),
    Step(
        "gravity_breaks",
        "gravitymodel",
        {
            "CORRIDORS": ALL_CORRIDORS,
            "SOURCES": SOURCES,
            "RESISTANCE": RESISTANCE,
            "FORM": 1,
            "AREA_UNIT": 1,
            "THRESHOLD_RULE": 2,
            "DROP_REDUNDANT": False,
        },
    ),
    Step(
        "gravity_quantile",
        "gravitymodel",
        {
            "CORRIDORS": "{old}/corridors_edges/OUTPUT.gpkg",
            "SOURCES": SOURCES,
            "RESISTANCE": RESISTANCE,
            "AREA_UNIT": 2,
            "THRESHOLD_RULE": 3,
            "THRESHOLD": 0.75,
            "ID_FIELD": "source_id",
        },
    ),
    *(
        Step(
            f"gravity_{name}",
            "gravitymodel",
            {
                "CORRIDORS": ALL_CORRIDORS,
                "SOURCES": SOURCES,
                "RESISTANCE": RESISTANCE,
                "THRESHOLD_RULE": rule,
                **({"THRESHOLD": 40} if name == "fixed" else {}),
            },
        )
        for name, rule in (("mean", 0), ("median", 1), ("fixed", 4))
    ),
    Step(
        "breakpoints_motorways",
        "breakpoints",
        {
            "CORRIDORS": CORRIDORS,
            "ROADS": _city("roads"),
            "ROAD_CLASSES": "motorway",
            "TOLERANCE": 1000,
            "MEASURE_TABLE": "{made}/measures.csv",
        },
    ),
    Step("breakpoints_all", "breakpoints", {"CORRIDORS": ALL_CORRIDORS, "ROADS": _city("roads"), "TOLERANCE": 0}),
    Step(
        "breakpoints_rivers",
        "breakpoints",
        {"CORRIDORS": CORRIDORS, "ROADS": _city("water"), "ROAD_CLASS_FIELD": "kind", "ROAD_NAME_FIELD": "kind"},
    ),
    Step(
        "fractures_all",
        "fracturesurfaces",
        {
            "CORRIDORS": ALL_CORRIDORS,
            "MINES": _city("mines"),
            "RESISTANCE": RESISTANCE,
            "METHODS": [],
            "STATES": [],
            "FEATURES": [],
        },
    ),
    Step(
        "fractures_words",
        "fracturesurfaces",
        {
            "CORRIDORS": CORRIDORS,
            **OTHER_MINES,
            "RESISTANCE": RESISTANCE,
            "METHODS": [0, 1],
            "STATES": [0, 1, 2],
            "FEATURES": [0, 1, 2, 3],
        },
    ),
)
ZION_STEPS = (
    Step(
        "zion_habitat",
        "habitatquality",
        {"LAND_COVER": "{zion}/land_cover.tif", "LAND_COVER_PRODUCT": 6, "PRESET": 2, "DISTANCE_RULE": 3},
        "zion",
        ("OUTPUT_RARITY",),
    ),
    Step(
        "zion_carbon",
        "carbonstorage",
        {"LAND_COVER": "{zion}/land_cover.tif", "LAND_COVER_PRODUCT": 6},
        "zion",
        ("OUTPUT_CHANGE",),
    ),
    Step(
        "zion_resistance",
        "resistancesurface",
        {
            "DEM": "{zion}/srtm.tif",
            "LAND_COVER": "{zion}/land_cover.tif",
            "HIGHWAYS": "{zion}/roads.gpkg",
            "WATER_CODES": "11",
            "DATUM": 1100,
            "LAND_COVER_PRODUCT": 6,
            "TRANSFORM": 2,
            "HARD_BARRIERS": [3],
        },
        "zion",
        ("OUTPUT_MINES",),
    ),
    Step(
        "zion_distance",
        "distanceresistance",
        {"INPUT": "{zion}/land_cover.tif", "FACTOR": "distance_to_highway", "MASK_CODES": "21"},
        "zion",
    ),
    Step(
        "zion_connectivity",
        "landscapeconnectivity",
        {
            "PATCHES": ZION_NETWORK + "/patches.patches.gpkg",
            "RESISTANCE": ZION_NETWORK + "/resistance.resistance.tif",
            "SIZE_CLASSES": [0, 1, 2],
            "DISTANCE": 2,
            "MAX_LINK_DISTANCE": 20000,
        },
        "zion",
        ("OUTPUT_CANDIDATES", "OUTPUT_CANDIDATE_LINKS"),
    ),
    Step(
        "zion_corridors",
        "corridors",
        {
            "RESISTANCE": ZION_NETWORK + "/resistance.resistance.tif",
            "SOURCES": ZION_NETWORK + "/sources.sources.gpkg",
            "PATH_ENDS": 1,
        },
        "zion",
    ),
    Step(
        "zion_breakpoints",
        "breakpoints",
        {
            "CORRIDORS": ZION_NETWORK + "/corridors.all_corridors.gpkg",
            "ROADS": "{zion}/roads.gpkg",
            "ROAD_CLASS_FIELD": "class",
            "TOLERANCE": 200,
        },
        "zion",
    ),
)
# Codes of each land-cover product by CLCD's classes 1 to 9 (cropland, forest, shrub, grassland, water, snow, barren,
# impervious, wetland), by the product's number in the dialog.
PRODUCTS = {
    1: ((10,), (20,), (40,), (30, 70), (60,), (100,), (90,), (80,), (50,)),
    2: (
        (11, 12),
        (21, 23, 24),
        (22,),
        (31, 32, 33),
        (41, 42, 43, 99),
        (44,),
        (61, 62, 63, 65, 66, 67),
        (51, 52, 53),
        (45, 46, 64),
    ),
    3: ((40,), (10,), (20,), (30, 100), (80,), (70,), (60,), (50,), (90, 95)),
    4: (
        (211, 212, 213, 221, 222, 223, 241, 242, 243, 244),
        (311, 312, 313),
        (322, 323, 324),
        (141, 142, 231, 321),
        (511, 512, 521, 522, 523),
        (335,),
        (331, 332, 333, 334),
        (111, 112, 121, 122, 123, 124, 133),
        (411, 412, 421, 422, 423),
    ),
    5: (
        (12, 13, 14, 15, 16, 17, 19, 20, 21, 22),
        (23, 24, 25),
        (27, 28, 29),
        (10, 11, 18, 26),
        (40, 41, 42, 43, 44),
        (34,),
        (30, 31, 32, 33),
        (1, 2, 3, 4, 5, 6, 9),
        (35, 36, 37, 38, 39),
    ),
    6: ((82,), (41, 42, 43), (51, 52), (71, 72, 73, 74, 81), (11,), (12,), (31,), (21, 22, 23, 24), (90, 95)),
}


def _product_steps(product: int) -> list[Step]:
    """The steps with shipped tables, on the city in the codes of a product and on coarse cells."""
    plain, chosen_product = "{made}/" + f"cover_{product}.tif", {"LAND_COVER_PRODUCT": product}
    cover = {"LAND_COVER": "{old}/" + f"burn_product_{product}/OUTPUT.tif", **chosen_product}
    services = [
        "{old}/" + f"{name}_product_{product}/{key}.tif"
        for name, key in (("habitat", "OUTPUT_QUALITY"), ("carbon", "OUTPUT"), ("water", "OUTPUT_YIELD"))
    ]
    runs = (
        ("burn", "burnmines", {"LAND_COVER": plain, "MINES": _city("mines"), **chosen_product}),
        ("habitat", "habitatquality", {**cover, "BASELINE_LAND_COVER": plain}),
        ("sediment", "sedimentretention", {**cover, **_SLOPES, "ACCUMULATION_THRESHOLD": 100}),
        ("carbon", "carbonstorage", {**cover, "OTHER_LAND_COVER": plain}),
        ("water", "wateryield", {**cover, **_CLIMATE, "WATERSHEDS": _city("districts")}),
        (
            "conservation",
            "waterconservation",
            {
                **cover,
                "WATER_YIELD": services[2],
                "DEM": "{city}/dem.tif",
                "SOIL_CONDUCTIVITY": "{made}/conductivity.tif",
                "CONDUCTIVITY_UNIT": 2,
            },
        ),
        ("importance", "serviceimportance", {**cover, "SERVICES": services, "WEIGHTING": 2}),
        ("factor", "factorresistance", {"INPUT": cover["LAND_COVER"], **chosen_product, "FACTOR": "land_cover"}),
        ("resistance", "resistancesurface", {**cover, "NDVI": "{city}/ndvi.tif", "MINES": _city("mines")}),
    )
    return [Step(f"{name}_product_{product}", algorithm, values, "products") for name, algorithm, values in runs]


STEPS: tuple[Step, ...] = (
    *MODEL_STEPS,
    *SERVICE_STEPS,
    *SOURCE_STEPS,
    *RESISTANCE_STEPS,
    *NETWORK_STEPS,
    *ZION_STEPS,
    *itertools.chain.from_iterable(_product_steps(product) for product in PRODUCTS),
)


def chosen(names: Iterable[str]) -> list[Step]:
    """The steps of these names or algorithm ids, in their order; all where no name is given.

    Raises
    ------
    SystemExit
        A name that is neither.
    """
    names = [name.removeprefix("econet:") for name in names]
    unknown = set(names) - {step.name for step in STEPS} - {step.algorithm for step in STEPS}
    if unknown:
        sys.exit(f"No step or algorithm is called {', '.join(sorted(unknown))}; --list names them.")
    return [step for step in STEPS if not names or step.name in names or step.algorithm in names]


def with_needs(steps: Iterable[Step]) -> list[Step]:
    """The steps and those whose results they take, in an order that can be run."""
    wanted, by_name = {step.name for step in steps}, {step.name: step for step in STEPS}
    if any("{made}/links.gpkg" in json.dumps(by_name[name].values) for name in wanted):
        wanted.add("city_network")
    while True:
        more = set().union(*(by_name[name].needs() for name in wanted)) - wanted if wanted else set()
        if not more:
            return [step for step in STEPS if step.name in wanted]
        wanted |= more


# made-up inputs ----------------------------------------------------------------------------------

CODES = (*range(1, 10), *range(11, 16))  # of CLCD and of mines burnt into it
CSV = {
    "mine_words": """attribute,word,meaning
mineral,black,coal
mineral,stone,building material
mineral,iron,metal
method,above,open pit
method,below,underground
state,busy,producing
state,left,abandoned
state,green,restored
feature,hole,pit
feature,heap,dump
feature,sunk,subsidence
feature,works,plant
""",
    "mine_codes": "feature,land_cover\nsubsidence,23\npit,21\ndump,22\nplant,24\nrestored,25\n",
    "threats": """threat,weight,max_distance_m,decay,land_cover_codes,layer
pits,1,4000,exponential,11;12,
noise,0.6,2500,linear,,
roads,0.8,3000,exponential,,
towns,0.7,6000,linear,8,
""",
    "threats_by_code": """threat,weight,max_distance_m,decay,land_cover_codes
pits,1,4000,exponential,11;12
noise,0.6,2500,linear,14
roads,0.8,3000,exponential,13
towns,0.7,6000,linear,8
""",
    "sensitivity": "land_cover,habitat,pits,noise,roads,towns\n"
    + "".join(
        f"{code},{habitat},0.9,{0.1 * habitat:.2f},0.6,0.7\n"
        for code, habitat in zip(CODES, (0.3, 1, 0.8, 0.6, 0.9, 0, 0.1, 0, 1, 0, 0, 0.2, 0, 0.4))
    ),
    "carbon": "land_cover,above,below,soil,dead\n"
    + "".join(f"{code},{code * 3},{code},{100 - code},{code % 4}\n" for code in CODES),
    "biophysical": "land_cover,kc,root_depth_mm,vegetated,usle_c,usle_p\n"
    + "".join(
        f"{code},{0.5 + 0.03 * code:.2f},{200 + 60 * code},{int(code not in (5, 7, 8, 11))},{0.01 * code:.2f},0.9\n"
        for code in CODES
    ),
    "velocity": "land_cover,velocity\n" + "".join(f"{code},{200 + 100 * code}\n" for code in CODES),
    "experts": """factor_a,factor_b,judgement,expert
slope,elevation,3,Li
slope,land_cover,1/4,Li
elevation,land_cover,1/2,Li
motorway,highway,3,Li
motorway,mine,1/2,Li
highway,mine,3,Li
nature,people,1/3,Li
slope,elevation,2,Wang
slope,land_cover,1/3,Wang
elevation,land_cover,1/5,Wang
motorway,highway,2,Wang
motorway,mine,1,Wang
highway,mine,1/2,Wang
nature,people,2,Wang
""",
    "groups": "factor,group\nslope,nature\nelevation,nature\nland_cover,nature\n"
    "motorway,people\nhighway,people\nmine,people\n",
    "matrix_a": ",slope,ndvi,mine,water\nslope,1,2,1/3,3\nndvi,,1,1/4,2\nmine,,,1,7\nwater,,,,1\n",
    "matrix_b": ",ndvi,slope,mine,water\nndvi,1,3,1/2,2\nslope,,1,1/5,1\nmine,,,1,3\nwater,,,,1\n",
    "breaks": """factor,from,to,resistance
green,,0.1,4
green,0.1,0.35,3
green,0.35,0.7,2
green,0.7,,1
far,0,333,5
far,333,1250,2
far,1250,,1
""",
    "rings": "mineral,method,state,from_m,to_m,resistance\n"
    + "".join(
        f"{mineral},{method},{state},{rows}"
        for reach, mineral in ((300, "metal"), (500, "coal"), (700, "building material"))
        for method in ("underground", "open pit")
        for state, rows in (
            ("producing", f"0,{reach},5\nMINE,{reach},{3 * reach},2.5\nMINE,{3 * reach},,1\n"),
            ("abandoned", f"0,{reach},4\nMINE,{reach},,1\n"),
            ("restored", "0,,1\n"),
        )
        for rows in [rows.replace("MINE", f"{mineral},{method},{state}")]
    ),
    "weights": "factor,weight\nslope,0.1\nelevation,0.1\nland_cover,0.2\nndvi,0.1\ndistance_to_water,0.1\n"
    "distance_to_motorway,0.1\ndistance_to_highway,0.1\nnight_light,0.05\nmine,0.1\nnoise,0.05\n",
    "restored": "feature,land_cover,ndvi,slope_degrees\npit,4,0.5,3\n,2,,\n",
    "factors": "factor,weight,from,to,codes,resistance\n"
    + "".join(f"land_cover,0.6,,,{code},{1 + code % 5}\n" for code in CODES)
    + "".join(f"{name},0,,,,1\n" for name in ("slope", "elevation", "distance_to_highway", "night_light"))
    + "distance_to_water,0.1,,800,,1\ndistance_to_water,0.1,800,,,4\n"
    + "distance_to_motorway,0.2,,900,,6\ndistance_to_motorway,0.2,900,,,1\nmine,0.1,,,,\n"
    + "ndvi,0.4,,0.3,,7\nndvi,0.4,0.3,0.6,,3.5\nndvi,0.4,0.6,,,1\n",
    "measures": "word,measure\nmotor,green bridge\n,sign\n",
}


def make_inputs(inputs: Path, examples: Path) -> None:
    """Copies of the examples and further inputs, the same in every run.

    Parameters
    ----------
    inputs : Path
        Made where it is not there; a complete one is left alone.
    examples : Path
        A checkout's folder of examples.
    """
    if inputs_are_made(inputs):
        return
    shutil.rmtree(inputs, ignore_errors=True)
    for name in ("mining_city", "zion"):
        shutil.copytree(examples / name, inputs / name)
    made = inputs / "made"
    made.mkdir()
    for name, text in CSV.items():
        (made / f"{name}.csv").write_text(text, encoding="utf-8")
    _make_rasters(made, inputs / "mining_city")
    _make_layers(made, inputs / "mining_city")
    (inputs / "ready").write_text(_recipe())


def inputs_are_made(inputs: Path) -> bool:
    """Whether the inputs are there, complete and made as this file makes them."""
    ready = inputs / "ready"
    return ready.exists() and ready.read_text() == _recipe()


def _recipe() -> str:
    """What changes where inputs would be made otherwise."""
    makers = "".join(inspect.getsource(maker) for maker in (_make_rasters, _recoded, _make_layers, make_links))
    return hashlib.sha256(json.dumps([CSV, PRODUCTS, SOIL_UNITS, makers]).encode()).hexdigest()


def _make_rasters(made: Path, city: Path) -> None:
    """Rasters on the lattices of those they are made of."""
    import numpy as np
    from osgeo import gdal

    gdal.UseExceptions()

    def write(name: str, like: str, change: Callable[[Any, Any, Any], Any], *, kind: int = gdal.GDT_Float32) -> None:
        source = gdal.Open(str(city / like))
        values = source.GetRasterBand(1).ReadAsArray()
        rows, cols = np.indices(values.shape)
        target = gdal.GetDriverByName("GTiff").Create(
            str(made / name), source.RasterXSize, source.RasterYSize, 1, kind, ["COMPRESS=DEFLATE"]
        )
        target.SetGeoTransform(source.GetGeoTransform())
        target.SetProjection(source.GetProjection())
        band = target.GetRasterBand(1)
        if source.GetRasterBand(1).GetNoDataValue() is not None:
            band.SetNoDataValue(source.GetRasterBand(1).GetNoDataValue())
        band.WriteArray(change(values, rows, cols))

    def other_cover(cover: Any, rows: Any, cols: Any) -> Any:
        block = (rows // 90 + cols // 70) % 5
        cover = np.where((block == 0) & (cover == 2), 4, np.where((block == 1) & (cover == 1), 8, cover))
        return np.where(rows < 20, 0, cover)

    write("other_land_cover.tif", "land_cover.tif", other_cover, kind=gdal.GDT_Byte)
    write("drainage.tif", "land_cover.tif", lambda v, r, c: (c % 300 == 40) & (v != 0), kind=gdal.GDT_Byte)
    write("access.tif", "night_light.tif", lambda v, r, c: np.where((r > 60) & (r < 140), 0.25, 1))
    write("threat.tif", "night_light.tif", lambda v, r, c: np.clip(v / 80.0, 0, 1))
    write("scored.tif", "night_light.tif", lambda v, r, c: 1 + (r // 7 + c // 11) % 5)
    write("multiplier.tif", "night_light.tif", lambda v, r, c: np.where((r + c) % 40 < 4, 1.7, 0.9))
    write("conductivity.tif", "sand.tif", lambda v, r, c: 2.5 * v + (r % 13))
    write("vegetation.tif", "ndvi.tif", lambda v, r, c: 100 * np.clip(v, 0, 1))
    write("soil_depth_cm.tif", "soil_depth.tif", lambda v, r, c: v / 10)
    for name, (unit, times) in itertools.product(("sand", "silt", "clay", "organic_carbon"), SOIL_UNITS.items()):
        write(f"{name}_{unit}.tif", f"{name}.tif", lambda v, r, c, times=times: times * v)
    coarse = gdal.Open(str(city / "land_cover.tif")).ReadAsArray()[2::4, 2::4]
    for product, codes in PRODUCTS.items():
        cover = lambda v, r, c, codes=codes: _recoded(coarse, codes, 3 * (r // 3) + c // 5)  # noqa: E731
        write(f"cover_{product}.tif", "night_light.tif", cover, kind=gdal.GDT_Int16)
    for month in range(1, 13):
        share = (2, 2, 3, 5, 8, 14, 22, 20, 12, 7, 3, 2)[month - 1] / 100
        write(f"rain_{month:02}.tif", "precipitation_annual.tif", lambda v, r, c, share=share: v * share)


def _recoded(cover: Any, codes: Sequence[Sequence[int]], number: Any) -> Any:
    """CLCD's classes in codes of a product; where it has several for a class they take turns by ``number``."""
    import numpy as np

    result = np.zeros(cover.shape, dtype=np.int16)
    for clcd, own in enumerate(codes, 1):
        here = cover == clcd
        result[here] = np.array(own, dtype=np.int16)[number[here] % len(own)]
    return result


def _make_layers(made: Path, city: Path) -> None:
    """The mines under other fields and words, and polygons that serve as areas, reserves and plans."""
    from osgeo import ogr

    ogr.UseExceptions()
    words = {
        "metal": "iron", "coal": "black", "building material": "stone", "open pit": "above", "underground": "below",
        "producing": "busy", "abandoned": "left", "restored": "green", "pit": "hole", "dump": "heap",
        "subsidence": "sunk", "plant": "works",
    }  # fmt: skip
    source = ogr.Open(str(city / "city.gpkg"))
    reference = source.GetLayerByName("mines").GetSpatialRef()
    target = ogr.GetDriverByName("GPKG").CreateDataSource(str(made / "made.gpkg"))
    names = {"called": "name", "ore": "mineral", "way": "method", "now": "state", "part": "feature"}
    layer = target.CreateLayer("mines", reference, source.GetLayerByName("mines").GetGeomType())
    for name in names:
        layer.CreateField(ogr.FieldDefn(name, ogr.OFTString))
    for mine in source.GetLayerByName("mines"):
        feature = ogr.Feature(layer.GetLayerDefn())
        for name, old in names.items():
            feature.SetField(name, words.get(mine.GetField(old), mine.GetField(old)))
        feature.SetGeometry(mine.GetGeometryRef())
        layer.CreateFeature(feature)
    west, north = 440000.0, 4930000.0
    places = {  # left, top, width and height in m from the upper left corner
        "areas": [
            (3000, 3000, 2500, 1800),
            (9000, 20000, 3000, 2200),
            (21000, 5000, 1500, 4000),
            (27000, 15000, 2500, 2600),
        ],
        "reserves": [(1500, 1500, 4000, 3000), (30000, 24000, 2000, 2000)],
        "plans": [(6000, 5000, 3000, 9000), (15000, 1000, 2000, 3000)],
    }
    for name, boxes in places.items():
        layer = target.CreateLayer(name, reference, ogr.wkbPolygon)
        layer.CreateField(ogr.FieldDefn("name", ogr.OFTString))
        layer.CreateField(ogr.FieldDefn("reach", ogr.OFTReal))
        for number, (left, top, width, height) in enumerate(boxes, 1):
            feature = ogr.Feature(layer.GetLayerDefn())
            feature.SetField("name", f"{name} {number}")
            feature.SetField("reach", 1 / (1 + number))
            x0, y0, x1, y1 = west + left, north - top, west + left + width, north - top - height
            corners = ((x0, y0), (x1, y0), (x1 + 400, (y0 + y1) / 2), (x1, y1), (x0, y1), (x0, y0))
            text = ",".join(f"{x} {y}" for x, y in corners)
            feature.SetGeometry(ogr.CreateGeometryFromWkt(f"POLYGON(({text}))"))
            layer.CreateFeature(feature)


def make_links(inputs: Path, old: Path) -> None:
    """Lines between patches of the old revision's network, since candidate links have to end at patches."""
    from osgeo import ogr

    path = inputs / "made" / "links.gpkg"
    if path.exists():
        return
    source = ogr.Open(str(old / "city_network" / "sources.sources.gpkg"))
    layer = source.GetLayer(0)
    points = [feature.GetGeometryRef().PointOnSurface() for feature in layer]
    target = ogr.GetDriverByName("GPKG").CreateDataSource(str(path))
    links = target.CreateLayer("links", layer.GetSpatialRef(), ogr.wkbLineString)
    links.CreateField(ogr.FieldDefn("cost", ogr.OFTReal))
    for step in (1, 4, 7):
        for first, second in zip(points, points[step:]):
            line = ogr.Geometry(ogr.wkbLineString)
            line.AddPoint_2D(first.GetX(), first.GetY())
            line.AddPoint_2D(second.GetX(), second.GetY())
            feature = ogr.Feature(links.GetLayerDefn())
            feature.SetField("cost", 0.4 * line.Length())
            feature.SetGeometry(line)
            links.CreateFeature(feature)


# trees -------------------------------------------------------------------------------------------


def git(*arguments: str, environment: Mapping[str, str] | None = None) -> str:
    """What git answers about the repository of this file.

    Raises
    ------
    SystemExit
        Git refuses.
    """
    done = subprocess.run(
        ["git", "-c", "safe.directory=*", *arguments],
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        sys.exit(f"git {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def check_out(revision: str, folder: Path) -> Path:
    """The files of a revision, in a new folder; an index of its own leaves the repository as it is."""
    folder.mkdir(parents=True)
    index = {"GIT_INDEX_FILE": str(folder.parent / f"{folder.name}.index")}
    git("read-tree", revision, environment=index)
    git("checkout-index", "--all", f"--prefix={folder}/", environment=index)
    return folder


def copy_working_tree(folder: Path) -> Path:
    """The working tree as it is, without what git ignores, so that edits during a run do no harm."""
    for name in git("ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0"):
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


# workers, seen from outside ----------------------------------------------------------------------


class WorkerDiedError(Exception):
    """A worker's process ended without an answer."""


class Worker:
    """A process with QGIS and the plugin of one tree.

    Parameters
    ----------
    tree : Path
    scratch : Path
        A new folder for its QGIS profile, temporary files and log.
    flags : sequence of str
        ``--count`` counts reads and parses of coordinate systems, which takes time; ``--without-numba`` hides numba.
    """

    def __init__(self, tree: Path, scratch: Path, *, flags: Sequence[str] = ()) -> None:
        self.tree, self.scratch = tree, scratch
        for name in ("profile", "temporary", "numba"):
            (scratch / name).mkdir(parents=True, exist_ok=True)
        (scratch / "runtime").mkdir(mode=0o700, exist_ok=True)
        environment = {
            key: value
            for key, value in os.environ.items()
            if key not in ("PYTHONHOME", "PYTHONPATH", "QGIS_PLUGINPATH", "DISPLAY")
        }
        environment |= {
            "QT_QPA_PLATFORM": "offscreen",
            "QGIS_CUSTOM_CONFIG_PATH": str(scratch / "profile"),
            "XDG_RUNTIME_DIR": str(scratch / "runtime"),
            "TMPDIR": str(scratch / "temporary"),
            "NUMBA_CACHE_DIR": str(scratch / "numba"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "LC_ALL": "C.UTF-8",
            "QT_HASH_SEED": "0",  # QGIS takes the steps of a model in the order of a hash: logs would never agree
        }
        command = [sys.executable, "-W", "ignore", str(Path(__file__).resolve()), str(tree), str(scratch)]
        with open(scratch / "worker.log", "a", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                [*command, *flags],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                encoding="utf-8",
            )
        self.about = self._answer()

    def _answer(self) -> dict[str, Any]:
        line = self._process.stdout.readline()
        if not line:
            log = (self.scratch / "worker.log").read_text(encoding="utf-8", errors="replace")
            raise WorkerDiedError("\n".join(log.splitlines()[-15:]))
        return json.loads(line)

    def ask(self, do: str, **question: Any) -> dict[str, Any]:
        """The answer to a question; see the functions of `ANSWERS`.

        Raises
        ------
        WorkerDiedError
            The process ended; start another.
        """
        try:
            self._process.stdin.write(json.dumps({"do": do, **question}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise WorkerDiedError(str(error)) from error
        return self._answer()

    def close(self) -> None:
        """End the process."""
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def resolved(values: Any, places: Mapping[str, Path]) -> Any:
    """Parameter values with folders in the place of ``{city}`` and the like."""
    if isinstance(values, Mapping):
        return {key: resolved(value, places) for key, value in values.items()}
    if isinstance(values, (list, tuple)):
        return [resolved(value, places) for value in values]
    if isinstance(values, str):
        for name, folder in places.items():
            values = values.replace("{" + name + "}", str(folder))
    return values


def places_of(inputs: Path, old: Path) -> dict[str, Path]:
    """Where each name in braces points to."""
    return {"city": inputs / "mining_city", "zion": inputs / "zion", "made": inputs / "made", "old": old}


@dataclass
class Results:
    """A folder with what one tree made of the steps.

    Parameters
    ----------
    folder : Path
        A folder per step, with its outputs and a ``result.json``.
    places : dict of str to Path
        See `places_of`.
    said : callable
        Is told each step that is run.
    """

    folder: Path
    places: dict[str, Path]
    said: Callable[[str], None] = field(default=lambda text: print(text, file=sys.stderr, flush=True))

    def record(self, step: Step) -> dict[str, Any] | None:
        """What is known of a run of just this step; None where there is none."""
        path = self.folder / step.name / "result.json"
        if not path.exists():
            return None
        record = json.loads(path.read_text(encoding="utf-8"))
        return record if record["step"] == json.loads(json.dumps(asdict(step))) else None

    def run(self, steps: Sequence[Step], tree: Path, scratch: Path, *, flags: Sequence[str] = ()) -> None:
        """Run the steps that have not been, each into its folder; a dead worker is replaced."""
        todo = [step for step in steps if not (self.record(step) or {}).get("ok")]
        worker = None
        try:
            for number, step in enumerate(todo, 1):
                if "{made}/links.gpkg" in json.dumps(step.values):
                    make_links(self.places["made"].parent, self.places["old"])
                worker = worker or Worker(tree, scratch, flags=flags)
                answer = self._run_one(step, worker)
                self.said(f"  {number:>2}/{len(todo)} {step.name}: {answer['seconds']:.1f} s{_failure(answer)}")
                if answer.get("died"):
                    worker.close()
                    worker = None
        finally:
            if worker is not None:
                worker.close()

    def _run_one(self, step: Step, worker: Worker) -> dict[str, Any]:
        folder = self.folder / step.name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        values = resolved(step.values, self.places)
        began = time.perf_counter()
        try:
            answer = worker.ask(
                "run", algorithm=step.algorithm, values=values, folder=str(folder), without=list(step.without)
            )
        except WorkerDiedError as error:
            answer = {"ok": False, "died": True, "error": f"the process ended: {error}", "log": [], "results": {},
                      "seconds": time.perf_counter() - began}  # fmt: skip
        hidden = {str(folder): "<outputs>", str(worker.tree): "<tree>", str(worker.scratch): "<scratch>"}
        hidden |= {str(self.places["made"].parent): "<inputs>", str(self.places["old"]): "<old>"}
        record = {"step": asdict(step), "hidden": hidden, "about": worker.about, **answer}
        (folder / "result.json").write_text(json.dumps(record, indent=1, ensure_ascii=False), encoding="utf-8")
        return answer


def _failure(answer: Mapping[str, Any]) -> str:
    return "" if answer["ok"] else f", FAILED: {answer['error']}"


def old_results(folder: Path, revision: str, steps: Sequence[Step], scratch: Path) -> Results:
    """Results of a revision for these steps and those they need; what is there already is kept.

    Parameters
    ----------
    folder : Path
        Holds or gets ``inputs`` and a folder per step.
    revision : str
        Full hash.
    scratch : Path
        For the checkout, which is made only where something has to be run.

    Raises
    ------
    SystemExit
        The folder holds results of another revision.
    """
    folder.mkdir(parents=True, exist_ok=True)
    mark = folder / "revision.txt"
    if mark.exists() and mark.read_text().strip() != revision:
        sys.exit(f"{folder} holds results of {mark.read_text().strip()}, not of {revision}: give another folder.")
    mark.write_text(revision + "\n")
    results = Results(folder, places_of(folder / "inputs", folder))
    needed = with_needs(steps)
    if not inputs_are_made(folder / "inputs"):
        for path in folder.glob("*/result.json"):  # made of other inputs
            path.unlink()
    if not all((results.record(step) or {}).get("ok") for step in needed):
        tree = scratch / "old"
        if not tree.exists():
            check_out(revision, tree)
        make_inputs(folder / "inputs", tree / "examples")
        results.run(needed, tree, scratch / "old_worker")
    return results


# a worker, seen from inside ----------------------------------------------------------------------

COUNTS: Counter[str] = Counter()
_ALIVE: list[Any] = []  # QGIS does not keep the Python half of what it is given alive


def load_plugin(tree: Path) -> str:
    """Register the plugin of a tree as the package ``econet``, as QGIS does; returns QGIS' version."""
    from qgis.analysis import QgsNativeAlgorithms
    from qgis.core import Qgis, QgsApplication, QgsSettings

    application = QgsApplication([], False)
    application.initQgis()
    QgsSettings().setValue("qgis/walForSqlite3", False)  # a GeoPackage that is read stays as it is
    spec = importlib.util.spec_from_file_location(
        "econet", tree / "__init__.py", submodule_search_locations=[str(tree)]
    )
    sys.modules["econet"] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    registry = QgsApplication.processingRegistry()
    registry.addProvider(QgsNativeAlgorithms(registry))
    plugin = module.classFactory(None)
    plugin.initProcessing()
    _ALIVE.extend((application, plugin))
    return Qgis.QGIS_VERSION


def about_this(qgis: str) -> str:
    """Versions of all that results could depend on."""
    import platform

    import numpy
    from osgeo import gdal

    found = [f"Python {platform.python_version()}", f"QGIS {qgis}", f"GDAL {gdal.VersionInfo('RELEASE_NAME')}"]
    for name in ("numpy", "scipy", "numba"):
        module = numpy if name == "numpy" else None
        with contextlib.suppress(Exception):  # an optional library may be broken in any way
            module = module or importlib.import_module(name)
            found.append(f"{name} {module.__version__}")
    return ", ".join(found)


def _algorithm(name: str) -> Any:
    from qgis.core import QgsApplication

    algorithm = QgsApplication.processingRegistry().createAlgorithmById(f"econet:{name}")
    if algorithm is None:
        raise LookupError(f"the tree has no algorithm econet:{name}")
    return algorithm


def _context() -> Any:
    from qgis.core import QgsProcessingContext, QgsProject

    context = QgsProcessingContext()
    context.setProject(QgsProject.instance())
    return context


def _feedback() -> Any:
    from qgis.core import QgsProcessingFeedback

    class Feedback(QgsProcessingFeedback):
        def __init__(self) -> None:
            super().__init__(False)
            self.lines: list[str] = []

        def pushInfo(self, text: str) -> None:
            self.lines.append(f"info: {text}")

        def pushWarning(self, text: str) -> None:  # noqa: N802, QGIS names it
            self.lines.append(f"warning: {text}")

        def reportError(self, text: str, fatalError: bool = False) -> None:  # noqa: N802, N803
            self.lines.append(f"error: {text}")

    return Feedback()


def destinations(algorithm: Any, folder: Path, without: Iterable[str]) -> dict[str, str]:
    """A file or folder for every output of an algorithm except some."""
    return {
        definition.name(): str(folder / (definition.name().replace(":", ".") + EXTENSIONS.get(definition.type(), "")))
        for definition in algorithm.destinationParameterDefinitions()
        if definition.name() not in without
    }


def _plain(results: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Numbers and texts of results, those of a model's steps below the step's name; other values by their type."""
    found: dict[str, Any] = {}
    for key, value in results.items():
        if key == "CHILD_INPUTS":
            continue
        if isinstance(value, Mapping):
            found.update(_plain(value, f"{prefix}{key}/"))
        else:
            simple = value is None or isinstance(value, (bool, int, float, str))
            found[prefix + key] = value if simple else type(value).__name__
    return found


def _run(question: Mapping[str, Any]) -> dict[str, Any]:
    """Check and run an algorithm as processing.run does; all outputs go to a folder."""
    algorithm, context, feedback = _algorithm(question["algorithm"]), _context(), _feedback()
    values = {**question["values"], **destinations(algorithm, Path(question["folder"]), question["without"])}
    began = time.perf_counter()
    fine, message = algorithm.checkParameterValues(values, context)
    results: Mapping[str, Any] = {}
    if fine:
        results, fine = algorithm.run(values, context, feedback)
        message = "" if fine else "\n".join(line for line in feedback.lines if line.startswith("error"))
    seconds = time.perf_counter() - began
    del context
    gc.collect()  # closes what is still open for writing
    return {"ok": fine, "error": message, "results": _plain(results), "log": feedback.lines, "seconds": seconds}


def _timed(question: Mapping[str, Any]) -> dict[str, Any]:
    """Seconds of one ``run``, on the clock and of the processor, as means of ``repeat`` runs."""
    clock = processor = 0.0
    for _ in range(question["repeat"]):
        folder = Path(question["folder"])
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        algorithm, context, feedback = _algorithm(question["algorithm"]), _context(), _feedback()
        values = {**question["values"], **destinations(algorithm, folder, question["without"])}
        gc.collect()
        began, used = time.perf_counter(), time.process_time()
        fine = algorithm.run(values, context, feedback)[1]
        clock += time.perf_counter() - began
        processor += time.process_time() - used
        del context
        if not fine:
            return {"ok": False, "error": "\n".join(feedback.lines[-3:])}
    return {"ok": True, "clock": clock / question["repeat"], "processor": processor / question["repeat"]}


def _as_layers(algorithm: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """Values with layers that are loaded in the project in the place of paths, as a dialog hands them on."""
    from qgis.core import QgsProject, QgsRasterLayer, QgsVectorLayer

    loaded = {layer.source(): layer for layer in QgsProject.instance().mapLayers().values()}

    def layer_id(path: str) -> str:
        if path not in loaded:
            kind = QgsRasterLayer if path.endswith(".tif") else QgsVectorLayer
            loaded[path] = kind(path, re.split(r"layername=|/", path)[-1])
            QgsProject.instance().addMapLayer(loaded[path])
        return loaded[path].id()

    def value_of(key: str, value: Any) -> Any:
        if algorithm.parameterDefinition(key).type() not in ("raster", "source", "vector", "layer", "multilayer"):
            return value
        return [layer_id(path) for path in value] if isinstance(value, list) else layer_id(value)

    return {key: value_of(key, value) for key, value in values.items()}


def _checked(question: Mapping[str, Any]) -> dict[str, Any]:
    """Seconds of one check as the dialog does it, with layers of the project, as means of ``repeat`` checks."""
    algorithm = _algorithm(question["algorithm"])
    values = {**_as_layers(algorithm, question["values"]), "OUTPUT": "TEMPORARY_OUTPUT"}
    gc.collect()
    began, used = time.perf_counter(), time.process_time()
    for _ in range(question["repeat"]):
        fine, message = algorithm.checkParameterValues(values, _context())
    clock, processor = time.perf_counter() - began, time.process_time() - used
    count = question["repeat"]
    return {"ok": fine, "error": message, "clock": clock / count, "processor": processor / count}


def _counted(question: Mapping[str, Any]) -> dict[str, Any]:
    """What a check and a run read and parse, as the dialog does them."""
    algorithm, context, feedback = _algorithm(question["algorithm"]), _context(), _feedback()
    values = _as_layers(algorithm, question["values"])
    values |= destinations(algorithm, Path(question["folder"]), question["without"])
    Path(question["folder"]).mkdir(parents=True, exist_ok=True)
    COUNTS.clear()
    fine, message = algorithm.checkParameterValues(values, context)
    checked = dict(COUNTS)
    if fine:
        fine = algorithm.run(values, context, feedback)[1]
        message = "" if fine else "\n".join(feedback.lines[-3:])
    return {"ok": fine, "error": message, "checked": checked, "all": dict(COUNTS)}


ANSWERS: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "run": _run,
    "time": _timed,
    "check": _checked,
    "count": _counted,
}


def count_calls() -> None:
    """Wrap what opens files, parses coordinate systems and reads features, before the plugin is loaded."""
    from osgeo import gdal, ogr, osr
    from qgis.core import QgsProcessingFeatureSource, QgsVectorLayer

    def wrap(holder: Any, name: str, label: Callable[[tuple[Any, ...]], str]) -> None:
        inner = getattr(holder, name)

        @functools.wraps(inner)
        def counted(*arguments: Any, **named: Any) -> Any:
            COUNTS[label(arguments)] += 1
            return inner(*arguments, **named)

        with contextlib.suppress(TypeError, AttributeError):  # a class of another QGIS may be closed
            setattr(holder, name, counted)

    def file_of(kind: str) -> Callable[[tuple[Any, ...]], str]:
        return lambda arguments: f"{kind}: {Path(str(arguments[0])).name}"

    for holder, name in ((gdal, "Open"), (gdal, "OpenEx"), (ogr, "Open")):
        wrap(holder, name, file_of(f"{holder.__name__.split('.')[-1]}.{name}"))
    for name in ("SetFromUserInput", "ImportFromWkt", "ImportFromEPSG"):
        wrap(osr.SpatialReference, name, lambda arguments, name=name: f"parse: {name}")
    wrap(QgsVectorLayer, "getFeatures", lambda arguments: f"getFeatures: {arguments[0].name()}")
    wrap(QgsProcessingFeatureSource, "getFeatures", lambda arguments: f"getFeatures: {arguments[0].sourceName()}")


def main() -> None:
    """Answer one question per line of JSON until the input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print must not stand among the answers
    if "--without-numba" in sys.argv[3:]:
        sys.modules["numba"] = None  # an import of it fails now
    if "--count" in sys.argv[3:]:
        count_calls()

    def answer(what: Any) -> None:
        answers.write(json.dumps(what) + "\n")
        answers.flush()

    answer(about_this(load_plugin(Path(sys.argv[1]))))
    for line in sys.stdin:
        question = json.loads(line)
        try:
            answer(ANSWERS[question["do"]](question))
        except Exception as error:  # told to the script that asked, which goes on with the next step
            answer({"ok": False, "error": f"{type(error).__name__}: {error}", "results": {}, "log": [], "seconds": 0.0})
    answers.close()
    os._exit(0)  # QGIS may crash on its way out


if __name__ == "__main__":
    main()

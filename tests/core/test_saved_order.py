"""Saved models hold a choice by its place: what stands in an Option stays where it is, new members are appended."""

import importlib
import pkgutil

import pytest

from econet import core
from econet.core.options import Option

SAVED = {
    "ahp.judged.Aggregation": [
        "Judgements, geometric mean (AIJ)",
        "Weights, geometric mean (AIP)",
        "Weights, arithmetic mean (AIP)",
    ],
    "ahp.matrix.RandomIndex": ["Saaty 1980", "Saaty 2005", "Alonso & Lamata 2006", "Donegan & Dodd 1991"],
    "ahp.matrix.WeightsMethod": ["Principal eigenvector", "Geometric mean of the rows"],
    "connectivity.links.PatchDistance": ["edge", "centroid", "least cost"],
    "corridors.gravity.AreaUnit": ["km2", "ha", "m2"],
    "corridors.gravity.GravityForm": ["closed form of Eq 9", "area form"],
    "corridors.thresholds.ThresholdRule": ["mean", "median", "natural breaks", "quantile", "fixed"],
    "corridors.least_cost_paths.PairsOfSources": ["all", "neighbours"],
    "corridors.source_cells.PathEnds": ["source points", "source edges"],
    "grid.grid.CellValues": ["classes", "quantity"],
    "grid.slope.SlopeEdges": ["straight", "as InVEST"],
    "land_cover_products.LandCoverProduct": [
        "CLCD",
        "GlobeLand30",
        "CNLUCC",
        "ESA WorldCover",
        "CORINE",
        "CORINE raster",
        "NLCD",
    ],
    "mines.MineFeature": ["pit", "dump", "subsidence", "plant"],
    "mines.MineState": ["producing", "abandoned", "restored"],
    "mines.Mineral": ["metal", "coal", "building material"],
    "mines.MiningMethod": ["underground", "open pit"],
    "patch_sizes.SizeClass": ["super-large", "large", "medium", "small"],
    "presets.Preset": ["recommended", "as published", "as InVEST 3.20"],
    "resistance.choices.Correction": ["none", "night light", "multiplier raster"],
    "resistance.choices.HardBarrier": ["producing open pits", "all producing mines", "motorways", "highways"],
    "resistance.choices.Overlap": ["maximum", "nearest mine", "sum, at most 5"],
    "resistance.choices.Transform": ["none", "power", "1 to 100"],
    "routing.ways.FlowConvention": ["recommended", "as InVEST"],
    "routing.ways.Routing": ["D8", "MFD"],
    "services.degradation.HalfSaturationTerm": ["k^z", "k^2 as printed"],
    "services.habitat_tables.Decay": ["linear", "exponential"],
    "services.rainfall_erosivity.ErosivityMethod": [
        "Zhang & Fu 2003, monthly rain",
        "Zhang & Fu 2003, annual rain",
        "Wischmeier form, 0.8188, as printed",
        "Wischmeier form, 0.8188, x 9.81 to SI",
        "Wischmeier form, 0.08188, as printed",
    ],
    "services.sediment_delivery.IcLength": ["metres", "InVEST pixels"],
    "services.sediment_delivery.Masking": ["values everywhere", "as InVEST"],
    "services.sediment_delivery.SedimentUnit": ["t/ha", "t per pixel"],
    "services.sediment_factors.Capped": ["slope length in metres", "L factor"],
    "services.sediment_factors.CoverKind": [
        "cover factor",
        "NDVI (van der Knijff 1999)",
        "vegetation cover in % (Cai 2000)",
    ],
    "services.sediment_factors.LsMethod": ["Desmet-Govers", "InVEST from 3.14 on"],
    "services.soil.CarbonKind": ["organic carbon", "organic matter"],
    "services.soil.Correction": [
        "none: EPIC",
        "China: -0.01383 + 0.51575 K, K in SI units",
        "China: (-0.01383 + 0.51575 K) x 0.1317, K in US units",
    ],
    "services.soil.ShareUnit": ["%", "g/kg", "dg/kg", "fraction"],
    "services.threat_impact.DistanceRule": ["nearest", "nearest x intensity", "sum"],
    "services.water_conservation.ConductivityUnit": ["mm/d", "cm/d", "mm/h", "um/s"],
    "services.water_conservation.IndexForm": ["area in m2, soil depth in m", "as printed: cells, soil depth in mm"],
    "services.water_yield.BudykoCurve": ["Fu, as InVEST 3.x", "Zhang 2001, Eq 4"],
    "services.water_yield.DepthUnit": ["mm", "cm", "m"],
    "services.water_yield.Masking": ["values everywhere", "as InVEST"],
    "services.watersheds.VolumeArea": ["mean x area of the cells", "mean x area of the polygon"],
    "sources.components.ComponentMatrix": ["correlation", "covariance"],
    "sources.components.ComponentRule": ["eigenvalue above 1", "explained variance of 85 %"],
    "sources.components.Weighting": ["component scores", "communalities", "equal", "entropy", "manual"],
    "sources.firmness_choices.ChoiceKind": [
        "grid size",
        "number of classes",
        "area threshold",
        "weights",
        "dispersal distance",
    ],
    "sources.importance_choices.ClassifyOn": ["cells of the raster", "cells of the grid"],
}


def kinds_of(kind):
    """All kinds of Option, whichever module they stand in."""
    for module in pkgutil.walk_packages(core.__path__, f"{core.__name__}."):
        importlib.import_module(module.name)
    found, left = {}, list(kind.__subclasses__())
    while left:
        one = left.pop()
        left += one.__subclasses__()
        if one.__module__.startswith(core.__name__):
            found[f"{one.__module__[len(core.__name__) + 1 :]}.{one.__name__}"] = one
    return found


@pytest.fixture(scope="module")
def kinds():
    return kinds_of(Option)


def test_every_choice_is_listed_here(kinds):
    assert set(kinds) == set(SAVED)


@pytest.mark.parametrize("name", SAVED)
def test_the_saved_order_stays(kinds, name):
    assert [member.value for member in kinds[name].saved_order()] == SAVED[name]

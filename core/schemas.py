"""Names of every output field, declared once: saved models and styles depend on them.

Lengths are in metres, areas in km2, costs in resistance x metre. Lists of ids are text ``3,7``.
Core's dataclasses carry the same names as attributes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple


class Field(NamedTuple):
    """A field of a table or layer.

    Attributes
    ----------
    name : str
    kind : type
        int, float, str or bool.
    """

    name: str
    kind: type[Any]


def _fields(kind: type[Any], names: str) -> tuple[Field, ...]:
    return tuple(Field(name, kind) for name in names.split())


PATCH_ID, SOURCE_ID, CORRIDOR_ID = "patch_id", "source_id", "corridor_id"
SIZE_CLASS, AREA_KM2 = "size_class", "area_km2"

PATCHES = (Field(PATCH_ID, int), Field(AREA_KM2, float), Field(SIZE_CLASS, str), Field("importance_mean", float))

CONNECTIVITY = (
    *_fields(float, "dpc dpc_intra dpc_flux dpc_connector diic diic_intra diic_flux diic_connector"),
    Field("degree", int),
    Field("betweenness", float),
    Field("component", int),
)

LINKS = _fields(int, "patch_a patch_b") + _fields(float, "distance_m probability dpc_link") + (Field("rank", int),)

CANDIDATE_PATCHES = (
    Field("candidate_id", int),
    Field("weight", float),
    Field("n_links", int),
    *_fields(float, "gain_pc gain_intra gain_flux gain_connector gain_ec"),
    Field("rank", int),
)

CANDIDATE_LINKS = (
    _fields(int, "candidate_id patch_a patch_b")
    + _fields(float, "distance_m present_m gain_pc gain_ec")
    + (Field("rank", int),)
)

SOURCES = (
    Field(SOURCE_ID, int),
    Field(PATCH_ID, int),
    Field(AREA_KM2, float),
    Field("importance_mean", float),
    *_fields(float, "dpc dpc_intra dpc_flux dpc_connector"),
)

MERGED = (Field("merged", str),)  # of sources, where patches may be merged

SOURCE_FIRMNESS = (
    Field(SOURCE_ID, int),
    Field(AREA_KM2, float),
    *_fields(float, "stability stability_grid stability_classes stability_area stability_weights stability_dispersal"),
    *_fields(int, "rank_min rank_max"),
    Field("verdict", str),
    Field("base_share", float),
    Field("lost_with", str),
)

FIRMNESS_VARIANTS = (
    Field("kind", str),
    Field("variant", str),
    Field("n_sources", int),
    Field(AREA_KM2, float),
    Field("jaccard", float),
    Field("kept", int),
    Field("lost", int),
    Field("new", int),
    Field("lost_km2", float),
    Field("new_km2", float),
    Field("kmo", float),
    Field("weights", str),
)

CORRIDORS = (
    _fields(int, "corridor_id source_a source_b")
    + _fields(float, "cost length_m euclidean_m mean_resistance")
    + (Field("redundant", bool), Field("via", str))
)

GRAVITY = (Field("gravity", float), Field("class", str))


def gravity_matrix(source_ids: Iterable[int]) -> tuple[Field, ...]:
    """Fields of the matrix of gravity: a column per source."""
    return (Field(SOURCE_ID, int), *tuple(Field(str(source_id), float) for source_id in source_ids))


BREAKPOINTS = (
    Field("breakpoint_id", int),
    Field("road", str),
    Field("road_class", str),
    Field("corridors", str),
    Field("n_corridors", int),
    Field("class", str),
    Field("gravity_sum", float),
    Field("priority", int),
    Field("measure", str),
)

FRACTURE_SURFACES = (
    Field("fracture_id", int),
    Field("mine", str),
    Field("mineral", str),
    Field("method", str),
    Field("state", str),
    Field("corridors", str),
    Field("n_corridors", int),
    Field("crossing_m", float),
    Field("cost_share", float),
    Field("area_km2", float),
)

FRACTURE_PAIRS = (
    Field("fracture_id", int),
    Field("mine", str),
    Field("corridor_id", int),
    Field("source_a", int),
    Field("source_b", int),
    Field("class", str),
    Field("crossing_m", float),
    Field("cost_share", float),
)

MINE_RINGS = _fields(str, "mine mineral method state feature") + _fields(float, "from_m to_m resistance area_km2")

RESISTANCE_SUMMARY = (
    _fields(str, "zone_kind zone")
    + _fields(float, "area_km2 base_mean mine_mean resistance_mean mine_effect")
    + (Field("main_factor", str), Field("main_share", float))
)

AHP_WEIGHTS = (
    Field("factor", str),
    Field("weight", float),
    Field("group", str),
    *_fields(float, "group_weight local_weight weight_low weight_high"),
)

THREAT_COSTS = (Field("threat", str), *_fields(float, "weight_share degradation_share quality_lost_km2 loss_share"))

WATERSHEDS = _fields(float, "area_km2 covered_km2 precipitation_mm pet_mm aet_mm yield_mm yield_m3")


def importance_grid(services: Iterable[str]) -> tuple[Field, ...]:
    """Fields of the importance grid: one per service between the fixed ones."""
    return (
        Field("cell_id", int),
        *tuple(Field(name, float) for name in services),
        Field("importance", float),
        Field("class", int),
    )


def names(schema: Iterable[Field]) -> list[str]:
    """Names of the fields, in order."""
    return [field.name for field in schema]

"""The patches that take part: which they are, their polygons, ids and weights."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from osgeo import ogr

from ..crs import Crs, require_metres
from ..errors import InputError
from ..geometry.layers import Layer, bounds_of
from ..geometry.polygon_distance import overlaps
from ..patch_sizes import of_size
from ..progress import SILENT, Progress
from .choices import SQUARED, ConnectivityChoices

if TYPE_CHECKING:
    from ..arrays import Floats

_WEIGHT = "the weight of a patch"


@dataclass(frozen=True)
class PresentPatches:
    """The patches that take part.

    Parameters
    ----------
    layer : Layer
        The layer that they are of, as it was given, fields recognised in any case.
    repaired : Layer
        The same with valid polygons.
    index : list of int
        Positions in the layer of the patches that take part; what follows is in their order.
    patch_id : list of int
    weight : float64 ndarray, shape (n,)
    """

    layer: Layer
    repaired: Layer
    index: list[int]
    patch_id: list[int]
    weight: Floats

    def __len__(self) -> int:
        return len(self.index)

    @property
    def crs(self) -> Crs:
        """The CRS of the polygons."""
        return self.repaired.crs

    @property
    def geometries(self) -> list[ogr.Geometry]:
        """Their valid polygons."""
        return [self.repaired.geometries[i] for i in self.index]

    @property
    def names(self) -> list[str]:
        """What messages call them."""
        return [f"patch {i}" for i in self.patch_id]

    def to_crs(self, crs: Crs, progress: Progress = SILENT) -> PresentPatches:
        """The same with polygons in another CRS."""
        return replace(self, repaired=self.repaired.to_crs(crs, progress))


def check_patches(patches: Layer, weight_field: str) -> Layer:
    """Refuse a layer of patches (its outline will do) that does not fit; returns it, fields recognised in any case.

    Raises
    ------
    InputError
        Empty layer, wrong CRS, missing field of the weight.
    """
    patches.require_some("patch")
    west, south, _, _ = bounds_of(patches.geometries)
    require_metres(patches.crs, patches.name, centre=(west, south))
    patches = patches.with_fields("patch_id", "size_class", "area_km2")
    if weight_field:
        patches.require_field(weight_field, _WEIGHT)
    return patches


def read_patches(patches: Layer, choices: ConnectivityChoices, progress: Progress = SILENT) -> PresentPatches:
    """The patches of the chosen size classes, ready to be measured.

    Raises
    ------
    InputError
        What `check_patches` refuses; no patch of the size classes, a patch without area, unfit weights.
    """
    patches = check_patches(patches, choices.weight_field)
    index = of_size(patches, choices.size_classes, progress)
    repaired = with_area(patches, index, progress)
    weight = _weights(repaired, index, choices.weight_field, progress)
    found = PresentPatches(patches, repaired, index, _identifiers(patches, index, progress), weight)
    _warn_of_overlaps(found, progress.part(0, 0.02))
    area = choices.landscape_area_km2
    if area is not None and weight.sum() > area * (1 + 1e-9):
        progress.warn(
            f"The area of the landscape is {area:g}, less than the weights of the patches together, "
            f"{weight.sum():.6g} ({choices.weight_unit}): PC and IIC can pass 1 and are no probabilities; give the "
            f"area of the whole study area in the unit of the weights."
        )
    return found


def with_area(layer: Layer, features: Iterable[int], progress: Progress = SILENT) -> Layer:
    """The layer with valid polygons.

    Raises
    ------
    InputError
        One of some features encloses no area; then nothing is said of repairs.
    """
    warnings: list[str] = []
    repaired = layer.valid_polygons(Progress(warn=warnings.append))
    for i in features:
        if not repaired.geometries[i].GetArea() > 0:
            raise InputError(
                f"Layer '{layer.name}', feature {i + 1} encloses no area: delete it or draw it anew.",
                layer=layer.name,
                feature=i + 1,
            )
    for text in warnings:
        progress.warn(text)
    return repaired


def _weights(patches: Layer, index: list[int], weight_field: str, progress: Progress) -> Floats:
    field = weight_field or ("area_km2" if "area_km2" in patches.field_names else "")
    weight: Floats
    if field:
        weight = patches.numbers(field, _WEIGHT, minimum=0)[index]
    else:
        weight = np.array([patches.geometries[i].GetArea() / 1e6 for i in index])
        progress.log(f"Layer '{patches.name}' has no field 'area_km2': the polygons' areas in km2 are the weights.")
    if not weight.sum() > 0:
        raise InputError(
            f"Layer '{patches.name}', field '{field}': all weights are 0; give at least one patch a weight above 0.",
            layer=patches.name,
        )
    if not 1 / SQUARED < weight.max() < SQUARED:
        raise InputError(
            f"Layer '{patches.name}', field '{field}': the largest weight is {weight.max():g}, and its "
            f"square is no number that can be kept: give the weights in another unit.",
            layer=patches.name,
        )
    return weight


def _identifiers(patches: Layer, index: list[int], progress: Progress) -> list[int]:
    """The field ``patch_id``, or 1, 2, ... where it is missing or not a whole number of its own for each patch."""
    values = [patches.attributes[i].get("patch_id") for i in index]
    numbers = [
        int(v) if isinstance(v, (int, float)) and math.isfinite(v) and v == math.floor(v) else None for v in values
    ]
    known = [number for number in numbers if number is not None]
    if len(known) == len(numbers) and len(set(known)) == len(known):
        return known
    renumbered = "the patches are numbered 1, 2, ... in the order of the layer"
    if "patch_id" not in patches.field_names:
        progress.log(f"Layer '{patches.name}' has no field 'patch_id': {renumbered}.")
        return list(range(1, len(index) + 1))
    seen: dict[int, int] = {}
    why = ""
    for i, value, number in zip(index, values, numbers):
        if number is None:
            why = f"feature {i + 1}: '{'NULL' if value is None else value}' is not a whole number"
            break
        if number in seen:
            why = f"features {seen[number] + 1} and {i + 1} both have the id {number}"
            break
        seen[number] = i
    progress.warn(
        f"Layer '{patches.name}', field 'patch_id', {why}: {renumbered} for this run; give each patch its "
        f"own number, or dissolve the layer by 'patch_id' if such features are one patch."
    )
    return list(range(1, len(index) + 1))


def _warn_of_overlaps(patches: PresentPatches, progress: Progress) -> None:
    found = overlaps(patches.geometries, progress=progress)
    if found:
        a, b, area = found[0]
        names = patches.names
        progress.warn(
            f"Layer '{patches.layer.name}': {len(found)} pair(s) of patches overlap, the first {names[a]} and "
            f"{names[b]} by {area / 1e6:.4g} km2. Ground that lies in two patches counts twice in PC: cut one by the "
            f"other ('Difference'), or join them ('Dissolve')."
        )

"""The choices of a run of landscape connectivity."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from ..errors import InputError
from ..patch_sizes import SizeClass, require_size_classes
from .dispersal import Dispersal
from .links import PatchDistance

SQUARED = 1e100
"""Of numbers further from 1 than this the products of squares overflow or vanish."""


@dataclass(frozen=True)
class ConnectivityChoices:
    """What is connected, and how far apart patches are.

    Parameters
    ----------
    distance : PatchDistance
        Between edges, between centroids, or the accumulated cost between edges.
    dispersal : Dispersal
        In metres; in resistance x metre for least cost.
    weight_field : str
        What is connected, at least 0; empty: ``area_km2`` where there is one, else the polygons' area.
    size_classes : tuple of str
        Of `SizeClass`; patches of these classes take part. A layer without the field ``size_class``: all.
    max_link_distance : float, optional
        Longer direct links are left out, at least 0 (m; resistance x m for least cost); None: all pairs are linked.
    landscape_area_km2 : float, optional
        A_L in the unit of the weight; None: PC and IIC are not reported.
    candidate_link_field : str
        Length of a candidate link; empty: that of the line.
    link_losses : bool
        Whether the loss of PC without each link is computed.

    Raises
    ------
    InputError
        A number out of range, or no size class; names the parameter.
    """

    distance: PatchDistance = PatchDistance.EDGE
    dispersal: Dispersal = field(default_factory=Dispersal)
    weight_field: str = ""
    size_classes: tuple[str, ...] = (SizeClass.SUPER_LARGE.value,)
    max_link_distance: float | None = None
    landscape_area_km2: float | None = None
    candidate_link_field: str = ""
    link_losses: bool = True

    def __post_init__(self) -> None:
        if self.max_link_distance is not None and not self.max_link_distance >= 0:
            raise InputError(
                f"{self.max_link_distance:g} is not 0 or more; give at least 0, or leave it empty for links between "
                f"all pairs of patches.",
                parameter="max_link_distance",
                value=self.max_link_distance,
            )
        area = self.landscape_area_km2
        if area is not None and not area > 0:
            raise InputError(
                f"{area:g} km2 is not above 0; give the area of the whole landscape, or leave it empty.",
                parameter="landscape_area_km2",
                value=area,
            )
        if area is not None and not 1 / SQUARED < area < SQUARED:
            raise InputError(
                f"{area:g} km2 is the size of no place; correct it, or leave it empty.",
                parameter="landscape_area_km2",
                value=area,
            )
        require_size_classes(self.size_classes)

    @property
    def limit(self) -> float:
        """The longest link; +inf where all pairs are linked."""
        return math.inf if self.max_link_distance is None else float(self.max_link_distance)

    @property
    def weight_unit(self) -> str:
        """The unit of the weights in words."""
        return "km2" if self.weight_field in ("", "area_km2") else f"unit of field '{self.weight_field}'"

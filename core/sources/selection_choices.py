"""The choices of a selection of sources, and what a layer of patches must have for them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from ..connectivity.dispersal import Dispersal
from ..crs import require_metres
from ..errors import InputError
from ..geometry.layers import Layer, bounds_of
from ..patch_sizes import AREA_BANDS_KM2, AreaBands, SizeClass, require_size_classes


@dataclass(frozen=True)
class SelectionChoices:
    """Which patches become sources; what is None is not asked for.

    Parameters
    ----------
    size_classes : tuple of str
        Of `SizeClass`; patches of these classes are in question.
    min_area_km2, min_dpc : float, optional
        Least area, and least dPC in %.
    min_ec_share : float, optional
        0 to 100 %; EC(PC) of the chosen, alone, is at least this share of EC(PC) of all patches that meet the
        conditions before. Weight is the area, distances are between edges. dPC is the layer's where all
        have one and none is merged, else computed.
    top : int, optional
        The first so many by dPC stay (by area where dPC is not known). None or 0: all.
    merge_distance_m : float, optional
        Single linkage: patches no further apart than this, edge to edge, become one source; the class of
        its size follows ``area_bands``. 0: those that touch or overlap; None: none.
    merge_area_km2 : float, optional
        Only patches below it are merged, with each other or into a larger one, the nearest pairs first; two
        patches not below it never come into one source. None or 0: all patches are merged.
    area_bands : three ascending floats
        km2; for merged patches.
    dispersal : Dispersal
        Of dPC and EC where they are computed.

    Raises
    ------
    InputError
        A number out of range, or no size class; names the parameter.
    """

    size_classes: tuple[str, ...] = (SizeClass.SUPER_LARGE.value,)
    min_area_km2: float | None = None
    min_dpc: float | None = None
    min_ec_share: float | None = None
    top: int | None = None
    merge_distance_m: float | None = None
    merge_area_km2: float | None = None
    area_bands: AreaBands = AREA_BANDS_KM2
    dispersal: Dispersal = field(default_factory=Dispersal)

    def __post_init__(self) -> None:
        if self.min_ec_share is not None and not 0 <= self.min_ec_share <= 100:
            raise InputError(
                f"{self.min_ec_share:.10g} is no share from 0 to 100 %; give one, or leave it empty.",
                parameter="min_ec_share",
                value=self.min_ec_share,
            )
        for name, unit in (
            ("merge_distance_m", " m"),
            ("merge_area_km2", " km2"),
            ("min_area_km2", " km2"),
            ("min_dpc", " %"),
            ("top", ""),
        ):
            value = getattr(self, name)
            if value is not None and not (value >= 0 and (name != "merge_distance_m" or math.isfinite(value))):
                raise InputError(
                    f"{value:g}{unit} is not 0 or more; give 0{unit} or more, or leave it empty.",
                    parameter=name,
                    value=value,
                )
        if self.merge_area_km2 and not self.merges:
            raise InputError(
                "an area below which patches are merged needs the distance within which they are; give the distance "
                "too, or leave the area empty.",
                parameter="merge_area_km2",
                value=self.merge_area_km2,
            )
        require_size_classes(self.size_classes)

    @property
    def merges(self) -> bool:
        """Whether patches that lie close become one source."""
        return self.merge_distance_m is not None

    @property
    def needs_dpc(self) -> bool:
        """Whether a condition or the order rests on dPC."""
        return self.min_dpc is not None or bool(self.min_ec_share) or bool(self.top)


def check_patches(patches: Layer, choices: SelectionChoices) -> None:
    """Refuse a layer of patches (its outline will do) that is empty, not in metres, or lacks dPC where it is needed."""
    patches.require_some("patch")
    west, south, _, _ = bounds_of(patches.geometries)
    require_metres(patches.crs, patches.name, centre=(west, south))
    if choices.min_dpc is not None and not patches.own_name("dpc"):
        patches.require_field("dpc", "the least dPC needs it; run 'Landscape connectivity' on the patches first")

"""The maps that factors are made from, the names of further factors, and the codes of water."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .. import tables
from ..errors import InputError
from ..geometry.layers import Layer
from ..grid.reading import RasterSource
from ..mines import Mine
from .factors import FACTORS, MINE, factor_name

_MAX_EXTRA_FACTORS = 240


@dataclass(frozen=True)
class FactorLayers:
    """The maps that the factors are made from; None: not given, and its factors are left out.

    Parameters
    ----------
    dem : reading.RasterSource
        Metres; serves slope and elevation.
    land_cover : reading.RasterSource
        Class codes.
    ndvi, night_light : reading.RasterSource
    water, motorways, highways : layers.Layer
        Lines or polygons.
    water_codes : sequence of int
        Land-cover codes that are water, used where ``water`` is None.
    mines : sequence of ..mines.Mine
        In the template's CRS.
    extra : dict of str to reading.RasterSource
        Further factors by their names, as `extra_names` gives them: scored by the factor table's rows for
        them, or scored already where it has none.
    correction : reading.RasterSource
        Night light or multipliers, see `correction`; no factor.
    """

    dem: RasterSource | None = None
    land_cover: RasterSource | None = None
    ndvi: RasterSource | None = None
    night_light: RasterSource | None = None
    water: Layer | None = None
    motorways: Layer | None = None
    highways: Layer | None = None
    water_codes: Sequence[int] = ()
    mines: Sequence[Mine] | None = None
    extra: Mapping[str, RasterSource] = field(default_factory=dict)
    correction: RasterSource | None = None

    def present(self) -> list[str]:
        """The factors that these maps give: the nine in the order of Table 1, then the further ones."""
        water_cells = self.land_cover is not None and bool(self.water_codes)
        given = {
            "slope": self.dem is not None,
            "elevation": self.dem is not None,
            "land_cover": self.land_cover is not None,
            "ndvi": self.ndvi is not None,
            "distance_to_water": self.water is not None or water_cells,
            "distance_to_motorway": self.motorways is not None,
            "distance_to_highway": self.highways is not None,
            "night_light": self.night_light is not None,
            MINE: self.mines is not None,
        }
        return [*(factor for factor in FACTORS if given[factor]), *self.extra]

    def lines(self) -> dict[str, Layer]:
        """The layers that distance is measured to, by factor."""
        given = {
            "distance_to_water": self.water,
            "distance_to_motorway": self.motorways,
            "distance_to_highway": self.highways,
        }
        return {factor: layer for factor, layer in given.items() if layer is not None}

    def numbers(self) -> dict[str, int]:
        """The number of each factor in a map of the dominant one: 1 to 9, then 10 and more."""
        return {factor: number for number, factor in enumerate([*FACTORS, *self.extra], 1)}


def extra_names(text: str, layer_names: Sequence[str]) -> list[str]:
    """The names of further factors, as tables of weights write them.

    Parameters
    ----------
    text : str
        A list with commas between, in the layers' order; empty: the layers' own names.
    layer_names : sequence of str

    Returns
    -------
    list of str
        As `factor_name` gives them.

    Raises
    ------
    InputError
        More or fewer names than layers, a name twice, one of the nine, or one that is no file name
        (``extra_names``); too many layers (``extra_factors``).
    """
    written = tables.split_list(text, words=True) or list(layer_names)
    if len(written) != len(layer_names):
        raise InputError(
            f"{len(written)} name(s) of further factors are given for {len(layer_names)} layer(s): write one for "
            f"each, with commas between.",
            parameter="extra_names",
            value=text,
        )
    names = [factor_name(name) for name in written]
    if len(names) > _MAX_EXTRA_FACTORS:
        raise InputError(
            f"{len(names)} further factors are given: {_MAX_EXTRA_FACTORS} are the most.", parameter="extra_factors"
        )
    for place, (name, own) in enumerate(zip(names, written)):
        fault = _fault_of_name(name, own, names[:place])
        if fault:
            raise InputError(fault, parameter="extra_names", value=own)
    return names


def _fault_of_name(name: str, own: str, earlier: Sequence[str]) -> str:
    """What is wrong with a further factor's name; empty where nothing is."""
    if name in FACTORS:
        return f"Further factor '{own}' has the name of one of the nine factors: give it another name."
    if name in earlier:
        return f"Two further factors are called '{own}': give each its own name."
    if not name or re.search(r'[\\/:*?"<>|]', name):
        return f"Further factor '{own}' has a name that no file can have: give it another name."
    return ""


def read_water_codes(text: str) -> tuple[int, ...]:
    """Land-cover codes from a text such as ``5, 9``; empty where there is none.

    Raises
    ------
    InputError
        A code that is not a whole number (``water_codes``).
    """
    parts = tables.split_list(text)
    for part in parts:
        if not re.fullmatch(r"[+-]?\d+", part):
            raise InputError(
                f"'{part}' in '{text}' is not a whole number; write land-cover codes such as 5 or 5,9.",
                parameter="water_codes",
                value=text,
            )
    return tuple(int(part) for part in parts)

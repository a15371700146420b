"""Annual water yield (Eqs 3 and 4 of Feng, Bai & Wang 2024; InVEST guide, Annual Water Yield).

``Y = (1 - AET / P) P``, with the evaporated share AET / P from a Budyko curve of the dryness index
``phi = Kc ET0 / P`` and the plant-available water ``AWC = min(soil depth, root depth) * PAWC``:

- Fu (Zhang et al. 2004; InVEST 3.x): ``1 + phi - (1 + phi^w)^(1/w)``, ``w = min(5, Z AWC / P + 1.25)``;
- Zhang et al. 2001 (Eq 4 of the paper): ``(1 + w phi) / (1 + w phi + 1 / phi)``, ``w = Z AWC / P``.

Neither may pass phi: no more than Kc ET0 evaporates. Where nothing grows AET = min(Kc ET0, P).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from .. import tables
from ..arrays import Bools, Float32s, Floats
from ..errors import InputError
from ..geometry.layers import Layer
from ..grid.blocks import ArrayOutput, BlockInput, BlockOutput, GridInput, InvalidCells, require_same_cells, run
from ..grid.grid import Grid, Window, float_grid
from ..land_cover_products import LandCoverProduct, table_for_product
from ..options import Option
from ..presets import Preset, conventions_text, settled
from ..progress import SILENT, Progress
from .land_cover import CODE, ClassCodes, class_rows, codes_of, require_codes
from .watersheds import VolumeArea, Watershed, WatershedSums

_Number = TypeVar("_Number", float, Floats)


class BudykoCurve(Option):
    """How the evaporated share of rain follows from dryness."""

    FU = "Fu, as InVEST 3.x", "Fu, as InVEST 3.x"
    ZHANG_2001 = "Zhang 2001, Eq 4", "Zhang 2001, Eq 4"


class Masking(Option):
    """Cells that get no value: none beyond those that lack what is needed, or InVEST's.

    InVEST gives none where P = 0, nor where the soil of a class without plants is unknown.
    """

    KEPT = "values everywhere", "values everywhere"
    AS_INVEST = "as InVEST", "as InVEST"


class DepthUnit(Option):
    """Unit of a map of soil depth."""

    MM = "mm", "mm"
    CM = "cm", "cm"
    M = "m", "m"


_MM_PER = {DepthUnit.MM: 1.0, DepthUnit.CM: 10.0, DepthUnit.M: 1000.0}


@dataclass(frozen=True)
class YieldConventions:
    """What a preset settles.

    Parameters
    ----------
    budyko : BudykoCurve
    masking : Masking
    volumes : VolumeArea
    """

    budyko: BudykoCurve = BudykoCurve.FU
    masking: Masking = Masking.KEPT
    volumes: VolumeArea = VolumeArea.CELLS


PRESETS = {
    Preset.RECOMMENDED: YieldConventions(),
    Preset.AS_PUBLISHED: YieldConventions(budyko=BudykoCurve.ZHANG_2001),
    Preset.AS_INVEST: YieldConventions(masking=Masking.AS_INVEST, volumes=VolumeArea.POLYGON),
}

_COLUMNS = [
    CODE,
    tables.Column("kc", minimum=0),
    tables.Column("vegetated", "flag", aliases=("lulc_veg",)),
    tables.Column("root_depth_mm", required=False, aliases=("root_depth",)),
]


@dataclass(frozen=True)
class BiophysicalTable:
    """Evapotranspiration and roots by land-cover class.

    Parameters
    ----------
    codes : ClassCodes
    kc : float64 array
        Crop coefficient of each code.
    root_depth_mm : float64 array
        0 where nothing grows.
    vegetated : bool array
    """

    codes: ClassCodes
    kc: Floats
    root_depth_mm: Floats
    vegetated: Bools


def default_table(product: LandCoverProduct | str = LandCoverProduct.CLCD) -> tables.RawTable:
    """The shipped crop coefficients and root depths for a product's codes; ours, not the paper's."""
    return table_for_product(tables.shipped("services", "biophysical.csv"), product)


def read_table(table: tables.RawTable | None = None) -> BiophysicalTable:
    """A biophysical table with every cell checked.

    Parameters
    ----------
    table : tables.RawTable, optional
        ``land_cover, kc, root_depth_mm, vegetated`` (1 or 0; without plants the root depth may be
        empty). InVEST's ``root_depth`` and ``lulc_veg`` serve too. Default the shipped one.

    Raises
    ------
    InputError
        A column or value that is missing or wrong, or a code with two rows.
    """
    parsed = tables.parse(table or default_table(), _COLUMNS)
    codes = codes_of(parsed)
    for index, row in enumerate(parsed.rows):
        depth = row["root_depth_mm"]
        if row["vegetated"] and (depth is None or depth < 0):
            raise parsed.error(index, "root_depth_mm", "cannot be the root depth of a vegetated class; write mm.")
    return BiophysicalTable(
        codes,
        np.array([row["kc"] for row in parsed.rows]),
        np.array([row["root_depth_mm"] if row["vegetated"] else 0.0 for row in parsed.rows]),
        np.array([row["vegetated"] for row in parsed.rows]),
    )


@dataclass(frozen=True)
class YieldChoices:
    """What a planner chooses beside the maps.

    Parameters
    ----------
    table : BiophysicalTable
        Default the shipped one for CLCD.
    seasonality : float
        Z, 1 to 30: about 0.2 times the number of rain events a year (Donohue et al. 2012).
    depth_unit : DepthUnit
    preset : Preset
        Recommended: Fu; as published: Zhang 2001; as InVEST 3.20: Fu, its masking, and volumes over the
        polygon's area.
    budyko, masking, volumes
        Take the place of the preset's where they are given.

    Raises
    ------
    InputError
        A seasonality outside its range.
    """

    table: BiophysicalTable = field(default_factory=read_table)
    seasonality: float = 12.0
    depth_unit: DepthUnit = DepthUnit.MM
    preset: Preset = Preset.RECOMMENDED
    budyko: BudykoCurve | None = None
    masking: Masking | None = None
    volumes: VolumeArea | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.seasonality <= 30:
            raise InputError(
                f"Z = {self.seasonality:g} is outside 1 to 30: correct it (0.2 times the number of rain events "
                f"a year).",
                parameter="seasonality",
                value=self.seasonality,
            )

    def _by_hand(self) -> dict[str, Option | None]:
        return {"budyko": self.budyko, "masking": self.masking, "volumes": self.volumes}

    @property
    def conventions(self) -> YieldConventions:
        """The preset's, with those that were chosen by hand in their place."""
        return settled(PRESETS, self.preset, **self._by_hand())

    def text(self, *, with_volumes: bool) -> str:
        """The conventions in words, for the log."""
        chosen = self.conventions
        phrases = {"budyko": f"Budyko curve '{chosen.budyko}'", "masking": f"masking '{chosen.masking}'"}
        if with_volumes:
            phrases["volumes"] = f"volumes '{chosen.volumes}'"
        return conventions_text(self.preset, phrases, self._by_hand())


@dataclass(frozen=True)
class YieldInputs:
    """The maps, as inputs of `blocks.run` on the cells of the land cover.

    Parameters
    ----------
    land_cover : BlockInput
        Whole-number codes: `blocks.Classes`.
    precipitation, evapotranspiration : BlockInput
        P and reference ET0, mm a year, at least 0: `annual_sum.AnnualSum`.
    soil_depth : BlockInput
        Depth to the layer that stops roots, at least 0: `warping.AlignedRaster`.
    plant_available_water : BlockInput
        PAWC, a share 0 to 1 of the soil's depth: `warping.AlignedRaster`.
    """

    land_cover: BlockInput
    precipitation: BlockInput
    evapotranspiration: BlockInput
    soil_depth: BlockInput
    plant_available_water: BlockInput

    @classmethod
    def of_grids(
        cls,
        land_cover: Grid,
        *,
        precipitation: Grid,
        evapotranspiration: Grid,
        soil_depth: Grid,
        plant_available_water: Grid,
    ) -> YieldInputs:
        """Of maps in memory."""
        return cls(
            GridInput(land_cover),
            GridInput(precipitation),
            GridInput(evapotranspiration),
            GridInput(soil_depth),
            GridInput(plant_available_water),
        )

    @property
    def maps(self) -> list[BlockInput]:
        """All of them, the land cover first and plant-available water last."""
        return [
            self.land_cover,
            self.precipitation,
            self.evapotranspiration,
            self.soil_depth,
            self.plant_available_water,
        ]


@dataclass(frozen=True)
class YieldOutputs:
    """Where the maps go; None where one is not wanted.

    Parameters
    ----------
    water_yield, evapotranspiration : writing.RasterWriter, blocks.ArrayOutput or None
        float32, mm a year.
    """

    water_yield: BlockOutput | None = None
    evapotranspiration: BlockOutput | None = None


@dataclass
class WaterYield:
    """Maps in mm a year, and the watersheds' sums."""

    water_yield: Grid
    evapotranspiration: Grid
    watersheds: list[Watershed]


def fu(phi: _Number, w: _Number) -> _Number:
    """AET / P after Fu; arrays or numbers, phi >= 0, w > 1.

    Written so that a very dry or very wet cell loses no digits: with m = max(1, phi) and
    t = min(phi, 1/phi), ``(1 + phi^w)^(1/w) = m (1 + t^w)^(1/w)``.
    """
    more = np.maximum(1.0, phi)
    turned = np.minimum(phi, 1.0) / more
    share: _Number = np.minimum(1.0, phi) - more * np.expm1(np.log1p(turned**w) / w)
    return share


def zhang_2001(phi: _Number, w: _Number) -> _Number:
    """AET / P after Zhang et al. (2001); arrays or numbers, phi >= 0, w >= 0. It may pass phi."""
    return 1.0 - 1.0 / (1.0 + phi * (1.0 + w * phi))


def water_yield(
    inputs: YieldInputs,
    choices: YieldChoices | None = None,
    *,
    watersheds: Layer | None = None,
    progress: Progress = SILENT,
) -> WaterYield:
    """Water yield and actual evapotranspiration of an average year, whole in memory.

    Parameters
    ----------
    inputs : YieldInputs
        See `YieldInputs.of_grids`.
    choices : YieldChoices, optional
    watersheds : layers.Layer, optional
        Polygons to report means and volumes for; they may overlap.
    progress : Progress

    Returns
    -------
    WaterYield
        float32 maps, mm a year; NaN where an input that matters has no value. Where P = 0, both
        are 0.

    Notes
    -----
    8 bytes per cell beyond the inputs.
    """
    template = inputs.land_cover.template
    yields, actual = ArrayOutput(template), ArrayOutput(template)
    found = water_yield_blocks(inputs, YieldOutputs(yields, actual), choices, watersheds=watersheds, progress=progress)
    return WaterYield(
        float_grid(yields.values, template, "water yield"),
        float_grid(actual.values, template, "actual evapotranspiration"),
        found,
    )


def water_yield_blocks(
    inputs: YieldInputs,
    outputs: YieldOutputs,
    choices: YieldChoices | None = None,
    *,
    watersheds: Layer | None = None,
    progress: Progress = SILENT,
) -> list[Watershed]:
    """As `water_yield`, for maps of any size.

    Returns
    -------
    list of Watershed
        Empty without a layer of watersheds. Sums are taken part by part.
    """
    choices = choices or YieldChoices()
    require_same_cells(inputs.maps)
    land_cover = inputs.land_cover
    sums = None if watersheds is None else WatershedSums(watersheds, land_cover.template, progress=progress)
    require_codes(land_cover, choices.table.codes, progress=progress.part(0, 0.1))
    cells = _CellYields(inputs, choices, sums)
    run(
        inputs.maps,
        cells.of_part,
        [outputs.water_yield, outputs.evapotranspiration],
        check=cells.check,
        progress=progress.part(0.1, 1.0),
    )
    conventions = choices.text(with_volumes=watersheds is not None)
    progress.log(f"Water yield, {conventions}; Z = {choices.seasonality:g}.")
    if cells.held_at_demand:
        progress.log(
            f"On {cells.held_at_demand} cell(s) the curve gave more evapotranspiration than the demand Kc ET0: "
            f"the demand was taken."
        )
    return [] if sums is None else sums.watersheds(choices.conventions.volumes, progress=progress)


class _CellYields:
    """Computes parts of the maps, and counts what only the whole map shows."""

    def __init__(self, inputs: YieldInputs, choices: YieldChoices, sums: WatershedSums | None) -> None:
        self._inputs, self._choices, self._sums = inputs, choices, sums
        self._conventions = choices.conventions
        # the last row is that of cells without a class
        self._kc = np.append(choices.table.kc, np.nan)
        self._root_mm = np.append(choices.table.root_depth_mm, np.nan)
        self._vegetated = np.append(choices.table.vegetated, False)
        self._invalid = [InvalidCells() for _ in inputs.maps[1:]]
        self._known = 0
        self.held_at_demand = 0

    def of_part(self, part: Window, cover: Grid, *grids: Grid) -> tuple[Float32s, Float32s] | None:
        """Yield and actual evapotranspiration; None once an impossible value was found."""
        for found, grid in zip(self._invalid, grids):
            invalid = grid.values < 0
            if grid is grids[-1]:
                invalid = invalid | (grid.values > 1)
            found.add(part, grid.values, grid.valid & invalid)
        if any(found.count for found in self._invalid):
            return None
        rows = class_rows(cover, self._choices.table.codes)
        rain, potential, soil_depth, share_of_soil = (grid.floats(np.float64) for grid in grids)
        demand = self._kc[rows] * potential
        depth_mm = np.minimum(soil_depth * _MM_PER[self._choices.depth_unit], self._root_mm[rows])
        water = depth_mm * share_of_soil
        evaporated = self._evaporated(rain, demand, water=water, vegetated=self._vegetated[rows])
        yields, actual = (rain - evaporated).astype(np.float32), evaporated.astype(np.float32)
        self._known += np.count_nonzero(np.isfinite(yields))
        if self._sums is not None:
            self._sums.add(part, (grids[0].floats(), demand.astype(np.float32), actual, yields))
        return yields, actual

    def _evaporated(self, rain: Floats, demand: Floats, *, water: Floats, vegetated: Bools) -> Floats:
        """Actual evapotranspiration in mm, of P, Kc ET0 and plant-available water in mm."""
        wet = np.where(rain > 0, rain, 1.0)
        phi, w = demand / wet, self._choices.seasonality * water / wet
        fu_curve = self._conventions.budyko is BudykoCurve.FU
        share = fu(phi, np.minimum(5.0, w + 1.25)) if fu_curve else zhang_2001(phi, w)
        self.held_at_demand += np.count_nonzero(vegetated & (share > phi * (1 + 1e-9)) & (rain > 0))
        evaporated = np.where(vegetated, np.minimum(share, phi), np.minimum(phi, 1.0)) * wet
        evaporated = np.where(rain > 0, evaporated, rain * demand)  # 0, or NaN where one is unknown
        if self._conventions.masking is Masking.AS_INVEST:
            evaporated[(rain == 0) | np.isnan(water)] = np.nan
        return evaporated

    def check(self) -> None:
        """Refuse impossible values, and maps that have no cell in common."""
        maps = self._inputs.maps
        for found, each in zip(self._invalid, maps[1:]):
            if found.count:
                correction = (
                    "and a share must be 0 to 1: divide per cent by 100, or correct its nodata value."
                    if each is maps[-1]
                    else "and cannot be negative: correct the raster or its nodata value."
                )
                raise InputError(
                    f"Raster '{each.name}' holds {found.first:g} on {found.count} cell(s), {correction}",
                    layer=each.name,
                    value=found.first,
                )
        if not self._known:
            others = [each.name for each in maps[1:]]
            raise InputError(
                f"No cell of '{maps[0].name}' has a value in all of {', '.join(others[:-1])} and {others[-1]}: choose "
                f"maps of one area, or correct their nodata values.",
                layer=maps[0].name,
            )

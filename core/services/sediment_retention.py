"""Sediment retention (Eq 2 of Feng, Bai & Wang 2024; InVEST guide, Sediment Delivery Ratio).

- Soil loss (RUSLE): ``RKLS = R K LS`` on bare ground, ``USLE = R K LS C P`` under its cover.
- Sediment delivery ratio (Vigiak et al. 2012, J. Hydrol. 450-451: 210-223) from the index of
  connectivity ``IC = log10(D_up / D_dn)`` (Borselli et al. 2008, Catena 75: 268-277; Cavalli et al. 2013,
  Geomorphology 188: 31-41): ``SDR = SDR_max / (1 + exp((IC_0 - IC) / k_b))``.
- Retention index (Eq 2) ``(RKLS - USLE) SDR / SDR_max``; avoided erosion ``RKLS - USLE``; export
  ``USLE SDR``; avoided export ``(RKLS - USLE) SDR + T`` with T the sediment from upslope that is
  deposited in a cell.

On streams SDR is 1 (and SDR / SDR_max counts as 1 in Eq 2, its limit towards a stream). Cells that
drain into a pit without outlet have SDR 0. Ways that leave the map before a stream end at its edge.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from osgeo import ogr

from .. import tables
from ..arrays import AnyFloats, Bools, Float32s, Floats
from ..errors import InputError
from ..geometry.cells import rasterize
from ..grid.grid import Grid, float_grid
from ..grid.slope import SlopeEdges, rises
from ..presets import Preset, conventions_text, settled
from ..progress import SILENT, Progress
from ..routing.depressions import fill_depressions, internal_drains
from ..routing.flow import Unfilled, route
from ..routing.ways import FlowConvention, Routing
from .land_cover import class_rows, codes_of, values_by_class
from .sediment_delivery import (
    Delivery,
    IcLength,
    Masking,
    SedimentUnit,
    SoilLoss,
    WaterWays,
    check_streams,
    connectivity_and_delivery,
    find_streams,
    sediment_balance,
)
from .sediment_factors import Capped, LsMethod, SlopeLength, ls_factor, read_table

_LOWEST_SLOPE, _HIGHEST_SLOPE = 0.005, 1.0
_NOT_NEGATIVE = "cannot be negative: correct the raster or its nodata value."


@dataclass(frozen=True)
class Conventions:
    """What a preset sets; each can be replaced alone.

    Parameters
    ----------
    routing : Routing
    flow : FlowConvention
        Ties, flats, MFD shares, threshold, slope at the map's edge.
    ls_method : LsMethod
    cap : float
        Upper bound in LS, of what ``capped`` says, above 0; infinite: none.
    capped : Capped
    ic_length : IcLength
        The unit of D_dn.
    masking : Masking
    unit : SedimentUnit

    Raises
    ------
    InputError
        A cap that is not above 0; names ``ls_cap``.
    """

    routing: Routing = Routing.MFD
    flow: FlowConvention = FlowConvention.RECOMMENDED
    ls_method: LsMethod = LsMethod.DESMET_GOVERS
    cap: float = 333.0
    capped: Capped = Capped.SLOPE_LENGTH
    ic_length: IcLength = IcLength.METRES
    masking: Masking = Masking.KEPT
    unit: SedimentUnit = SedimentUnit.PER_HECTARE

    def __post_init__(self) -> None:
        if not self.cap > 0:
            raise InputError(
                f"{self.cap:g} caps everything: the cap must be above 0 (122 to 333 are usual).",
                parameter="ls_cap",
                value=self.cap,
            )

    @property
    def slope_length(self) -> SlopeLength:
        """How LS is computed."""
        return SlopeLength(self.ls_method, self.cap, self.capped)

    def phrases(self) -> dict[str, str]:
        """What the log says of each convention."""
        return {
            "routing": f"{self.routing} routing",
            "flow": f"ties and flats {self.flow}",
            "ls_method": f"LS {self.ls_method}",
            "cap": "no cap in LS" if self.cap == math.inf else f"LS capped at {self.cap:g}",
            "capped": f"a cap holds the {self.capped}",
            "ic_length": f"connectivity in {self.ic_length}",
            "masking": f"cells with {self.masking}",
            "unit": f"maps in {self.unit} a year",
        }


PRESETS = {
    Preset.RECOMMENDED: Conventions(),
    Preset.AS_PUBLISHED: Conventions(unit=SedimentUnit.PER_PIXEL),
    Preset.AS_INVEST: Conventions(
        flow=FlowConvention.AS_INVEST,
        ls_method=LsMethod.INVEST,
        cap=122.0,
        capped=Capped.L_FACTOR,
        ic_length=IcLength.PIXELS,
        masking=Masking.AS_INVEST,
    ),
}


@dataclass(frozen=True)
class SedimentChoices:
    """How sediment is reckoned.

    Parameters
    ----------
    preset : Preset
    by_hand : mapping
        Conventions in place of the preset's, by their names in `Conventions`; None leaves the preset's.
    delivery : Delivery
    """

    preset: Preset = Preset.RECOMMENDED
    by_hand: Mapping[str, Any] | None = None
    delivery: Delivery = field(default_factory=Delivery)

    def __post_init__(self) -> None:
        settled(PRESETS, self.preset, **(self.by_hand or {}))  # refuses what cannot be

    @property
    def conventions(self) -> Conventions:
        """Those of the preset, with those chosen by hand in their place."""
        return settled(PRESETS, self.preset, **(self.by_hand or {}))


@dataclass(frozen=True)
class SedimentMaps:
    """What sediment is reckoned from, all on the cells of the DEM.

    Parameters
    ----------
    dem : Grid
        Elevation in metres, on cells in metres.
    land_cover : Grid
        Whole-number codes.
    erosivity : Grid
        R, MJ mm / (ha h a), at least 0.
    erodibility : Grid
        K, t ha h / (ha MJ mm), at least 0.
    cover : Grid, optional
        C, 0 to 1, in place of the table's ``usle_c``; see `sediment_factors.cover_factor`.
    drainage : Grid, optional
        Cells that hold 1 are streams too.
    mine_geometries : sequence of ogr.Geometry
        In the CRS of the DEM: depressions with their lowest cell under one drain inside, and are neither
        filled nor lost.

    Raises
    ------
    InputError
        Maps on other cells.
    """

    dem: Grid
    land_cover: Grid
    erosivity: Grid
    erodibility: Grid
    cover: Grid | None = None
    drainage: Grid | None = None
    mine_geometries: Sequence[ogr.Geometry] = ()

    def __post_init__(self) -> None:
        for grid in (self.land_cover, self.erosivity, self.erodibility, self.cover, self.drainage):
            if grid is not None and grid.values.shape != self.dem.template.shape:
                raise InputError(
                    f"Raster '{grid.name}' is not on the cells of '{self.dem.name}': align it first.", layer=grid.name
                )


@dataclass
class SedimentRetention:
    """Maps per year in the unit chosen, and sums in t a year.

    ``totals``: ``soil_loss`` (USLE), ``export`` (of it, to streams or off the map at once), ``deposition``
    (on the way, and in pits), ``leaves_map`` (on its way when it passed the edge); soil_loss is the sum
    of the other three. ``avoided_erosion``, ``avoided_export`` and ``retention`` too.
    """

    retention: Grid
    soil_loss: Grid
    bare_soil_loss: Grid
    export: Grid
    avoided_erosion: Grid
    avoided_export: Grid
    deposition: Grid
    sdr: Grid
    connectivity: Grid
    ls: Grid
    accumulation: Grid
    streams: Grid
    conventions: Conventions
    totals: dict[str, float]


def sediment_retention(
    maps: SedimentMaps,
    table: tables.RawTable | None = None,
    *,
    choices: SedimentChoices,
    progress: Progress = SILENT,
) -> SedimentRetention:
    """Soil loss, its delivery to streams, and what vegetation keeps back.

    Parameters
    ----------
    maps : SedimentMaps
    table : tables.RawTable, optional
        ``land_cover, usle_c, usle_p``, 0 to 1; default the shipped one.
    choices : SedimentChoices

    Returns
    -------
    SedimentRetention

    Raises
    ------
    InputError
        Values out of range, codes that the table lacks, no stream where masking is as InVEST's.

    Notes
    -----
    Peak 145 bytes per cell with D8 and 195 with MFD, of which 50 are the results; with ties and flats as
    InVEST up to 260 where a third of the map is flat.
    """
    how, delivery, template = choices.conventions, choices.delivery, maps.dem.template
    delivery.require_streams(with_drainage=maps.drainage is not None)
    for grid in (maps.erosivity, maps.erodibility):
        _require_range(grid, math.inf, _NOT_NEGATIVE)
    factors = _Factors.read(maps, table, progress.part(0, 0.05))
    elevation = factors.elevation(maps.dem, only_known=how.masking is Masking.AS_INVEST)
    progress.check()
    filled, drains = _filled(maps, elevation, progress.part(0.05, 0.25))
    flow = route(
        filled,
        template,
        routing=how.routing,
        convention=how.flow,
        unfilled=Unfilled(elevation, drains),
        progress=progress.part(0.25, 0.5),
    )
    del elevation
    accumulation = flow.accumulate(progress=progress.part(0.5, 0.55))
    stream = find_streams(
        flow,
        accumulation,
        threshold=delivery.threshold,
        convention=how.flow,
        drainage=maps.drainage,
        progress=progress.part(0.55, 0.6),
    )
    check_streams(stream, accumulation, masking=how.masking, progress=progress)
    ways = WaterWays(flow, accumulation, stream, template, how.masking)
    ls, gentle = _slopes(filled, ways, how, progress.part(0.6, 0.7))
    del filled
    loss = factors.soil_loss(ls, progress)
    index, sdr = connectivity_and_delivery(
        ways, factors.cover, gentle, delivery=delivery, ic_length=how.ic_length, progress=progress.part(0.7, 0.88)
    )
    del gentle
    if how.masking is Masking.AS_INVEST:
        loss.bare[stream] = loss.covered[stream] = np.nan
    balance, totals = sediment_balance(
        ways, loss, sdr, sdr_max=delivery.sdr_max, unit=how.unit, progress=progress.part(0.88, 1.0)
    )
    progress.check()
    _log_result(choices, totals, drains, progress)
    return SedimentRetention(
        **{name: float_grid(values, template, name.replace("_", " ")) for name, values in balance.items()},
        sdr=float_grid(sdr, template, "sediment delivery ratio"),
        connectivity=float_grid(index, template, "connectivity index"),
        ls=float_grid(ls, template, "LS factor"),
        accumulation=float_grid(np.where(flow.valid, accumulation, np.nan), template, "flow accumulation"),
        streams=Grid(np.where(flow.valid, stream, 255).astype(np.uint8), template, 255, "streams"),
        conventions=how,
        totals=totals,
    )


@dataclass
class _Factors:
    """R, K, C and P, float32 with NaN without value."""

    rain: Float32s
    soil: Float32s
    cover: Float32s
    practice: Float32s

    @classmethod
    def read(cls, maps: SedimentMaps, table: tables.RawTable | None, progress: Progress) -> _Factors:
        parsed = read_table(table, with_cover=maps.cover is None)
        rows = class_rows(maps.land_cover, codes_of(parsed), progress=progress)
        practice = values_by_class(rows, [row["usle_p"] for row in parsed.rows])
        if maps.cover is None:
            cover = values_by_class(rows, [row["usle_c"] for row in parsed.rows])
        else:
            _require_range(maps.cover, 1, "a cover factor is 0 to 1: rescale it, or correct its nodata value.")
            cover = maps.cover.floats()
        progress.check()
        return cls(maps.erosivity.floats(), maps.erodibility.floats(), cover, practice)

    def elevation(self, dem: Grid, *, only_known: bool) -> Floats:
        """The DEM in float64; ``only_known``: NaN where any factor has no value."""
        elevation: Floats = dem.floats(np.float64)
        if only_known:
            known = (
                np.isfinite(self.rain) & np.isfinite(self.soil) & np.isfinite(self.cover) & np.isfinite(self.practice)
            )
            elevation[~known] = np.nan
        if np.isnan(elevation).all():
            raise InputError(
                f"No cell of '{dem.name}' has a value in all inputs: choose maps of one area, or correct "
                f"their nodata values.",
                layer=dem.name,
            )
        return elevation

    def soil_loss(self, ls: Float32s, progress: Progress) -> SoilLoss:
        """Soil loss; R and K are let go of, since memory is at its peak after it."""
        bare = ls * self.rain * self.soil
        del self.rain, self.soil
        progress.check()
        return SoilLoss(bare, bare * (self.cover * self.practice))


def _slopes(filled: AnyFloats, ways: WaterWays, how: Conventions, progress: Progress) -> tuple[Float32s, Float32s]:
    """LS, and the slope in m/m within the bounds of the index of connectivity."""
    template = ways.template
    ls, gentle = (np.full(template.shape, np.nan, dtype=np.float32) for _ in range(2))
    edges = SlopeEdges.AS_INVEST if how.flow is FlowConvention.AS_INVEST else SlopeEdges.STRAIGHT
    for rows, east, south in rises(filled, template, edges=edges, progress=progress):
        ls[rows] = ls_factor(
            east, south, ways.accumulation[rows], cell_area_m2=template.cell_area_m2, how=how.slope_length
        )
        percent = (100 * np.sqrt(east**2 + south**2)).astype(np.float32)  # as InVEST keeps it
        gentle[rows] = np.clip(percent / 100, _LOWEST_SLOPE, _HIGHEST_SLOPE)
    return ls, gentle


def _require_range(grid: Grid, highest: float, remedy: str) -> None:
    wrong = grid.valid & ((grid.values < 0) | (grid.values > highest))
    if wrong.any():
        found = grid.values[wrong].flat[0]
        raise InputError(
            f"Raster '{grid.name}' holds {found:g} on {np.count_nonzero(wrong)} cell(s), and {remedy}",
            layer=grid.name,
            value=float(found),
        )


def _filled(maps: SedimentMaps, elevation: Floats, progress: Progress) -> tuple[AnyFloats, Bools | None]:
    """The DEM without depressions, and the internal drains or None."""
    filled = fill_depressions(elevation, progress=progress.part(0.0, 0.5))
    if not len(maps.mine_geometries):
        return filled, None
    under = rasterize(maps.mine_geometries, maps.dem.template, dtype=np.uint8) > 0
    drains = internal_drains(elevation, filled, under=under)
    if not drains.any():
        progress.warn(
            f"No depression of '{maps.dem.name}' has its lowest cell under a mine, so none drains inside: check "
            f"that the DEM is younger than the pits, or leave the mines out."
        )
        return filled, None
    return fill_depressions(elevation, drains=drains, progress=progress.part(0.5, 1.0)), drains


def _log_result(choices: SedimentChoices, totals: dict[str, float], drains: Bools | None, progress: Progress) -> None:
    conventions = conventions_text(choices.preset, choices.conventions.phrases(), choices.by_hand or {})
    progress.log(f"Sediment retention, {conventions}; streams from {choices.delivery.threshold:g} cells.")
    if drains is not None:
        progress.log(
            f"{np.count_nonzero(drains)} cell(s) at the bottom of pits drain inside: SDR is 0 where all "
            f"water runs to them."
        )
    progress.log(
        "Of {soil_loss:.4g} t of soil lost in a year {export:.4g} t reach a stream or leave the map at once, "
        "{deposition:.4g} t are deposited and {leaves_map:.4g} t leave the map on their way.".format(**totals)
    )

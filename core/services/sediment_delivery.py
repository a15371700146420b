"""How soil that is lost travels: streams, the index of connectivity, delivery, deposition and the balance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from ..arrays import Bools, Float32s, Floats
from ..errors import InputError
from ..grid.grid import Grid, Template
from ..grid.row_blocks import row_blocks
from ..options import Option
from ..progress import SILENT, Progress
from ..routing.flow import Flow, WayEnds
from ..routing.streams import streams
from ..routing.ways import FlowConvention

_LOWEST_C = 0.001
_M2_PER_HA = 1e4
_MAPS = ("retention", "soil_loss", "bare_soil_loss", "export", "avoided_erosion", "avoided_export", "deposition")

_Number = TypeVar("_Number", float, Floats, Float32s)


class IcLength(Option):
    """How the way to a stream is measured in the index of connectivity."""

    METRES = "metres", "metres"
    PIXELS = "InVEST pixels"


class Masking(Option):
    """Cells that get no value.

    InVEST gives none on streams, nor (SDR, IC, exports) where no way leads to a stream, nor (anywhere)
    where any input has none.
    """

    KEPT = "values everywhere", "values everywhere"
    AS_INVEST = "as InVEST", "as InVEST"


class SedimentUnit(Option):
    """Unit of the maps, a year."""

    PER_HECTARE = "t/ha", "t/ha"
    PER_PIXEL = "t per pixel", "t per pixel"


@dataclass(frozen=True)
class Delivery:
    """The curve of the sediment delivery ratio, and where streams begin.

    Parameters
    ----------
    kb, ic0 : float
        Calibration; kb above 0.
    sdr_max : float
        Above 0 and at most 1.
    threshold : float
        Cells that flow through a stream, at least; 0: only a drainage layer makes streams.

    Raises
    ------
    InputError
        A number outside its range; names it.
    """

    kb: float = 2.0
    ic0: float = 0.5
    sdr_max: float = 0.8
    threshold: float = 1000.0

    def __post_init__(self) -> None:
        if not self.kb > 0:
            raise InputError(f"k_b is {self.kb:g}: it must be above 0 (2 is usual).", parameter="kb", value=self.kb)
        if not 0 < self.sdr_max <= 1:
            raise InputError(
                f"SDR_max is {self.sdr_max:g}: it must be above 0 and at most 1 (0.8 is usual).",
                parameter="sdr_max",
                value=self.sdr_max,
            )
        if not self.threshold >= 0:
            raise InputError(
                f"{self.threshold:g} is below 0: give the number of cells from which a stream begins.",
                parameter="accumulation_threshold",
                value=self.threshold,
            )

    def require_streams(self, *, with_drainage: bool) -> None:
        """Refuse a threshold of 0 without a drainage layer."""
        if not self.threshold and not with_drainage:
            raise InputError(
                "no drainage layer is given beside a threshold of 0: give the number of cells above 0 from which "
                "a stream begins, or a drainage layer.",
                parameter="accumulation_threshold",
                value=self.threshold,
            )

    def ratio(self, connectivity: _Number) -> _Number:
        """SDR of an index of connectivity; numbers or arrays. -2, 0, 0.5, 2 give 0.178, 0.350, 0.4, 0.543."""
        ratio: _Number = self.sdr_max / (1 + np.exp((self.ic0 - connectivity) / self.kb))
        return ratio


@dataclass(frozen=True)
class WaterWays:
    """Where water flows.

    Parameters
    ----------
    flow : Flow
    accumulation : float64 ndarray, shape (rows, cols)
        Cells that flow through each cell.
    stream : bool ndarray
    template : Template
    masking : Masking
    """

    flow: Flow
    accumulation: Floats
    stream: Bools
    template: Template
    masking: Masking


@dataclass
class SoilLoss:
    """Soil loss in t/ha a year on bare ground and under its cover, float32, NaN without value."""

    bare: Float32s
    covered: Float32s


def find_streams(
    flow: Flow,
    accumulation: Floats,
    *,
    threshold: float,
    convention: FlowConvention,
    drainage: Grid | None,
    progress: Progress = SILENT,
) -> Bools:
    """Cells of streams: by accumulation, less what gathers in a pit, and by a drainage layer."""
    stream: Bools = np.zeros(flow.shape, dtype=bool)
    if threshold > 0:
        stream = streams(flow, accumulation, threshold=threshold, convention=convention, progress=progress)
    if flow.drains.any():  # what gathers in a pit is no stream
        _, leaving = flow.path_to(False, 1.0, progress=progress)
        stream &= leaving > 0
    if drainage is not None:
        stream |= drainage.valid & (drainage.values == 1) & flow.valid
    return stream


def check_streams(stream: Bools, accumulation: Floats, *, masking: Masking, progress: Progress) -> None:
    """Say that no cell is a stream, or refuse that where values need one."""
    if stream.any():
        return
    few = f"No cell is a stream, since no more than {accumulation.max():.0f} cell(s) flow through any"
    remedy = "lower the accumulation threshold, or give a drainage layer."
    if masking is Masking.AS_INVEST:
        raise InputError(f"{few}: {remedy}")
    progress.warn(f"{few}; all ways were followed to the map's edge: {remedy}")


def connectivity_and_delivery(
    ways: WaterWays,
    cover: Float32s,
    slope: Float32s,
    *,
    delivery: Delivery,
    ic_length: IcLength,
    progress: Progress,
) -> tuple[Float32s, Float32s]:
    """Index of connectivity and sediment delivery ratio, float32.

    Parameters
    ----------
    cover : float32 ndarray, shape (rows, cols)
        C; NaN where it is not known.
    slope : float32 ndarray
        Metres per metre within the bounds of the index.
    """
    flow, accumulation, stream = ways.flow, ways.accumulation, ways.stream
    known = np.isfinite(cover) & flow.valid
    floor = np.maximum(cover, np.float32(_LOWEST_C))
    mean_cover = flow.accumulate(np.where(known, floor, 0), progress=progress.part(0.0, 0.2))
    if known.sum() < flow.valid.sum():  # on its way sediment passes cells without a cover as through the mean one
        floor = np.where(known, floor, floor[known].mean() if known.any() else 1)
        with_cover = flow.accumulate(known, progress=progress.part(0.2, 0.3))
        mean_cover = np.where(with_cover > 0, mean_cover / np.maximum(with_cover, 1e-300), floor)
    else:
        mean_cover /= accumulation.clip(1)
    mean_slope = flow.accumulate(np.where(flow.valid, slope, 0), progress=progress.part(0.3, 0.5))
    cost = np.where(flow.valid, 1 / (floor * slope), np.float32(0))
    progress.check()
    ends = WayEnds(in_cells=ic_length is IcLength.PIXELS, at_edge=ways.masking is Masking.KEPT)
    downslope, reach = flow.path_to(stream, cost, how=ends, progress=progress.part(0.5, 0.9))
    index, sdr = (np.full(flow.shape, np.nan, dtype=np.float32) for _ in range(2))
    for block in row_blocks(*flow.shape, progress.part(0.9, 1.0)):
        number = accumulation[block].clip(1)
        upslope = mean_cover[block] * (mean_slope[block] / number) * np.sqrt(number * ways.template.cell_area_m2)
        with np.errstate(divide="ignore", invalid="ignore"):
            # in float32, as InVEST keeps it: small differences of SDR decide what is deposited
            index[block] = np.where(flow.valid[block] & ~stream[block], np.log10(upslope / downslope[block]), np.nan)
        ratio = delivery.ratio(index[block])
        if ways.masking is Masking.KEPT:
            ratio = np.where(reach[block] > 0, ratio * reach[block], 0.0)
        ratio[stream[block]] = 1.0
        sdr[block] = np.where(flow.valid[block], ratio, np.nan)
    return index, sdr


@dataclass
class _Travel:
    """Per cell what starts on its way, what share of the arriving stays, and what arrives; t/ha a year."""

    own: Floats
    kept: Floats
    arrived: Floats
    sinks: Bools


def _travel(ways: WaterWays, loss: SoilLoss, sdr: Float32s, progress: Progress) -> _Travel:
    flow = ways.flow
    below = flow.mean_below(np.nan_to_num(sdr), progress=progress.part(0.0, 0.45))
    own, kept = (np.zeros(flow.shape) for _ in range(2))
    sinks = flow.drains & ~ways.stream
    for block in row_blocks(*flow.shape, progress.part(0.45, 0.55)):
        ratio, unknown = np.nan_to_num(sdr[block]).astype(np.float64), np.isnan(sdr[block])
        with np.errstate(divide="ignore", invalid="ignore"):
            kept[block] = np.where(ratio < 1, np.maximum(below[block] - ratio, 0) / (1 - ratio), 1.0)
        own[block] = np.where(unknown, 0, np.nan_to_num(loss.covered[block]) * (1 - ratio))
        kept[block][unknown] = 1
        kept[block][sinks[block]] = 0  # and all that goes on from there stays there
    del below
    arrived = flow.inflow(own, kept=kept, progress=progress.part(0.55, 1.0))
    return _Travel(own, kept, arrived, sinks)


def sediment_balance(
    ways: WaterWays,
    loss: SoilLoss,
    sdr: Float32s,
    *,
    sdr_max: float,
    unit: SedimentUnit,
    progress: Progress,
) -> tuple[dict[str, Float32s], dict[str, float]]:
    """The maps that follow from soil loss and delivery, and the sums in t a year.

    Returns
    -------
    maps : dict of str to float32 ndarray
        In the unit chosen, by the names of `sediment_retention.SedimentRetention`.
    totals : dict of str to float
        The maps' names and ``leaves_map``.
    """
    flow, masking = ways.flow, ways.masking
    travel = _travel(ways, loss, sdr, progress.part(0.0, 0.9))
    hectares = ways.template.cell_area_m2 / _M2_PER_HA
    factor = np.float32(hectares if unit is SedimentUnit.PER_PIXEL else 1)
    maps: dict[str, Float32s] = {name: np.empty(flow.shape, dtype=np.float32) for name in _MAPS}
    totals = dict.fromkeys((*_MAPS, "leaves_map"), 0.0)
    for block in row_blocks(*flow.shape, progress.part(0.9, 1.0)):
        ratio, on_stream = sdr[block], ways.stream[block]
        out = travel.own[block] + (1 - travel.kept[block]) * travel.arrived[block]
        known = flow.valid[block] & np.isfinite(ratio)
        trapped = np.where(travel.sinks[block], out, travel.kept[block] * travel.arrived[block])
        totals["leaves_map"] += out[flow.leaves[block]].sum()
        totals["deposition"] += trapped[known].sum()
        totals["soil_loss"] += np.nansum(np.where(known, loss.covered[block], 0), dtype=np.float64)
        trapped[~known | (on_stream & (masking is Masking.AS_INVEST))] = np.nan
        avoided = loss.bare[block] - loss.covered[block]
        for name, values in (
            ("retention", avoided * np.where(on_stream, np.float32(sdr_max), ratio) / np.float32(sdr_max)),
            ("soil_loss", loss.covered[block]),
            ("bare_soil_loss", loss.bare[block]),
            ("export", loss.covered[block] * ratio),
            ("avoided_erosion", avoided),
            ("avoided_export", avoided * ratio + trapped),
            ("deposition", trapped),
        ):
            if name not in ("soil_loss", "deposition"):
                totals[name] += np.nansum(values, dtype=np.float64)
            maps[name][block] = values * factor
    return maps, {name: float(total) * hectares for name, total in totals.items()}

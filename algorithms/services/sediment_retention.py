"""Toolbox step: soil loss, its delivery to streams, and the sediment that vegetation keeps back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...core.errors import InputError
from ...core.geometry.layers import LayerSource
from ...core.grid.grid import QUANTITY, Grid, Template
from ...core.grid.reading import RasterSource, open_template
from ...core.grid.warping import align, read_classes
from ...core.land_cover_products import LandCoverProduct
from ...core.presets import Preset
from ...core.progress import Progress
from ...core.routing.ways import FlowConvention, Routing
from ...core.services.sediment_delivery import Delivery, IcLength, Masking, SedimentUnit
from ...core.services.sediment_factors import (
    Capped,
    CoverKind,
    LsMethod,
    cover_factor,
    default_table,
    drainage_cells,
    read_table,
)
from ...core.services.sediment_retention import SedimentChoices, SedimentMaps, sediment_retention
from ...core.tables import RawTable
from .. import parameters as p
from ..base import EcoNetAlgorithm
from ..job import Job

_CONVENTIONS = {
    "routing": ("ROUTING", Routing),
    "flow": ("TIES_AND_FLATS", FlowConvention),
    "ls_method": ("LS_METHOD", LsMethod),
    "capped": ("CAPPED", Capped),
    "ic_length": ("IC_LENGTH", IcLength),
    "masking": ("MASKING", Masking),
    "unit": ("UNIT", SedimentUnit),
}
_FACTORS = ("bare_soil_loss", "ls", "connectivity", "accumulation", "deposition")


@dataclass(frozen=True)
class Inputs:
    """Maps, the table of C and P, streams and pits, and how sediment is reckoned."""

    land_cover: RasterSource
    dem: RasterSource
    erosivity: RasterSource
    erodibility: RasterSource
    cover: RasterSource | None
    cover_kind: CoverKind
    drainage: Sequence[RasterSource | LayerSource]
    mines: LayerSource | None
    table: RawTable
    choices: SedimentChoices


class SedimentRetention(EcoNetAlgorithm[Inputs]):
    """RUSLE and the sediment delivery ratio."""

    ID = "sedimentretention"
    NAME = "Sediment retention"
    GROUP = "services"
    CORE = "services.sediment_retention"
    REQUIRES = ("scipy",)
    TEMPLATE = ("LAND_COVER",)
    STYLES = {
        "OUTPUT_RETENTION": "sediment_retention",
        "OUTPUT_SOIL_LOSS": "soil_loss",
        "OUTPUT_EXPORT": "soil_loss",
        "OUTPUT_SDR": "sediment_delivery",
        "OUTPUT_AVOIDED_EROSION": "sediment_retention",
        "OUTPUT_AVOIDED_EXPORT": "sediment_retention",
    }

    def definitions(self) -> list[Any]:
        return [
            p.raster("DEM", "Elevation (m)"),
            p.raster("LAND_COVER", "Land cover"),
            p.raster("EROSIVITY", "Rainfall erosivity R (MJ mm / (ha h a))"),
            p.raster("ERODIBILITY", "Soil erodibility K (t ha h / (ha MJ mm))"),
            p.raster("COVER_FACTOR", "Cover factor C, or vegetation to reckon it from", optional=True),
            p.layers("DRAINAGE", "Drainage: rivers and canals, as raster of 1, lines or polygons", optional=True),
            p.vector("MINES", "Mines whose pits drain inside", p.POLYGON, optional=True),
            p.table("BIOPHYSICAL_TABLE", "Biophysical table (land_cover, usle_c, usle_p)"),
            p.number(
                "ACCUMULATION_THRESHOLD",
                "Accumulation threshold of streams (cells; 0: drainage alone)",
                default=1000.0,
                minimum=0.0,
            ),
            p.number("KB", "Calibration k_b", default=2.0, minimum=0.0),
            p.number("IC0", "Calibration IC_0", default=0.5),
            p.number("SDR_MAX", "Highest sediment delivery ratio", default=0.8, minimum=0.0, maximum=1.0),
            p.preset(),
            p.option("ROUTING", "Routing", Routing, as_preset=True),
            p.option("LS_METHOD", "Slope length and steepness factor", LsMethod, as_preset=True),
            p.option("IC_LENGTH", "Lengths in the connectivity index", IcLength, as_preset=True),
            p.option("UNIT", "Unit of the maps", SedimentUnit, as_preset=True),
            p.option("COVER_FACTOR_HOLDS", "What the cover raster holds", CoverKind),
            p.advanced(p.number("LS_CAP", "Cap in the LS factor (empty: as PRESET)", minimum=0, optional=True)),
            p.advanced(p.option("CAPPED", "What the cap holds down", Capped, as_preset=True)),
            p.advanced(p.option("TIES_AND_FLATS", "Ties, flats and shares in routing", FlowConvention, as_preset=True)),
            p.advanced(p.option("MASKING", "Streams and ways without a stream", Masking, as_preset=True)),
            p.land_cover_product(),
            p.raster_output("OUTPUT_RETENTION", "Sediment retention"),
            p.raster_output("OUTPUT_SOIL_LOSS", "Soil loss", optional=True, by_default=True),
            p.raster_output("OUTPUT_EXPORT", "Sediment export", optional=True, by_default=True),
            p.raster_output("OUTPUT_SDR", "Sediment delivery ratio", optional=True),
            p.raster_output("OUTPUT_AVOIDED_EROSION", "Avoided erosion", optional=True),
            p.raster_output("OUTPUT_AVOIDED_EXPORT", "Avoided export", optional=True),
            p.raster_output("OUTPUT_STREAMS", "Streams", optional=True),
            p.folder_output("OUTPUT_FACTORS", "Folder of the maps between"),
            p.number_output("SOIL_LOSS", "Soil loss (t a year)"),
            p.number_output("EXPORT", "Export to streams (t a year)"),
            p.number_output("DEPOSITION", "Deposition (t a year)"),
            p.number_output("LEAVES_MAP", "Sediment on its way when it leaves the map (t a year)"),
        ]

    def read(self, job: Job) -> Inputs:
        by_hand = {name: job.preset_option(key, kind) for name, (key, kind) in _CONVENTIONS.items()}
        return Inputs(
            land_cover=job.raster("LAND_COVER"),
            dem=job.raster("DEM"),
            erosivity=job.raster("EROSIVITY"),
            erodibility=job.raster("ERODIBILITY"),
            cover=job.optional_raster("COVER_FACTOR"),
            cover_kind=job.option("COVER_FACTOR_HOLDS", CoverKind),
            drainage=job.layers("DRAINAGE"),
            mines=job.optional_layer("MINES"),
            table=job.table("BIOPHYSICAL_TABLE") or default_table(job.option("LAND_COVER_PRODUCT", LandCoverProduct)),
            choices=SedimentChoices(
                preset=job.option("PRESET", Preset),
                by_hand={**by_hand, "cap": job.optional_number("LS_CAP")},
                delivery=Delivery(
                    kb=job.number("KB"),
                    ic0=job.number("IC0"),
                    sdr_max=job.number("SDR_MAX"),
                    threshold=job.number("ACCUMULATION_THRESHOLD"),
                ),
            ),
        )

    def check(self, inputs: Inputs) -> None:
        read_table(inputs.table, with_cover=inputs.cover is None)
        if inputs.cover is None and inputs.cover_kind is not CoverKind.COVER_FACTOR:
            raise InputError(
                "no cover raster is given to reckon the cover factor from: choose one, or leave this at its first "
                "entry.",
                parameter="cover_factor_holds",
            )
        inputs.choices.delivery.require_streams(with_drainage=bool(inputs.drainage))

    def execute(self, inputs: Inputs, job: Job) -> None:
        result = sediment_retention(
            _maps(inputs, job.progress), inputs.table, choices=inputs.choices, progress=job.progress
        )
        job.write_raster("OUTPUT_RETENTION", result.retention)
        job.write_raster("OUTPUT_SOIL_LOSS", result.soil_loss)
        job.write_raster("OUTPUT_EXPORT", result.export)
        job.write_raster("OUTPUT_SDR", result.sdr)
        job.write_raster("OUTPUT_AVOIDED_EROSION", result.avoided_erosion)
        job.write_raster("OUTPUT_AVOIDED_EXPORT", result.avoided_export)
        job.write_raster("OUTPUT_STREAMS", result.streams)
        job.write_folder("OUTPUT_FACTORS", {name: getattr(result, name) for name in _FACTORS})
        for key in ("SOIL_LOSS", "EXPORT", "DEPOSITION", "LEAVES_MAP"):
            job.result(key, result.totals[key.lower()])


def _maps(inputs: Inputs, progress: Progress) -> SedimentMaps:
    template = open_template(inputs.land_cover)
    dem, erosivity, erodibility = (
        align(source, template, kind=QUANTITY, progress=progress)
        for source in (inputs.dem, inputs.erosivity, inputs.erodibility)
    )
    cover = None
    if inputs.cover is not None:
        cover = cover_factor(
            align(inputs.cover, template, kind=QUANTITY, progress=progress), kind=inputs.cover_kind, progress=progress
        )
    drainage = _drainage(inputs, template, progress)
    pits = inputs.mines.read(progress).to_crs(template.crs, progress).valid_polygons(progress) if inputs.mines else None
    return SedimentMaps(
        dem=dem,
        land_cover=read_classes(inputs.land_cover),
        erosivity=erosivity,
        erodibility=erodibility,
        cover=cover,
        drainage=drainage,
        mine_geometries=pits.geometries if pits is not None else (),
    )


def _drainage(inputs: Inputs, template: Template, progress: Progress) -> Grid | None:
    if not inputs.drainage:
        return None
    layers = [each if isinstance(each, RasterSource) else each.read(progress) for each in inputs.drainage]
    return drainage_cells(layers, template, progress=progress)

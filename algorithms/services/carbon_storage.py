"""Toolbox step: carbon stored by each land-cover class, and its change between two maps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...core.grid.blocks import Classes
from ...core.grid.reading import RasterSource
from ...core.land_cover_products import LandCoverProduct
from ...core.presets import Preset, conventions_text
from ...core.services.carbon_storage import CarbonTable, carbon_storage_blocks, default_table, read_carbon_table
from .. import parameters as p
from ..base import EcoNetAlgorithm
from ..job import Job


@dataclass(frozen=True)
class Inputs:
    """What the step works on."""

    land_cover: RasterSource
    other: RasterSource | None
    table: CarbonTable
    preset: Preset


class CarbonStorage(EcoNetAlgorithm[Inputs]):
    """Carbon stored by each land-cover class."""

    ID = "carbonstorage"
    NAME = "Carbon storage"
    GROUP = "services"
    CORE = "services.carbon_storage"
    TEMPLATE = ("LAND_COVER",)
    STYLES = {"OUTPUT": "carbon_storage", "OUTPUT_CHANGE": "carbon_change"}

    def definitions(self) -> list[Any]:
        """Parameters and outputs, in the dialog's order."""
        return [
            p.raster("LAND_COVER", "Land cover"),
            p.raster("OTHER_LAND_COVER", "Land cover of another year or scenario", optional=True),
            p.table("CARBON_TABLE", "Carbon table (land_cover, above, below, soil, dead)"),
            p.preset(),
            p.land_cover_product(),
            p.raster_output("OUTPUT", "Carbon storage (t/ha)"),
            p.raster_output("OUTPUT_CHANGE", "Carbon change (t/ha)", optional=True),
        ]

    def read(self, job: Job) -> Inputs:
        """The step's inputs."""
        table = job.table("CARBON_TABLE") or default_table(job.option("LAND_COVER_PRODUCT", LandCoverProduct))
        return Inputs(
            land_cover=job.raster("LAND_COVER"),
            other=job.optional_raster("OTHER_LAND_COVER"),
            table=read_carbon_table(table),
            preset=job.option("PRESET", Preset),
        )

    def execute(self, inputs: Inputs, job: Job) -> None:
        """Compute storage and change, part by part, and write them."""
        template = job.template()
        job.progress.log(f"Carbon storage, {conventions_text(inputs.preset, {}, {})}: all presets compute Eq 5.")
        other = None if inputs.other is None else Classes(inputs.other, template)
        carbon_storage_blocks(
            Classes(inputs.land_cover, template),
            output=job.open_raster("OUTPUT", template),
            other=other,
            output_change=None if other is None else job.open_raster("OUTPUT_CHANGE", template),
            table=inputs.table,
            progress=job.progress,
        )

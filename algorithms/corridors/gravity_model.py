"""Toolbox step: interaction between sources, and important and general corridors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...core import schemas
from ...core.corridors.gravity import (
    AreaUnit,
    GravityChoices,
    GravityForm,
    check_corridors,
    gravity_model,
)
from ...core.corridors.gravity_report import gravity_report
from ...core.corridors.thresholds import Threshold, ThresholdRule
from ...core.geometry.layers import LayerSource
from ...core.grid.reading import RasterSource, read_raster
from .. import parameters as p
from ..base import EcoNetAlgorithm
from ..job import Job
from ..layers import QgisLayer


@dataclass(frozen=True)
class Inputs:
    """Corridors, their sources, the surface they were made on, and the conventions of the model."""

    corridors: QgisLayer
    sources: LayerSource
    resistance: RasterSource
    choices: GravityChoices


class GravityModel(EcoNetAlgorithm[Inputs]):
    """Gravity of every corridor, the threshold, and the class of each corridor."""

    ID = "gravitymodel"
    NAME = "Gravity model"
    GROUP = "corridors"
    CORE = "corridors.gravity"
    TEMPLATE = ("RESISTANCE",)
    STYLES = {"OUTPUT": "corridors"}

    def definitions(self) -> list[Any]:
        return [
            p.vector("CORRIDORS", "Corridors", p.LINE),
            p.vector("SOURCES", "Ecological sources", p.POLYGON),
            p.raster("RESISTANCE", "Resistance"),
            p.option("FORM", "Form of the model", GravityForm),
            p.option("AREA_UNIT", "Unit of area", AreaUnit),
            p.option("THRESHOLD_RULE", "Threshold of important corridors", ThresholdRule),
            p.number("THRESHOLD", "Threshold: quantile (0 to 1) or fixed gravity", optional=True),
            p.flag("DROP_REDUNDANT", "Drop redundant corridors after the threshold is taken", default=True),
            p.advanced(p.field("ID_FIELD", "Sources: field of the id", "SOURCES")),
            p.vector_output("OUTPUT", "Corridors with gravity", p.LINE),
            p.vector_output("OUTPUT_MATRIX", "Gravity matrix", p.TABLE, optional=True),
            p.report_output("OUTPUT_REPORT", "Gravity report"),
            p.number_output("THRESHOLD_VALUE", "Threshold of important corridors"),
            p.number_output("N_IMPORTANT", "Number of important corridors"),
            p.number_output("N_GENERAL", "Number of general corridors"),
        ]

    def read(self, job: Job) -> Inputs:
        return Inputs(
            corridors=job.layer("CORRIDORS"),
            sources=job.layer("SOURCES"),
            resistance=job.raster("RESISTANCE"),
            choices=GravityChoices(
                form=job.option("FORM", GravityForm),
                area_unit=job.option("AREA_UNIT", AreaUnit),
                threshold=Threshold(job.option("THRESHOLD_RULE", ThresholdRule), job.optional_number("THRESHOLD")),
                drop_redundant=job.flag("DROP_REDUNDANT"),
                id_field=job.field("ID_FIELD"),
            ),
        )

    def check(self, inputs: Inputs) -> None:
        check_corridors(inputs.corridors.outline)

    def execute(self, inputs: Inputs, job: Job) -> None:
        corridors, sources = inputs.corridors.read(job.progress), inputs.sources.read(job.progress)
        resistance = read_raster(inputs.resistance)
        found = gravity_model(corridors, sources, resistance, choices=inputs.choices, progress=job.progress)
        new = schemas.names(schemas.GRAVITY)
        carried = [field for field in inputs.corridors.schema(job.progress) if field.name not in new]
        job.write_features(
            "OUTPUT",
            (*carried, *schemas.GRAVITY),
            geometry=inputs.corridors.line_type,
            crs=corridors.crs,
            rows=zip(found.corridors.geometries, found.corridors.attributes),
        )
        job.write_table("OUTPUT_MATRIX", schemas.gravity_matrix(found.ids), found.matrix_rows())
        job.write_report("OUTPUT_REPORT", gravity_report(found, job.report_parameters()))
        job.result("THRESHOLD_VALUE", found.threshold)
        job.result("N_IMPORTANT", found.n_important)
        job.result("N_GENERAL", found.n_general)

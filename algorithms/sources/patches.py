"""Toolbox step: patches of important ground and their size classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...core.grid.grid import QUANTITY
from ...core.grid.reading import RasterSource, open_template
from ...core.grid.warping import align, read_classes
from ...core.patch_sizes import bands_from_text
from ...core.schemas import PATCHES
from ...core.sources.patches import PatchChoices, classes_from_text, delineate
from ...core.sources.patches_report import patches_report
from .. import parameters as p
from ..base import EcoNetAlgorithm
from ..compat import GEOMETRY
from ..job import Job


@dataclass(frozen=True)
class Inputs:
    """What the step reads."""

    classes: RasterSource
    importance: RasterSource | None
    choices: PatchChoices


class Patches(EcoNetAlgorithm[Inputs]):
    """Patches of important ground and their size classes."""

    ID = "patches"
    NAME = "Patches"
    GROUP = "sources"
    CORE = "sources.patches"
    REQUIRES = ("scipy",)
    TEMPLATE = ("CLASSES",)
    STYLES = {"OUTPUT": "patches"}
    KEYS = {
        "min_area_km2": "MIN_AREA",
        "fill_holes_km2": "HOLES",
        "sliver_cells": "SLIVERS",
    }

    def definitions(self) -> list[Any]:
        """Parameters and outputs, in the dialog's order."""
        return [
            p.raster("CLASSES", "Importance classes"),
            p.raster("IMPORTANCE", "Importance, for its mean in each patch", optional=True),
            p.text("PATCH_CLASSES", "Classes that make patches", default="4, 5", optional=False),
            p.text("AREA_BANDS", "Limits of small, medium and large patches (km2)", default="1, 4, 7", optional=False),
            p.flag("DIAGONALS", "Cells that meet at a corner are one patch", default=True),
            p.number("MIN_AREA", "Least area of a patch (km2; empty: all are kept)", minimum=0, optional=True),
            p.number("HOLES", "Fill holes in patches up to this area (km2; empty: none)", minimum=0, optional=True),
            p.integer("SLIVERS", "Cut off parts narrower than so many cells (empty: none)", minimum=0, optional=True),
            p.vector_output("OUTPUT", "Patches", p.POLYGON),
            p.report_output("OUTPUT_REPORT", "Patches report"),
            p.number_output("N_PATCHES", "Number of patches"),
            p.number_output("TOTAL_AREA", "Area of all patches (km2)"),
        ]

    def read(self, job: Job) -> Inputs:
        """The maps and the choices."""
        return Inputs(
            classes=job.raster("CLASSES"),
            importance=job.optional_raster("IMPORTANCE"),
            choices=PatchChoices(
                patch_classes=classes_from_text(job.text("PATCH_CLASSES")),
                area_bands=bands_from_text(job.text("AREA_BANDS")),
                diagonals=job.flag("DIAGONALS"),
                min_area_km2=job.optional_number("MIN_AREA"),
                fill_holes_km2=job.optional_number("HOLES"),
                sliver_cells=job.optional_integer("SLIVERS"),
            ),
        )

    def execute(self, inputs: Inputs, job: Job) -> None:
        """Delineate, and write the patches and the report."""
        template, importance = open_template(inputs.classes), inputs.importance
        found = delineate(
            read_classes(inputs.classes),
            inputs.choices,
            importance=None
            if importance is None
            else align(importance, template, kind=QUANTITY, progress=job.progress),
            progress=job.progress,
        )
        job.write_features(
            "OUTPUT",
            PATCHES,
            geometry=GEOMETRY.MultiPolygon,
            crs=template.crs,
            rows=[(patch.geometry, patch) for patch in found.patches],
        )
        job.write_report("OUTPUT_REPORT", patches_report(found, job.report_parameters()))
        job.result("N_PATCHES", len(found.patches))
        job.result("TOTAL_AREA", found.total_km2)

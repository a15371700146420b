"""Toolbox step: ecological sources out of patches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...core.connectivity.dispersal import Dispersal
from ...core.geometry.layers import LayerSource
from ...core.patch_sizes import SizeClass, bands_from_text
from ...core.schemas import MERGED, SOURCES
from ...core.sources.selection import choose_sources
from ...core.sources.selection_choices import SelectionChoices, check_patches
from ...core.sources.selection_report import selection_report
from .. import parameters as p
from ..base import EcoNetAlgorithm
from ..compat import GEOMETRY
from ..job import Job

_AREA_BANDS = "1, 4, 7"


@dataclass(frozen=True)
class Inputs:
    """What the step reads."""

    patches: LayerSource
    include: LayerSource | None
    exclude: LayerSource | None
    choices: SelectionChoices


class SelectSources(EcoNetAlgorithm[Inputs]):
    """Ecological sources out of patches."""

    ID = "selectsources"
    NAME = "Select sources"
    GROUP = "sources"
    CORE = "sources.selection"
    REQUIRES = ("scipy",)
    STYLES = {"OUTPUT": "sources"}
    KEYS = {
        "min_area_km2": "MIN_AREA",
        "merge_distance_m": "MERGE_DISTANCE",
        "merge_area_km2": "MERGE_AREA",
    }

    def definitions(self) -> list[Any]:
        """Parameters and outputs, in the dialog's order."""
        return [
            p.vector("PATCHES", "Patches", p.POLYGON),
            p.vector("INCLUDE", "Polygons that must be sources, such as reserves", p.POLYGON, optional=True),
            p.vector("EXCLUDE", "Polygons that may not be sources", p.POLYGON, optional=True),
            p.number("MIN_AREA", "Least area (km2)", minimum=0, optional=True),
            p.number("MIN_DPC", "Least dPC (%)", minimum=0, optional=True),
            p.number(
                "MIN_EC_SHARE",
                "Keep the first by dPC with this share of connectivity (% of EC; empty: all)",
                optional=True,
            ),
            p.integer("TOP", "Keep only the first so many by dPC (empty: all)", minimum=0, optional=True),
            p.options("SIZE_CLASSES", "Size classes", SizeClass, default=[SizeClass.SUPER_LARGE]),
            p.number(
                "MERGE_DISTANCE",
                "Merge patches within this distance into one source (m; empty: none)",
                minimum=0,
                optional=True,
            ),
            p.number("MERGE_AREA", "Merge only patches smaller than this (km2; empty: all)", minimum=0, optional=True),
            p.advanced(
                p.text("AREA_BANDS", "Limits of small, medium and large merged patches (km2)", default=_AREA_BANDS)
            ),
            p.advanced(
                p.number(
                    "DISPERSAL_DISTANCE",
                    "Dispersal distance, where dPC or EC is computed (m)",
                    default=2500,
                    optional=True,
                )
            ),
            p.advanced(p.number("DISPERSAL_PROBABILITY", "Probability at that distance", default=0.5, optional=True)),
            p.vector_output("OUTPUT", "Sources", p.POLYGON),
            p.report_output("OUTPUT_REPORT", "Sources report"),
            p.number_output("N_SOURCES", "Number of sources"),
        ]

    def read(self, job: Job) -> Inputs:
        """The layers and the choices."""
        return Inputs(
            patches=job.layer("PATCHES"),
            include=job.optional_layer("INCLUDE"),
            exclude=job.optional_layer("EXCLUDE"),
            choices=SelectionChoices(
                size_classes=tuple(each.value for each in job.options("SIZE_CLASSES", SizeClass)),
                min_area_km2=job.optional_number("MIN_AREA"),
                min_dpc=job.optional_number("MIN_DPC"),
                min_ec_share=job.optional_number("MIN_EC_SHARE"),
                top=job.optional_integer("TOP"),
                merge_distance_m=job.optional_number("MERGE_DISTANCE"),
                merge_area_km2=job.optional_number("MERGE_AREA"),
                area_bands=bands_from_text(job.text("AREA_BANDS") or _AREA_BANDS),
                dispersal=Dispersal(job.number("DISPERSAL_DISTANCE"), job.number("DISPERSAL_PROBABILITY")),
            ),
        )

    def check(self, inputs: Inputs) -> None:
        """Refuse patches that are none, not in metres, or lack dPC where it is asked for."""
        check_patches(inputs.patches.outline, inputs.choices)

    def execute(self, inputs: Inputs, job: Job) -> None:
        """Choose, and write the sources and the report."""
        patches = inputs.patches.read(job.progress)
        found = choose_sources(
            patches,
            inputs.choices,
            include=None if inputs.include is None else inputs.include.read(job.progress),
            exclude=None if inputs.exclude is None else inputs.exclude.read(job.progress),
            progress=job.progress,
        )
        job.write_features(
            "OUTPUT",
            (*SOURCES, *MERGED) if inputs.choices.merges else SOURCES,
            geometry=GEOMETRY.MultiPolygon,
            crs=patches.crs,
            rows=[(source.geometry, source) for source in found.sources],
        )
        job.write_report("OUTPUT_REPORT", selection_report(found, job.report_parameters()))
        job.result("N_SOURCES", len(found.sources))

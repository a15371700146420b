"""Toolbox step: how firm a list of sources is when the choices behind it are made otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...core.connectivity.dispersal import Dispersal
from ...core.grid.grid import QUANTITY
from ...core.grid.reading import RasterSource, check_overlap, open_template
from ...core.grid.warping import align
from ...core.schemas import FIRMNESS_VARIANTS, SOURCE_FIRMNESS, names
from ...core.sources.components import ComponentMatrix, ComponentRule, Weighting
from ...core.sources.firmness import source_firmness
from ...core.sources.firmness_choices import Alternatives
from ...core.sources.firmness_report import conclusions, firmness_report
from ...core.sources.firmness_sources import GivenSources, check_given
from ...core.sources.importance_choices import ClassifyOn, require_two
from ...core.sources.patches import classes_from_text
from ...core.sources.service_names import service_names
from ...core.sources.source_lists import SourceListChoices
from .. import parameters as p
from ..base import EcoNetAlgorithm
from ..compat import GEOMETRY
from ..job import Job
from .service_importance import importance_choices

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...core.geometry.layers import LayerSource


@dataclass(frozen=True)
class Inputs:
    """What the step reads; ``sources`` is None where those of the base are scored."""

    services: Sequence[RasterSource]
    names: Sequence[str]
    sources: LayerSource | None
    id_field: str
    choices: SourceListChoices
    alternatives: Alternatives


class SourceFirmness(EcoNetAlgorithm[Inputs]):
    """How firm a list of sources is when the choices behind it are made otherwise."""

    ID = "sourcefirmness"
    NAME = "Firmness of the sources"
    GROUP = "sources"
    CORE = "sources.firmness"
    REQUIRES = ("scipy",)
    TEMPLATE = ("SERVICES",)
    STYLES = {"OUTPUT": "firmness", "OUTPUT_FREQUENCY": "frequency"}
    KEYS = {
        "grid_size_m": "GRID_SIZE",
        "classify_on": "CLASSIFY",
        "component_rule": "COMPONENTS",
        "min_valid_share": "MIN_VALID",
        "min_area_km2": "MIN_AREA",
        "grid_sizes_m": "GRID_SIZES",
        "min_areas_km2": "AREA_THRESHOLDS_KM2",
        "weight_changes": "WEIGHT_CHANGES_PERCENT",
    }

    def definitions(self) -> list[Any]:
        """Parameters and outputs, in the dialog's order."""
        return [
            p.rasters("SERVICES", "Services"),
            p.vector(
                "SOURCES", "Sources to be scored (empty: those that the base settings make)", p.POLYGON, optional=True
            ),
            p.field("ID_FIELD", "Sources: field of the id", "SOURCES"),
            p.text("SERVICE_NAMES", "Names of the services, in their order (comma between)"),
            p.number("GRID_SIZE", "Base: grid size (m)", default=3000, minimum=0),
            p.integer("CLASS_COUNT", "Base: number of classes", default=5, minimum=2, maximum=255),
            p.text("PATCH_CLASSES", "Base: classes that make patches", default="4, 5", optional=False),
            p.number("MIN_AREA", "Base: sources are patches larger than (km2)", default=7, minimum=0),
            p.number("DISPERSAL_DISTANCE", "Base: dispersal distance (m)", default=2500, minimum=0),
            p.number("DISPERSAL_PROBABILITY", "Base: probability at that distance", default=0.5, minimum=0, maximum=1),
            p.text("GRID_SIZES", "Other grid sizes (m)", default="1000, 2000, 3000, 4000, 5000"),
            p.text("CLASS_COUNTS", "Other numbers of classes", default="4, 5, 6, 7"),
            p.text("AREA_THRESHOLDS_KM2", "Other area thresholds (km2)", default="4, 5, 7, 10, 15"),
            p.text("WEIGHT_CHANGES_PERCENT", "Changes of each weight, up and down (%)", default="10, 20, 30, 40, 50"),
            p.text("DISPERSAL_DISTANCES", "Other dispersal distances (m)", default="500, 1000, 2500, 5000, 10000"),
            p.option("WEIGHTING", "Base: weighting", Weighting),
            p.option("CLASSIFY", "Base: classify", ClassifyOn),
            p.flag("DIAGONALS", "Base: cells that meet at a corner are one patch", default=True),
            p.text("WEIGHTS", "Base: manual weights (name=value, comma between)"),
            p.text("CLIP", "Base: limit values to percentiles first (such as 0.5, 99.5; empty: not)"),
            p.integer("TOP", "Base: keep only the first so many by dPC (empty: all)", minimum=0, optional=True),
            p.advanced(p.option("COMPONENTS", "Base: components that weigh", ComponentRule)),
            p.advanced(p.option("MATRIX", "Base: matrix that the components are taken of", ComponentMatrix)),
            p.advanced(
                p.number("MIN_VALID", "Base: least valid share of a grid cell", default=0.5, minimum=0, maximum=1)
            ),
            p.vector_output("OUTPUT", "Sources with their stability", p.POLYGON),
            p.raster_output("OUTPUT_FREQUENCY", "How often ground is source (0 to 1)", optional=True, by_default=True),
            p.vector_output("OUTPUT_VARIANTS", "Alternatives", p.TABLE, optional=True),
            p.report_output("OUTPUT_REPORT", "Firmness report"),
            p.number_output("STABILITY", "Stability of the whole list (0 to 1)"),
        ]

    def read(self, job: Job) -> Inputs:
        """Services with their names, sources to be scored, the base and the alternatives."""
        services = job.rasters("SERVICES")
        require_two(services)
        return Inputs(
            services=services,
            names=service_names(job.text("SERVICE_NAMES"), [source.name for source in services]),
            sources=job.optional_layer("SOURCES"),
            id_field=job.field("ID_FIELD"),
            choices=self._choices(job),
            alternatives=Alternatives.from_texts(
                grid_sizes_m=job.text("GRID_SIZES"),
                class_counts=job.text("CLASS_COUNTS"),
                min_areas_km2=job.text("AREA_THRESHOLDS_KM2"),
                weight_changes=job.text("WEIGHT_CHANGES_PERCENT"),
                dispersal_distances=job.text("DISPERSAL_DISTANCES"),
            ),
        )

    @staticmethod
    def _choices(job: Job) -> SourceListChoices:
        return SourceListChoices(
            importance=importance_choices(job),
            patch_classes=classes_from_text(job.text("PATCH_CLASSES")),
            min_area_km2=job.number("MIN_AREA"),
            diagonals=job.flag("DIAGONALS"),
            dispersal=Dispersal(job.number("DISPERSAL_DISTANCE"), job.number("DISPERSAL_PROBABILITY")),
            top=job.optional_integer("TOP") or 0,
        )

    def check(self, inputs: Inputs) -> None:
        """Refuse services that do not overlap, a grid that does not fit them, and sources that lie elsewhere."""
        template = open_template(inputs.services[0])
        for source in inputs.services:
            check_overlap(source, template)
        inputs.choices.importance.check_grid(template, service_count=len(inputs.services))
        inputs.choices.importance.manual_weights(inputs.names)
        if inputs.sources is not None:
            check_given(inputs.sources.outline, inputs.id_field, template=template)

    def execute(self, inputs: Inputs, job: Job) -> None:
        """Score the sources, and write them, the map, the table and the report."""
        template = open_template(inputs.services[0])
        layer = inputs.sources
        sources = None if layer is None else GivenSources(layer.read(job.progress), inputs.id_field)
        result = source_firmness(
            (align(source, template, kind=QUANTITY, progress=job.progress) for source in inputs.services),
            inputs.names,
            inputs.choices,
            alternatives=inputs.alternatives,
            sources=sources,
            progress=job.progress,
        )
        for text in conclusions(result):
            job.progress.log(text)
        ours = {name.lower() for name in names(SOURCE_FIRMNESS)}
        carried = [] if sources is None else [f for f in job.schema("SOURCES") if f.name.lower() not in ours]
        job.write_features(
            "OUTPUT",
            (*SOURCE_FIRMNESS, *carried),
            geometry=GEOMETRY.MultiPolygon,
            crs=template.crs,
            rows=[(source.geometry, source.row()) for source in result.sources],
        )
        job.write_raster("OUTPUT_FREQUENCY", result.frequency)
        job.write_table("OUTPUT_VARIANTS", FIRMNESS_VARIANTS, result.variants)
        job.write_report("OUTPUT_REPORT", firmness_report(result, job.report_parameters()))
        job.result("STABILITY", result.stability)

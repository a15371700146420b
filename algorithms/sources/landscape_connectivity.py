"""Toolbox step: connectivity of patches, PC, IIC, what patches and links give, what candidates would add."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...core.connectivity.candidates import check_candidate_links, check_candidate_patches
from ...core.connectivity.choices import ConnectivityChoices
from ...core.connectivity.dispersal import Dispersal
from ...core.connectivity.landscape import LandscapeConnectivity as Result
from ...core.connectivity.landscape import landscape_connectivity
from ...core.connectivity.links import PatchDistance, required_surface
from ...core.connectivity.patches import check_patches
from ...core.connectivity.report import connectivity_report
from ...core.errors import InputError
from ...core.grid.reading import RasterSource, open_template, read_raster
from ...core.patch_sizes import SizeClass
from ...core.schemas import AREA_KM2, CANDIDATE_LINKS, CANDIDATE_PATCHES, CONNECTIVITY, LINKS, PATCH_ID, Field, names
from .. import parameters as p
from ..base import EcoNetAlgorithm
from ..compat import GEOMETRY
from ..job import Job
from ..layers import QgisLayer


@dataclass(frozen=True)
class Inputs:
    """Patches, what is planned, and the choices; ``resistance`` counts for least cost only."""

    patches: QgisLayer
    resistance: RasterSource | None
    candidates: QgisLayer | None
    candidate_links: QgisLayer | None
    choices: ConnectivityChoices
    wants_candidates: bool
    wants_candidate_links: bool

    @property
    def surface(self) -> RasterSource | None:
        """The resistance, where distances are measured on it."""
        if self.choices.distance is PatchDistance.LEAST_COST:
            return required_surface(self.resistance)
        return None


class LandscapeConnectivity(EcoNetAlgorithm[Inputs]):
    """PC, IIC and the graph of patches, what each patch and link gives, and what candidates would add."""

    ID = "landscapeconnectivity"
    NAME = "Landscape connectivity"
    GROUP = "sources"
    CORE = "connectivity.landscape"
    REQUIRES = ("scipy",)
    TEMPLATE = ("RESISTANCE",)
    STYLES = {
        "OUTPUT": "patches",
        "OUTPUT_LINKS": "links",
        "OUTPUT_CANDIDATES": "candidate_patches",
        "OUTPUT_CANDIDATE_LINKS": "candidate_links",
    }
    KEYS = {"landscape_area_km2": "AREA_OF_LANDSCAPE"}

    def definitions(self) -> list[Any]:
        return [
            p.vector("PATCHES", "Patches", p.POLYGON),
            p.raster("RESISTANCE", "Resistance, for least-cost distances", optional=True),
            p.field("WEIGHT_FIELD", "Field of the weight", "PATCHES", default=AREA_KM2),
            p.number(
                "DISPERSAL_DISTANCE", "Dispersal distance (m; resistance x m for least cost)", default=2500, minimum=0
            ),
            p.number("DISPERSAL_PROBABILITY", "Probability at that distance", default=0.5, minimum=0, maximum=1),
            p.options("SIZE_CLASSES", "Size classes that take part", SizeClass, default=[SizeClass.SUPER_LARGE]),
            p.option("DISTANCE", "Distance between patches", PatchDistance),
            p.number(
                "MAX_LINK_DISTANCE", "Longest link (m; resistance x m for least cost), empty: all pairs", optional=True
            ),
            p.number("AREA_OF_LANDSCAPE", "Area of the landscape (km2), for PC and IIC", minimum=0, optional=True),
            p.vector("CANDIDATES", "Candidate patches, to see what each would add", p.POLYGON, optional=True),
            p.vector("CANDIDATE_LINKS", "Candidate links, lines from patch to patch", p.LINE, optional=True),
            p.advanced(
                p.field(
                    "CANDIDATE_LINK_FIELD",
                    "Candidate links: field of the length (empty: the line's own)",
                    "CANDIDATE_LINKS",
                )
            ),
            p.vector_output("OUTPUT", "Patches with connectivity", p.POLYGON),
            p.vector_output("OUTPUT_LINKS", "Links", p.LINE, optional=True),
            p.vector_output("OUTPUT_CANDIDATES", "Candidate patches with their gain", p.POLYGON, optional=True),
            p.vector_output("OUTPUT_CANDIDATE_LINKS", "Candidate links with their gain", p.LINE, optional=True),
            p.report_output("OUTPUT_REPORT", "Connectivity report"),
            p.number_output("PC", "Probability of connectivity (PC)"),
            p.number_output("EC", "Equivalent connectivity EC(PC)"),
            p.number_output("IIC", "Integral index of connectivity (IIC)"),
            p.number_output("EC_IIC", "Equivalent connectivity EC(IIC)"),
            p.number_output("N_COMPONENTS", "Number of components"),
            p.number_output("N_LINKS", "Number of links not longer than the dispersal distance"),
            p.number_output("NEGLECTED", "Share of PC neglected at most (%), where a longest link is given"),
        ]

    def read(self, job: Job) -> Inputs:
        weight_field = job.field("WEIGHT_FIELD")
        candidate_links = job.optional_layer("CANDIDATE_LINKS")
        return Inputs(
            patches=job.layer("PATCHES"),
            resistance=job.optional_raster("RESISTANCE"),
            candidates=job.optional_layer("CANDIDATES"),
            candidate_links=candidate_links,
            choices=ConnectivityChoices(
                distance=job.option("DISTANCE", PatchDistance),
                dispersal=Dispersal(job.number("DISPERSAL_DISTANCE"), job.number("DISPERSAL_PROBABILITY")),
                weight_field="" if weight_field == AREA_KM2 else weight_field,  # a layer need not have the usual one
                size_classes=tuple(each.value for each in job.options("SIZE_CLASSES", SizeClass)),
                max_link_distance=job.optional_number("MAX_LINK_DISTANCE"),
                landscape_area_km2=job.optional_number("AREA_OF_LANDSCAPE"),
                candidate_link_field="" if candidate_links is None else job.field("CANDIDATE_LINK_FIELD"),
                link_losses=job.wants("OUTPUT_LINKS") or job.wants("OUTPUT_REPORT"),
            ),
            wants_candidates=job.wants("OUTPUT_CANDIDATES"),
            wants_candidate_links=job.wants("OUTPUT_CANDIDATE_LINKS"),
        )

    def check(self, inputs: Inputs) -> None:
        check_patches(inputs.patches.outline, inputs.choices.weight_field)
        if inputs.candidates is not None:
            check_candidate_patches(inputs.candidates.outline, inputs.choices.weight_field)
        if inputs.candidate_links is not None:
            check_candidate_links(inputs.candidate_links.outline, inputs.choices.candidate_link_field)
        if inputs.surface is not None:
            cells = open_template(inputs.surface)
            for layer in (inputs.patches, inputs.candidates):
                if layer is not None:
                    layer.outline.to_crs_near(cells.crs, cells.bounds, other=inputs.surface.name)
        _require_layer_of(inputs.wants_candidates, inputs.candidates, "candidate patches", "output_candidates")
        _require_layer_of(
            inputs.wants_candidate_links, inputs.candidate_links, "candidate links", "output_candidate_links"
        )

    def execute(self, inputs: Inputs, job: Job) -> None:
        patches = inputs.patches.read(job.progress)
        found = landscape_connectivity(
            patches,
            inputs.choices,
            resistance=None if inputs.surface is None else read_raster(inputs.surface),
            candidates=None if inputs.candidates is None else inputs.candidates.read(job.progress),
            candidate_links=None if inputs.candidate_links is None else inputs.candidate_links.read(job.progress),
            progress=job.progress,
        )
        job.write_features(
            "OUTPUT",
            (
                Field(PATCH_ID, int),
                *_carried(inputs.patches, (Field(PATCH_ID, int), *CONNECTIVITY), job),
                *CONNECTIVITY,
            ),
            geometry=GEOMETRY.MultiPolygon,
            crs=patches.crs,
            rows=found.rows(),
        )
        job.write_features("OUTPUT_LINKS", LINKS, geometry=GEOMETRY.LineString, crs=patches.crs, rows=found.link_rows())
        if inputs.candidates is not None and found.candidate_patches is not None:
            job.write_features(
                "OUTPUT_CANDIDATES",
                (*_carried(inputs.candidates, CANDIDATE_PATCHES, job), *CANDIDATE_PATCHES),
                geometry=GEOMETRY.MultiPolygon,
                crs=patches.crs,
                rows=found.candidate_patches.rows(),
            )
        if inputs.candidate_links is not None and found.candidate_links is not None:
            job.write_features(
                "OUTPUT_CANDIDATE_LINKS",
                (*_carried(inputs.candidate_links, CANDIDATE_LINKS, job), *CANDIDATE_LINKS),
                geometry=GEOMETRY.MultiLineString,
                crs=patches.crs,
                rows=found.candidate_links.rows(),
            )
        job.write_report("OUTPUT_REPORT", connectivity_report(found, job.report_parameters()))
        _give_numbers(found, job)


def _require_layer_of(wanted: bool, layer: QgisLayer | None, what: str, parameter: str) -> None:
    """Refuse an output of candidates where no layer of them is given."""
    if wanted and layer is None:
        raise InputError(
            f"an output of {what} needs a layer of them; choose one, or leave the output out.", parameter=parameter
        )


def _carried(layer: QgisLayer, own: Sequence[Field], job: Job) -> list[Field]:
    """The fields of an input that its output takes over: those that are none of the output's own."""
    taken = names(own)
    return [field for field in layer.schema(job.progress) if field.name not in taken]


def _give_numbers(found: Result, job: Job) -> None:
    indices = found.indices
    for key, value in (
        ("PC", indices.pc),
        ("EC", indices.ec),
        ("IIC", indices.iic),
        ("EC_IIC", indices.ec_iic),
        ("N_COMPONENTS", indices.n_components),
        ("N_LINKS", indices.n_links),
        ("NEGLECTED", found.neglected_percent),
    ):
        if value is not None and value == value:
            job.result(key, value)

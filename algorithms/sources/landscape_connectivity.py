"""Toolbox step: connectivity of patches, PC, IIC, what patches and links give, what candidates would add."""

from ...core.connectivity.landscape import check_choices, landscape_connectivity
from ...core.connectivity.links import DISTANCES, LEAST_COST
from ...core.connectivity.report import connectivity_report
from ...core.errors import InputError
from ...core.grid.reading import open_template, read_raster
from ...core.patch_sizes import SIZE_CLASSES
from ...core.schemas import AREA_KM2, CANDIDATE_LINKS, CANDIDATE_PATCHES, CONNECTIVITY, LINKS, PATCH_ID, Field, names
from .. import parameters as p
from ..base import EcoNetAlgorithm
from ..compat import GEOMETRY


class LandscapeConnectivity(EcoNetAlgorithm):
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

    def definitions(self):
        return [
            p.vector("PATCHES", "Patches", p.POLYGON),
            p.raster("RESISTANCE", "Resistance, for least-cost distances", optional=True),
            p.field("WEIGHT_FIELD", "Field of the weight", "PATCHES", default=AREA_KM2),
            p.number("DISPERSAL_DISTANCE", "Dispersal distance (m; resistance x m for least cost)", 2500, 0),
            p.number("DISPERSAL_PROBABILITY", "Probability at that distance", 0.5, 0, 1),
            p.choices("SIZE_CLASSES", "Size classes that take part", SIZE_CLASSES, [0]),
            p.choice("DISTANCE", "Distance between patches", DISTANCES),
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

    def _choices(self, job):
        """Arguments of the same names for the check and the work."""
        chosen = job.field("WEIGHT_FIELD")
        return {
            "weight_field": "" if chosen == AREA_KM2 else chosen,  # the usual one, which a layer need not have
            "dispersal_distance": job.number("DISPERSAL_DISTANCE"),
            "dispersal_probability": job.number("DISPERSAL_PROBABILITY"),
            "distance": DISTANCES[job.choice("DISTANCE")],
            "max_link_distance": job.number("MAX_LINK_DISTANCE"),
            "candidate_link_field": job.field("CANDIDATE_LINK_FIELD") if job.given("CANDIDATE_LINKS") else "",
        }

    def _is_least_cost(self, job):
        return DISTANCES[job.choice("DISTANCE")] == LEAST_COST and job.given("RESISTANCE")

    def validate(self, job):
        check_choices(
            job.outline("PATCHES"),
            has_resistance=job.given("RESISTANCE"),
            candidates=job.outline("CANDIDATES"),
            candidate_links=job.outline("CANDIDATE_LINKS"),
            landscape_area_km2=job.number("AREA_OF_LANDSCAPE"),
            **self._choices(job),
        )
        if self._is_least_cost(job):
            surface = job.raster("RESISTANCE")
            cells = open_template(surface)
            for key in ("PATCHES", "CANDIDATES"):
                if job.given(key):
                    job.outline(key).to_crs_near(cells.crs, cells.bounds, other=surface.name)
        for wanted, needed, what in (
            ("OUTPUT_CANDIDATES", "CANDIDATES", "candidate patches"),
            ("OUTPUT_CANDIDATE_LINKS", "CANDIDATE_LINKS", "candidate links"),
        ):
            if job.wants(wanted) and not job.given(needed):
                raise InputError(
                    f"An output of {what} ({wanted}) needs a layer of them: choose one ({needed}), or "
                    f"leave the output out."
                )

    def execute(self, job):
        patches, candidates, candidate_links = (
            job.features(key) for key in ("PATCHES", "CANDIDATES", "CANDIDATE_LINKS")
        )
        chosen = self._choices(job)
        size_classes = [SIZE_CLASSES[index] for index in job.choices("SIZE_CLASSES")]
        result = landscape_connectivity(
            patches,
            size_classes,
            resistance=read_raster(job.raster("RESISTANCE")) if self._is_least_cost(job) else None,
            landscape_area_km2=job.number("AREA_OF_LANDSCAPE"),
            candidates=candidates,
            candidate_links=candidate_links,
            link_losses=job.wants("OUTPUT_LINKS") or job.wants("OUTPUT_REPORT"),
            progress=job.progress,
            **chosen,
        )
        self._write(
            job,
            "OUTPUT",
            "PATCHES",
            (Field(PATCH_ID, int),),
            CONNECTIVITY,
            GEOMETRY.MultiPolygon,
            patches.crs,
            result.rows(),
        )
        job.write_features("OUTPUT_LINKS", LINKS, GEOMETRY.LineString, patches.crs, result.link_rows())
        if candidates is not None:
            self._write(
                job,
                "OUTPUT_CANDIDATES",
                "CANDIDATES",
                (),
                CANDIDATE_PATCHES,
                GEOMETRY.MultiPolygon,
                patches.crs,
                result.candidate_patches.rows(),
            )
        if candidate_links is not None:
            self._write(
                job,
                "OUTPUT_CANDIDATE_LINKS",
                "CANDIDATE_LINKS",
                (),
                CANDIDATE_LINKS,
                GEOMETRY.MultiLineString,
                patches.crs,
                result.candidate_links.rows(),
            )
        job.write_report(
            "OUTPUT_REPORT",
            connectivity_report(
                result,
                [
                    (label, _known(value))
                    for label, value in (
                        ("patches", patches.name),
                        ("size classes", ", ".join(size_classes)),
                        ("weight", job.field("WEIGHT_FIELD")),
                        ("distance", chosen["distance"]),
                        ("dispersal distance (m; resistance x m for least cost)", chosen["dispersal_distance"]),
                        ("probability at it (0 to 1)", chosen["dispersal_probability"]),
                        ("longest link (m; resistance x m for least cost)", chosen["max_link_distance"]),
                        ("area of the landscape (km2)", job.number("AREA_OF_LANDSCAPE")),
                        ("candidate patches", candidates and candidates.name),
                        ("candidate links", candidate_links and candidate_links.name),
                        ("field of their length", chosen["candidate_link_field"]),
                    )
                ],
            ),
        )
        indices = result.indices
        for key, value in (
            ("PC", indices.pc),
            ("EC", indices.ec),
            ("IIC", indices.iic),
            ("EC_IIC", indices.ec_iic),
            ("N_COMPONENTS", indices.n_components),
            ("N_LINKS", indices.n_links),
            ("NEGLECTED", result.neglected_percent),
        ):
            if value is not None and value == value:
                job.result(key, value)

    def _write(self, job, key, source, first, ours, geometry, crs, rows):
        """An output that carries over the fields of the layer that it was made of."""
        taken = names((*first, *ours))
        schema = (*first, *(field for field in job.schema(source) if field.name not in taken), *ours)
        job.write_features(key, schema, geometry, crs, rows)


def _known(value):
    return "none" if value is None or value == "" else value

"""Toolbox step: composite importance of services, its classes and its grid."""

from ...core.grid.grid import QUANTITY
from ...core.grid.reading import check_overlap, open_template
from ...core.grid.warping import align, read_classes
from ...core.land_cover_products import LandCoverProduct
from ...core.natural_breaks.classes import breaks_from_text
from ...core.schemas import importance_grid
from ...core.sources.components import COMPONENT_RULES, MANUAL, MATRICES, WEIGHTINGS
from ...core.sources.grid_cells import check_grid_size
from ...core.sources.importance import (
    CLASSIFY,
    check_grid_count,
    check_valid_share,
    ground_codes,
    parse_clip,
    parse_weights,
    require_two,
    service_importance,
    service_names,
)
from ...core.sources.importance_report import importance_report
from ...core.sources.patches import classes_from_text
from .. import parameters as p
from ..base import EcoNetAlgorithm
from ..compat import GEOMETRY


class ServiceImportance(EcoNetAlgorithm):
    ID = "serviceimportance"
    NAME = "Importance of ecosystem services"
    GROUP = "sources"
    CORE = "sources.importance"
    REQUIRES = ("scipy",)
    TEMPLATE = ("LAND_COVER",)
    STYLES = {
        "OUTPUT_IMPORTANCE": "importance",
        "OUTPUT_CLASSES": "importance_classes",
        "OUTPUT_GRID": "importance_grid",
    }

    def definitions(self):
        return [
            p.rasters("SERVICES", "Services"),
            p.raster("LAND_COVER", "Land cover, to check the services' signs", optional=True),
            p.text("SERVICE_NAMES", "Names of the services, in their order (comma between)"),
            p.number("GRID_SIZE", "Grid size (m)", 3000, 0),
            p.integer("CLASS_COUNT", "Number of classes", 5, 2, 255),
            p.choice("WEIGHTING", "Weighting", WEIGHTINGS),
            p.text("WEIGHTS", "Manual weights (name=value, comma between)"),
            p.text("CLIP", "Limit values to percentiles first (such as 0.5, 99.5; empty: not)"),
            p.choice("CLASSIFY", "Classify", CLASSIFY),
            p.text("BREAKS", "Upper bounds of the classes by hand (empty: natural breaks)"),
            p.advanced(p.choice("COMPONENTS", "Components that weigh", COMPONENT_RULES)),
            p.advanced(p.choice("MATRIX", "Matrix that the components are taken of", MATRICES, optional=True)),
            p.advanced(p.number("MIN_VALID", "Least valid share of a grid cell", 0.5, 0, 1)),
            p.land_cover_product(),
            p.advanced(p.text("FOREST_CODES", "Land-cover codes of forest (empty: of the land-cover product)")),
            p.advanced(p.text("ARTIFICIAL_CODES", "Land-cover codes of artificial and mined ground (empty: likewise)")),
            p.raster_output("OUTPUT_IMPORTANCE", "Importance (0 to 1)"),
            p.raster_output("OUTPUT_CLASSES", "Importance classes"),
            p.vector_output("OUTPUT_GRID", "Importance grid", p.POLYGON),
            p.report_output("OUTPUT_REPORT", "Importance report"),
            p.number_output("KMO", "KMO"),
            p.number_output("GVF", "Goodness of variance fit"),
            p.text_output("WEIGHTS_USED", "Weights that were used"),
            p.text_output("BREAKS_USED", "Upper bounds of the classes that were used"),
        ]

    def _names(self, job):
        return service_names(job.text("SERVICE_NAMES"), [source.name for source in job.rasters("SERVICES")])

    def _template(self, job):
        services = job.rasters("SERVICES")
        require_two(services)
        return open_template(job.template_source() or services[0])

    def validate(self, job):
        template, names = self._template(job), self._names(job)
        for source in job.rasters("SERVICES"):
            check_overlap(source, template)
        check_grid_size(job.number("GRID_SIZE"), template)
        check_grid_count(job.number("GRID_SIZE"), template, len(names), WEIGHTINGS[job.choice("WEIGHTING")])
        check_valid_share(job.number("MIN_VALID"))
        parse_clip(job.text("CLIP"))
        if job.text("BREAKS"):
            breaks_from_text(job.text("BREAKS"), job.integer("CLASS_COUNT"))
        if WEIGHTINGS[job.choice("WEIGHTING")] == MANUAL:
            parse_weights(job.text("WEIGHTS"), names)
        if job.given("LAND_COVER"):
            self._codes(job)

    def _codes(self, job):
        usual = ground_codes(job.option("LAND_COVER_PRODUCT", LandCoverProduct))
        return [
            classes_from_text(job.text(key), f"{label} ({key})") if job.text(key) else codes
            for (key, label), codes in zip(
                (
                    ("FOREST_CODES", "Land-cover codes of forest"),
                    ("ARTIFICIAL_CODES", "Land-cover codes of artificial and mined ground"),
                ),
                usual,
            )
        ]

    def execute(self, job):
        template, progress = self._template(job), job.progress
        land_cover, codes = None, {}
        if job.given("LAND_COVER"):
            land_cover = read_classes(job.raster("LAND_COVER"), template, progress)
            codes = dict(zip(("forest_codes", "artificial_codes"), self._codes(job)))
        services = [align(source, template, QUANTITY, progress) for source in job.rasters("SERVICES")]
        result = service_importance(
            services,
            self._names(job),
            WEIGHTINGS[job.choice("WEIGHTING")],
            job.text("WEIGHTS"),
            parse_clip(job.text("CLIP")),
            job.number("GRID_SIZE"),
            job.number("MIN_VALID"),
            job.integer("CLASS_COUNT"),
            CLASSIFY[job.choice("CLASSIFY")],
            job.text("BREAKS"),
            COMPONENT_RULES[job.choice("COMPONENTS")],
            MATRICES[job.choice("MATRIX")],
            land_cover,
            progress=progress,
            **codes,
        )
        job.write_raster("OUTPUT_IMPORTANCE", result.importance)
        job.write_raster("OUTPUT_CLASSES", result.classes)
        job.write_features(
            "OUTPUT_GRID",
            importance_grid(result.names),
            GEOMETRY.Polygon,
            template.crs,
            zip(result.cells.polygons(template), result.rows()),
        )
        job.write_report("OUTPUT_REPORT", importance_report(result, self.chosen(job)))
        if result.kmo == result.kmo:
            job.result("KMO", result.kmo)
        job.result("GVF", result.breaks.gvf)
        job.result("WEIGHTS_USED", result.weights_text())
        job.result("BREAKS_USED", result.breaks.text())

    def chosen(self, job):
        """What the report says of inputs and parameters."""
        return [
            ("services", ", ".join(source.name for source in job.rasters("SERVICES"))),
            ("weighting", WEIGHTINGS[job.choice("WEIGHTING")]),
            ("manual weights", job.text("WEIGHTS") or "none"),
            ("percentiles", job.text("CLIP") or "none"),
            ("grid size (m)", job.number("GRID_SIZE")),
            ("least valid share", job.number("MIN_VALID")),
            ("classes", job.integer("CLASS_COUNT")),
            ("classified", CLASSIFY[job.choice("CLASSIFY")]),
            ("breaks", job.text("BREAKS") or "natural breaks"),
            ("components that weigh", COMPONENT_RULES[job.choice("COMPONENTS")]),
            ("matrix of the components", MATRICES[job.choice("MATRIX")]),
        ]

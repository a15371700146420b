"""Toolbox step: how firm a list of sources is when the choices behind it are made otherwise."""

from ...core.grid.grid import QUANTITY
from ...core.grid.reading import check_overlap, open_template
from ...core.grid.warping import align
from ...core.ids import source_ids
from ...core.schemas import FIRMNESS_VARIANTS, SOURCE_FIRMNESS, names
from ...core.sources.components import COMPONENT_RULES, MANUAL, MATRICES, WEIGHTINGS
from ...core.sources.firmness import Alternatives, check_given, numbers_from_text, source_firmness
from ...core.sources.firmness_report import conclusions, firmness_report
from ...core.sources.grid_cells import check_grid_size
from ...core.sources.importance import CLASSIFY, parse_clip, parse_weights, require_two, service_names
from ...core.sources.patches import classes_from_text
from ...core.sources.source_lists import Settings
from .. import parameters as p
from ..base import EcoNetAlgorithm
from ..compat import GEOMETRY


class SourceFirmness(EcoNetAlgorithm):
    ID = "sourcefirmness"
    NAME = "Firmness of the sources"
    GROUP = "sources"
    CORE = "sources.firmness"
    REQUIRES = ("scipy",)
    TEMPLATE = ("SERVICES",)
    STYLES = {"OUTPUT": "firmness", "OUTPUT_FREQUENCY": "frequency"}

    def definitions(self):
        return [
            p.rasters("SERVICES", "Services"),
            p.vector("SOURCES", "Sources to be scored (empty: those that the base settings make)", p.POLYGON, True),
            p.field("ID_FIELD", "Sources: field of the id", "SOURCES"),
            p.text("SERVICE_NAMES", "Names of the services, in their order (comma between)"),
            p.number("GRID_SIZE", "Base: grid size (m)", 3000, 0),
            p.integer("CLASS_COUNT", "Base: number of classes", 5, 2, 255),
            p.text("PATCH_CLASSES", "Base: classes that make patches", "4, 5", False),
            p.number("MIN_AREA", "Base: sources are patches larger than (km2)", 7, 0),
            p.number("DISPERSAL_DISTANCE", "Base: dispersal distance (m)", 2500, 0),
            p.number("DISPERSAL_PROBABILITY", "Base: probability at that distance", 0.5, 0, 1),
            p.text("GRID_SIZES", "Other grid sizes (m)", "1000, 2000, 3000, 4000, 5000"),
            p.text("CLASS_COUNTS", "Other numbers of classes", "4, 5, 6, 7"),
            p.text("AREA_THRESHOLDS_KM2", "Other area thresholds (km2)", "4, 5, 7, 10, 15"),
            p.text("WEIGHT_CHANGES_PERCENT", "Changes of each weight, up and down (%)", "10, 20, 30, 40, 50"),
            p.text("DISPERSAL_DISTANCES", "Other dispersal distances (m)", "500, 1000, 2500, 5000, 10000"),
            p.choice("WEIGHTING", "Base: weighting", WEIGHTINGS),
            p.choice("CLASSIFY", "Base: classify", CLASSIFY),
            p.flag("DIAGONALS", "Base: cells that meet at a corner are one patch", True),
            p.text("WEIGHTS", "Base: manual weights (name=value, comma between)"),
            p.text("CLIP", "Base: limit values to percentiles first (such as 0.5, 99.5; empty: not)"),
            p.integer("TOP", "Base: keep only the first so many by dPC (empty: all)", minimum=0, optional=True),
            p.advanced(p.choice("COMPONENTS", "Base: components that weigh", COMPONENT_RULES)),
            p.advanced(p.choice("MATRIX", "Base: matrix that the components are taken of", MATRICES)),
            p.advanced(p.number("MIN_VALID", "Base: least valid share of a grid cell", 0.5, 0, 1)),
            p.vector_output("OUTPUT", "Sources with their stability", p.POLYGON),
            p.raster_output("OUTPUT_FREQUENCY", "How often ground is source (0 to 1)", True, by_default=True),
            p.vector_output("OUTPUT_VARIANTS", "Alternatives", p.TABLE, optional=True),
            p.report_output("OUTPUT_REPORT", "Firmness report"),
            p.number_output("STABILITY", "Stability of the whole list (0 to 1)"),
        ]

    def _names(self, job):
        return service_names(job.text("SERVICE_NAMES"), [source.name for source in job.rasters("SERVICES")])

    def _settings(self, job):
        return Settings(
            job.number("GRID_SIZE"),
            job.integer("CLASS_COUNT"),
            classes_from_text(job.text("PATCH_CLASSES")),
            job.number("MIN_AREA"),
            WEIGHTINGS[job.choice("WEIGHTING")],
            job.text("WEIGHTS"),
            parse_clip(job.text("CLIP")),
            CLASSIFY[job.choice("CLASSIFY")],
            job.flag("DIAGONALS"),
            job.number("DISPERSAL_DISTANCE"),
            job.number("DISPERSAL_PROBABILITY"),
            job.integer("TOP") or 0,
            COMPONENT_RULES[job.choice("COMPONENTS")],
            MATRICES[job.choice("MATRIX")],
            job.number("MIN_VALID"),
        )

    def _alternatives(self, job):
        def numbers(key, **limits):
            label = self.parameterDefinition(key).description()
            return numbers_from_text(job.text(key), f"{label} ({key})", **limits)

        return Alternatives(
            numbers("GRID_SIZES"),
            numbers("CLASS_COUNTS", whole=True, above=2, up_to=255, including=True),
            numbers("AREA_THRESHOLDS_KM2", including=True),
            numbers("WEIGHT_CHANGES_PERCENT", up_to=100),
            numbers("DISPERSAL_DISTANCES"),
        )

    def validate(self, job):
        services = job.rasters("SERVICES")
        require_two(services)
        template, settings = open_template(services[0]), self._settings(job)
        for source in services:
            check_overlap(source, template)
        settings.check()
        check_grid_size(settings.grid_size_m, template)
        self._alternatives(job)
        service_names = self._names(job)
        if settings.weighting == MANUAL:
            parse_weights(settings.weights, service_names)
        if job.given("SOURCES"):
            check_given(job.outline("SOURCES"), template)
            source_ids(job.features("SOURCES"), job.field("ID_FIELD"))

    def execute(self, job):
        template, settings, alternatives = job.template(), self._settings(job), self._alternatives(job)
        services = job.rasters("SERVICES")
        result = source_firmness(
            (align(source, template, QUANTITY, job.progress) for source in services),
            self._names(job),
            settings,
            alternatives,
            job.features("SOURCES"),
            job.field("ID_FIELD"),
            job.progress,
        )
        for text in conclusions(result):
            job.progress.log(text)
        ours = {name.lower() for name in names(SOURCE_FIRMNESS)}
        carried = [f for f in job.schema("SOURCES") if f.name.lower() not in ours] if job.given("SOURCES") else []
        job.write_features(
            "OUTPUT",
            (*SOURCE_FIRMNESS, *carried),
            GEOMETRY.MultiPolygon,
            template.crs,
            [(source.geometry, source.row()) for source in result.sources],
        )
        job.write_raster("OUTPUT_FREQUENCY", result.frequency)
        job.write_table("OUTPUT_VARIANTS", FIRMNESS_VARIANTS, result.variants)
        job.write_report("OUTPUT_REPORT", firmness_report(result, self._chosen(job)))
        job.result("STABILITY", result.stability)

    def _chosen(self, job):
        """What the report says of inputs and parameters."""
        sources = job.outline("SOURCES")
        rows = [
            ("services", ", ".join(source.name for source in job.rasters("SERVICES"))),
            ("names of the services", ", ".join(self._names(job))),
            ("sources", "of the base settings" if sources is None else sources.name),
        ]
        for key in (
            "GRID_SIZE",
            "CLASS_COUNT",
            "PATCH_CLASSES",
            "MIN_AREA",
            "WEIGHTING",
            "WEIGHTS",
            "CLIP",
            "CLASSIFY",
            "COMPONENTS",
            "MATRIX",
            "MIN_VALID",
            "DIAGONALS",
            "DISPERSAL_DISTANCE",
            "DISPERSAL_PROBABILITY",
            "TOP",
            "GRID_SIZES",
            "CLASS_COUNTS",
            "AREA_THRESHOLDS_KM2",
            "WEIGHT_CHANGES_PERCENT",
            "DISPERSAL_DISTANCES",
        ):
            rows.append((self.parameterDefinition(key).description(), self._value(job, key)))
        return rows

    def _value(self, job, key):
        options = {"WEIGHTING": WEIGHTINGS, "CLASSIFY": CLASSIFY, "COMPONENTS": COMPONENT_RULES, "MATRIX": MATRICES}
        if key in options:
            return options[key][job.choice(key)]
        if key == "DIAGONALS":
            return job.flag(key)
        if key in ("CLASS_COUNT", "TOP"):
            value = job.integer(key)
            return "none" if value is None else value
        if key in ("GRID_SIZE", "MIN_AREA", "DISPERSAL_DISTANCE", "DISPERSAL_PROBABILITY", "MIN_VALID"):
            return job.number(key)
        return job.text(key) or "none"

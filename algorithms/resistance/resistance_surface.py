"""Toolbox step: base, mines' and integrated resistance surface from nine factors and those that a planner adds."""

from ...core.land_cover_products import LandCoverProduct
from ...core.resistance.barriers import BARRIERS
from ...core.resistance.correction import CORRECTIONS, check_correction
from ...core.resistance.factor_maps import FactorLayers, extra_names, read_water_codes
from ...core.resistance.mine_rings import OVERLAPS
from ...core.resistance.summary import check_districts, district_zones, land_cover_zones, resistance_report
from ...core.resistance.surface import Choices, read_scheme, resistance_surface
from ...core.resistance.transforms import TRANSFORMS
from ...core.schemas import RESISTANCE_SUMMARY
from .. import parameters as p
from ..base import EcoNetAlgorithm

ROADS = (p.LINE, p.POLYGON)


class ResistanceSurface(EcoNetAlgorithm):
    ID = "resistancesurface"
    NAME = "Resistance surface"
    GROUP = "resistance"
    CORE = "resistance.surface"
    REQUIRES = ("scipy",)
    TEMPLATE = ("LAND_COVER", "DEM", "NDVI", "NIGHT_LIGHT", "EXTRA_FACTORS")
    STYLES = {
        "OUTPUT_BASE": "resistance",
        "OUTPUT_MINES": "resistance",
        "OUTPUT": "resistance",
        "OUTPUT_DOMINANT": "dominant_factor",
    }

    def definitions(self):
        return [
            p.raster("DEM", "Elevation (m)", optional=True),
            p.raster("LAND_COVER", "Land cover", optional=True),
            p.raster("NDVI", "NDVI", optional=True),
            p.vector("WATER", "Water", [p.LINE, p.POLYGON, p.POINT], optional=True),
            p.vector("MOTORWAYS", "Motorways", ROADS, optional=True),
            p.vector("HIGHWAYS", "Highways", ROADS, optional=True),
            p.raster("NIGHT_LIGHT", "Night light", optional=True),
            *p.mine_parameters(optional=True),
            p.vector("DISTRICTS", "Districts, for the report", p.POLYGON, optional=True),
            p.field("DISTRICT_FIELD", "Districts: field of the name", "DISTRICTS", default="name"),
            p.rasters(
                "EXTRA_FACTORS",
                "Further factors (rasters scored 1 to 5, or with rows in the factor table)",
                optional=True,
            ),
            p.text("EXTRA_NAMES", "Names of the further factors, in their order (comma between)"),
            p.table("FACTOR_TABLE", "Factor table (factor, weight, from, to, codes, resistance)"),
            p.table("RING_TABLE", "Ring table (mineral, method, state, from_m, to_m, resistance)"),
            p.table("WEIGHTS", "Weights (factor, weight)", when_empty="those of the factor table"),
            p.table("RESTORED_TABLE", "Table of restored mines (feature, land_cover, ndvi, slope_degrees)"),
            p.number("DATUM", "Elevation that counts as 0 (m)", default=0.0),
            p.text("WATER_CODES", "Land-cover codes that are water, where no water layer is given"),
            p.choice("TRANSFORM", "Transform of the surfaces", list(TRANSFORMS)),
            p.number("TRANSFORM_POWER", "Exponent of the transform 'power'", default=2.0, optional=True),
            p.choices("HARD_BARRIERS", "Hard barriers", list(BARRIERS), [], optional=True),
            p.advanced(p.choice("OVERLAP", "Where the rings of several mines meet", list(OVERLAPS))),
            p.advanced(p.choice("CORRECTION", "Correction of the surfaces", list(CORRECTIONS), optional=True)),
            p.advanced(p.raster("CORRECTION_RASTER", "Night light or multipliers for the correction", optional=True)),
            p.advanced(p.number("CORRECTION_LEAST", "Night light: lowest multiplier", default=0.1, optional=True)),
            p.advanced(p.number("CORRECTION_MOST", "Night light: highest multiplier", default=10.0, optional=True)),
            p.land_cover_product(),
            p.raster_output("OUTPUT_BASE", "Base resistance", True, by_default=True),
            p.raster_output("OUTPUT_MINES", "Mine resistance", True, by_default=True),
            p.raster_output("OUTPUT", "Resistance"),
            p.raster_output("OUTPUT_DOMINANT", "Dominant factor (why a cell is hard)", True),
            p.folder_output("OUTPUT_FACTORS", "Folder of single factors"),
            p.vector_output("OUTPUT_SUMMARY", "Resistance by land cover and district", p.TABLE, True),
            p.report_output("OUTPUT_REPORT", "Resistance report"),
        ]

    def _choices(self, job):
        return Choices(
            factor_table=job.table("FACTOR_TABLE"),
            ring_table=job.table("RING_TABLE"),
            weights=job.table("WEIGHTS"),
            restored_table=job.table("RESTORED_TABLE"),
            datum_m=job.number("DATUM"),
            overlap=job.choice("OVERLAP"),
            transform=job.choice("TRANSFORM"),
            exponent=job.number("TRANSFORM_POWER"),
            correction=job.choice("CORRECTION"),
            correction_bounds=(job.number("CORRECTION_LEAST"), job.number("CORRECTION_MOST")),
            barriers=tuple(job.choices("HARD_BARRIERS")),
            product=job.option("LAND_COVER_PRODUCT", LandCoverProduct),
        )

    def _layers(self, job, vector, mines):
        extra = job.rasters("EXTRA_FACTORS")
        names = extra_names(job.text("EXTRA_NAMES"), [source.name for source in extra])
        return FactorLayers(
            dem=job.raster("DEM"),
            land_cover=job.raster("LAND_COVER"),
            ndvi=job.raster("NDVI"),
            night_light=job.raster("NIGHT_LIGHT"),
            water=vector("WATER"),
            motorways=vector("MOTORWAYS"),
            highways=vector("HIGHWAYS"),
            water_codes=read_water_codes(job.text("WATER_CODES")),
            mines=mines,
            extra=dict(zip(names, extra)),
            correction=job.raster("CORRECTION_RASTER"),
        )

    def validate(self, job):
        job.template()
        layers, choices = self._layers(job, job.feature_source, job.feature_source("MINES")), self._choices(job)
        read_scheme(layers.present(), choices)
        check_correction(choices, layers)
        job.check_mines()
        districts = job.outline("DISTRICTS")
        if districts is not None:
            check_districts(districts, job.usual_field("DISTRICT_FIELD", districts))

    def execute(self, job):
        template, choices = job.template(), self._choices(job)
        layers = self._layers(job, job.features, job.mines(template.crs))
        explained = job.wants("OUTPUT_REPORT") or job.wants("OUTPUT_SUMMARY")
        surfaces = resistance_surface(
            layers,
            template,
            choices,
            progress=job.progress,
            explain=explained or job.wants("OUTPUT_DOMINANT"),
            keep=lambda factor, grid: job.write_folder("OUTPUT_FACTORS", {factor: grid}),
        )
        job.write_raster("OUTPUT_BASE", surfaces.base)
        if surfaces.mines is not None:
            job.write_raster("OUTPUT_MINES", surfaces.mines)
        job.write_raster("OUTPUT", surfaces.integrated)
        if surfaces.dominant is not None:
            job.write_raster("OUTPUT_DOMINANT", surfaces.dominant)
        if explained:
            self._explain(job, surfaces, layers, choices)
        elif job.given("DISTRICTS"):
            job.progress.warn(
                "Districts are given, and neither the report nor the table by land cover and district is "
                "wanted: they are not used."
            )

    def _explain(self, job, surfaces, layers, choices):
        zones = []
        if layers.land_cover is not None:
            zones += land_cover_zones(surfaces, layers.land_cover, choices.product, job.progress)
        districts = job.features("DISTRICTS")
        if districts is not None:
            zones += district_zones(surfaces, districts, job.usual_field("DISTRICT_FIELD", districts), job.progress)
        job.write_table("OUTPUT_SUMMARY", RESISTANCE_SUMMARY, zones)
        job.write_report(
            "OUTPUT_REPORT", resistance_report(surfaces, zones, self.chosen(job, layers), job.said, job.progress)
        )

    def chosen(self, job, layers):
        """What the report says of inputs and parameters."""
        maps = [
            (job.label(key), getattr(source, "name", "none"))
            for key, source in (
                ("DEM", layers.dem),
                ("LAND_COVER", layers.land_cover),
                ("NDVI", layers.ndvi),
                ("WATER", layers.water),
                ("MOTORWAYS", layers.motorways),
                ("HIGHWAYS", layers.highways),
                ("NIGHT_LIGHT", layers.night_light),
                ("CORRECTION_RASTER", layers.correction),
            )
        ]
        tables = [
            (job.label(key), getattr(job.table(key), "name", "shipped"))
            for key in ("FACTOR_TABLE", "RING_TABLE", "RESTORED_TABLE")
        ]
        weights = job.table("WEIGHTS")
        return [
            *maps,
            ("further factors", ", ".join(layers.extra) or "none"),
            (job.label("DISTRICTS"), getattr(job.outline("DISTRICTS"), "name", "none")),
            ("mines", f"{len(layers.mines)} of layer '{layers.mines[0].layer}'" if layers.mines else "none"),
            *tables,
            (job.label("WEIGHTS"), weights.name if weights else "those of the factor table"),
            (job.label("DATUM"), job.number("DATUM")),
            (job.label("WATER_CODES"), job.text("WATER_CODES") or "none"),
            (job.label("OVERLAP"), OVERLAPS[job.choice("OVERLAP")]),
            (job.label("TRANSFORM"), TRANSFORMS[job.choice("TRANSFORM")]),
            (job.label("TRANSFORM_POWER"), job.number("TRANSFORM_POWER")),
            (job.label("CORRECTION"), CORRECTIONS[job.choice("CORRECTION")]),
            (job.label("CORRECTION_LEAST"), job.number("CORRECTION_LEAST")),
            (job.label("CORRECTION_MOST"), job.number("CORRECTION_MOST")),
            (job.label("HARD_BARRIERS"), ", ".join(BARRIERS[b] for b in job.choices("HARD_BARRIERS")) or "none"),
            (job.label("LAND_COVER_PRODUCT"), job.option("LAND_COVER_PRODUCT", LandCoverProduct)),
        ]

"""Toolbox step: base, mines' and integrated resistance surface from up to nine factors."""

from ...core.land_cover_products import PRODUCTS
from ...core.resistance.barriers import BARRIERS
from ...core.resistance.factor_maps import FactorLayers, read_water_codes
from ...core.resistance.mines import OVERLAPS
from ...core.resistance.surface import Choices, read_scheme, resistance_surface
from ...core.resistance.transforms import TRANSFORMS
from .. import parameters as p
from ..base import EcoNetAlgorithm

ROADS = (p.LINE, p.POLYGON)


class ResistanceSurface(EcoNetAlgorithm):
    ID = "resistancesurface"
    NAME = "Resistance surface"
    GROUP = "resistance"
    CORE = "resistance.surface"
    REQUIRES = ("scipy",)
    TEMPLATE = ("LAND_COVER", "DEM", "NDVI", "NIGHT_LIGHT")
    STYLES = {"OUTPUT_BASE": "resistance", "OUTPUT_MINES": "resistance", "OUTPUT": "resistance"}

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
            p.table("FACTOR_TABLE", "Factor table (factor, weight, from, to, codes, resistance)"),
            p.table("RING_TABLE", "Ring table (mineral, method, state, from_m, to_m, resistance)"),
            p.table("WEIGHTS", "Weights (factor, weight)"),
            p.table("RESTORED_TABLE", "Restored mines (feature, land_cover, ndvi, slope_degrees)"),
            p.number("DATUM", "Elevation that counts as 0 (m)", default=0.0),
            p.text("WATER_CODES", "Land-cover codes that are water, where no water layer is given"),
            p.advanced(p.choice("OVERLAP", "Where the rings of several mines meet", list(OVERLAPS))),
            p.advanced(p.choice("TRANSFORM", "Transform of the surfaces", list(TRANSFORMS))),
            p.advanced(p.number("TRANSFORM_POWER", "Exponent of the transform 'power'", default=2.0, optional=True)),
            p.advanced(p.choices("HARD_BARRIERS", "Hard barriers", list(BARRIERS), [], optional=True)),
            p.land_cover_product(),
            p.raster_output("OUTPUT_BASE", "Base resistance", True, by_default=True),
            p.raster_output("OUTPUT_MINES", "Mine resistance", True, by_default=True),
            p.raster_output("OUTPUT", "Resistance"),
            p.folder_output("OUTPUT_FACTORS", "Folder of single factors"),
        ]

    def _choices(self, job):
        return Choices(
            factor_table=job.table("FACTOR_TABLE"), ring_table=job.table("RING_TABLE"),
            weights=job.table("WEIGHTS"), restored_table=job.table("RESTORED_TABLE"), datum_m=job.number("DATUM"),
            overlap=job.choice("OVERLAP"), transform=job.choice("TRANSFORM"), exponent=job.number("TRANSFORM_POWER"),
            barriers=tuple(job.choices("HARD_BARRIERS")), product=PRODUCTS[job.choice("LAND_COVER_PRODUCT")])

    def _layers(self, job, vector, mines):
        return FactorLayers(
            dem=job.raster("DEM"), land_cover=job.raster("LAND_COVER"), ndvi=job.raster("NDVI"),
            night_light=job.raster("NIGHT_LIGHT"), water=vector("WATER"), motorways=vector("MOTORWAYS"),
            highways=vector("HIGHWAYS"), water_codes=read_water_codes(job.text("WATER_CODES")), mines=mines)

    def validate(self, job):
        job.template()
        layers = self._layers(job, job.feature_source, job.feature_source("MINES"))
        read_scheme(layers.present(), self._choices(job))

    def execute(self, job):
        template = job.template()
        layers = self._layers(job, job.features, job.mines(template.crs))
        surfaces = resistance_surface(
            layers, template, self._choices(job), progress=job.progress,
            keep=lambda factor, grid: job.write_folder("OUTPUT_FACTORS", {factor: grid}))
        job.write_raster("OUTPUT_BASE", surfaces.base)
        if surfaces.mines is not None:
            job.write_raster("OUTPUT_MINES", surfaces.mines)
        job.write_raster("OUTPUT", surfaces.integrated)

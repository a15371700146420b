"""Toolbox step: base, mines' and integrated resistance surface from nine factors and those that a planner adds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...core.geometry.layers import Layer
from ...core.grid.grid import Template
from ...core.land_cover_products import LandCoverProduct
from ...core.mines import Mine
from ...core.resistance.choices import Correction, HardBarrier, Overlap, SurfaceChoices, Transform
from ...core.resistance.correction import check_correction
from ...core.resistance.factor_layers import FactorLayers, extra_names, read_water_codes
from ...core.resistance.scheme import read_scheme
from ...core.resistance.surface import ResistanceSurfaces, resistance_surface
from ...core.resistance.surface_report import resistance_report
from ...core.resistance.zones import Zone, check_districts, district_zones, land_cover_zones
from ...core.schemas import RESISTANCE_SUMMARY
from .. import parameters as p
from ..base import EcoNetAlgorithm
from ..job import Job
from ..layers import MineLayer, QgisLayer

ROADS = (p.LINE, p.POLYGON)


@dataclass(frozen=True)
class Inputs:
    """What the step was given.

    Parameters
    ----------
    template : Template
    maps : FactorLayers
        Without the vector layers.
    lines : dict of str to QgisLayer
        Those that are given of water, motorways and highways.
    mines : MineLayer, optional
    districts : QgisLayer, optional
    district_field : str
        Empty: districts are numbered.
    choices : SurfaceChoices
    """

    template: Template
    maps: FactorLayers
    lines: Mapping[str, QgisLayer]
    mines: MineLayer | None
    districts: QgisLayer | None
    district_field: str
    choices: SurfaceChoices


class ResistanceSurface(EcoNetAlgorithm[Inputs]):
    """Weights nine factors and further ones, with and without mines."""

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
    KEYS = {"datum_m": "DATUM", "exponent": "TRANSFORM_POWER"}

    def definitions(self) -> list[Any]:
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
            p.option("TRANSFORM", "Transform of the surfaces", Transform),
            p.number("TRANSFORM_POWER", "Exponent of the transform 'power'", default=2.0, optional=True),
            p.options("HARD_BARRIERS", "Hard barriers", HardBarrier, default=[], optional=True),
            p.advanced(p.option("OVERLAP", "Where the rings of several mines meet", Overlap)),
            p.advanced(p.option("CORRECTION", "Correction of the surfaces", Correction, optional=True)),
            p.advanced(p.raster("CORRECTION_RASTER", "Night light or multipliers for the correction", optional=True)),
            p.advanced(p.number("CORRECTION_LEAST", "Night light: lowest multiplier", default=0.1, optional=True)),
            p.advanced(p.number("CORRECTION_MOST", "Night light: highest multiplier", default=10.0, optional=True)),
            p.land_cover_product(),
            p.raster_output("OUTPUT_BASE", "Base resistance", optional=True, by_default=True),
            p.raster_output("OUTPUT_MINES", "Mine resistance", optional=True, by_default=True),
            p.raster_output("OUTPUT", "Resistance"),
            p.raster_output("OUTPUT_DOMINANT", "Dominant factor (why a cell is hard)", optional=True),
            p.folder_output("OUTPUT_FACTORS", "Folder of single factors"),
            p.vector_output("OUTPUT_SUMMARY", "Resistance by land cover and district", p.TABLE, optional=True),
            p.report_output("OUTPUT_REPORT", "Resistance report"),
        ]

    def read(self, job: Job) -> Inputs:
        lines = {key.lower(): job.optional_layer(key) for key in ("WATER", "MOTORWAYS", "HIGHWAYS")}
        districts = job.optional_layer("DISTRICTS")
        return Inputs(
            template=job.template(),
            maps=_maps(job),
            lines={name: layer for name, layer in lines.items() if layer is not None},
            mines=job.optional_mine_layer(),
            districts=districts,
            district_field="" if districts is None else job.usual_field("DISTRICT_FIELD", districts),
            choices=_choices(job),
        )

    def check(self, inputs: Inputs) -> None:
        outlines = {name: layer.outline for name, layer in inputs.lines.items()}
        # mines are known to be there and not read yet
        layers = _with_layers(inputs.maps, outlines, mines=None if inputs.mines is None else ())
        read_scheme(layers.present(), inputs.choices)
        check_correction(inputs.choices, layers)
        if inputs.mines is not None:
            inputs.mines.check()
        if inputs.districts is not None:
            check_districts(inputs.districts.outline, inputs.district_field)

    def execute(self, inputs: Inputs, job: Job) -> None:
        template = inputs.template
        mines = None if inputs.mines is None else inputs.mines.read(template.crs, job.progress)
        lines = {name: layer.read(job.progress) for name, layer in inputs.lines.items()}
        layers = _with_layers(inputs.maps, lines, mines=mines)
        explained = job.wants("OUTPUT_REPORT") or job.wants("OUTPUT_SUMMARY")
        surfaces = resistance_surface(
            layers,
            template,
            choices=inputs.choices,
            keep=lambda factor, grid: job.write_folder("OUTPUT_FACTORS", {factor: grid}),
            explain=explained or job.wants("OUTPUT_DOMINANT"),
            progress=job.progress,
        )
        job.write_raster("OUTPUT_BASE", surfaces.base)
        if surfaces.mines is not None:
            job.write_raster("OUTPUT_MINES", surfaces.mines)
        job.write_raster("OUTPUT", surfaces.integrated)
        if surfaces.dominant is not None:
            job.write_raster("OUTPUT_DOMINANT", surfaces.dominant)
        if explained:
            self._write_summary(inputs, job, surfaces, layers)
        elif inputs.districts is not None:
            job.progress.warn(
                "Districts are given, and neither the report nor the table by land cover and district is "
                "wanted: they are not used."
            )

    def _write_summary(self, inputs: Inputs, job: Job, surfaces: ResistanceSurfaces, layers: FactorLayers) -> None:
        """Write the table by land cover and district, and the report."""
        zones: list[Zone] = []
        if layers.land_cover is not None:
            zones += land_cover_zones(
                surfaces, layers.land_cover, product=inputs.choices.product, progress=job.progress
            )
        if inputs.districts is not None:
            districts = inputs.districts.read(job.progress)
            zones += district_zones(surfaces, districts, name_field=inputs.district_field, progress=job.progress)
        job.write_table("OUTPUT_SUMMARY", RESISTANCE_SUMMARY, zones)
        found = f"{len(layers.mines)} of layer '{layers.mines[0].layer}'" if layers.mines else "none"
        report = resistance_report(
            surfaces,
            zones=zones,
            parameters=[*job.report_parameters(), ("Mines that were read", found)],
            log_lines=job.log_lines,
            progress=job.progress,
        )
        job.write_report("OUTPUT_REPORT", report)


def _maps(job: Job) -> FactorLayers:
    """The rasters that factors are made from, and the codes of water."""
    extra = job.rasters("EXTRA_FACTORS")
    names = extra_names(job.text("EXTRA_NAMES"), [source.name for source in extra])
    return FactorLayers(
        dem=job.optional_raster("DEM"),
        land_cover=job.optional_raster("LAND_COVER"),
        ndvi=job.optional_raster("NDVI"),
        night_light=job.optional_raster("NIGHT_LIGHT"),
        water_codes=read_water_codes(job.text("WATER_CODES")),
        extra=dict(zip(names, extra)),
        correction=job.optional_raster("CORRECTION_RASTER"),
    )


def _with_layers(maps: FactorLayers, lines: Mapping[str, Layer], *, mines: Sequence[Mine] | None) -> FactorLayers:
    """The rasters and the vector layers of factors."""
    return replace(
        maps,
        water=lines.get("water"),
        motorways=lines.get("motorways"),
        highways=lines.get("highways"),
        mines=mines,
    )


def _choices(job: Job) -> SurfaceChoices:
    return SurfaceChoices(
        factor_table=job.table("FACTOR_TABLE"),
        ring_table=job.table("RING_TABLE"),
        weights=job.table("WEIGHTS"),
        restored_table=job.table("RESTORED_TABLE"),
        datum_m=job.number("DATUM"),
        overlap=job.option("OVERLAP", Overlap),
        transform=job.option("TRANSFORM", Transform),
        exponent=job.optional_number("TRANSFORM_POWER"),
        correction=job.option("CORRECTION", Correction),
        correction_least=job.optional_number("CORRECTION_LEAST"),
        correction_most=job.optional_number("CORRECTION_MOST"),
        barriers=tuple(job.options("HARD_BARRIERS", HardBarrier)),
        product=job.option("LAND_COVER_PRODUCT", LandCoverProduct),
    )

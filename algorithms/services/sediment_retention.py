"""Toolbox step: soil loss, its delivery to streams, and the sediment that vegetation keeps back."""

from ...core.errors import InputError
from ...core.grid.grid import QUANTITY
from ...core.grid.warping import align, read_classes
from ...core.land_cover_products import LandCoverProduct
from ...core.routing.ways import FlowConvention, Routing
from ...core.services.sediment_retention import (
    CAPPED,
    COVER_KINDS,
    IC_LENGTHS,
    LS_METHODS,
    MASKINGS,
    UNITS,
    conventions,
    cover_factor,
    default_table,
    drainage_cells,
    read_table,
    sediment_retention,
)
from .. import parameters as p
from ..base import EcoNetAlgorithm

_CHOICES = {
    "ROUTING": ("routing", tuple(Routing)),
    "LS_METHOD": ("ls_method", LS_METHODS),
    "CAPPED": ("capped", CAPPED),
    "IC_LENGTH": ("ic_length", IC_LENGTHS),
    "UNIT": ("unit", UNITS),
    "TIES_AND_FLATS": ("flow", tuple(FlowConvention)),
    "MASKING": ("masking", MASKINGS),
}
_FACTORS = ("bare_soil_loss", "ls", "connectivity", "accumulation", "deposition")


class SedimentRetention(EcoNetAlgorithm):
    ID = "sedimentretention"
    NAME = "Sediment retention"
    GROUP = "services"
    CORE = "services.sediment_retention"
    REQUIRES = ("scipy",)
    TEMPLATE = ("LAND_COVER",)
    STYLES = {
        "OUTPUT_RETENTION": "sediment_retention",
        "OUTPUT_SOIL_LOSS": "soil_loss",
        "OUTPUT_EXPORT": "soil_loss",
        "OUTPUT_SDR": "sediment_delivery",
        "OUTPUT_AVOIDED_EROSION": "sediment_retention",
        "OUTPUT_AVOIDED_EXPORT": "sediment_retention",
    }

    def definitions(self):
        return [
            p.raster("DEM", "Elevation (m)"),
            p.raster("LAND_COVER", "Land cover"),
            p.raster("EROSIVITY", "Rainfall erosivity R (MJ mm / (ha h a))"),
            p.raster("ERODIBILITY", "Soil erodibility K (t ha h / (ha MJ mm))"),
            p.raster("COVER_FACTOR", "Cover factor C, or vegetation to reckon it from", optional=True),
            p.layers("DRAINAGE", "Drainage: rivers and canals, as raster of 1, lines or polygons", optional=True),
            p.vector("MINES", "Mines whose pits drain inside", p.POLYGON, optional=True),
            p.table("BIOPHYSICAL_TABLE", "Biophysical table (land_cover, usle_c, usle_p)"),
            p.number(
                "ACCUMULATION_THRESHOLD", "Accumulation threshold of streams (cells; 0: drainage alone)", 1000.0, 0.0
            ),
            p.number("KB", "Calibration k_b", 2.0, 0.0),
            p.number("IC0", "Calibration IC_0", 0.5),
            p.number("SDR_MAX", "Highest sediment delivery ratio", 0.8, 0.0, 1.0),
            p.preset(),
            p.preset_choice("ROUTING", "Routing", list(Routing)),
            p.preset_choice("LS_METHOD", "Slope length and steepness factor", LS_METHODS),
            p.preset_choice("IC_LENGTH", "Lengths in the connectivity index", IC_LENGTHS),
            p.preset_choice("UNIT", "Unit of the maps", UNITS),
            p.choice("COVER_FACTOR_HOLDS", "What the cover raster holds", COVER_KINDS),
            p.advanced(p.number("LS_CAP", "Cap in the LS factor (empty: as PRESET)", minimum=0, optional=True)),
            p.advanced(p.preset_choice("CAPPED", "What the cap holds down", CAPPED)),
            p.advanced(p.preset_choice("TIES_AND_FLATS", "Ties, flats and shares in routing", list(FlowConvention))),
            p.advanced(p.preset_choice("MASKING", "Streams and ways without a stream", MASKINGS)),
            p.land_cover_product(),
            p.raster_output("OUTPUT_RETENTION", "Sediment retention"),
            p.raster_output("OUTPUT_SOIL_LOSS", "Soil loss", True, by_default=True),
            p.raster_output("OUTPUT_EXPORT", "Sediment export", True, by_default=True),
            p.raster_output("OUTPUT_SDR", "Sediment delivery ratio", optional=True),
            p.raster_output("OUTPUT_AVOIDED_EROSION", "Avoided erosion", optional=True),
            p.raster_output("OUTPUT_AVOIDED_EXPORT", "Avoided export", optional=True),
            p.raster_output("OUTPUT_STREAMS", "Streams", optional=True),
            p.folder_output("OUTPUT_FACTORS", "Folder of the maps between"),
            p.number_output("SOIL_LOSS", "Soil loss (t a year)"),
            p.number_output("EXPORT", "Export to streams (t a year)"),
            p.number_output("DEPOSITION", "Deposition (t a year)"),
            p.number_output("LEAVES_MAP", "Sediment on its way when it leaves the map (t a year)"),
        ]

    def _table(self, job):
        return job.table("BIOPHYSICAL_TABLE") or default_table(job.option("LAND_COVER_PRODUCT", LandCoverProduct))

    def _chosen(self, job):
        chosen = {name: [None, *options][job.choice(key)] for key, (name, options) in _CHOICES.items()}
        return {**chosen, "cap": job.number("LS_CAP")}

    def validate(self, job):
        conventions(job.choice("PRESET"), **self._chosen(job))
        read_table(self._table(job), not job.given("COVER_FACTOR"))
        if not job.given("COVER_FACTOR") and job.choice("COVER_FACTOR_HOLDS"):
            raise InputError(
                "No cover raster is given to reckon the cover factor from: choose one, or leave 'What the "
                "cover raster holds' at its first entry."
            )
        if not job.number("KB"):
            raise InputError("k_b is 0: it must be above 0 (2 is usual).")
        if not job.number("SDR_MAX"):
            raise InputError("SDR_max is 0: it must be above 0 and at most 1 (0.8 is usual).")
        if not job.number("ACCUMULATION_THRESHOLD") and not job.given("DRAINAGE"):
            raise InputError(
                "The accumulation threshold is 0 and no drainage layer is given: give the number of cells "
                "from which a stream begins, or a drainage layer."
            )

    def execute(self, job):
        template = job.template()
        dem, erosivity, erodibility = (
            align(job.raster(key), template, QUANTITY, job.progress) for key in ("DEM", "EROSIVITY", "ERODIBILITY")
        )
        cover = drainage = None
        if job.given("COVER_FACTOR"):
            cover = cover_factor(
                align(job.raster("COVER_FACTOR"), template, QUANTITY, job.progress),
                COVER_KINDS[job.choice("COVER_FACTOR_HOLDS")],
                job.progress,
            )
        if job.given("DRAINAGE"):
            drainage = drainage_cells(
                [_read(layer, job.progress) for layer in job.layers("DRAINAGE")], template, job.progress
            )
        mines = job.features("MINES")
        pits = () if mines is None else mines.to_crs(template.crs, job.progress).valid_polygons(job.progress).geometries
        result = sediment_retention(
            dem,
            read_classes(job.raster("LAND_COVER")),
            erosivity,
            erodibility,
            self._table(job),
            cover,
            drainage,
            pits,
            job.number("ACCUMULATION_THRESHOLD"),
            job.number("KB"),
            job.number("IC0"),
            job.number("SDR_MAX"),
            job.choice("PRESET"),
            job.progress,
            **self._chosen(job),
        )
        job.write_raster("OUTPUT_RETENTION", result.retention)
        job.write_raster("OUTPUT_SOIL_LOSS", result.soil_loss)
        job.write_raster("OUTPUT_EXPORT", result.export)
        job.write_raster("OUTPUT_SDR", result.sdr)
        job.write_raster("OUTPUT_AVOIDED_EROSION", result.avoided_erosion)
        job.write_raster("OUTPUT_AVOIDED_EXPORT", result.avoided_export)
        job.write_raster("OUTPUT_STREAMS", result.streams)
        job.write_folder("OUTPUT_FACTORS", {name: getattr(result, name) for name in _FACTORS})
        for key in ("SOIL_LOSS", "EXPORT", "DEPOSITION", "LEAVES_MAP"):
            job.result(key, result.totals[key.lower()])


def _read(layer, progress):
    return layer.read(progress) if hasattr(layer, "read") else layer

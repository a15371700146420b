#!/usr/bin/python3
"""Derives the maps of this example from the originals of the R package spDataLarge (CC0).

    /usr/bin/python3 examples/zion/make_zion.py FOLDER

FOLDER holds `nlcd2011.tif` and `srtm.tif` (spDataLarge, `inst/raster`). Cell values are not changed:

- `land_cover.tif`: the NLCD codes on their own cells. The original says UTM zone 12 on GRS 80 and
  no more; here it gets the code of that CRS, EPSG:26912 (NAD83 / UTM zone 12N), which the package's
  own simplified map on the same cells (`nlcd.tif`) carries.
- `srtm.tif`: a copy, on its own grid in EPSG:4326.
- `roads.gpkg`: class 21 (developed, open space) as polygons, one per strip of cells that touch, corners
  included. Strips whose extent is under LEAST_EXTENT_M are houses and yards rather than roads and
  are left out.
"""

import shutil
import sys
from pathlib import Path

import numpy as np
from osgeo import gdal, ogr
from scipy import ndimage

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "scripts"))

from load_econet import load_econet

load_econet()

from econet.core.crs import Crs
from econet.core.gdal_session import gdal_exceptions
from econet.core.geometry.cells import polygonize
from econet.core.geometry.layers import Layer, write_layer
from econet.core.grid.reading import RasterSource, open_template

CRS = "EPSG:26912"
ROAD_CODE = 21
LEAST_EXTENT_M = 1000


def make_land_cover(original, target):
    """The same cells and palette, tiled, with the CRS's code."""
    with gdal_exceptions():
        gdal.Translate(
            str(target), str(original), outputSRS=CRS, creationOptions=["COMPRESS=DEFLATE", "TILED=YES"], noData=255
        )


def make_roads(land_cover, target):
    """Strips of developed open space as polygons; returns how many."""
    source = RasterSource(str(land_cover), crs=Crs.of(CRS).reference.ExportToWkt())
    template = open_template(source)
    with gdal_exceptions():
        codes = gdal.Open(source.path).ReadAsArray()
    strips, _ = ndimage.label(codes == ROAD_CODE, structure=np.ones((3, 3)))
    kept = [
        label
        for label, (rows, cols) in enumerate(ndimage.find_objects(strips), 1)
        if np.hypot((rows.stop - rows.start) * template.cell_height, (cols.stop - cols.start) * template.cell_width)
        >= LEAST_EXTENT_M
    ]
    polygons = polygonize(np.where(np.isin(strips, kept), strips, 0), template)
    attributes = [
        {"road_id": number, "class": "developed strip", "area_km2": round(polygons[label].GetArea() / 1e6, 4)}
        for number, label in enumerate(kept, 1)
    ]
    features = Layer("roads", template.crs, [polygons[label] for label in kept], attributes)
    # A fixed date in the GeoPackage, so that the same originals give the same bytes.
    gdal.SetConfigOption("OGR_CURRENT_DATE", "2026-01-01T00:00:00.000Z")
    write_layer(
        features,
        str(target),
        name="roads",
        fields={"road_id": int, "class": str, "area_km2": float},
        geometry_type=ogr.wkbMultiPolygon,
    )
    return len(kept)


def main(folder):
    make_land_cover(folder / "nlcd2011.tif", HERE / "land_cover.tif")
    shutil.copyfile(folder / "srtm.tif", HERE / "srtm.tif")
    print(f"{make_roads(HERE / 'land_cover.tif', HERE / 'roads.gpkg')} strips of class {ROAD_CODE}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))

#!/usr/bin/python3
"""Makes the artificial mining city: every map that EcoNet's steps read, at any size.

    /usr/bin/python3 examples/mining_city/make_city.py --rows 1000 --cols 1200 --seed 1 OUT

Nothing in it is real. A town lies on a river plain between two open pits; hills and mountains
around it are carved by an erosion model, so that valleys branch as real ones do. Maps wider
than one city hold several, side by side, and maps smaller than one show a smaller one.

The same seed and size give the same bytes, whatever numpy (1.24 and 2.2 were compared, with and
without its SIMD code): random numbers come from numpy's frozen ``RandomState``, maps are made with
+ - * / and square roots alone, which IEEE 754 rounds in one way, and the few sines, powers and
exponentials are rounded before use.

Memory: 9 bytes per cell held at the end, 15 at the peak (10,000 x 10,000). Inside the module x runs east
and y runs south from the north-west corner, in metres; map coordinates appear when features
and grids are made.
"""

import argparse
import os
import sys
from pathlib import Path

from osgeo import gdal, ogr

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
from load_econet import load_econet

load_econet()
from econet.core.crs import Crs
from econet.core.gdal_session import gdal_exceptions
from econet.core.grid.grid import Grid, Template
from econet.core.outputs import OutputFiles
from econet.examples.mining_city.city_layers import make_layers
from econet.examples.mining_city.climate import make_climate, make_night_light, make_soil
from econet.examples.mining_city.cover import cover_mines, make_cover
from econet.examples.mining_city.curves import inside_of
from econet.examples.mining_city.land import dig, make_dem, make_land
from econet.examples.mining_city.plan import make_plan
from econet.examples.mining_city.scale import CELL_M, CRS, NORTH, SHIPPED, WEST


def make_city(rows, cols, seed):
    """Every map of the artificial city.

    Parameters
    ----------
    rows, cols : int
        Cells of 30 m, from 200 to 10,000 each.
    seed : int
        From 0 to 2**31; another seed bends rivers, hills and outlines, not the plan of the city.

    Returns
    -------
    dict
        ``grids``: file stem to ``grid.Grid``; ``stacks``: file stem to (Template, float32 array
        of 12 months); ``layers``: layer name to ``layers.Layer``.

    Raises
    ------
    ValueError
        A size outside the range.
    """
    if not (200 <= rows <= 10_000 and 200 <= cols <= 10_000):
        raise ValueError(f"The city is {rows} x {cols} cells: give 200 to 10,000 rows and columns.")
    plan = make_plan(rows, cols, seed)
    template = Template(
        rows, cols, (WEST, CELL_M, 0.0, NORTH, 0.0, -CELL_M), Crs.of(CRS).reference.ExportToWkt(), "land_cover"
    )
    land = make_land(plan)
    dem, lakes = make_dem(plan, land)
    cover, ndvi = make_cover(plan, land, dem, lakes)
    coarse_maps = make_climate(plan, dem), make_soil(plan, dem)
    light_template, light = make_night_light(plan, cover)
    # mining comes last: climate, soil and street lamps know nothing of it
    places = [inside_of(mine.outline, plan.shape) for mine in plan.mines]
    cover_mines(plan, places, cover, ndvi)
    dig(plan, places, dem)
    grids = {
        "dem": Grid(dem, template, None, "dem"),
        "land_cover": Grid(cover, template, 0, "land_cover"),
        "ndvi": Grid(ndvi, template, None, "ndvi"),
        "night_light": Grid(light, light_template, None, "night_light"),
    }
    stacks = {}
    for coarse, maps in coarse_maps:
        for name, values in maps.items():
            if values.ndim == 3:
                stacks[name] = coarse, values
            else:
                grids[name] = Grid(values, coarse, None, name)
    return {"grids": grids, "stacks": stacks, "layers": make_layers(plan, lakes)}


def _write_stack(outputs, path, template, values):
    with gdal_exceptions():
        partial = outputs.temporary(path)
        dataset = gdal.GetDriverByName("GTiff").Create(
            partial,
            template.cols,
            template.rows,
            len(values),
            gdal.GDT_Float32,
            ["COMPRESS=DEFLATE", "PREDICTOR=3", "INTERLEAVE=BAND"],
        )
        dataset.SetGeoTransform(template.transform)
        dataset.SetProjection(template.crs.wkt)
        for month, band in enumerate(values, 1):
            dataset.GetRasterBand(month).WriteArray(band)
            dataset.GetRasterBand(month).SetDescription(f"month {month:02d}")
        dataset = None


def _write_layers(outputs, path, layers):
    """All layers in one GeoPackage; its time stamp is fixed so that a remake has the same bytes."""
    with gdal_exceptions():
        before = gdal.GetConfigOption("OGR_CURRENT_DATE")
        gdal.SetConfigOption("OGR_CURRENT_DATE", "2024-01-01T00:00:00.000Z")
        try:
            dataset = ogr.GetDriverByName("GPKG").CreateDataSource(outputs.temporary(path))
            for name, features in layers.items():
                kind = ogr.wkbMultiPolygon if features.geometries[0].GetDimension() == 2 else ogr.wkbMultiLineString
                force = ogr.ForceToMultiPolygon if kind == ogr.wkbMultiPolygon else ogr.ForceToMultiLineString
                table = dataset.CreateLayer(name, Crs.of(CRS).reference, kind)
                for field_name in features.field_names:
                    table.CreateField(ogr.FieldDefn(field_name, ogr.OFTString))
                table.StartTransaction()
                for geometry, attributes in zip(features.geometries, features.attributes):
                    feature = ogr.Feature(table.GetLayerDefn())
                    for field_name, value in attributes.items():
                        feature.SetField(field_name, value)
                    feature.SetGeometry(force(geometry.Clone()))
                    table.CreateFeature(feature)
                table.CommitTransaction()
            table = dataset = None
        finally:
            gdal.SetConfigOption("OGR_CURRENT_DATE", before)


def write_city(folder, rows, cols, seed):
    """Make a city and write it: a GeoTIFF per map and ``city.gpkg``; returns what was made."""
    os.makedirs(folder, exist_ok=True)
    city = make_city(rows, cols, seed)
    with OutputFiles() as outputs:
        for name, grid in city["grids"].items():
            outputs.raster(grid, os.path.join(folder, f"{name}.tif"))
        for name, (template, values) in city["stacks"].items():
            _write_stack(outputs, os.path.join(folder, f"{name}.tif"), template, values)
        _write_layers(outputs, os.path.join(folder, "city.gpkg"), city["layers"])
    return city


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Make the artificial mining city.")
    parser.add_argument("folder", help="where the maps go")
    for name in ("rows", "cols", "seed"):
        parser.add_argument(f"--{name}", type=int, default=SHIPPED[name])
    given = parser.parse_args(arguments)
    write_city(given.folder, given.rows, given.cols, given.seed)


if __name__ == "__main__":
    main()

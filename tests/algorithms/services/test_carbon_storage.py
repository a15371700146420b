"""Toolbox step carbonstorage: definition, run, refusals."""

import os

import numpy as np
from qgis.core import QgsProcessingFeedback

from econet.core.grid.reading import RasterSource, read_raster

TABLE = 'land_cover,above,below,soil,dead\n1,10,2,30,1\n2,0.5,0,"7,5",0\n'


def values(path):
    return read_raster(RasterSource(path)).values


def test_sum_of_pools_by_class(run, make):
    land_cover = make.raster("cover", np.array([[1, 2], [2, 255]], np.uint8), nodata=255)
    result = run(
        "carbonstorage", LAND_COVER=land_cover, CARBON_TABLE=make.csv("carbon", TABLE), OUTPUT=make.out("carbon.tif")
    )
    np.testing.assert_array_equal(values(result["OUTPUT"]), np.array([[43, 8], [8, np.nan]], np.float32))
    assert "preset 'recommended': none to choose" in run.log


def test_change_between_two_maps_on_other_cells(run, make):
    first = make.raster("first", np.full((4, 4), 1, np.uint8))
    later = make.raster("later", np.full((2, 2), 2, np.uint8), cell=60.0)
    result = run(
        "carbonstorage",
        LAND_COVER=first,
        OTHER_LAND_COVER=later,
        CARBON_TABLE=make.csv("carbon", TABLE),
        OUTPUT=make.out("a.tif"),
        OUTPUT_CHANGE=make.out("b.tif"),
    )
    np.testing.assert_array_equal(values(result["OUTPUT_CHANGE"]), np.full((4, 4), -35, np.float32))
    assert "warped to the cells of" in run.log


def test_refusals_name_what_to_mend(run, make):
    land_cover = make.raster("cover", np.array([[1, 2, 9, 9]], np.uint8))
    table = make.csv("carbon", TABLE)
    message = run.refusal("carbonstorage", LAND_COVER=land_cover, CARBON_TABLE=table, OUTPUT=make.out("x.tif"))
    assert "'cover'" in message and "9" in message and "2" in message and "carbon.csv" in message
    bad = make.csv("bad", TABLE.replace("30", "much"))
    message = run.refusal("carbonstorage", LAND_COVER=land_cover, CARBON_TABLE=bad, OUTPUT=make.out("x.tif"))
    assert "'bad.csv', row 2, column 'soil': 'much' is not a number" in message
    for text in (TABLE.replace("30", "much"), TABLE + TABLE.splitlines()[1]):
        fine, message = run.check(
            "carbonstorage", LAND_COVER=land_cover, CARBON_TABLE=make.csv("bad", text), OUTPUT=make.out("x.tif")
        )
        assert not fine and "'bad.csv', row " in message
    feet = make.raster("feet", np.ones((3, 3), np.uint8), crs="EPSG:2263")
    fine, message = run.check("carbonstorage", LAND_COVER=feet, OUTPUT=make.out("x.tif"))
    assert not fine and "'feet'" in message and "metres" in message
    assert not os.path.exists(make.out("x.tif"))


def test_cancel_leaves_nothing(run, make):
    feedback = QgsProcessingFeedback()
    feedback.cancel()
    land_cover = make.raster("cover", np.ones((5, 5), np.uint8))
    before = set(os.listdir(make.folder))
    message = run.refusal("carbonstorage", feedback=feedback, LAND_COVER=land_cover, OUTPUT=make.out("x.tif"))
    assert "Cancelled" in message
    assert set(os.listdir(make.folder)) == before


def test_shipped_table_for_another_product(run, make):
    clcd, nlcd = ([[2, 4, 1, 8, 11]], [[42, 71, 82, 23, 911]])
    found = [
        read_raster(
            RasterSource(
                run(
                    "carbonstorage",
                    LAND_COVER=make.raster(f"cover{product}", np.array(cells, np.uint16)),
                    LAND_COVER_PRODUCT=product,
                    OUTPUT=make.out(f"c{product}.tif"),
                )["OUTPUT"]
            )
        ).values
        for product, cells in ((0, clcd), (6, nlcd))
    ]
    assert np.array_equal(*found)

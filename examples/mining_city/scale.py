"""Sizes, place and land-cover codes of the artificial city."""

CELL_M = 30.0
CRS = "EPSG:32651"
WEST, NORTH = 440000.0, 4930000.0  # of the map's north-west corner; no such city is there
CITY_M = (36000.0, 30000.0)  # what one city region takes at full scale
SHIPPED = {"rows": 1000, "cols": 1200, "seed": 1}
CLIMATE_M, SOIL_M, LIGHT_CELLS = 500.0, 250.0, 4

CROP, FOREST, SHRUB, GRASS, WATER, BARREN, IMPERVIOUS, WETLAND = 1, 2, 3, 4, 5, 7, 8, 9

BLOCK_ROWS = 128

"""Layers of points, lines and polygons: their parts, distances, crossings, and the cells that they hold."""

"""Cells: read, warped to a template, classified, computed in blocks, written."""

"""Toolbox steps of group 5: where corridors meet roads and mines."""

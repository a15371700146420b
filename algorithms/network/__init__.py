"""Toolbox steps of where corridors meet roads and mines."""

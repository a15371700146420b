"""Toolbox steps of group 2: sources."""

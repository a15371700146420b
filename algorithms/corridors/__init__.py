"""Toolbox steps of group 4: corridors."""

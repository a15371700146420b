"""Toolbox steps of group 3, resistance."""

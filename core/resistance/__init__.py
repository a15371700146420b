"""Resistance: factors, mines, and the surfaces that they make up."""

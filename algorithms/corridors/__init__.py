"""Steps of group 4: corridors."""

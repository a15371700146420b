"""Steps of group 1: ecosystem services."""

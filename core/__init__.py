"""EcoNet's science: the chain of Feng, Bai & Wang (2024) on arrays and tables.

Usable as a library without QGIS. The sub-packages follow the paper:
``services`` -> ``sources`` -> ``resistance`` -> ``corridors`` -> ``network``.
What several of them share is a module at this level.
"""

"""EcoNet's science: the chain of Feng, Bai & Wang (2024) on arrays and tables.

Usable as a library without QGIS. The sub-packages follow the paper:
``services`` -> ``sources`` -> ``resistance`` -> ``corridors`` -> ``network``.
Other sub-packages hold what several steps use: ``grid`` (rasters), ``geometry`` (vector layers), ``routing``
(flow of water), ``connectivity`` (landscape indices), ``ahp`` (weights from judgements) and
``natural_breaks`` (classes). Modules at this level are shared by several sub-packages.
"""

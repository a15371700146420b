"""EcoNet's science: the chain of Feng, Bai & Wang (2024) on arrays and tables.

Usable as a library without QGIS. The sub-packages follow the paper:
``services`` -> ``sources`` -> ``resistance`` -> ``corridors`` -> ``network``.
What they rest on has sub-packages of its own: ``grid`` and ``geometry`` hold maps and layers, ``routing``
flow, ``connectivity`` the indices of landscapes, ``ahp`` weights from judgements, ``natural_breaks``
classes. What several of them share is a module at this level.
"""

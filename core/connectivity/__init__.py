"""Connectivity of a landscape: the probability of connectivity (PC) and its parts, as Conefor has them.

Eqs 6 and 7 of Feng, Bai & Wang (2024): indices of a graph of patches, what is lost without a patch or a link, what
a candidate would add.
"""

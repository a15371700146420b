"""Step 4: corridors between sources, their strength, width and weak places.

Least-cost paths over the resistance surface (Eq 8) and the gravity model (Eq 9) of
Feng, Bai & Wang (2024).
"""

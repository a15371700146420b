"""Step 1: ecosystem services from a land-cover map (Eqs 1 to 5 of Feng, Bai & Wang 2024)."""

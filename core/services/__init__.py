"""Step 1: ecosystem services of a land-cover map (paper section 2.3, equations 1 to 5)."""

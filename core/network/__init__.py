"""Step 5 of the chain: where corridors meet roads and mines."""

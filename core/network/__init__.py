"""Step 5 and 6 of the chain: where corridors meet roads and mines, and the network as a whole."""

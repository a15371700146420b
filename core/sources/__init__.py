"""Step 2: from ecosystem services to sources - importance, patches, connectivity, selection."""

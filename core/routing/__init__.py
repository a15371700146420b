"""Where water flows over an elevation model: depressions, directions, accumulation, streams."""

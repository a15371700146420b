"""The toolbox: one file per algorithm, in the same sub-folders and words as core."""

"""The example of a real landscape: Zion, Utah, and how its files were made."""

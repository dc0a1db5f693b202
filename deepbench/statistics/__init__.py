"""Numbers only: no torch, no files."""

"""One file or many: from a path to a verdict, its reasons, and what stands behind it."""

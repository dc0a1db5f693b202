"""Figures, HTML pages and experiment tracking."""

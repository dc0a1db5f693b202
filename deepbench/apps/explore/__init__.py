"""Explore the results: weights, videos, sweeps."""

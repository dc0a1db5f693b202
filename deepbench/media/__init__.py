"""Pixels: video frames, face detection, crop protocols."""

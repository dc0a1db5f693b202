"""Builds deepbench/sample/pack.zip: computer-rendered people in the official data-set layouts."""

"""Trains the demo weights on rendered people who are not in the sample pack."""

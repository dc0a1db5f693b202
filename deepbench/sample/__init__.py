"""The sample pack and the demo weights that are shipped with the package."""

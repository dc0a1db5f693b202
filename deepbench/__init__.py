"""deepbench: a reproducible evaluation workbench for face-forgery detectors.

Every step reads a table and writes a table (`deepbench.core.tables` describes them all):

manifest -> faces -> scores -> videos -> results -> report

One word names a step everywhere: the DVC stage, the notebook, the module in this package, the
block in `params.yaml`, the folder under `artifacts/` and the page under `reports/`.
"""

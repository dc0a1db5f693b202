"""The table of what each part of the fusion detector is worth, which no stage makes."""

import pyarrow as pa

from deepbench.core.tables import Table

FUSED = "fused"  # the variant that all others are held against
PLACE = "artifacts/ablation/ablation.parquet"

ABLATION = Table(
    "ablation",
    {
        "dataset": pa.string(),  # tested on its test split
        "variant": pa.string(),
        "start": pa.string(),  # where the backbone's weights came from; "none" without backbone
        "head_epochs": pa.int32(),  # that ran in each stage
        "backbone_epochs": pa.int32(),
        "value": pa.float64(),  # AUC per video
        "low": pa.float64(),
        "high": pa.float64(),
        "difference": pa.float64(),  # its AUC minus that of the fused variant
        "difference_low": pa.float64(),
        "difference_high": pa.float64(),
        "p": pa.float64(),  # two-sided, of the difference; not corrected for several variants
        "n_real": pa.int32(),
        "n_fake": pa.int32(),
        "n_missing": pa.int32(),  # videos without any crop
        "note": pa.string(),  # why there is no value or interval
    },
    ("dataset", "variant"),
)

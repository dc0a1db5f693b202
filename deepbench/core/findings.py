"""The tables of what was found beyond the results: comparisons, ensembles, thresholds, sensitivity.

They stand apart from `core/tables.py`, on which every stage depends: a column more here makes no
detector run again.
"""

import pyarrow as pa

from deepbench.core.tables import Table

# what belongs to an estimate, wherever it stands
_ESTIMATE = {
    "value": pa.float64(),  # NaN where undefined; `note` says why
    "low": pa.float64(),  # bootstrap interval; NaN where `note` says why
    "high": pa.float64(),
    "n_real": pa.int32(),
    "n_fake": pa.int32(),
    "note": pa.string(),
}
COMPARISONS = Table(
    "comparisons",
    {
        "dataset": pa.string(),
        "method": pa.string(),
        "metric": pa.string(),
        "scorer": pa.string(),
        "other": pa.string(),
        **_ESTIMATE,  # value of scorer minus value of other, on the videos that both scored
        "p": pa.float64(),  # two-sided, from the bootstrap
        "p_holm": pa.float64(),  # corrected for all pairs of this data set, method and metric
        "p_delong": pa.float64(),  # AUC only; takes videos as independent
    },
    ("dataset", "method", "metric", "scorer", "other"),
)
RANKS = Table(
    "ranks",
    {
        "dataset": pa.string(),
        "method": pa.string(),
        "metric": pa.string(),
        "scorer": pa.string(),
        "rank": pa.int32(),  # 1 + how many scorers are better by a corrected p; 0 = not ranked
        "tied": pa.string(),  # scorers it cannot be told apart from, comma-separated
        "note": pa.string(),
    },
    ("dataset", "method", "metric", "scorer"),
)
TRANSFER = Table(
    "transfer",
    {
        "scorer": pa.string(),
        "metric": pa.string(),
        "home": pa.string(),  # a data set that it was trained on
        "dataset": pa.string(),  # one that it was not
        "value_home": pa.float64(),
        "value_away": pa.float64(),
        **_ESTIMATE,  # away minus home; n of the data set away
    },
    ("scorer", "metric", "home", "dataset"),
)
CONTRIBUTIONS = Table(
    "contributions",
    {
        "dataset": pa.string(),
        "metric": pa.string(),
        "ensemble": pa.string(),
        "against": pa.string(),  # "without xception", "best single: effort", "equal weights"
        **_ESTIMATE,  # value of the ensemble minus value of what it is held against
        "p": pa.float64(),
        "p_holm": pa.float64(),  # corrected for all rows of this data set and metric
    },
    ("dataset", "metric", "ensemble", "against"),
)
AGREEMENT = Table(
    "agreement",
    {
        "dataset": pa.string(),
        "detector": pa.string(),
        "other": pa.string(),
        "both_right": pa.int32(),  # videos, decided at the threshold of params.yaml
        "only_detector": pa.int32(),
        "only_other": pa.int32(),
        "both_wrong": pa.int32(),
        "agreement": pa.float64(),  # share of equal decisions
        "error_correlation": pa.float64(),  # phi of being wrong; NaN where one never or always is
        "q": pa.float64(),  # Yule's Q of being wrong
        "rank_correlation": pa.float64(),  # Spearman's, of the scores
        "note": pa.string(),
    },
    ("dataset", "detector", "other"),
)
ORACLE = Table(
    "oracle",
    {
        "dataset": pa.string(),
        "metric": pa.string(),  # auc, accuracy
        "best_single": pa.string(),
        "value_single": pa.float64(),
        **_ESTIMATE,  # picking each video's best member; `note` says what that bounds
    },
    ("dataset", "metric"),
)
SIMPLEX = Table(
    "simplex",
    {
        "dataset": pa.string(),
        "split": pa.string(),
        "point": pa.int32(),
        "detector": pa.string(),
        "weight": pa.float64(),  # of this point; they sum to 1
        "auc": pa.float64(),  # of the point's weighted mean of probabilities
        "flat": pa.bool_(),  # cannot be told apart from the best point
    },
    ("dataset", "split", "point", "detector"),
)
THRESHOLDS = Table(
    "thresholds",
    {
        "scorer": pa.string(),
        "criterion": pa.string(),  # "0.5", "eer", "balanced_accuracy", "fpr 0.05"
        "threshold": pa.float64(),  # probability, chosen on the development split only
        "dataset": pa.string(),
        "split": pa.string(),  # val: where it was chosen; test: where it is used
        "metric": pa.string(),  # fpr, tpr, accuracy, balanced_accuracy
        **_ESTIMATE,
    },
    ("scorer", "criterion", "dataset", "split", "metric"),
)
CALIBRATION = Table(
    "calibration",
    {
        "scorer": pa.string(),
        "dataset": pa.string(),
        "variant": pa.string(),  # "as scored" or "scaled"
        "temperature": pa.float64(),  # log-odds are divided by it; fitted on development
        "metric": pa.string(),  # ece, log_loss, brier
        **_ESTIMATE,
    },
    ("scorer", "dataset", "variant", "metric"),
)
RELIABILITY = Table(
    "reliability",
    {
        "scorer": pa.string(),
        "dataset": pa.string(),
        "variant": pa.string(),
        "bin": pa.int32(),
        "n": pa.int32(),
        "fake_prob": pa.float64(),  # mean of the bin
        "share_fake": pa.float64(),
        "low": pa.float64(),
        "high": pa.float64(),
    },
    ("scorer", "dataset", "variant", "bin"),
)
ABSTENTION = Table(
    "abstention",
    {
        "scorer": pa.string(),
        "dataset": pa.string(),
        "coverage": pa.float64(),  # share of videos decided, the surest first
        "n": pa.int32(),
        "error_rate": pa.float64(),  # among them, at a threshold of 0.5 after scaling
        "fake_share": pa.float64(),
    },
    ("scorer", "dataset", "coverage"),
)
SENSITIVITY = Table(
    "sensitivity",
    {
        "factor": pa.string(),  # frames, pooling, face size, sharpness
        "setting": pa.string(),  # "4", "median", "smallest third: 61 to 80 px"
        "place": pa.int32(),  # order of the settings of a factor
        "scorer": pa.string(),
        "dataset": pa.string(),
        "metric": pa.string(),
        **_ESTIMATE,
    },
    ("factor", "setting", "scorer", "dataset", "metric"),
)

"""Look-ups in the results, and the tables of every metric."""

import math
from typing import NamedTuple

import pandas as pd

from deepbench.reporting import html
from deepbench.reporting.inputs import Inputs, scorers

ALL = "all"


class Key(NamedTuple):
    """What names one row of the results."""

    scorer: str
    dataset: str
    method: str = ALL
    level: str = "video"
    metric: str = "auc"


class Result(NamedTuple):
    """One figure of the results, and what it rests on."""

    value: float
    low: float
    high: float
    n_real: int
    n_fake: int
    n_missing: int
    note: str
    plain_low: float = math.nan  # as if videos were independent
    plain_high: float = math.nan


Results = dict[Key, Result]

GLOSSARY = {
    "auc": ("AUC", "chance that a random fake scores higher than a random real; 0.5 is chance"),
    "ap": ("AP", "average precision over all thresholds; its chance level is the share of fakes"),
    "eer": ("EER", "error rate at the threshold where reals and fakes are missed equally often"),
    "tpr_at_fpr_1": ("TPR@1%FPR", "share of fakes found when 1 % of the reals are called fake"),
    "tpr_at_fpr_5": ("TPR@5%FPR", "share of fakes found when 5 % of the reals are called fake"),
    "log_loss": ("Log-loss", "mean surprise in nats; 0.693 for always saying 0.5; lower is better"),
    "brier": ("Brier", "mean squared error of the probability; 0.25 for always saying 0.5"),
    "accuracy": ("Accuracy", "share of right decisions; depends on the share of fakes"),
    "balanced_accuracy": ("Balanced accuracy", "mean of the shares of reals and of fakes right"),
    "precision": ("Precision", "share of fakes among the videos called fake"),
    "recall": ("Recall", "share of the fakes that are called fake"),
    "specificity": ("Specificity", "share of the reals that are called real"),
    "f1": ("F1", "harmonic mean of precision and recall, fake being the positive class"),
    "ece": (
        "ECE",
        "expected calibration error: mean distance of fake probability and share of fakes over "
        "bins of equally many videos; 0 is best",
    ),
    "true_fake": ("Fakes called fake", "videos of the confusion matrix, as the next three"),
    "false_fake": ("Reals called fake", "false alarms"),
    "true_real": ("Reals called real", "right"),
    "false_real": ("Fakes called real", "misses"),
    "auc_delong": ("AUC, DeLong", "the same AUC with DeLong's interval, for videos as independent"),
    "auc_lost_worst": ("AUC, worst case", "if every lost video had been judged most wrongly"),
    "auc_lost_best": ("AUC, best case", "if every lost video had been judged rightly"),
    "fpr": ("FPR", "false positive rate: share of the reals that are called fake"),
    "tpr": ("TPR", "true positive rate: share of the fakes that are called fake"),
}


def title(metric: str) -> str:
    """The field's name of a metric."""
    return GLOSSARY[metric][0] if metric in GLOSSARY else metric


def index(results: pd.DataFrame) -> Results:
    """The results table for look-ups, in its order."""
    keys = results[list(Key._fields)].itertuples(index=False)
    values = results[list(Result._fields)].itertuples(index=False)
    return {Key(*k): Result(*v) for k, v in zip(keys, values, strict=True)}


def cell(results: Results, key: Key) -> html.Cell:
    """One figure with its interval; what the table does not hold is said."""
    found = results.get(key)
    if found is None:
        return html.Cell("not in the results table", undefined=True)
    return html.estimate(found.value, found.low, found.high, found.note)


def counts(result: Result) -> str:
    """The videos (or frames) behind a figure."""
    text = f"{result.n_real} real, {result.n_fake} fake"
    return f"{text}, {result.n_missing} not scored" if result.n_missing else text


def every_metric(inputs: Inputs, dataset: str) -> list[html.Table]:
    """All metrics of a data set over all manipulations, per video and per frame."""
    results = index(inputs.results)
    found = []
    for level in ("video", "frame"):
        keys = [k for k in results if (k.dataset, k.method, k.level) == (dataset, ALL, level)]
        metrics = list(dict.fromkeys(k.metric for k in keys))
        # the field's usual order first, then what else there is
        metrics.sort(key=lambda m: list(GLOSSARY).index(m) if m in GLOSSARY else len(GLOSSARY))
        rows = []
        for scorer in scorers(inputs):
            own = [k for k in keys if k.scorer == scorer]
            if own:
                cells = [cell(results, Key(scorer, dataset, ALL, level, m)) for m in metrics]
                rows.append(html.row(html.Cell(scorer, (counts(results[own[0]]),)), *cells))
        if rows:
            columns = ["Scorer", *map(title, metrics)]
            found.append(html.Table(f"{dataset}: every metric per {level}", columns, rows))
    return found

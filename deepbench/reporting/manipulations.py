"""The report's section per manipulation: each against the reals of its data set."""

from deepbench.reporting import headline, html
from deepbench.reporting.crosstab import more
from deepbench.reporting.inputs import Inputs, scorers
from deepbench.reporting.scoreboard import ALL, Key, cell, index


def per_manipulation(inputs: Inputs) -> list[html.Table]:
    """AUC per video of each manipulation against the reals; one table per data set with several."""
    results, standing = index(inputs.results), headline.ranks(inputs)
    found = []
    for dataset in inputs.settings.datasets:
        keys = [k for k in results if k.dataset == dataset and k.level == "video"]
        methods = sorted({k.method for k in keys} - {ALL})
        rows = []
        for scorer in scorers(inputs) if methods else []:
            cells = []
            for method in methods:
                shown = cell(results, Key(scorer, dataset, method))
                below = headline.rank(standing.get((scorer, dataset, method)))
                cells.append(shown if shown.undefined else more(shown, below))
            rows.append(html.row(scorer, *cells))
        if rows:
            found.append(html.Table(f"{dataset}: AUC per video", ["Scorer", *methods], rows))
    return found

"""The report page: sections filled from tables, figures drawn, one template."""

import pandas as pd
from tqdm import tqdm

from deepbench.reporting import anchors, attrition, html, plots, published, scoreboard, setup
from deepbench.reporting.html import Picture
from deepbench.reporting.inputs import Inputs, scored_videos

PLACEHOLDER = "<!-- this checkout -->"


def compose(inputs: Inputs) -> str:
    """The whole report as one HTML page without network; equal inputs give equal bytes."""
    settings = inputs.settings
    demo = list(dict.fromkeys(run.detector for run in inputs.runs if run.demo))
    figures = {
        dataset: _figures(inputs, dataset)
        for dataset in tqdm(settings.datasets, desc="report", unit="data set")
    }
    headline = scoreboard.headline(inputs)
    marks = "".join(cell.text for line in headline.rows for cell in line)
    values: dict[str, object] = {
        "statement": _statement(inputs),
        "samples": list(inputs.samples),
        "demo": demo,
        "setup": [
            setup.datasets(inputs),
            setup.detectors(inputs),
            *([setup.ensembles(inputs)] if settings.videos.ensembles else []),
            setup.settings(inputs),
        ],
        "headline": headline,
        "trained": scoreboard.TRAINED if scoreboard.TRAINED in marks else "",
        "chance": scoreboard.CHANCE if scoreboard.CHANCE in marks else "",
        "interval": f"{settings.results.interval * 100:g} %",
        "threshold": f"{settings.results.threshold:g}",
        "methods": scoreboard.per_manipulation(inputs),
        "metrics": {name: scoreboard.every_metric(inputs, name) for name in settings.datasets},
        "figures": figures,
        "published": published.figures(inputs, anchors.load()),
        "protocols": published.side_by_side(inputs),
        "losses": attrition.losses(inputs),
        "problems": attrition.problems(inputs),
        "glossary": list(scoreboard.GLOSSARY.values()),
    }
    return html.render("report.html", values)


def _statement(inputs: Inputs) -> str:
    chosen = inputs.settings
    who = _count(len(chosen.detectors), "detector")
    if chosen.videos.ensembles:
        who += f" and {_count(len(chosen.videos.ensembles), 'ensemble')}"
    where = _count(len(chosen.datasets), "data set")
    return f"How well {who} tell real faces from forged ones on the test videos of {where}."


def _count(n: int, thing: str) -> str:
    return f"{n} {thing}" if n == 1 else f"{n} {thing}s"


def _figures(inputs: Inputs, dataset: str) -> list[Picture]:
    """ROC curves, score distributions and confusion matrices of one data set."""
    scored, threshold = scored_videos(inputs, dataset), inputs.settings.results.threshold
    results = scoreboard.index(inputs.results)
    legend = {}
    for scorer in scored["scorer"].unique():
        found = scoreboard.cell(results, scoreboard.Key(scorer, dataset))
        legend[scorer] = f"{scorer}: AUC {' '.join((found.text, *found.small))}"
    lines = [
        f"{scorer}: {_sentence(group, threshold)}"
        for scorer, group in scored.groupby("scorer", sort=False)
    ]
    aucs = "; ".join(legend.values()) or "no test videos"
    return [
        html.picture(plots.roc(scored, legend), f"ROC curves on {dataset}. {aucs}."),
        html.picture(
            plots.distributions(scored, threshold),
            f"Histograms of fake probabilities of real and fake videos of {dataset}, per scorer.",
        ),
        html.picture(
            plots.confusion(scored, threshold),
            f"Confusion matrices on {dataset} at a threshold of {threshold:g}. {' '.join(lines)}",
        ),
    ]


def _sentence(group: pd.DataFrame, threshold: float) -> str:
    """A confusion matrix in words."""
    c = plots.decisions(group, threshold).to_numpy()
    return (
        f"of {c[0].sum()} reals {c[0, 1]} called fake, of {c[1].sum()} fakes {c[1, 1]} called fake."
    )

"""The report page: sections filled from tables, figures drawn, one template."""

import base64
import hashlib

import pandas as pd
from tqdm import tqdm

from deepbench.reporting import (
    anchors,
    attrition,
    calibration,
    comparisons,
    ensembles,
    errors,
    frequency,
    gallery,
    gradcam,
    headline,
    html,
    manipulations,
    plots,
    published,
    scoreboard,
    sensitivity,
    setup,
)  # fmt: skip
from deepbench.reporting.html import Picture
from deepbench.reporting.inputs import Inputs, incomplete, scored_videos

# filled when the page is published: what is no matter of the tables alone
PLACEHOLDER, LATENCY = "<!-- this checkout -->", "<!-- latency -->"
RECORDED = "<!-- data and weights against git -->"
SCRIPT = html.FOLDER / "sort.html"


def compose(inputs: Inputs) -> str:
    """The whole report as one HTML page without network; equal inputs give equal bytes."""
    settings = inputs.settings
    values: dict[str, object] = {
        "statement": _statement(inputs),
        "incomplete": incomplete(inputs),
        "samples": list(inputs.samples),
        "demo": list(dict.fromkeys(run.detector for run in inputs.runs if run.demo)),
        "interval": f"{settings.results.interval * 100:g} %",
        "limit": f"{1 - settings.results.interval:.3g}",
        "threshold": f"{settings.results.threshold:g}",
        "development": settings.development,
        "published": published.figures(inputs, anchors.load()),
        "protocols": published.side_by_side(inputs),
        "losses": attrition.losses(inputs),
        "problems": attrition.problems(inputs),
        "gaps": attrition.gaps(inputs),
        "glossary": list(scoreboard.GLOSSARY.values()),
        "script_digest": script_digest(),
    }
    sections = values | _run(inputs) | _headline(inputs) | _analyses(inputs) | _details(inputs)
    return html.render("report.html", sections)


def script_digest() -> str:
    """Of the only script that the page lets a browser run, as its security policy names it."""
    text = SCRIPT.read_text("utf-8").removeprefix("<script>").partition("</script>")[0]
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _run(inputs: Inputs) -> dict[str, object]:
    views = [setup.datasets(inputs), setup.detectors(inputs)]
    if inputs.external:
        views.append(setup.external(inputs))
    if inputs.settings.videos.ensembles:
        views.append(setup.ensembles(inputs))
    return {"setup": [*views, setup.settings(inputs)]}


def _headline(inputs: Inputs) -> dict[str, object]:
    table = headline.table(inputs)
    marks = "".join(cell.text for line in table.rows for cell in line)
    return {
        "headline": table,
        "trained": headline.TRAINED if headline.TRAINED in marks else "",
        "chance": headline.CHANCE if headline.CHANCE in marks else "",
        "ties": headline.ties(inputs),
        "bounds": headline.bounds(inputs),
        "widths": headline.widths(inputs).sentence,
        "pairs": comparisons.pairs(inputs),
        "methods": manipulations.per_manipulation(inputs),
    }


def _analyses(inputs: Inputs) -> dict[str, object]:
    return {
        "transfer": comparisons.transfer(inputs),
        "against_single": ensembles.against_single(inputs),
        "contributions": ensembles.contributions(inputs),
        "agreement": ensembles.agreement(inputs),
        "oracle": ensembles.oracle(inputs),
        "maps": ensembles.maps(inputs),
        "thresholds": calibration.thresholds(inputs),
        "calibration": calibration.errors(inputs),
        "reliability": calibration.pictures(inputs),
        "sensitivity": sensitivity.varied(inputs),
        "frequency": frequency.section(
            inputs.analyses.frequency,
            inputs.settings.datasets,
            inputs.settings.results.interval,
        ),
        "gradcam": gradcam.section(
            inputs.explanations.maps,
            inputs.explanations.checks,
            inputs.settings.faces.crop,
        ),
        "judge": gallery.scorer(inputs.settings),
        "judge_kind": "ensemble" if inputs.settings.videos.ensembles else "detector",
        "walls": errors.walls(inputs),
    }


def _details(inputs: Inputs) -> dict[str, object]:
    names = inputs.settings.datasets
    return {
        "figures": {
            dataset: _figures(inputs, dataset)
            for dataset in tqdm(names, desc="report", unit="data set")
        },
        "metrics": {name: scoreboard.every_metric(inputs, name) for name in names},
    }


def _statement(inputs: Inputs) -> str:
    chosen = inputs.settings
    who = [
        _count(n, *names)
        for n, names in (
            (len(chosen.detectors), ("detector", "detectors")),
            (len(chosen.external), ("scorer from elsewhere", "scorers from elsewhere")),
            (len(chosen.videos.ensembles), ("ensemble", "ensembles")),
        )
        if n
    ]
    told = " and ".join([", ".join(who[:-1]), who[-1]] if len(who) > 1 else who)
    where = _count(len(chosen.datasets), "data set", "data sets")
    return f"How well {told} tell real faces from forged ones on the test videos of {where}."


def _count(n: int, one: str, many: str) -> str:
    return f"{n} {one if n == 1 else many}"


def _figures(inputs: Inputs, dataset: str) -> list[Picture]:
    """ROC curves, score distributions and confusion matrices of one data set."""
    scored, threshold = scored_videos(inputs, dataset), inputs.settings.results.threshold
    results = scoreboard.index(inputs.results)
    legend = {}
    for scorer in scored["scorer"].unique():
        found = scoreboard.cell(results, scoreboard.Key(scorer, dataset))
        interval = [line for line in found.small if line.startswith("[")]
        legend[scorer] = f"{scorer}: AUC {' '.join((found.text, *interval))}"
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

"""The report's section on ensembles: what a weighting is worth and what its members share."""

import pandas as pd

from deepbench.reporting import analysis_plots, html
from deepbench.reporting.comparisons import tested
from deepbench.reporting.crosstab import Axis, Row, crosstab, difference, estimate, more, records
from deepbench.reporting.html import Picture
from deepbench.reporting.inputs import TEST, Inputs
from deepbench.reporting.scoreboard import title

SINGLE = "best single: "  # how the column `against` begins where development chose it


def against_single(inputs: Inputs) -> html.Table:
    """AUC of each ensemble minus that of the best detector of the development split."""
    table = inputs.analyses.ensembles.contributions
    own = table[(table["metric"] == "auc") & table["against"].str.startswith(SINGLE)]
    return crosstab(
        "AUC: ensemble minus the best single detector of the development split",
        own,
        Axis("ensemble", "Ensemble", list(inputs.settings.videos.ensembles)),
        Axis("dataset", values=inputs.settings.datasets),
        lambda row: more(_tested(row), f"against {row['against'].removeprefix(SINGLE)}"),
    )


def contributions(inputs: Inputs) -> dict[str, html.Table]:
    """Per data set, each ensemble against everything it is held against, per metric."""
    table = inputs.analyses.ensembles.contributions
    table = table.assign(
        held=table["ensemble"] + " minus " + table["against"], shown=table["metric"].map(title)
    )
    return {
        name: crosstab(
            f"{name}: ensembles",
            own,
            Axis("held", "Ensemble and what it is held against"),
            Axis("shown"),
            _tested,
        )
        for name, own in _by_dataset(inputs, table).items()
    }


def _tested(row: Row) -> html.Cell:
    shown = difference(row)
    return shown if shown.undefined else more(shown, tested(row))


def agreement(inputs: Inputs) -> dict[str, html.Table]:
    """Per data set, how each two detectors decide the same videos."""
    columns = [
        "Detectors", "Both right", "Only the first", "Only the second", "Both wrong",
        "Agreement", "Correlation of errors", "Yule's Q", "Rank correlation of scores",
    ]  # fmt: skip
    return {
        name: html.Table(f"{name}: agreement", columns, [_agreement(row) for row in records(own)])
        for name, own in _by_dataset(inputs, inputs.analyses.ensembles.agreement).items()
    }


def _agreement(row: Row) -> list[html.Cell]:
    counts = ("both_right", "only_detector", "only_other", "both_wrong")
    shares = ("agreement", "error_correlation", "q", "rank_correlation")
    name = html.Cell(f"{row['detector']}, {row['other']}", (row["note"],))
    return html.row(
        name, *(int(row[c]) for c in counts), *(html.share(float(row[s])) for s in shares)
    )


def oracle(inputs: Inputs) -> html.Table:
    """What choosing the best member of every video would reach, beside the best single one."""
    table = inputs.analyses.ensembles.oracle
    return crosstab(
        "Best single detector of these videos, and the oracle",
        table.assign(shown=table["metric"].map(title)),
        Axis("dataset", "Data set", inputs.settings.datasets),
        Axis("shown"),
        _oracle,
    )


def _oracle(row: Row) -> html.Cell:
    found = estimate(row)
    if found.undefined:
        return found
    single = f"best single, {row['best_single']}: {html.number(row['value_single'])}"
    # what the oracle is stands above the table
    notes = tuple(note for note in found.notes if note.startswith(("no interval", "tied with")))
    return more(found, single)._replace(notes=notes)


def maps(inputs: Inputs) -> dict[str, list[Picture]]:
    """Per data set, AUC against the weight of each detector, on test videos."""
    points = inputs.analyses.ensembles.simplex
    own = _by_dataset(inputs, points[points["split"] == TEST])
    return {
        name: [html.picture(analysis_plots.simplex(part), _map(name, part))]
        for name, part in own.items()
    }


def _map(dataset: str, points: pd.DataFrame) -> str:
    """The map in words."""
    known = points.dropna(subset="auc")
    if known.empty:
        return f"Weights on {dataset}: the AUC is not defined."
    best = known[known["point"] == known["point"].iloc[int(known["auc"].argmax())]]
    of_points = known.drop_duplicates("point")
    weights = ", ".join(f"{row['detector']} {row['weight']:g}" for row in records(best))
    return (
        f"AUC on {dataset} against the weight of each detector. Best of {len(of_points)} "
        f"weightings: {html.number(best['auc'].iloc[0])} with {weights}; "
        f"{int(of_points['flat'].sum())} cannot be told apart from it."
    )


def _by_dataset(inputs: Inputs, table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    groups = {str(name): own for name, own in table.groupby("dataset", sort=False)}
    return {name: groups[name] for name in inputs.settings.datasets if name in groups}

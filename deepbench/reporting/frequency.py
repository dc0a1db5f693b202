"""The report's section on frequency: pictures, what may be read from them, and the scorer's AUC."""

from collections.abc import Iterator
from typing import NamedTuple

import pandas as pd
from matplotlib.figure import Figure

from deepbench.reporting import effect_plots, html, spectrum_maps, spectrum_plots
from deepbench.reporting.analyses import Frequency
from deepbench.reporting.crosstab import Row, estimate, more, records
from deepbench.reporting.html import Picture

DEVELOPMENT = "development"
WITHOUT = f"{DEVELOPMENT} without "

READ = (
    "Where the ratio's band excludes 1, these fakes and these reals differ in how much detail of "
    "that size their crops hold. Bands and intervals come from a bootstrap over whole clips."
)
NOT_READ = (
    "No difference shown here is by itself a trace of manipulation. Compression, the size of the "
    "face in its frame, focus and the camera move the same figures, and fakes may differ from "
    "reals in any of them: the black lines show how far compression and size alone move untouched "
    "reals. Bands hold for one frequency at a time: with {interval} bands, about {chance} of 128 "
    "frequencies are expected to exclude 1 where nothing differs, in runs, for neighbours move "
    "together. Crops were turned and scaled, so that a codec's 8 x 8 grid is not the grid of "
    "these blocks."
)
CAPTIONS = {
    "radial": (
        "Mean log magnitude of the Fourier spectrum by distance from its centre, and below it "
        "fakes divided by reals. Black marks: frequencies whose band excludes 1. It may be read "
        "as more or less detail of that size, not as its cause; without a band it is a "
        "description of these videos only."
    ),
    "alone": (
        "The same ratio for manipulations (coloured) and for reals that were only compressed or "
        "shrunk and enlarged (black). A manipulation's line that runs along a black one may be "
        "nothing but compression or size; one that runs elsewhere may still have another cause. "
        "Here the crop itself was compressed; a codec compresses the frame before the face is "
        "turned and scaled, which moves its traces to other frequencies of the crop."
    ),
    "summaries": (
        "Left, three features of every test video. Right, Cohen's d against the reals: the "
        "difference in standard deviations between videos. A large d of few videos may be one odd "
        "clip; a small d does not say that no detector can tell the two apart."
    ),
    "planes": (
        "Mean log magnitude by direction. The cross in the middle comes from the picture's edges, "
        "and is in reals as well. Isolated points in the difference would be a repeated pattern, "
        "as upsampling leaves; speckle is what is left of single crops. Nothing here has a band."
    ),
    "dct": (
        "Blocks of 8 x 8 pixels: mean magnitude of reals, and fakes divided by reals in magnitude "
        "and standard deviation. Dots: the interval of the difference excludes 0, one position at "
        "a time. Read it as the radial spectra, with direction."
    ),
}
TITLES = {
    "radial": "Radial spectra",
    "alone": "What compression and face size do alone",
    "summaries": "Distributions and effect sizes",
    "planes": "Mean spectra in two dimensions",
    "dct": "Block DCT",
}
FLOOR = (
    "A logistic regression on the 512 frequency features of each crop, without any network, fitted "
    "on the development split: a floor. A network that does not beat it has shown nothing that "
    "plain statistics do not hold; beating it does not show that a network looks at traces of "
    "manipulation. Compression or face size that differs between reals and fakes helps it too."
)


class Shown(NamedTuple):
    """One kind of figure: title, what may be read from it, a picture per data set."""

    title: str
    caption: str
    pictures: dict[str, Picture]


class Section(NamedTuple):
    """Everything of the section, in its order."""

    read: str
    not_read: str
    figures: list[Shown]
    effects: dict[str, html.Table]
    floor: str
    fitted: str
    probe: dict[str, html.Table]


def section(found: Frequency, datasets: list[str], level: float) -> Section:
    """The section of these data sets; `level` is that of the intervals, 0.95 or so."""
    drawn = {name: figures(found, name) for name in datasets}
    shown = []
    for kind, title in TITLES.items():
        alts = {name: f"{title} of {name}. {_alt(kind, found, name)}" for name in datasets}
        pictures = {name: html.picture(drawn[name][kind], alts[name].strip()) for name in datasets}
        shown.append(Shown(title, CAPTIONS[kind], pictures))
    return Section(
        read=READ,
        not_read=NOT_READ.format(interval=f"{level * 100:g} %", chance=f"{(1 - level) * 128:.0f}"),
        figures=shown,
        effects={name: _effects(_of(found.spectra, name), name) for name in datasets},
        floor=FLOOR,
        fitted=fitted(found.probe),
        probe={name: _probe(_of(found.probe, name), name) for name in datasets},
    )


def figures(found: Frequency, dataset: str) -> dict[str, Figure]:
    """The figures of one data set by kind, as page and MLflow show them."""
    rows = _of(found.spectra, dataset)
    return {
        "radial": spectrum_plots.radial(rows),
        "alone": spectrum_plots.alone(rows),
        "summaries": effect_plots.summaries(rows, _of(found.summaries, dataset)),
        "planes": spectrum_maps.planes(_of(found.means, dataset)),
        "dct": spectrum_maps.dct_maps(rows),
    }


def telling(spectra: pd.DataFrame) -> pd.DataFrame:
    """The rows of table spectra that the page shows as figures, not as curves."""
    columns = ["dataset", "method", "treatment", "feature", "effect", "effect_low", "effect_high"]
    rows = spectra[spectra["feature"].isin(effect_plots.TITLES)]
    return rows[[*columns, "n_real", "n_fake", "note"]]


def _of(table: pd.DataFrame, dataset: str) -> pd.DataFrame:
    return table[table["dataset"] == dataset]


def _alt(kind: str, found: Frequency, dataset: str) -> str:
    """In words what a figure of marked frequencies shows; the others' figures are in tables."""
    if kind != "radial":
        return ""
    rows = _of(found.spectra, dataset)
    said = []
    for method in spectrum_plots.methods(rows):
        one = spectrum_plots.radial_line(rows, method, "", "difference")
        marks, name = one.outside, spectrum_plots.said(method)
        if one.low.size and pd.isna(one.low).all():
            said.append(f"{name}: no band")
        elif len(marks):
            where = f"from {marks.min():.3f} to {marks.max():.3f} cycles per pixel"
            said.append(f"{name}: the band excludes 1 at {len(marks)} of 128 frequencies {where}")
        else:
            said.append(f"{name}: the band excludes 1 nowhere")
    return "; ".join(said) + "."


def _effects(rows: pd.DataFrame, dataset: str) -> html.Table:
    """Cohen's d of the telling features by manipulation and treatment."""
    by_key = {(r["method"], r["treatment"], r["feature"]): r for r in records(rows)}
    lines = [
        html.row(
            effect_plots.line_name(*one),
            *(_effect(by_key[*one, feature]) for feature in effect_plots.TITLES),
        )
        for one in effect_plots.lines(rows)
    ]
    caption = f"{dataset}: Cohen's d against the reals, and of treated reals against themselves"
    return html.Table(caption, ["", *effect_plots.TITLES.values()], lines)


def _effect(row: Row) -> html.Cell:
    return html.difference(row["effect"], row["effect_low"], row["effect_high"], row["note"])


def fitted(probe: pd.DataFrame) -> str:
    """On how much the scorer was fitted, and how far that carries."""
    own = probe[probe["fitted_on"] == DEVELOPMENT]
    if own.empty:
        return "No data set was tested."
    first = records(own)[0]
    real, fake, clips = (first[f"fitted_{name}"] for name in ("real", "fake", "clips"))
    sentence = f"Fitted on {real:,} real and {fake:,} fake videos of {_clips(clips)}."
    few = " With so few, another development split would give another scorer."
    return sentence + (few if clips < 20 else "")


def _clips(count: int) -> str:
    return "1 independent clip" if count == 1 else f"{count:,} independent clips"


def _probe(rows: pd.DataFrame, dataset: str) -> html.Table:
    """AUC per manipulation, fitted with and without its crops of the development split."""
    by_key = {(r["method"], r["fitted_on"]): r for r in records(rows)}
    left_out = any(fit != DEVELOPMENT for _, fit in by_key)
    lines = []
    for method in dict.fromkeys(rows["method"]):
        whole, without = (by_key.get((method, fit)) for fit in (DEVELOPMENT, WITHOUT + method))
        cells = [_auc(whole), *([_auc(without)] if left_out else [])]
        lines.append(html.row(spectrum_plots.said(method), *cells))
    columns = ["", "AUC, fitted on development", *(["... without it"] if left_out else [])]
    return html.Table(f"{dataset}: the frequency-only scorer per video", columns, lines)


def _auc(row: Row | None) -> html.Cell:
    if row is None:
        return html.Cell("does not apply", undefined=True)
    return more(estimate(row), f"{row['n_real']:,} real, {row['n_fake']:,} fake")


def metrics(found: Frequency, dataset: str) -> Iterator[Row]:
    """Figures of one data set for MLflow: rows with name, value, low, high and note."""
    for row in records(_of(found.probe, dataset)):
        with_all = row["fitted_on"] == DEVELOPMENT
        method = "" if row["method"] == spectrum_plots.ALL else f".{row['method']}"
        yield row | {"name": f"frequency.{'auc' if with_all else 'auc_left_out'}{method}"}
    rows = _of(found.spectra, dataset)
    for row in records(rows[rows["feature"].isin(effect_plots.TITLES)]):
        name = f"frequency.effect.{row['feature']}.{row['treatment'] or row['method']}"
        ends = {"low": row["effect_low"], "high": row["effect_high"]}
        yield {"name": name, "value": row["effect"], **ends, "note": row["note"]}

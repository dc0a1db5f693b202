"""Figures and words of the frequency section say what the tables say."""

import io
from dataclasses import replace
from pathlib import Path

import frequency_tables as made
import numpy as np
import pytest

from deepbench import probe, spectra
from deepbench.core import evidence, params, tables
from deepbench.media import spectrum
from deepbench.reporting import effect_plots, frequency, html, spectrum_maps, spectrum_plots
from deepbench.reporting.analyses import Frequency

SETTINGS = made.settings(params.load(Path(__file__).parents[2] / "params.yaml"))
DATASETS = SETTINGS.datasets


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("frequency"), np.random.default_rng(5)
    made.write(folder, rng)
    manifest = made.manifest()
    means = spectra.read_means(folder, DATASETS)
    fits = probe.fit(probe.development(folder, manifest, "home"))
    scored = probe.score(folder, ["home"], fits)["home"]
    methods = {"home": ["Deepfakes", "FaceSwap", "real"], "away": ["fake", "real"]}
    mean_spectra = [
        {
            "dataset": dataset, "method": method, "n": 24,
            "log_magnitude": np.full(evidence.GRID, 3.0 + (method != "real")),
        }
        for dataset in DATASETS
        for method in methods[dataset]
    ]  # fmt: skip
    return Frequency(
        spectra=spectra.compare(means, manifest, SETTINGS),
        means=tables.from_rows(evidence.MEAN_SPECTRA, mean_spectra),
        summaries=spectra.summarise(means, manifest),
        probe=probe.evaluate(scored, fits, manifest, made.faces(manifest), SETTINGS),
    )


@pytest.fixture(scope="module")
def rows(found):
    return found.spectra[found.spectra["dataset"] == "home"]


@pytest.fixture(scope="module")
def section(found):
    return frequency.section(found, DATASETS, 0.95)


def one_class(found):
    """The tables of data without fakes."""
    bare = found.spectra.assign(
        **{name: np.nan for name in found.spectra if found.spectra[name].dtype == float},
        note="undefined with 8 real and 0 fake",
    )
    real = found.means[found.means["method"] == "real"]
    return replace(found, spectra=bare, means=real)


def texts(figure):
    return [t.get_text() for t in figure.findobj() if hasattr(t, "get_text") and t.get_text()]


def dots(axes):
    """Effects by their place, full and hollow."""
    found = ({}, {})
    for line in axes.lines:
        if line.get_marker() in {"o", "s"}:
            at = zip(line.get_ydata().tolist(), line.get_xdata().tolist(), strict=True)
            found[line.get_markerfacecolor() == "white"].update(at)
    return found


def test_the_distribution_of_a_video_each(found, rows):
    values = found.summaries[found.summaries["dataset"] == "home"]
    axes = effect_plots.summaries(rows, values).axes[0]
    own = values[values["feature"] == "fft.high_frequency_ratio"]
    median = next(line for line in axes.lines if line.get_marker() == "|")
    by_method = own.groupby("method")["value"].median()
    assert median.get_xdata()[0] == pytest.approx(by_method["real"])
    assert median.get_xdata()[2] == pytest.approx(by_method["Deepfakes"])
    points = [line for line in axes.lines if line.get_marker() == "."]
    # every fake stands with its manipulation and with all fakes
    assert sum(len(line.get_xdata()) for line in points) == 8 + 2 * 16


def test_rings_lie_where_their_frequencies_are(rows):
    line = spectrum_plots.radial_line(rows, "all", "", "difference")
    assert line.frequency[0] == 0.5 / 256
    assert line.frequency[-1] == 127.5 / 256
    # the ring that was shifted holds radii of 100 to 101 of 128 parts of half a cycle per pixel
    assert line.frequency[np.argmax(line.value)] == pytest.approx(100.5 / 256)
    assert 100.5 / 256 in line.outside


def test_a_grating_and_its_ring_are_at_one_frequency():
    wave = np.round(127 + 100 * np.sin(2 * np.pi * 0.25 * np.arange(224))).astype(np.uint8)
    grey = np.tile(wave, (1, 224, 1))
    radial = spectrum.features(grey)[0, :128]
    ring = 5 + int(np.argmax(radial[5:]))
    assert abs((ring + 0.5) / 256 - 0.25) <= 0.5 / 256
    plane = spectrum_maps.plane(spectrum.log_magnitude(grey)[0])
    plane[50:62, 50:62] = 0  # the mean grey level
    peaks = np.argwhere(plane > 0.9 * plane.max())
    # 112 columns are one cycle per pixel; the middle, 56, is 0
    assert {tuple(p) for p in peaks} == {(56, 28), (56, 84)}


def test_a_plane_is_the_whole_spectrum_around_its_middle(rng):
    grey = rng.integers(0, 256, (1, 224, 224), dtype=np.uint8)
    whole = np.log1p(np.abs(np.fft.fftshift(np.fft.fft2(grey[0].astype(float)))))
    expected = whole.reshape(112, 2, 112, 2).mean(axis=(1, 3))
    plane = spectrum_maps.plane(spectrum.log_magnitude(grey)[0])
    np.testing.assert_allclose(plane, expected, atol=1e-9)


def test_dct_positions_are_rows_and_columns(rows):
    changed = rows.copy()
    place = changed["feature"] == "dct.magnitude.25"
    changed.loc[place, ["real", "fake", "difference_low", "difference_high"]] = [2, 3, 0.5, 1.5]
    found = spectrum_maps.block(changed, "magnitude")
    assert found.real[2, 5] == 2
    assert found.ratio[2, 5] == 1.5
    assert found.sure[2, 5] == 1
    assert np.isnan(found.ratio[0, 0])
    assert np.isfinite(found.ratio.ravel()[1:]).all()


def test_radial_marks_the_frequencies_whose_band_excludes_1(rows):
    figure = spectrum_plots.radial(rows)
    assert {"all fakes / real", "Deepfakes / real", "FaceSwap / real"} <= set(texts(figure))
    panel = next(a for a in figure.axes if a.get_title(loc="left") == "FaceSwap / real")
    marks = [segment[0][0] for segment in panel.collections[-1].get_segments()]
    expected = spectrum_plots.radial_line(rows, "FaceSwap", "", "difference").outside
    np.testing.assert_allclose(marks, expected)
    peak = panel.lines[-1].get_ydata().max()
    assert np.log(peak) == pytest.approx(3.0, abs=0.1)


def test_manipulations_and_treatments_share_an_axis(rows):
    axes = spectrum_plots.alone(rows).axes[0]
    named = {line.get_label(): line for line in axes.lines if not line.get_label().startswith("_")}
    assert list(named) == ["Deepfakes", "FaceSwap", "reals, jpeg 90", "reals, 64 px"]
    assert np.log(named["reals, 64 px"].get_ydata().min()) == pytest.approx(-2, abs=0.1)
    strokes = {named[name].get_linestyle() for name in ("reals, jpeg 90", "reals, 64 px")}
    assert len(strokes) == 2
    low, high = axes.get_ylim()
    assert all((low <= line.get_ydata()).all() for line in named.values())
    assert all((line.get_ydata() <= high).all() for line in named.values())


def test_planes_weigh_manipulations_by_their_crops(found):
    means = found.means[found.means["dataset"] == "home"].copy()
    means["n"] = [30, 10, 24]
    means["log_magnitude"] = [np.full(evidence.GRID, v) for v in (4.0, 8.0, 1.0)]
    figure = spectrum_maps.planes(means)
    images = [axes.images[0].get_array() for axes in figure.axes[:3]]
    assert [float(image.mean()) for image in images] == pytest.approx([1, 5, 4])
    assert {"real, 24 crops", "fake, 40 crops"} <= set(texts(figure))


def test_effects_stand_at_their_value(found, rows):
    values = found.summaries[found.summaries["dataset"] == "home"]
    figure = effect_plots.summaries(rows, values)
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == ["real", "all fakes", "Deepfakes", "FaceSwap", "reals, jpeg 90", "reals, 64 px"]
    own = rows[rows["feature"] == "fft.high_frequency_ratio"]
    expected = own.set_index(["method", "treatment"])["effect"]
    full, hollow = dots(figure.axes[1])
    assert not hollow
    assert full[1] == expected["all", ""]
    assert full[5] == expected["real", "64 px"]


def test_an_effect_without_an_interval_is_hollow(found, rows):
    bare = rows.assign(effect_low=np.nan, effect_high=np.nan)
    values = found.summaries[found.summaries["dataset"] == "home"]
    figure = effect_plots.summaries(bare, values)
    full, hollow = dots(figure.axes[1])
    assert not full
    assert sorted(hollow) == [1, 2, 3, 4, 5]


def test_one_class_is_said_and_not_drawn(found):
    drawn = frequency.figures(one_class(found), "home")
    for kind in ("radial", "planes", "dct"):
        assert len(texts(drawn[kind])) == 1
        assert "without both real and fake test videos" in texts(drawn[kind])[0]
    assert texts(drawn["alone"]) == ["no spectra to compare with"]
    drawn["summaries"].savefig(io.BytesIO(), format="svg")


def test_the_section_has_a_picture_of_every_kind_and_data_set(section):
    assert [shown.title for shown in section.figures] == list(frequency.TITLES.values())
    for shown in section.figures:
        assert list(shown.pictures) == DATASETS
        assert shown.caption
        assert all(p.uri.startswith("data:image/svg") for p in shown.pictures.values())
    assert "about 6 of 128" in section.not_read
    assert "95 % bands" in section.not_read


def test_the_alternative_text_counts_the_marks(section, rows):
    said = section.figures[0].pictures["home"].alt
    marks = spectrum_plots.radial_line(rows, "all", "", "difference").outside
    assert said.startswith("Radial spectra of home. all fakes: the band excludes 1 at")
    assert f"excludes 1 at {len(marks)} of 128" in said


def test_a_missing_band_is_said(found):
    bare = found.spectra.assign(difference_low=np.nan, difference_high=np.nan)
    said = frequency.section(replace(found, spectra=bare), ["home"], 0.95).figures[0]
    assert "FaceSwap: no band" in said.pictures["home"].alt
    assert "excludes" not in said.pictures["home"].alt


def test_the_tables_hold_effects_and_auc(section, found):
    effects = section.effects["home"]
    assert [line[0].text for line in effects.rows][-1] == "reals, 64 px"
    assert len(effects.columns) == 4
    own = section.probe["home"]
    assert own.columns[1:] == ["AUC, fitted on development", "... without it"]
    assert own.rows[0][2].text == "does not apply"
    assert own.rows[0][1].small[-1] == "8 real, 16 fake"
    value = found.probe.iloc[0]["value"]
    assert own.rows[0][1].text == html.number(value)
    assert section.probe["away"].columns[1:] == ["AUC, fitted on development"]
    assert section.fitted.startswith("Fitted on 6 real and 12 fake videos of 6 independent clips.")


def test_equal_tables_give_equal_bytes(found, section):
    again = frequency.section(found, ["away"], 0.95)
    for first, second in zip(section.figures, again.figures, strict=True):
        assert first.pictures["away"] == second.pictures["away"]
    assert again.effects["away"] == section.effects["away"]


def test_mlflow_is_told_each_figure_once(found):
    told = list(frequency.metrics(found, "home"))
    names = [row["name"] for row in told]
    assert len(set(names)) == len(names)
    assert {"frequency.auc", "frequency.auc.FaceSwap", "frequency.auc_left_out.FaceSwap"} <= set(
        names
    )
    assert "frequency.effect.fft.entropy.64 px" in names
    assert all({"value", "low", "high", "note"} <= row.keys() for row in told)

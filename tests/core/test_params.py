"""params.yaml: every wrong setting is named with its place, its value and what would be right."""

from pathlib import Path
from typing import get_args

import pytest
import yaml

from deepbench.core import blocks, params
from deepbench.core.plugins import PROFILES
from deepbench.media.align import CROPS
from deepbench.statistics.ensembles import ENSEMBLES
from deepbench.statistics.pooling import POOLS

SHIPPED = Path(__file__).parents[2] / "params.yaml"


def spoiled(tmp_path, change):
    settings = yaml.safe_load(SHIPPED.read_text("utf-8"))
    change(settings)
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return path


def test_the_shipped_file_is_right_and_reproducible():
    settings = params.load(SHIPPED)
    assert settings.scores.precision == "float32"
    assert set(settings.videos.ensembles["equal"].members) == set(settings.detectors)


def weights(settings, ensemble):
    return settings["videos"]["ensembles"][ensemble]["weights"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda s: s["faces"].update(frmaes=8), r"faces\.frmaes: Extra inputs"),
        (lambda s: s["faces"].update(frames=0), r"faces\.frames: .*greater than 0 \(found 0\)"),
        (lambda s: s["faces"].update(frames="8"), r"faces\.frames: .*valid integer \(found 8\)"),
        (lambda s: s["faces"].update(select="biggest"), "'track', 'largest'.*found biggest"),
        (lambda s: s["faces"].pop("crop"), r"faces\.crop: Field required"),
        (lambda s: s["datasets"].pop(), "must name the same"),
        (
            lambda s: s["external"].update({"../<b>": {"path": "a.csv"}}),
            "'../<b>'. name scorers: use letters",
        ),
        (lambda s: weights(s, "equal").update(vgg=1), "equal weighs .'vgg'."),
        (
            lambda s: s["videos"]["ensembles"].update(xception=s["videos"]["ensembles"]["equal"]),
            r"\['xception'\] names two scorers",
        ),
        (lambda s: s.update(external={"equal": {"path": "a.csv"}}), r"\['equal'\] names two"),
        (lambda s: weights(s, "equal").update(f3net=0, effort=0, xception=0), "weight to 1 det"),
        (lambda s: s["videos"].update(pooling="meen"), "'mean', 'majority', .*found meen"),
        (lambda s: weights(s, "equal").update(f3net=-1), "greater than or equal"),
        (
            lambda s: weights(s, "stack").update(f3net=2),
            r"stack has no use for weights .'f3net': 2",
        ),
        (lambda s: s["manifest"].update(splits=["test"]), "it needs val in manifest.splits"),
        (lambda s: s.update(development="dfd"), "development 'dfd' is not one of the datasets"),
        (lambda s: s.update(development=""), "a data set as development .found ''"),
        (
            lambda s: s["scores"].update(openvino=["vgg"]),
            r"scores\.openvino names \['vgg'\], not",
        ),
        (lambda s: s["faces"].update(crop="dlib"), "crop 'dlib' needs the file"),
        (lambda s: s["faces"].update(landmark_model="a.dat"), "'aligned' with landmark_model 'a"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path, change, sentence):
    with pytest.raises(ValueError, match=sentence):
        params.load(spoiled(tmp_path, change))


def test_the_rules_to_choose_from_are_those_that_exist():
    def choices(block, name):
        return set(get_args(block.model_fields[name].annotation))

    assert choices(blocks.Videos, "pooling") == set(POOLS)
    assert choices(blocks.Ensemble, "rule") == set(ENSEMBLES)
    assert choices(blocks.Scores, "profile") == {"published", *PROFILES}
    assert choices(blocks.Faces, "crop") == set(CROPS)


def test_all_wrong_settings_are_listed_at_once(tmp_path):
    def two(settings):
        settings["seed"] = -1
        settings["results"]["interval"] = 95

    with pytest.raises(ValueError, match=r"2 wrong setting\(s\)"):
        params.load(spoiled(tmp_path, two))

"""params.yaml: every wrong setting is named with its place, its value and what would be right."""

from pathlib import Path
from typing import get_args

import pytest
import yaml

from deepbench.core import params
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
    assert settings.videos.ensembles["equal"].keys() == set(settings.detectors)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda s: s["faces"].update(frmaes=8), r"faces\.frmaes: Extra inputs"),
        (lambda s: s["faces"].update(frames=0), r"faces\.frames: .*greater than 0 \(found 0\)"),
        (lambda s: s["faces"].update(frames="8"), r"faces\.frames: .*valid integer \(found 8\)"),
        (lambda s: s["faces"].update(select="biggest"), "'track', 'largest'.*found biggest"),
        (lambda s: s["faces"].pop("crop"), r"faces\.crop: Field required"),
        (lambda s: s["datasets"].pop(), "must name the same"),
        (lambda s: s["videos"]["ensembles"]["equal"].update(vgg=1), "equal weighs .'vgg'."),
        (lambda s: s["videos"]["ensembles"].update(xception={"f3net": 1}), "name of a detector"),
        (
            lambda s: s["videos"]["ensembles"].update(one={"f3net": 1}),
            "weight to 1 detectors, fewer",
        ),
        (lambda s: s["videos"].update(pooling="meen"), "'mean', 'majority' or 'confidence'"),
        (lambda s: s["videos"]["ensembles"]["equal"].update(f3net=-1), "greater than or equal"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path, change, sentence):
    with pytest.raises(ValueError, match=sentence):
        params.load(spoiled(tmp_path, change))


def test_the_rules_to_choose_from_are_those_that_exist():
    def choices(block, name):
        return set(get_args(block.model_fields[name].annotation))

    assert choices(params.Videos, "pooling") == set(POOLS)
    assert choices(params.Videos, "rule") == set(ENSEMBLES)
    assert choices(params.Scores, "profile") == {"published", *PROFILES}
    assert choices(params.Faces, "crop") == set(CROPS)


def test_all_wrong_settings_are_listed_at_once(tmp_path):
    def two(settings):
        settings["seed"] = -1
        settings["results"]["interval"] = 95

    with pytest.raises(ValueError, match=r"2 wrong setting\(s\)"):
        params.load(spoiled(tmp_path, two))

"""Whatever the guard lets pass tells the sample's fakes from its reals as float32 does.

An AUC of 144 pairs of a real and a fake crop moves in steps of 0.007. So what is allowed is 0.001,
or, where so few pairs cannot show that, what as many swaps as were seen give by chance.
"""

import shutil
from functools import partial

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from test_architecture import ROOT

from deepbench import faces, manifest, scores
from deepbench.apps import cli
from deepbench.core import params, plugins, shards, tables
from deepbench.detectors import likeness
from deepbench.media import crops

pytestmark = pytest.mark.slow
ALLOWED = 0.001  # of the AUC over crops


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """The settings, and the folder with the sample, its demo weights and a table of faces each."""
    root = tmp_path_factory.mktemp("sample")
    shutil.copy(ROOT / "params.yaml", root)
    assert cli.main(["--root", str(root), "sample"]) == 0
    settings = params.load(ROOT / "params.yaml")
    few = settings.faces.model_copy(update={"frames": 2, "workers": 1})
    for name in settings.datasets:
        place = root / settings.roots[name].path
        videos = manifest.build(name, place, settings.manifest).videos
        tables.write(tables.MANIFEST, videos, root / f"manifest/{name}.parquet")
        faces.extract(videos, place, few, root / "faces" / name, root / "contents")
    return settings, root


def labelled(root, dataset, networks):
    """Which crops of a data set are fakes, and the log-odds of each network."""
    label = tables.read(tables.MANIFEST, root / f"manifest/{dataset}.parquet")
    fake = label.set_index("video_id")["label"]
    truth, logits = [], []
    for part in shards.batches(tables.FACES, root / "faces" / dataset, ["video_id", "png"], 8):
        truth += fake[part["video_id"]].tolist()
        pictures = np.stack([crops.decode(png) for png in part["png"]])
        logits.append([network(pictures) for network in networks])
    return np.array(truth, bool), np.concatenate(logits, axis=1)


def moved(truth, exact, fast):
    """How far the AUC moves, and how far swaps to either side move it by chance (99.7 %)."""
    before, after = (x[truth][:, None] > x[~truth] for x in (exact, fast))
    shift = roc_auc_score(truth, fast) - roc_auc_score(truth, exact)
    return abs(shift), 3 * np.sqrt((before != after).sum()) / before.size


@pytest.mark.parametrize("detector", ["xception", "efficientnet_b4", "f3net", "effort"])
def test_an_accepted_precision_moves_no_auc(detector, sample, tmp_path):
    settings, root = sample
    weights = scores.find_weights(root / "weights" / detector, detector)
    fast = settings.scores.model_copy(update={"precision": "bfloat16", "device": "cpu"})
    some = partial(likeness.sample, root / "faces" / settings.development)
    network, verdict = scores.load(detector, weights, fast, some, tmp_path)
    assert verdict.crops >= likeness.FEWEST
    close = verdict.max_dp <= likeness.SHIFT and verdict.rho >= likeness.RANKS
    assert verdict.accepted == close, verdict
    assert verdict.used == ("bfloat16" if close else "float32")
    exact = plugins.load("detectors", detector).load(weights, "cpu", "float32")
    both_classes = 0
    for dataset in settings.datasets:
        truth, logits = labelled(root, dataset, (exact, network))
        if 0 < truth.sum() < len(truth):
            both_classes += 1
            shift, chance = moved(truth, *logits)
            assert shift <= max(ALLOWED, chance) + 1e-9, (dataset, verdict)
    assert both_classes >= 3


def test_a_shift_to_one_side_is_seen():
    rng = np.random.default_rng(0)
    truth = np.arange(200) % 2 > 0
    exact = rng.normal(size=200) + truth
    shift, chance = moved(truth, exact, np.where(truth, exact - 0.2, exact))
    assert shift > max(ALLOWED, chance)
    shift, chance = moved(truth, exact, exact + 0.02 * rng.normal(size=200))
    assert shift <= max(ALLOWED, chance)

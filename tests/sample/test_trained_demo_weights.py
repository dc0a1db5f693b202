"""The trained part of the demo weights: small, fitting, the same everywhere; and it detects."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from deepbench.apps.cli import DEMO_SEED
from deepbench.core import params, plugins
from deepbench.media import align, mtcnn, video
from deepbench.sample import demo_weights, pack

DETECTORS = sorted(path.stem for path in demo_weights.TRAINED.glob("*.npz"))
# sha256 of all tensors of a demo checkpoint, but for constants, which another
# machine's cosine may change in the last bit
KNOWN = json.loads((Path(__file__).parent / "trained_demo_weights.json").read_text("utf-8"))


def layout_of(detector):
    component = plugins.load("detectors", detector)
    return getattr(component, "demo_layout", component.layout)()


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Path of a detector's demo checkpoint, as `deepbench sample` writes it."""
    made = {}

    def get(detector):
        if detector not in made:
            path = tmp_path_factory.mktemp(detector) / "demo.pth"
            values = layout_of(detector) | demo_weights.trained(detector)
            demo_weights.write(values, DEMO_SEED, path)
            made[detector] = path
        return made[detector]

    return get


def test_every_detector_of_the_shipped_params_is_trained():
    assert set(DETECTORS) == {"xception", "efficientnet_b4", "f3net", "effort"}


def test_shipped_files_are_small():
    sizes = [path.stat().st_size for path in demo_weights.TRAINED.glob("*.npz")]
    assert sum(sizes) <= 4_000_000


@pytest.mark.parametrize("detector", DETECTORS)
def test_trained_values_fit_the_layout_and_are_finite(detector):
    layout = layout_of(detector)
    for key, value in demo_weights.trained(detector).items():
        assert value.shape == layout[key].shape, key
        assert value.dtype == layout[key].dtype == torch.float32, key
        assert value.isfinite().all(), key


def test_a_detector_without_a_file_has_no_trained_values():
    assert demo_weights.trained("f3net_sobel") == {}


@pytest.mark.slow
@pytest.mark.parametrize("detector", DETECTORS)
def test_the_checkpoint_is_the_known_one(detector, written):
    constant = {key for key, value in layout_of(detector).items() if not value.is_meta}
    digest = hashlib.sha256()
    for key, value in torch.load(written(detector), weights_only=True).items():
        if key not in constant:
            digest.update(key.encode() + value.numpy().tobytes())
    assert digest.hexdigest() == KNOWN[detector]["sha256"]
    assert demo_weights.is_demo(written(detector))


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """One crop of every FaceForensics++ test clip at c23, and whether it is fake."""
    root = tmp_path_factory.mktemp("pack") / "data"
    pack.unpack(root)
    settings = params.load().faces.model_copy(update={"frames": 3})
    finder = mtcnn.load(settings, "cpu")
    crops, fake = [], []
    for path in sorted((root / "FaceForensics++").rglob("c23/videos/*.mp4")):
        if path.stem[:3] not in {"953", "974", "012", "026", "078", "955"}:
            continue
        frame = list(video.read_frames(path, "video", settings))[1]
        crops.append(align.aligned(frame.rgb, finder.detect(frame.rgb)[0]))
        fake.append("manipulated_sequences" in path.parts)
    return np.stack(crops), np.array(fake)


@pytest.mark.slow
@pytest.mark.parametrize("detector", DETECTORS)
def test_fakes_of_the_pack_score_higher_than_their_originals(detector, written, clips):
    crops, fake = clips
    network = plugins.load("detectors", detector).load(written(detector), "cpu", "float32")
    scores = np.concatenate([network(crops[i : i + 5]) for i in range(0, len(crops), 5)])
    above = (scores[fake][:, None] > scores[~fake]).mean()  # the AUC
    assert above == pytest.approx(KNOWN[detector]["auc"], abs=0.05)
    assert above > 0.6

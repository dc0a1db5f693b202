"""Effort on a small ViT, against a forward pass written out without transformers or folding."""

import math

import numpy as np
import pytest
import synthetic
import torch
import torch.nn.functional as F
from synthetic import SMALL_VIT

from deepbench.core import plugins
from deepbench.detectors import checkpoint, effort


def unfolded(state, x):
    """Logits in float64 of the published form: each attention weight is a sum of two paths."""
    p = {key.removeprefix("module."): value.double() for key, value in state.items()}

    def norm(name, x):
        return F.layer_norm(x, x.shape[-1:], p[f"{name}.weight"], p[f"{name}.bias"], eps=1e-5)

    def linear(name, x):
        main = x @ p[f"{name}.weight_main"].T
        low = ((x @ p[f"{name}.V_residual"].T) * p[f"{name}.S_residual"]) @ p[
            f"{name}.U_residual"
        ].T
        return main + low + p[f"{name}.bias"]

    def attend(name, x):
        parts = [linear(f"{name}.{which}_proj", x) for which in "qkv"]
        query, key, value = (t.unflatten(-1, (-1, 64)).transpose(1, 2) for t in parts)
        shares = torch.softmax(query @ key.transpose(-1, -2) / math.sqrt(64), dim=-1)
        return linear(f"{name}.out_proj", (shares @ value).transpose(1, 2).flatten(2))

    def perceive(name, x):
        inner = x @ p[f"{name}.fc1.weight"].T + p[f"{name}.fc1.bias"]
        inner = inner * torch.sigmoid(1.702 * inner)
        return inner @ p[f"{name}.fc2.weight"].T + p[f"{name}.fc2.bias"]

    kernel = p["backbone.embeddings.patch_embedding.weight"]
    patches = F.conv2d(x.double(), kernel, stride=kernel.shape[-1]).flatten(2).transpose(1, 2)
    first = p["backbone.embeddings.class_embedding"].expand(len(x), 1, -1)
    x = torch.cat([first, patches], 1) + p["backbone.embeddings.position_embedding.weight"]
    x = norm("backbone.pre_layrnorm", x)
    for i in range(SMALL_VIT.layers):
        layer = f"backbone.encoder.layers.{i}"
        x = x + attend(f"{layer}.self_attn", norm(f"{layer}.layer_norm1", x))
        x = x + perceive(f"{layer}.mlp", norm(f"{layer}.layer_norm2", x))
    pooled = norm("backbone.post_layernorm", x[:, 0])
    return pooled @ p["head.weight"].T + p["head.bias"]


def test_equals_the_unfolded_form(small_effort, small_state):
    network = effort.load(small_effort, "cpu", "float32")
    crops = synthetic.images("any", 3, 256)
    logits = unfolded(small_state, network.prepare(crops))
    wanted = (logits[:, 1] - logits[:, 0]).numpy()
    assert wanted.std() > 0.05
    np.testing.assert_allclose(network(crops), wanted, rtol=0, atol=1e-5)
    single = np.concatenate([network(crops[i : i + 1]) for i in range(3)])
    np.testing.assert_allclose(single, wanted, rtol=0, atol=1e-5)
    assert abs(network(crops[..., ::-1].copy()) - wanted).max() > 1e-2


def test_residuals_matter(small_effort, small_state, tmp_path):
    for key in small_state:
        if key.endswith("S_residual"):
            small_state[key].zero_()
    torch.save(small_state, tmp_path / "bare.pth")
    crops = synthetic.images("any", 2, 224)
    bare = effort.load(tmp_path / "bare.pth", "cpu", "float32")
    assert abs(bare(crops) - effort.load(small_effort, "cpu", "float32")(crops)).max() > 1e-3


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_stays_close(precision, small_effort):
    crops = synthetic.images("any", 3, 224)
    full = effort.load(small_effort, "cpu", "float32")(crops)
    half = effort.load(small_effort, "cpu", precision)(crops)
    assert half.dtype == np.float32
    assert 0 < abs(half - full).max() < 0.15


def test_black_image_and_imagenet_profile(small_effort):
    network = effort.load(small_effort, "cpu", "float32")
    assert np.isfinite(network(np.zeros((1, 224, 224, 3), np.uint8))).all()
    crops = synthetic.images("any", 2, 256)
    profile = plugins.PROFILES["imagenet_224"]
    other = effort.load(small_effort, "cpu", "float32", profile)
    assert abs(other(crops) - network(crops)).max() > 1e-4


def test_another_input_size_is_refused(small_effort):
    size = plugins.Preprocessing(256, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    with pytest.raises(ValueError, match=r"input size 256.* takes 224; use scores\.profile"):
        effort.load(small_effort, "cpu", "float32", size)


@pytest.mark.parametrize(
    "size", [SMALL_VIT, effort.VIT_L14, effort.VitSize(192, 3, 320, 16, 96, rank=2)]
)
def test_size_is_read_from_the_shapes(size):
    origin = checkpoint.Origin(effort.Path("any.pth"), effort.CARD)
    assert effort.infer_size(effort.unprefixed_layout(size), origin) == size


def test_size_that_is_no_vit_is_refused(small_state, tmp_path):
    name = "module.backbone.embeddings.position_embedding.weight"
    small_state[name] = small_state[name][:-1]
    torch.save(small_state, tmp_path / "cut.pth")
    with pytest.raises(ValueError, match="256 positions a square and one"):
        effort.load(tmp_path / "cut.pth", "cpu", "float32")


def test_layer_gap_is_refused(small_state, tmp_path):
    kept = {k: v for k, v in small_state.items() if "layers.0.mlp.fc2" not in k}
    torch.save(kept, tmp_path / "gap.pth")
    with pytest.raises(ValueError, match=r"2 faults: missing .*layers\.0\.mlp\.fc2"):
        effort.load(tmp_path / "gap.pth", "cpu", "float32")


def test_published_and_faster_weights_give_the_same_logits(small_state):
    state = {key.removeprefix("module."): value for key, value in small_state.items()}
    module = effort.build(SMALL_VIT)
    module.load_state_dict(effort.folded(state), assign=True)
    x = torch.from_numpy(synthetic.images("any", 2, 224)).permute(0, 3, 1, 2) / 127.5 - 1
    with torch.inference_mode():
        as_published = module(x)
        module.backbone.fold()
        np.testing.assert_allclose(module(x), as_published, rtol=0, atol=1e-5)
        np.testing.assert_allclose(as_published, unfolded(small_state, x), rtol=0, atol=1e-5)


def test_the_last_layer_makes_the_class_token_alone(small_effort):
    network = effort.load(small_effort, "cpu", "float32")
    *_, last = network.module.backbone.encoder.layers
    seen = []
    hook = last.register_forward_hook(lambda module, inputs, output: seen.append(output.shape))
    network(synthetic.images("any", 2, 224))
    hook.remove()
    assert seen == [(2, 1, SMALL_VIT.hidden)]

"""A short cut seen in the wild: F3-Net's Xception fed with edge filters instead of DCT bands.

The network gets twelve channels from four fixed 3 x 3 filters, each correlated with R, G and B of
the normalised image (zeros beyond its border, no scaling):

    Sobel x     Sobel y     Laplacian   high-pass
    -1 0 1      -1 -2 -1    0  1 0      -1 -1 -1
    -2 0 2       0  0  0    1 -4 1      -1  8 -1
    -1 0 1       1  2  1    0  1 0      -1 -1 -1

Filter-major: channel 3 * filter + colour, as F3-Net orders its bands. The published weights have
never seen such channels; the difference from `f3net` is what the short cut costs.
"""

from pathlib import Path

import numpy as np
import scipy.fft
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from deepbench.core.plugins import DetectorCard, Preprocessing
from deepbench.detectors import checkpoint, legacy_xception, network

CARD = DetectorCard(
    title="F3-Net, Sobel variant",
    paper="a variant to measure a short cut, in no paper: edge filters instead of the DCT bands of "
    "Qian et al., ECCV 2020, arXiv:2007.09355",
    weights="f3net_best.pth",
    published="DeepfakeBench release v1.0.1, https://github.com/SCLBD/DeepfakeBench/releases",
    licence="CC BY-NC 4.0",
    sha256="",
    parameters=20_813_642,
    trained_on=("faceforensics",),
    crop="aligned",
    preprocessing=Preprocessing(256, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
)

FILTERS = (
    ((-1, 0, 1), (-2, 0, 2), (-1, 0, 1)),
    ((-1, -2, -1), (0, 0, 0), (1, 2, 1)),
    ((0, 1, 0), (1, -4, 1), (0, 1, 0)),
    ((-1, -1, -1), (-1, 8, -1), (-1, -1, -1)),
)

# Of F3-Net's decomposition, which the file must hold although nothing here uses it. Written anew
# and not imported, because a stage of DVC watches its own detector's file and the shared ones only.
SIZE = 256
BANDS = ((0, 90), (90, 128), (128, 512), (0, 512))


def load(
    weights: Path,
    device: str,
    precision: str,
    preprocessing: Preprocessing = CARD.preprocessing,
) -> network.Network:
    """The variant with F3-Net's published weights, at any input size."""
    origin = checkpoint.Origin(weights, CARD)
    state = checkpoint.read(origin)
    head = legacy_xception.head_name(state, "backbone.last_linear")
    checkpoint.check(state, _expected(head), legacy_xception.UNUSED, origin)
    _check_constants(state, origin)
    module = build()
    used = {name: tensor for name, tensor in state.items() if not name.startswith("FAD_head.")}
    checkpoint.fit(module, used, lambda name: published(name, head), legacy_xception.UNUSED, origin)
    return network.ready(module, preprocessing, device, precision, ["backbone.fc"], "backbone.act4")


class SobelXception(nn.Module):
    """Four filters on each colour, then Xception on the twelve channels."""

    filters: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.backbone = legacy_xception.build(channels=3 * len(FILTERS))
        filters = torch.tensor(FILTERS, dtype=torch.float32)[:, None]
        self.register_buffer("filters", filters, persistent=False)

    def forward(self, x: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 2"]:
        """Logits of real and fake."""
        logits: Tensor = self.backbone(self.edges(x))
        return logits

    def edges(self, x: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 12 h w"]:
        """What the filters leave of the image, filter after filter."""
        n, colours, h, w = x.shape
        found = F.conv2d(x.reshape(n * colours, 1, h, w), self.filters, padding=1)
        return found.reshape(n, colours, len(FILTERS), h, w).transpose(1, 2).reshape(n, -1, h, w)


def build() -> SobelXception:
    """The network, but for its filters on the meta device."""
    return SobelXception()


def published(name: str, head: str) -> str:
    """Name in the published file of a tensor of `build()`; the file calls the last layer `head`."""
    return legacy_xception.published(name.removeprefix("backbone."), head)


def layout() -> dict[str, Tensor]:
    """Keys, shapes and dtypes of F3-Net's file: constants with their values, the rest meta."""
    return _expected("backbone.last_linear.1") | legacy_xception.adjust_channel() | _constants()


def _expected(head: str) -> dict[str, Tensor]:
    own = checkpoint.layout(build(), lambda name: published(name, head))
    square = torch.empty(SIZE, SIZE, device="meta")
    learnt = {f"FAD_head.filters.{band}.learnable": square for band in range(len(BANDS))}
    return own | dict.fromkeys(_constants(), square) | learnt


def _constants() -> dict[str, Tensor]:
    transform = scipy.fft.dct(np.eye(SIZE), axis=0, norm="ortho").astype(np.float32)
    total = torch.arange(SIZE)[:, None] + torch.arange(SIZE)
    masks = {
        f"FAD_head.filters.{band}.base": ((total >= low) & (total <= high)).float()
        for band, (low, high) in enumerate(BANDS)
    }
    return {
        "FAD_head._DCT_all": torch.from_numpy(transform),
        "FAD_head._DCT_all_T": torch.from_numpy(transform.T.copy()),
    } | masks


def _check_constants(state: dict[str, Tensor], origin: checkpoint.Origin) -> None:
    wrong = [
        name
        for name, value in _constants().items()
        if not torch.allclose(state[name].float(), value, rtol=0, atol=1e-6)
    ]
    if wrong:
        raise origin.error(f"constants differ from their formula: {'; '.join(wrong)}")

"""A detector ready to run: face crops in, log-odds of fake out."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from torch import Tensor, nn

from deepbench.core import plugins
from deepbench.core.plugins import Preprocessing
from deepbench.detectors import folding

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True, eq=False)
class Network:
    """A two-class network in eval mode without gradients, and how crops become its input."""

    module: nn.Module  # [n 3 size size] -> [n 2] logits of real and fake
    preprocessing: Preprocessing
    device: torch.device
    dtype: torch.dtype  # that the network runs in; its last layer always runs in float32
    explained: str  # submodule whose output Grad-CAM weighs: the last one that still has places

    def __call__(self, crops: UInt8[np.ndarray, "n h w 3"]) -> Float32[np.ndarray, " n"]:
        """Log-odds of fake of RGB crops: logit[fake] - logit[real], never clipped."""
        if not len(crops):
            return np.empty(0, np.float32)
        with torch.inference_mode():
            logits = self.module(self.prepare(crops)).float()
            scores: np.ndarray = (logits[:, 1] - logits[:, 0]).cpu().numpy()
        return scores

    def prepare(self, crops: UInt8[np.ndarray, "n h w 3"]) -> Float[Tensor, "n 3 size size"]:
        """The module's input: cubic resize if the size differs, / 255, minus mean, over std."""
        size = self.preprocessing.size
        if crops.shape[1:3] != (size, size):
            crops = np.stack(
                [cv2.resize(c, (size, size), None, 0, 0, cv2.INTER_CUBIC) for c in crops]
            )
        pixels = torch.from_numpy(np.ascontiguousarray(crops))
        if self.device.type == "cuda":
            # from pinned memory the copy runs while the CPU prepares what comes next
            pixels = pixels.pin_memory()
        pixels = pixels.to(self.device, non_blocking=True)
        mean, std = (
            torch.tensor(values, device=self.device)[:, None, None]
            for values in (self.preprocessing.mean, self.preprocessing.std)
        )
        # in place: a batch has some megabytes, and each pass over them counts
        x = pixels.permute(0, 3, 1, 2).float().div_(255).sub_(mean).div_(std)
        # F3Net begins in float32 at any precision; its parameters know. OpenVINO shows none, and
        # takes float32.
        dtype = next((p.dtype for p in self.module.parameters()), torch.float32)
        return x.to(dtype).contiguous(memory_format=torch.channels_last)


def ready(
    module: nn.Module,
    preprocessing: Preprocessing,
    device: str,
    precision: str,
    exact: Sequence[str],
    explained: str,
) -> Network:
    """Place a loaded module on a device in a precision.

    Args:
        module: two-class network with float32 parameters.
        preprocessing: for its input.
        device: `cpu`, `cuda`, `cuda:1`, ... or `mps`.
        precision: one of `PRECISIONS`.
        exact: submodules that stay float32; the last layer belongs here, because bfloat16
            logits have 8 bits and would tie the scores of many frames.
        explained: submodule for Grad-CAM. Beware of an in-place activation after it, which would
            change what a hook has kept: name the activation.

    Raises:
        ValueError: an unknown precision, or a device this machine lacks.
    """
    if precision not in PRECISIONS:
        raise ValueError(plugins.unknown("precision", precision, list(PRECISIONS)))
    dtype, target = PRECISIONS[precision], _present(device)
    if target.type == "cuda" and dtype is torch.float32:
        # by default convolutions run in TF32, with 10 bits, and by whichever algorithm is fastest
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
    network = Network(module.eval().requires_grad_(False), preprocessing, target, dtype, explained)
    if dtype is not torch.float32:
        # a batch in bfloat16 takes a tenth to a quarter less time; in float32 it makes no odds
        module.to(target)
        folding.fold(module, network.prepare(_black(preprocessing.size)))
    kept = {name: module.get_submodule(name).state_dict() for name in exact}
    module.to(device=target, dtype=dtype)
    for name, values in kept.items():
        part = module.get_submodule(name).float()
        part.load_state_dict(values)
        part.register_forward_pre_hook(_in_float32)
    # on a CPU a fifth to a third faster for Xception, with the same logits to 1e-6
    module.to(memory_format=torch.channels_last)
    return network


def _black(size: int) -> UInt8[np.ndarray, "1 {size} {size} 3"]:
    return np.zeros((1, size, size, 3), np.uint8)


def _in_float32(module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(x.float() for x in inputs)


def _present(device: str) -> torch.device:
    has = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    available = [name for name, is_there in has.items() if is_there]
    if device.split(":")[0] not in available:
        raise ValueError(plugins.unknown("device", device, available))
    return torch.device(device)

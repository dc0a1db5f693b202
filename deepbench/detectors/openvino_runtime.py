"""Detectors in OpenVINO, an optional extra: faster than torch on CPUs without bfloat16, too."""

import dataclasses
import threading

import torch
from jaxtyping import Float
from torch import Tensor, nn

from deepbench.detectors.network import PRECISIONS, Network

HINTS = {"float32": "f32", "bfloat16": "bf16", "float16": "f16"}


class Compiled(nn.Module):
    """A network's graph in OpenVINO; several threads may run it at a time."""

    def __init__(self, module: nn.Module, x: Float[Tensor, "n 3 s s"], hint: str) -> None:
        super().__init__()
        import openvino

        two = x.expand(2, -1, -1, -1)  # torch.export takes a batch of one for a constant
        shapes = ({0: torch.export.Dim.DYNAMIC},)
        exported = torch.export.export(module, (two,), dynamic_shapes=shapes)
        threads = torch.get_num_threads()
        self._compiled = openvino.Core().compile_model(
            openvino.convert_model(exported),
            "CPU",
            {
                "INFERENCE_PRECISION_HINT": hint,
                # as detectors.batches does it: batches side by side, each in a thread of its own
                "INFERENCE_NUM_THREADS": threads,
                "NUM_STREAMS": threads,
            },
        )
        self._own = threading.local()

    def forward(self, x: Float[Tensor, "n 3 s s"]) -> Float[Tensor, "n 2"]:
        """Logits of real and fake."""
        if not hasattr(self._own, "request"):
            self._own.request = self._compiled.create_infer_request()
        (logits,) = self._own.request.infer([x.contiguous().numpy()]).values()
        # the request keeps its memory for the next batch
        return torch.from_numpy(logits.copy())


def check(device: str) -> None:
    """Raise if OpenVINO is not installed, or is wanted on another device than a CPU."""
    if torch.device(device).type != "cpu":
        msg = (
            f"scores.openvino is for CPUs, but the device is {device!r}; leave scores.openvino "
            "empty, or set scores.device: cpu"
        )
        raise ValueError(msg)
    try:
        import openvino  # noqa: F401
    except ImportError as error:
        msg = (
            "scores.openvino names detectors, but OpenVINO is not installed; "
            "pip install 'deepbench[openvino]', or leave scores.openvino empty"
        )
        raise ImportError(msg) from error


def converted(network: Network, precision: str) -> Network:
    """A float32 network on a CPU in OpenVINO; without submodules, so nothing for Grad-CAM.

    Raises:
        ValueError: the network does more than a graph of tensors can say.
    """
    size = network.preprocessing.size
    try:
        module = Compiled(network.module, torch.zeros(1, 3, size, size), HINTS[precision])
    except Exception as error:  # torch.export and OpenVINO have no common class of errors
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        msg = f"OpenVINO cannot take over this network ({reason}); take it out of scores.openvino"
        raise ValueError(msg) from error
    return dataclasses.replace(
        network, module=module.eval(), dtype=PRECISIONS[precision], explained=""
    )

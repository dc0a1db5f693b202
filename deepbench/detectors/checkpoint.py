"""Published checkpoints: read without running code, fitted to a module without a gap."""

import os
import pickle
import re
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import safetensors.torch
import torch
from torch import Tensor, nn

from deepbench.core.plugins import DetectorCard
from deepbench.detectors import impostors

SHOWN = 10  # faults an error spells out; the rest are counted


class Origin(NamedTuple):
    """The file at hand, and the card of the detector it should hold."""

    weights: Path
    card: DetectorCard

    def error(self, what: str) -> ValueError:
        """An error about the file that ends with the cure."""
        return ValueError(
            f"{self.weights}: {what}. Is this the file {self.card.weights} "
            f"of {self.card.published}?"
        )


def read(origin: Origin) -> dict[str, Tensor]:
    """Tensors of a `.pth` or `.safetensors` file by name, on the CPU, without a leading `module.`.

    They lie in the file itself, mapped into memory, and change with it until `copy_out`.

    Raises:
        FileNotFoundError: with where to get the file.
        ValueError: the file is damaged, or holds anything but tensors.
    """
    path = origin.weights
    if not os.path.lexists(path):
        msg = f"no weights at {path}; get {origin.card.weights} from {origin.card.published}"
        raise FileNotFoundError(msg)
    if what := impostors.content(path):
        raise origin.error(what)
    found = _open(origin)
    if isinstance(found, Mapping) and isinstance(found.get("state_dict"), Mapping):
        found = found["state_dict"]
    if not isinstance(found, Mapping):
        raise origin.error(f"holds a {type(found).__name__}, not tensors by name")
    others = [f"{k}: {type(v).__name__}" for k, v in found.items() if not isinstance(v, Tensor)]
    if others or not found:
        raise origin.error(f"should hold tensors by name, but holds {_some(others) or 'nothing'}")
    state = {str(name).removeprefix("module."): tensor for name, tensor in found.items()}
    if len(state) < len(found):
        raise origin.error("holds the same names with and without the prefix 'module.'")
    return state


def _open(origin: Origin) -> object:
    try:
        if origin.weights.suffix == ".safetensors":
            return safetensors.torch.load_file(origin.weights)
        # files of torch before 1.6 are no archives, and cannot be mapped
        mapped = zipfile.is_zipfile(origin.weights)
        return torch.load(origin.weights, map_location="cpu", weights_only=True, mmap=mapped)
    except pickle.UnpicklingError as error:
        # torch's own message advises weights_only=False, which would run whatever the file says
        reason = re.search(r"Unsupported \S+|GLOBAL \S+", str(error))
        found = f" ({reason.group()})" if reason else ""
        raise origin.error(f"is not a file of plain tensors{found}; nothing was run") from None
    except Exception as error:  # torch's reader raises whatever a broken file leads it into
        reason_line = str(error).splitlines()[0] if str(error) else type(error).__name__
        reason_line = reason_line.partition(". This is an internal")[0]
        raise origin.error(f"is damaged, cut short or no checkpoint ({reason_line})") from None


def fit(
    module: nn.Module,
    state: Mapping[str, Tensor],
    published: Callable[[str], str],
    unused: str,
    origin: Origin,
) -> None:
    """Give every tensor of the module its value, in the module's dtype, and refuse any misfit.

    Args:
        module: built on any device, `meta` included; its tensors are replaced.
        state: what `read` returned.
        published: the name in the file of a name in the module.
        unused: regular expression of the whole names that a file may hold without effect.
        origin: for the error.

    Raises:
        ValueError: what is missing, unexpected, of another shape or dtype, or not finite.
    """
    own = module.state_dict()
    check(state, {published(name): tensor for name, tensor in own.items()}, unused, origin)
    values = {name: state[published(name)].to(tensor.dtype) for name, tensor in own.items()}
    module.load_state_dict(values, strict=True, assign=True)
    copy_out(module, state)


def copy_out(module: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Copy into memory what a module took as it is from `read`.

    Whoever overwrites a checkpoint would otherwise change a network that is running.
    """
    mapped = {tensor.untyped_storage().data_ptr() for tensor in state.values()}
    for tensor in (*module.parameters(), *module.buffers()):
        if tensor.untyped_storage().data_ptr() in mapped:
            tensor.data = tensor.data.clone()


def check(
    state: Mapping[str, Tensor], expected: Mapping[str, Tensor], unused: str, origin: Origin
) -> None:
    """Raise ValueError unless the state holds just the expected names, shapes and kinds."""
    faults = [f"missing {name}" for name in expected if name not in state]
    faults += [
        f"unexpected {name}"
        for name in state
        if name not in expected and not re.fullmatch(unused, name)
    ]
    for name in expected.keys() & state.keys():
        faults += _differences(name, state[name], expected[name])
    if faults:
        whose = impostors.owner(state, origin.card) if len(faults) > SHOWN else ""
        if whose:
            raise origin.error(
                f"holds the tensors of {whose}, and {len(faults)} things do not fit; move it to "
                f"weights/{whose}"
            )
        raise origin.error(f"does not fit, {len(faults)} faults: {_some(faults)}")


def _differences(name: str, found: Tensor, wanted: Tensor) -> list[str]:
    if found.shape != wanted.shape:
        return [f"{name} has shape {list(found.shape)} instead of {list(wanted.shape)}"]
    if (found.is_floating_point(), found.is_complex()) != (wanted.is_floating_point(), False):
        return [f"{name} is {found.dtype} instead of {wanted.dtype}"]
    if found.is_floating_point() and not _finite(found):
        return [f"{name} is not finite"]
    # of a layer that was trained, it never is; every crop would get the same score
    if found.ndim == 2 and not found.any():
        return [f"{name} is all zeros"]
    return []


def _finite(values: Tensor) -> bool:
    # a finite sum has finite terms, and costs a tenth; an infinite one may be an overflow
    return bool(values.sum().isfinite()) or bool(values.isfinite().all())


def _some(faults: list[str]) -> str:
    more = [f"... and {len(faults) - SHOWN} more"] if len(faults) > SHOWN else []
    return "; ".join(faults[:SHOWN] + more)


def layout(module: nn.Module, published: Callable[[str], str]) -> dict[str, Tensor]:
    """The module's tensors under their published names."""
    return {published(name): tensor for name, tensor in module.state_dict().items()}

"""Grad-CAM of single crops, by detectors that are loaded when they are first asked for."""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Float32, UInt8

from deepbench.core import params, plugins

if TYPE_CHECKING:
    from deepbench.detectors.network import Network

Rgb = UInt8[np.ndarray, "h w 3"]


class Explained(NamedTuple):
    """What one detector looks at in a crop; where it cannot say, the problem in words."""

    detector: str
    fake_logit: float  # now, which is what the table says if the weights are those of the scores
    overlay: Rgb | None
    problem: str


class Explainer:
    """Detectors of a checkout, each loaded once."""

    def __init__(self, root: Path, settings: params.Params) -> None:
        self._root, self._settings = root, settings
        self._networks: dict[str, Network] = {}

    def explain(self, detector: str, rgb: Rgb) -> Explained:
        """The map of one crop over it, or why there is none."""
        from deepbench.detectors import explain

        try:
            network = self._network(detector)
        except (ValueError, OSError, KeyError, RuntimeError) as error:
            return Explained(detector, np.nan, None, str(error.args[0] if error.args else error))
        found = explain.grad_cam(network, rgb[None], self._settings.gradcam.towards)
        return _shown(detector, rgb, float(found.fake_logit[0]), found.maps[0])

    def _network(self, detector: str) -> "Network":
        # torch takes seconds to import, and nothing else here needs it
        from deepbench import scores

        if detector not in self._networks:
            chosen = self._settings.scores
            self._networks[detector] = plugins.load("detectors", detector).load(
                scores.find_weights(self._root / "weights" / detector, detector),
                scores.choose_device(chosen.device),
                # gradients of the exact network, whatever the scores were made with
                "float32",
                scores.preprocessing(detector, chosen.profile),
            )
        return self._networks[detector]


def _shown(
    detector: str, rgb: Rgb, logit: float, cells: Float32[np.ndarray, "grid grid"]
) -> Explained:
    from deepbench.reporting import overlays

    if np.isnan(cells).any():
        why = "its map is constant: no place counts more than another"
        return Explained(detector, logit, None, why)
    return Explained(detector, logit, overlays.overlay(rgb, cells), "")

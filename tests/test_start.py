"""Nobody waits for a library that is not needed: what each way into the package imports.

A library here takes between a fifth of a second and two seconds of every process that imports it.
"""

import subprocess
import sys

import pytest

ROOM = "deepbench."
# what torchvision, timm and random weights on the meta device bring is the slowest of all
NEVER = {"torch._dynamo", "sympy", "timm", "torchvision", "facenet_pytorch", "transformers"}
NEVER |= {"mlflow", "lightning", "openvino", "dvc", "triton"}
DRAWING = {"matplotlib", "seaborn", "IPython"}
STATISTICS = {"sklearn", "scipy.stats", "scipy.optimize"}

TABLES = ["manifest", "faces", "external", "frequency", "spectra", "probe", "videos", "results"]
TABLES += ["comparisons", "ensembles", "sensitivity"]
NETWORKS = ["scores", "gradcam", "apps.detect", "media.mtcnn", "detectors.xception"]
NETWORKS += ["detectors.efficientnet_b4", "detectors.f3net", "detectors.effort"]
# a network is made as well, for some of torch's own parts come with the first
MADE = """
from deepbench.detectors import efficientnet_b4, effort, f3net, legacy_xception
legacy_xception.build(), efficientnet_b4.build(), f3net.build(), effort.demo_layout()
"""

CASES = {
    "deepbench --help": (["apps.cli"], "", NEVER | DRAWING | STATISTICS | {"torch", "numpy"}),
    "running a notebook": (["apps.notebook"], "", NEVER | STATISTICS | {"torch", "pandas"}),
    "steps without networks": (TABLES, "", NEVER | DRAWING | STATISTICS | {"torch"}),
    "calibration": (["calibration"], "", NEVER | DRAWING | {"torch", "sklearn", "scipy.stats"}),
    "report": (["report"], "", NEVER | {"torch", "seaborn", "IPython"}),
    "steps with networks": (NETWORKS, MADE, NEVER | DRAWING | STATISTICS),
}


@pytest.mark.parametrize("case", CASES)
def test_nothing_is_imported_that_is_not_needed(case):
    modules, more, unwanted = CASES[case]
    lines = [f"import {ROOM}{name}" for name in modules]
    lines += [more, "import sys", f"print(*sorted({unwanted!r} & sys.modules.keys()))"]
    ran = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split() == []

"""The house rules that a reader relies on: who imports whom, and what stays behind its fence."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "deepbench"
MODULES = sorted(p for p in PACKAGE.rglob("*.py") if p != PACKAGE / "__init__.py")
WINGS = {"datasets", "media", "detectors", "statistics", "reporting", "sample"}
TORCH = {
    "torch",
    "torchvision",
    "lightning",
    "torchmetrics",
    "timm",
    "transformers",
    "facenet_pytorch",
}


def imported(source: str) -> set[str]:
    """Dotted names of all modules that a source may import, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide the direction"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


def room(path: Path) -> str:
    """The folder of a module, or `steps` for a module at the top."""
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else "steps"


def rooms_used(path: Path) -> set[str]:
    """Rooms of the package that a module imports."""
    used = set()
    for name in imported(path.read_text("utf-8")):
        if name.startswith("deepbench."):
            first = name.split(".")[1]
            used.add(first if (PACKAGE / first).is_dir() else "steps")
    return used


def allowed(path: Path) -> set[str]:
    own = room(path)
    if own == "apps":
        return WINGS | {"core", "steps", "apps"}
    if own == "steps":
        return WINGS | {"core"}
    if own == "detectors":
        return {"core", "detectors", "media"}
    return {"core", own}


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_down(path):
    assert rooms_used(path) <= allowed(path)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_heavy_libraries_stay_behind_their_fence(path):
    libraries = {name.split(".")[0] for name in imported(path.read_text("utf-8"))}
    here = path.relative_to(PACKAGE).as_posix()
    if "mlflow" in libraries:
        assert here == "reporting/tracking.py"
    assert "dlib" not in libraries or here == "media/dlib_faces.py"
    if libraries & TORCH:
        torch_steps = {"faces.py", "scores.py"}
        assert (
            room(path) in {"detectors"}
            or here in {"media/mtcnn.py", "media/mtcnn_networks.py", "sample/demo_weights.py"}
            or here in torch_steps
        )
    if room(path) == "statistics":
        assert not libraries & (TORCH | {"pathlib", "pyarrow", "os", "cv2", "av"})


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_modules_keep_to_their_size(path):
    assert len(path.read_text("utf-8").splitlines()) <= 260


def test_there_is_no_drawer_for_everything():
    assert not {"utils", "common", "helpers", "misc"} & {p.stem for p in MODULES}

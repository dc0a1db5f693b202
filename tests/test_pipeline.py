"""dvc.yaml, params.yaml and the notebooks agree: neither DVC nor papermill checks this."""

import re
from itertools import product
from pathlib import Path

import nbformat
import pytest
import yaml
from test_architecture import PACKAGE, ROOT, imported

from deepbench.apps import parallel
from deepbench.apps.notebook import declared
from deepbench.core import params, plugins

STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text("utf-8"))["stages"]
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text("utf-8"))
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
BESIDE = {"latency"}  # blocks of notebooks that no stage runs


def body(stage: str) -> dict:
    """The part of a stage that says what it does, without its foreach."""
    return STAGES[stage].get("do", STAGES[stage])


def notebook_of(stage: str) -> Path:
    return ROOT / re.search(r"notebooks/\S+\.ipynb", body(stage)["cmd"])[0]


def source(notebook: Path) -> str:
    cells = nbformat.read(notebook, as_version=4).cells
    return "\n".join(c.source for c in cells if c.cell_type == "code")


def modules(code: str) -> set[str]:
    """Files of the package that a source imports directly."""
    found = set()
    for name in imported(code):
        path = PACKAGE.parent / Path(*name.split("."))
        found |= {
            p for p in (path.with_suffix(".py"), path.parent.with_suffix(".py")) if p.exists()
        }
    return {p.relative_to(ROOT).as_posix() for p in found}


def closure(code: str) -> set[str]:
    """Files of the package that a source reaches."""
    seen, todo = set(), modules(code)
    while todo:
        path = todo.pop()
        seen.add(path)
        todo |= modules((ROOT / path).read_text("utf-8")) - seen
    return seen


def components(stage: str) -> list[tuple[str, set[str]]]:
    """What a stage loads by name: each component with the files it reaches."""
    kinds = {"manifest": "datasets", "scores": "detectors", "report": "datasets"}
    kinds |= {"gradcam": "detectors", "train_fusion": "datasets"}
    if stage not in kinds:
        return [("", set())]
    kind = kinds[stage]
    # a stage that explains detectors asks every data set for its masks
    always = [f"deepbench/datasets/{n}.py" for n in plugins.names("datasets") if stage == "gradcam"]
    files = {name: [f"deepbench/{kind}/{name}.py", *always] for name in plugins.names(kind)}
    return [
        (name, set(own).union(*(closure((ROOT / f).read_text("utf-8")) for f in own)))
        for name, own in files.items()
    ]


def code_deps(stage: str) -> set[str]:
    """Files of the package in a stage's deps; a folder stands for its modules."""
    listed = {d for d in body(stage)["deps"] if d.startswith("deepbench/")}
    folders = {d for d in listed if (ROOT / d).is_dir()}
    inside = {p for f in folders for p in (ROOT / f).glob("*.py") if p.stem != "__init__"}
    return listed - folders | {p.relative_to(ROOT).as_posix() for p in inside}


@pytest.mark.parametrize("stage", STAGES)
def test_deps_are_exactly_the_code_that_runs(stage):
    listed = code_deps(stage)
    direct = closure(source(notebook_of(stage)))
    for name, files in components(stage):
        filled = {re.sub(r"\$\{(key|item\.detector)\}", name, d) for d in listed}
        assert filled >= direct | files, f"{stage} {name}"
    needed = direct.union(*(files for _, files in components(stage)))
    # a folder may hold more than the stage needs
    singly = listed & set(body(stage)["deps"])
    assert {d for d in singly if "$" not in d} <= needed


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_its_notebook(stage):
    assert notebook_of(stage).relative_to(ROOT).as_posix() in body(stage)["deps"]


@pytest.mark.parametrize("stage", STAGES)
def test_every_passed_parameter_is_declared(stage):
    notebook = nbformat.read(notebook_of(stage), as_version=4)
    passed = set(re.findall(r"-p (\w+)", body(stage)["cmd"]))
    assert passed == declared(notebook)


@pytest.mark.parametrize("stage", STAGES)
def test_params_name_what_the_notebook_reads(stage):
    used = set(re.findall(r"\bsettings\.(\w+)", source(notebook_of(stage))))
    used |= set(re.findall(r"params\.load\(\)\.(\w+)", source(notebook_of(stage))))
    listed = {p.split(".")[0] for p in body(stage)["params"]}
    assert used & set(PARAMS) <= listed


def test_every_block_of_params_is_watched_by_a_stage():
    watched = {p.split(".")[0] for stage in STAGES for p in body(stage)["params"]}
    matrix = {"datasets", "detectors", "roots"}
    assert set(PARAMS) - BESIDE <= watched | matrix
    assert not BESIDE & watched
    assert set(PARAMS) == set(params.Params.model_fields)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.name)
def test_notebooks_are_thin_and_clean(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [c for c in notebook.cells if c.cell_type == "code"]
    assert all(not c.outputs and c.execution_count is None for c in code)
    assert "injected-parameters" not in str(notebook.cells)
    lines = [line for line in source(path).splitlines() if line.strip()]
    assert len(lines) <= 60
    assert not re.search(r"^\s*(def|class) ", source(path), re.MULTILINE)
    assert notebook.cells[0].cell_type == "markdown"


def test_every_stage_has_a_notebook_of_its_name():
    used = {notebook_of(stage).stem for stage in STAGES}
    numbered = {p.stem for p in NOTEBOOKS if p.name[0].isdigit()}
    assert numbered <= used
    for stage in STAGES:
        assert re.sub(r"^\d\d_", "", notebook_of(stage).stem) == stage


@pytest.mark.parametrize("name", sorted(BESIDE))
def test_what_is_no_stage_is_run_by_make(name):
    """DVC would restore times from its cache, or record new ones in dvc.lock at every run."""
    made_by = (
        (ROOT / "Makefile").read_text("utf-8").partition(f"\n{name}: ")[2].partition("\n\n")[0]
    )
    notebook = ROOT / "notebooks" / f"{name}.ipynb"
    assert f"notebooks/{name}.ipynb reports/{name}/index.html" in made_by
    assert declared(nbformat.read(notebook, as_version=4)) == set()
    read = [d for stage in STAGES for d in body(stage)["deps"] if f"/{name}" in d]
    assert not read, "nothing that DVC records may rest on it"


def test_a_wave_of_stages_needs_nothing_of_itself_or_of_later_waves():
    """`deepbench repro` runs the stages of a wave side by side."""
    later = list(STAGES)
    for wave in parallel.WAVES:
        for stage, other in product(wave, later):
            # a path of the user's own, as a data set's, is made by no stage
            known = [plain(d) for d in body(stage)["deps"] if not d.startswith("$")]
            needed = [d for d in known if touches(d, made(other))]
            assert not needed, f"{stage} needs {needed} of {other}"
        later = [stage for stage in later if stage not in wave]
    # dvc repro leaves a frozen stage alone
    assert [stage for stage in later if not body(stage).get("frozen")] == ["report"]


def test_only_a_frozen_stage_makes_nothing_that_dvc_knows():
    """DVC would fail on a clean clone, where a frozen stage's outs are missing."""
    assert {s for s in STAGES if body(s).get("frozen")} == {s for s in STAGES if not made(s)}


def made(stage):
    outs = [o for kind in ("outs", "metrics", "plots") for o in body(stage).get(kind, [])]
    return [plain(o if isinstance(o, str) else next(iter(o))) for o in outs]


def plain(path):
    """Up to the first placeholder: a folder stands for all that is made in it."""
    return Path(path.split("$")[0])


def touches(dependency, outs):
    return any(dependency.is_relative_to(o) or o.is_relative_to(dependency) for o in outs)

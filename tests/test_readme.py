"""What the README tells people to type and to look for exists."""

import re
import subprocess
import sys

import pytest
import yaml
from test_architecture import ROOT

from deepbench.apps import cli
from deepbench.core import params, plugins

README = (ROOT / "README.md").read_text("utf-8")
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")


def test_the_first_thing_in_it_is_two_commands():
    block = README.split("```")[1]
    assert [line.split("#")[0].strip() for line in block.strip().splitlines()] == [
        "make repro",
        "make test",
    ]


def test_every_make_target_exists():
    named = set(re.findall(r"(?<!`-)\bmake ([a-z-]+)\b(?=[`\s])", README))
    assert {"repro", "test", "lab", "mlflow"} <= named
    assert named <= set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))


def test_every_stage_exists():
    command = [sys.executable, "-m", "dvc", "stage", "list", "--name-only"]
    stages = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    named = set(re.findall(r"dvc repro -s (\S+)", README))
    assert named
    assert named <= set(stages.stdout.split())


def test_every_setting_tried_on_the_command_line_exists():
    settings = yaml.safe_load((ROOT / "params.yaml").read_text("utf-8"))
    for dotted in re.findall(r"-S ([\w.]+)=", README):
        value = settings
        for part in dotted.split("."):
            value = value[part]


def test_every_notebook_named_exists():
    for name in re.findall(r"`(\d\d_\w+)`", README):
        assert (ROOT / "notebooks" / f"{name}.ipynb").exists()


def test_the_weights_table_is_the_cards():
    table = dict(re.findall(r"`weights/(\w+)/(\S+)`", README))
    table.pop("my_net", None)
    cards = {name: plugins.load("detectors", name).CARD for name in plugins.names("detectors")}
    assert table == {name: card.weights for name, card in cards.items()}


def test_every_data_set_has_its_row():
    roots = params.load(ROOT / "params.yaml").roots
    for name, root in roots.items():
        assert f"| `{name}` | `{root.path}` |" in README


@pytest.mark.parametrize(
    "command", sorted(set(re.findall(r"(?:^|`)deepbench ([a-z]+) ", README, re.M)))
)
def test_every_command_exists(command, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main([command, "--help"])
    assert stop.value.code == 0
    assert command in capsys.readouterr().out

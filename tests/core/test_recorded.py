"""Real git, and digests as DVC makes them."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from deepbench import scores
from deepbench.apps import adoption
from deepbench.core import recorded

FILES = {
    "data/folder/real/a.jpg": b"a",
    "data/folder/fake/b.jpg": b"b",
    "weights/xception/xception_best.pth": b"demo weights",
    "weights/effort/effort.pth": b"others",
}
CHECKPOINT = "weights/xception/xception_best.pth"


def git(root, *words):
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    subprocess.run(["git", *identity, *words], cwd=root, check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path):
    """A commit with data.dvc and weights.dvc, and the files that they record."""
    for path, content in FILES.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    for name in recorded.TRACKED:
        md5 = recorded._digest(recorded._listing(tmp_path, name))
        (tmp_path / f"{name}.dvc").write_text(yaml.safe_dump({"outs": [{"md5": md5}]}))
    (tmp_path / ".gitignore").write_text("/data\n/weights\n/runs\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "recorded", "--no-verify")
    return tmp_path


def adopt(root, name):
    """What `dvc repro` does with changed bytes: it writes down the new digest."""
    md5 = recorded._digest(recorded._listing(root, name))
    (root / f"{name}.dvc").write_text(yaml.safe_dump({"outs": [{"md5": md5}]}))


def test_what_is_as_recorded_gets_no_warning(checkout):
    assert recorded.warnings(checkout) == []
    assert recorded.compare(checkout, "data").sentence == "as data.dvc in git records"


@pytest.mark.parametrize("adopted", [False, True])
def test_a_changed_checkpoint_is_named_with_both_digests(checkout, adopted):
    assert recorded.warnings(checkout) == []  # the files are known from here on
    (checkout / CHECKPOINT).write_bytes(b"other weights")
    if adopted:
        adopt(checkout, "weights")
    assert recorded.warnings(checkout) == [
        f"{CHECKPOINT} differs from what weights.dvc in git records "
        f"(md5 {md5(b'demo weights')} recorded, {md5(b'other weights')} now)"
    ]


def md5(content):
    return hashlib.md5(content).hexdigest()[: recorded.SHORT]


def test_new_and_lost_files_are_named(checkout):
    recorded.warnings(checkout)
    (checkout / "data/folder/real/a.jpg").rename(checkout / "data/folder/real/c.jpg")
    assert recorded.warnings(checkout) == [
        f"data/folder/real/a.jpg is gone from what data.dvc in git records (md5 {md5(b'a')})",
        f"data/folder/real/c.jpg is not in what data.dvc in git records (md5 {md5(b'a')} now)",
    ]
    found = recorded.compare(checkout, "data")
    assert found.sentence == "2 changes since data.dvc in git"


def test_many_changes_are_counted(checkout):
    recorded.warnings(checkout)
    for number in range(8):
        (checkout / f"data/{number}.jpg").write_bytes(b"x")
    said = recorded.warnings(checkout)
    assert len(said) == recorded.SHOWN + 1
    assert said[-1] == "... and 3 more"


def test_where_nobody_knows_the_old_files_the_folder_is_named(checkout):
    (checkout / CHECKPOINT).write_bytes(b"other weights")
    (said,) = recorded.warnings(checkout)
    assert said.startswith("weights differs from what weights.dvc in git records (md5 ")


def test_the_old_files_are_known_from_the_cache_of_dvc(checkout):
    listing = recorded._listing(checkout, "weights")
    digest = recorded._digest(listing)
    place = checkout / recorded.CACHE / digest[:2] / digest[2:]
    place.parent.mkdir(parents=True)
    place.write_text(json.dumps([{"md5": m, "relpath": p} for p, m in listing.items()]))
    (checkout / CHECKPOINT).write_bytes(b"other weights")
    assert CHECKPOINT in recorded.warnings(checkout)[0]


def test_digests_are_those_of_dvc(tmp_path):
    for path, content in FILES.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    (tmp_path / "data/folder/real/ä b.jpg").write_bytes(b"")
    (tmp_path / "data/link.jpg").symlink_to(tmp_path / "data/folder/real/a.jpg")
    (tmp_path / "data/links").symlink_to(tmp_path / "weights")
    dvc = [sys.executable, "-m", "dvc"]
    environment = os.environ | {"DVC_SITE_CACHE_DIR": str(tmp_path / "site")}
    for words in (["init", "--no-scm", "-q"], ["add", "-q", "data", "weights"]):
        subprocess.run([*dvc, *words], cwd=tmp_path, check=True, env=environment)
    for name in recorded.TRACKED:
        stated = yaml.safe_load((tmp_path / f"{name}.dvc").read_text())["outs"][0]["md5"]
        assert recorded._digest(recorded._listing(tmp_path, name)) == stated


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda root: shutil.rmtree(root / ".git"), "this is no git checkout, or nothing is comm"),
        (lambda root: git(root, "rm", "-q", "--cached", "data.dvc"), ""),
    ],
)
def test_what_cannot_be_compared_is_said(checkout, spoil, reason):
    spoil(checkout)
    if reason:
        assert [line.partition(":")[0] for line in recorded.warnings(checkout)] == [
            "data/ was not compared with data.dvc in git",
            "weights/ was not compared with weights.dvc in git",
        ]
        assert reason in recorded.warnings(checkout)[0]
    else:
        git(checkout, "commit", "-qm", "gone", "--no-verify")
        assert recorded.compare(checkout, "data").reason == "the commit has no data.dvc"


def test_a_checkout_without_place_for_digests_goes_on(checkout, capsys):
    shutil.rmtree(checkout / "runs")
    (checkout / "runs").write_text("a file in the place of the folder")
    assert recorded.compare(checkout, "weights").reason.startswith("it cannot be read (")
    scores.find_weights(checkout / "weights/xception", "xception")
    assert capsys.readouterr().err == ""


def test_a_torn_record_is_said(checkout):
    (checkout / "data.dvc").write_text("<<<<<<< HEAD\nouts: []\n")
    git(checkout, "commit", "-qam", "torn", "--no-verify")
    assert recorded.compare(checkout, "data").reason == "data.dvc in the commit states no md5"


def test_without_git_it_is_said(checkout, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert recorded.compare(checkout, "data").reason == "git is not installed"


def test_a_pipe_among_the_files_does_not_hang(checkout):
    os.mkfifo(checkout / "data/folder/real/x.mp4")
    found = recorded.compare(checkout, "data")
    assert found.reason == "it cannot be read (data/folder/real/x.mp4 is a named pipe, not a file)"


def test_it_is_said_before_the_checkpoint_is_loaded(checkout, monkeypatch, capsys):
    folder = checkout / "weights/xception"
    assert scores.find_weights(folder, "xception").name == "xception_best.pth"
    assert capsys.readouterr().err == ""
    (checkout / CHECKPOINT).write_bytes(b"other weights")
    scores.find_weights(folder, "xception")
    assert capsys.readouterr().err.startswith(f"deepbench: {CHECKPOINT} differs from what weights")
    # as the notebooks name it
    monkeypatch.chdir(checkout)
    scores.find_weights(Path("weights/xception"), "xception")
    assert CHECKPOINT in capsys.readouterr().err
    # of the others nothing is said
    assert scores.find_weights(Path("weights/effort"), "effort")
    assert capsys.readouterr().err == ""


def test_what_dvc_could_not_record_is_counted(checkout):
    assert adoption.unrecordable(checkout) == []
    home = checkout / "data/folder/real"
    os.mkfifo(home / "p.mp4")
    (home / "gone.mp4").symlink_to(home / "nowhere.mp4")
    (home / "self").symlink_to(home / "self")
    (home / "empty.mp4").touch()  # which DVC can record
    (home / "up").symlink_to(home)
    assert adoption.unrecordable(checkout) == [
        "data/ holds 3 entries without content that DVC could record "
        "(data/folder/real/gone.mp4 is a symbolic link that leads nowhere; "
        "data/folder/real/p.mp4 is a named pipe, not a file; "
        "data/folder/real/self is a symbolic link that leads to itself): "
        "remove them or copy the files again"
    ]

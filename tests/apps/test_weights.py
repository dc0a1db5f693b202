"""`deepbench weights`: what is published, what is at hand, and whether it is right."""

import dataclasses
import hashlib
import http.server
import shutil
import threading
from functools import partial

import pytest
import torch

from deepbench.apps import cli, published, selftest, weights
from deepbench.core import plugins
from deepbench.detectors import effort
from deepbench.sample import demo_weights

SMALL = effort.VitSize(hidden=64, layers=1, mlp=64, patch=14, image=224)


@pytest.fixture
def root(tmp_path):
    """A checkout with demo weights of a small Effort, and of no other detector."""
    path = tmp_path / "weights" / "effort" / effort.CARD.weights
    demo_weights.write(effort.layout(SMALL), 3, path)
    return tmp_path


@pytest.fixture
def file(root):
    return root / "weights" / "effort" / effort.CARD.weights


@pytest.fixture
def tested(monkeypatch):
    """Stand in for the self-test, which has tests of its own."""
    faults = {}
    monkeypatch.setattr(selftest, "run", lambda name, full: faults.get(name, ""))
    return faults


def unmarked(path):
    """Turn demo weights into a file like a published one."""
    torch.save(torch.load(path, weights_only=True), path)


def states(verdict):
    return {check.what: check.state for check in verdict.checks}


def test_list_names_every_file_its_place_and_licence(root):
    text = weights.listing(root)
    for name in plugins.names("detectors"):
        card = plugins.load("detectors", name).CARD
        entry = next(e for e in text.split("\n\n") if e.startswith(f"{name}\n"))
        assert card.weights in entry
        assert card.licence in entry
        source = published.SOURCES.get(card.weights)
        assert (source.page if source else card.published) in entry
        if source and source.address:
            assert f"/releases/download/v1.0.1/{card.weights}\n" in entry
            assert entry.endswith("not at hand")
    assert "https://drive.google.com/file/d/1m4fyJecABU-Yk3bJ4b1WhUwQa0xCkMLI/view" in text
    assert "sha256     not stated by anyone we know of" in text
    assert max(map(len, text.splitlines())) <= 100


def test_list_tells_demo_published_name_and_others_apart(root, file):
    kinds = [published.at_hand(root, "effort")]
    unmarked(file)
    kinds.append(published.at_hand(root, "effort"))
    other = file.rename(file.with_name("mine.pth"))
    kinds.append(published.at_hand(root, "effort"))
    shutil.copy(other, file.with_name("more.pth"))
    kinds.append(published.at_hand(root, "effort"))
    assert kinds[0].endswith("bytes: demo weights, which know the fakes of the sample pack only")
    assert kinds[1].endswith("bytes: the published file's name")
    assert kinds[2].startswith("weights/effort/mine.pth, ")
    assert kinds[2].endswith("bytes: another name than the published file's")
    assert "holds mine.pth, more.pth; keep one" in kinds[3]
    assert not any(map(str.isspace, kinds[0].split(":")[0].replace(" ", "")))


@pytest.mark.parametrize("name", list(published.SOURCES))
def test_stated_megabytes_are_those_of_the_tensors(name):
    detector = next(
        n for n in plugins.names("detectors") if plugins.load("detectors", n).CARD.weights == name
    )
    layout = plugins.load("detectors", detector).layout()
    size = sum(t.numel() * t.element_size() for t in layout.values()) / 1e6
    assert published.SOURCES[name].megabytes == round(size)


def test_a_detector_without_a_source_has_its_cards_sentence(root, monkeypatch):
    monkeypatch.setattr(published, "SOURCES", {})
    assert f"published  {effort.CARD.published}" in weights.listing(root)


def test_verify_passes_what_is_right_and_what_is_not_there(root, tested):
    with_file, without = weights.verify(root, ["effort", "xception"])
    assert states(with_file) == {
        "file": "ok",
        "load": "ok",
        "size": "unknown",
        "sha256": "unknown",
        "self-test": "ok",
    }
    assert states(without) == {"file": "unknown", "self-test": "ok"}
    assert without.checks[0].says == "not at hand"
    assert not with_file.failed
    assert not without.failed
    text = weights.describe([with_file, without])
    assert "  ok       load       every tensor in its place" in text
    assert "  unknown  file       not at hand" in text


def test_verify_shows_the_loaders_sentence(root, file, tested):
    state = torch.load(file, weights_only=True)
    del state["module.head.bias"]
    torch.save(state, file)
    (verdict,) = weights.verify(root, ["effort"])
    assert verdict.failed
    load = next(check for check in verdict.checks if check.what == "load")
    assert load.state == "failed"
    assert "does not fit, 1 faults: missing head.bias. Is this the file effort_clip" in load.says


def test_verify_compares_a_stated_sha256(root, file, tested, monkeypatch):
    unmarked(file)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    found = {}
    for stated in ("", digest, "0" * 64):
        monkeypatch.setattr(effort, "CARD", dataclasses.replace(effort.CARD, sha256=stated))
        (verdict,) = weights.verify(root, ["effort"])
        found[states(verdict)["sha256"]] = verdict.failed
    assert found == {"unknown": False, "ok": False, "failed": True}


def test_verify_fails_on_drift_and_on_two_files(root, file, tested):
    tested["xception"] = "scores differ"
    shutil.copy(file, file.with_name("b.pth"))
    file.rename(file.with_name("a.pth"))
    two, drifted = weights.verify(root, ["effort", "xception"])
    assert states(two)["file"] == "failed"
    assert two.failed
    assert states(drifted) == {"file": "unknown", "self-test": "failed"}
    assert drifted.failed


def test_a_wrong_name_lists_the_right_ones(root):
    with pytest.raises(KeyError, match=r"unknown detector 'xceptoin'.*Did you mean 'xception'"):
        weights.verify(root, ["effort", "xceptoin"])
    with pytest.raises(KeyError, match="unknown detector 'xceptoin'"):
        weights.fetch(root, ["effort", "xceptoin"])


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture
def mirror(tmp_path_factory):
    """A local server with two small files under published names."""
    folder = tmp_path_factory.mktemp("mirror")
    (folder / "xception_best.pth").write_bytes(b"not really Xception")
    (folder / "f3net_best.pth").write_bytes(b"nor F3-Net")
    handler = partial(Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
        thread.join()


def test_fetch_puts_files_in_place_once(root, mirror):
    (line,) = weights.fetch(root, ["xception"], mirror)
    path = root / "weights" / "xception" / "xception_best.pth"
    assert path.read_bytes() == b"not really Xception"
    digest = hashlib.sha256(b"not really Xception").hexdigest()
    assert line == f"xception: {path}, sha256 {digest}; the right one is {published.UNSTATED}"
    (again,) = weights.fetch(root, ["xception"], "http://weights.invalid")
    assert again == f"xception: {path} is there already and left as it is, sha256 {digest}"


def test_fetch_copies_a_file_that_another_detector_has(root, mirror):
    weights.fetch(root, ["f3net"], mirror)
    (line,) = weights.fetch(root, ["f3net_sobel"], "http://weights.invalid")
    assert "a copy of" in line
    folder = root / "weights" / "f3net_sobel"
    assert [p.name for p in folder.iterdir()] == ["f3net_best.pth"]
    assert (folder / "f3net_best.pth").read_bytes() == b"nor F3-Net"


def test_fetch_does_not_copy_demo_weights(root, mirror):
    demo = root / "weights" / "f3net" / "f3net_best.pth"
    demo_weights.write({"x": torch.ones(1)}, 0, demo)
    weights.fetch(root, ["f3net_sobel"], mirror)
    assert (root / "weights/f3net_sobel/f3net_best.pth").read_bytes() == b"nor F3-Net"


def test_fetch_tries_all_and_says_what_failed(root, file, mirror, monkeypatch):
    before = file.read_bytes()
    with pytest.raises(RuntimeError) as caught:
        weights.fetch(root, ["effort", "efficientnet_b4", "xception"], mirror)
    head, done, demo, gone = str(caught.value).splitlines()
    assert head == "2 of 3 not fetched"
    assert done.startswith("xception: ")
    assert demo == f"effort: {file} is demo weights; delete it, then fetch again"
    assert "efficientnet_b4: " in gone
    assert "effnb4_best.pth: the server answered 404" in gone
    assert file.read_bytes() == before
    unmarked(file)
    monkeypatch.setattr(effort, "CARD", dataclasses.replace(effort.CARD, sha256="0" * 64))
    with pytest.raises(RuntimeError, match=r"is another file, its sha256 .*; move it away"):
        weights.fetch(root, ["effort"], mirror)


def test_effort_is_fetched_by_hand(root, file):
    file.unlink()
    with pytest.raises(
        RuntimeError, match=r"on Google Drive.*1m4fyJ.*get it by hand and put it at"
    ):
        weights.fetch(root, ["effort"])


def test_the_command_prints_and_fails_by_its_verdict(root, tested, capsys):
    def run(*words):
        return cli.main(["--root", str(root), "weights", *words])

    assert run("list") == 0
    assert capsys.readouterr().out == weights.listing(root) + "\n"
    assert run("verify", "effort") == 0
    assert "self-test  the installed libraries give" in capsys.readouterr().out
    tested["xception"] = "scores differ"
    assert run("verify", "effort", "xception") == 1
    said = capsys.readouterr()
    assert "1 of 2 detectors failed: xception" in said.err
    assert "failed   self-test  scores differ" in said.out
    with pytest.raises(SystemExit):
        run("remove")

"""Files in the place of a checkpoint that are something else, each refused with what it is."""

import os
import pickle
import zipfile
from pathlib import Path

import pytest
import safetensors.torch
import torch

from deepbench import scores
from deepbench.core import plugins
from deepbench.detectors import checkpoint, effort, impostors

PAGE = "the download was refused, or the publisher wants a login or a consent first"


def refused(path, detector=effort):
    """Why a detector does not load a file; without the question that ends every such error."""
    with pytest.raises(ValueError, match="Is this the file") as caught:
        detector.load(path, "cpu", "float32")
    return str(caught.value).removeprefix(f"{path}: ").partition(" Is this the file")[0]


SAID = {
    "a page": (
        b"\n<!DOCTYPE html><html><head><title>Sign in to continue</title>",
        f"is an HTML page ('Sign in to continue'), not a checkpoint: {PAGE}.",
    ),
    "a page without title": (b"<HTML><body>no", f"is an HTML page, not a checkpoint: {PAGE}."),
    "a pointer": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 83000000\n",
        "is a Git LFS pointer, not the file itself; fetch it with `git lfs pull`.",
    ),
    "JSON": (
        b'{"error": "Access denied"}',
        f"is a JSON message that begins '{{\"error\": \"Access denied\"}}': {PAGE}.",
    ),
    "XML": (
        b"<Error><Code>Denied",
        f"is an XML message that begins '<Error><Code>Denied': {PAGE}.",
    ),
    "text": ("Nicht gefunden: é".encode(), f"is a text that begins 'Nicht gefunden: é': {PAGE}."),
    "a picture": (b"\x89PNG\r\n\x1a\n\0\0\0", "is a PNG picture, not a checkpoint."),
    "packed": (b"\x1f\x8b\x08\0\0\0\0\0\0\x03", "is a gzip archive; unpack it."),
    "empty": (b"", "is empty (0 bytes); download it again and compare its sha256 with "),
    "a byte": (b"P", "is cut short after 1 bytes; download it again and compare its sha256 "),
}  # fmt: skip


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("case", SAID)
def test_what_is_no_checkpoint_is_named(case, suffix, tmp_path):
    content, sentence = SAID[case]
    path = tmp_path / f"some{suffix}"
    path.write_bytes(content)
    assert refused(path).startswith(sentence)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda p: p.mkdir(), "is a folder, not a file."),
        (os.mkfifo, "is a named pipe, not a file."),
        (lambda p: p.symlink_to("nowhere.pth"), "is a symbolic link that leads nowhere."),
        (lambda p: p.symlink_to(p), "is a symbolic link that leads to itself."),
    ],
)
def test_what_is_no_file_is_named(make, sentence, tmp_path):
    make(tmp_path / "some.pth")
    assert refused(tmp_path / "some.pth") == sentence


def test_an_archive_of_other_files_is_named(tmp_path):
    with zipfile.ZipFile(tmp_path / "some.pth", "w") as archive:
        archive.writestr("weights/readme.txt", "x")
    said = "is a zip archive of other files (weights/readme.txt), not a checkpoint; unpack it."
    assert refused(tmp_path / "some.pth") == said


@pytest.fixture(scope="module")
def whole(small_effort, tmp_path_factory):
    """The same tensors in the three forms of files."""
    folder, state = tmp_path_factory.mktemp("whole"), torch.load(small_effort, weights_only=True)
    torch.save(state, folder / "archive.pth")
    torch.save(state, folder / "old.pth", _use_new_zipfile_serialization=False)
    safetensors.torch.save_file(state, folder / "some.safetensors")
    return folder


@pytest.mark.parametrize("name", ["archive.pth", "old.pth", "some.safetensors"])
@pytest.mark.parametrize("share", [0.00001, 0.001, 0.1, 0.5, 0.99, -100, -1])
def test_a_file_cut_anywhere_is_refused(name, share, whole, tmp_path):
    content = (whole / name).read_bytes()
    end = int(share) if share < 0 else max(1, int(share * len(content)))
    path = tmp_path / name
    path.write_bytes(content[:end])
    assert "cut short" in refused(path)


class Trap:
    """Unpickled, it would run a command."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


# torch warns of protocols that it does not write itself
@pytest.mark.filterwarnings("ignore:Detected pickle protocol:UserWarning")
@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("form", ["bare", "archive", "old"])
def test_no_form_of_pickle_runs(protocol, form, tmp_path):
    sprung, path = tmp_path / "sprung", tmp_path / "xception_best.pth"
    trap = Trap(f"touch {sprung}")
    if form == "bare":
        path.write_bytes(pickle.dumps(trap, protocol))
    else:
        new = form == "archive"
        torch.save(
            {"w": torch.ones(2), "trap": trap}, path,
            pickle_protocol=max(protocol, 2), _use_new_zipfile_serialization=new,
        )  # fmt: skip
    said = refused(path, plugins.load("detectors", "xception"))
    assert "nothing was run" in said or "is a text that begins" in said
    assert not sprung.exists()
    # the trap itself works
    assert os.system(f"touch {sprung}") == 0
    assert sprung.exists()


def test_a_trap_in_the_clothes_of_a_published_file_does_not_run(published_file, tmp_path):
    """All tensors right, and one entry more that is code."""
    sprung, path = tmp_path / "sprung", tmp_path / "xception_best.pth"
    state = torch.load(published_file("xception"), weights_only=True, mmap=True)
    torch.save({**state, "more": Trap(f"touch {sprung}")}, path)
    assert "nothing was run" in refused(path, plugins.load("detectors", "xception"))
    assert not sprung.exists()


SWAPPED = [
    ("xception", "f3net"), ("f3net", "xception"), ("xception", "efficientnet_b4"),
    ("efficientnet_b4", "xception"), ("efficientnet_b4", "effort"), ("f3net", "efficientnet_b4"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("file", "folder"),
    [pytest.param(*pair, marks=[] if pair == SWAPPED[0] else pytest.mark.slow) for pair in SWAPPED],
)
def test_a_renamed_or_swapped_file_is_refused_with_where_it_belongs(
    file, folder, published_file, tmp_path
):
    component = plugins.load("detectors", folder)
    place = tmp_path / "weights" / folder
    place.mkdir(parents=True)
    (place / component.CARD.weights).symlink_to(published_file(file))
    found = scores.find_weights(place, folder)
    said = refused(found, component)
    if folder == "effort":  # which first looks for the size of its network
        assert "backbone.efficientnet" in said
    else:
        assert said.startswith(f"holds the tensors of {file}, and ")
        assert said.endswith(f"things do not fit; move it to weights/{file}.")


def test_a_file_of_nobody_has_no_owner():
    card = plugins.load("detectors", "xception").CARD
    assert impostors.owner({"conv1.weight", "fc.bias"}, card) == ""
    own = {name.removeprefix("module.") for name in effort.layout()}
    assert impostors.owner(own, card) == "effort"
    assert impostors.owner(own, effort.CARD) == ""


@pytest.mark.parametrize(
    ("value", "fault"),
    [(torch.nan, "is not finite"), (torch.inf, "is not finite"), (0, "all zeros")],
)
@pytest.mark.parametrize("key", ["module.head.weight", "all"])
def test_filled_with_nothing_is_refused(value, fault, key, small_state, tmp_path):
    for name, tensor in small_state.items():
        if tensor.is_floating_point() and key in (name, "all"):
            small_state[name] = torch.full_like(tensor, value)
    torch.save(small_state, tmp_path / "some.pth")
    assert fault in refused(tmp_path / "some.pth")


@pytest.mark.parametrize("dtype", [torch.int8, torch.complex64, torch.bool])
def test_a_wrong_dtype_is_named(dtype, small_state, tmp_path):
    for name, tensor in small_state.items():
        small_state[name] = tensor.to(dtype)
    torch.save(small_state, tmp_path / "some.pth")
    assert f" is {dtype} instead of torch.float32" in refused(tmp_path / "some.pth")


def test_whole_files_are_not_suspected(whole, published_file):
    names = ["archive.pth", "old.pth", "some.safetensors"]
    assert [impostors.content(whole / name) for name in names] == [""] * 3
    assert impostors.content(published_file("xception")) == ""
    origin = checkpoint.Origin(Path(whole / "old.pth"), effort.CARD)
    assert len(checkpoint.read(origin)) > 10

"""Lists that name files outside the data set's folder: nothing there is ever opened."""

import json
import os
import socket
import zipfile
from pathlib import Path

import av
import numpy as np
import pytest

from deepbench import external, manifest
from deepbench.apps.detection import asking, many
from deepbench.core import blocks, params, tables
from deepbench.media import video
from deepbench.sample import pack

FACES = params.load(Path(__file__).parents[2] / "params.yaml").faces
EVERYTHING = blocks.Manifest(splits=[], compressions=[], methods=[], allow_incomplete=True)
OUTSIDE = "is listed as a file of .*, but does not lie in it"


@pytest.fixture
def root(tmp_path):
    """A data set's folder, beside a file that no list may reach."""
    (tmp_path / "secret.mp4").write_text("of someone else")
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


def hostile(root):
    return ["../secret.mp4", "x/../../secret.mp4", str(root.parent / "secret.mp4")]


@pytest.mark.parametrize("which", range(3))
def test_labels_of_dfdc(root, which):
    listed = root / "labels.csv"
    listed.write_text(f"filename,label\n{hostile(root)[which]},0\n", "utf-8")
    with pytest.raises(ValueError, match=OUTSIDE):
        manifest.build("dfdc", root, EVERYTHING)


@pytest.mark.parametrize("which", range(3))
def test_metadata_of_dfdc(root, which):
    said = {hostile(root)[which]: {"label": "REAL", "split": "train"}}
    (root / "metadata.json").write_text(json.dumps(said), "utf-8")
    with pytest.raises(ValueError, match=OUTSIDE):
        manifest.build("dfdc", root, EVERYTHING)


def test_dataset_json_of_the_preview_set(root):
    said = {"original_videos/../../secret.mp4": {"label": "real", "set": "test"}}
    (root / "dataset.json").write_text(json.dumps(said), "utf-8")
    with pytest.raises(ValueError, match=OUTSIDE):
        manifest.build("dfdc_preview", root, EVERYTHING)


@pytest.mark.parametrize("path", ["../secret", "Celeb-real/../../secret", "/secret"])
def test_the_test_list_of_celeb_df(root, path):
    (root / "List_of_testing_videos.txt").write_text(f"1 {path}.mp4\n", "utf-8")
    with pytest.raises(ValueError, match=r"line 1 is .*, not a label and a path"):
        manifest.build("celeb_df", root, EVERYTHING)


@pytest.mark.parametrize("which", range(3))
def test_lists_of_deepfakebench_are_taken_below_the_root(root, which):
    place = hostile(root)[which].removesuffix("secret.mp4") + "frames/000"
    video = {"label": "FF-real", "frames": [f"{place}/000.png"]}
    said = {"FaceForensics++": {"FF-real": {"test": {"c23": {"000": video}}}}}
    (root / "list.json").write_text(json.dumps(said), "utf-8")
    (path,) = manifest.build("deepfakebench", root, EVERYTHING).videos["path"]
    assert not Path(path).is_absolute()
    assert ".." not in path


def test_links_are_followed_and_told(root):
    (root / "real").mkdir()
    (root / "real/a.mp4").write_bytes(b"a")
    (root.parent / "disk").mkdir()
    (root.parent / "disk/b.mp4").write_bytes(b"b")
    (root / "fake").symlink_to(root.parent / "disk")
    built = manifest.build("folder", root, EVERYTHING)
    (said,) = [note for note in built.notes if "symbolic" in note]
    assert said.startswith("1 of 2 videos lie outside the data set's folder")
    assert "first fake/b.mp4" in said


def test_a_path_among_scores_from_elsewhere_is_only_compared(root, tmp_path):
    for place in ("real", "fake"):
        (root / place).mkdir()
        (root / place / "a.mp4").touch()
    videos = manifest.build("folder", root, EVERYTHING).videos
    scores = tmp_path / "scores.csv"
    scores.write_text("path,fake_prob\n../secret.mp4,1\n/etc/passwd,1\nreal/a.mp4,0.25\n", "utf-8")
    taken = external.take("bench", scores, videos)
    tables.check(tables.VIDEOS, taken.table)
    assert taken.without_video["key"].tolist() == ["../secret.mp4", "/etc/passwd"]


def test_an_archive_cannot_write_beside_its_folder(tmp_path, monkeypatch):
    archive = tmp_path / "pack.zip"
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("../out.txt", "x")
        made.writestr("/abs.txt", "x")
        made.writestr("in/a.txt", "x")
    monkeypatch.setattr(pack, "PACK", archive)
    pack.unpack(tmp_path / "deep/data")
    files = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()}
    assert files == {"pack.zip", "deep/data/out.txt", "deep/data/abs.txt", "deep/data/in/a.txt"}


def test_a_folder_of_ones_own_media_is_not_left_through_a_link(root, tmp_path):
    for name in ("own.png", "../secret.png"):
        (root / name).write_bytes(b"\x89PNG\r\n\x1a\n")
    (root / "album").mkdir()
    (root / "album/away.png").symlink_to(tmp_path / "secret.png")
    (root / "album/same.png").symlink_to(root / "own.png")
    found = many.listing([root])
    assert [file.name for file in found.files] == ["album/same.png", "own.png"]
    assert found.left_out == ["album/away.png (a link out of the folder; name the file itself)"]
    # named itself, it is what was asked for
    assert many.listing([root / "album/away.png"]).files


@pytest.mark.parametrize("kind", ["hls", "concat", "dash"])
def test_a_playlist_called_video_opens_nothing_else(root, tmp_path, kind):
    """FFmpeg knows formats that name other files and addresses."""
    with av.open(str(tmp_path / "secret.ts"), "w") as made:
        stream = made.add_stream("mpeg2video", rate=25)
        stream.width = stream.height = 64
        picture = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8))
        for packet in [*stream.encode(picture), *stream.encode(None)]:
            made.mux(packet)
    assert not video.read_frames(tmp_path / "secret.ts", "video", FACES).problem
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.5)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/a.ts"
        for target in ("../secret.ts", str(tmp_path / "secret.ts"), address):
            texts = {
                "hls": f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{target}\n#EXT-X-ENDLIST\n",
                "concat": f"ffconcat version 1.0\nfile {target}\n",
                "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" '
                'type="static" mediaPresentationDuration="PT1S"><Period><AdaptationSet '
                'mimeType="video/mp2t"><Representation id="1" bandwidth="1">'
                f"<BaseURL>{target}</BaseURL></Representation></AdaptationSet></Period></MPD>",
            }
            (root / "a.mp4").write_text(texts[kind], "utf-8")
            reading = video.read_frames(root / "a.mp4", "video", FACES)
            assert list(reading) == []
            assert reading.problem.startswith("file unreadable: ")
        with pytest.raises(TimeoutError):
            server.accept()


def test_a_file_whose_name_is_no_utf8_is_told_of_all_the_same(tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9.png")
    path.write_bytes(b"x")
    assert asking.source(path, "").filename == "caf?.png"
    assert len(asking.source(tmp_path, "burst").sha256) == 64

"""One fault at a time in every data set: said with counts, and stopped unless that is allowed."""

import json
import os
import re
import tempfile
from pathlib import Path
from typing import NamedTuple

import pytest

from deepbench.core import blocks, plugins, presence
from deepbench.datasets import celeb_df, faceforensics, listing
from deepbench.manifest import build

REALS = "original_sequences/youtube/c23/videos/{}.mp4"
FAKES = "manipulated_sequences/{}/c23/videos/{}.mp4"


class World(NamedTuple):
    """A small data set, whole but for the published counts, and a test fake and a real in it."""

    root: Path
    fake: str  # as the manifest has it
    real: str
    listed: bool  # whether a list names the files


def put(root, path, content):
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")


def of_faceforensics(root):
    fake, real = FAKES.format("Deepfakes", "953_974"), REALS.format("953")
    for path in (fake, real, FAKES.format("Deepfakes", "974_953"), REALS.format("974")):
        put(root, path, path)
    return World(root, fake, real, False)


def of_celeb_df(root):
    fake, real = "Celeb-synthesis/id1_id0_0007.mp4", "Celeb-real/id1_0007.mp4"
    lines = [f"1 {real}", f"0 {fake}", "1 YouTube-real/00170.mp4"]
    put(root, celeb_df.LIST, "\n".join(lines))
    for line in lines:
        put(root, line[2:], line)
    return World(root, fake, real, True)


def of_dfdc(root):
    put(root, "test/labels.csv", "filename,label\nx.mp4,1\ny.mp4,0\nz.mp4,0\n")
    for name in "xyz":
        put(root, f"test/{name}.mp4", name)
    return World(root, "test/x.mp4", "test/y.mp4", True)


def of_dfdc_preview(root):
    fake, real = "method_A/10_20/10_20_A_001.mp4", "original_videos/10/10_A_001.mp4"
    entries = {
        fake: {"label": "fake", "set": "test", "target_id": 10},
        real: {"label": "real", "set": "test", "target_id": 10},
        "method_B/20_10/20_10_A_001.mp4": {"label": "fake", "set": "test", "target_id": 20},
    }
    put(root, "dataset.json", entries)
    for name in entries:
        put(root, name, name)
    return World(root, fake, real, True)


def of_deepfakebench(root):
    folders = {
        "FF-DF": "manipulated_sequences/Deepfakes/c23/frames/953_974",
        "FF-real": "original_sequences/youtube/c23/frames/953",
        "FF-F2F": "manipulated_sequences/Face2Face/c23/frames/953_974",
    }
    content = {}
    for kind, folder in folders.items():
        frames = [f"{folder}/{n:03d}.png" for n in range(2)]
        name = folder.rpartition("/")[2]
        content[kind] = {"test": {"c23": {name: {"label": kind, "frames": frames}}}}
        for frame in frames:
            put(root, frame, frame)
    put(root, "FaceForensics++.json", {"FaceForensics++": content})
    return World(root, folders["FF-DF"], folders["FF-real"], True)


def of_folder(root):
    for path in ("fake/a.mp4", "real/b.jpg", "real/c.jpg"):
        put(root, path, path)
    return World(root, "fake/a.mp4", "real/b.jpg", False)


WORLDS = {
    "faceforensics": of_faceforensics,
    "celeb_df": of_celeb_df,
    "dfdc": of_dfdc,
    "dfdc_preview": of_dfdc_preview,
    "deepfakebench": of_deepfakebench,
    "folder": of_folder,
}
READERS = sorted(WORLDS)
LISTED = [name for name in READERS if name not in ("faceforensics", "folder")]


def asked(allow=True, splits=("test",), methods=()):
    return blocks.Manifest(
        splits=list(splits),
        compressions=["c23"],
        methods=list(methods),
        allow_incomplete=allow,
    )


@pytest.fixture(params=READERS)
def reader(request):
    return request.param


@pytest.fixture
def world(reader, tmp_path):
    return WORLDS[reader](tmp_path)


def gaps_of(name, world, kind):
    return [gap for gap in build(name, world.root, asked()).gaps if gap.kind == kind]


def remove(path):
    if path.is_dir() and not path.is_symlink():
        for inside in path.iterdir():
            inside.unlink()
        path.rmdir()
    else:
        path.unlink()


def test_every_reader_is_tried():
    assert plugins.names("datasets") == READERS


def test_a_whole_data_set_lacks_nothing_but_the_published_rest(reader, world):
    found = build(reader, world.root, asked())
    kinds = {gap.kind for gap in found.gaps}
    assert kinds == (set() if reader == "folder" else {"official"})
    assert not any("cop" in note or "not on disk" in note for note in found.notes)


FAULTS = {
    "a symbolic link that leads nowhere": lambda p: p.symlink_to(p.parent / "gone.mp4"),
    "a symbolic link that leads to itself": lambda p: p.symlink_to(p),
    "a folder": lambda p: p.mkdir(),
    "a named pipe": os.mkfifo,  # opened, it would hang
    "empty (0 bytes)": lambda p: p.touch(),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_cannot_be_read_stops_the_manifest_with_counts(reader, world, fault):
    if (reader, fault) == ("folder", "a folder"):
        return  # folders of any name are opened there; the next test has it
    path = world.root / world.fake
    remove(path)
    FAULTS[fault](path)
    said = fault
    if reader == "deepfakebench":  # whose videos are folders
        said = {"a folder": "a folder without frames", "empty (0 bytes)": "a file, not a folder"}
        said = said.get(fault, fault)
    with pytest.raises(ValueError, match=f"data set {reader} is incomplete") as caught:
        build(reader, world.root, asked(allow=False))
    total = len(build(reader, world.root, asked()).videos)
    (gap,) = gaps_of(reader, world, "unreadable")
    assert (gap.missing, gap.of) == (1, total)
    assert gap.sentence.startswith(f"1 of {total} videos cannot be read ({said}")
    assert f"first {world.fake}: {said}" in gap.sentence
    assert gap.sentence in str(caught.value)
    assert "Finish the download" in str(caught.value)
    assert "set manifest.allow_incomplete: true" in str(caught.value)
    # allowed, the video stays in the manifest
    allowed = build(reader, world.root, asked())
    assert world.fake in set(allowed.videos["path"])
    assert gap.sentence in allowed.notes


def test_a_folder_named_like_a_file_is_told(tmp_path):
    world = of_folder(tmp_path)
    put(tmp_path, "fake/b.mp4/c.jpg", "c")
    built = build("folder", world.root, asked(allow=False))
    assert built.notes == [
        "fake: 1 folders are named like files; what is in them is read, first fake/b.mp4"
    ]
    assert set(built.videos["method"]) == {"real", "fake", "b.mp4"}


@pytest.mark.parametrize("name", LISTED)
def test_a_list_that_names_absent_files_stops_the_manifest_with_counts(name, tmp_path):
    world = WORLDS[name](tmp_path)
    remove(world.root / world.fake)
    sentence = f"1 of 3 listed videos are not on disk, first {world.fake}"
    with pytest.raises(ValueError, match=sentence):
        build(name, world.root, asked(allow=False))
    (gap,) = gaps_of(name, world, "absent")
    assert (gap.missing, gap.of) == (1, 3)


@pytest.mark.parametrize("name", READERS)
def test_the_same_bytes_labelled_both_ways_are_refused(name, tmp_path):
    world = WORLDS[name](tmp_path)
    one, other = (world.root / path for path in (world.fake, world.real))
    if one.is_dir():
        for frame in one.iterdir():
            (other / frame.name).write_bytes(frame.read_bytes())
    else:
        other.write_bytes(one.read_bytes())
    sentence = rf"1 files are labelled real and fake with the same bytes, first .*{world.real} \("
    with pytest.raises(ValueError, match=sentence):
        build(name, world.root, asked())


@pytest.mark.parametrize("name", READERS)
def test_a_copy_of_a_video_is_told(name, tmp_path):
    world = WORLDS[name](tmp_path)
    rows = list(plugins.load("datasets", name).list_videos(world.root))
    alike = next(
        (a, b)
        for a in rows
        for b in rows
        if a is not b and (a.label, a.split) == (b.label, b.split)
    )
    one, other = (world.root / row.path for row in alike)
    for frame in [p.name for p in one.iterdir()] if one.is_dir() else [""]:
        (other / frame).write_bytes((one / frame).read_bytes())
    told = [note for note in build(name, world.root, asked()).notes if "copies" in note]
    assert told == [
        f"1 videos are copies of others and count again, first {alike[1].path} = {alike[0].path}"
    ]


def test_large_files_of_one_size_are_told_apart_by_their_ends(tmp_path):
    for name, end in (("real/a.mp4", b"1"), ("real/b.mp4", b"2"), ("fake/c.mp4", b"1")):
        put(tmp_path, name, "")
        (tmp_path / name).write_bytes(bytes(100_000) + end)
    with pytest.raises(
        ValueError, match=r"1 files are .* first real/a\.mp4 \(real\) = fake/c\.mp4"
    ):
        build("folder", tmp_path, asked())
    (tmp_path / "fake/c.mp4").write_bytes(bytes(100_000) + b"3")
    assert build("folder", tmp_path, asked()).notes == []


def test_one_video_in_two_splits_is_refused_where_splits_share_nothing(tmp_path):
    world = of_dfdc(tmp_path)
    put(world.root, "validation/labels.csv", "filename,label\nv.mp4,1\n")
    put(world.root, "validation/v.mp4", "x")
    sentence = r"1 videos lie in two splits, first test/x\.mp4 \(test\) = validation/v\.mp4 \(val\)"
    with pytest.raises(ValueError, match=sentence):
        build("dfdc", world.root, asked(splits=["val", "test"]))
    build("dfdc", world.root, asked())  # the test split alone


def test_one_video_in_two_splits_is_a_note_where_the_official_ones_share(tmp_path):
    world = of_celeb_df(tmp_path)
    put(world.root, "Celeb-synthesis/id5_id6_0001.mp4", "0 Celeb-synthesis/id1_id0_0007.mp4")
    notes = build("celeb_df", world.root, asked(splits=["train", "test"])).notes
    assert any(note.startswith("1 videos lie in two splits, first Celeb-synth") for note in notes)


def whole_test_split(root):
    """FaceForensics++ in c23, as published: 140 reals and 700 fakes."""
    places = faceforensics._official()
    for number, place in places.items():
        if place.split == "test":
            put(root, REALS.format(number), f"real {number}")
            (other,) = set(place.pair.split("_")) - {number}
            pair = f"{number}_{other}"
            for method in faceforensics.METHODS:
                put(root, FAKES.format(method, pair), f"{method} {pair}")
    return sorted(n for n, place in places.items() if place.split == "test")


def test_half_a_download_of_an_official_data_set_is_caught(tmp_path):
    numbers = whole_test_split(tmp_path)
    assert build("faceforensics", tmp_path, asked(allow=False)).gaps == []
    for number in numbers[37:]:
        (tmp_path / REALS.format(number)).unlink()
    for path in list((tmp_path / "manipulated_sequences/FaceShifter/c23/videos").iterdir()):
        path.unlink()
    sentence = (
        "test c23: 243 of 840 official videos are missing; here are real 37 of 140, "
        "FaceShifter 0 of 140"
    )
    with pytest.raises(ValueError, match=sentence):
        build("faceforensics", tmp_path, asked(allow=False))
    # who says which manipulations are wanted is held against those only
    named = asked(methods=["Deepfakes", "FaceSwap"])
    (gap,) = build("faceforensics", tmp_path, named).gaps
    assert (gap.missing, gap.of) == (103, 420)
    # a split that is asked for and not there at all
    gaps = build("faceforensics", tmp_path, asked(splits=["val", "test"])).gaps
    assert [(gap.missing, gap.of) for gap in gaps] == [(840, 840), (243, 840)]


COUNTED = {
    "faceforensics": "test c23: 836 of 840 official videos are missing; here are real 2 of 140, "
    "Deepfakes 2 of 140, Face2Face 0 of 140",
    "celeb_df": "test: 515 of 518 official videos are missing; here are real 2 of 178, Celeb-synth",
    "dfdc": "test: 4,997 of 5,000 official videos are missing; here are real 2 of 2,500, fake 1 of",
    "dfdc_preview": "test: 774 of 777 official videos are missing; here are real 1 of 276, fakes 2",
    "deepfakebench": "test c23: 278 of 280 official videos are missing; here are FF-DF 1 of 140",
}


@pytest.mark.parametrize("name", COUNTED)
def test_fewer_videos_than_published_stop_the_manifest(name, tmp_path):
    world = WORLDS[name](tmp_path)
    with pytest.raises(ValueError, match=COUNTED[name]):
        build(name, world.root, asked(allow=False))


def test_listed_frames_that_are_not_on_disk_are_counted(tmp_path):
    world = of_deepfakebench(tmp_path)
    (tmp_path / world.fake / "001.png").unlink()
    (gap,) = gaps_of("deepfakebench", world, "absent")
    first = f"1 of 6 listed frames are not on disk, in 1 videos, first {world.fake}/001.png"
    assert gap.sentence == first


def test_one_frame_that_cannot_be_read_is_named(tmp_path):
    world = of_deepfakebench(tmp_path)
    (tmp_path / world.fake / "001.png").write_bytes(b"")
    (gap,) = gaps_of("deepfakebench", world, "unreadable")
    assert "1 of 2 frames cannot be read (001.png: empty (0 bytes))" in gap.sentence


HOMES = {
    "faceforensics": "original_sequences",
    "celeb_df": "Celeb-synthesis",
    "dfdc": "test",
    "folder": "fake",
}


@pytest.mark.parametrize("name", HOMES)
@pytest.mark.parametrize("loop", [False, True])
def test_a_folder_that_leads_nowhere_is_refused(name, loop, tmp_path):
    world = WORLDS[name](tmp_path / "it")
    home = world.root / HOMES[name]
    home.rename(tmp_path / "kept")
    home.symlink_to(home if loop else tmp_path / "unmounted")
    what = "a symbolic link that leads to itself" if loop else "a symbolic link that leads nowhere"
    said = f"should be a folder and is (below .*{HOMES[name]}, )?{what}; mount or copy"
    with pytest.raises(ValueError, match=said):
        build(name, world.root, asked())


@pytest.mark.parametrize("name", READERS)
def test_a_root_that_leads_nowhere_is_said(name, tmp_path):
    (tmp_path / "root").symlink_to(tmp_path / "unmounted")
    sentence = f"data set {name}: a symbolic link that leads nowhere instead of a folder at"
    with pytest.raises(FileNotFoundError, match=sentence):
        build(name, tmp_path / "root", asked())


def test_links_back_to_a_folder_above_are_counted(tmp_path):
    world = of_folder(tmp_path)
    for place in ("real/back", "real/deep/back"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).symlink_to(tmp_path / "real")
    built = build("folder", world.root, asked(allow=False))
    assert len(built.videos) == 3
    assert built.notes == [
        "real: 2 symbolic links lead to folders that are read already, also in a circle; not read "
        "again, first real/back"
    ]


LABELS = {
    "celeb_df": celeb_df.LIST,
    "dfdc": "test/labels.csv",
    "dfdc_preview": "dataset.json",
    "deepfakebench": "FaceForensics++.json",
}


@pytest.mark.parametrize("name", LABELS)
@pytest.mark.parametrize("fault", FAULTS)
def test_labels_that_cannot_be_read_are_named(name, fault, tmp_path):
    world = WORLDS[name](tmp_path)
    path = world.root / LABELS[name]
    path.unlink()
    FAULTS[fault](path)
    with pytest.raises(ValueError, match=re.escape(f"{path.name} is {fault}")):
        build(name, world.root, asked())


@pytest.mark.parametrize("name", ["dfdc", "dfdc_preview", "deepfakebench"])
def test_labels_cut_short_or_doubled_are_named(name, tmp_path):
    world = WORLDS[name](tmp_path)
    path = world.root / LABELS[name]
    if name == "dfdc":
        path.unlink()
        path = path.with_name("metadata.json")
        path.write_text('{"x.mp4": {"is_fake": 1}, "y.mp4": {"is_fake": 0}}', "utf-8")
    whole = path.read_text("utf-8")
    path.write_text(whole[:-20], "utf-8")
    with pytest.raises(
        ValueError, match=rf"{path.stem}.*is cut short or no JSON".replace("+", ".")
    ):
        build(name, world.root, asked())
    first = json.dumps(next(iter(json.loads(whole))))
    path.write_text(f"{whole[:-1]}, {first}: {{}}}}", "utf-8")
    with pytest.raises(
        ValueError, match=rf"has 1 names twice, first '{first[1:5]}".replace("+", ".")
    ):
        build(name, world.root, asked())
    path.write_bytes(b"\xff\xfe{")
    with pytest.raises(ValueError, match="is no text in UTF-8"):
        build(name, world.root, asked())


@pytest.mark.parametrize("name", ["dfdc", "dfdc_preview"])
def test_labels_that_name_files_outside_are_refused(name, tmp_path):
    world = WORLDS[name](tmp_path / "it")
    if name == "dfdc":
        put(world.root, "test/labels.csv", "filename,label\n../../x.mp4,1\ny.mp4,0\n")
    else:
        entry = {"label": "fake", "set": "test"}
        put(world.root, "dataset.json", {"method_A/../../x.mp4": entry})
    with pytest.raises(
        ValueError, match=r"x\.mp4' is listed as a file of .* but does not lie in it"
    ):
        build(name, world.root, asked())


def test_what_one_may_not_read_is_said():
    """As a user without rights; root, as in containers, may read everything."""
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        root.chmod(0o755)
        for name in ("closed/x.jpg", "open/y.jpg"):
            put(root, name, name)
        (root / "open/y.jpg").chmod(0)
        (root / "closed").chmod(0)
        was = os.geteuid()
        if was == 0:
            os.seteuid(65534)
        try:
            assert presence.look(root / "open/y.jpg").fault == "not readable with these rights"
            assert presence.look(root / "closed/x.jpg").fault == "not readable with these rights"
            with pytest.raises(ValueError, match=r"closed cannot be listed \(not readable with th"):
                list(listing.files_below(root))
            with pytest.raises(ValueError, match="closed should be a folder and is not readable"):
                listing.names(root / "closed")
        finally:
            os.seteuid(was)
            (root / "closed").chmod(0o755)

import numpy as np
import pytest
from PIL import Image

from deepbench.media import kinds


@pytest.mark.parametrize("form", ["JPEG", "PNG", "BMP", "TIFF", "WEBP"])
def test_a_picture_is_one_whatever_its_name(tmp_path, form):
    path = tmp_path / "holiday.mp4"
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(path, form)
    assert kinds.kind(path) == "image"


@pytest.mark.parametrize(
    "head",
    [
        b"\0\0\0\x18ftypisom",
        b"\0\0\0\x14ftypqt  ",
        b"\x1a\x45\xdf\xa3rest",
        b"RIFF\0\0\0\0AVI LIST",
        b"GIF89a",
        (b"\x47" + b"\0" * 187) * 3,
    ],
)
def test_a_video_is_one_whatever_its_name(tmp_path, head):
    path = tmp_path / "holiday.jpg"
    path.write_bytes(head)
    assert kinds.kind(path) == "video"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty file"),
        (b"#EXTM3U\nhttp://example.org/stream.ts\n", "neither a picture nor a video"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "neither a picture nor a video"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "neither a picture nor a video"),
        (b"\0\0\0\x18ftypheic", "HEIC"),
        (b"RIFF\0\0\0\0WAVEfmt ", "neither a picture nor a video"),
        (b"Go", "neither a picture nor a video"),
    ],
)
def test_all_else_is_refused_whatever_its_name(tmp_path, content, said):
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=said) as error:
        kinds.kind(path)
    assert str(tmp_path) not in str(error.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ValueError, match="No such file"):
        kinds.kind(tmp_path / "clip.mp4")


def test_the_limit_is_of_its_kind(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(bytes(3_000_000))
    limits = kinds.Limits(image=2_000_000, video=3_000_000)
    kinds.check_size(path, "video", limits)
    with pytest.raises(ValueError, match=r"image of 3.0 MB, over the limit of 2 MB"):
        kinds.check_size(path, "image", limits)


def test_uploads_are_limited_as_documented():
    assert kinds.Limits(image=50_000_000, video=200_000_000) == kinds.UPLOADS

import numpy as np
import pytest
from PIL import Image

from deepbench.media import images

RGB = np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8)


def test_exif_orientation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate 90 degrees clockwise to see it upright
    Image.fromarray(RGB).save(tmp_path / "e.png", exif=exif)
    np.testing.assert_array_equal(images.read(tmp_path / "e.png").rgb, np.rot90(RGB, -1))


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "1", "LA", "CMYK"])
def test_modes_become_rgb(tmp_path, mode):
    image = Image.fromarray(RGB).convert(mode)
    image.save(tmp_path / "m.tif")
    read = images.read(tmp_path / "m.tif").rgb
    np.testing.assert_array_equal(read, np.asarray(image.convert("RGB")))


def test_sixteen_bits_are_scaled_not_clipped(tmp_path):
    grey = np.arange(0, 65536, 256, dtype=np.uint16).reshape(16, 16)
    Image.fromarray(grey).save(tmp_path / "deep.png")
    read = images.read(tmp_path / "deep.png").rgb
    np.testing.assert_array_equal(read[..., 1], np.arange(256).reshape(16, 16))


def test_float_pixels_are_refused_with_the_cure(tmp_path):
    Image.fromarray(np.ones((8, 8), np.float32)).save(tmp_path / "f.tif")
    with pytest.raises(ValueError, match="mode 'F' have no fixed range; save as 8 bits"):
        images.read(tmp_path / "f.tif")


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_truncated_image_is_refused_without_its_path(tmp_path, suffix):
    path = tmp_path / f"t{suffix}"
    Image.fromarray(np.tile(RGB, (9, 9, 1))).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ValueError, match="image unreadable") as error:
        images.read(path)
    assert str(tmp_path) not in str(error.value)


def test_text_is_not_an_image(tmp_path):
    (tmp_path / "x.png").write_text("hello")
    with pytest.raises(ValueError, match="image unreadable: neither a picture nor a") as error:
        images.read(tmp_path / "x.png")
    assert str(tmp_path) not in str(error.value)

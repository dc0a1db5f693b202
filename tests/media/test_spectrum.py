"""The frequency features against a slow and obvious version, and on pictures with known answers."""

import time

import cv2
import numpy as np
import pytest
from scipy import fft, stats

from deepbench.media import spectrum

NAME = {name: place for place, name in enumerate(spectrum.FEATURE_NAMES)}


def noise(seed, n=1):
    return np.random.default_rng(seed).integers(0, 256, (n, 224, 224), dtype=np.uint8)


def photo(seed):
    """Smooth, with an edge and some grain, as a face is."""
    rng = np.random.default_rng(seed)
    rough = rng.normal(size=(14, 14)).astype(np.float32)
    smooth = cv2.resize(rough, (224, 224), interpolation=cv2.INTER_CUBIC) * 30 + 120
    smooth[:, 100:] += 25
    return np.clip(smooth + rng.normal(scale=3, size=smooth.shape), 0, 255).astype(np.uint8)


def grating(cycles_across, cycles_down=0):
    y, x = np.mgrid[:224, :224]
    wave = np.sin(2 * np.pi * (cycles_across * x + cycles_down * y) / 224)
    return np.round(127 + 100 * wave).astype(np.uint8)


def obvious(grey):
    """The same features, one frequency and one block at a time."""
    values = {}
    whole = np.fft.fft2(grey.astype(float))
    rings = {count: [[] for _ in range(count)] for count in (128, 31, 24)}
    high = total = 0.0
    for row in range(224):
        for column in range(224):
            v, u = (row + 112) % 224 - 112, (column + 112) % 224 - 112
            size, radius = abs(whole[row, column]), np.hypot(u, v)
            total += size**2
            high += size**2 * (radius > 60)
            mirrored = (-v if v > -112 else v, -u if u > -112 else u)
            # each pair once; which of the two does not matter, they are equal
            if radius > 112 or mirrored < (v, u):
                continue
            for count, members in rings.items():
                members[min(int(radius * count / 112), count - 1)].append(size)
    for i, ring in enumerate(rings[128]):
        values[f"fft.radial.{i}"] = np.mean(np.log1p(ring))
    values["fft.high_frequency_ratio"] = high / total
    for i, ring in enumerate(rings[31]):
        share = np.array(ring) ** 2 / np.sum(np.array(ring) ** 2)
        values[f"fft.entropy.{i}"] = stats.entropy(share) / np.log(len(ring))
    for i, ring in enumerate(rings[24]):
        log = np.log1p(ring)
        values[f"fft.band.{i}.mean"], values[f"fft.band.{i}.std"] = log.mean(), log.std()
        values[f"fft.band.{i}.median"], values[f"fft.band.{i}.max"] = np.median(log), log.max()
    blocks = [
        fft.dctn(grey[y : y + 8, x : x + 8].astype(float), norm="ortho")
        for y in range(0, 224, 8)
        for x in range(0, 224, 8)
    ]
    positions = [(r, c) for r in range(8) for c in range(8) if (r, c) != (0, 0)]
    at = {(r, c): np.array([b[r, c] for b in blocks]) for r, c in positions}
    for (r, c), ac in at.items():
        values[f"dct.magnitude.{r}{c}"] = np.abs(ac).mean()
        values[f"dct.std.{r}{c}"] = ac.std()
        values[f"dct.kurtosis.{r}{c}"] = stats.kurtosis(ac)
    every = np.concatenate(list(at.values()))
    values["dct.ac.mean"], values["dct.ac.std"] = every.mean(), every.std()
    values["dct.ac.skewness"], values["dct.ac.kurtosis"] = stats.skew(every), stats.kurtosis(every)
    low = sum((ac**2).sum() for (r, c), ac in at.items() if r < 4 and c < 4)
    values["dct.energy_compaction"] = low / (every**2).sum()
    for name, picture in (("down", grey), ("across", grey.T)):
        steps = [np.abs(picture[y].astype(int) - picture[y - 1]).mean() for y in range(1, 224)]
        borders = [step for y, step in enumerate(steps, 1) if y % 8 == 0]
        others = [step for y, step in enumerate(steps, 1) if y % 8]
        values[f"dct.block_coherence.{name}"] = np.mean(borders) / np.mean(others)
    counts, _ = np.histogram(np.clip(every, -29.9, 30), bins=np.arange(-30, 31) + 1 / 16)
    values |= {f"dct.histogram.{i}": c / len(every) for i, c in enumerate(counts)}
    return np.array([values[name] for name in spectrum.FEATURE_NAMES])


@pytest.mark.parametrize("grey", [photo(1), photo(2), noise(3)[0]], ids=["one", "two", "noise"])
def test_the_fast_version_is_the_obvious_one(grey):
    found = spectrum.features(grey[None])[0]
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, obvious(grey), rtol=1e-6, atol=1e-7)


def test_there_are_512_names_and_each_is_one():
    assert len(NAME) == len(spectrum.FEATURE_NAMES) == 512
    assert sum(name.startswith("fft.") for name in NAME) == 256


def test_a_crop_alone_is_the_crop_among_others():
    grey = noise(0, 40)
    together = spectrum.features(grey)
    # the last bits of a matrix product depend on how many rows it has
    np.testing.assert_allclose(together[33:34], spectrum.features(grey[33:34]), rtol=1e-6)
    assert spectrum.features(grey[:0]).shape == (0, 512)


@pytest.mark.parametrize(("across", "down"), [(10, 0), (0, 37), (60, 80), (111, 0)])
def test_a_grating_peaks_at_its_radius(across, down):
    grain = noise(4)[0] // 8
    added = grain + grating(across, down) // 2
    without, found = spectrum.features(np.stack([grain, added]))
    radius = np.hypot(across, down)
    # the innermost rings hold a few frequencies, in which rounding shows
    assert np.argmax((found - without)[8:128]) + 8 == int(radius * 128 / 112)
    peaks = [found[NAME[f"fft.band.{i}.max"]] for i in range(1, 24)]
    assert np.argmax(peaks) + 1 == int(radius * 24 / 112) or radius < 112 / 24


def test_white_noise_is_flat():
    found = spectrum.features(noise(5, 8)).mean(axis=0)
    radial = found[8:128]
    assert radial.std() / radial.mean() < 0.02
    # |F|^2 of noise is exponential: its entropy lacks 1 - 0.5772 nats of the even spread
    sizes = spectrum.rings(31).sizes
    expected = 1 - (1 - np.euler_gamma) / np.log(sizes)
    entropies = found[NAME["fft.entropy.0"] :][:31]
    np.testing.assert_allclose(entropies[5:], expected[5:], atol=0.01)
    assert abs(found[NAME["dct.ac.kurtosis"]]) < 0.1


def test_jpeg_leaves_its_grid():
    picture = photo(6)
    _, coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 10])
    jpeg = cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE)
    before, after = spectrum.features(np.stack([picture, jpeg]))
    for name in ("across", "down"):
        place = NAME[f"dct.block_coherence.{name}"]
        assert 0.8 < before[place] < 1.2
        assert after[place] > 2
    ratio = NAME["fft.high_frequency_ratio"]
    assert after[ratio] < before[ratio]


def test_a_flat_crop_is_undefined_and_not_zero():
    found = spectrum.features(np.full((1, 224, 224), 93, np.uint8))[0]
    undefined = {name for name, place in NAME.items() if np.isnan(found[place])}
    assert {"dct.ac.kurtosis", "dct.energy_compaction", "dct.block_coherence.down"} <= undefined
    assert not np.isinf(found).any()
    assert found[NAME["fft.high_frequency_ratio"]] < 1e-20


def test_it_takes_few_milliseconds():
    grey = noise(7, 32)
    spectrum.features(grey)
    seconds = []
    for _ in range(3):
        start = time.process_time()
        spectrum.features(grey)
        seconds.append(time.process_time() - start)
    # 3 ms on a quiet core; a loaded machine with few caches takes twice that
    assert min(seconds) / len(grey) < 0.006

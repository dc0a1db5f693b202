"""512 frequency features of a grey face crop: 256 of its Fourier spectrum, 256 of its block DCT.

All of them are plain statistics of grey levels 0 to 255. A crop has been turned and scaled, so
that its 8 x 8 blocks are not those of the codec that once compressed the frame.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Float64, Int, UInt8
from scipy import fft

Grey = UInt8[np.ndarray, "n 224 224"]
Features = Float32[np.ndarray, "n 512"]
Block = Float64[np.ndarray, "n _"]

SIZE, EDGE = 224, 112  # pixels; the highest frequency along an axis, in cycles per crop
RINGS, ENTROPIES, BANDS = 128, 31, 24  # each divides the radii from 0 to EDGE evenly
HIGH = 60  # cycles per crop: beyond lies what detectors of resampling look at
BLOCK, LOW = 8, 4
BINS = 60
# A coefficient of row and column 0 or 4 is a multiple of 1/8: at such an edge rounding would decide
EDGES = np.arange(-BINS // 2, BINS // 2 + 1) + 1 / 16
ROUNDING = 1e-9  # grey levels: below is what rounding leaves of 0
AT_A_TIME = 32  # crops: 100 MB


def _zigzag() -> list[tuple[int, int]]:
    """Positions of a block from low to high frequency, in JPEG's order, without DC."""

    def place(position: tuple[int, int]) -> tuple[int, int]:
        row, column = position
        return row + column, row if (row + column) % 2 else column

    return sorted(((r, c) for r in range(BLOCK) for c in range(BLOCK)), key=place)[1:]


ZIGZAG = _zigzag()
FEATURE_NAMES: tuple[str, ...] = (
    *(f"fft.radial.{i}" for i in range(RINGS)),
    "fft.high_frequency_ratio",
    *(f"fft.entropy.{i}" for i in range(ENTROPIES)),
    *(f"fft.band.{i}.{name}" for i in range(BANDS) for name in ("mean", "std", "median", "max")),
    *(f"dct.{name}.{r}{c}" for name in ("magnitude", "std", "kurtosis") for r, c in ZIGZAG),
    *(f"dct.ac.{name}" for name in ("mean", "std", "skewness", "kurtosis")),
    "dct.energy_compaction",
    "dct.block_coherence.across",
    "dct.block_coherence.down",
    *(f"dct.histogram.{i}" for i in range(BINS)),
)


class Rings(NamedTuple):
    """The frequencies of some rings: places in the half spectrum, ring by ring."""

    places: Int[np.ndarray, "place"]
    starts: Int[np.ndarray, "ring"]
    sizes: Int[np.ndarray, "ring"]


@cache
def _radius() -> Float64[np.ndarray, "place"]:
    """Cycles per crop of each place of `rfft2`, infinite for one of every mirrored pair."""
    down, across = fft.fftfreq(SIZE, 1 / SIZE)[:, None], fft.rfftfreq(SIZE, 1 / SIZE)[None, :]
    radius: Float64[np.ndarray, "row column"] = np.hypot(down, across)
    # the spectrum of real numbers is symmetric; rfft2 holds both halves of its outer columns
    radius[np.broadcast_to((down < 0) & (down > -EDGE), radius.shape) & (across % EDGE == 0)] = (
        np.inf
    )
    return radius.ravel()


@cache
def rings(count: int) -> Rings:
    """The frequencies up to EDGE in `count` rings of equal width; the last includes EDGE."""
    radius = _radius()
    inside = np.flatnonzero(radius <= EDGE)
    ring = np.minimum((radius[inside] * count / EDGE).astype(int), count - 1)
    order = np.argsort(ring, kind="stable")
    sizes = np.bincount(ring, minlength=count)
    return Rings(inside[order], np.cumsum(sizes) - sizes, sizes)


def log_magnitude(grey: Grey) -> Float64[np.ndarray, "n place"]:
    """ln(1 + |F|) over the half spectrum (`rfft2`, flattened)."""
    magnitude = np.abs(fft.rfft2(grey.astype(np.float64)))
    log: Block = np.log1p(magnitude).reshape(len(grey), -1)
    return log


def features(grey: Grey) -> Features:
    """Features in the order of FEATURE_NAMES; NaN where a crop is too flat for one.

    Azimuthal means of the log magnitude, from DC to EDGE; share of the energy beyond HIGH; entropy
    of the energy within rings (0: one frequency has all, 1: spread evenly); mean, standard
    deviation, median and maximum of the log magnitude in bands. Of the orthonormal DCT of 8 x 8
    blocks: mean magnitude, standard deviation and excess kurtosis of each position but DC;
    moments of all of them together; share of their energy in the lowest 4 x 4; steps in grey level
    across block borders against those elsewhere (1: no grid); shares of coefficients in bins of
    1 around 0, the outer bins holding all beyond.
    """
    parts = [grey[i : i + AT_A_TIME] for i in range(0, len(grey), AT_A_TIME)]
    rows = [np.hstack([_fourier(part), _cosine(part)]) for part in parts]
    return np.concatenate([np.empty((0, len(FEATURE_NAMES))), *rows]).astype(np.float32)


def _fourier(grey: Grey) -> Block:
    log = log_magnitude(grey)
    energy = np.expm1(log) ** 2
    with np.errstate(invalid="ignore"):
        return np.hstack(
            [_ring_means(log), _high_share(energy), _entropies(energy), _band_statistics(log)]
        )


def _ring_means(log: Block) -> Block:
    ring = rings(RINGS)
    means: Block = np.add.reduceat(log[:, ring.places], ring.starts, axis=1) / ring.sizes
    return means


@cache
def _energy_weights() -> Float64[np.ndarray, "place 2"]:
    """How often each place of the half spectrum stands in the whole: beyond HIGH, and at all."""
    radius = _radius()
    row, column = np.divmod(np.arange(len(radius)), EDGE + 1)
    alone = (row % EDGE == 0) & (column % EDGE == 0)
    times = np.where(np.isfinite(radius), np.where(alone, 1.0, 2.0), 0.0)
    return np.column_stack([times * (radius > HIGH), times])


def _high_share(energy: Block) -> Block:
    high, total = np.hsplit(energy @ _energy_weights(), 2)
    share: Block = high / total
    return share


def _entropies(energy: Block) -> Block:
    ring = rings(ENTROPIES)
    inside = energy[:, ring.places]
    total = np.add.reduceat(inside, ring.starts, axis=1)
    # -sum p ln p = ln(total) - sum(e ln e) / total, with 0 ln 0 = 0
    ordered = inside * np.log(np.where(inside > 0, inside, 1))
    with np.errstate(divide="ignore"):
        nats = np.log(total) - np.add.reduceat(ordered, ring.starts, axis=1) / total
    entropies: Block = nats / np.log(ring.sizes)
    return entropies


def _band_statistics(log: Block) -> Block:
    ring = rings(BANDS)
    inside = log[:, ring.places]
    bands = np.split(inside, ring.starts[1:], axis=1)
    per_band = [(b.mean(axis=1), b.std(axis=1), np.median(b, axis=1), b.max(axis=1)) for b in bands]
    return np.column_stack([value for band in per_band for value in band])


@cache
def _basis() -> Float64[np.ndarray, "pixel position"]:
    """From the 64 pixels of a block to its 63 coefficients."""
    basis = fft.dct(np.eye(BLOCK), axis=0, norm="ortho")
    rows, columns = np.array(ZIGZAG).T
    return np.ascontiguousarray(np.kron(basis, basis)[rows * BLOCK + columns].T)


def _cosine(grey: Grey) -> Block:
    n, across = len(grey), SIZE // BLOCK
    blocks = grey.reshape(n, across, BLOCK, across, BLOCK).swapaxes(2, 3)
    ac = (blocks.reshape(-1, BLOCK**2).astype(np.float64) @ _basis()).reshape(n, across**2, -1)
    magnitude = np.abs(ac)
    ac[magnitude < ROUNDING] = 0
    position = _central(ac)
    together = position.together()
    energy = position.second + position.mean**2
    low = [max(place) < LOW for place in ZIGZAG]
    with np.errstate(invalid="ignore", divide="ignore"):
        compaction = energy[:, low].sum(axis=1, keepdims=True) / energy.sum(axis=1, keepdims=True)
        return np.hstack(
            [
                magnitude.mean(axis=1),
                position.second**0.5,
                position.fourth / position.second**2 - 3,
                together.mean,
                together.second**0.5,
                together.third / together.second**1.5,
                together.fourth / together.second**2 - 3,
                compaction,
                _steps(grey.swapaxes(1, 2)),
                _steps(grey),
                _histogram(ac.reshape(n, -1)),
            ]
        )


class Moments(NamedTuple):
    """The mean and central moments of each position, over all blocks of a crop."""

    mean: Block
    second: Block
    third: Block
    fourth: Block

    def together(self) -> "Moments":
        """Moments of all positions as one, each having as many blocks."""
        mean = self.mean.mean(axis=1, keepdims=True)
        off = self.mean - mean
        second = self.second + off**2
        third = self.third + 3 * off * self.second + off**3
        fourth = self.fourth + 4 * off * self.third + 6 * off**2 * self.second + off**4
        return Moments(mean, *(m.mean(axis=1, keepdims=True) for m in (second, third, fourth)))


def _central(values: Float64[np.ndarray, "n block position"]) -> Moments:
    mean = values.mean(axis=1, keepdims=True)
    centred = values - mean
    square = centred**2
    second = square.mean(axis=1)
    third = np.einsum("nbp,nbp->np", square, centred) / values.shape[1]
    fourth = np.einsum("nbp,nbp->np", square, square) / values.shape[1]
    return Moments(mean[:, 0], np.where(second > ROUNDING**2, second, 0), third, fourth)


def _steps(grey: Grey) -> Block:
    """Mean step between rows across block borders over that between all other rows."""
    step = np.abs(np.diff(grey.astype(np.int16), axis=1)).mean(axis=2)
    border = np.arange(1, SIZE) % BLOCK == 0
    ratio: Block = step[:, border].mean(axis=1) / step[:, ~border].mean(axis=1)
    return ratio[:, None]


def _histogram(ac: Float64[np.ndarray, "n item"]) -> Block:
    place = np.clip(np.floor(ac - EDGES[0]), 0, BINS - 1).astype(np.intp)
    offset = np.arange(len(ac))[:, None] * BINS
    counts = np.bincount((place + offset).ravel(), minlength=len(ac) * BINS)
    shares: Block = counts.reshape(len(ac), BINS) / ac.shape[1]
    return shares

"""The tables of what pixels show: frequency and Grad-CAM analyses, their columns, types, units."""

import pyarrow as pa

from deepbench.core.tables import Table

FEATURES = 512
GRID = 113 * 224  # places of a half spectrum (rfft2 of 224 x 224)

FREQUENCY = Table(
    "frequency",
    {
        "video_id": pa.string(),
        "frame": pa.int32(),
        "face": pa.int16(),
        "treatment": pa.string(),  # empty, or what was done to the crop: "jpeg 50", "64 px"
        "features": pa.list_(
            pa.float32(), FEATURES
        ),  # media/spectrum.FEATURE_NAMES; NaN = too flat
    },
    ("video_id", "frame", "face", "treatment"),
)
VIDEO_SPECTRA = Table(
    "video_spectra",
    {
        "video_id": pa.string(),
        "n": pa.int32(),  # crops
        "log_magnitude": pa.list_(pa.float32(), GRID),  # as in mean_spectra, of untreated crops
    },
    ("video_id",),
)
MEAN_SPECTRA = Table(
    "mean_spectra",
    {
        "dataset": pa.string(),
        "method": pa.string(),  # "real" or the manipulation; test split
        "n": pa.int32(),  # crops
        "log_magnitude": pa.list_(pa.float32(), GRID),  # mean ln(1 + |F|), rfft2, row by row
    },
    ("dataset", "method"),
)
SPECTRA = Table(
    "spectra",
    {
        "dataset": pa.string(),
        "method": pa.string(),  # "all" or one manipulation, against the reals; test split
        # empty; else reals so treated against the same reals untreated, and the method is "real"
        "treatment": pa.string(),
        "feature": pa.string(),  # one of FEATURE_NAMES, or "fft.entropy", the mean of its rings
        "real": pa.float64(),  # means over videos, of each video's mean over crops
        "real_low": pa.float64(),
        "real_high": pa.float64(),
        "fake": pa.float64(),  # fakes, or treated reals
        "fake_low": pa.float64(),
        "fake_high": pa.float64(),
        "difference": pa.float64(),  # fake - real; of log magnitudes: ln of the ratio
        "difference_low": pa.float64(),
        "difference_high": pa.float64(),
        "effect": pa.float64(),  # Cohen's d, by the pooled standard deviation of the videos
        "effect_low": pa.float64(),
        "effect_high": pa.float64(),
        "n_real": pa.int32(),  # videos
        "n_fake": pa.int32(),
        "note": pa.string(),
    },
    ("dataset", "method", "treatment", "feature"),
)
SUMMARIES = Table(
    "summaries",
    {
        "dataset": pa.string(),
        "method": pa.string(),
        "video_id": pa.string(),  # of the test split
        "feature": pa.string(),  # high-frequency ratio, mean entropy, energy compaction
        "value": pa.float64(),  # mean over the video's crops; NaN = all too flat
    },
    ("video_id", "feature"),
)
PROBE = Table(
    "probe",
    {
        "dataset": pa.string(),  # tested on its test split
        "method": pa.string(),  # "all" or one manipulation against the reals
        "fitted_on": pa.string(),  # "development", or "development without Deepfakes"
        "value": pa.float64(),  # AUC per video of the frequency-only scorer
        "low": pa.float64(),
        "high": pa.float64(),
        "n_real": pa.int32(),
        "n_fake": pa.int32(),
        "fitted_real": pa.int32(),  # videos that it was fitted on ...
        "fitted_fake": pa.int32(),
        "fitted_clips": pa.int32(),  # ... and independent clips behind them
        "note": pa.string(),
    },
    ("dataset", "method", "fitted_on"),
)
GRADCAM = Table(
    "gradcam",
    {
        "video_id": pa.string(),
        "frame": pa.int32(),
        "face": pa.int16(),
        "dataset": pa.string(),
        "method": pa.string(),
        "detector": pa.string(),
        "fake_logit": pa.float32(),
        "outcome": pa.string(),  # hit, miss, false alarm, right on real
        "towards": pa.string(),  # fake, real: the class whose evidence the map shows
        "grid": pa.int16(),  # rows and columns of the map
        "map": pa.list_(pa.float32()),  # 0 to 1 row by row; NaN where constant
        "deletion": pa.float64(),  # mean probability of that class while the map's places are
        # blurred, most important first
        "insertion": pa.float64(),  # while they come back into a blurred crop
        "random": pa.float64(),  # of either, in random order
        "randomised": pa.float64(),  # rank correlation with the map of randomised weights
        "pointing": pa.float64(),  # 1: the peak lies in the mask, 0: not; NaN: there is no mask
        "iou": pa.float64(),  # of the mask and as many of the map's highest places; NaN: no mask
        "mask_share": pa.float64(),  # of the crop: what pointing at random would give
        "picture": pa.binary(),  # the crop, small JPEG
        "problem": pa.string(),
    },
    ("video_id", "frame", "face", "detector"),
)
MAP_CHECKS = Table(
    "map_checks",
    {
        "detector": pa.string(),
        "dataset": pa.string(),  # "all" or one data set
        "check": pa.string(),  # a column of gradcam: deletion, insertion, randomised, pointing, iou
        "value": pa.float64(),  # mean over crops
        "chance": pa.float64(),  # what a map that knows nothing would give on the same crops
        "difference": pa.float64(),  # value - chance
        "low": pa.float64(),  # bootstrap interval of the difference; NaN where `note` says why
        "high": pa.float64(),
        "n": pa.int32(),  # crops
        "n_without": pa.int32(),  # crops explained for which the check is undefined
        "note": pa.string(),
    },
    ("detector", "dataset", "check"),
)

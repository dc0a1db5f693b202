"""Landmark models for dlib, trained in a second: the published one is not ours to ship."""

import hashlib
from functools import cache
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).parents[1]
PORTRAIT = cv2.imread(str(ROOT / "tests/data/crops/astronaut_corner.png"))[..., ::-1]
# the five points of the crop as shares of dlib's box, by their place among the 81
UPRIGHT = {37: (0.29, 0.27), 44: (0.70, 0.27), 30: (0.5, 0.52), 49: (0.34, 0.76), 55: (0.68, 0.76)}


def turned(five):
    """Upside down: the crop shows the face standing on its head."""
    return {i: (1 - x, 1 - y) for i, (x, y) in five.items()}


@cache
def detector(dlib):
    return dlib.get_frontal_face_detector()


def sha256(path: str | Path) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def train(dlib, path: Path, five=UPRIGHT, count=81) -> str:
    """Write a model that puts the five points near the given places of every box."""
    rng = np.random.default_rng(0)
    shares = rng.uniform(0.1, 0.9, (count, 2))
    for i, place in five.items():
        if i < count:
            shares[i] = place
    images = [np.ascontiguousarray(np.roll(PORTRAIT, step, axis=1)) for step in (0, -9, -18)]
    shapes = []
    for image in images:
        (box,) = detector(dlib)(image, 1)
        corner, size = np.array([box.left(), box.top()]), np.array([box.width(), box.height()])
        points = np.round(corner + size * (shares + rng.normal(0, 0.01, (count, 2)))).astype(int)
        shapes.append([dlib.full_object_detection(box, [dlib.point(x, y) for x, y in points])])
    options = dlib.shape_predictor_training_options()
    options.cascade_depth, options.num_trees_per_cascade_level, options.tree_depth = 2, 5, 2
    options.oversampling_amount, options.num_test_splits, options.feature_pool_size = 2, 3, 20
    options.num_threads, options.be_verbose = 1, False
    dlib.train_shape_predictor(images, shapes, options).save(str(path))
    return str(path)

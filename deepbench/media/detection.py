"""What a face detector returns, with the few measures that selection and cropping share."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float32


class Detection(NamedTuple):
    """One face in one frame, in pixels of the upright frame."""

    box: Float32[np.ndarray, "4"]  # x1, y1, x2, y2
    landmarks: Float32[np.ndarray, "5 2"]  # left eye, right eye, nose, mouth left, right, as seen
    confidence: float  # 0 to 1; NaN if the face finder gives none

    @property
    def area(self) -> float:
        """Square pixels of the box."""
        x1, y1, x2, y2 = self.box.tolist()
        return float((x2 - x1) * (y2 - y1))

    @property
    def side(self) -> float:
        """Side of the square with the area of the box, in pixels."""
        return float(max(self.area, 0.0) ** 0.5)

    @property
    def centre(self) -> tuple[float, float]:
        """Middle of the box: x, y."""
        x1, y1, x2, y2 = self.box.tolist()
        return (x1 + x2) / 2, (y1 + y2) / 2


def by_area(detection: Detection) -> tuple[float, ...]:
    """Sort key: largest face first, then most confident, then leftmost, so that ties are fixed."""
    return (-detection.area, -detection.confidence, *detection.box.tolist())

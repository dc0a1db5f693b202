"""The report's section on the worst errors: thumbnails with what was said of their videos."""

from typing import NamedTuple

from deepbench.reporting import html
from deepbench.reporting.html import Picture
from deepbench.reporting.inputs import Exhibit, Inputs


class Shown(NamedTuple):
    """One video of the gallery; without a picture where no crop is stored."""

    video_id: str
    method: str
    probability: str
    decision: str
    picture: Picture | None


class Wall(NamedTuple):
    """The gallery of one data set."""

    reals: list[Shown]
    fakes: list[Shown]


def walls(inputs: Inputs) -> dict[str, Wall]:
    """Per data set the reals with the highest and the fakes with the lowest fake probability."""
    found = {}
    for name in inputs.settings.datasets:
        own = [exhibit for exhibit in inputs.exhibits if exhibit.dataset == name]
        threshold = inputs.settings.results.threshold
        found[name] = Wall(
            [_shown(e, threshold) for e in own if not e.label],
            [_shown(e, threshold) for e in own if e.label],
        )
    return found


def _shown(exhibit: Exhibit, threshold: float) -> Shown:
    said = probability(exhibit.fake_prob)
    kind = f"fake video ({exhibit.method})" if exhibit.label else "real video"
    alt = f"Face crop of the {kind} {exhibit.video_id}, fake probability {said}"
    called = exhibit.fake_prob > threshold
    return Shown(
        exhibit.video_id,
        exhibit.method,
        said,
        f"called {'fake' if called else 'real'}, {'right' if called == exhibit.label else 'wrong'}",
        html.photograph(exhibit.jpeg, alt) if exhibit.jpeg else None,
    )


def probability(value: float) -> str:
    """Three decimals; what rounds to 0 or 1 without being it says so."""
    if 0 < value < 0.0005:
        return "below 0.001"
    if 0.9995 <= value < 1:
        return "above 0.999"
    return f"{value:.3f}"

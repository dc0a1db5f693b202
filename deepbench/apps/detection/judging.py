"""From the scores of one file's crops to decisions, by the pipeline's pooling and ensemble rules.

Frames and pooling rules are rows beside one another, as if each were a video of its own, so that
the step videos combines all of them in one go.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import expit

from deepbench import videos
from deepbench.apps.detection.asking import Asked, Development
from deepbench.core.verdicts import THREE_POOLS, Decision, decide
from deepbench.statistics import pooling

FRAME, POOL = "frame ", "pool "  # what a row is about: `frame 12`, `pool mean`

Place = tuple[str, str]  # scorer, what it is about


class Known(NamedTuple):
    """Decisions, and the reasons where there is none."""

    known: dict[Place, Decision]
    problems: dict[Place, str]


class Judged(NamedTuple):
    """What each scorer says of each frame and by each pooling rule."""

    fake_prob: dict[Place, float]
    problem: dict[Place, str]
    threshold: float

    def one(self, scorer: str, about: str) -> Decision:
        """One decision.

        Raises:
            ValueError: it is undefined; the sentence says why.
        """
        probability = self.fake_prob[scorer, about]
        if np.isnan(probability):
            raise ValueError(self.problem[scorer, about] or f"{scorer} gives no score")
        return decide(probability, self.threshold)

    def several(self, places: list[Place]) -> Known:
        """Those that are defined, and why the others are not."""
        defined = [place for place in places if not np.isnan(self.fake_prob[place])]
        return Known(
            {place: self.one(*place) for place in defined},
            {place: self.problem[place] for place in places if place not in defined},
        )


def judge(
    asked: Asked, faces: pd.DataFrame, scores: pd.DataFrame, development: Development
) -> Judged:
    """All decisions about one file.

    `faces` and `scores` are rows of the tables of those names, of this file alone.

    Raises:
        ValueError: a detector gave no finite score.
    """
    wrong = scores.loc[~np.isfinite(scores["fake_logit"]), "detector"].unique()
    if len(wrong):
        msg = (
            f"{', '.join(wrong)} gave no finite score; use scores.precision: float32, and see "
            "`deepbench weights verify`"
        )
        raise ValueError(msg)
    frames = pooling.by_frame(scores, faces)
    alone = frames.assign(video_id=FRAME + frames["frame"].astype(str), frames_used=1)
    rules = dict.fromkeys([asked.settings.videos.pooling, *THREE_POOLS])
    pooled = [pooling.by_video(frames, rule).assign(video_id=POOL + rule) for rule in rules]
    own = pd.concat([alone, *pooled]).rename(columns={"detector": "scorer"})
    own = own.assign(problem="")[["video_id", "scorer", "fake_logit", "frames_used", "problem"]]
    learnt = [development.videos[own.columns]] if len(development.videos) else []
    everything = pd.concat([own, *learnt])
    combined = videos.combine(everything, development.manifest, asked.settings)
    table = pd.concat([own, combined[own.columns]], ignore_index=True)
    probabilities = expit(table["fake_logit"].to_numpy(np.float64))
    places = list(zip(table["scorer"], table["video_id"], strict=True))
    return Judged(
        dict(zip(places, probabilities.tolist(), strict=True)),
        dict(zip(places, table["problem"], strict=True)),
        asked.settings.results.threshold,
    )

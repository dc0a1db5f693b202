"""Everything between a file and a verdict, with the pipeline's own functions.

    examiner = load(Path())
    answer = examiner.examine(Path("clip.mp4"))

A verdict is the one that the pipeline gives for the same file, settings and weights.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float32, UInt8

from deepbench import results, scores
from deepbench.apps.detection import asking, judging, networks, standing
from deepbench.apps.detection.asking import Asked
from deepbench.apps.detection.networks import Loaded
from deepbench.core import plugins, tables
from deepbench.core.verdicts import (
    THREE_POOLS,
    Answer,
    FrameAnswer,
    Media,
    Model,
    Progress,
    QualityWarning,
    Standing,
    Step,
)
from deepbench.detectors import batches
from deepbench.media import clips, crops, kinds, quality, video

Tell = Callable[[Progress], None]

FILE = "file"  # the video_id of all rows here


def silent(progress: Progress) -> None:
    """Tell nobody how far it is."""


class Sight(NamedTuple):
    """What was seen of a file before any detector ran."""

    faces: pd.DataFrame  # rows of the table
    most: int  # faces in one frame
    total: int  # frames in the file, 0 = unknown
    decoded: int
    remark: str
    blockiness: float  # median over frames


@dataclass(frozen=True, eq=False)
class Examiner:
    """Everything loaded once; `load` makes it."""

    asked: Asked
    finder: clips.Finder
    detectors: dict[str, Loaded]
    device: str
    batch_size: int
    development: asking.Development
    standings: dict[kinds.Kind, Standing]

    @property
    def models(self) -> tuple[Model, ...]:
        """The detectors that take part."""
        return tuple(loaded.model for loaded in self.detectors.values())

    def examine(
        self,
        path: Path,
        name: str = "",
        media: Media | None = None,
        limits: kinds.Limits | None = None,
        tell: Tell = silent,
    ) -> Answer:
        """The verdict about one file.

        Args:
            path: a picture or a video, whatever its name ends with.
            name: to show instead of the file's own.
            media: "frames" takes a folder of numbered pictures as one video.
            limits: largest sizes that are taken; None takes any.
            tell: is called with the progress.

        Raises:
            ValueError: there is no verdict; one plain sentence without the path.
        """
        kind: kinds.Kind = "video" if media == "frames" else kinds.kind(path)
        if limits and media != "frames":
            kinds.check_size(path, kind, limits)
        media = media or kind
        source = asking.source(path, name)
        start = time.perf_counter()
        sight = self._look(path, media, partial(_step, tell, source.filename, "frames"))
        logits = self._score(sight.faces, partial(_step, tell, source.filename, "scores"))
        judged = judging.judge(self.asked, sight.faces, logits, self.development)
        seconds = time.perf_counter() - start
        frames = self._frames(sight.faces, judged)
        settings, scorer = self.asked.settings, self.asked.scorer
        pools = judged.several([(scorer, judging.POOL + rule) for rule in THREE_POOLS])
        final = judging.POOL + settings.videos.pooling
        return Answer(
            source=source,
            media=media,
            scorer=scorer,
            rule=results.protocol(settings, scorer).removeprefix("test split, "),
            threshold=settings.results.threshold,
            decision=judged.one(scorer, final),
            votes={name: judged.one(name, final) for name in self.detectors},
            pools={place.removeprefix(judging.POOL): d for (_, place), d in pools.known.items()},
            undecided={p.removeprefix(judging.POOL): w for (_, p), w in pools.problems.items()},
            frames=frames,
            faces=sight.most,
            total_frames=sight.total,
            frames_processed=sight.decoded,
            remark=sight.remark,
            warnings=_warnings(path, media, sight, frames),
            standing=self.standings[kind],
            models=self.models,
            device=self.device,
            seconds=seconds,
        )

    def _look(self, path: Path, media: Media, tell: Callable[[int, int], None]) -> Sight:
        """Frames, faces and crops, as the step faces makes them."""
        settings = self.asked.settings.faces
        reading = video.read_frames(path, media, settings)
        seen: list[clips.Seen] = []
        blocks: list[float] = []
        for frame in reading:
            seen.append(clips.look(frame, self.finder, settings.crop))
            blocks.append(quality.blockiness(frame.rgb))
            tell(reading.decoded, reading.expected)
        clip = clips.choose(FILE, reading, seen, settings)
        problem = str(clip.ledger["problem"])
        if not clip.rows:
            raise ValueError(problem or "no frame could be read")
        known = [value for value in blocks if not math.isnan(value)]
        return Sight(
            faces=tables.from_rows(tables.FACES, clip.rows),
            most=max(len(s.crops) for s in seen),
            total=reading.total,
            decoded=reading.decoded,
            remark=problem,
            blockiness=float(np.median(known)) if known else math.nan,
        )

    def _score(self, faces: pd.DataFrame, tell: Callable[[int, int], None]) -> pd.DataFrame:
        """Rows of the table scores: every crop by every detector."""
        pictures = np.stack([crops.decode(png) for png in faces["png"]])
        parts = [
            pictures[i : i + self.batch_size] for i in range(0, len(pictures), self.batch_size)
        ]
        jobs = [(name, part) for name in self._slowest_first() for part in parts]
        device = next(iter(self.detectors.values())).network.device
        logits: dict[str, list[Float32[np.ndarray, " n"]]] = {name: [] for name in self.detectors}
        made = batches.side_by_side(self._run, jobs, device)
        for done, ((name, _), scored) in enumerate(zip(jobs, made, strict=True), 1):
            logits[name].append(scored)
            tell(done, len(jobs))
        keys = faces[["video_id", "frame", "face"]]
        table = pd.concat(
            keys.assign(detector=name, fake_logit=np.concatenate(own))
            for name, own in logits.items()
        )
        return table.reset_index(drop=True)

    def _slowest_first(self) -> list[str]:
        """Detectors by size: what takes longest should not begin last."""
        size = {name: plugins.load("detectors", name).CARD.parameters for name in self.detectors}
        return sorted(size, key=lambda name: -size[name])

    def _run(self, job: tuple[str, UInt8[np.ndarray, "n h w 3"]]) -> Float32[np.ndarray, " n"]:
        name, pictures = job
        return self.detectors[name].network(pictures)

    def _frames(self, faces: pd.DataFrame, judged: judging.Judged) -> tuple[FrameAnswer, ...]:
        chosen = faces[faces["face"] == faces.groupby("frame")["face"].transform("min")]
        return tuple(
            FrameAnswer(
                index=int(row["frame"]),
                time_s=float(row["time_s"]),
                decision=judged.one(self.asked.scorer, f"{judging.FRAME}{row['frame']}"),
                votes={n: judged.one(n, f"{judging.FRAME}{row['frame']}") for n in self.detectors},
                face_confidence=float(row["confidence"]),
                box=tuple(map(float, row["box"])),
                png=row["png"],
            )
            for row in chosen.to_dict("records")
        )


def _step(tell: Tell, filename: str, step: Step, done: int, total: int) -> None:
    tell(Progress(filename, step, done, total))


def _warnings(
    path: Path, media: Media, sight: Sight, frames: tuple[FrameAnswer, ...]
) -> tuple[QualityWarning, ...]:
    of_faces = []
    for frame in frames:
        x1, y1, x2, y2 = frame.box
        side = max((x2 - x1) * (y2 - y1), 0.0) ** 0.5
        of_faces.append(quality.of_face(side, crops.decode(frame.png)))
    return quality.warnings(of_faces, quality.of_file(path, media, sight.blockiness))


def load(root: Path, scorer: str = "", frames: int | None = None) -> Examiner:
    """Load everything that a checkout's params.yaml asks for.

    Args:
        root: the checkout, with params.yaml, weights/ and, if `dvc repro` has run, artifacts/.
        scorer: an ensemble or a detector; "" is the first ensemble that needs no other data.
        frames: per video; None is as in params.yaml.

    Raises:
        FileNotFoundError: weights are missing; the sentence says where to get them.
        ValueError: wrong settings, weights that do not fit, or an ensemble that cannot run here.
    """
    asked = asking.ask(root, scorer, frames)
    settings = asked.settings
    device = scores.choose_device(settings.scores.device)
    detectors = networks.load(root, settings.detectors, settings.scores, device)
    models = [loaded.model for loaded in detectors.values()]
    first = next(iter(detectors.values())).network
    return Examiner(
        asked=asked,
        finder=clips.finder(settings.faces),
        detectors=detectors,
        device=device,
        batch_size=batches.size(settings.scores.batch_size, first.device),
        development=asking.development(asked, models),
        standings={
            "image": standing.find(asked, models, "image"),
            "video": standing.find(asked, models, "video"),
        },
    )

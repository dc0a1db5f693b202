"""Which face of a video: rules that choose among the detections of its frames."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from deepbench.media.detection import Detection, by_area

# Sampled frames may lie seconds apart: a face may move this many of its sides, and grow or
# shrink this many times, and still be the same one.
REACH, GROWTH = 2.0, 2.0

Frames = Sequence[Sequence[Detection]]  # per frame its faces
Choice = list[int | None]  # per frame the index of the chosen face, None without one


class Sighting(NamedTuple):
    """One face of a track: its frame and its index there."""

    frame: int
    face: int


def link(frames: Frames) -> list[list[Sighting]]:
    """Tracks: faces of different frames linked by position and size, nearest first."""
    tracks: list[list[Sighting]] = []
    for number, faces in enumerate(frames):
        last = [frames[track[-1].frame][track[-1].face] for track in tracks]
        pairs = sorted(
            (distance, t, f)
            for t, old in enumerate(last)
            for f, new in enumerate(faces)
            if (distance := _distance(old, new)) <= REACH
        )
        free_tracks, free_faces = set(range(len(tracks))), set(range(len(faces)))
        for _, t, f in pairs:
            if t in free_tracks and f in free_faces:
                tracks[t].append(Sighting(number, f))
                free_tracks.remove(t)
                free_faces.remove(f)
        new_faces = sorted(free_faces, key=lambda f: by_area(faces[f]))
        tracks += [[Sighting(number, f)] for f in new_faces]
    return tracks


def track(frames: Frames) -> Choice:
    """The track with the largest summed area: near and there for long; of equals the earliest."""
    choice: Choice = [None] * len(frames)
    best = max(link(frames), key=lambda t: sum(frames[s.frame][s.face].area for s in t), default=[])
    for sighting in best:
        choice[sighting.frame] = sighting.face
    return choice


def largest(frames: Frames) -> Choice:
    """In every frame its largest face."""
    return [_first(faces, by_area) for faces in frames]


def confident(frames: Frames) -> Choice:
    """In every frame its most confident face, which may be a picture on the wall."""
    return [_first(faces, lambda d: (-d.confidence, *by_area(d))) for faces in frames]


CHOICES: dict[str, Callable[[Frames], Choice]] = {
    "track": track,
    "largest": largest,
    "confident": confident,
    "all": track,  # which of all faces is number 0
}


def _distance(old: Detection, new: Detection) -> float:
    """Distance of the centres in sides of the larger face; infinite between different sizes."""
    small, large = sorted((old.side, new.side))
    if large > GROWTH * small or not large:
        return float("inf")
    (x1, y1), (x2, y2) = old.centre, new.centre
    return float(((x1 - x2) ** 2 + (y1 - y2) ** 2) ** 0.5 / large)


def _first(faces: Sequence[Detection], key: Callable[[Detection], tuple[float, ...]]) -> int | None:
    return min(range(len(faces)), key=lambda i: key(faces[i]), default=None)

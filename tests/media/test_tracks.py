import numpy as np
import pytest

from deepbench.core import blocks
from deepbench.media import tracks
from deepbench.media.detection import Detection, by_area


def face(x, y=100.0, side=100.0, confidence=0.95):
    box = np.array([x - side / 2, y - side / 2, x + side / 2, y + side / 2], np.float32)
    return Detection(box, np.zeros((5, 2), np.float32), confidence)


PAINTING = face(400, 60, 41, 0.999)


def test_track_follows_the_person_and_not_the_more_confident_painting():
    person = [face(100 + 15 * i, side=104 - i, confidence=0.93) for i in range(6)]
    frames = [[p, PAINTING] for p in person]
    frames[2] = [PAINTING]  # the person turned away
    assert tracks.track(frames) == [0, 0, None, 0, 0, 0]
    assert tracks.confident(frames) == [1, 1, 0, 1, 1, 1]
    assert tracks.largest(frames) == [0, 0, 0, 0, 0, 0]


def test_track_is_not_swapped_between_two_people():
    left = [face(100 + 5 * i, side=100) for i in range(5)]
    right = [face(260 - 5 * i, side=105 if i % 2 else 98) for i in range(5)]
    frames = [sorted(pair, key=by_area) for pair in zip(left, right, strict=True)]
    # for an instant each is the larger one
    assert tracks.largest(frames) == [0] * 5
    chosen = [frame[i] for frame, i in zip(frames, tracks.track(frames), strict=True)]
    assert chosen == right


def test_track_survives_big_steps_between_sampled_frames():
    frames = [[face(100)], [face(280, side=130)], [face(120, 160, side=90)]]
    assert tracks.track(frames) == [0, 0, 0]


def test_far_or_differently_sized_faces_are_not_linked():
    assert len(tracks.link([[face(100)], [face(350)]])) == 2
    assert len(tracks.link([[face(100)], [face(100, side=45)]])) == 2
    assert len(tracks.link([[face(100)], [face(290, side=60)]])) == 1


def test_long_presence_beats_one_large_face():
    passer_by = face(500, side=150)
    frames = [[face(100)], [passer_by, face(100)], [face(102)]]
    assert tracks.track(frames) == [0, 1, 0]
    assert tracks.largest(frames) == [0, 0, 0]


def test_ties_go_to_the_earliest_then_most_confident_then_leftmost():
    assert tracks.track([[face(600), face(100)]]) == [1]
    assert tracks.track([[face(100), face(600, confidence=0.96)]]) == [1]
    assert tracks.track([[face(100)], [face(900)]]) == [0, None]


@pytest.mark.parametrize("rule", sorted(tracks.CHOICES))
def test_no_faces(rule):
    assert tracks.CHOICES[rule]([]) == []
    assert tracks.CHOICES[rule]([[], []]) == [None, None]


def test_every_select_parameter_is_a_rule():
    assert set(tracks.CHOICES) == set(blocks.Faces.model_fields["select"].annotation.__args__)

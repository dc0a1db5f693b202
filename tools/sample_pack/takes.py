"""A take: one person filmed for some frames, clean, with everything a manipulation may use."""

from typing import NamedTuple

from tools.sample_pack.kit import Array
from tools.sample_pack.motion import Stage, background, make_light, perform
from tools.sample_pack.noise import Float
from tools.sample_pack.people import Look, Person, make_person
from tools.sample_pack.render import Light, Pose, render
from tools.sample_pack.streams import stream


class TakePlan(NamedTuple):
    """What to film."""

    name: str
    person: str
    look: Look
    style: str
    """Clips of one style share the camera and the colours of the room."""
    stage: Stage
    frames: int
    companion: tuple[str, Look] | None = None
    """A second person beside the first; only the first is ever manipulated."""


class Take(NamedTuple):
    """What was filmed, before the camera's own faults."""

    plan: TakePlan
    person: Person
    poses: list[Pose]
    light: Light
    frames: list[Float]
    """[h, w, 3] RGB 0..255 each."""
    points: list[Array]
    """[v, 2] pixel position of the first person's vertices in each frame."""


def film(plan: TakePlan) -> Take:
    """Render the take; equal plans give equal pixels."""
    person = make_person(plan.person, plan.look)
    rng = stream("take", plan.name)
    light = make_light(rng)
    poses = perform(rng, plan.frames, plan.stage)
    room = background(stream("style", plan.style), stream("room", plan.name), plan.stage.size)
    rooms = [room] * plan.frames
    if plan.companion is not None:
        rooms = _with_companion(plan, light, room)
    pictures = [
        render(person, pose, light, behind) for pose, behind in zip(poses, rooms, strict=True)
    ]
    return Take(plan, person, poses, light, [p.rgb for p in pictures], [p.points for p in pictures])


def _with_companion(plan: TakePlan, light: Light, room: Float) -> list[Float]:
    """The room with the second person in it, on the other side of the first."""
    assert plan.companion is not None
    name, look = plan.companion
    stage = plan.stage._replace(offset=(-plan.stage.offset[0], plan.stage.offset[1]))
    poses = perform(stream("companion", plan.name), plan.frames, stage)
    person = make_person(name, look)
    return [render(person, pose, light, room).rgb for pose in poses]

"""A reader of videos that one of them crashes; a module, so that other processes can import it."""

import os
import signal

from deepbench.media import clips


def make(task: clips.Task) -> clips.Clip:
    if task.path.name == "frames":
        os.kill(os.getpid(), signal.SIGKILL)
    return clips.make(task)

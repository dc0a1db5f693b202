"""A reader of videos that notes its time and memory; a module, so that processes can import it."""

import json
import time
from pathlib import Path

from deepbench.core import resources
from deepbench.media import clips


def make(notes: Path, task: clips.Task) -> clips.Clip:
    resources.forget_peak()
    start = time.perf_counter()
    try:
        return clips.make(task)
    finally:
        spent = time.perf_counter() - start
        note = {"video_id": task.video_id, "seconds": spent, "mb": resources.peak_memory()}
        with notes.open("a", encoding="utf-8") as file:
            file.write(json.dumps(note) + "\n")

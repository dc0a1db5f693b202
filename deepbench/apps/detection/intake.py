"""Where a page takes files: a place to drop them, buttons, and the webcam.

`intake.js` sends a file in pieces and waits for an answer to each, in JupyterLab and in
Voila alike; a browser that lies about a file is refused here.
"""

from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import anywidget
import traitlets

from deepbench.apps.detection.uploads import Upload
from deepbench.media import kinds

LIMITS = (
    f"Pictures up to {kinds.UPLOADS.image / 1e6:g} MB, videos up to {kinds.UPLOADS.video / 1e6:g} "
    "MB. Nothing leaves this machine, and files are removed once they were examined."
)


@runtime_checkable  # for the tests, which check types while they run
class Receiver(Protocol):
    """Who gets the files; a ValueError or OSError refuses what was asked."""

    def open(self, count: int) -> None:
        """So many files come."""

    def take(self, upload: Upload) -> None:
        """One is here; it is removed afterwards."""

    def refuse(self, upload: Upload, sentence: str) -> None:
        """One could not be taken."""

    def close(self) -> None:
        """That was the last."""

    def fail(self, sentence: str) -> None:
        """No file could be taken."""


class Intake(anywidget.AnyWidget):
    """The widget; `status`, `done` and `total` are what it says of the progress."""

    _esm = Path(__file__).with_name("intake.js").read_text("utf-8")
    status = traitlets.Unicode("").tag(sync=True)
    done = traitlets.Int(0).tag(sync=True)
    total = traitlets.Int(0).tag(sync=True)  # 0 = nothing goes on
    limits = traitlets.Unicode(LIMITS).tag(sync=True)

    def __init__(self, receiver: Receiver) -> None:
        super().__init__()
        self._receiver = receiver
        self._upload: Upload | None = None
        self.on_msg(self._heard)

    def say(self, status: str, done: int = 0, total: int = 0) -> None:
        """Tell what goes on, and how far it is."""
        with self.hold_sync():
            self.status, self.done, self.total = status, done, total

    def _heard(self, widget: object, content: dict[str, Any], buffers: list[memoryview]) -> None:
        """Do what the page asks, and answer whether it was refused."""
        refused = True
        try:
            self._do(content, buffers)
            refused = False
        except (ValueError, OSError) as error:
            self._refuse(sentence(error))
        except Exception as error:
            # ipywidgets would log it where nobody looks, and the page would say nothing
            self._refuse(f"the program failed with {type(error).__name__}: {error}")
            raise
        finally:
            self.send({"answers": content.get("id"), "refused": refused})

    def _do(self, content: dict[str, Any], buffers: list[memoryview]) -> None:
        match content.get("do"):
            case "open":
                self._drop()
                self._receiver.open(int(content["count"]))
            case "begin":
                self._drop()
                sizes = [int(size) for size in content["sizes"]]
                self._upload = Upload(str(content["name"]), sizes, content["media"] == "frames")
            case "piece":
                upload = self._now()
                upload.add(bytes(buffers[0]))
                self.say(f"{upload.name}: reading", round(100 * upload.share), 100)
            case "lost":
                msg = f"the browser could not read it: {content.get('why')}"
                raise ValueError(msg)
            case "end":
                upload = self._now()
                upload.check_whole()
                self._receiver.take(upload)
                self._drop()
            case "close":
                self._receiver.close()
            case other:
                msg = f"unknown message {other!r}; load the page again"
                raise ValueError(msg)

    def _now(self) -> Upload:
        if self._upload is None:
            msg = "bytes of no file; load the page again"
            raise ValueError(msg)
        return self._upload

    def _refuse(self, why: str) -> None:
        if self._upload is None:
            self._receiver.fail(why)
        else:
            self._receiver.refuse(self._upload, why)
        self._drop()

    def _drop(self) -> None:
        """Remove what has come of the file under way."""
        if self._upload is not None:
            self._upload.close()
        self._upload = None


def sentence(error: Exception) -> str:
    """What is said of an error, without a path of this machine."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error)

"""`deepbench detect PATH...`: is one's own picture or video called fake, and what that is worth."""

import argparse
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from tqdm import tqdm

from deepbench.apps.detection import answers, examiner, many
from deepbench.core import files
from deepbench.core.verdicts import Answer, Failure, Progress

NO_VERDICT = 2  # exit status


class Bar:
    """Progress on the terminal, for what takes longer than two seconds."""

    def __init__(self) -> None:
        self._of = ("", "")
        self._bar: tqdm[NoReturn] = tqdm(disable=True)

    def __call__(self, progress: Progress) -> None:
        """Show one step."""
        if progress.step == "files":
            return
        of = (progress.filename, progress.step)
        if of != self._of:
            self.close()
            says = f"{answers.printable(progress.filename)} {progress.step}"
            self._of, self._bar = of, tqdm(total=progress.total, desc=says, delay=2, leave=False)
        self._bar.update(progress.done - self._bar.n)

    def close(self) -> None:
        """Remove it."""
        self._bar.close()


def run(args: argparse.Namespace) -> int:
    """Examine the paths; 2 if any file has no verdict."""
    _check_places(args)
    found = many.listing(args.paths)
    if not found.files:
        msg = f"no picture or video in {', '.join(map(str, args.paths))}; name files or a folder"
        raise ValueError(msg)
    judge = examiner.load(args.root, args.ensemble, args.frames)
    outcomes: list[Answer | Failure] = []
    pages = _Pages(args.report, judge)
    bar = Bar()
    for outcome in many.examine_each(judge, found.files, tell=bar):
        bar.close()
        outcomes.append(outcome)
        if args.json != "-":
            _tell(outcome, answers.brief if len(found.files) > 1 else answers.as_text)
        if isinstance(outcome, Answer):
            pages.write(outcome, bar)
            if args.mlflow:
                from deepbench.reporting import detections

                detections.log(args.root, outcome)
    return _finish(args, outcomes, found.left_out)


def _tell(outcome: Answer | Failure, as_text: Callable[[Answer | Failure], str]) -> None:
    to = sys.stderr if isinstance(outcome, Failure) else sys.stdout
    print(as_text(outcome), file=to, flush=True)


def _finish(args: argparse.Namespace, outcomes: list[Answer | Failure], left_out: list[str]) -> int:
    """Summary, JSON and exit status."""
    batch = many.gather(outcomes, left_out)
    alone = len(args.paths) == 1 and args.paths[0].is_file()
    if not alone and args.json != "-":
        print(answers.summary(batch))
    if args.json:
        # a failed file alone has no verdict to show, so it is a batch of one error
        told = answers.as_json(batch.answers[0] if alone and batch.answers else batch)
        text = json.dumps(told, indent=1, allow_nan=False) + "\n"
        if args.json == "-":
            sys.stdout.write(text)
            for failure in batch.failures:
                _tell(failure, answers.as_text)
        else:
            files.write(Path(args.json), text)
    return NO_VERDICT if batch.failures else 0


def _check_places(args: argparse.Namespace) -> None:
    """Refuse before minutes of work what could not be written."""
    report, paths = args.report, args.paths
    if args.json and args.json != "-" and not Path(args.json).parent.is_dir():
        msg = f"--json {args.json}: there is no folder {Path(args.json).parent}; make it first"
        raise ValueError(msg)
    one_file = len(paths) == 1 and not paths[0].is_dir()
    if report and report.suffix.lower() in (".html", ".htm") and not one_file:
        msg = f"--report {report} is one page, and there may be several files; name a folder"
        raise ValueError(msg)


class _Pages:
    """Where the forensic pages go: one file as named, or one each in a folder."""

    def __init__(self, report: Path | None, judge: examiner.Examiner) -> None:
        self._report, self._judge = report, judge
        self._taken: set[str] = set()

    def write(self, answer: Answer, bar: Bar) -> None:
        """The page of one answer, if pages are wanted."""
        if self._report is None:
            return
        # the drawing takes long to import
        from deepbench.apps.detection import documents, explaining

        maps = explaining.explain(self._judge, answer, tell=bar)
        bar.close()
        path = self._report
        if path.suffix.lower() not in (".html", ".htm"):
            path = path / f"{self._free(answer.source.filename)}.html"
        files.write(path, documents.page(self._judge, answer, maps))

    def _free(self, filename: str) -> str:
        """A plain name that no page has yet."""
        plain = re.sub(r"[^\w.-]", "_", filename, flags=re.ASCII).lstrip(".") or "file"
        name, count = plain, 1
        while name in self._taken:
            count += 1
            name = f"{plain}-{count}"
        self._taken.add(name)
        return name

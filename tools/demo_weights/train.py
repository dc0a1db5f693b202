"""Train one network: `python -m tools.demo_weights.train xception --crops DIR --out DIR`.

Stop at any time: every minute the state is kept, and the same command goes on from there. A later
command with more steps stretches the schedule.
"""

import argparse
import math
import queue
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.metrics import roc_auc_score
from torch import nn
from tqdm import tqdm

from tools.demo_weights import inputs, networks, validation, views
from tools.demo_weights.networks import PLANS, Plan, Trainee

WARM_UP = 40  # steps
EASY_SHARE = 0.35  # of the steps, the first ones: from clean crops to the full law
WHOLE_SHARE = 0.35  # of the steps, the last ones, on whole crops, with half as many pairs
KEEP_EVERY, TELL_EVERY = 60.0, 25  # seconds, steps
LARGEST_GRADIENT, PAIR_SHARE = 2.0, 0.5


class Settings(NamedTuple):
    """What a run is told."""

    crops: Path
    out: Path
    steps: int
    seed: int
    validate_every: int


class Run:
    """A network on its way, with what must survive an interruption."""

    def __init__(self, trainee: Trainee, path: Path) -> None:
        self.trainee, self.path = trainee, path
        learning = [p for p in trainee.module.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(learning, betas=(0.9, 0.98), weight_decay=0.0)
        self.step, self.seconds = 0, 0.0
        if path.exists():
            kept = torch.load(path, weights_only=True)
            networks.restore(trainee, kept["trained"])
            self.optimizer.load_state_dict(kept["optimizer"])
            self.step, self.seconds = kept["step"], kept["seconds"]

    def keep(self) -> None:
        """Write the state, whole or not at all."""
        state = {
            "trained": networks.shipped(self.trainee),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
        }
        part = self.path.with_suffix(".part")
        torch.save(state, part)
        part.replace(self.path)

    def learn(self, batch: views.Batch, where: inputs.Window, rate: float) -> torch.Tensor:
        """One step; returns the log-odds of fake."""
        labels = torch.from_numpy(batch.fake).long()
        with torch.autocast("cpu", torch.bfloat16):
            both = inputs.logits(self.trainee, batch.crops, where)
        found = both[:, 1].float() - both[:, 0].float()
        # a fake should also score higher than the real crop it was made from: a loss without the
        # differences between people, which are much larger than those of manipulation
        nearer = F.softplus(found[0::2] - found[1::2]).mean()
        loss = F.cross_entropy(both.float(), labels) + PAIR_SHARE * nearer
        self.optimizer.zero_grad()
        loss.backward()
        for group in self.optimizer.param_groups:
            group["lr"] = rate
            nn.utils.clip_grad_norm_(group["params"], LARGEST_GRADIENT)
        self.optimizer.step()
        self.step += 1
        return found.detach()


def rate(largest: float, step: int, steps: int) -> float:
    """Learning rate: a warm-up, then half a cosine down to a fiftieth."""
    fall = 0.5 * (1 + math.cos(math.pi * min(step / steps, 1)))
    return largest * min(1, (step + 1) / WARM_UP) * (0.02 + 0.98 * fall)


def whole(plan: Plan, step: int, steps: int) -> bool:
    """Whether a step is on whole crops instead of windows."""
    return plan.window < inputs.WHOLE.size and step >= steps * (1 - WHOLE_SHARE)


def batches(settings: Settings, plan: Plan, first: int) -> Iterator[views.Batch]:
    """Batches from step `first` on, drawn beside the training; each has a stream of its own."""
    ready: queue.Queue[views.Batch] = queue.Queue(4)

    def fill() -> None:
        for step in range(first, settings.steps):
            paths = views.couples(settings.crops, "train")  # more may have been rendered
            hardness = min(1.0, step / (EASY_SHARE * settings.steps))
            rng = np.random.default_rng([settings.seed, step])
            pairs = plan.pairs // 2 if whole(plan, step, settings.steps) else plan.pairs
            ready.put(views.draw(paths, pairs, rng, hardness))

    threading.Thread(target=fill, daemon=True).start()
    for _ in range(first, settings.steps):
        yield ready.get()


def train(detector: str, settings: Settings) -> None:
    """Train up to the wanted step."""
    trainee = networks.prepare(detector)
    plan = trainee.plan
    run = Run(trainee, settings.out / f"{detector}.pt")
    seen = validation.read(settings.crops, 1)
    losses: list[float] = []
    kept = time.monotonic()
    todo = batches(settings, plan, run.step)
    for batch in tqdm(todo, detector, settings.steps, initial=run.step, mininterval=10):
        start = time.monotonic()
        rng = np.random.default_rng([settings.seed, run.step, 1])
        size = inputs.WHOLE.size if whole(plan, run.step, settings.steps) else plan.window
        where = inputs.window(size, rng)
        found = run.learn(batch, where, rate(plan.rate, run.step, settings.steps))
        sign = torch.from_numpy(np.where(batch.fake, -1.0, 1.0))
        losses.append(float(F.softplus(sign * found).mean()))
        run.seconds += time.monotonic() - start
        if run.step % TELL_EVERY == 0:
            area = roc_auc_score(batch.fake, found.numpy())
            note(settings, run, f"loss {np.mean(losses[-TELL_EVERY:]):.4f} last AUC {area:.3f}")
        if run.step % settings.validate_every == 0:
            scores = inputs.scores(trainee, seen.crops, inputs.window(size, None))
            areas = validation.areas(seen.pooled(scores), seen.method)
            note(settings, run, f"validation AUC at {size} px: {validation.told(areas)}")
        if time.monotonic() - kept > KEEP_EVERY:
            run.keep()
            kept = time.monotonic()
    run.keep()


def note(settings: Settings, run: Run, text: str) -> None:
    """Add a line to the log."""
    line = f"{run.trainee.detector} step {run.step} of {settings.steps} {run.seconds:.0f} s {text}"
    with (settings.out / f"{run.trainee.detector}.log").open("a", encoding="utf-8") as log:
        log.write(line + "\n")


def main() -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("detector", choices=list(PLANS))
    parser.add_argument("--crops", type=Path, required=True, help="what render.py wrote")
    parser.add_argument("--out", type=Path, required=True, help="gets the state and the log")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--validate-every", type=int, default=150)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.set_flush_denormal(True)
    arguments.out.mkdir(parents=True, exist_ok=True)
    train(
        arguments.detector,
        Settings(
            arguments.crops,
            arguments.out,
            arguments.steps,
            arguments.seed,
            arguments.validate_every,
        ),
    )


if __name__ == "__main__":
    main()

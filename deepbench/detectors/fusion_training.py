"""The two stages of the fusion detector's training, run by Lightning and resumable.

First the head alone, on stored features; then the top of the backbone too, on pictures. What is
random is drawn anew for each step from seed and step, so that a checkpoint of an epoch's end holds
all that the rest of the training depends on.
"""

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import lightning.pytorch as pl
import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from lightning.fabric.utilities.warnings import PossibleUserWarning
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.optim.lr_scheduler import ReduceLROnPlateau
from torch.utils.data import DataLoader
from torchmetrics.functional.classification import binary_auroc
from tqdm import tqdm

from deepbench.detectors import fusion
from deepbench.detectors.fusion_data import Data, Example, Place, Shuffled
from deepbench.detectors.network import Network

FACTOR = 0.1  # of the learning rate, on a plateau
MONITOR = "val_loss"
ACCELERATORS = {"auto": "auto", "cpu": "cpu", "cuda": "gpu", "mps": "mps"}

Report = Callable[[int, dict[str, float]], None]
Row = dict[str, int | float]  # an epoch's figures, and its number


@dataclass(frozen=True)
class Stage:
    """One stage of a training."""

    name: Literal["head", "backbone"]
    epochs: int
    rate: float
    decay: float
    batch_size: int
    patience: int  # epochs without a better validation loss before it ends
    plateau: int  # ... and before the learning rate falls
    seed: int
    device: str
    whole: bool = False  # train all of the backbone, not only its top


class Training(pl.LightningModule):
    """A stage: which parameters learn, from what, and how fast."""

    def __init__(self, network: Network, stage: Stage, weights: Float[Tensor, "2"]) -> None:
        super().__init__()
        assert isinstance(network.module, fusion.Fusion)
        self.stage, self.network = stage, network
        fused = network.module
        # a checkpoint of the first stage then holds the head alone
        self.learner: nn.Module = fused.head if stage.name == "head" else fused
        self.register_buffer("weights", weights, persistent=False)
        fused.requires_grad_(False)
        for part in self._learning(fused):
            part.requires_grad_(True)
        self.scored: list[tuple[Tensor, Tensor]] = []

    def _learning(self, fused: fusion.Fusion) -> list[nn.Module]:
        if self.stage.name == "head" or not fused.form.backbone:
            return [fused.head]
        if self.stage.whole:
            return [fused.head, fused.backbone]
        top = fusion.TOP[fused.form.backbone]
        return [fused.head, *(fused.backbone.get_submodule(name) for name in top)]

    def logits(self, batch: Example) -> Float[Tensor, "n 2"]:
        """Of real and fake."""
        if self.stage.name == "head":
            return torch.as_tensor(self.learner(batch.features))
        assert isinstance(self.learner, fusion.Fusion)
        x = self.network.prepare(batch.pixels.cpu().numpy()).to(self.device)
        return self.learner.fused(x, batch.features if self.learner.form.frequency else None)

    def loss(self, logits: Float[Tensor, "n 2"], labels: Int[Tensor, "n"]) -> Float[Tensor, ""]:
        """Cross-entropy in which reals and fakes count alike, however many there are."""
        return F.cross_entropy(logits, labels, weight=torch.as_tensor(self.weights))

    def on_train_batch_start(self, batch: Example, batch_idx: int) -> None:
        """Set what a step depends on: dropout's draws, and which layers behave as in training."""
        words = np.random.SeedSequence([self.stage.seed, self.global_step]).generate_state(1)
        torch.manual_seed(int(words[0]))
        self.learner.train()
        if not self.stage.whole:
            # statistics of a few crops would be worse than those that the weights came with
            for module in self.learner.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()

    def training_step(self, batch: Example, batch_idx: int) -> Float[Tensor, ""]:
        """The loss of a batch."""
        loss = self.loss(self.logits(batch), batch.label)
        size = len(batch.label)
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=size)
        return loss

    def validation_step(self, batch: Example, batch_idx: int) -> None:
        """Keep the logits of a batch."""
        self.scored.append((self.logits(batch), batch.label))

    def on_validation_epoch_end(self) -> None:
        """The value that decides, over all crops at once, and the AUC per crop."""
        logits, labels = (torch.cat(parts) for parts in zip(*self.scored, strict=True))
        self.scored.clear()
        self.log(MONITOR, self.loss(logits, labels))
        # torchmetrics would squeeze log-odds into probabilities, where the surest ones tie
        _, ranks = torch.unique(logits[:, 1] - logits[:, 0], return_inverse=True)
        self.log("val_auc", binary_auroc(ranks / len(ranks), labels))

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Adam, and a learning rate that falls on a plateau."""
        learning = [p for p in self.learner.parameters() if p.requires_grad]
        adam = torch.optim.Adam(learning, lr=self.stage.rate, weight_decay=self.stage.decay)
        plateau = ReduceLROnPlateau(adam, factor=FACTOR, patience=self.stage.plateau)
        return {"optimizer": adam, "lr_scheduler": {"scheduler": plateau, "monitor": MONITOR}}

    def lr_scheduler_step(self, scheduler: object, metric: object) -> None:
        """Nothing: Lightning would step after the epoch's checkpoint, and lose it on resuming."""

    def on_train_epoch_end(self) -> None:
        """Step the schedule before the checkpoint is written."""
        scheduler = self.lr_schedulers()
        assert isinstance(scheduler, ReduceLROnPlateau)
        scheduler.step(self.trainer.callback_metrics[MONITOR])


class Curves(pl.Callback):
    """Tells each epoch's figures, and how far the stage is."""

    def __init__(self, stage: Stage, report: Report, batches: int) -> None:
        self.stage, self.report, self.batches = stage, report, batches
        self.rows: list[Row] = []

    def state_dict(self) -> dict[str, object]:
        """The curves so far travel with the checkpoint."""
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, list[Row]]) -> None:
        """Go on with the curves of a checkpoint."""
        self.rows = list(state_dict["rows"])

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """A stage that had just ended when it was interrupted must not train an epoch more."""
        stopping = trainer.early_stopping_callback
        assert stopping is not None
        trainer.should_stop = stopping.wait_count >= stopping.patience
        done = trainer.current_epoch * self.batches
        self.bar = tqdm(None, self.stage.name, self.stage.epochs * self.batches, initial=done)

    def on_train_batch_end(self, *args: object) -> None:
        """One batch more."""
        self.bar.update()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """One epoch more; comes before its checkpoint is written."""
        figures = {name: float(value) for name, value in trainer.callback_metrics.items()}
        figures["learning_rate"] = float(trainer.optimizers[0].param_groups[0]["lr"])
        self.rows.append({"epoch": trainer.current_epoch, **figures})
        self.report(trainer.current_epoch, figures)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Leave the bar where it is."""
        self.bar.close()


def run(training: Training, data: Data, folder: Path, report: Report) -> list[Row]:
    """Train one stage and leave the network at its best epoch; returns a row per epoch.

    A stage that was interrupted goes on where its last whole epoch ended; `folder` holds what that
    takes: weights, the optimiser's and the schedule's state, the curves.
    """
    stage = training.stage
    train, val = data
    loader = DataLoader(
        train,
        stage.batch_size,
        sampler=Shuffled(len(train), stage.seed),
        num_workers=_workers(stage),
    )
    held_out = [Place(0, index) for index in range(len(val))]
    val_loader = DataLoader(val, stage.batch_size, sampler=held_out, num_workers=_workers(stage))
    curves = Curves(stage, report, len(loader))
    best = ModelCheckpoint(
        folder, "best", monitor=MONITOR, enable_version_counter=False, save_weights_only=False
    )
    last = ModelCheckpoint(
        folder, "last", enable_version_counter=False, save_on_train_epoch_end=True
    )
    stopping = EarlyStopping(MONITOR, patience=stage.patience, check_on_train_epoch_end=True)
    resumed = folder / "last.ckpt"
    with _quiet():
        trainer = pl.Trainer(
            accelerator=ACCELERATORS[stage.device.split(":")[0]],
            devices=1,
            max_epochs=stage.epochs,
            logger=False,
            callbacks=[curves, stopping, best, last],
            num_sanity_val_steps=0,
            enable_progress_bar=False,
            enable_model_summary=False,
            default_root_dir=folder,
        )
        path = str(resumed) if resumed.exists() else None
        trainer.fit(training, loader, val_loader, ckpt_path=path, weights_only=True)
    kept = torch.load(folder / "best.ckpt", map_location="cpu", weights_only=True)
    training.load_state_dict(kept["state_dict"])
    training.learner.eval()
    return curves.rows


def _workers(stage: Stage) -> int:
    """Processes that change pictures while a GPU computes; a CPU has none to spare."""
    on_cpu = stage.device == "cpu" or not torch.cuda.is_available()
    return 0 if on_cpu or stage.name == "head" else 8


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Lightning's advice (more workers, a folder that is not empty) out of sight."""
    names = ("lightning.pytorch", "lightning.fabric")
    loggers = [logging.getLogger(name) for name in names]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PossibleUserWarning)
            warnings.simplefilter("ignore", FutureWarning)  # of libraries, to each other
            warnings.filterwarnings("ignore", "Checkpoint directory .* exists and is not empty")
            yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)

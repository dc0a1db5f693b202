"""The curves of a training in MLflow, while it runs: one run per training, each epoch a step."""

from collections.abc import Callable
from pathlib import Path

from deepbench.reporting import tracking

TRAINING = "deepbench.training"  # tag: the digest of all that a training depends on
NAMED = 12  # of its digits are in the run's name


def record(
    root: Path, digest: str, facts: dict[str, str]
) -> Callable[[int, dict[str, float]], None]:
    """Open the run of a training, or the one it began before, and return what logs an epoch.

    An epoch that is logged again, because the training was interrupted before its checkpoint
    stood, has the same figures and is left as it is.
    """
    with tracking.opened(root) as (client, experiment):
        found = client.search_runs([experiment], f"tags.`{TRAINING}` = '{digest}'")
        if found:
            run_id = found[0].info.run_id
            client.update_run(run_id, "RUNNING")
        else:
            tags = {TRAINING: digest, tracking.KIND: "training"}
            run = client.create_run(experiment, tags=tags, run_name=f"training {digest[:NAMED]}")
            run_id = run.info.run_id
            for name, value in facts.items():
                client.log_param(run_id, name, value)

    def log(epoch: int, figures: dict[str, float]) -> None:
        with tracking.opened(root) as (client, _):
            for name, value in figures.items():
                if epoch not in {point.step for point in client.get_metric_history(run_id, name)}:
                    client.log_metric(run_id, name, value, step=epoch)

    return log


def finish(root: Path, digest: str) -> None:
    """Close the run of a training, if it has one."""
    with tracking.opened(root) as (client, experiment):
        for run in client.search_runs([experiment], f"tags.`{TRAINING}` = '{digest}'"):
            client.set_terminated(run.info.run_id)

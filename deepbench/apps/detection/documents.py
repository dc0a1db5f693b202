"""The forensic page of an answer, with the settings and versions of this checkout."""

from datetime import UTC, datetime

from deepbench.apps.detection.examiner import Examiner
from deepbench.core.verdicts import Answer, Explanation
from deepbench.reporting import forensic, provenance

HIDDEN = {("videos", "ensembles"), ("faces", "workers"), ("results", "replicates")}


def page(examiner: Examiner, answer: Answer, maps: tuple[Explanation, ...]) -> str:
    """HTML that stands alone; `maps` come from `explaining.explain` and may be empty."""
    settings = examiner.asked.settings
    chosen = {
        f"{block}.{name}": str(value)
        for block in ("faces", "scores", "videos", "results")
        for name, value in getattr(settings, block).model_dump(mode="json").items()
        # the scorer's rule stands above the table; how many processes ran changes no figure
        if (block, name) not in HIDDEN
    }
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    facts = {"Page made": now} | provenance.checkout(examiner.asked.root)
    return forensic.page(answer, maps, chosen, facts)

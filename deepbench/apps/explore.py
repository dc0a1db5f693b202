"""The explorer: stored results to play with, in a notebook or as a page of its own.

Three tabs: what weightings are worth, single videos, and two runs side by side. Each has a model
without widgets and a view with them. No network is loaded until a Grad-CAM is asked for.
"""

from pathlib import Path

import ipywidgets as widgets
from IPython.core.display import Javascript
from IPython.core.display_functions import display

from deepbench.apps import explore_style, explore_tables
from deepbench.apps.explore_sweeps_view import SweepsTab
from deepbench.apps.explore_tables import Stored
from deepbench.apps.explore_videos_view import VideosTab
from deepbench.apps.explore_weights import Workbench
from deepbench.apps.explore_weights_view import WeightsTab


def show(root: Path = Path()) -> widgets.Widget:
    """The explorer of a checkout; where its tables are not made yet, a sentence that says so."""
    try:
        stored = explore_tables.load(root)
    except (ValueError, OSError) as error:
        box = widgets.HTML(explore_style.CSS + explore_style.paragraph(str(error), "error"))
        box.add_class("explore")
        return box
    sweeps = SweepsTab(root)
    tabs = widgets.Tab([WeightsTab(Workbench(stored)).box, VideosTab(stored).box, sweeps.box])
    tabs.titles = ("Weights", "Videos", "Sweeps")
    tabs.observe(lambda change: sweeps.open() if change["new"] == 2 else None, "selected_index")
    top = explore_style.CSS + _banner(stored)
    box = widgets.VBox([widgets.HTML(top), tabs])
    box.add_class("explore")
    # IPython has no types for these two
    display(Javascript(explore_style.NAMES))  # type: ignore[no-untyped-call]
    return box


def _banner(stored: Stored) -> str:
    """What must be said before any figure."""
    if not stored.demo:
        return ""
    text = f"Demo weights ({', '.join(stored.demo)}): they know the sample pack's fakes only."
    return explore_style.paragraph(text, "banner")

"""The explorer: stored results to play with, in a notebook or as a page of its own.

Three tabs: what weightings are worth, single videos, and two runs side by side. Each has a model
without widgets and a view with them. No network is loaded until a Grad-CAM is asked for.
"""

from pathlib import Path

import ipywidgets as widgets
from IPython.core.display import Javascript
from IPython.core.display_functions import display

from deepbench.apps.explore import checkout, style
from deepbench.apps.explore.checkout import Stored
from deepbench.apps.explore.sweeps_view import SweepsTab
from deepbench.apps.explore.videos_view import VideosTab
from deepbench.apps.explore.weights import Workbench
from deepbench.apps.explore.weights_view import WeightsTab


def show(root: Path = Path()) -> widgets.Widget:
    """The explorer of a checkout; where its tables are not made yet, a sentence that says so."""
    try:
        stored = checkout.load(root)
    except (ValueError, OSError) as error:
        box = widgets.HTML(style.CSS + style.paragraph(str(error), "error"))
        box.add_class("explore")
        return box
    sweeps = SweepsTab(root)
    tabs = widgets.Tab([WeightsTab(Workbench(stored)).box, VideosTab(stored).box, sweeps.box])
    tabs.titles = ("Weights", "Videos", "Sweeps")
    tabs.observe(lambda change: sweeps.open() if change["new"] == 2 else None, "selected_index")
    top = style.CSS + _banner(stored)
    box = widgets.VBox([widgets.HTML(top), tabs])
    box.add_class("explore")
    # IPython has no types for these two
    display(Javascript(style.NAMES))  # type: ignore[no-untyped-call]
    return box


def _banner(stored: Stored) -> str:
    """What must be said before any figure."""
    if not stored.demo:
        return ""
    text = f"Demo weights ({', '.join(stored.demo)}): they know the sample pack's fakes only."
    return style.paragraph(text, "banner")

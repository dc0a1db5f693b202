"""What the explorer's second tab shows of a video."""

import base64
import math
from collections.abc import Sequence
from html import escape

import cv2
import numpy as np
import pandas as pd
from scipy.special import expit

from deepbench.apps.explore import checkout, style, svg
from deepbench.apps.explore.checkout import Stored
from deepbench.apps.explore.gradcam import Explained, Rgb
from deepbench.apps.explore.style import Cell
from deepbench.apps.explore.videos import Band, said, votes

THUMBNAIL, QUALITY = 96, 85  # pixels, JPEG
HEAD = f"{'outcome':<14}{'fake':>6}{'range':>7}{'face px':>9}  {'split':<6}{'method':<16}video"


def option(row: dict[str, object]) -> str:
    """One line of the list of videos, in columns below `HEAD`."""
    prob, spread = (_three(float(str(row[name]))) for name in ("fake_prob", "disagreement"))
    side = float(str(row["side"]))
    pixels = "none" if math.isnan(side) else f"{side:.0f}"
    line = f"{row['outcome']:<14}{prob:>6}{spread:>7}{pixels:>9}  {row['split']:<6}"
    return aligned(f"{line}{row['method']:<16}{row['video_id']}")


def aligned(text: str) -> str:
    """Text whose spaces a page keeps: it would make one of several."""
    return text.replace(" ", "\u00a0")


def _three(value: float) -> str:
    return "none" if math.isnan(value) else f"{value:.3f}"


def facts(stored: Stored, video: str, threshold: float) -> str:
    """Who said what, the consensus, and the ledger."""
    row = checkout.one(stored.manifest, video)
    kind = f"fake ({row['method']})" if row["label"] else "real"
    rows: list[style.Row] = [
        [
            str(one["scorer"]),
            Cell(_three(one["fake_prob"]), note=str(one["problem"])),
            _call(one["fake_prob"], threshold, bool(row["label"])),
            str(one["frames_used"]),
        ]
        for one in said(stored, video).to_dict("records")
    ]
    found = votes(stored, video, threshold)
    head = ["scorer", "fake probability", "decision", "frames"]
    name = f"{video}: {kind}, {row['split']} split of {row['dataset']}"
    consensus = f"{found.fake} of {found.scored} detectors that scored it call it fake."
    return (
        f"<h3>{escape(name)}</h3>"
        + style.paragraph(consensus)
        + style.table("What the scorers say", head, rows)
        + style.paragraph(_ledger(stored, video))
    )


def _call(prob: float, threshold: float, label: bool) -> str:
    if math.isnan(prob):
        return "none"
    called = prob > threshold
    return f"{'fake' if called else 'real'}, {'right' if called == label else 'wrong'}"


def _ledger(stored: Stored, video: str) -> str:
    row = checkout.one(stored.ledger, video)
    others = f", {row['other_faces']} other faces" if row["other_faces"] else ""
    counts = (
        f"Ledger: {row['frames_decoded']} of {row['frames_expected']} wanted frames decoded, "
        f"{row['frames_with_face']} with a face{others}."
    )
    return f"{counts} {row['problem'] or 'No remark.'}"


def timeline(table: pd.DataFrame, now: int, threshold: float) -> str:
    """Fake probabilities over frames, with a cursor at one frame."""
    x = table.index.to_numpy(np.float64)
    frame = svg.Frame(
        svg.counted(float(x.min()), float(x.max()), "frame"), svg.shares("fake probability")
    )
    layers, looks = [svg.upright(frame, float(now)), svg.level(frame, threshold)], []
    for place, name in enumerate(table.columns):
        own, look = table[name].to_numpy(np.float64), svg.look(str(name), place)
        if np.isnan(own).all():
            continue
        layers += [svg.line(frame, x, own, look), svg.dots(frame, x, own, look)]
        looks.append(look)
    alt = f"Fake probability of each of {len(x)} frames, cursor at frame {now}"
    return svg.figure("Frame scores", frame, layers, alt, looks)


def spectrum(rings: svg.Numbers, band: Band) -> str:
    """The spectrum of a crop against the band of reals."""
    x = (np.arange(len(rings)) + 0.5) * 112 / len(rings)
    known = np.concatenate([rings, band.low, band.high])
    known = known[np.isfinite(known)]
    ends = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    across = svg.counted(0.0, 112.0, "cycles per crop")
    frame = svg.Frame(across, svg.counted(*ends, "mean ln magnitude"))
    look = svg.Look("this crop", svg.COLOURS[1])
    layers = [svg.band(frame, x, band.low, band.high), svg.line(frame, x, rings, look)]
    inside = (rings >= band.low) & (rings <= band.high)
    compared = np.isfinite(band.low).any()
    where = f", inside the band at {100 * inside.mean():.0f} % of frequencies" if compared else ""
    drawn = svg.figure("Spectrum", frame, layers, f"Azimuthal mean spectrum{where}", [look])
    return f"<div>{drawn}{style.paragraph(band.note + where)}</div>"


def strip(pictures: Sequence[Rgb], frames: Sequence[int], now: int) -> str:
    """All frames as thumbnails, the one under the cursor framed."""
    images = "".join(
        f'<img src="{picture(rgb, THUMBNAIL)}" alt="frame {frame}"'
        f"{' class=now' if place == now else ''}>"
        for place, (rgb, frame) in enumerate(zip(pictures, frames, strict=True))
    )
    return f'<div class="strip">{images}</div>'


def maps(found: Sequence[Explained], rgb: Rgb) -> str:
    """The crop and, side by side, where each detector looks."""
    shown = [f"<figure><figcaption>crop</figcaption>{_image(rgb, 'the crop')}</figure>"]
    for one in found:
        title = escape(one.detector)
        if one.overlay is None:
            body = style.paragraph(one.problem, "error")
        else:
            body = _image(one.overlay, f"Grad-CAM of {one.detector} over the crop")
            title += f", fake {expit(one.fake_logit):.3f}"
        shown.append(f"<figure><figcaption>{title}</figcaption>{body}</figure>")
    return f'<div class="maps">{"".join(shown)}</div>'


def _image(rgb: Rgb, alt: str) -> str:
    return f'<img src="{picture(rgb, len(rgb))}" alt="{escape(alt)}">'


def picture(rgb: Rgb, side: int) -> str:
    """A data URI, shrunk to so many pixels."""
    if len(rgb) > side:
        rgb = np.asarray(cv2.resize(rgb, (side, side), interpolation=cv2.INTER_AREA), np.uint8)
    bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    _, jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg.tobytes()).decode()}"

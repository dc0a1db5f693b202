"""Step `gradcam`: what a detector's scores of some crops rest on, and whether its maps say so."""

import zlib
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd
from jaxtyping import Float32, UInt8
from scipy.special import expit
from tqdm import tqdm

from deepbench.core import evidence, params, plugins, roots, shards, tables
from deepbench.detectors import batches, occlusion
from deepbench.detectors import explain as cam
from deepbench.detectors.network import Network
from deepbench.media import crops as stored
from deepbench.media import masks
from deepbench.statistics import intervals, saliency

KEY = ["video_id", "frame", "face"]
FACTS = [*KEY, "dataset", "method", "detector"]
PIXELS, QUALITY = 128, 90  # of the stored picture
ALL = "all"

Map = Float32[np.ndarray, "grid grid"]
Row = dict[str, object]


class Sources(NamedTuple):
    """What a detector's maps are made from."""

    manifest: pd.DataFrame  # of all data sets
    scores: pd.DataFrame  # of one detector on all of them
    faces: Path  # a folder of shards per data set
    root: Path = Path()  # what the paths of data sets are relative to


class Crop(NamedTuple):
    """A crop to be explained."""

    facts: Row
    label: bool
    landmarks: Float32[np.ndarray, "5 2"]
    rgb: UInt8[np.ndarray, "h w 3"]
    video: Path
    mask: Path | None  # where its data set would have a mask of it


def choose(manifest: pd.DataFrame, scores: pd.DataFrame, per_method: int) -> pd.DataFrame:
    """Of each test video the first face's crop of median score; of those so many per method.

    They lie evenly from the lowest to the highest score of their data set and method.
    """
    tests = manifest[manifest["split"] == "test"]
    crops = scores[scores["face"] == 0].merge(tests, on="video_id")
    crops = crops.sort_values(["video_id", "fake_logit", "frame"])
    of_video = crops.groupby("video_id")["frame"]
    middle = crops[of_video.cumcount() == (of_video.transform("size") - 1) // 2]
    ranked = middle.sort_values(["dataset", "method", "fake_logit", "video_id"])
    of_method = ranked.groupby(["dataset", "method"])["frame"]
    place, last = of_method.cumcount().to_numpy(), of_method.transform("size").to_numpy() - 1
    spread = np.linspace(0, 1, per_method) if per_method > 1 else np.array([0.5])
    wanted = np.round(spread * last[:, None]).astype(int)
    chosen: pd.DataFrame = ranked[(wanted == place[:, None]).any(axis=1)]
    return chosen.reset_index(drop=True)


def explain(sources: Sources, network: Network, settings: params.Params) -> pd.DataFrame:
    """Maps of the chosen crops with everything that tests them: the table `gradcam`.

    Raises:
        ValueError: a chosen crop is not in the faces table.
    """
    chosen = choose(sources.manifest, sources.scores, settings.gradcam.videos_per_method)
    control = cam.randomised(network, settings.seed)
    size = batches.size(settings.scores.batch_size, network.device)
    rows: list[Row] = []
    for _, wanted in tqdm(list(chosen.groupby("dataset")), "maps", unit="data set"):
        crops = _read(wanted, sources, settings)
        pictures = np.stack([crop.rgb for crop in crops])
        found, other = (
            cam.grad_cams(n, pictures, settings.gradcam.towards, size) for n in (network, control)
        )
        curves = _curves(network, crops, found.maps, settings)
        for i, crop in enumerate(crops):
            logit, cells = float(found.fake_logit[i]), found.maps[i]
            row = crop.facts | _said(crop, logit, settings) | _against_mask(crop, cells, settings)
            row |= {"grid": len(cells), "map": cells.ravel()}
            row |= {"randomised": saliency.rank_correlation(cells, other.maps[i])}
            rows.append(row | _areas(curves[i], row["towards"] == "fake"))
    return tables.from_rows(evidence.GRADCAM, rows)


def _read(wanted: pd.DataFrame, sources: Sources, settings: params.Params) -> list[Crop]:
    """The chosen crops of one data set."""
    dataset = str(wanted["dataset"].iloc[0])
    columns = [*KEY, "landmarks", "png"]
    parts = shards.batches(tables.FACES, sources.faces / dataset, columns, 256)
    found = pd.concat([part.merge(wanted[KEY], on=KEY) for part in parts])
    if len(found) != len(wanted):
        msg = (
            f"{len(wanted) - len(found)} scored crops of {dataset} are not in its faces; make the "
            "scores anew: dvc repro scores"
        )
        raise ValueError(msg)
    root = sources.root / settings.roots[dataset].path
    mask_of = getattr(plugins.load("datasets", dataset), "mask_of", lambda path: "")
    crops = []
    for row in wanted.merge(found, on=KEY).to_dict("records"):
        mask = mask_of(row["path"]) if row["label"] else ""
        landmarks = np.array(row["landmarks"], np.float32).reshape(5, 2)
        facts: Row = {name: row[name] for name in FACTS}
        rgb, path = stored.decode(row["png"]), roots.place(root, row["path"])
        crops.append(Crop(facts, row["label"], landmarks, rgb, path, root / mask if mask else None))
    return crops


def _curves(
    network: Network,
    crops: list[Crop],
    maps: Float32[np.ndarray, "n grid grid"],
    settings: params.Params,
) -> list[occlusion.Curves | None]:
    """Curves of each crop, but of those with a constant map, which is no order."""
    known = [i for i, cells in enumerate(maps) if not np.isnan(cells).any()]
    subjects = []
    for i in known:
        # of the crop, so that its random order stays the same beside other crops
        name = "/".join(str(crops[i].facts[part]) for part in KEY)
        rng = np.random.default_rng([settings.seed, zlib.crc32(name.encode())])
        subjects.append(occlusion.subject(crops[i].rgb, maps[i], rng))
    size = batches.size(settings.scores.batch_size, network.device)
    found = occlusion.curves(network, subjects, settings.gradcam.steps, size)
    of_crop = dict(zip(known, found, strict=True))
    return [of_crop.get(i) for i in range(len(crops))]


def _areas(curves: occlusion.Curves | None, towards_fake: bool) -> Row:
    if curves is None:
        return dict.fromkeys(occlusion.Curves._fields, float("nan"))
    sign = 1 if towards_fake else -1
    return {name: saliency.area(expit(sign * c)) for name, c in curves._asdict().items()}


def _said(crop: Crop, logit: float, settings: params.Params) -> Row:
    """What the detector said of a crop, and the crop itself as a small JPEG."""
    called = expit(logit) > settings.results.threshold
    outcomes = {(True, True): "hit", (True, False): "miss", (False, True): "false alarm"}
    towards_fake = settings.gradcam.towards == "fake" or logit > 0
    small = cv2.resize(crop.rgb, (PIXELS, PIXELS), interpolation=cv2.INTER_AREA)
    bgr = cv2.cvtColor(small, cv2.COLOR_RGB2BGR)
    _, jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return {
        "fake_logit": logit,
        "outcome": outcomes.get((crop.label, bool(called)), "right on real"),
        "towards": "fake" if towards_fake else "real",
        "picture": jpeg.tobytes(),
    }


def _against_mask(crop: Crop, cells: Map, settings: params.Params) -> Row:
    """Whether the map lies where the data set says that pixels were changed."""
    nothing: Row = dict.fromkeys(("pointing", "iou", "mask_share"), float("nan"))
    constant = "the map is constant" if np.isnan(cells).any() else ""
    if crop.mask is None:
        return nothing | {"problem": constant}
    place = masks.Place(int(str(crop.facts["frame"])), crop.landmarks)
    try:
        mask = masks.of_crop(crop.mask, crop.video, place, settings.faces)
    except ValueError as error:
        return nothing | {"problem": "; ".join(filter(None, [constant, str(error)]))}
    if constant:
        return nothing | {"mask_share": float(mask.mean()), "problem": constant}
    large = occlusion.enlarged(cells, *mask.shape)
    return {
        "pointing": saliency.pointing(cells, mask),
        "iou": saliency.iou(large, mask),
        "mask_share": float(mask.mean()),
        "problem": "",
    }


def checks(maps: pd.DataFrame, manifest: pd.DataFrame, settings: params.Params) -> pd.DataFrame:
    """What maps are worth beside maps that know nothing: the table `map_checks`."""
    table = maps.merge(manifest[["video_id", "label", "cluster_id"]], on="video_id")
    everything = table.assign(dataset=ALL)
    rows: list[Row] = []
    for (detector, dataset), own in pd.concat([everything, table]).groupby(["detector", "dataset"]):
        random, share = own["random"].to_numpy(), own["mask_share"].to_numpy()
        chance = {
            "deletion": random,
            "insertion": random,
            "randomised": np.zeros(len(own)),
            "pointing": share,
            "iou": saliency.chance_iou(share),
        }
        for check, by_chance in chance.items():
            pairs = own.assign(value=own[check], chance=by_chance)
            facts = {"detector": detector, "dataset": dataset, "check": check}
            rows.append(facts | _against_chance(pairs, settings))
    return tables.from_rows(evidence.MAP_CHECKS, rows)


def _against_chance(pairs: pd.DataFrame, settings: params.Params) -> Row:
    known = pairs.dropna(subset=["value", "chance"])
    counts: Row = {"n": len(known), "n_without": len(pairs) - len(known)}
    if not len(known):
        empty = dict.fromkeys(("value", "chance", "difference", "low", "high"), float("nan"))
        return counts | empty | {"note": "no crop for which it is defined"}
    results = settings.results
    value, chance, difference = saliency.against(
        known["value"].to_numpy(),
        known["chance"].to_numpy(),
        intervals.Sample(known["label"].to_numpy(), known["cluster_id"].to_numpy(object)),
        intervals.Draws(results.replicates, results.interval, settings.seed),
    )
    said = {"value": value, "chance": chance, "difference": difference.value}
    ends = {"low": difference.low, "high": difference.high}
    return counts | said | ends | {"note": difference.note}

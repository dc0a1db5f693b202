"""`detect` on files of the sample pack: with planted networks, and once through the real door."""

import json
import zipfile
from pathlib import Path

import corpus
import numpy as np
import pandas as pd
import planted
import pytest
import torch
import yaml
from torch import nn

from deepbench import videos
from deepbench.apps import cli
from deepbench.apps.detection import (
    answers,
    asking,
    documents,
    examiner,
    explaining,
    many,
    networks,
)
from deepbench.core import params, tables
from deepbench.core.verdicts import Batch, Failure, Model
from deepbench.detectors import effort, precision
from deepbench.media import clips, crops, kinds
from deepbench.sample import demo_weights, pack

ROOT = Path(__file__).parents[2]
FILES = {
    "picture": "folder/real/anna.png",
    "fake": "folder/fake/berta_anna_Face2Face.jpg",
    "video": "folder/real/edge_two_faces.mp4",
    "rotated": "folder/real/edge_rotated.mp4",
    "faceless": "folder/real/edge_no_face.mp4",
}
DETECTORS = ["xception", "f3net"]
WEIGHTS = dict.fromkeys(DETECTORS, 1)
ENSEMBLES = {
    "stack": {"rule": "stack", "weights": WEIGHTS},
    "equal": {"rule": "weighted_mean", "weights": WEIGHTS},
    "mixed": {"rule": "weighted_mean", "weights": WEIGHTS | {"frequency": 1}},
}


def write_settings(root, **changes):
    settings = yaml.safe_load((ROOT / "params.yaml").read_text("utf-8"))
    settings["detectors"] = DETECTORS
    settings["faces"]["frames"] = 4
    settings["videos"]["ensembles"] = ENSEMBLES
    settings |= changes
    (root / "params.yaml").write_text(yaml.safe_dump(settings, sort_keys=False), "utf-8")


class Level(nn.Module):
    """Says fake as far as a crop is bright."""

    def __init__(self, gain):
        super().__init__()
        self.gain = nn.Parameter(torch.tensor([gain]), requires_grad=False)
        self.places = nn.AvgPool2d(32)

    def forward(self, x):
        level = self.places(x).mean(dim=(1, 2, 3))
        return torch.stack([level * 0, self.gain * (level - 0.45)], dim=1)


def loaded(name, module):
    network = planted.network()
    network = network.__class__(**vars(network) | {"module": module.eval()})
    model = Model(name, name.title(), f"{name}.pth", name[0] * 64, False, (), "float32")
    wanted = precision.Wanted(name, Path(), "cpu", network.preprocessing, "float32")
    return networks.Loaded(network, model, wanted)


PLANTED = {"xception": loaded("xception", Level(20.0)), "f3net": loaded("f3net", Level(-8.0))}


def plant(patch):
    """Put in the place of two detectors ones that are quick, known and not of one mind."""
    patch.setattr(networks, "load", lambda root, names, *rest: {n: PLANTED[n] for n in names})


@pytest.fixture
def planted_networks(monkeypatch):
    plant(monkeypatch)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A checkout without results, and beside it some files of the sample pack."""
    root = tmp_path_factory.mktemp("checkout")
    write_settings(root)
    with zipfile.ZipFile(pack.PACK) as archive:
        for name in FILES.values():
            archive.extract(name, root / "data")
    return root


def path_of(checkout, what):
    return checkout / "data" / FILES[what]


@pytest.fixture(scope="module")
def judge(checkout):
    with pytest.MonkeyPatch.context() as patch:
        plant(patch)
        return examiner.load(checkout)


@pytest.fixture(scope="module")
def of_picture(checkout, judge):
    return judge.examine(path_of(checkout, "picture"))


@pytest.fixture(scope="module")
def of_video(checkout, judge):
    return judge.examine(path_of(checkout, "video"))


def by_the_pipeline(judge, path, media):
    """What the steps of the pipeline make of one file: rows of table videos by scorer."""
    settings = judge.asked.settings
    clip = clips.make(clips.Task("a", path, media, settings.faces))
    faces = tables.from_rows(tables.FACES, clip.rows)
    pictures = np.stack([crops.decode(png) for png in faces["png"]])
    keys = faces[["video_id", "frame", "face"]]
    scores = pd.concat(
        keys.assign(detector=name, fake_logit=made.network(pictures))
        for name, made in judge.detectors.items()
    )
    row = tables.VideoRow("a", "folder", "test", True, "fake", "a", media, "a")
    manifest = tables.from_rows(tables.MANIFEST, [row])
    ledger = pd.DataFrame([clip.ledger])
    pooled = videos.pool(manifest, ledger, faces, scores, settings, {})
    everything = pd.concat([pooled, videos.combine(pooled, manifest, settings)])
    return everything.set_index("scorer")["fake_prob"]


@pytest.mark.parametrize(
    ("what", "media"), [("picture", "image"), ("video", "video"), ("rotated", "video")]
)
def test_a_verdict_is_the_pipelines(checkout, judge, what, media):
    answer = judge.examine(path_of(checkout, what))
    expected = by_the_pipeline(judge, path_of(checkout, what), media)
    assert answer.decision.fake_prob == pytest.approx(expected["equal"], abs=1e-9)
    for name in DETECTORS:
        assert answer.votes[name].fake_prob == pytest.approx(expected[name], abs=1e-9)


def test_a_picture_is_one_frame(of_picture):
    assert (of_picture.media, of_picture.faces, len(of_picture.frames)) == ("image", 1, 1)
    # one frame, so all rules but the counting one agree with it
    assert of_picture.pools["mean"] == of_picture.decision == of_picture.frames[0].decision
    assert of_picture.face_confidence > 0.9


def test_a_video_has_frames_rules_and_both_faces(of_video):
    assert (of_video.media, of_video.frames_processed, of_video.faces) == ("video", 4, 2)
    assert [frame.index for frame in of_video.frames] == sorted({f.index for f in of_video.frames})
    assert of_video.total_frames > 4
    assert set(of_video.pools) == {"mean", "majority", "confidence"}
    times = [frame.time_s for frame in of_video.frames]
    assert times == sorted(times)


def test_rules_pool_what_the_frames_say(of_video):
    """The mean rule, by hand, of both detectors' frames."""
    of = {n: [f.votes[n].fake_prob for f in of_video.frames] for n in DETECTORS}
    by_hand = np.mean([np.mean(values) for values in of.values()])
    assert of_video.pools["mean"].fake_prob == pytest.approx(by_hand)
    majority = np.mean([np.mean(np.array(values) > 0.5) for values in of.values()])
    assert of_video.pools["majority"].fake_prob == pytest.approx(majority, abs=1e-9)


def test_frames_as_a_folder_are_one_video(checkout, judge, tmp_path):
    for number in (0, 1, 10):
        (tmp_path / f"{number}.png").write_bytes(path_of(checkout, "picture").read_bytes())
    answer = judge.examine(tmp_path, name="webcam", media="frames")
    assert (answer.source.filename, len(answer.frames)) == ("webcam", 3)
    assert len({frame.decision for frame in answer.frames}) == 1


def test_a_file_is_taken_for_what_it_is_not_for_its_name(checkout, judge, of_picture, tmp_path):
    disguised = tmp_path / "clip.mp4"
    disguised.write_bytes(path_of(checkout, "picture").read_bytes())
    assert judge.examine(disguised).decision == of_picture.decision


def test_without_a_face_there_is_no_verdict(checkout, judge):
    with pytest.raises(ValueError, match="no face found in 4 frames"):
        judge.examine(path_of(checkout, "faceless"))


def test_uploads_have_a_limit(checkout, judge):
    with pytest.raises(ValueError, match=r"over the limit of 0.1 MB"):
        judge.examine(path_of(checkout, "picture"), limits=kinds.Limits(100_000, 100_000))


def test_a_score_that_is_no_number_is_no_verdict(checkout, judge, monkeypatch):
    broken = loaded("xception", Level(float("nan")))
    monkeypatch.setitem(judge.detectors, "xception", broken)
    with pytest.raises(ValueError, match="xception gave no finite score"):
        judge.examine(path_of(checkout, "picture"))


def test_progress_is_told(checkout, judge):
    told = []
    judge.examine(path_of(checkout, "video"), tell=told.append)
    assert {p.step for p in told} == {"frames", "scores"}
    last = [p for p in told if p.step == "frames"][-1]
    assert last.done == last.total == 4


# which scorer


def test_the_first_ensemble_that_needs_no_other_data_judges(judge):
    assert judge.asked.scorer == "equal"
    assert list(judge.detectors) == DETECTORS


def test_a_detector_can_judge_alone(checkout, planted_networks, of_picture):
    alone = examiner.load(checkout, "f3net")
    assert list(alone.detectors) == ["f3net"]
    answer = alone.examine(path_of(checkout, "picture"))
    assert answer.decision == of_picture.votes["f3net"] == answer.votes["f3net"]


@pytest.mark.parametrize(
    ("scorer", "said"),
    [
        ("eqaul", "unknown ensemble or detector 'eqaul'. Did you mean 'equal'"),
        ("mixed", "needs frequency, which are no detectors of crops; ask for one of stack, equal"),
        ("stack", "learns from the stored scores of faceforensics.*run dvc repro"),
    ],
)
def test_who_cannot_judge_is_told_why(checkout, planted_networks, scorer, said):
    with pytest.raises(ValueError, match=said):
        examiner.load(checkout, scorer)


def test_frames_can_be_chosen(checkout, planted_networks):
    judge = examiner.load(checkout, frames=2)
    assert judge.examine(path_of(checkout, "video")).frames_processed == 2


def write_development(root, digest):
    """Stored scores of a development split, on which stack can learn."""
    rng = np.random.default_rng(5)
    rows, stored = [], []
    for number in range(30):
        video, fake = f"v{number}", number % 2 == 1
        method = "Deepfakes" if fake else tables.REAL
        row = ("faceforensics", "val", fake, method, video, "video", video)
        rows.append(tables.VideoRow(video, *row))
        for name in DETECTORS:
            logit = float(rng.normal(2 * fake - 1, 1))
            values = (video, name, logit, 0.5, 4, "")
            stored.append(dict(zip(tables.VIDEOS.columns, values, strict=True)))
    artifacts = root / "artifacts"
    manifest = tables.from_rows(tables.MANIFEST, rows)
    tables.write(tables.MANIFEST, manifest, artifacts / "manifest/faceforensics.parquet")
    tables.write(
        tables.VIDEOS, tables.from_rows(tables.VIDEOS, stored), artifacts / "videos.parquet"
    )
    for name in DETECTORS:
        place = artifacts / f"scores/faceforensics/{name}.json"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(json.dumps({"weights_sha256": digest or name[0] * 64}))


def test_a_rule_that_learns_uses_the_stored_scores(checkout, planted_networks, tmp_path):
    write_settings(tmp_path)
    write_development(tmp_path, "")
    judge = examiner.load(tmp_path, "stack")
    answer = judge.examine(path_of(checkout, "picture"))
    assert answer.decision.prediction in ("fake", "real")
    # all frames were called alike: the rule that counts them gives no finite log-odds
    assert "finite scores of all its detectors" in answer.undecided["majority"]


def test_it_does_not_learn_from_other_weights(planted_networks, tmp_path):
    write_settings(tmp_path)
    write_development(tmp_path, "0" * 64)
    with pytest.raises(ValueError, match="made with other weights"):
        examiner.load(tmp_path, "stack")


# why


def test_maps_are_of_the_typical_frame_or_of_a_named_one(judge, of_video):
    maps = explaining.explain(judge, of_video)
    assert [m.detector for m in maps] == DETECTORS
    ranked = sorted(f.decision.fake_prob for f in of_video.frames)
    typical = next(f for f in of_video.frames if f.index == maps[0].frame)
    assert typical.decision.fake_prob == ranked[(len(ranked) - 1) // 2]
    last = of_video.frames[-1].index
    (named, _) = explaining.explain(judge, of_video, last)
    assert named.frame == last
    assert crops.decode(named.crop).shape == crops.decode(named.overlay).shape == (256, 256, 3)
    with pytest.raises(KeyError, match="no face was judged in frame 999"):
        explaining.explain(judge, of_video, 999)


def test_a_constant_map_is_told_not_drawn(judge, of_picture):
    # brightness everywhere counts alike: the gradient is one number for all places
    maps = explaining.explain(judge, of_picture)
    for made in maps:
        assert (made.problem == "") == (made.crop != made.overlay)


# many files


def test_a_folder_is_answered_file_by_file(checkout, judge):
    (checkout / "data/folder/notes.txt").write_text("no picture")
    batch = many.examine_all(judge, [checkout / "data/folder"])
    assert batch.total == len(FILES)
    assert batch.answers[0].source.filename == "fake/berta_anna_Face2Face.jpg"
    (failure,) = batch.failures
    assert failure.filename == "real/edge_no_face.mp4"
    assert failure.sentence.startswith("no face found")
    assert batch.left_out == ("notes.txt",)
    assert batch.count("fake") + batch.count("real") == len(batch.answers) == len(FILES) - 1


def test_a_named_file_is_never_left_out(checkout, judge, tmp_path):
    wrong = tmp_path / "a.txt"
    wrong.write_text("no picture")
    batch = many.examine_all(judge, [wrong, tmp_path / "missing.png"])
    assert [f.filename for f in batch.failures] == ["a.txt", "missing.png"]
    assert str(tmp_path) not in "".join(f.sentence for f in batch.failures)
    assert np.isnan(batch.average_confidence)
    assert answers.as_json(batch)["average_confidence"] is None


def test_nothing_to_examine_is_an_error(judge, tmp_path):
    with pytest.raises(ValueError, match="no picture or video"):
        many.examine_all(judge, [tmp_path])


# JSON


def test_json_of_a_picture(of_picture):
    told = json.loads(json.dumps(answers.as_json(of_picture), allow_nan=False))
    wanted = {
        "filename", "prediction", "confidence", "fake_probability", "real_probability",
        "processing_time", "face_detection_confidence", "model_predictions", "models_used",
        "total_models", "device",
    }  # fmt: skip
    assert wanted <= told.keys()
    assert told["filename"] == "anna.png"
    assert told["fake_probability"] + told["real_probability"] == pytest.approx(1)
    assert told["confidence"] == max(told["fake_probability"], told["real_probability"])
    assert told["models_used"] == DETECTORS
    assert told["total_models"] == 2
    for name in DETECTORS:
        assert set(told["model_predictions"][name]) == {"fake_prob", "real_prob", "prediction"}
    assert told["validation"]["rates"] == []
    assert "No validated error rate" in told["validation"]["sentences"][0]


def test_json_of_a_video(of_video):
    told = json.loads(json.dumps(answers.as_json(of_video), allow_nan=False))
    overall, info = told["overall_result"], told["processing_info"]
    assert {"prediction", "confidence", "fake_frame_ratio"} <= overall.keys()
    assert {"total_frames", "frames_processed", "processing_time", "processing_fps"} <= info.keys()
    assert len(told["frame_results"]) == len(of_video.frames)
    fakes = [frame["prediction"] == "fake" for frame in told["frame_results"]]
    assert overall["fake_frame_ratio"] == np.mean(fakes)
    assert info["processing_fps"] == pytest.approx(4 / info["processing_time"])
    assert set(overall["by_pooling"]) == {"mean", "majority", "confidence"}


def test_json_of_a_batch(of_picture, of_video):
    told = answers.as_json(Batch((of_picture, of_video), (Failure("a", "no face"),), ()))
    assert set(told) >= {"results", "total", "fake_count", "real_count", "average_confidence"}
    assert told["total"] == 3
    assert told["fake_count"] + told["real_count"] == 2
    assert told["errors"] == [{"filename": "a", "sentence": "no face"}]


# the command


def detect(root, *arguments):
    return cli.main(["--root", str(root), "detect", *map(str, arguments)])


def test_the_command_speaks_in_words(checkout, planted_networks, capsys):
    assert detect(checkout, path_of(checkout, "picture")) == 0
    said = capsys.readouterr().out
    assert said.startswith("anna.png: ")
    assert "No validated error rate stands behind this verdict" in said
    assert answers.CONFIDENCE in said


def test_without_a_face_the_status_is_2(checkout, planted_networks, capsys):
    assert detect(checkout, path_of(checkout, "faceless"), path_of(checkout, "picture")) == 2
    printed = capsys.readouterr()
    assert "edge_no_face.mp4: no verdict: no face found" in printed.err
    assert "edge_no_face.mp4: " not in printed.out
    assert "1 without a verdict" in printed.out


@pytest.mark.slow
def test_a_damaged_or_faceless_file_has_a_sentence_and_never_a_verdict(
    checkout, planted_networks, capsys, tmp_path
):
    cases = corpus.build(tmp_path / "odd", 0, depth=1)
    # a file is judged for what it is, whatever it is called
    unfit = [c for c in cases if c.faces == 0 and c.says not in (corpus.PICTURE, corpus.VIDEO)]
    paths = [tmp_path / "odd/real" / case.name for case in unfit]
    assert len(paths) > 40
    assert detect(checkout, *paths, "--json", str(tmp_path / "told.json")) == 2
    told = json.loads((tmp_path / "told.json").read_text("utf-8"))
    assert [e["filename"] for e in told["errors"]] == [path.name for path in paths]
    assert told["results"] == []
    sentences = [error["sentence"] for error in told["errors"]]
    assert all(len(s) > 12 and "\n" not in s and str(tmp_path) not in s for s in sentences)
    assert "without a verdict" in capsys.readouterr().out
    assert detect(checkout, paths[0]) == 2
    assert detect(checkout, tmp_path / "odd/real/a-video.jpg") == 0


def test_json_to_the_output_is_nothing_else(checkout, planted_networks, capsys):
    assert detect(checkout, path_of(checkout, "picture"), "--json", "-") == 0
    assert json.loads(capsys.readouterr().out)["filename"] == "anna.png"
    assert detect(checkout, path_of(checkout, "faceless"), "--json", "-") == 2
    assert json.loads(capsys.readouterr().out)["errors"][0]["filename"] == "edge_no_face.mp4"


def test_a_page_per_file(checkout, planted_networks, tmp_path):
    name = "a <script>alert(1)<!--.png"
    (tmp_path / "in").mkdir()
    for folder in ("", "deeper/"):
        place = tmp_path / "in" / f"{folder}{name}"
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(path_of(checkout, "picture").read_bytes())
    assert detect(checkout, tmp_path / "in", "--report", tmp_path / "pages") == 0
    pages = sorted((tmp_path / "pages").glob("*.html"))
    assert len(pages) == 2
    for page in pages:
        assert page.name.replace("_", "").isascii()
        assert "<script" not in page.read_text("utf-8")
    one = tmp_path / "one.html"
    assert detect(checkout, path_of(checkout, "picture"), "--report", one) == 0
    assert "anna.png" in one.read_text("utf-8")


def test_one_page_is_not_for_many_files(checkout, planted_networks, tmp_path, capsys):
    assert detect(checkout, checkout / "data", "--report", tmp_path / "one.html") == 1
    assert "name a folder" in capsys.readouterr().err


def test_a_name_cannot_command_the_terminal(of_picture):
    source = of_picture.source._replace(filename="a\x1b[2J\nb.png")
    said = answers.as_text(of_picture.__class__(**vars(of_picture) | {"source": source}))
    assert "\x1b" not in said
    assert "\nb.png" not in said


def test_frames_must_be_a_number(checkout, capsys):
    with pytest.raises(SystemExit) as stop:
        detect(checkout, "a.png", "--frames", "0")
    assert stop.value.code == 2
    assert "no whole number above 0" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.slow
def test_verdicts_are_logged_when_asked(checkout, planted_networks, tmp_path):
    import mlflow

    from deepbench.reporting import tracking

    write_settings(tmp_path)
    assert detect(tmp_path, path_of(checkout, "picture"), "--mlflow") == 0
    client = mlflow.MlflowClient(tracking.store(tmp_path))
    experiment = client.get_experiment_by_name(tracking.EXPERIMENT)
    (run,) = client.search_runs([experiment.experiment_id])
    assert (
        run.data.params.items()
        >= {
            "prediction_type": "image",
            "models_used": "xception, f3net",
            "num_models": "2",
            "filename": "anna.png",
        }.items()
    )
    wanted = {"confidence", "fake_probability", "real_probability", "processing_time_sec"}
    assert run.data.metrics.keys() >= wanted | {"xception_fake_prob", "f3net_fake_prob"}
    assert run.data.params["prediction"] in ("fake", "real")


# the real door


@pytest.fixture(scope="module")
def real_checkout(checkout, tmp_path_factory):
    """The same with one real detector, small and with demo weights."""
    root = tmp_path_factory.mktemp("real")
    write_settings(
        root,
        detectors=["effort"],
        videos={"pooling": "mean", "min_detectors": 1, "ensembles": {}},
    )
    path = root / "weights/effort" / effort.CARD.weights
    demo_weights.write(effort.demo_layout(), 1, path)
    return root


def test_demo_weights_are_said_to_mean_nothing(real_checkout, checkout):
    judge = examiner.load(real_checkout)
    answer = judge.examine(path_of(checkout, "picture"))
    assert answer.demo
    assert judge.asked.scorer == "effort"
    assert answers.as_text(answer).startswith("DEMO WEIGHTS")
    assert answers.as_json(answer)["demo_weights"] is True
    page = documents.page(judge, answer, explaining.explain(judge, answer))
    assert "Its verdict means nothing" in page
    assert answer.models[0].sha256 in page


def test_missing_weights_are_told_with_the_cure(tmp_path):
    write_settings(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no checkpoint in .*xception: put xce"):
        examiner.load(tmp_path)


def test_settings_are_narrowed_but_else_the_checkouts(checkout):
    asked = asking.ask(checkout, "equal", None)
    whole = params.load(checkout / "params.yaml")
    assert asked.settings.faces == whole.faces
    assert asked.settings.scorers == [*DETECTORS, "equal"]
    assert asking.choices(whole) == ["stack", "equal", *DETECTORS]

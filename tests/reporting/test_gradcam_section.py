"""The report's Grad-CAM section: figures beside pictures, and what may not be read from them."""

import base64

from gradcam_tables import checks_of, maps_of
from markupsafe import escape

from deepbench.core import evidence, tables
from deepbench.reporting import gradcam, html

NAMES = ("xception", "effort")


def rendered(crop, *detectors):
    section = gradcam.section(maps_of(*detectors), checks_of(*detectors), crop)
    return html.render("gradcam.html", {"gradcam": section})


def test_a_section_has_figures_and_pictures_of_every_detector():
    section = gradcam.section(maps_of(*NAMES), checks_of(*NAMES), "aligned")
    assert list(section.detectors) == list(NAMES)
    for shown in section.detectors.values():
        assert list(shown.sheets) == ["faceforensics", "dfdc"]
        assert shown.means
        assert shown.no_means == ""
        assert shown.counts == "5 crops of 5 videos. 1 of them: the map is constant."
        for picture in (*shown.sheets.values(), shown.means):
            kind, _, data = picture.uri.partition(",")
            assert kind == "data:image/jpeg;base64"
            assert base64.b64decode(data).startswith(b"\xff\xd8")
    assert section == gradcam.section(maps_of(*NAMES), checks_of(*NAMES), "aligned")


def test_those_who_see_no_picture_are_told_where_each_map_is_highest():
    alt = (
        gradcam.section(maps_of("effort"), checks_of("effort"), "aligned")
        .detectors["effort"]
        .sheets["faceforensics"]
        .alt
    )
    assert "Deepfakes, hit, fake probability 0.881: highest at the top left." in alt
    assert "real, false alarm, fake probability 0.731: highest at the top right." in alt
    assert "Face2Face, miss, fake probability 0.269: its map is constant." in alt


def test_crops_that_are_not_aligned_have_no_mean_map_and_a_reason():
    shown = gradcam.section(maps_of("effort"), checks_of("effort"), "padded").detectors["effort"]
    assert shown.means is None
    assert "'padded'" in shown.no_means


def test_each_figure_stands_beside_chance_its_interval_and_its_n():
    view = gradcam.table(checks_of("effort"))
    assert [line[0].text for line in view.rows] == ["all", "faceforensics"]
    assert view.columns[1] == gradcam.CHECKS["deletion"]
    deletion, insertion, pointing = view.rows[0][1:]
    assert deletion.text == "0.200"
    assert deletion.small == (
        "by chance 0.500",
        "difference -0.300",
        "[-0.400, -0.200]",
        "n 4, 1 without",
    )
    assert "fewer than 5" in insertion.small[2]
    assert pointing == html.Cell("no crop for which it is defined", undefined=True)


def test_mlflow_is_given_finite_figures_only():
    assert gradcam.metrics(checks_of(*NAMES), "effort", "all") == {
        "gradcam_deletion": 0.2,
        "gradcam_deletion_against_chance": -0.3,
        "gradcam_insertion": 0.8,
        "gradcam_insertion_against_chance": 0.3,
    }


def test_the_caption_says_what_a_map_is_not():
    assert "does not show what was forged" in gradcam.NOT_READING
    assert "say nothing of others" in gradcam.NOT_READING


def test_the_page_holds_captions_figures_and_pictures_of_every_detector():
    page = rendered("aligned", *NAMES)
    for text in (gradcam.READING, gradcam.NOT_READING, gradcam.METHOD):
        assert escape(text) in page
    assert page.count("<img ") == len(NAMES) * 3
    assert page.count('alt="Face crops, each beside its Grad-CAM map of ') == len(NAMES) * 2
    assert all(f"<summary>{name}</summary>" in page for name in NAMES)
    assert "by chance 0.500" in page
    assert page == rendered("aligned", *NAMES)
    padded = rendered("padded", "effort")
    assert padded.count("<img ") == 2
    assert "No mean maps" in padded


def test_no_crop_at_all_is_said():
    none = tables.from_rows(evidence.GRADCAM, []), tables.from_rows(evidence.MAP_CHECKS, [])
    section = gradcam.section(*none, "aligned")
    assert section.detectors == {}
    assert "No crop was explained" in html.render("gradcam.html", {"gradcam": section})
    assert gradcam.table(none[1]).rows == []

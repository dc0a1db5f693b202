"""Whatever bytes a loader is given, it returns a value or one of its documented errors."""

import fuzzed
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

TARGETS = pytest.mark.parametrize("target", fuzzed.TARGETS, ids=lambda target: target.name)
BAD = (b"1", b"[1]", b"null", b'"a"')  # in the place of a list of frames
# a zip archive that says it is the third of several
DISKS = (
    b"PK\x03\x04" + bytes(26) + b"PK\x06\x07" + (6).to_bytes(4, "little") + bytes(8)
    + (3).to_bytes(4, "little") + b"PK\x05\x06" + b"\xff" * 16 + bytes(2)
)  # fmt: skip
# a table whose column has a name that is no UTF-8
UNSPELT = fuzzed.parquet(fuzzed.MANIFEST).replace(b"video_id", b"video\x97id")
# found by tools/fuzz.py and by hand; each once made a loader raise what it should not
FOUND: dict[str, list[bytes]] = {
    "params": [b"seed: [", b"\xff", b"when: 2026-99-99", b"[" * 3000, b"a: &a [*b]", b"? [a]\n: 1"],
    "table": [UNSPELT, b"PAR1", b"PAR1" + bytes(40) + b"PAR1", b""],
    "shard": [
        UNSPELT,
        *(fuzzed.parquet(fuzzed.MANIFEST, {"deepbench": note}) for note in ("", "[]", '{"a": 1}')),
    ],
    "scores_csv": [
        b"\xff",
        b"path,fake_prob\n" + b"a" * 140_000 + b",1\n",
        b"path,fake_prob\n\0,1",
    ],
    "scores_parquet": [b"PAR1", b"PAR1" + bytes(40) + b"PAR1"],
    "dfdc_metadata": [
        *(b"[]", b"null", b"\xff", b"[" * 3000, b'{"a.mp4": {"label": []}}', b"9" * 5000),
        *(b'{"a.mp4": {"label": "REAL", "split": []}}', b'{"a.mp4": {"label": true, "split": 1}}'),
        b'{"a.mp4": {"label": "FAKE", "split": "train", "original": [1]}}',
    ],
    "dfdc_labels": [
        b"\xff",
        b"filename,label\n" + b"a" * 140_000 + b",1\n",
        b"filename,label\na\n",
        b"filename,label\n\0a.mp4,0\n",
    ],
    "dfdc_preview": [b"[]", b'{"a": 1}', b'{"a": {"label": "real", "set": []}}', b"{"],
    "deepfakebench": [
        *(b"[]", b"\xff", b'{"FF": {"FF-real": {"test": {"000": {"label": [], "frames": []}}}}}'),
        *(b'{"F": {"c": {"test": {"0": {"label": "FF-real", "frames": %s}}}}}' % f for f in BAD),
    ],
    "celeb_df": [b"\xff", b"1 Celeb-real/id0_0000.mp4\n" * 2],
    "pth": [
        *(b"", b"PK\x03\x04", DISKS, b"\x80\x02.", b"\x80\x02c__builtin__\neval\n."),
    ],
    "safetensors": [b"", b"\xff" * 16, b"\2\0\0\0\0\0\0\0{}"],
    "kind": [b"", b"\x47" * 400],
    "picture": [b"", b"GIF89a", b"BM" + bytes(60), b"\x89PNG\r\n\x1a\n" + bytes(40)],
}

PIECES = st.one_of(
    st.binary(max_size=8),
    st.sampled_from(
        [b"null", b"[]", b"{}", b"1e999", b"NaN", b"-1", b'""', b"\xff", b"\0", b"\n", b",", b'"']
    ),
    st.sampled_from(
        [b"9" * 400, b"[" * 3000, b"\xef\xbb\xbf", b"&a *a", b"!!python/name:os", b": "]
    ),
)


@st.composite
def damaged(draw: st.DrawFn, seed: bytes) -> bytes:
    """The right file with some places cut out, and something else put there."""
    content = seed
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        end = min(len(content), start + draw(st.integers(0, 24)))
        content = content[:start] + draw(PIECES) + content[end:]
    return content[: draw(st.integers(0, len(content)))] if draw(st.booleans()) else content


@TARGETS
def test_the_right_file_is_read(target, tmp_path):
    assert fuzzed.feed(target, target.seed, tmp_path) == ""


@TARGETS
def test_no_bytes_raise_what_is_not_documented(target, tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzzed")

    @settings(
        max_examples=60,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.one_of(damaged(target.seed), st.binary(max_size=64)))
    def check(content):
        fuzzed.feed(target, content, folder)

    check()


def test_findings_stay_mended(tmp_path):
    for target in fuzzed.TARGETS:
        for number, content in enumerate(FOUND.get(target.name, [])):
            (tmp_path / f"{target.name}-{number}").mkdir()
            fuzzed.feed(target, content, tmp_path / f"{target.name}-{number}")

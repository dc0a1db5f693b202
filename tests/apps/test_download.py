"""Downloads from a real server: whole, cut, resumed, refused."""

import hashlib
import http.server
import threading
from functools import partial

import numpy as np
import pytest

from deepbench.apps import download

CONTENT = np.random.default_rng(0).bytes(3_000_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """Serves CONTENT as /file and remembers what it was asked for."""

    daemon_threads = True

    def __init__(self):
        self.ranges = True  # whether it knows the header Range
        self.cut = None  # bytes after which it hangs up, once
        self.tag = '"v1"'
        self.length = True  # whether it says how long the file is
        self.asked = []
        super().__init__(("127.0.0.1", 0), partial(Handler, self))

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(http.server.BaseHTTPRequestHandler):
    def __init__(self, owner, *args):
        self.owner = owner
        super().__init__(*args)

    def log_message(self, *args):
        pass

    def do_GET(self):
        wanted = self.headers.get("Range")
        self.owner.asked.append((self.path, wanted))
        if self.path == "/login":
            self._answer(200, b"<html>log in</html>", {"Content-Type": "text/html; charset=utf-8"})
        elif not self.path.startswith("/file"):
            self.send_error(404)
        elif wanted and self.owner.ranges and self._same_version():
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(CONTENT):
                self._answer(416, b"", {"Content-Range": f"bytes */{len(CONTENT)}"})
                return
            span = f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"
            self._answer(206, CONTENT[start:], {"Content-Range": span})
        else:
            self._answer(200, CONTENT, {})

    def _same_version(self):
        return self.headers.get("If-Range", self.owner.tag) == self.owner.tag

    def _answer(self, status, body, headers):
        # before the client hears anything, for the test may then set the next one
        cut, self.owner.cut = self.owner.cut, None
        self.send_response(status)
        if self.owner.length:
            self.send_header("Content-Length", str(len(body)))
        if self.owner.tag:
            self.send_header("ETag", self.owner.tag)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[:cut])
        self.close_connection = True


@pytest.fixture
def server():
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.02,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "weights" / "xception" / "file"


def left(path):
    return sorted(p.name for p in path.parent.iterdir())


def test_a_whole_file_appears_with_its_sha256(server, path):
    assert download.fetch(f"{server.url}/file", path) == SHA256
    assert path.read_bytes() == CONTENT
    assert left(path) == ["file"]
    assert server.asked == [("/file", None)]


def test_a_cut_is_reported_and_resumed(server, path):
    server.cut = 1_200_000
    with pytest.raises(
        ConnectionError, match=r"file was cut \(1,200,000 of 3,000,000 bytes came\)"
    ):
        download.fetch(f"{server.url}/file", path)
    assert left(path) == ["file.part", "file.part.tag"]
    assert download.fetch(f"{server.url}/file", path, SHA256) == SHA256
    assert server.asked[1:] == [("/file", "bytes=1200000-")]
    assert path.read_bytes() == CONTENT
    assert left(path) == ["file"]


@pytest.mark.parametrize("change", [{"ranges": False}, {"tag": '"v2"'}])
def test_it_starts_anew_without_range_or_with_another_version(change, server, path):
    path.parent.mkdir(parents=True)
    begun = download.begun(path)
    begun.part.write_bytes(b"x" * 1000)  # would spoil the file if it were continued
    begun.tag.write_text('"v1"')
    for name, value in change.items():
        setattr(server, name, value)
    assert download.fetch(f"{server.url}/file", path) == SHA256
    assert server.asked == [("/file", "bytes=1000-")]


def test_more_bytes_than_the_file_has_are_dropped(server, path):
    path.parent.mkdir(parents=True)
    download.begun(path).part.write_bytes(b"x" * (len(CONTENT) + 1))
    assert download.fetch(f"{server.url}/file", path, SHA256) == SHA256
    assert [wanted for _, wanted in server.asked] == [f"bytes={len(CONTENT) + 1}-", None]


def test_a_missing_file_is_named(server, path):
    with pytest.raises(ValueError, match=rf"{server.url}/gone: the server answered 404 Not Found"):
        download.fetch(f"{server.url}/gone", path)
    assert not path.parent.exists()


def test_a_web_page_is_no_file(server, path):
    with pytest.raises(ValueError, match="sent a web page, not a file"):
        download.fetch(f"{server.url}/login", path)
    assert not path.parent.exists()


def test_a_wrong_checksum_keeps_nothing(server, path):
    with pytest.raises(ValueError, match=rf"sha256 is {SHA256} instead of {'0' * 64}"):
        download.fetch(f"{server.url}/file", path, "0" * 64)
    assert left(path) == []


def test_no_network_says_what_to_do(server, path):
    url = f"{server.url}/file"
    server.shutdown()
    server.server_close()
    with pytest.raises(ConnectionError) as caught:
        download.fetch(url, path)
    message = str(caught.value)
    assert message.startswith("no network: could not reach 127.0.0.1 (")
    assert message.endswith(f"; download {url} by hand and put it at {path}")


def test_an_unknown_host_is_no_network(path):
    # .invalid never resolves (RFC 2606)
    with pytest.raises(ConnectionError, match=r"no network: could not reach weights\.invalid \("):
        download.fetch("http://weights.invalid/file", path)


def test_what_is_there_is_never_overwritten(server, path):
    path.parent.mkdir(parents=True)
    path.write_bytes(b"mine")
    with pytest.raises(FileExistsError, match="is there already; move it away"):
        download.fetch(f"{server.url}/file", path)
    assert path.read_bytes() == b"mine"
    assert server.asked == []


def test_a_part_of_an_unknown_version_is_not_continued(server, path):
    server.cut, server.tag = 1_200_000, ""
    with pytest.raises(ConnectionError, match="was cut"):
        download.fetch(f"{server.url}/file", path)
    assert not path.exists()
    # no name of the version and no sha256: the bytes might be of two files
    assert download.fetch(f"{server.url}/file", path) == SHA256
    assert server.asked[1:] == [("/file", None)]


def test_a_cut_that_nothing_would_show_is_refused(server, path):
    server.length, server.cut = False, 1_200_000
    with pytest.raises(ValueError, match="does not say how long the file is"):
        download.fetch(f"{server.url}/file", path)
    server.cut = 1_200_000
    with pytest.raises(ValueError, match=r"sha256 is .* nothing was kept"):
        download.fetch(f"{server.url}/file", path, SHA256)
    assert not path.exists()
    assert download.fetch(f"{server.url}/file", path, SHA256) == SHA256


def test_two_downloads_of_one_file_do_not_mix(server, path):
    path.parent.mkdir(parents=True)
    with (
        download._only_one(path),
        pytest.raises(FileExistsError, match="another process is downloading"),
    ):
        download.fetch(f"{server.url}/file", path)
    assert download.fetch(f"{server.url}/file", path) == SHA256


def test_a_full_disk_keeps_what_came_and_names_the_cure(server, path, small_disk):
    target = small_disk(2) / "file"
    with pytest.raises(OSError, match=rf"disk full while writing {target}: .* free some space"):
        download.fetch(f"{server.url}/file", target, SHA256)
    assert not target.exists()
    small_disk.grow(10)
    assert download.fetch(f"{server.url}/file", target, SHA256) == SHA256
    assert server.asked[1][1].startswith("bytes=")

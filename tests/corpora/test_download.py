from __future__ import annotations

import hashlib
import io
import stat
import sys
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from serenade import corpora
from serenade.corpora import _download
from serenade.errors import CorpusError, MissingExtraError

pytest.importorskip("pooch")


def packed(**files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/"), content)
    return buffer.getvalue()


def md5(data):
    return "md5:" + hashlib.md5(data).hexdigest()


@pytest.fixture
def site():
    """Serve `pages` by path; `asked` lists the paths that were requested."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            server.asked.append(self.path)
            body = server.pages.get(self.path)
            self.send_response(200 if body is not None else 404)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.pages, server.asked = {}, []
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("kind", ["md5", "sha256"])
def test_fetch_unpacks_once(site, tmp_path, kind):
    site.pages["/c.zip"] = data = packed(wav__a="one", readme="two")
    checksum = f"{kind}:{hashlib.new(kind, data).hexdigest()}"
    for _ in range(2):
        folder = _download.download_archive(
            f"{site.url}/c.zip", checksum, tmp_path / "new" / "corpus"
        )
        assert folder == tmp_path / "new" / "corpus"
        assert (folder / "wav" / "a").read_text() == "one"
    assert site.asked == ["/c.zip"]
    assert [path.name for path in folder.parent.iterdir()] == ["corpus"]


def test_a_wrong_checksum_leaves_nothing(site, tmp_path):
    site.pages["/c.zip"] = packed(a="one")
    with pytest.raises(CorpusError, match="does not have the checksum md5:0"):
        _download.download_archive(f"{site.url}/c.zip", "md5:" + "0" * 32, tmp_path / "corpus")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_download_names_the_address(site, tmp_path):
    with pytest.raises(CorpusError, match=r"/gone\.zip: download failed"):
        _download.download_archive(f"{site.url}/gone.zip", "md5:" + "0" * 32, tmp_path / "corpus")


def test_an_interrupted_unpacking_is_repeated_without_downloading(site, tmp_path, monkeypatch):
    site.pages["/c.zip"] = data = packed(a="one", b="two")
    target = tmp_path / "corpus"

    def stop(_, folder):
        folder.mkdir()
        (folder / "stale").write_text("half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(_download, "unpack_archive", stop)
        with pytest.raises(KeyboardInterrupt):
            _download.download_archive(f"{site.url}/c.zip", md5(data), target)
    assert not target.exists()
    _download.download_archive(f"{site.url}/c.zip", md5(data), target)
    assert {path.name for path in target.iterdir()} == {"a", "b", _download.MARKER}
    assert site.asked == ["/c.zip"]
    assert list(tmp_path.iterdir()) == [target]


def test_a_download_uses_no_folder_that_another_user_can_write(site, tmp_path):
    site.pages["/c.zip"] = data = packed(a="one")
    victim, shared = tmp_path / "victim", tmp_path / ".corpus.download-1"
    for folder in (victim, shared):
        folder.mkdir()
        (folder / "thesis.txt").write_text("years")
    victim.chmod(0o700)
    shared.chmod(0o777)
    for name in (".corpus.partial", ".corpus.zip", ".corpus.download-0"):
        (tmp_path / name).symlink_to(victim)
    target = _download.download_archive(f"{site.url}/c.zip", md5(data), tmp_path / "corpus")
    assert (target / "a").read_text() == "one"
    for folder in (victim, shared):
        assert [path.name for path in folder.iterdir()] == ["thesis.txt"]


def test_a_folder_in_use_is_left_alone(site, tmp_path):
    site.pages["/c.zip"] = data = packed(a="one")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years")
    with pytest.raises(CorpusError, match="exists and is not a download"):
        _download.download_archive(f"{site.url}/c.zip", md5(data), tmp_path / "mine")
    _download.download_archive(f"{site.url}/c.zip", md5(data), tmp_path / "corpus")
    with pytest.raises(CorpusError, match="holds another download"):
        _download.download_archive(f"{site.url}/other.zip", md5(data), tmp_path / "corpus")
    assert site.asked == ["/c.zip"]


@pytest.mark.parametrize(
    "name", ["../out", "a/../../out", "/out", "..\\out", "C:\\out", "C:out", "\\\\host\\out"]
)
def test_names_that_lead_out_are_refused(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr("fine", "x")
        archive.writestr(name, "x")
    with pytest.raises(CorpusError, match="leads out of the folder"):
        _download.unpack_archive(tmp_path / "bad.zip", tmp_path / "in" / "side")
    assert [path.name for path in tmp_path.iterdir()] == ["bad.zip"]


def test_links_are_refused(tmp_path):
    entry = zipfile.ZipInfo("link")
    entry.create_system = 3
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr(entry, "/etc/passwd")
    with pytest.raises(CorpusError, match="link is a link"):
        _download.unpack_archive(tmp_path / "bad.zip", tmp_path / "inside")


def test_what_is_no_zip_is_named(site, tmp_path):
    site.pages["/c.zip"] = data = b"<html>moved</html>"
    with pytest.raises(CorpusError, match="a damaged zip file"):
        _download.download_archive(f"{site.url}/c.zip", md5(data), tmp_path / "corpus")


def test_a_corpus_is_fetched_and_opened(site, tmp_path, record, monkeypatch):
    import dataclasses

    from serenade.corpora import ravdess
    from serenade.corpora._corpus import Archive

    stem = "03-01-05-01-01-01-01.wav"
    content = record(tmp_path / "x.wav").read_bytes()
    site.pages["/r.zip"] = data = packed(**{f"Actor_01__{stem}": content})
    archive = Archive(f"{site.url}/r.zip", md5(data))
    monkeypatch.setattr(ravdess, "INFO", dataclasses.replace(ravdess.INFO, archive=archive))
    folder = corpora.fetch("ravdess", tmp_path / "ravdess")
    assert len(corpora.open("ravdess", folder)) == 1


def test_without_pooch_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(MissingExtraError, match=r"serenade\[train\]"):
        _download.download_archive("http://127.0.0.1:9/c.zip", "md5:0", tmp_path / "corpus")

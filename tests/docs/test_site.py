"""The site builds strictly, with sockets closed, and asks no other server for anything."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OFFLINE = """
import socket, sys
def refuse(*_, **__):
    raise OSError("the site is built without network")
socket.socket.connect = socket.getaddrinfo = socket.create_connection = refuse
from mkdocs.__main__ import cli
cli(sys.argv[1:])
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    out = tmp_path_factory.mktemp("docs") / "made"
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    for arguments in (
        [str(ROOT / "scripts" / "make_docs_pages.py"), "--out", str(out)],
        ["-c", OFFLINE, "build", "--strict", "--quiet", "--config-file", str(out / "mkdocs.yml")],
    ):
        done = subprocess.run(
            [sys.executable, *arguments],
            capture_output=True,
            text=True,
            check=False,
            env=environment,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    return out / "site"


class Loaded(HTMLParser):
    """Addresses that a browser fetches by itself."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        if tag == "link" and named.get("rel") != "canonical":
            self.found.append(named.get("href"))
        if tag in {"script", "img", "iframe", "source", "video", "audio"}:
            self.found.append(named.get("src"))


def test_every_page_is_built(site):
    pages = sorted(path.relative_to(site).as_posix() for path in site.rglob("index.html"))
    assert {"index.html", "leaderboard/index.html", "systems/stser/index.html"} <= set(pages)
    assert len(pages) > 50


def test_nothing_comes_from_another_server(site):
    for page in site.rglob("*.html"):
        parser = Loaded()
        parser.feed(page.read_text("utf-8"))
        foreign = [one for one in parser.found if one and re.match(r"(https?:)?//", one)]
        assert not foreign, page
    for sheet in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(https?:)?//", sheet.read_text("utf-8")), sheet


def test_search_finds_systems_by_an_index_of_its_own(site):
    index = (site / "search" / "search_index.json").read_text("utf-8")
    assert "fusion-transformer" in index
    assert "MissingExtraError" in index


def test_docstrings_are_in_the_reference(site):
    page = (site / "reference" / "serenade.inference" / "index.html").read_text("utf-8")
    assert "Predict the emotion of a recording as a whole." in page
    assert 'id="serenade.inference.Model.predict"' in page

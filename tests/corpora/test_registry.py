from __future__ import annotations

import subprocess
import sys

import pytest

from serenade import corpora
from serenade.corpora import CorpusInfo
from serenade.corpora._labels import LABELS
from serenade.errors import CorpusError, SerenadeError

REAL = (
    *("casia", "crema-d", "emodb", "iemocap", "msp-podcast", "nemo"),
    *("paired-nemo", "paired-ravdess", "paired-ravdess-x4", "ravdess"),
)


def test_names_are_sorted_and_complete():
    assert corpora.names() == tuple(sorted(corpora.names()))
    assert set(corpora.names()) == set(REAL)


@pytest.mark.parametrize("name", corpora.names())
def test_describe_has_licence_citation_and_counts(name):
    info = corpora.describe(name)
    assert isinstance(info, CorpusInfo)
    assert info.name == name
    assert all((info.title, info.licence, info.citation, info.languages))
    assert set(info.labels) <= set(LABELS)
    if info.expected is not None:
        assert set(info.expected.per_label) == set(info.labels)
        assert sum(info.expected.per_label.values()) == info.expected.files


@pytest.mark.parametrize("name", REAL)
def test_describe_says_how_to_get_each_corpus(name):
    info = corpora.describe(name)
    assert info.layout
    assert info.obtain
    if info.archive is not None:
        kind, digest = info.archive.checksum.split(":")
        assert len(digest) == {"md5": 32, "sha256": 64}[kind]


def test_describe_imports_nothing_heavy():
    code = (
        "import sys; from serenade import corpora\n"
        f"for name in {REAL}: corpora.describe(name)\n"
        "heavy = {'pandas', 'numpy', 'soundfile', 'torch', 'pooch', 'audformat'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_open_imports_neither_torch_nor_features(tmp_path, record):
    record(tmp_path / "wav" / "03a01Fa.wav")
    code = (
        "import sys; from serenade import corpora\n"
        f"corpora.open('emodb', {str(tmp_path)!r})\n"
        "print([m for m in sys.modules if m.split('.')[0] in ('torch', 'skorch', 'sklearn')\n"
        "       or m.startswith('serenade.features')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("ask", [corpora.get, corpora.describe, corpora.open])
def test_get_suggests_the_nearest_names(ask):
    with pytest.raises(CorpusError, match=r"no corpus 'ravdes'; did you mean ravdess"):
        ask("ravdes")


@pytest.mark.parametrize("ask", [corpora.get, corpora.describe, corpora.open])
def test_get_lists_all_names_if_none_is_near(ask):
    with pytest.raises(CorpusError, match=r"no corpus 'x'; choose from .*ravdess.*\.csv.*\.py"):
        ask("x")


def test_get_says_where_synthetic_is_now():
    with pytest.raises(CorpusError, match=r"it is now examples/synthetic_corpus\.py"):
        corpora.open("synthetic")


def test_get_returns_facts_and_loader(tmp_path, record):
    record(tmp_path / "wav" / "03a01Fa.wav")
    emodb = corpora.get("emodb")
    assert emodb.info is corpora.describe("emodb")
    assert len(emodb.load(tmp_path)) == 1


def test_open_without_a_folder_gives_the_layout():
    with pytest.raises(CorpusError, match=r"ravdess: no folder given.*Actor_01"):
        corpora.open("ravdess")


@pytest.mark.parametrize("suffix", [".csv", ".TSV"])
def test_open_takes_the_path_of_a_manifest(tmp_path, record, suffix):
    record(tmp_path / "a.wav")
    path = tmp_path / f"mine{suffix}"
    path.write_text("file,emotion\na.wav,sad\n".replace(",", "\t" if suffix == ".TSV" else ","))
    corpus = corpora.open(path)
    assert corpus.labels == ("sad",)
    assert corpus.info.name == "mine"


def test_fetch_refuses_a_corpus_without_checksum(tmp_path):
    with pytest.raises(SerenadeError, match=r"emodb: cannot be downloaded.*bilderbar"):
        corpora.fetch("emodb", tmp_path / "emodb")
    assert not (tmp_path / "emodb").exists()

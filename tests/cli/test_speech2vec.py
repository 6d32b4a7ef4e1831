"""`serenade speech2vec`, end to end."""

import json

import pytest
from click.testing import CliRunner

from serenade import corpora
from serenade.cli._main import cli
from serenade.corpora import list_word_times, write_words
from serenade.encoders import _word_vectors
from serenade.errors import CorpusError, ModelError

pytest.importorskip("torch")
pytest.importorskip("safetensors")

QUICK = ("--size", "8", "--epochs", "2", "--jobs", "1")


@pytest.fixture(scope="module")
def root(tmp_path_factory, write_iemocap):
    return write_iemocap(tmp_path_factory.mktemp("iemocap"), sessions=(1, 2))


@pytest.fixture
def inside(tmp_path, monkeypatch):
    monkeypatch.setenv("SERENADE_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(cli, list(map(str, words)), catch_exceptions=False)


def test_a_corpus_that_knows_its_words(inside, root, tmp_path):
    done = inside("speech2vec", "iemocap", "--root", root, "--out", "new/v.txt", *QUICK)
    assert done.exit_code == 0
    assert "31 words of 296 spoken ones" in done.output
    found = _word_vectors.load_word_vectors(tmp_path / "new" / "v.txt")
    assert (len(found), found.dims) == (31, 8)
    assert "wonderful" in found
    history = json.loads((tmp_path / "new" / "v.json").read_text())
    assert [sorted(point) for point in history["points"]] == [
        ["epoch", "step", "train_loss", "valid_loss"]
    ] * 2
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        "v.json",
        "v.safetensors",
        "v.txt",
    ]
    again = inside("speech2vec", "--out", "new/v.txt", "--nearest", "Alone", "--nearest", "sea")
    near = [found.nearest(word)[0][0] for word in ("alone", "sea")]
    lines = again.output.splitlines()
    assert [line.split()[:2] for line in lines] == [["Alone:", near[0]], ["sea:", near[1]]]


def test_a_table_of_words_needs_no_corpus(inside, root, tmp_path):
    corpus = corpora.open("iemocap", root)
    rows = [
        (file, *word, float("nan"))
        for (file, _, _), words in zip(corpus.table.index, list_word_times(corpus), strict=True)
        for word in words
    ]
    write_words(tmp_path / "words.csv", rows)
    bare = inside("speech2vec", "--words", "words.csv", "--out", "a.txt", *QUICK)
    assert bare.exit_code == 0
    same = inside("speech2vec", "iemocap", "--root", root, "--out", "b.txt", *QUICK)
    assert same.exit_code == 0
    assert (tmp_path / "a.txt").read_bytes() == (tmp_path / "b.txt").read_bytes()


def test_what_cannot_be_done_is_said(inside, root, tmp_path):
    nothing = inside("speech2vec", "--out", "v.txt")
    assert nothing.exit_code == 2
    assert "give CORPUS or --words" in nothing.output
    odd = inside("speech2vec", "iemocap", "--root", root, "--out", "v.txt", "--set", "windows=2")
    assert "--set windows: choose from batch" in odd.output
    with pytest.raises(ModelError, match="even size"):
        inside("speech2vec", "iemocap", "--root", root, "--out", "v.txt", "--size", "7")
    with pytest.raises(ModelError, match=r"v\.txt: No such file"):
        inside("speech2vec", "--out", "v.txt", "--nearest", "sea")
    (tmp_path / "own.csv").write_text("file,emotion\n")
    with pytest.raises(CorpusError, match="nothing usable of own"):
        inside("speech2vec", "own.csv", "--out", "v.txt")

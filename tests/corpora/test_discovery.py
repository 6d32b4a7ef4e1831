from __future__ import annotations

import re

import pytest

from serenade.corpora import CorpusInfo
from serenade.corpora._discovery import has_recording, locate_corpus, scan_recordings
from serenade.errors import CorpusError

INFO = CorpusInfo(
    *("toy", "Toy corpus", "none", "none", "", ("en",), ("sad",)),
    layout="take/NN.wav",
    obtain="get it from the shop",
    folders=("Toy",),
)


def fits(folder):
    return has_recording(folder.glob("take/*"), re.compile(r"\d\d"))


def put(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


def kinds(problems):
    return {problem.kind: problem.files for problem in problems}


def test_locate_takes_the_root_or_a_parent(tmp_path, monkeypatch):
    put(tmp_path / "anything" / "take" / "01.flac")
    assert locate_corpus(tmp_path / "anything", INFO, fits) == tmp_path / "anything"
    assert locate_corpus(tmp_path, INFO, fits) == tmp_path / "anything"
    monkeypatch.chdir(tmp_path)
    assert locate_corpus("anything/take/..", INFO, fits) == tmp_path / "anything"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert locate_corpus("~/anything", INFO, fits) == tmp_path / "anything"


def test_locate_prefers_the_usual_name_and_refuses_to_guess(tmp_path):
    put(tmp_path / "one" / "take" / "01.wav")
    put(tmp_path / "two" / "take" / "01.wav")
    with pytest.raises(CorpusError, match="one, two each look like Toy corpus; open one"):
        locate_corpus(tmp_path, INFO, fits)
    put(tmp_path / "TOY" / "take" / "01.wav")
    assert locate_corpus(tmp_path, INFO, fits) == tmp_path / "TOY"


@pytest.mark.parametrize("name", ["01.txt", "._01.wav", "1.wav"])
def test_locate_says_what_was_expected_and_found(tmp_path, name):
    put(tmp_path / "take" / name)
    with pytest.raises(
        CorpusError, match=r"no audio of Toy corpus.*take/NN.wav.*the shop.*found take"
    ):
        locate_corpus(tmp_path, INFO, fits)


def test_locate_names_missing_empty_and_file_roots(tmp_path):
    with pytest.raises(CorpusError, match=r"there is no such folder.*the shop"):
        locate_corpus(tmp_path / "gone", INFO, fits)
    with pytest.raises(CorpusError, match="it is a file"):
        locate_corpus(put(tmp_path / "file"), INFO, fits)
    (tmp_path / "empty").mkdir()
    with pytest.raises(CorpusError, match="found an empty folder"):
        locate_corpus(tmp_path / "empty", INFO, fits)


def test_scan_goes_by_stem_and_prefers_lossless(tmp_path):
    for name in ("a.ogg", "a.wav", "a.MP3", "b.Flac", "deep/er/c.opus", "notes.txt", "a.b.wav"):
        put(tmp_path / name)
    files, problems = scan_recordings(tmp_path, tmp_path)
    assert [file.relative_to(tmp_path).as_posix() for file in files] == [
        *("a.b.wav", "a.wav", "b.Flac", "deep/er/c.opus")
    ]
    assert kinds(problems) == {"twice": ("a.MP3", "a.ogg")}


def test_scan_by_stem_finds_a_second_copy_of_the_whole(tmp_path):
    put(tmp_path / "copy" / "Actor" / "a.wav")
    put(tmp_path / "Actor" / "a.wav")
    assert len(scan_recordings(tmp_path, tmp_path)[0]) == 2
    files, problems = scan_recordings(tmp_path, tmp_path, key=lambda path: path.stem)
    assert files == [tmp_path / "Actor" / "a.wav"]
    assert kinds(problems) == {"twice": ("copy/Actor/a.wav",)}


def test_scan_takes_videos_and_reports_copies_and_mac_files(tmp_path):
    for name in ("x.wav", "._x.wav", "__MACOSX/._y.wav", "x.mp4", "y.mp4", "z.WebM", "z.m4a"):
        put(tmp_path / name)
    files, problems = scan_recordings(tmp_path, tmp_path)
    assert files == [tmp_path / "x.wav", tmp_path / "y.mp4", tmp_path / "z.m4a"]
    companions = ("._x.wav", "__MACOSX/._y.wav")
    assert kinds(problems) == {"mac": companions, "twice": ("x.mp4", "z.WebM")}

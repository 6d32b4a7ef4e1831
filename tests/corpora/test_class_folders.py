"""Folders with a subfolder for each emotion."""

import numpy as np
import pytest
from support.media import encode

from serenade import corpora
from serenade.errors import CorpusError


def test_open_takes_a_folder_with_a_subfolder_for_each_emotion(tmp_path, record):
    for name in ("sad/a.wav", "sad/day 2/b.wav", "Anger/a.wav", "loose.wav"):
        record(tmp_path / "calls" / name, seconds=1.0)
    corpora.check_name(tmp_path / "calls")
    corpus = corpora.open(tmp_path / "calls")
    assert corpus.info.name == "calls"
    assert list(corpus.table["emotion"]) == ["Anger", "sad", "sad"]
    assert {problem.kind for problem in corpus.problems} >= {"speaker", "label"}
    assert len(corpora.open(str(tmp_path / "calls"), labels=("sad",))) == 2


def test_open_explains_a_folder_without_such_subfolders(tmp_path, record):
    record(tmp_path / "calls" / "loose.wav", seconds=1.0)
    with pytest.raises(CorpusError, match="no subfolder holds recordings; give a folder with"):
        corpora.open(tmp_path / "calls")


def test_open_takes_videos_and_what_browsers_record(tmp_path):
    tone = 0.3 * np.sin(np.arange(24000) / 20)
    for name, kind in {"sad/a.mp4": "mp4", "sad/b.webm": "webm", "angry/c.3gp": "3gp"}.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(encode(kind, tone, video=kind != "webm"))
    (tmp_path / "angry" / "d.mp4").write_bytes(b"no video")
    corpus = corpora.open(tmp_path)
    files = [path.removeprefix(f"{tmp_path}/") for path in corpus.table.index.unique("file")]
    assert files == ["angry/c.3gp", "sad/a.mp4", "sad/b.webm"]
    assert ("angry/d.mp4",) in [problem.files for problem in corpus.problems]

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.media import encode

from serenade import corpora
from serenade.corpora import Corpus, CorpusInfo, Counts, build_table
from serenade.corpora._labels import order_labels
from serenade.errors import CorpusError

INFO = CorpusInfo(
    "toy", "Toy", "none", "none", "", ("en",), ("angry", "sad", "calm"), Counts(4, 2, {"angry": 4})
)


@pytest.fixture
def corpus() -> Corpus:
    said = [("a", "03", "sad"), ("b", "03", "angry"), ("c", None, "sad"), ("d", "01", "tired")]
    rows = [{"file": f"/x/{f}.wav", "speaker": s, "emotion": e} for f, s, e in said]
    return Corpus(INFO, Path("/x"), build_table(rows))


def stems(corpus: Corpus) -> list[str]:
    return [Path(file).stem for file in corpus.table.index.get_level_values("file")]


def test_labels_speakers_and_length(corpus):
    assert len(corpus) == 4
    assert corpus.labels == ("angry", "sad", "tired")
    assert corpus.speakers == ("01", "03")


def test_select_by_mask_labels_and_both(corpus):
    mask = corpus.table["speaker"] == "03"
    assert stems(corpus.select(mask)) == ["a", "b"]
    assert stems(corpus.select(mask.to_numpy())) == ["a", "b"]
    assert stems(corpus.select([False, True, True, False])) == ["b", "c"]
    assert stems(corpus.select(labels=["sad"])) == ["a", "c"]
    assert stems(corpus.select(labels="sad")) == ["a", "c"]
    assert stems(corpus.select(mask, labels=["sad"])) == ["a"]
    assert len(corpus) == 4, "a selection leaves its source alone"


def test_select_refuses_wrong_masks_and_labels(corpus):
    with pytest.raises(CorpusError, match=r"shape \(2,\) for 4 rows"):
        corpus.select([True, False])
    with pytest.raises(CorpusError, match="no label 'calm'; it has angry, sad, tired"):
        corpus.select(labels=["calm"])


def test_map_labels_merges_drops_and_keeps(corpus):
    mapped = corpus.map_labels({"angry": "upset", "sad": "upset", "calm": "neutral", "tired": None})
    assert list(mapped.table["emotion"]) == ["upset"] * 3
    assert mapped.info.labels == ("upset", "neutral")
    assert mapped.info.expected is None
    assert corpus.map_labels({"sad": "low"}).labels == ("angry", "low", "tired")
    assert corpus.info.labels == INFO.labels


def test_map_labels_refuses_a_label_that_is_not_there(corpus):
    with pytest.raises(CorpusError, match="no label 'anger'"):
        corpus.map_labels({"anger": "angry"})


def test_rows_serve_scikit_learn(corpus):
    from sklearn.model_selection import LeaveOneGroupOut

    known = corpus.select(corpus.table["speaker"].notna())
    folds = list(
        LeaveOneGroupOut().split(known.table, known.table["emotion"], known.table["speaker"])
    )
    assert [list(test) for _, test in folds] == [[2], [0, 1]]
    assert known.table["emotion"].to_numpy().dtype == np.dtype(object)


def test_ordered():
    assert order_labels(["x", "happy", "angry", "x"]) == ("angry", "happy", "x")
    assert order_labels(["b"], ("a", "b"), keep_absent=True) == ("a", "b")


def test_table_index_is_audformat_segmented(corpus):
    audformat = pytest.importorskip("audformat")
    assert audformat.is_segmented_index(corpus.table)
    audformat.assert_index(corpus.table.index)
    pd.testing.assert_index_equal(
        audformat.utils.to_segmented_index(corpus.table.index), corpus.table.index
    )


def test_open_takes_a_folder_with_a_subfolder_for_each_emotion(tmp_path, record):
    for name in ("sad/a.wav", "sad/day 2/b.wav", "Anger/a.wav", "loose.wav"):
        record(tmp_path / "calls" / name, seconds=1.0)
    corpora.check_name(tmp_path / "calls")
    corpus = corpora.open(tmp_path / "calls")
    assert corpus.info.name == "calls"
    assert list(corpus.table["emotion"]) == ["Anger", "sad", "sad"]
    assert {problem.kind for problem in corpus.problems} >= {"speaker", "label"}
    for labels in (("sad",), "sad"):
        assert len(corpora.open(str(tmp_path / "calls"), labels=labels)) == 2


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

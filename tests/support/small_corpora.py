"""Small corpora."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from serenade.corpora import Corpus, CorpusInfo, build_table

SYNTHETIC = str(Path(__file__).parents[2] / "examples" / "synthetic_corpus.py")
"""Path of the corpus of synthetic speech."""


@pytest.fixture
def make_corpus(tmp_path):
    """Return a function that makes a corpus of files from speakers and items per emotion."""

    def make(speakers=4, each=3, labels=("angry", "happy", "sad"), **columns):
        rng = np.random.default_rng(0)
        rows = []
        for speaker in range(1, speakers + 1):
            for label in labels:
                for take in range(each):
                    path = tmp_path / f"s{speaker}" / f"{label}{take}.wav"
                    path.parent.mkdir(exist_ok=True)
                    path.write_bytes(rng.bytes(20))
                    row = {"file": str(path), "speaker": f"s{speaker}", "emotion": label}
                    rows.append(row | {name: of(speaker) for name, of in columns.items()})
        info = CorpusInfo(
            name="small",
            title="A small corpus",
            licence="CC0",
            citation="none",
            url="",
            languages=(),
            labels=labels,
        )
        return Corpus(info, tmp_path, build_table(rows))

    return make

"""Open recordings in `<speaker>/<emotion>/<sentence>.wav` with German names of emotions.

serenade corpora own_corpus.py --root my-recordings
serenade evaluate whisper-probe own_corpus.py --root my-recordings
"""

from __future__ import annotations

from pathlib import Path

from serenade.corpora import CorpusInfo, Counts, Problem, check_corpus
from serenade.errors import CorpusError

EMOTIONS = {"wut": "angry", "freude": "happy", "ruhe": "neutral", "trauer": "sad"}
SENTENCES = {"s1": "Das Buch liegt auf dem Tisch.", "s2": "Wir fahren morgen ans Meer."}

INFO = CorpusInfo(
    name="own-corpus",
    title="My recordings, read in four emotions",
    licence="mine; not for publication",
    citation="none",
    url="",
    languages=("de",),
    labels=tuple(EMOTIONS.values()),
    # Differences from these counts are reported. Leave them out if you do not know them.
    expected=Counts(files=24, speakers=3, per_label=dict.fromkeys(EMOTIONS.values(), 6)),
    layout="<speaker>/<emotion>/<sentence>.wav",
)


def load(root, *, labels=None, drop_duplicates=False):
    """Open the corpus with one row per recording, and one problem per kind of fault."""
    if root is None:
        raise CorpusError(f"{INFO.name}: give its folder with --root")
    rows, strange = [], []
    for path in sorted(Path(root).resolve().glob("*/*/*.wav")):
        speaker, emotion = path.parts[-3:-1]
        if emotion in EMOTIONS and path.stem in SENTENCES:
            row = {"file": str(path), "speaker": speaker, "emotion": EMOTIONS[emotion]}
            rows.append({**row, "text": SENTENCES[path.stem], "language": "de"})
        else:
            strange.append(str(path))
    problems = [Problem("name", "not in the list; left out", tuple(strange))] if strange else []
    return check_corpus(
        INFO, Path(root), rows, problems, labels=labels, drop_duplicates=drop_duplicates
    )

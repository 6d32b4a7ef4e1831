"""Transcripts of many recordings; unusable recordings are skipped, and a stopped run resumes.

A journal gets a line for each recording as soon as it is transcribed. A run that was stopped
resumes after the last complete line. The caller removes the journal after writing the result.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from serenade._printable import dump_json
from serenade.audio import read
from serenade.errors import AudioError
from serenade.extraction import FileContent
from serenade.transcription._asr import RATE, Transcript, Word

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping, Sequence

    from serenade.extraction import Clip

Recogniser = Callable[[NDArray[np.float32], int, int], Transcript]
"""Function from a signal, its sampling rate and the number of its clip to a transcript."""


def transcribe(
    segments: Sequence[Clip],
    recognise: Recogniser,
    *,
    settings: Mapping[str, object],
    texts: Sequence[object] | None = None,
    journal: str | os.PathLike[str] | None = None,
) -> Iterator[Transcript | AudioError]:
    """Transcribe recordings one by one, in their order.

    Args:
        segments: the recordings.
        recognise: speech recogniser.
        settings: settings of the recogniser as JSON data; a journal with others is not used.
        texts: text of each recording, if the recogniser aligns it; identical recordings with
            different texts have different results.
        journal: path of the journal; None keeps no journal.

    Yields:
        Each recording's transcript, the words' times counted from the file's beginning; or why
        it cannot be used.

    Raises:
        ModelError: the recogniser cannot be used.
    """
    path = None if journal is None else Path(journal)
    done = {} if path is None else _read_journal(path, settings)
    if path is not None and not done:
        path.write_text(_format_line({"settings": dict(settings)}), encoding="utf-8")
    for number, segment in enumerate(segments):
        try:
            content = FileContent.take(segment.file)
            key = f"{content.digest} {segment.start} {segment.end}"
            if texts is not None:
                key += f" {_hash_text(texts[number])}"
            if key not in done:
                found = _recognise_segment(segment, number, recognise)
                if not content.is_current():  # the key belongs to other content
                    yield found
                    continue
                done[key] = found
                if path is not None:
                    with path.open("a", encoding="utf-8") as file:
                        file.write(_format_line({"key": key, **_transcript_to_json(found)}))
            yield done[key]
        except OSError as error:
            yield AudioError(segment.file, str(error.strerror), "correct the path")
        except AudioError as error:
            yield AudioError(segment.file, error.problem, error.fix)


def _hash_text(text: object) -> str:
    return hashlib.blake2b(repr(text).encode(), digest_size=16).hexdigest()


def _recognise_segment(segment: Clip, number: int, recognise: Recogniser) -> Transcript:
    audio = read(segment.file, sampling_rate=RATE, start=segment.start, end=segment.end)
    found = recognise(audio.signal, audio.sampling_rate, number)
    words = tuple(
        Word(word.word, word.start + segment.start, word.end + segment.start, word.probability)
        for word in found.words
    )
    return Transcript(found.text, words, found.remarks)


def _read_journal(path: Path, settings: Mapping[str, object]) -> dict[str, Transcript]:
    """Read the transcripts in a journal with these settings; drop a line that was cut off."""
    if not path.is_file():
        return {}
    whole = [line for line in path.read_text(encoding="utf-8").splitlines(True) if line[-1] == "\n"]
    try:
        first, *rest = map(json.loads, whole)
        if first != {"settings": json.loads(json.dumps(dict(settings)))}:
            return {}
        done = {entry["key"]: _transcript_from_json(entry) for entry in rest}
    except (ValueError, KeyError, TypeError):  # not a journal, or a damaged one: begin again
        return {}
    path.write_text("".join(whole), encoding="utf-8")
    return done


def _transcript_to_json(found: Transcript) -> dict[str, Any]:
    words = [
        [
            word.word,
            word.start,
            word.end,
            None if math.isnan(word.probability) else word.probability,
        ]
        for word in found.words
    ]
    return {"text": found.text, "words": words, "remarks": found.remarks}


def _transcript_from_json(entry: Mapping[str, Any]) -> Transcript:
    words = tuple(
        Word(word, start, end, math.nan if probability is None else probability)
        for word, start, end, probability in entry["words"]
    )
    return Transcript(entry["text"], words, tuple(entry["remarks"]))


def _format_line(entry: Mapping[str, object]) -> str:
    return f"{dump_json(entry)}\n"

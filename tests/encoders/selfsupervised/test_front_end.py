from __future__ import annotations

import numpy as np
import pytest

from serenade.encoders.selfsupervised._front_end import (
    FrontEnd,
    hamming_fbank,
    set_level,
    standardise,
)
from serenade.errors import SignalFormatError, TooShortError
from serenade.features import kaldi_fbank


def test_hamming_equals_kaldi(tone: np.ndarray) -> None:
    knf = pytest.importorskip("kaldi_native_fbank")
    options = knf.FbankOptions()
    options.frame_opts.dither = 0
    options.frame_opts.samp_freq = 16000
    options.frame_opts.window_type = "hamming"
    options.mel_opts.num_bins = 80
    computer = knf.OnlineFbank(options)
    signal = tone + np.float32(0.05)  # an offset that must be removed
    computer.accept_waveform(16000, signal)
    computer.input_finished()
    reference = np.stack([computer.get_frame(i) for i in range(computer.num_frames_ready)])
    np.testing.assert_allclose(hamming_fbank(signal), reference, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("kind", ["fbank", "mel"])
@pytest.mark.parametrize("deltas", [0, 2])
def test_columns_are_standardised(tone: np.ndarray, kind: str, deltas: int) -> None:
    front = FrontEnd(kind=kind, deltas=deltas)
    matrix = front(tone, 16000)
    assert matrix.shape[1] == front.dims == len(front.names) == len(set(front.names))
    assert matrix.dtype == np.float32
    np.testing.assert_allclose(matrix.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(matrix.std(axis=0, ddof=1), 1, atol=1e-5)


def test_fbank_is_that_of_features(tone: np.ndarray) -> None:
    plain = FrontEnd(cmvn=False)(tone, 16000)
    np.testing.assert_array_equal(plain, kaldi_fbank(tone, 16000))
    np.testing.assert_array_equal(FrontEnd()(tone, 16000), standardise(plain))


def test_level_does_not_matter(tone: np.ndarray) -> None:
    front = FrontEnd(kind="mel", level=-25.0)
    np.testing.assert_allclose(front(tone, 16000), front(tone / 50, 16000), atol=1e-3)
    assert np.sqrt(np.mean(set_level(tone, -25.0) ** 2)) == pytest.approx(10 ** (-25 / 20))


def test_what_never_varies_is_zero() -> None:
    silence = np.zeros(16000, np.float32)
    for front in (FrontEnd(), FrontEnd(kind="mel", level=-25.0), FrontEnd(window="hamming")):
        assert not front(silence, 16000).any()
    assert not FrontEnd()(np.ones(400, np.float32), 16000).any()  # a single frame


def test_what_cannot_be_used(tone: np.ndarray) -> None:
    with pytest.raises(SignalFormatError, match="16000 Hz, not 8000"):
        FrontEnd()(tone, 8000)
    with pytest.raises(TooShortError):
        FrontEnd()(tone[:399], 16000)

"""`VoiceActivity`: known signals, and signals in pieces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from serenade.audio import read
from serenade.voice_activity import DETECTOR_FRAME, DETECTOR_RATE, VoiceActivity

if TYPE_CHECKING:
    from pathlib import Path


def probabilities(signal: np.ndarray) -> np.ndarray:
    activity = VoiceActivity()
    return np.concatenate([activity.push(signal), activity.finish()])


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 40_000), max_size=20))
def test_voice_activity_does_not_depend_on_the_pieces(example: Path, cuts: list[int]) -> None:
    signal, activity = read(example).signal[:40_000], VoiceActivity()
    found = [activity.push(part) for part in np.split(signal, sorted(cuts))]
    together = np.concatenate([*found, activity.finish()])
    assert together.size == -(-signal.size // DETECTOR_FRAME)
    np.testing.assert_allclose(together, probabilities(signal), atol=1e-5)


def test_voice_activity_rejects_silence_noise_and_music() -> None:
    rng = np.random.default_rng(0)
    time = np.arange(5 * DETECTOR_RATE) / DETECTOR_RATE
    chord = sum(np.sin(2 * np.pi * f * time) for f in (220, 277, 330)) / 6
    noise = 0.05 * rng.standard_normal(5 * DETECTOR_RATE)
    for signal in (np.zeros(5 * DETECTOR_RATE), noise, chord):
        assert probabilities(signal.astype(np.float32))[5:].max() < 0.5


def test_voice_activity_finds_real_speech_between_pauses(corpora_root) -> None:
    """Clips joined with silences of known length: F1 over frames."""
    rng = np.random.default_rng(0)
    parts, truth = [], []
    for actor in (1, 2):
        files = sorted((corpora_root / "ravdess" / f"Actor_{actor:02d}").glob("*-01-02-*"))[:12]
        for file in files:
            signal = read(file).signal
            loud = np.abs(signal) > 0.02 * np.abs(signal).max()
            speech = signal[np.flatnonzero(loud)[0] : np.flatnonzero(loud)[-1]]
            pause = np.zeros(int(rng.uniform(0.7, 2.0) * DETECTOR_RATE), np.float32)
            parts += [pause, speech * np.float32(0.3 / np.abs(speech).max())]
            truth += [np.zeros(pause.size, bool), np.ones(speech.size, bool)]
    assert len(parts) == 48
    signal = np.concatenate(parts)
    signal = signal + 0.001 * rng.standard_normal(signal.size).astype(np.float32)
    speaks = np.concatenate(truth)
    whole = signal.size // DETECTOR_FRAME
    reference = speaks[: whole * DETECTOR_FRAME].reshape(whole, DETECTOR_FRAME).mean(axis=1) > 0.5
    found = probabilities(signal)[:whole] > 0.1
    f1 = 2 * (reference & found).sum() / (reference.sum() + found.sum())
    assert f1 > 0.9

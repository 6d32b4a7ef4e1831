"""Jitter, shimmer and HNR against perturbations that were put in, and against Praat."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from serenade.features import Pitch, Voice
from serenade.features.voice._cycles import find_cycles
from serenade.features.voice._quality import hnr_db, jitter_local, shimmer_local

RATE = 16000


def pulses(periods: np.ndarray, heights: np.ndarray) -> np.ndarray:
    """Decaying resonances, one begun at the (fractional) start of each period, in samples."""
    starts = np.cumsum(periods)
    signal = np.zeros(int(starts[-1]) + 402)
    ringing = np.arange(400)
    for start, height in zip(starts, heights, strict=True):
        first = int(np.ceil(start))
        time = (first - start + ringing) / RATE
        wave = np.exp(-2 * np.pi * 90 * time) * np.sin(2 * np.pi * 600 * time)
        wave += 0.5 * np.exp(-2 * np.pi * 120 * time) * np.sin(2 * np.pi * 1200 * time)
        signal[first : first + 400] += height * wave
    return (0.4 * signal / np.abs(signal).max()).astype(np.float32)


def measured(signal: np.ndarray) -> tuple[float, float]:
    cycles = find_cycles(signal, RATE, Pitch().track(signal, RATE))
    return jitter_local(cycles), shimmer_local(cycles)


@pytest.mark.parametrize("period", [80.0, 100.7, 133.3])
def test_a_steady_voice_has_neither(period):
    jitter, shimmer = measured(pulses(np.full(150, period), np.ones(150)))
    assert jitter < 0.002
    assert shimmer < 0.02


@pytest.mark.parametrize("amount", [0.005, 0.01, 0.02])
def test_jitter_that_was_put_in(amount):
    periods = 110 * (1 + amount * np.random.default_rng(0).uniform(-1, 1, 200))
    truth = np.abs(np.diff(periods)).mean() / periods.mean()
    jitter, _ = measured(pulses(periods, np.ones(200)))
    np.testing.assert_allclose(jitter, truth, rtol=0.12)


@pytest.mark.parametrize("amount", [0.05, 0.10, 0.2])
def test_shimmer_that_was_put_in(amount):
    heights = 1 + amount * np.random.default_rng(1).uniform(-1, 1, 200)
    truth = np.abs(np.diff(heights)).mean() / heights.mean()
    jitter, shimmer = measured(pulses(np.full(200, 110.0), heights))
    np.testing.assert_allclose(shimmer, truth, rtol=0.15)
    assert jitter < 0.01


def test_jitter_is_where_it_was_put():
    """Frame by frame: the second half of the voice is rough, the first is not."""
    rng = np.random.default_rng(2)
    periods = np.concatenate([np.full(100, 100.0), 100 * (1 + 0.03 * rng.standard_normal(100))])
    values = Voice()(pulses(periods, np.ones(200)), RATE)[:, 0]
    half = len(values) // 2
    assert values[10 : half - 10].mean() < 0.1 * values[half + 10 : -10].mean()


@pytest.mark.parametrize("snr", [5.0, 10.0, 20.0])
def test_hnr_is_the_ratio_that_was_put_in(snr):
    time = np.arange(3 * RATE) / RATE
    voice = sum(np.sin(2 * np.pi * 200 * k * time + k) for k in range(1, 9))
    # The noise that counts is that below 1.8 kHz, where the voice is.
    spectrum = np.fft.rfft(np.random.default_rng(3).standard_normal(time.size))
    spectrum[np.fft.rfftfreq(time.size, 1 / RATE) > 1800] = 0
    noise = np.fft.irfft(spectrum, time.size)
    noise *= np.std(voice) / np.std(noise) * 10 ** (-snr / 20)
    track = Pitch().track((0.05 * (voice + noise)).astype(np.float32), RATE)
    found = hnr_db(track.strength)[10:-10]
    assert abs(np.median(found) - snr) < 1.5


def test_every_cycle_is_found_once():
    signal = pulses(np.full(150, 107.3), np.ones(150))
    cycles = find_cycles(signal, RATE, Pitch().track(signal, RATE))
    inner = np.diff(cycles.times)[2:-2]
    assert abs(len(cycles.times) - 150) <= 5
    np.testing.assert_allclose(inner, 107.3 / RATE, rtol=0.02)
    linked = cycles.periods[cycles.linked]
    np.testing.assert_allclose(linked[2:-2], 107.3 / RATE, rtol=0.005)


def test_two_stretches_are_not_linked():
    one = pulses(np.full(60, 100.0), np.ones(60))
    signal = np.concatenate([one, np.zeros(4000, np.float32), one])
    cycles = find_cycles(signal, RATE, Pitch().track(signal, RATE))
    assert np.count_nonzero(~cycles.linked) == 2
    assert cycles.linked[0]
    assert not cycles.linked[-1]


def test_speech_agrees_with_praat(corpora_root):
    """Over recordings: as many cycles, and measures that rank and scale as Praat's do."""
    parselmouth = pytest.importorskip("parselmouth")
    from parselmouth.praat import call
    from scipy.stats import spearmanr

    from serenade import audio

    rows = []
    for path in sorted((corpora_root / "emodb" / "wav").glob("*.flac"))[::9]:
        signal = audio.read(path).signal
        track = Pitch().track(signal, RATE)
        cycles = find_cycles(signal, RATE, track)
        sound = parselmouth.Sound(signal.astype(float), RATE)
        process = call(sound, "To PointProcess (periodic, cc)", 60, 500)
        limits = (0, 0, 1 / 625, 1 / 48, 1.3)
        harmonicity = call(sound, "To Harmonicity (ac)", 0.01, 60, 0.1, 3)
        rows.append(
            [
                len(cycles.times),
                call(process, "Get number of points"),
                jitter_local(cycles),
                call(process, "Get jitter (local)", *limits),
                shimmer_local(cycles),
                call([sound, process], "Get shimmer (local)", *limits, 1.6),
                hnr_db(track.strength)[track.voiced].mean(),
                call(harmonicity, "Get mean", 0, 0),
            ]
        )
    mine, praat = np.array(rows)[:, 0::2], np.array(rows)[:, 1::2]
    ranks = [spearmanr(mine[:, k], praat[:, k]).statistic for k in range(4)]
    assert np.all(np.array(ranks) > [0.95, 0.6, 0.6, 0.7]), ranks
    ratio = np.median(mine[:, :3], axis=0) / np.median(praat[:, :3], axis=0)
    assert np.all((ratio > 0.75) & (ratio < 1.35)), ratio


def test_level_does_not_matter(tone):
    np.testing.assert_allclose(Voice()(tone / 1024, RATE), Voice()(tone, RATE), atol=1e-4)


def test_silence_and_noise_have_no_cycles():
    silent = np.zeros(RATE, np.float32)
    track = Pitch().track(silent, RATE)
    cycles = find_cycles(silent, RATE, track)
    assert cycles.times.size == 0
    assert jitter_local(cycles) == 0
    assert shimmer_local(cycles) == 0
    assert not Voice()(silent, RATE)[:, :2].any()


@settings(max_examples=40, deadline=None)
@given(
    hnp.arrays(np.float32, st.integers(1600, 4000), elements=st.floats(-1, 1, width=32)),
    st.sampled_from([8000, 16000, 44100]),
    st.floats(2, 20),
)
def test_any_signal_gives_finite_values(signal, rate, cycles):
    # Half of the examples get a voice, so that the voiced path is walked too.
    hum = np.sin(2 * np.pi * cycles * 50 * np.arange(signal.size) / rate).astype(np.float32)
    for given_ in (signal, signal * np.float32(0.1) + hum):
        values = Voice()(given_, rate)
        assert values.shape == (1 + signal.size // round(rate * 0.010), 3)
        assert values.dtype == np.float32
        assert np.isfinite(values).all()
        assert np.all(values[:, :2] >= 0)
        assert np.all((values[:, 2] >= -20.01) & (values[:, 2] <= 40.01))

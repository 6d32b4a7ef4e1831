from __future__ import annotations

import importlib
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
import soxr

from serenade.errors import MissingExtraError
from serenade.features import (
    AcousticSet,
    Formants,
    Pitch,
    Voice,
    compiled,
    short_term_features,
    zero_crossing_rate,
)
from serenade.features.voice._lpc import levinson
from serenade.features.voice._viterbi import best_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

MODULES = ("short_term_sums", "temporal", "viterbi", "pitch", "cycles", "lpc", "contours")


@pytest.fixture(autouse=True)
def _switch() -> Iterator[None]:
    before = compiled.in_use()
    yield
    compiled.use(before)


def both(function: Callable[[], np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """A function's value by NumPy and by kernels."""
    pytest.importorskip("numba")
    compiled.use(False)
    plain = function()
    compiled.use(True)
    return plain, function()


def same(plain: np.ndarray, fast: np.ndarray, tolerance: float = 1e-4) -> None:
    """Relative to the value or, where it passes through zero, a hundredth of the column's size."""
    assert fast.shape == plain.shape
    assert fast.dtype == plain.dtype
    size = np.maximum(np.abs(plain), 1e-2 * np.abs(plain).max(axis=0) + 1e-7)
    assert (np.abs(fast - plain) / size).max() < tolerance


def signals(tone: np.ndarray) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    gap = tone + np.float32(0.01)
    gap[5000:9000] = 0.0  # digital silence about a mean that is not zero
    return {
        "tone": tone,
        "gap": gap,
        "noise": rng.uniform(-1, 1, 16000).astype(np.float32),
        "silence": np.zeros(16000, np.float32),
        "signs": np.sign(np.sin(np.arange(16000) / 5)).astype(np.float32),
        "quiet": (1e-12 * tone).astype(np.float32),
    }


@pytest.mark.parametrize("kind", ["tone", "gap", "noise", "silence", "signs", "quiet"])
@pytest.mark.parametrize(("window", "hop"), [(1600, 1600), (803, 401), (20, 7), (20000, 1)])
def test_short_term_features_are_the_same(
    tone: np.ndarray, kind: str, window: int, hop: int
) -> None:
    signal = signals(tone)[kind]
    same(*both(lambda: short_term_features(signal, 16000, window, hop)))


@pytest.mark.parametrize("kind", ["tone", "gap", "noise", "silence", "signs", "quiet"])
def test_features_of_the_voice_are_the_same(tone: np.ndarray, kind: str) -> None:
    signal = signals(tone)[kind]
    for feature in (Pitch(), Voice(), Formants()):
        same(*both(lambda feature=feature: feature(signal, 16000)), tolerance=1e-3)
    plain, fast = both(lambda: zero_crossing_rate(signal, 301, 100))
    np.testing.assert_array_equal(fast, plain)


@pytest.mark.parametrize("clip", ["03-01-05-02-01-01-12", "03-01-03-02-01-01-20"])
def test_features_of_speech_are_the_same(corpora_root: Path, clip: str) -> None:
    path = corpora_root / "ravdess" / f"Actor_{clip[-2:]}" / f"{clip}.flac"
    signal = soxr.resample(soundfile.read(path, dtype="float32")[0], 48000, 16000)
    same(*both(lambda: short_term_features(signal, 16000, 1600, 1600)))
    plain, fast = both(lambda: AcousticSet()(signal, 16000))
    np.testing.assert_allclose(fast, plain, rtol=1e-3, atol=1e-3 * np.abs(plain).max() / 1e3)


@pytest.mark.parametrize("frames", [1, 2, 3, 50])
def test_the_best_path_is_the_same(frames: int) -> None:
    rng = np.random.default_rng(frames)
    local = rng.random((4, frames)).astype(np.float32)
    transition = rng.random((4, 4, frames - 1)).astype(np.float32)
    plain, fast = both(lambda: best_path(local, transition))
    np.testing.assert_array_equal(fast, plain)


def test_linear_prediction_is_the_same() -> None:
    rng = np.random.default_rng(0)
    power = rng.random((20, 64))
    lags = np.fft.irfft(power, axis=1)[:, :11]
    for kind, tolerance in ((np.float64, 1e-9), (np.float32, 1e-3)):
        given = lags.astype(kind)
        for which in (0, 1):
            plain, fast = both(lambda given=given, which=which: levinson(given)[which])
            same(plain, fast, tolerance)


def test_each_kernel_has_one_compilable_function() -> None:
    pytest.importorskip("numba")
    kernels = importlib.import_module("serenade.features.kernels")
    marked = {
        name.lstrip("_")
        for module in MODULES
        for name, value in vars(importlib.import_module(f"serenade.features.{module}")).items()
        if getattr(value, "__code__", None) is not None
        and value.__code__.co_filename == compiled.__file__
        and name != "compilable"
    }
    assert sorted(marked) == sorted(kernels.__all__)


@pytest.mark.parametrize("wanted", ["", "1"])
def test_the_compiler_is_loaded_only_where_asked_for(wanted: str) -> None:
    pytest.importorskip("numba")
    code = (
        "import sys, numpy as np, serenade.features as f\n"
        "before = 'numba' in sys.modules\n"
        "f.zero_crossing_rate(np.ones(4000, np.float32))\n"
        "print(before, 'numba' in sys.modules)"
    )
    environment = {**os.environ, "SERENADE_COMPILED": wanted}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.split() == ["False", str(wanted == "1")]


def test_without_the_compiler_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled._kernels.cache_clear()
    monkeypatch.setitem(sys.modules, "serenade.features.kernels", None)
    with pytest.raises(MissingExtraError, match=r"serenade\[compiled\]"):
        compiled.use(True)
    assert not compiled.in_use()

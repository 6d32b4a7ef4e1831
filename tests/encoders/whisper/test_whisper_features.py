from __future__ import annotations

import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pytest

from serenade.encoders import get_encoder_properties
from serenade.encoders.whisper import WhisperPooled, WhisperStates, _whisper_weights
from serenade.encoders.whisper._whisper_features import _open_session, open_encoder
from serenade.encoders.whisper._whisper_graph import export_encoder
from serenade.errors import ModelError, SignalFormatError, TooShortError
from serenade.features import log_mel_whisper

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RATE = 16000


@pytest.fixture
def short(tiny: Path, tmp_path: Path) -> str:
    """Save a tiny encoder that takes one second at a time."""
    pytest.importorskip("onnx")
    export_encoder(tiny, 2, tmp_path / "short.onnx")
    return str(tmp_path / "short.onnx")


def speechlike(seconds: float, seed: int = 0) -> np.ndarray:
    """Noise with a syllabic rhythm."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    envelope = 0.2 + np.sin(2 * np.pi * 2 * time) ** 2
    noise = np.convolve(rng.standard_normal(time.size), np.hanning(12), "same")
    return (0.05 * envelope * noise).astype(np.float32)


@pytest.mark.parametrize("seconds", [0.1, 0.513, 1.0, 3.217])
def test_pooled_is_mean_and_deviation_of_the_states(seconds: float) -> None:
    signal = speechlike(seconds)
    pooled = WhisperPooled()(signal, RATE).reshape(6, 2, 512)
    for layer in range(6):
        states = WhisperStates(layer=layer)(signal, RATE)
        np.testing.assert_allclose(pooled[layer, 0], states.mean(axis=0), atol=1e-3, rtol=1e-4)
        np.testing.assert_allclose(pooled[layer, 1], states.std(axis=0), atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("seconds", [1.0, 1.01, 2.5, 3.337])
def test_long_signals_go_in_parts_and_are_pooled_as_one(short: str, seconds: float) -> None:
    signal = speechlike(seconds)
    states = WhisperStates(short, trim=False)(signal, RATE)
    parts = -(-(signal.size // 160) // 100)
    assert states.shape[1] == 16
    assert abs(states.shape[0] - signal.size / 320) <= parts
    pooled = WhisperPooled(short, trim=False)(signal, RATE).reshape(3, 2, 16)
    np.testing.assert_allclose(pooled[2, 0], states.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(pooled[2, 1], states.std(axis=0), atol=1e-5)


def test_more_than_thirty_seconds() -> None:
    signal = np.tile(speechlike(4), 9)[: 34 * RATE]
    pooled = WhisperPooled()(signal, RATE)
    half = WhisperPooled(trim=False)(signal[: 17 * RATE], RATE)
    assert pooled.shape == (1, 6144)
    similarity = np.corrcoef(pooled[0, 3072:], half[0, 3072:])[0, 1]
    assert similarity > 0.999


def test_it_sees_the_log_mel_image_of_whisper(short: str) -> None:
    signal = speechlike(0.8)
    signal *= 0.5 / np.abs(signal).max()  # the level it is brought to anyway
    mel = log_mel_whisper(signal).T[None]
    expected = open_encoder(short).run(["pooled"], {"mel": np.ascontiguousarray(mel)})[0]
    pooled = WhisperPooled(short, trim=False)(signal, RATE)
    np.testing.assert_allclose(pooled, expected.reshape(1, -1), atol=1e-4)


@pytest.mark.parametrize("gain", [2.0**-10, 0.125, 4.0])
def test_the_level_does_not_matter(gain: float) -> None:
    signal = speechlike(1.3)
    feature = WhisperPooled()
    np.testing.assert_array_equal(feature(signal * np.float32(gain), RATE), feature(signal, RATE))


def test_any_level_but_for_rounding() -> None:
    signal, feature = speechlike(1.3), WhisperPooled()
    quiet = feature(signal * np.float32(0.0123), RATE)
    np.testing.assert_allclose(quiet, feature(signal, RATE), atol=2e-2, rtol=2e-3)


@pytest.mark.parametrize(("before", "after"), [(1600, 0), (0, 16000), (32000, 48000)])
def test_silence_around_speech_does_not_matter(before: int, after: int) -> None:
    burst = np.where(np.arange(RATE) % 8000 < 6000, speechlike(1.0, 1), 0).astype(np.float32)
    speech = np.concatenate([np.zeros(1600), burst, np.zeros(1600)]).astype(np.float32)
    padded = np.pad(speech, (before, after))
    feature = WhisperPooled()
    np.testing.assert_allclose(feature(padded, RATE), feature(speech, RATE), atol=1e-4)
    untrimmed = WhisperPooled(trim=False)
    assert not np.allclose(untrimmed(padded, RATE), untrimmed(speech, RATE), atol=0.1)


def test_dynamic_range_hides_what_is_quiet() -> None:
    speech = speechlike(1.0)
    hiss = 1e-5 * np.random.default_rng(1).standard_normal(speech.size).astype(np.float32)
    clean = np.where(np.arange(RATE) % 8000 < 4000, speech, 0).astype(np.float32)

    def difference(dynamic_range: float) -> float:
        feature = WhisperPooled(dynamic_range=dynamic_range)
        return float(np.abs(feature(clean + hiss, RATE) - feature(clean, RATE)).mean())

    assert difference(5.0) < 0.2 * difference(8.0)


def test_silence_gives_finite_values() -> None:
    assert np.isfinite(WhisperPooled()(np.zeros(RATE, np.float32), RATE)).all()


def test_signals_it_cannot_take() -> None:
    with pytest.raises(SignalFormatError, match="16000 Hz, not 8000"):
        WhisperPooled()(speechlike(1), 8000)
    assert WhisperPooled()(speechlike(0.025), RATE).shape == (1, 6144)
    for size in (0, 1, 399):
        with pytest.raises(TooShortError, match="400 samples"):
            WhisperPooled()(np.ones(size, np.float32), RATE)


@pytest.mark.parametrize(
    "feature",
    [
        WhisperPooled(),
        WhisperPooled(layers=(1, 3)),
        WhisperPooled(layers=(-1,), deviation=False),
        WhisperStates(),
        WhisperStates(layer=2),
        WhisperStates(layer=None),
    ],
    ids=repr,
)
def test_every_column_has_a_name_of_its_own(feature: WhisperPooled) -> None:
    matrix = feature(speechlike(0.5), RATE)
    assert matrix.dtype == np.float32
    assert matrix.shape[1] == len(feature.names) == len(set(feature.names))


def test_layers_and_statistics_are_columns_of_the_whole() -> None:
    signal = speechlike(0.7)
    whole = dict(zip(WhisperPooled().names, WhisperPooled()(signal, RATE)[0], strict=True))
    for feature in (
        WhisperPooled(layers=(2,)),
        WhisperPooled(layers=(4, 1)),
        WhisperPooled(layers=(-1, 0), deviation=False),
    ):
        part = dict(zip(feature.names, feature(signal, RATE)[0], strict=True))
        assert part == {name: whole[name] for name in feature.names}
    last = WhisperStates(layer=-1)
    assert last.names[0] == "state5_0"
    np.testing.assert_array_equal(last(signal, RATE), WhisperStates(layer=5)(signal, RATE))
    every = WhisperStates(layer=None)
    assert (last.states, every.states) == (1, 6)
    np.testing.assert_array_equal(every(signal, RATE)[:, -512:], last(signal, RATE))


def test_layers_that_are_not_there() -> None:
    for feature in (WhisperPooled(layers=(6,)), WhisperStates(layer=-7)):
        with pytest.raises(ModelError, match="states are 0 to 5"):
            feature(speechlike(0.5), RATE)
        with pytest.raises(ModelError, match="states are 0 to 5"):
            _ = feature.names


def test_identity_tells_parameters_apart() -> None:
    features = [
        WhisperPooled(),
        WhisperPooled(trim=False),
        WhisperPooled(dynamic_range=5.0),
        WhisperPooled(layers=(1,)),
        WhisperPooled(deviation=False),
        WhisperStates(),
        WhisperStates(layer=1),
    ]
    stated = [json.dumps(f.identity(), sort_keys=True, allow_nan=False) for f in features]
    assert len(set(stated)) == len(stated)
    assert stated[0] == json.dumps(WhisperPooled().identity(), sort_keys=True)


def test_identity_follows_the_encoder_and_not_its_path(tmp_path: Path, short: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    copy = shutil.copy(short, tmp_path / "elsewhere")
    assert WhisperPooled(str(copy)).identity() == WhisperPooled(short).identity()
    assert WhisperPooled(short).identity()["encoder"] != WhisperPooled().identity()["encoder"]


def test_a_file_that_changes_is_opened_again(
    tmp_path: Path, short: str,
    random_weights: Callable[..., dict[str, np.ndarray]], save_model: Callable[..., Path],
) -> None:  # fmt: skip
    signal, feature = speechlike(0.5), WhisperPooled(short)
    first, identity = feature(signal, RATE), feature.identity()
    export_encoder(save_model(tmp_path / "other", random_weights(seed=1)), 2, short)
    os.utime(short, ns=(10**18, 10**18))
    assert not np.allclose(feature(signal, RATE), first, atol=1e-3)
    assert feature.identity() != identity


def test_a_session_is_opened_once() -> None:
    _open_session.cache_clear()
    with ThreadPoolExecutor(4) as pool:
        sessions = set(pool.map(open_encoder, [_whisper_weights.WHISPER_BASE] * 8))
    assert len(sessions) == 1


def test_threads_give_the_same_values() -> None:
    signals = [speechlike(0.3 + 0.17 * index, index) for index in range(12)]
    feature = WhisperPooled()
    expected = [feature(signal, RATE) for signal in signals]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda signal: feature(signal, RATE), signals))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_graph_of_somebody_else(tmp_path: Path, tone: np.ndarray) -> None:
    onnx = pytest.importorskip("onnx")
    kind = onnx.TensorProto.FLOAT
    model = onnx.helper.make_model(
        onnx.helper.make_graph(
            [onnx.helper.make_node("Identity", ["mel"], ["pooled"])],
            "other",
            [onnx.helper.make_tensor_value_info("mel", kind, [1])],
            [onnx.helper.make_tensor_value_info("pooled", kind, [1])],
        ),
        ir_version=9,
        opset_imports=[onnx.helper.make_opsetid("", 20)],
    )
    onnx.save(model, str(tmp_path / "other.onnx"))
    feature = WhisperPooled(str(tmp_path / "other.onnx"))
    with pytest.raises(ModelError, match=r"other\.onnx: an ONNX file that this package did not"):
        feature(tone, RATE)


def test_properties_of_the_bundled_encoder() -> None:
    assert get_encoder_properties(_whisper_weights.WHISPER_BASE) == {
        "states": 6,
        "width": 512,
        "mels": 80,
        "steps": 1500,
    }

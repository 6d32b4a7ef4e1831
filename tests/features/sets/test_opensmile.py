"""Sets of openSMILE, against its own Python package where that has the set."""

from __future__ import annotations

import importlib.metadata
import multiprocessing
import pickle
import re
import sys
import tempfile
import warnings
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from serenade.errors import MissingExtraError, NonFiniteAudioError, TooShortError
from serenade.features import OpenSmile
from serenade.features.sets import _opensmile as module
from serenade.features.sets._opensmile import LicenceWarning, OpenSmileError

opensmile = pytest.importorskip("opensmile")
pytestmark = pytest.mark.filterwarnings("ignore:openSMILE may be used")

RATE = 16000
SIZES = {"is09": 384, "is10": 1582, "compare2016": 6373, "egemaps": 88}
BUILT_IN = {"is09": "IS09", "compare2016": "ComParE_2016", "egemaps": "eGeMAPSv02"}


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    """Return the example recording: 16 kHz, speech-like from start to end."""
    path = Path(__file__).parents[3] / "examples" / "example.flac"
    signal, rate = soundfile.read(path, dtype="float32")
    assert rate == RATE
    return signal[: 3 * RATE]


def reference(name: str) -> object:
    return opensmile.Smile(getattr(opensmile.FeatureSet, name))


@pytest.mark.parametrize("name", SIZES)
def test_sizes_and_names(name: str, speech: np.ndarray) -> None:
    feature = OpenSmile(name)
    values = feature(speech, RATE)
    assert values.shape == (1, SIZES[name])
    assert values.dtype == np.float32
    assert len(feature.names) == len(set(feature.names)) == SIZES[name]


@pytest.mark.parametrize("name", BUILT_IN)
@pytest.mark.parametrize("rate", [16000, 48000])
def test_equals_the_built_in_set(name: str, rate: int, speech: np.ndarray) -> None:
    smile = reference(BUILT_IN[name])
    feature = OpenSmile(name)
    assert feature.names == tuple(smile.feature_names)
    np.testing.assert_array_equal(feature(speech, rate)[0], smile(speech, rate)[0, :, 0])


def test_is10_is_close_to_its_compatible_cousin_where_they_agree(speech: np.ndarray) -> None:
    smile = reference("IS10")
    theirs = dict(zip(smile.feature_names, smile(speech, RATE)[0, :, 0], strict=True))
    ours = dict(zip(OpenSmile().names, OpenSmile()(speech, RATE)[0], strict=True))
    shared = [name for name in ours if name in theirs]
    assert len(shared) == 1581
    for number in range(1, 15):  # of the MFCC only the zeroth is scaled otherwise
        name = f"mfcc_sma[{number}]_amean"
        assert ours[name] == pytest.approx(theirs[name], rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("name", SIZES)
def test_segments_do_not_depend_on_what_follows(name: str, speech: np.ndarray) -> None:
    feature = OpenSmile(name, segment=0.2)
    whole, beginning = feature(speech, RATE), feature(speech[: 2 * RATE], RATE)
    assert whole.shape == (14, SIZES[name])  # the fifteenth's last descriptors are missing
    assert beginning.shape == (9, SIZES[name])
    np.testing.assert_array_equal(whole[:9], beginning)
    assert not np.allclose(whole[3], whole[4])


@pytest.mark.parametrize("name", ["is09", "is10", "egemaps"])
def test_what_came_before_matters_to_tracked_pitch_only(name: str, speech: np.ndarray) -> None:
    feature = OpenSmile(name, segment=0.2)
    whole, later = feature(speech, RATE)[3:], feature(speech[3 * 3200 :], RATE)
    tracked = np.array([re.search("F0|jitter|shimmer", key) is not None for key in feature.names])
    assert 0 < tracked.sum() < len(tracked) / 3
    np.testing.assert_allclose(later[1:, ~tracked], whole[1:, ~tracked], rtol=1e-4, atol=1e-5)
    assert not np.allclose(later[0], whole[0])


@pytest.mark.parametrize("name", ["is09", "is10", "egemaps"])
def test_segments_resemble_the_set_on_cut_out_audio(name: str, speech: np.ndarray) -> None:
    """They cannot equal it: the first and last descriptors of a cut have other neighbours."""
    segments = OpenSmile(name, segment=0.2)(speech, RATE)
    cuts = np.concatenate(
        [OpenSmile(name)(speech[i * 3200 : (i + 1) * 3200 + 960], RATE) for i in range(14)]
    )
    varies = (segments.std(axis=0) > 1e-6) & (cuts.std(axis=0) > 1e-6)
    ours, theirs = segments[:, varies], cuts[:, varies]
    correlation = np.mean((ours - ours.mean(0)) * (theirs - theirs.mean(0)), axis=0)
    correlation /= ours.std(axis=0) * theirs.std(axis=0)
    assert np.median(correlation) > 0.85
    shuffled = np.mean((ours[::-1] - ours.mean(0)) * (theirs - theirs.mean(0)), axis=0)
    assert np.median(shuffled / (ours.std(axis=0) * theirs.std(axis=0))) < 0.5


def test_less_than_a_segment_is_one_row(speech: np.ndarray) -> None:
    short = speech[:3200]
    np.testing.assert_array_equal(
        OpenSmile("egemaps", segment=1.0)(short, RATE), OpenSmile("egemaps")(short, RATE)
    )


def test_full_scale_does_not_turn_round(speech: np.ndarray) -> None:
    loud = (speech / np.abs(speech).max()).astype(np.float32)
    loud[loud.argmax()] = 1.0
    below = np.minimum(loud, np.float32(1 - 2**-15))
    feature = OpenSmile("is09")
    np.testing.assert_array_equal(feature(loud, RATE), feature(below, RATE))
    louder = feature(4 * loud, RATE)
    np.testing.assert_array_equal(louder, feature(np.clip(4 * loud, -1, 1), RATE))


@given(
    name=st.sampled_from(list(SIZES)),
    segment=st.sampled_from([None, 0.1, 0.2]),
    rate=st.sampled_from([8000, 11025, 16000, 44100, 48000]),
    extra=st.integers(0, 9000),
    kind=st.sampled_from(["silence", "constant", "impulse", "noise", "square", "tiny", "loud"]),
)
@settings(max_examples=60, deadline=None)
def test_any_signal_gives_finite_values(
    name: str, segment: float | None, rate: int, extra: int, kind: str
) -> None:
    size = -(-rate // 10) + extra
    rng = np.random.default_rng(size)
    impulse = np.zeros(size)
    impulse[rng.integers(size)] = 1
    signal = {
        "silence": np.zeros(size),
        "constant": np.full(size, 0.7),
        "impulse": impulse,
        "noise": rng.uniform(-1, 1, size),
        "square": np.sign(np.sin(np.arange(size) / (1 + size % 5))),
        "tiny": rng.uniform(-1e-30, 1e-30, size),
        "loud": rng.uniform(-1e30, 1e30, size),
    }[kind].astype(np.float32)
    values = OpenSmile(name, segment)(signal, rate)
    most = 1 if segment is None else max(1, int(size / rate / segment))
    assert 1 <= len(values) <= most
    assert values.shape[1] == SIZES[name]
    assert np.isfinite(values).all()


def test_values_that_are_not_numbers_become_zero(
    monkeypatch: pytest.MonkeyPatch, tone: np.ndarray
) -> None:
    row = np.array([[1.0, np.nan, np.inf]], np.float32)
    monkeypatch.setattr(module, "_run", lambda *_: [row.copy()])
    np.testing.assert_array_equal(OpenSmile()(tone, RATE), [[1.0, 0.0, 0.0]])


def test_what_cannot_be_is_refused(tone: np.ndarray) -> None:
    with pytest.raises(OpenSmileError, match="is09, is10, compare2016, egemaps"):
        OpenSmile("IS10_compat")
    for segment in (0.06, 0.0, -1.0, float("nan")):
        with pytest.raises(OpenSmileError, match=r"0\.1 s or more"):
            OpenSmile(segment=segment)
    with pytest.raises(OpenSmileError, match="multiple"):
        OpenSmile(segment=0.125)
    with pytest.raises(TooShortError, match="1599"):
        OpenSmile()(tone[:1599], RATE)
    with pytest.raises(NonFiniteAudioError):
        OpenSmile()(np.full(RATE, np.nan, np.float32), RATE)


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch, tone: np.ndarray) -> None:
    def missing(_: str) -> str:
        raise importlib.metadata.PackageNotFoundError

    monkeypatch.setitem(sys.modules, "opensmile", None)
    monkeypatch.setattr(importlib.metadata, "version", missing)
    module._import_library.cache_clear()
    for use in (lambda: OpenSmile()(tone, RATE), OpenSmile().identity):
        with pytest.raises(MissingExtraError, match=r"serenade\[opensmile\]"):
            use()


def test_licence_is_warned_of_once(tone: np.ndarray) -> None:
    module._import_library.cache_clear()
    feature = OpenSmile("egemaps")
    with pytest.warns(LicenceWarning, match="research"):
        feature(tone, RATE)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        feature(tone, RATE)
        assert OpenSmile("is09").names


def test_a_path_openSMILE_cannot_read_is_explained(  # noqa: N802 - its own spelling
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tone: np.ndarray
) -> None:
    folder = tmp_path / "Jörg"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    with pytest.raises(OpenSmileError, match="TMPDIR"):
        OpenSmile()(tone, RATE)
    assert not list(folder.iterdir())


def test_identity_tells_sets_segments_and_openSMILE_apart(  # noqa: N802 - its own spelling
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    features = [OpenSmile(), OpenSmile(segment=0.2), OpenSmile("egemaps")]
    identities = [str(feature.identity()) for feature in features]
    assert len(set(identities)) == 3
    monkeypatch.setattr(importlib.metadata, "version", lambda _: "9.9")
    assert OpenSmile().identity()["opensmile"] == "9.9"
    assert str(OpenSmile().identity()) != identities[0]


def test_works_in_processes_and_threads_and_leaves_nothing(
    speech: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    feature = OpenSmile("is10", segment=0.2)
    assert pickle.loads(pickle.dumps(feature)) == feature
    clips = [np.roll(speech[:RATE], 1000 * shift) for shift in range(8)]
    expected = [feature(clip, RATE) for clip in clips]
    spawn = multiprocessing.get_context("spawn")
    for pool in (ProcessPoolExecutor(2, mp_context=spawn), ThreadPoolExecutor(4)):
        with pool:
            for values, wanted in zip(
                pool.map(feature, clips, [RATE] * len(clips)), expected, strict=True
            ):
                np.testing.assert_array_equal(values, wanted)
    assert not list(tmp_path.iterdir())

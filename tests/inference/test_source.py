"""`open_source` and `list_recordings`: every kind of recording becomes the same blocks."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from serenade.audio import read
from serenade.errors import (
    AudioError,
    EmptyFileError,
    InputError,
    MissingFileError,
    NotAudioError,
    SignalFormatError,
)
from serenade.inference import list_channels, open_speakers
from serenade.inference._source import Source, list_recordings, open_source

RATE = 16000
INTEGERS = [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64]


def signal_of(source, sampling_rate=None, wanted=RATE):
    return np.concatenate(list(open_source(source, sampling_rate, wanted).read()))


def test_open_source_reads_standard_input_more_than_once(tmp_path, monkeypatch):
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, RATE).astype(np.float32)
    path = tmp_path / "call.wav"
    soundfile.write(path, samples, RATE, "FLOAT")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes())))
    for _ in range(2):
        np.testing.assert_array_equal(signal_of("-"), samples)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    with pytest.raises(EmptyFileError, match=r"^-: is empty"):
        signal_of("-")
    soundfile.write(path, np.stack([samples, 0 * samples], axis=1), 16000)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes())))
    assert list_channels(["-", "none.wav"]) == (["-", "-", "none.wav"], [1, 2, 0])
    assert list(open_speakers("-", None, 16000, "mix", "channels")) == ["left", "right"]
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    with pytest.raises(InputError, match="pipe a recording to it"):
        signal_of("-")


def test_open_source_takes_a_channel_of_each_kind_of_recording(tmp_path):
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, (RATE, 2)).astype(np.float32)
    path = tmp_path / "call.wav"
    soundfile.write(path, samples, RATE, "FLOAT")
    kinds = [(path, None), (path.read_bytes(), None), (samples, RATE)]
    kinds += [
        (io.BytesIO(path.read_bytes()), None),
        ({"array": samples, "sampling_rate": RATE}, None),
    ]
    for source, rate in kinds:
        opening = open_source(source, rate, RATE, "right")
        np.testing.assert_array_equal(np.concatenate(list(opening.read())), samples[:, 1])
    with pytest.raises(InputError, match="choose the channel where it is read"):
        open_source(read(path), None, RATE, 1)
    with pytest.raises(InputError, match="no channel 'both'"):
        open_source(path, None, RATE, "both")


@pytest.fixture(scope="module")
def wave(tmp_path_factory):
    """Write a recording of a second in 16 bits; also return its samples."""
    samples = 0.3 * np.random.default_rng(0).standard_normal(RATE).clip(-3, 3)
    path = tmp_path_factory.mktemp("source") / "a.wav"
    soundfile.write(path, samples, RATE)
    return path, read(path).signal


@pytest.fixture
def open_as(wave):
    """Give the recording as one of the kinds that `predict` takes."""
    path, _ = wave
    content = path.read_bytes()
    with path.open("rb") as file:
        makers = {
            "str": lambda: str(path),
            "Path": lambda: path,
            "bytes": lambda: content,
            "bytearray": lambda: bytearray(content),
            "memoryview": lambda: memoryview(content),
            "BytesIO": lambda: io.BytesIO(content),
            "file": lambda: file,
            "Audio": lambda: read(path),
            "Source": lambda: Source("a", iter([read(path).signal])),
        }
        yield lambda kind: makers[kind]()


KINDS = ("str", "Path", "bytes", "bytearray", "memoryview", "BytesIO", "file", "Audio", "Source")


@pytest.mark.parametrize("kind", KINDS)
def test_open_source_reads_any_kind_of_file(wave, open_as, kind):
    np.testing.assert_array_equal(signal_of(open_as(kind)), wave[1])


@pytest.mark.parametrize("kind", ["bytes", "BytesIO", "file"])
def test_open_source_leaves_no_temporary_file(open_as, kind, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    signal_of(open_as(kind))
    assert not list(tmp_path.iterdir())


def test_open_source_resamples_bytes(wave):
    path, _ = wave
    expected = read(path, sampling_rate=8000).signal
    np.testing.assert_array_equal(signal_of(path.read_bytes(), wanted=8000), expected)


def test_open_source_names_an_open_file_in_errors(tmp_path):
    (tmp_path / "notes.txt").write_text("not audio")
    with (tmp_path / "notes.txt").open("rb") as file, pytest.raises(NotAudioError) as error:
        signal_of(file)
    assert error.value.source == str(tmp_path / "notes.txt")
    with pytest.raises(NotAudioError, match=r"^bytes: is not audio"):
        signal_of(b"not audio")
    with pytest.raises(EmptyFileError, match=r"^file: is empty"):
        signal_of(io.BytesIO())


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([np.float32, np.float64, np.float16, *INTEGERS]),
    st.sampled_from(["(n,)", "(1, n)", "(n, 1)", "(2, n)", "(n, 2)", "list"]),
    st.integers(1600, 4000),
    st.booleans(),
)
def test_open_source_takes_any_type_and_clear_shape(kind, shape, size, tensor):
    samples = np.random.default_rng(size).uniform(-0.9, 0.9, size)
    half = 2.0 ** (8 * np.dtype(kind).itemsize - 1)
    if np.issubdtype(kind, np.integer):
        shifted = samples * half + (0 if np.issubdtype(kind, np.signedinteger) else half)
        array = shifted.astype(kind)
    else:
        array, half = samples.astype(kind), 512
    laid = {
        "(n,)": array,
        "(1, n)": array[None],
        "(n, 1)": array[:, None],
        "(2, n)": np.stack([array, array]),
        "(n, 2)": np.stack([array, array], axis=1),
        "list": samples.tolist(),
    }[shape]
    if tensor and shape != "list":
        torch = pytest.importorskip("torch")
        laid = torch.from_numpy(laid)
    np.testing.assert_allclose(signal_of(laid, RATE), samples, atol=2 / half + 1e-6)


def test_open_source_takes_tensors_with_gradients_and_of_half_precision(wave):
    torch = pytest.importorskip("torch")
    _, samples = wave
    tensor = torch.from_numpy(samples)
    np.testing.assert_array_equal(signal_of(tensor.clone().requires_grad_(), RATE), samples)
    found = signal_of(tensor.to(torch.bfloat16), RATE)
    np.testing.assert_allclose(found, samples, atol=0.01)


def test_open_source_takes_a_row_of_hugging_face(wave):
    path, samples = wave
    row = {"path": "clip.wav", "array": samples, "sampling_rate": RATE}
    np.testing.assert_array_equal(signal_of(row), samples)
    assert open_source(row, None, RATE).name == "clip.wav"
    assert open_source({"array": samples, "sampling_rate": RATE}, None, RATE).name == "array"
    with pytest.raises(InputError, match="leave sampling_rate out"):
        open_source(row, RATE, RATE)
    with pytest.raises(InputError, match=r'"array" and "sampling_rate": call predict\(row'):
        open_source({"path": str(path), "bytes": None}, None, RATE)


@pytest.mark.parametrize(
    "several",
    [["a.wav", "b.wav"], ("a.wav",), {Path("a.wav")}, [b"RIFF"], np.array(["a.wav", "b.wav"])],
)
def test_open_source_names_the_call_for_several_recordings(several):
    with pytest.raises(InputError, match=r"\[model\.predict\(path\) for path in paths\]"):
        open_source(several, None, RATE)


def test_open_source_names_the_call_for_a_missing_or_superfluous_rate(wave, open_as):
    _, samples = wave
    for array in (samples, samples.tolist(), 0.5):
        with pytest.raises(InputError, match=r"call predict\(signal, sampling_rate=16000\)"):
            open_source(array, None, RATE)
    for kind in KINDS:
        with pytest.raises(InputError, match="leave sampling_rate out"):
            open_source(open_as(kind), RATE, RATE)
    with pytest.raises(InputError, match="None is not a recording"):
        open_source(None, None, RATE)


def test_open_source_names_the_call_for_other_mistakes(wave):
    path, samples = wave
    with path.open(encoding="latin-1") as text, pytest.raises(InputError, match=r"open\(path, .rb"):
        open_source(text, None, RATE)
    with pytest.raises(MissingFileError, match="is a URL; download the file and give its path"):
        open_source("https://example.org/a.wav", None, RATE)
    with pytest.raises(SignalFormatError, match=r"shape \(2, 1, 16000\); call predict\(signal, s"):
        open_source(np.stack([samples[None]] * 2), RATE, RATE)
    with pytest.raises(SignalFormatError, match=r"shape \(3, 16000\)"):
        open_source(np.stack([samples] * 3), RATE, RATE)
    with pytest.raises(SignalFormatError, match="read it at 8000 Hz"):
        open_source(read(path), None, 8000)


def test_input_error_is_a_type_error_and_not_an_audio_error():
    for kind in (TypeError, Exception):
        with pytest.raises(kind, match="several"):
            open_source(["a.wav"], None, RATE)
    assert not issubclass(InputError, AudioError)


def test_list_recordings_tells_one_recording_from_several(wave, open_as):
    path, samples = wave
    for one in (*(open_as(kind) for kind in KINDS), samples, samples.tolist(), {"array": 0}):
        (found,) = list_recordings(one)
        assert found is one
    for several in (["a.wav", "b.wav"], ("a.wav", path), [samples, samples]):
        assert list_recordings(several) is several
    assert list(list_recordings(np.array(["a.wav", "b.wav"]))) == ["a.wav", "b.wav"]
    assert list(list_recordings(name for name in "ab")) == ["a", "b"]
    with pytest.raises(InputError, match="give the path of one, or several paths"):
        list_recordings(None)


def test_open_source_does_not_import_torch():
    code = (
        "import sys, numpy as np; from serenade.inference._source import open_source;"
        "list(open_source(np.ones((1, 1600)) / 2, 16000, 16000).read());"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

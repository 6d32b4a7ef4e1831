"""Formats that FFmpeg decodes in a process of its own."""

from __future__ import annotations

import os
import resource
import shutil
import stat
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from support.media import MEDIA, VIDEO, encode

from serenade import errors
from serenade.audio import _media, measure_duration, read, read_blocks


def make_tone(kind: str, seconds: float = 2.0) -> np.ndarray:
    rate = MEDIA[kind][2]
    return 0.3 * np.sin(2 * np.pi * 300 * np.arange(round(seconds * rate)) / rate)


@pytest.mark.parametrize(
    ("kind", "video"), [*((kind, False) for kind in MEDIA), *((kind, True) for kind in VIDEO)]
)
def test_read_reads_the_audio_track(tmp_path: Path, kind: str, video: bool) -> None:
    path = tmp_path / "recording.bin"  # its content decides
    path.write_bytes(encode(kind, make_tone(kind), video=video))
    audio = read(path)
    assert audio.duration == pytest.approx(2, abs=0.15)
    assert (audio.channels, audio.source_rate) == (1, MEDIA[kind][2])
    middle = audio.signal[8000:24000]
    spectrum = np.abs(np.fft.rfft(middle))
    assert np.argmax(spectrum) == 300
    # The codec of telephones models a voice, and makes a tone softer.
    tolerance = 0.25 if "amr" in MEDIA[kind][1] else 0.15
    assert np.std(middle) == pytest.approx(0.3 / np.sqrt(2), rel=tolerance)
    blocks = list(read_blocks(path))
    np.testing.assert_array_equal(np.concatenate(blocks), audio.signal)
    assert measure_duration(path) == pytest.approx(audio.duration)


def test_read_reads_a_segment_of_a_video(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(encode("mp4", make_tone("mp4"), video=True))
    whole = read(path, sampling_rate=44100).signal
    segment = read(path, sampling_rate=44100, start=0.5, end=1.0)
    np.testing.assert_array_equal(segment.signal, whole[22050:44100])
    with pytest.raises(errors.SignalFormatError, match=r"lasts 2\.\d\d s"):
        read(path, start=5)


@pytest.mark.parametrize("kind", VIDEO)
def test_read_refuses_a_video_without_sound(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "silent.mp4"
    path.write_bytes(encode(kind, make_tone(kind), video=True, sound=False))
    with pytest.raises(errors.NoSamplesError, match="has no audio track"):
        read(path)


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.95])
@pytest.mark.parametrize("kind", ["m4a", "mp4", "mov", "3gp", "wma", "webm", "mkv"])
def test_read_refuses_cut_files(tmp_path: Path, kind: str, kept: float) -> None:
    """WebM, AMR and AAC of a browser or a phone state no length, so that no cut is known."""
    content = encode(kind, make_tone(kind))
    path = tmp_path / "cut.bin"
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(errors.TruncatedAudioError):
        read(path)


@pytest.mark.parametrize("kind", ["webm", "amr", "aac"])
def test_read_takes_streams_that_end_anywhere(tmp_path: Path, kind: str) -> None:
    """A recorder that is killed leaves such a file; WebM of a browser states no size."""
    content = bytearray(encode(kind, make_tone(kind)))
    if kind == "webm":
        place = content.index(b"\x18\x53\x80\x67") + 4
        content[place : place + 8] = b"\x01" + 7 * b"\xff"
    path = tmp_path / "stream.bin"
    path.write_bytes(content[: int(0.8 * len(content))])
    assert read(path).duration == pytest.approx(1.6, abs=0.2)


@pytest.mark.parametrize("kind", MEDIA)
def test_read_reads_or_refuses_joined_files(tmp_path: Path, kind: str) -> None:
    """No part is lost without a message."""
    path = tmp_path / "joined.bin"
    path.write_bytes(2 * encode(kind, make_tone(kind)))
    try:
        assert read(path).duration == pytest.approx(4, abs=0.3)
    except errors.SignalFormatError as error:
        assert "joins several recordings" in str(error)  # noqa: PT017 - both are right
    except errors.TruncatedAudioError:
        assert kind == "amr"  # the second header is no frame


@pytest.mark.parametrize(
    "head", [b"\0\0\0\x18ftypmp42", b"\x1a\x45\xdf\xa3", b"#!AMR\n", b"\xff\xf1"]
)
def test_read_refuses_damaged_files(tmp_path: Path, head: bytes) -> None:
    path = tmp_path / "damaged.bin"
    path.write_bytes(head + np.random.default_rng(0).bytes(3000))
    with pytest.raises(errors.AudioError) as raised:
        read(path)
    assert raised.value.source == str(path)


def test_read_reads_nist_sphere(tmp_path: Path) -> None:
    tone = make_tone("m4a")
    path = tmp_path / "tone.sph"
    soundfile.write(path, tone, 16000, format="NIST")
    np.testing.assert_allclose(read(path).signal, tone, atol=1e-4)


def test_read_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "voice.m4a"
    path.write_bytes(encode("m4a", make_tone("m4a")))
    monkeypatch.setattr(_media.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(errors.NoDecoderError, match=r'MP4.*pip install "serenade\[media\]"'):
        read(path)


@pytest.mark.skipif(os.name != "posix", reason="writes a program for a POSIX shell")
def test_read_runs_ffmpeg_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stand-in has the output of ffmpeg; the real program is used where it is installed."""
    path = tmp_path / "voice.m4a"
    path.write_bytes(encode("m4a", make_tone("m4a")))
    wanted = read(path).signal
    if shutil.which("ffmpeg") is None:
        program = tmp_path / "ffmpeg"
        script = Path(_media.__file__).with_name("_media_process.py")
        program.write_text(
            "#!/bin/sh\n"
            'while [ "$1" != -i ]; do shift; done\n'
            f'exec "{sys.executable}" -P "{script}" "${{2#file:}}"\n'
        )
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(_media.importlib.util, "find_spec", lambda _: None)
    # FFmpeg's own resampler is not used: both give the same samples but for the encoder's delay.
    assert read(path).signal.size == pytest.approx(wanted.size, abs=2048)


def test_read_ends_a_decoder_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "voice.m4a"
    path.write_bytes(encode("m4a", make_tone("m4a")))
    monkeypatch.setattr(_media, "_STALL", 0.5)
    wait = [sys.executable, "-c", "import time; time.sleep(600)"]
    monkeypatch.setattr(_media, "_make_command", lambda _: wait)
    with pytest.raises(errors.TruncatedAudioError):
        read(path)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not limit memory")
def test_read_limits_the_memory_of_a_decoder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "voice.m4a"
    path.write_bytes(encode("m4a", make_tone("m4a")))
    score = tmp_path / "score"
    script = (
        "import pathlib, time; time.sleep(0.2)\n"
        f"pathlib.Path({str(score)!r}).write_text(open('/proc/self/oom_score_adj').read())\n"
        "x = bytearray(600 << 20); time.sleep(600)\n"
    )
    monkeypatch.setattr(_media, "_make_command", lambda _: [sys.executable, "-c", script])
    with pytest.raises(errors.TruncatedAudioError):
        read(path)
    assert score.read_text().strip() == "1000"
    assert resource.getrlimit(resource.RLIMIT_AS)[0] != _media._MEMORY


def test_read_refuses_days_of_sound_in_a_small_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "voice.m4a"
    path.write_bytes(encode("m4a", make_tone("m4a")))
    script = (
        "import struct, sys\n"
        "sys.stdout.buffer.write(struct.pack('>4s5I', b'.snd', 24, 0xFFFFFFFF, 6, 1000, 1))\n"
        "while True: sys.stdout.buffer.write(bytes(1 << 16))\n"
    )
    monkeypatch.setattr(_media, "_make_command", lambda _: [sys.executable, "-c", script])
    with pytest.raises(errors.TruncatedAudioError):
        sum(map(len, read_blocks(path)))


def test_read_recognises_a_git_lfs_pointer(tmp_path: Path) -> None:
    path = tmp_path / "voice.wav"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n")
    with pytest.raises(errors.NotAudioError, match=r"Git LFS pointer.*git lfs pull"):
        read(path)

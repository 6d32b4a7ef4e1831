"""Recordings that cannot be used are found by the reader of training, and verdicts are kept."""

import os

import numpy as np
import pytest
import soundfile

from serenade import errors
from serenade.errors import CorpusError
from serenade.extraction import Cache, Clip, _usability, find_unusable, require_usable


@pytest.fixture
def kept(tmp_path):
    return Cache(tmp_path / "cache", limit=10**8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Folder of one good recording and of one bad recording of each kind, in several formats."""
    root = tmp_path_factory.mktemp("recordings")
    noise = 0.1 * np.random.default_rng(0).standard_normal(16000)
    soundfile.write(root / "good.wav", noise, 16000)
    soundfile.write(os.fsencode(root / os.fsdecode(b"g\xfcod.flac")), noise, 16000, format="FLAC")
    for suffix in ("wav", "flac", "ogg"):
        soundfile.write(root / f"silent.{suffix}", 0 * noise, 16000)
        soundfile.write(root / f"short.{suffix}", noise[:800], 16000)
    soundfile.write(root / "nan.wav", np.full(16000, np.nan), 16000, subtype="FLOAT")
    whole = (root / "good.wav").read_bytes()
    (root / "cut.wav").write_bytes(whole[: len(whole) // 2])
    (root / "text.wav").write_text("no audio")
    (root / "headless.raw").write_bytes(whole[44:])
    (root / "empty.wav").write_bytes(b"")
    return root


WRONG = {
    "silent": errors.SilenceError,
    "short": errors.TooShortError,
    "nan": errors.NonFiniteAudioError,
    "cut": errors.TruncatedAudioError,
    "text": errors.NotAudioError,
    "headless": errors.NotAudioError,
    "empty": errors.EmptyFileError,
    "absent": errors.MissingFileError,
}


@pytest.mark.parametrize("jobs", [1, 2])
def test_find_unusable_gives_the_errors_of_the_reader_and_keeps_them(
    folder, kept, jobs, monkeypatch
):
    monkeypatch.setattr(_usability, "_WORTH_A_POOL", 0.0)
    files = [*sorted(folder.iterdir()), folder / "absent.wav"]
    clips = [Clip(str(file)) for file in files]
    found = find_unusable(clips, jobs=jobs, cache=kept)
    for index, file in enumerate(files):
        assert type(found.get(index)) is WRONG.get(file.stem, type(None)), file
    monkeypatch.setattr(_usability, "read", lambda *_, **__: pytest.fail("was read again"))
    readable = [clip for clip in clips if "absent" not in clip.file]
    again = find_unusable(readable, jobs=1, cache=kept)
    assert {i: str(e) for i, e in again.items()} == {
        i: str(e) for i, e in found.items() if i < len(readable)
    }


def test_find_unusable_reads_a_changed_file_again(folder, kept, tmp_path):
    file = tmp_path / "a.wav"
    file.write_bytes((folder / "silent.wav").read_bytes())
    clips = [Clip(str(file))]
    assert find_unusable(clips, jobs=1, cache=kept)
    file.write_bytes((folder / "good.wav").read_bytes())
    assert not find_unusable(clips, jobs=1, cache=kept)


def test_find_unusable_checks_parts_by_themselves(kept, tmp_path):
    file = tmp_path / "half.wav"
    noise = 0.1 * np.random.default_rng(0).standard_normal(16000)
    soundfile.write(file, np.concatenate([noise, 0 * noise]), 16000)
    clips = [Clip(str(file), 0.0, 1.0), Clip(str(file), 1.0, 2.0), Clip(str(file))]
    assert set(find_unusable(clips, jobs=1, cache=kept)) == {1}


def test_require_usable_fails_only_above_the_limit():
    names = [f"{n}.wav" for n in range(10)]
    bad = {3: errors.SilenceError("/a/3.wav", "is silent", "record it again")}
    assert require_usable(names, bad, 0.1) == ("3.wav: is silent",)
    with pytest.raises(CorpusError, match=r"1 of 10 recordings \(10.0%\).*3.wav: is silent"):
        require_usable(names, bad, 0.05)
    with pytest.raises(CorpusError, match="1 of 1"):
        require_usable(["a.wav"], {0: bad[3]}, 1.0)
    assert require_usable(names, {}, 0.0) == ()


def test_find_unusable_reads_a_replaced_file_of_equal_size_and_time_again(tmp_path, kept):
    path, other = tmp_path / "a.wav", tmp_path / "b.wav"
    soundfile.write(path, np.zeros(16000), 16000)
    stated = path.stat()
    assert find_unusable([Clip(str(path))], jobs=1, cache=kept)
    soundfile.write(other, np.full(16000, 0.1), 16000)
    os.utime(other, ns=(stated.st_atime_ns, stated.st_mtime_ns))
    other.replace(path)
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (stated.st_size, stated.st_mtime_ns)
    assert find_unusable([Clip(str(path))], jobs=1, cache=kept) == {}


def test_find_unusable_keeps_no_verdict_of_a_missing_decoder(tmp_path, kept, monkeypatch):
    path = tmp_path / "a.m4a"
    path.write_bytes(b"\x00\x00\x00\x18ftypM4A " + bytes(12))
    with monkeypatch.context() as bare:
        bare.setattr("serenade.audio._media._make_command", lambda _: [])
        found = find_unusable([Clip(str(path))], jobs=1, cache=kept)
    assert type(found[0]) is errors.NoDecoderError
    monkeypatch.setattr(_usability, "read", lambda *_, **__: None)
    assert find_unusable([Clip(str(path))], jobs=1, cache=kept) == {}

"""`predict_many`, and embeddings."""

import math
import types

import numpy as np
import pytest
import soundfile

from serenade._printable import to_printable
from serenade.errors import InputError, NoSpeechError, SerenadeError
from serenade.inference import embed_files, write_embeddings

COLUMNS = ("file", "start", "end", "speaker", "emotion")
LAST = ("uncertain", "adapted_to", "error")


@pytest.fixture
def clips(tmp_path, example):
    """Write four recordings of 3 s, and one that is none."""
    signal, rate = soundfile.read(example, stop=12 * 16000)
    root = tmp_path / "clips"
    root.mkdir()
    for number, part in enumerate(np.split(signal, 4)):
        soundfile.write(root / f"{number}.wav", part, rate)
    (root / "bad.wav").write_text("this is not audio")
    return root


def _check(table, model, rows):
    assert tuple(table) == (*COLUMNS, *model.labels, *LAST)
    assert {len(column) for column in table.values()} == {rows}


def test_predict_many_returns_a_row_for_each_recording(model, clips):
    table = model.predict_many(clips)
    _check(table, model, 5)
    failed = [number for number, error in enumerate(table["error"]) if error]
    assert [table["emotion"][number] for number in failed] == [None]
    assert math.isnan(table["angry"][failed[0]])
    alone = model.predict(table["file"][0])
    assert [table[label][0] for label in model.labels] == list(alone.probabilities.values())
    assert (table["start"][0], table["end"][0]) == (0.0, alone.duration)
    assert table["uncertain"][0] is alone.uncertain


def test_predict_many_reads_speakers_of_a_manifest_and_adapts_to_each(model, clips, tmp_path):
    files = sorted(clips.glob("[0-3].wav"))
    manifest = tmp_path / "m.csv"
    # Recordings without a speaker are not taken for one speaker.
    for speakers, adapted_to in (("abab", [2, 2, 2, 2]), (["a", "a", "", ""], [2, 2, 0, 0])):
        rows = [f"{file},{speaker}" for file, speaker in zip(files, speakers, strict=True)]
        manifest.write_text("\n".join(["file,speaker", *rows]), "utf-8")
        table = model.predict_many(manifest, adapt="unknown", by_speaker=True)
        assert table["speaker"] == list(speakers)
        assert table["adapted_to"] == adapted_to


def test_predict_many_returns_a_row_for_each_segment(model, example):
    table = model.predict_many([example], windows=(2.0, 1.0))
    segments = model.timeline(example).segments
    _check(table, model, len(segments))
    assert table["start"] == [segment.start for segment in segments]
    pandas = pytest.importorskip("pandas")
    assert list(pandas.DataFrame(table)["emotion"]) == [segment.emotion for segment in segments]


def test_predict_many_reads_a_data_set_of_hugging_face(model, example):
    datasets = pytest.importorskip("datasets", reason="serenade[datasets] brings it")
    content = {"sound": [str(example)] * 2, "speaker": ["a", None]}
    rows = datasets.Dataset.from_dict(content).cast_column("sound", datasets.Audio())
    for given in (rows, rows.to_iterable_dataset()):
        table = model.predict_many(given, audio="sound")
        _check(table, model, 2)
        assert table["speaker"] == ["a", ""]
        assert table["emotion"][0] == model.predict(example).emotion
    with pytest.raises(InputError, match=r"no column 'audio'; name one of sound, speaker"):
        model.predict_many(rows)


class _Rows(list):
    """Rows of a data set with decoded audio."""

    features = types.MappingProxyType({"sound": object()})

    def cast_column(self, *_):
        return self


@pytest.mark.parametrize("adapt", [None, "unknown"])
def test_predict_many_keeps_rows_of_a_data_set_without_audio(model, example, adapt):
    rows = [{"sound": entry} for entry in (None, {"path": None, "bytes": None})]
    table = model.predict_many(
        _Rows([*rows, {"sound": {"path": str(example)}}]), audio="sound", adapt=adapt
    )
    says = "row {}: has no audio; leave the row out, or give its audio"
    assert table["error"] == [says.format(0), says.format(1), ""]
    assert table["emotion"][2] == model.predict(example).emotion


def test_embed_averages_the_features(model, example):
    signal, rate = soundfile.read(example, dtype="float32", stop=48000)
    found = model.embed(signal, rate)
    np.testing.assert_allclose(found, model.features(signal).mean(axis=0), rtol=1e-5)
    assert model.embed(example).shape == found.shape
    both = np.stack([signal, np.roll(signal, 8000)], axis=1)
    np.testing.assert_array_equal(model.embed(both, rate, channel="left"), found)
    with pytest.raises(NoSpeechError):
        model.embed(np.full(32000, 1e-3, np.float32), 16000)


@pytest.mark.parametrize("suffix", [".npy", ".parquet"])
def test_embeddings_are_read_back(model, clips, tmp_path, suffix):
    found = list(embed_files(model, sorted(map(str, clips.glob("[01].wav")))))
    rows = np.stack([row for _, row in found])
    files = [found[0][0], "caf\udce9.wav"]  # the bytes of the name are not UTF-8
    printed = [found[0][0], to_printable(files[1])]
    written = write_embeddings(str(tmp_path / f"x{suffix}"), files, rows)
    if suffix == ".npy":
        assert np.array_equal(np.load(written[0]), rows)
        assert written[1].read_text("utf-8").splitlines() == printed
    else:
        parquet = pytest.importorskip("pyarrow.parquet")
        table = parquet.read_table(written[0]).to_pydict()
        assert table["file"] == printed
        assert np.array_equal(np.float32(table["embedding"]), rows)
    with pytest.raises(SerenadeError, match=r"x\.csv: embeddings are written as \.npy or"):
        write_embeddings(tmp_path / "x.csv", files, rows)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(SerenadeError, match=r"would replace .*notes\.txt"):
        write_embeddings(tmp_path / "notes.npy", files, rows)
    assert (tmp_path / "notes.txt").read_text() == "mine"

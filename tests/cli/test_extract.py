"""`serenade extract`: features as Parquet that anything reads."""

import json

import numpy as np
import pytest

pytest.importorskip("sklearn")
parquet = pytest.importorskip("pyarrow.parquet")

from support.small_corpora import SYNTHETIC  # noqa: E402

from serenade.extraction import Cache, extract  # noqa: E402
from serenade.extraction._shards import Clip, read_shards  # noqa: E402
from serenade.features import MFCC40  # noqa: E402


def test_a_corpus_becomes_shards_and_a_second_run_has_nothing_to_do(run, tmp_path):
    arguments = ["extract", "cnn-transformer", SYNTHETIC, "--root", tmp_path / "speech"]
    arguments += ["--labels", "angry,sad", "--out", tmp_path / "out", "--each", "20", "--jobs", "1"]
    done = run(*arguments)
    assert done.returncode == 0, done.stderr
    assert "48 recordings in 3 files, 3 of them made now" in done.stdout
    again = run(*arguments)
    assert "48 recordings in 3 files, 0 of them made now" in again.stdout
    table = parquet.read_table(tmp_path / "out")
    assert table.num_rows == 48
    file = table.column("file")[0].as_py()
    assert not file.startswith("/")
    stated = json.loads(table.schema.metadata[b"serenade"])
    assert stated["sampling_rate"] == 48000  # cnn-transformer's
    segment, matrix = next(iter(read_shards(tmp_path / "out")))
    assert segment.file == file
    assert stated["dims"] == matrix.shape[1]


def test_other_features_in_the_same_folder_are_made_anew(tmp_path):
    import soundfile

    from serenade.errors import SerenadeError
    from serenade.extraction import write_shards

    noise = 0.1 * np.random.default_rng(0).standard_normal(16000)
    soundfile.write(tmp_path / "a.wav", noise, 16000)
    segments, out = [Clip(str(tmp_path / "a.wav"))], tmp_path / "out"

    def made(feature):
        return [shard.made for shard in write_shards(segments, feature, out, jobs=1)]

    assert made(MFCC40()) == [True]
    assert made(MFCC40()) == [False]
    assert made(MFCC40(duration=0.5)) == [True]
    ((_, matrix),) = read_shards(out)
    (expected,) = extract(segments, MFCC40(duration=0.5), jobs=1, cache=Cache(tmp_path / "cache"))
    assert np.array_equal(matrix, expected)
    soundfile.write(tmp_path / "a.wav", noise / 2, 16000)  # the recording changed
    assert made(MFCC40(duration=0.5)) == [True]
    with pytest.raises(SerenadeError, match="contains no shards"):
        next(iter(read_shards(tmp_path)))
    (out / "part-00000.parquet").write_bytes(b"PAR1")
    with pytest.raises(SerenadeError, match="not a readable shard"):
        list(read_shards(out))

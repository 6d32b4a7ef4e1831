"""`serenade audit`, `reproduce` and `extract`, and a tree in CASIA's layout in every command."""

import json
import shutil

import numpy as np
import pytest
from support.small_corpora import SYNTHETIC

from serenade import corpora
from serenade.extraction import Cache, extract
from serenade.extraction._shards import Clip, read_shards
from serenade.features import MFCC40

pytest.importorskip("sklearn")
pytest.importorskip("skorch")


def test_a_clean_protocol_and_a_leaking_one(run, tmp_path):
    speech = ("--root", tmp_path / "speech", "--labels", "angry,sad")
    clean = run("audit", SYNTHETIC, *speech)
    assert clean.returncode == 0, clean.stderr
    assert "looked for shared speakers, byte-identical files" in clean.stdout
    assert clean.stdout.endswith("no leak found\n")
    leaking = run("audit", SYNTHETIC, *speech, "--protocol", "random", "--json")
    assert leaking.returncode == 1
    (speakers,) = (one for one in json.loads(leaking.stdout)["findings"] if one["leak"])
    assert speakers["kind"] == "speakers"


def test_a_table_of_folds_needs_no_audio(run, tmp_path):
    table = tmp_path / "folds.csv"
    table.write_text("fold,split,file\n1,train,a/1.wav\n1,test,a/2.wav\n2,test,b/1.wav\n")
    found = run("audit", table, "--speaker", "^(.)/", "--json")
    assert found.returncode == 1, found.stderr
    assert [one["shared"] for one in json.loads(found.stdout)] == [["a"], []]
    assert "leak: fold 1: 1 of 1 test" in run("audit", table, "--speaker", "^(.)/").stdout


def test_folds_are_written_and_read(run, tmp_path):
    speech = (SYNTHETIC, "--root", tmp_path / "speech", "--labels", "angry,sad")
    settings = ("--set", "copies=0", "--set", "layers=(1,)", "--jobs", "1")
    folds = tmp_path / "folds.json"
    first = run(
        *("evaluate", "whisper-probe", *speech, *settings, "--out", tmp_path / "one"),
        *("--protocol", "groups", "--protocol-set", "groups=2", "--write-folds", folds),
    )
    assert first.returncode == 0, first.stderr
    again = run(
        *("evaluate", "whisper-probe", *speech, *settings, "--out", tmp_path / "two"),
        *("--folds", folds),
    )
    assert again.returncode == 0, again.stderr
    one, two = (
        json.loads((tmp_path / name / "report.json").read_text("utf-8")) for name in ("one", "two")
    )
    assert one["predictions"] == two["predictions"]
    assert (one["protocol"], two["protocol"]) == ("groups", "groups")
    assert two["speaker_independent"]
    assert run("audit", *speech, "--folds", folds).returncode == 0


def test_rows_without_a_corpus_say_so(run, tmp_path):
    (tmp_path / "nothing").mkdir()
    done = run("reproduce", "cnn-transformer", "--root", "nothing", "--fast", "--out", "out")
    assert done.returncode == 0, done.stderr
    data = json.loads((tmp_path / "out" / "fast" / "tables.json").read_text("utf-8"))
    printed = [entry["paper_value"] for entry in data]
    assert [value for value in printed if value is not None] == [0.8075, 0.7161, *[0.8046] * 3]
    assert all("ravdess" in entry["reason"].lower() for entry in data)
    assert all(entry["fast"] for entry in data)
    assert f"0 of {len(data)} rows filled" in done.stdout
    assert str(tmp_path) not in done.stdout
    overview = (tmp_path / "out" / "fast" / "README.md").read_text("utf-8")
    assert "(cnn-transformer.md): the proposed algorithm | ravdess | WA | 0.805 |" in overview


def test_rows_of_another_paper_stay(run, tmp_path):
    (tmp_path / "nothing").mkdir()
    written = []
    for paper in ("stser", "cnn-transformer"):
        done = run("reproduce", paper, "--root", "nothing", "--dry-run", "--out", "out")
        assert done.returncode == 0, done.stderr
        written.append(json.loads((tmp_path / "out" / "tables.json").read_text("utf-8")))
    before, rows = written
    assert before == [row for row in rows if row["paper"] == "stser"]
    assert [row["paper"] for row in rows] == sorted((r["paper"] for r in rows), reverse=True)
    assert {row["paper"] for row in rows} == {"stser", "cnn-transformer"}
    ours = sum(row["paper"] == "cnn-transformer" for row in rows)
    assert f"0 of {ours} rows filled" in done.stdout
    assert "[stser](stser.md): STSER" in (tmp_path / "out" / "README.md").read_text("utf-8")


def test_an_unknown_paper_is_one_line(run):
    done = run("reproduce", "tera")
    assert done.returncode == 1
    assert "choose from attentive-crnn" in done.stderr
    assert "Traceback" not in done.stderr


SPEAKERS = ("liuchanhg", "wangzhe", "zhaoquanyin", "ZhaoZuoxiang")
SMALL = {
    "attentive-crnn": ("epochs=3", "coder_steps=20", "patches=500", "cells=8"),
    "lld-svm": ("C=(0.1,1.0)",),
    "cnn-transformer": ("epochs=2", "copies=1", "layers=1"),
    "fusion-transformer": (
        "acoustic=own",
        "encoder=whisper-base",
        "epochs=2",
        "width=16",
        "layers=1",
    ),
}


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """Write six emotions of four speakers, two sentences each."""
    folder = tmp_path_factory.mktemp("casia")
    labels = ("angry", "fear", "happy", "neutral", "sad", "surprise")
    made = corpora.open(SYNTHETIC, folder / "made", speakers=4, sentences=2, labels=labels)
    for (speaker, emotion), rows in made.table.groupby(["speaker", "emotion"]):
        place = folder / "CASIA" / SPEAKERS[made.speakers.index(speaker)] / emotion
        place.mkdir(parents=True)
        for number, (file, _, _) in enumerate(rows.index, 201):
            shutil.copy(file, place / f"{number}.wav")
    return folder / "CASIA"


@pytest.mark.parametrize("system", SMALL)
def test_evaluate(run, tree, tmp_path, system):
    changes = [word for change in SMALL[system] for word in ("--set", change)]
    done = run(
        *("evaluate", system, "casia", "--root", tree, *changes),
        *("--out", tmp_path / "run", "--jobs", "1"),
        SERENADE_CACHE=str(tree.parent / "cache"),
        OMP_NUM_THREADS="1",
    )
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "run" / "report.json").read_text("utf-8"))
    assert sorted(fold["name"] for fold in report["folds"]) == sorted(
        f"speaker {name}" for name in SPEAKERS
    )
    assert report["speaker_independent"]
    assert sum(map(sum, report["confusion"])) == 48
    assert 0 <= report["metrics"]["ua"]["low"] <= report["metrics"]["ua"]["high"] <= 1


def test_a_corpus_becomes_shards_and_a_second_run_has_nothing_to_do(run, tmp_path):
    arguments = ["extract", "cnn-transformer", SYNTHETIC, "--root", tmp_path / "speech"]
    arguments += ["--labels", "angry,sad", "--out", tmp_path / "out", "--each", "20", "--jobs", "1"]
    done = run(*arguments)
    assert done.returncode == 0, done.stderr
    assert "48 recordings in 3 files, 3 of them made now" in done.stdout
    again = run(*arguments)
    assert "48 recordings in 3 files, 0 of them made now" in again.stdout
    parquet = pytest.importorskip("pyarrow.parquet")
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
    pytest.importorskip("pyarrow")
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
    for each, rows in ((1, 3), (2, 3), (3, 3)):  # fewer shards each time
        list(write_shards(segments * 3, MFCC40(duration=0.5), out, each=each, jobs=1))
        assert len(list(read_shards(out))) == rows
        assert len(list(out.iterdir())) == -(-3 // each)
    list(write_shards(segments, MFCC40(duration=0.5), out, jobs=1))
    (expected,) = extract(segments, MFCC40(duration=0.5), jobs=1, cache=Cache(tmp_path / "cache"))
    assert np.array_equal(matrix, expected)
    soundfile.write(tmp_path / "a.wav", noise / 2, 16000)  # the recording changed
    assert made(MFCC40(duration=0.5)) == [True]
    with pytest.raises(SerenadeError, match="contains no shards"):
        next(iter(read_shards(tmp_path)))
    (out / "part-00000.parquet").write_bytes(b"PAR1")
    with pytest.raises(SerenadeError, match="not a readable shard"):
        list(read_shards(out))

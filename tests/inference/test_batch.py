"""`find_recordings`, `predict_file` and `predict_files`."""

import os
import re

import numpy as np
import pytest
import soundfile
from support.model_folders import write_probe

import serenade
from serenade.errors import (
    AudioError,
    InputError,
    MissingFileError,
    ModelError,
    NotAudioError,
    TooLongError,
)
from serenade.inference import (
    Prediction,
    Source,
    _batch,
    embed_files,
    find_recordings,
    predict_file,
    predict_files,
    read_recording,
)
from serenade.inference._batch import catch_errors
from serenade.runtime import run_session


def test_find_recordings_searches_folders_and_keeps_files(folder):
    found = find_recordings([folder, folder / "notes.txt", folder / "0.flac"])
    names = [os.path.relpath(file, folder) for file in found]
    assert names == [*sorted(names[:-1]), "notes.txt"]
    assert len(names) == 11
    assert "bad.wav" in names
    assert not any("._" in name for name in names)
    assert find_recordings(folder) == find_recordings(str(folder)) == found[:-1]


def test_find_recordings_expands_patterns_that_are_not_files(tmp_path):
    for name in ("[0].flac", "0.flac", "1.flac", "2.flac"):
        (tmp_path / name).touch()
    found = find_recordings(tmp_path / name for name in ("[01].flac", "[0].flac", "none*.wav"))
    assert [os.path.relpath(file, tmp_path) for file in found] == [
        *("0.flac", "1.flac", "[0].flac", "none*.wav")
    ]


def test_find_recordings_follows_links_and_keeps_those_without_a_target(model, tmp_path):
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    for folder in (inside, outside):
        folder.mkdir()
        (folder / "a.flac").touch()
    (inside / "lost.wav").symlink_to("nowhere.wav")
    (inside / "linked").symlink_to(outside)
    (inside / "again").symlink_to(outside)  # the same folder
    (inside / "up").symlink_to(tmp_path)  # contains the folder that is searched
    found = [os.path.relpath(file, inside) for file in find_recordings(inside)]
    assert found == ["a.flac", "again/a.flac", "lost.wav"]
    with pytest.raises(MissingFileError, match=r"it is a link; restore its target nowhere\.wav"):
        model.predict(inside / "lost.wav")


def test_find_recordings_refuses_empty_names_and_keeps_impossible_ones():
    with pytest.raises(InputError, match="is empty"):
        find_recordings(["a.wav", ""])
    assert find_recordings("a" * 300) == ["a" * 300]


def test_predict_files_answers_what_was_read_before_an_interruption(model, example, monkeypatch):
    def read(*args, **settings):
        if len(files) < 2:
            raise KeyboardInterrupt
        files.pop()
        return read_recording(*args, **settings)

    monkeypatch.setattr(_batch, "read_recording", read)
    files = [str(example)] * 3
    results = predict_files(model, list(files), expect="unknown", jobs=1)
    done = [next(results), next(results)]
    assert [prediction.adapted_to > 0 for prediction, _ in done] == [True, True]
    with pytest.raises(KeyboardInterrupt):
        next(results)


@pytest.mark.parametrize("jobs", [1, 2])
def test_predict_files_reports_a_bad_file_and_continues(model, folder, jobs):
    files = find_recordings([folder])
    results = list(predict_files(model, files, jobs=jobs))
    assert len(results) == 10
    bad = [result for result in results if isinstance(result, AudioError)]
    assert [type(error) for error in bad] == [NotAudioError]
    assert "bad.wav" in str(bad[0])
    for file, result in zip(files, results, strict=True):
        if not isinstance(result, AudioError):
            assert isinstance(result[0], Prediction)
            assert result[0].file == file


def test_predict_files_reports_a_missing_file(model, example, tmp_path):
    results = list(predict_files(model, [str(tmp_path / "absent.wav"), str(example)]))
    assert isinstance(results[0], MissingFileError)
    assert isinstance(results[1][0], Prediction)


def test_long_recordings_are_errors_of_their_own_for_a_model_of_another_rate(talk, tmp_path):
    other = serenade.load(write_probe(tmp_path / "probe", sampling_rate=22050))
    files = [str(tmp_path / name) for name in ("long.wav", "short.wav")]
    soundfile.write(files[0], np.tile(talk, 2), 16000)
    soundfile.write(files[1], talk, 16000)
    says = r"long\.wav: lasts more than the 12 s that a model of 22050 Hz takes; cut it into parts"
    for long, short in (
        predict_files(other, files),
        (found for _, found in embed_files(other, files)),
    ):
        assert isinstance(long, TooLongError)
        assert re.search(says, str(long))
        assert not isinstance(short, AudioError)
    table = other.predict_many(files)
    assert re.search(says, table["error"][0])
    assert table["error"][1] == ""
    for work in (other.enrol, lambda file: read_recording(other, file)):
        with pytest.raises(TooLongError, match=says):
            work(files[0])
    with pytest.raises(ModelError, match="22050 Hz"):
        read_recording(other, files[1], (2.0, 1.0))


def test_catch_errors_names_the_recording_that_a_graph_cannot_take(tmp_path):
    probe = serenade.load(write_probe(tmp_path / "probe", sampling_rate=22050))
    inputs = {"features": np.zeros((1, 3), np.float32)}
    found = catch_errors("a.wav", lambda: run_session(probe._head, "probabilities", inputs))
    assert isinstance(found, AudioError)
    assert re.match(r"a\.wav: the model's graph failed \(.*; copy the model again, or", str(found))


def test_speakers_are_refused_without_windows_and_with_other_places(model, example):
    windows, files = (2.0, 1.0), [str(example)]
    with pytest.raises(InputError, match="speakers need windows"):
        next(predict_files(model, files, speakers=2))
    with pytest.raises(InputError, match="by_itself=True"):
        next(predict_files(model, files, speakers=2, windows=windows, expect="mixed"))
    with pytest.raises(InputError, match="leave by_speaker out"):
        model.predict_many(files, speakers=2, windows=windows, adapt="mixed", by_speaker=True)
    with pytest.raises(InputError, match="by_speaker adapts nothing without adapt"):
        model.predict_many(files, by_speaker=True)


def test_predict_files_gives_timelines(model, example):
    ((prediction, timeline),) = predict_files(model, [str(example)], windows=(3.0, 1.0))
    assert timeline == model.timeline(str(example), window=3.0, hop=1.0)
    assert prediction == timeline.overall()  # of 14 s: a short recording is looked at as a whole


def test_predict_files_predicts_a_short_recording_in_one_piece(model, talk, tmp_path):
    path = tmp_path / "short.wav"
    soundfile.write(path, talk, 16000)
    ((prediction, timeline),) = predict_files(model, [str(path)], windows=(2.0, 1.0))
    assert timeline.segments
    assert prediction == model.predict(str(path))


@pytest.mark.parametrize("seconds", [3, 14])
def test_predict_file_reads_a_recording_once(model, talk, seconds):
    blocks = np.array_split(np.resize(talk, seconds * 16000), 9)
    source = Source("pipe", iter(blocks))  # cannot be read twice
    prediction, timeline = predict_file(model, source, (2.0, 1.0))
    samples = np.concatenate(blocks)
    assert timeline.segments == model.timeline(samples, 16000).segments
    assert prediction.probabilities == model.predict(samples, 16000).probabilities


def test_predict_files_enrols_each_recording_or_says_why_not(model, talk, tmp_path):
    soundfile.write(tmp_path / "long.wav", np.tile(talk, 7), 16000)
    soundfile.write(tmp_path / "short.wav", talk, 16000)
    files = [str(tmp_path / name) for name in ("long.wav", "short.wav")]
    (long, _), (short, _) = predict_files(model, files, by_itself=True)
    assert re.fullmatch(r"by itself, \d+ utterances", long.enrolment)
    assert long.probabilities != model.predict(files[0]).probabilities
    assert short.enrolment == "none, 1 utterance of the 10 it takes to enrol itself"
    assert short.probabilities == model.predict(files[1]).probabilities

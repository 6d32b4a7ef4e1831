"""Folders of recordings."""

import os

import pytest

from serenade.errors import AudioError, MissingFileError, NotAudioError
from serenade.inference import Prediction
from serenade.inference.batch import find, predict_files


def test_folders_are_searched_and_files_taken_as_they_are(folder):
    found = find([folder, folder / "notes.txt", folder / "0.flac"])
    names = [os.path.relpath(file, folder) for file in found]
    assert names == [*sorted(names[:-1]), "notes.txt"]
    assert len(names) == 11
    assert "bad.wav" in names
    assert not any("._" in name for name in names)


@pytest.mark.parametrize("jobs", [1, 2])
def test_one_bad_file_among_ten(model, folder, jobs):
    files = find([folder])
    results = list(predict_files(model, files, jobs=jobs))
    assert len(results) == 10
    bad = [result for result in results if isinstance(result, AudioError)]
    assert [type(error) for error in bad] == [NotAudioError]
    assert "bad.wav" in str(bad[0])
    for file, result in zip(files, results, strict=True):
        if not isinstance(result, AudioError):
            assert isinstance(result[0], Prediction)
            assert result[0].file == file


def test_a_missing_file_is_an_answer_too(model, example, tmp_path):
    results = list(predict_files(model, [str(tmp_path / "absent.wav"), str(example)]))
    assert isinstance(results[0], MissingFileError)
    assert isinstance(results[1][0], Prediction)


def test_timelines_on_request(model, example):
    ((_, windows),) = predict_files(model, [str(example)], windows=(3.0, 1.0))
    assert len(windows) > 3
    assert windows == model.timeline(example, window=3.0, hop=1.0)

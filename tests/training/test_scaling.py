"""Scaling uses the statistics of all training frames only."""

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import StandardScaler

from serenade.errors import SerenadeError
from serenade.training._scaling import Scaler, standardise_speakers

rng = np.random.default_rng(0)
CLIPS = [rng.normal([3, -100], [2, 30], (n, 2)).astype(np.float32) for n in (4, 9, 30)]
JOINED = np.concatenate(CLIPS)


def test_scaler_by_column_equals_that_of_scikit_learn():
    found = np.concatenate(Scaler("column").fit(CLIPS).transform(CLIPS))
    np.testing.assert_allclose(found, StandardScaler().fit_transform(JOINED), atol=1e-5)


def test_scaler_global_has_one_mean_and_deviation():
    found = np.concatenate(Scaler("global").fit(CLIPS).transform(CLIPS))
    np.testing.assert_allclose(found, (JOINED - JOINED.mean()) / JOINED.std(), atol=1e-5)


def test_scaler_by_pixel_has_one_mean_and_deviation_per_frame_and_column():
    images = np.stack([CLIPS[2][start : start + 5] for start in (0, 7, 14, 21)])
    found = np.stack(Scaler("pixel").fit(images).transform(images))
    expected = StandardScaler().fit_transform(images.reshape(4, -1)).reshape(images.shape)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_scaler_by_pixel_refuses_clips_of_other_lengths():
    with pytest.raises(SerenadeError, match="a clip of 9 frames beside clips of 4; use scaling"):
        Scaler("pixel").fit(CLIPS)
    with pytest.raises(SerenadeError, match="a clip of 9 frames beside clips of 4"):
        Scaler("pixel").fit(CLIPS[:1]).transform(CLIPS[1:2])


def test_scaler_by_clip_learns_nothing():
    scaler = Scaler("clip").fit(CLIPS[:1])
    for clip in scaler.transform(CLIPS):
        np.testing.assert_allclose(clip.mean(axis=0), 0, atol=1e-5)
        np.testing.assert_allclose(clip.std(axis=0), 1, atol=1e-4)


def test_scaler_none_changes_nothing():
    assert Scaler("none").fit(CLIPS).transform(CLIPS)[1] is CLIPS[1]


@pytest.mark.parametrize("mode", ["global", "column", "pixel", "clip"])
def test_scaler_handles_constant_columns(mode):
    constant = [np.full((3, 2), 7.0, np.float32)]
    found = Scaler(mode).fit(constant).transform(constant)[0]
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, 0)


def test_standardise_speakers_removes_constants_of_each_speaker():
    names = np.repeat(["a", "b", "c"], 4)
    features = np.random.default_rng(0).standard_normal((12, 3, 5)).astype(np.float32)
    shifted = features + 3 * pd.factorize(names)[0][:, None, None].astype(np.float32)
    found = np.stack(standardise_speakers(list(shifted), names))
    plain = np.stack(standardise_speakers(list(features), names))
    np.testing.assert_allclose(found, plain, atol=1e-4)
    for speaker in np.unique(names):
        np.testing.assert_allclose(found[names == speaker].mean(axis=(0, 1)), 0, atol=1e-5)

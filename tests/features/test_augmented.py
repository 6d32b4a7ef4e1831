from __future__ import annotations

import json

import numpy as np
import pytest

from serenade.audio import Augmentation
from serenade.features import MFCC40, Augmented, ShortTerm34


def test_the_same_clip_gives_the_same_copy(tone: np.ndarray) -> None:
    feature = Augmented(ShortTerm34())
    np.testing.assert_array_equal(feature(tone, 16000), feature(tone.copy(), 16000))


def test_copies_and_clips_differ(tone: np.ndarray) -> None:
    loud = Augmentation(noise=1.0, noise_range=(10.0, 10.0))
    copies = [Augmented(MFCC40(), loud, copy)(tone, 16000) for copy in range(4)]
    assert len({copy.tobytes() for copy in copies}) == 4
    # Another clip draws other numbers, even where it is the same up to its level.
    other = Augmented(MFCC40(), loud, 0)(tone / 2, 16000)
    assert other.shape != copies[0].shape or not np.allclose(other, copies[0], atol=1e-3)


def test_without_a_change_it_is_the_feature(tone: np.ndarray) -> None:
    same = Augmentation(speed=0, reverberation=0, filtering=0, noise=0)
    feature = Augmented(ShortTerm34(), same)
    np.testing.assert_array_equal(feature(tone, 16000), ShortTerm34()(tone, 16000))
    assert feature.names == ShortTerm34().names


def test_identity_tells_everything_apart() -> None:
    features = [
        ShortTerm34(),
        Augmented(ShortTerm34()),
        Augmented(ShortTerm34(), copy=1),
        Augmented(ShortTerm34(), Augmentation(noise=0.1)),
        Augmented(MFCC40()),
    ]
    stated = [json.dumps(feature.identity(), sort_keys=True) for feature in features]
    assert len(set(stated)) == len(stated)
    assert stated[1] == json.dumps(Augmented(ShortTerm34()).identity(), sort_keys=True)


def test_a_negative_copy_is_refused(tone: np.ndarray) -> None:
    with pytest.raises(ValueError, match="non-negative"):
        Augmented(ShortTerm34(), copy=-1)(tone, 16000)

import dataclasses

import numpy as np
import pytest

from serenade.extraction import Cache, extract_texts
from serenade.extraction._cache import make_text_key
from serenade.features import TextFeature, to_text

SEEN: list[str] = []


@dataclasses.dataclass(frozen=True)
class Letters(TextFeature):
    """A row per letter, its code times a factor."""

    factor: float = 1.0

    @property
    def names(self):
        return ("code",)

    def batch(self, texts):
        SEEN.extend(to_text(text) for text in texts)
        return [
            self.factor * np.array([[ord(c)] for c in to_text(t)], np.float32).reshape(-1, 1)
            for t in texts
        ]


@pytest.fixture(autouse=True)
def forget():
    SEEN.clear()


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "features", limit=10**9)


def test_each_text_is_computed_once_and_kept(cache):
    texts = ["ab", "c", "ab", None, "", float("nan")]
    found = extract_texts(texts, Letters(), cache=cache)
    assert [matrix.ravel().tolist() for matrix in found] == [[97, 98], [99], [97, 98], [], [], []]
    assert SEEN == ["ab", "c", ""]
    again = extract_texts([*texts, "d"], Letters(), cache=cache)
    assert SEEN == ["ab", "c", "", "d"]
    np.testing.assert_array_equal(again[0], found[0])


def test_another_parameter_is_another_entry(cache):
    extract_texts(["ab"], Letters(), cache=cache)
    (doubled,) = extract_texts(["ab"], Letters(2.0), cache=cache)
    assert doubled.ravel().tolist() == [194, 196]


def test_extract_texts_takes_more_texts_than_it_computes_at_once(cache):
    texts = [chr(0x4E00 + number) for number in range(600)]
    found = extract_texts(texts, Letters(), cache=cache)
    assert [chr(int(matrix[0, 0])) for matrix in found] == texts
    assert cache.usage()[0] == 600


def test_the_key_names_text_and_identity():
    identity = Letters().identity()
    keys = {
        make_text_key("a", identity),
        make_text_key("b", identity),
        make_text_key("a", Letters(2).identity()),
    }
    assert len(keys) == 3
    assert make_text_key("a", identity) == make_text_key("a", Letters().identity())
    assert identity["parameters"] == {"factor": 1.0}


def test_one_text_alone():
    assert Letters()("a").tolist() == [[97.0]]

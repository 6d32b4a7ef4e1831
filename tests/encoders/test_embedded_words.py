"""Words as codes and vectors."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serenade.encoders import EmbeddedWords, get_word_codes
from serenade.encoders._word_vectors import WordVectors
from serenade.errors import ModelError
from serenade.extraction import extract_texts
from serenade.transcription import tokenise


@pytest.fixture
def vectors(tmp_path):
    path = tmp_path / "vectors.txt"
    matrix = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]], np.float32)
    WordVectors(["happy", "don't", "do"], matrix).save(path)
    return str(path)


def test_each_word_has_its_vector_and_unknown_ones_zeros(vectors):
    feature = EmbeddedWords(vectors)
    rows = feature("Happy, zorgblat! Don't.")
    np.testing.assert_array_equal(rows[:, 2:], [[1, 2, 3], [0, 0, 0], [4, 5, 6]])
    assert len(set(get_word_codes(rows))) == 3
    assert feature.names == ("code_high", "code_low", "vector_0", "vector_1", "vector_2")
    apart = EmbeddedWords(vectors, split=True)("Don't")
    np.testing.assert_array_equal(apart[:, 2:], [[7, 8, 9], [0, 0, 0]])


@pytest.mark.parametrize("text", ["", None, float("nan"), "?!", "[LAUGHTER]"])
def test_a_text_without_words_is_one_row_of_zeros(vectors, text):
    np.testing.assert_array_equal(EmbeddedWords(vectors)(text), np.zeros((1, 5)))
    np.testing.assert_array_equal(EmbeddedWords()(text), np.zeros((1, 2)))


@given(st.lists(st.text("abcdefghijklmnopqrstuvwxyz", min_size=1), min_size=1, max_size=9))
def test_codes_name_words_exactly(words):
    rows = EmbeddedWords()(" ".join(words))
    expected = [
        int.from_bytes(hashlib.blake2b(word.encode(), digest_size=6).digest(), "big")
        for word in tokenise(" ".join(words))
    ]
    np.testing.assert_array_equal(get_word_codes(rows), expected)
    assert rows.dtype == np.float32
    assert get_word_codes(rows).min() > 0


def test_another_script_has_codes_too():
    first, second = get_word_codes(EmbeddedWords()("да нет"))
    assert first != second


def test_only_the_first_words_are_kept():
    assert len(EmbeddedWords(longest=4)("a b c d e f")) == 4


def test_equal_files_share_the_cache_whatever_their_place(vectors, tmp_path):
    copy = tmp_path / "elsewhere" / "vectors.txt"
    copy.parent.mkdir()
    copy.write_bytes((tmp_path / "vectors.txt").read_bytes())
    assert EmbeddedWords(str(copy)).identity() == EmbeddedWords(vectors).identity()
    before = extract_texts(["happy"], EmbeddedWords(str(copy)))[0]
    WordVectors(["happy"], np.array([[0.5, 0, 0]], np.float32)).save(copy)
    after = extract_texts(["happy"], EmbeddedWords(str(copy)))[0]
    assert before[0, 2] == 1
    assert after[0, 2] == 0.5


def test_a_file_that_is_not_there_is_named():
    with pytest.raises(ModelError, match=r"none\.txt: No such file.*'random'"):
        EmbeddedWords("none.txt").identity()


def test_codes_are_never_scaled():
    assert not EmbeddedWords().scalable

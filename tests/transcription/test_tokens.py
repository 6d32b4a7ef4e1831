import pytest
from hypothesis import given
from hypothesis import strategies as st

from serenade.transcription import count_word_errors, tokenise


@pytest.mark.parametrize(
    ("text", "words", "split"),
    [
        ("Kids are talking.", ["kids", "are", "talking"], None),
        ("I can\u2019t", ["i", "can't"], ["i", "ca", "n't"]),
        ("He'd've", ["he'd've"], ["he'd", "'ve"]),
        ("well-known", ["well-known"], ["well", "known"]),
        ("O'Brien's dogs'", ["o'brien's", "dogs"], ["o'brien", "'s", "dogs"]),
        ("[LAUGHTER] No -- really_so?", ["no", "really", "so"], None),
        ("Mówi „tak”. Да!", ["mówi", "tak", "да"], None),
        ("", [], None),
        ("?!", [], None),
        (None, [], None),
        (float("nan"), [], None),
    ],
)
def test_words_of_a_text(text, words, split):
    assert tokenise(text) == words
    assert tokenise(text, split=True) == (words if split is None else split)


@given(st.text())
def test_a_word_is_a_word_whatever_stands_around_it(text):
    for word in tokenise(text):
        assert word.strip() == word == word.lower() or not word.isascii()
        if word.isascii():
            assert tokenise(word) == [word]


@given(st.lists(st.sampled_from("abc"), max_size=6), st.lists(st.sampled_from("abc"), max_size=6))
def test_word_errors_are_a_distance(one, other):
    errors = count_word_errors(one, other)
    assert errors == count_word_errors(other, one)
    assert abs(len(one) - len(other)) <= errors <= max(len(one), len(other))
    assert (errors == 0) == (one == other)


def test_word_errors_by_hand():
    assert (
        count_word_errors("kitten".replace("", " ").split(), "sitting".replace("", " ").split())
        == 3
    )

import numpy as np
import pytest
import synthetic_corpus
from hypothesis import given
from hypothesis import strategies as st

from serenade.audio import read
from serenade.errors import AudioError, SignalFormatError
from serenade.transcription import align, count_word_errors, tokenise
from serenade.transcription._alignment import guess_sounds


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


pytest.importorskip("pocketsphinx")


@pytest.fixture(scope="module")
def spoken():
    """Synthesise sentences, whose word times are known."""
    said = [("We go home.", 1, "neutral"), ("My mother will call you soon.", 2, "sad")]
    return [
        synthetic_corpus.synthesise(text, synthetic_corpus.speaker(number), emotion)
        for text, number, emotion in said
    ]


def test_words_are_found_where_they_are(spoken):
    apart = []
    for utterance in spoken:
        text = " ".join(word for word, _, _ in utterance.words)
        found = align(utterance.signal, 16000, text)
        assert [word.word for word in found.words] == text.split()
        assert found.text == text
        assert found.remarks == ()
        for word, (_, start, end) in zip(found.words, utterance.words, strict=True):
            apart += [abs(word.start - start), abs(word.end - end)]
            assert np.isnan(word.probability)
    # Frames are 10 ms; stops are found up to their closure off.
    assert np.median(apart) <= 0.03
    assert np.max(apart) <= 0.15


def test_alignment_does_not_depend_on_what_was_aligned_before(spoken):
    first, second = spoken
    once = align(first.signal, 16000, "we go home")
    align(second.signal, 16000, "my mother will call you soon")
    again = align(first.signal, 16000, "we go home")
    assert [(w.word, w.start, w.end) for w in once.words] == [
        (w.word, w.start, w.end) for w in again.words
    ]


def test_a_word_outside_the_dictionary_keeps_its_place(spoken):
    utterance = spoken[0]
    known = align(utterance.signal, 16000, "We go home.")
    found = align(utterance.signal, 16000, "We goahh домой hohm.")
    assert [word.word for word in found.words] == ["we", "goahh", "hohm"]
    assert found.remarks == (
        "not in the dictionary, sounds guessed: goahh, hohm",
        "no sounds known, left out: домой",
    )
    for one, other in zip(known.words, found.words, strict=True):
        assert abs(one.start - other.start) < 0.1
    twice = align(utterance.signal, 16000, "We goahh hohm.")
    assert twice.remarks == ("not in the dictionary, sounds guessed: goahh, hohm",)


@pytest.mark.parametrize("text", ["", "?!", None, float("nan")])
def test_a_text_without_words_has_no_times(spoken, text):
    found = align(spoken[0].signal, 16000, text)
    assert found.words == ()
    assert found.text == (text if isinstance(text, str) else "")


def test_more_words_than_the_signal_has_room_for(spoken):
    with pytest.raises(AudioError, match=r"clip\.wav: its text could not be found in it; check"):
        align(spoken[0].signal[:4000], 16000, "elephants and " * 30, source="clip.wav")
    # The aligner is none the worse for it.
    assert len(align(spoken[0].signal, 16000, "we go home").words) == 3


def test_another_rate_is_refused():
    with pytest.raises(SignalFormatError, match="the aligner takes 16000 Hz, not 8000"):
        align(np.zeros(8000, np.float32), 8000, "we")


def test_real_speech(corpora_root):
    names = ("Actor_01/03-01-01-01-01-01-01", "Actor_02/03-01-05-02-02-01-02")
    for name in names:
        audio = read(next((corpora_root / "ravdess").glob(f"{name}.*")))
        subject = "kids are talking" if name[-10] == "1" else "dogs are sitting"
        found = align(audio.signal, 16000, f"{subject} by the door")
        assert [word.word for word in found.words] == [*subject.split(), "by", "the", "door"]
        assert 0.4 < found.words[0].start < found.words[-1].end < audio.duration - 0.3
        lengths = [word.end - word.start for word in found.words]
        assert lengths[2] > lengths[4], '"talking" takes longer than "the"'


@pytest.mark.parametrize(
    ("word", "sounds"),
    [("thing", "TH IH NG"), ("make", "M AE K"), ("hmm", "HH M"), ("nooooo", "N AA"), ("日本", "")],
)
def test_guessed_sounds(word, sounds):
    assert guess_sounds(word) == sounds

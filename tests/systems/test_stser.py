"""STSER (Chen & Zhao 2020): three classifiers and their average."""

import numpy as np
import pytest
from click.testing import CliRunner

from serenade import systems
from serenade.cli._main import cli
from serenade.corpora import iemocap
from serenade.errors import SerenadeError

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("skorch")

from serenade.systems.networks._layers import EncoderLayer  # noqa: E402
from serenade.systems.networks._stser import SpeechModel, SpeechTextClassifier  # noqa: E402
from serenade.training import Estimator  # noqa: E402
from serenade.training._batches import pad  # noqa: E402

SYSTEM = systems.get("stser")
SMALL = {"channels": 4, "pool": 4, "cells": 8, "epochs": 12, "learning_rate": 5e-3, "batch": 16}


@pytest.fixture(scope="module")
def root(tmp_path_factory, write_iemocap):
    """Return four recordings of each speaker, one of each emotion."""
    return write_iemocap(tmp_path_factory.mktemp("iemocap"), ("ang", "hap", "neu", "sad"))


@pytest.fixture(scope="module")
def albert(tmp_path_factory):
    """Write a tiny random ALBERT with a vocabulary of whole words."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    folder = tmp_path_factory.mktemp("albert")
    known = "[PAD] [UNK] [CLS] [SEP] leave me alone wonderful glad form fill gone miss him . , i"
    words = {word: number for number, word in enumerate(known.split())}
    torch.manual_seed(0)
    config = transformers.AlbertConfig(
        vocab_size=len(words),
        embedding_size=16,
        hidden_size=24,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=40,
    )
    transformers.AlbertModel(config).save_pretrained(folder)
    tokeniser = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    tokeniser.normalizer = normalizers.Lowercase()
    tokeniser.pre_tokenizer = pre_tokenizers.Whitespace()
    tokeniser.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = {f"{name}_token": f"[{name.upper()}]" for name in ("unk", "cls", "sep", "pad")}
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokeniser, **names).save_pretrained(
        folder
    )
    return str(folder)


@pytest.fixture(scope="module")
def data(root):
    table = iemocap.load(root).table
    return table.drop(columns="emotion"), table["emotion"].to_numpy(dtype=str)


def streams(*lengths, dims=(8, 5), seed=0):
    rng = np.random.default_rng(seed)
    parts = [(length, 1) for length in lengths]
    return [
        [rng.standard_normal((pair[side], dims[side])).astype(np.float32) for pair in parts]
        for side in (0, 1)
    ]


def classifier(text=5):
    torch.manual_seed(0)
    return SpeechTextClassifier(SpeechModel(8, channels=4, cells=8), text, 3)


def test_default_recipe_has_the_settings_of_the_paper():
    recipe = SYSTEM.recipe()
    assert (recipe.heads, recipe.hidden, recipe.learning_rate) == (4, (128, 64, 128), 1e-4)
    assert (recipe.optimiser, recipe.monitor, recipe.holdout) == ("adam", "wa", 0.2)
    assert [each.parts for each in SYSTEM.members(recipe)] == ["speech", "text", "bimodal"]
    assert not recipe.residual
    assert SYSTEM.recipe("light").residual
    assert SYSTEM.members(SYSTEM.recipe(parts="text")) == ()
    speech, text = SYSTEM.features(recipe)
    assert text.model == "albert/albert-base-v2"
    assert speech(np.zeros(16000, np.float32), 16000).shape == (101, 64)
    network = SpeechTextClassifier(SpeechModel(64), 768, 4)
    assert network.speech.recurrence.outputs == 256
    assert [layer.out_features for layer in network.dense[::2]] == [128, 64, 128, 4]
    assert network.dense[0].in_features == 256 + 768
    with pytest.raises(SerenadeError, match="parts is one of speech, text, bimodal, ensemble"):
        SYSTEM.recipe(parts="sound")


def test_classifier_ignores_padding():
    network = classifier().eval()
    speech, text = streams(9, 40, 1, 2)
    with torch.no_grad():
        together = network(*pad(speech), *pad(text))
        alone = [network(*pad(speech[i : i + 1]), *pad(text[i : i + 1])) for i in range(4)]
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-5, rtol=1e-4)


def test_classifier_trains_all_parameters_from_both_streams():
    network = classifier()
    speech, text = streams(9, 40, 23)
    network(*pad(speech), *pad(text)).square().sum().backward()
    # A convolution's bias is nothing that batch normalisation lets through.
    still = [n for n, p in network.named_parameters() if not p.grad.abs().sum() > 1e-7]
    assert set(still) <= {"speech.block.convolution.bias"}
    network.eval()
    with torch.no_grad():
        before = network(*pad(speech), *pad(text))
        assert (network(*pad(speech[::-1]), *pad(text)) - before).abs().max() > 1e-4
        assert (network(*pad(speech), *pad(text[::-1])) - before).abs().max() > 1e-4


def test_encoder_layer_without_dense_layers_equals_attention_of_pytorch():
    torch.manual_seed(0)
    ours, theirs = EncoderLayer(16, 4, 0, 0.0), torch.nn.MultiheadAttention(16, 4, batch_first=True)
    theirs.in_proj_weight, theirs.in_proj_bias = ours.projection.weight, ours.projection.bias
    theirs.out_proj = ours.output
    x, mask = torch.randn(2, 9, 16), torch.arange(9) < torch.tensor([[9], [4]])
    context, _ = theirs(x, x, x, key_padding_mask=~mask)
    torch.testing.assert_close(ours(x, mask), ours.norms[0](x + context), atol=1e-5, rtol=1e-4)
    alone = EncoderLayer(16, 4, 0, 0.0, residual=False)
    alone.load_state_dict(ours.state_dict(), strict=False)
    torch.testing.assert_close(alone(x, mask), context, atol=1e-5, rtol=1e-4)


def test_ensemble_averages_posteriors_of_its_parts(data, albert, tmp_path):
    X, y = data
    kept = tmp_path / "runs"
    found, files = {}, []
    for parts in ("ensemble", "speech", "text", "bimodal"):
        recipe = SYSTEM.recipe(parts=parts, encoder=albert, **SMALL)
        estimator = Estimator(SYSTEM, recipe, jobs=1, checkpoints=kept).fit(X, y)
        found[parts] = estimator.predict_proba(X)
        files.append(sorted(path.name for path in kept.iterdir()))
    assert len(files[0]) == 3
    assert files[1:] == files[:1] * 3  # a part alone is the ensemble's: it is not trained again
    mean = np.mean([found[parts] for parts in ("speech", "text", "bimodal")], axis=0)
    np.testing.assert_allclose(found["ensemble"], mean, atol=1e-6)
    assert not np.allclose(found["speech"], found["text"], atol=0.05)


def test_stser_takes_missing_texts_as_empty(data, albert):
    X, y = data
    recipe = SYSTEM.recipe(parts="text", encoder=albert, **SMALL)
    estimator = Estimator(SYSTEM, recipe, jobs=1).fit(X, y)
    rows = X.iloc[:4].assign(text=["", None, float("nan"), "Leave me alone"])
    found = estimator.predict_proba(rows)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])
    assert not np.allclose(found[0], found[3])
    # One recording without a transcript counts as empty, be it the only one.
    alone = estimator.predict_proba(X.iloc[:1].assign(text=None))
    np.testing.assert_allclose(alone, estimator.predict_proba(X.iloc[:1].assign(text="")))
    # A language that the encoder never saw is its "unknown" token, as often as there are words.
    polish = estimator.predict_proba(X.iloc[:2].assign(text=["nie wiem", "tak proszę"]))
    np.testing.assert_array_equal(polish[0], polish[1])


def test_default_recipe_monitors_weighted_accuracy(data, albert):
    X, y = data
    recipe = SYSTEM.recipe(parts="text", encoder=albert, **SMALL)
    net = Estimator(SYSTEM, recipe, jobs=1).fit(X, y).classifier_
    accuracies = net.history[:, "valid_wa"]
    assert dict(net.callbacks_)["best"].best_epoch_ == 1 + int(np.argmax(accuracies))
    assert len(accuracies) <= recipe.epochs


def test_stser_refuses_a_corpus_without_transcripts(data, albert):
    X, y = data
    recipe = SYSTEM.recipe(parts="text", encoder=albert, **SMALL)
    for rows in (X.drop(columns="text"), X.assign(text=None)):
        with pytest.raises(SerenadeError, match="column text is missing or empty; write it with"):
            Estimator(SYSTEM, recipe, jobs=1).fit(rows, y)


@pytest.mark.parametrize("parts", ["ensemble", "text"])
def test_reproduce_command_fills_the_table_of_the_paper(root, albert, parts):
    changes = {**SMALL, "parts": parts, "encoder": albert, "epochs": 3}
    words = [word for field, value in changes.items() for word in ("--set", f"{field}={value}")]
    command = ["evaluate", "stser", "iemocap", "--root", str(root), "--protocol", "session"]
    done = CliRunner().invoke(cli, [*command, "--jobs", "1", *words], catch_exceptions=False)
    assert done.exit_code == 0
    for session in "12345":
        assert f"session {session} | Ses0{session}F, Ses0{session}M | 64 | 16 |" in done.output
    assert "leave one session out" in done.output

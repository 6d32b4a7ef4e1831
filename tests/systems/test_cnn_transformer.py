"""The network and the recipes of An & Ruan (2021)."""

from dataclasses import asdict

import numpy as np
import pytest

from serenade import corpora, systems
from serenade.audio import WhiteNoise

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from support.small_corpora import SYNTHETIC  # noqa: E402

from serenade.systems.networks._cnn_transformer import CNNTransformer  # noqa: E402
from serenade.systems.networks._layers import Dropout, EncoderLayer  # noqa: E402
from serenade.training import Estimator  # noqa: E402

SYSTEM = systems.get("cnn-transformer")


def mask_of(*lengths):
    return torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]


def test_default_recipe_has_the_settings_of_the_paper():
    recipe = SYSTEM.recipe()
    stated = {
        "epochs": 200,
        "batch": 16,
        "optimiser": "sgd",
        "learning_rate": 0.01,
        "momentum": 0.9,
        "weight_decay": 1e-4,
        "copies": 3,
        "patience": 0,
    }
    assert {name: getattr(recipe, name) for name in stated} == stated
    assert SYSTEM.sampling_rate == 48000
    assert SYSTEM.augmentation(recipe) == WhiteNoise((15.0, 30.0))
    tone = np.sin(np.arange(48000 * 4, dtype=np.float32))
    (feature,) = SYSTEM.features(recipe)
    assert feature(tone, 48000).shape == (282, 40)


def test_public_code_recipe_differs_from_the_paper_in_the_settings_of_the_notebook():
    paper, public = (asdict(SYSTEM.recipe(name)) for name in ("default", "public-code"))
    assert {name: value for name, value in public.items() if value != paper[name]} == {
        "copies": 2,
        "scaling": "pixel",
        "epochs": 430,
        "batch": 32,
        "momentum": 0.8,
        "weight_decay": 1e-3,
        "monitor": "wa",
    }


def test_tuned_recipe_averages_two_networks():
    recipe = SYSTEM.recipe("tuned")
    tone = np.sin(np.arange(48000 * 4, dtype=np.float32))
    assert [view(tone, 48000).shape[1] for view in SYSTEM.features(recipe)] == [48, 40]
    members = SYSTEM.members(recipe)
    alone = [SYSTEM.features(member) for member in members]
    assert alone == [(view,) for view in SYSTEM.features(recipe)]
    assert not any(SYSTEM.members(member) for member in members)


def test_cnn_transformer_has_the_expected_number_of_parameters():
    convolutions = sum(9 * i * o + o + 2 * o for i, o in ((1, 16), (16, 32), (32, 64)))
    attention = 4 * (40 * 40 + 40)
    dense = 40 * 512 + 512 + 512 * 40 + 40
    embedding = 2 * 64 * (40 // 32) * (282 // 32) + 40
    expected = 2 * convolutions + 4 * (attention + dense + 4 * 40) + 8 * (embedding + 1)
    network = CNNTransformer(40, 282, 8)
    assert sum(p.numel() for p in network.parameters()) == expected == 248_488
    assert network(torch.zeros(3, 282, 40), mask_of(282, 282, 282)).shape == (3, 8)


def test_cnn_transformer_ignores_padding():
    torch.manual_seed(0)
    network = CNNTransformer(40, 100, 5, pooling="mean").eval()
    for block in network.branches.modules():
        if isinstance(block, torch.nn.BatchNorm2d):  # so that what was zero is zero no more
            torch.nn.init.normal_(block.running_mean)
            torch.nn.init.normal_(block.bias)
    lengths = (97, 33, 64, 100)
    clips = [torch.randn(1, length, 40) for length in lengths]
    padded = torch.zeros(4, 100, 40)
    for row, clip in zip(padded, clips, strict=True):
        row[: clip.shape[1]] = clip[0]
    with torch.no_grad():
        together = network(padded, mask_of(*lengths))
        for row, clip in zip(together, clips, strict=True):
            alone = network(clip, mask_of(clip.shape[1]))[0]
            torch.testing.assert_close(row, alone, atol=1e-5, rtol=1e-4)


def test_cnn_transformer_with_flattened_images_needs_one_length():
    with pytest.raises(ValueError, match="clips of 282 frames, got 281"):
        CNNTransformer(40, 282, 8)(torch.zeros(1, 281, 40), mask_of(281))
    with pytest.raises(ValueError, match="32 coefficients"):
        CNNTransformer(20, 282, 8)


def test_encoder_layer_equals_that_of_pytorch():
    torch.manual_seed(0)
    ours = EncoderLayer(40, 4, 64, 0.4).eval()
    theirs = torch.nn.TransformerEncoderLayer(40, 4, 64, batch_first=True).eval()
    names = {
        "self_attn.in_proj_": "projection.",
        "self_attn.out_proj.": "output.",
        "linear1.": "dense.0.",
        "linear2.": "dense.3.",
        "norm1.": "norms.0.",
        "norm2.": "norms.1.",
    }
    theirs.load_state_dict(
        {
            their + kind: ours.state_dict()[our + kind]
            for their, our in names.items()
            for kind in ("weight", "bias")
        }
    )
    x, mask = torch.randn(3, 9, 40), mask_of(9, 4, 1)
    expected = theirs(x, src_key_padding_mask=~mask)
    torch.testing.assert_close(ours(x, mask)[mask], expected[mask], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
def test_dropout_keeps_the_mean_and_drops_its_share(order):
    torch.manual_seed(0)
    layer = Dropout(0.3)
    x = torch.ones(8, 5, 70, 61).contiguous(memory_format=order).requires_grad_()
    dropped = layer(x)
    assert float((dropped == 0).float().mean()) == pytest.approx(0.3, abs=0.005)
    assert float(dropped.detach().mean()) == pytest.approx(1, abs=0.01)
    assert dropped.unique().tolist() == pytest.approx([0, 1 / 0.7], rel=1e-4)
    dropped.sum().backward()
    assert torch.equal(x.grad, dropped)
    assert layer.eval()(x) is x
    assert not Dropout(1.0)(x).any()


def test_cnn_transformer_learns_synthetic_speech(tmp_path):
    corpus = corpora.open(SYNTHETIC, tmp_path, speakers=4, sentences=3, labels=("angry", "sad"))
    X, y = corpus.table.drop(columns="emotion"), corpus.table["emotion"].to_numpy(dtype=str)
    unseen = (X["speaker"] == X["speaker"].iloc[0]).to_numpy()
    recipe = SYSTEM.recipe(
        copies=1,
        epochs=30,
        optimiser="adam",
        learning_rate=3e-3,
        scaling="column",
        offset=0.0,
        duration=1.0,
        channels=(4, 8, 8),
        layers=1,
        hidden=32,
    )
    estimator = Estimator(SYSTEM, recipe, jobs=1).fit(X[~unseen], y[~unseen])
    assert np.mean(estimator.predict(X[unseen]) == y[unseen]) > 0.8
    assert estimator.uses_validation

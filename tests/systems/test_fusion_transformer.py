"""The network of Liu, Kang & Ren (2022): two streams that attend to each other."""

import numpy as np
import pytest

from serenade import corpora, systems
from serenade.encoders import npc

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from support.small_corpora import SYNTHETIC  # noqa: E402

from serenade.systems import TrainingSet  # noqa: E402
from serenade.systems.networks._fusion_transformer import (  # noqa: E402
    FusionTransformer,
    Linear,
    compute_positions,
)
from serenade.systems.networks._layers import EncoderLayer  # noqa: E402
from serenade.training import Estimator  # noqa: E402
from serenade.training._batches import pad  # noqa: E402

SYSTEM = systems.get("fusion-transformer")


@pytest.fixture(scope="module")
def speech(tmp_path_factory):
    root = tmp_path_factory.mktemp("synthetic")
    labels = ("angry", "happy", "sad")
    corpus = corpora.open(SYNTHETIC, root, speakers=4, sentences=3, labels=labels)
    table = corpus.table
    return table.drop(columns="emotion"), table["emotion"].to_numpy(dtype=str)


def streams(*lengths, dims=(7, 5), seed=0):
    rng = np.random.default_rng(seed)
    return [
        [rng.standard_normal((pair[side], dims[side])).astype(np.float32) for pair in lengths]
        for side in (0, 1)
    ]


def logits(network, a, b):
    with torch.no_grad():
        return network(*pad(a), *pad(b))


def small(dims=(7, 5), **changes):
    torch.manual_seed(0)
    settings = {"width": 16, "heads": 4, "layers": 2, "hidden": 32, "cells": 8, "windows": (1, 4)}
    return FusionTransformer(dims, 3, **settings | changes).eval()


@pytest.mark.filterwarnings("ignore:openSMILE may be used")
def test_default_recipe_has_the_settings_of_the_paper():
    recipe = SYSTEM.recipe()
    assert (recipe.layers, recipe.segment, recipe.acoustic) == (6, 0.2, "is10")
    pytest.importorskip("opensmile")
    acoustic, again = SYSTEM.features(SYSTEM.recipe(encoder="none"))
    assert acoustic == again
    tone = np.sin(np.arange(34400, dtype=np.float32))
    assert acoustic(tone, 16000).shape == (10, 1582)


def test_fusion_transformer_ignores_padding():
    network = small()
    a, b = streams((9, 40), (3, 61), (1, 2), (12, 8))
    together = logits(network, a, b)
    alone = torch.cat([logits(network, a[row : row + 1], b[row : row + 1]) for row in range(4)])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("states", [1, 5])
def test_fusion_transformer_trains_all_parameters(states):
    network = small(dropout=0.0, input_dropout=0.0, states=(1, states)).train()
    a, b = streams((9, 40), (3, 61))
    network(*pad(a), *pad(b)).square().sum().backward()
    still = [name for name, p in network.named_parameters() if not p.grad.abs().sum()]
    assert still == []
    before = logits(network.eval(), a, b)
    assert (logits(network, [a[1], a[0]], b) - before).abs().min() > 1e-5
    assert (logits(network, a, [b[1], b[0]]) - before).abs().min() > 1e-5


def test_steps_sum_states_by_learnt_weights():
    network, one = small(states=(1, 2), dims=(7, 6)), small(dims=(7, 3))
    shares = torch.tensor([0.2, 0.8])
    weights = network.state_dict() | {"steps.1.shares": shares.log()}
    network.load_state_dict(weights)
    one.load_state_dict({k: v for k, v in weights.items() if k != "steps.1.shares"})
    a, b = streams((9, 40), (3, 61), dims=(7, 6))
    summed = [2**0.5 * (0.2 * frames[:, :3] + 0.8 * frames[:, 3:]) for frames in b]
    torch.testing.assert_close(logits(network, a, b), logits(one, a, summed))


def test_cross_attention_equals_that_of_pytorch():
    torch.manual_seed(0)
    ours = EncoderLayer(16, 4, 32, 0.0).eval()
    theirs = torch.nn.MultiheadAttention(16, 4, batch_first=True)
    theirs.in_proj_weight, theirs.in_proj_bias = ours.projection.weight, ours.projection.bias
    theirs.out_proj = ours.output
    x, source = torch.randn(3, 5, 16), torch.randn(3, 9, 16)
    mask = torch.arange(9) < torch.tensor([[9], [4], [1]])
    context, _ = theirs(x, source, source, key_padding_mask=~mask)
    middle = ours.norms[0](x + context)
    expected = ours.norms[1](middle + ours.dense(middle))
    torch.testing.assert_close(ours(x, mask, source), expected, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(ours(x, mask[:, :5], x), ours(x, mask[:, :5]))


def test_compute_positions_differ_for_all_steps():
    places = compute_positions(500, 128)
    assert places.abs().max() <= 1
    distances = torch.cdist(places, places) + 9 * torch.eye(500)
    assert distances.min() > 0.5


@pytest.mark.parametrize(
    ("encoder", "layer", "step", "window"),
    [
        ("npc", -1, 0.04, 4),
        ("npc", -1, 0.0, 1),
        ("npc", None, 0.04, 1),
        ("whisper-base", 3, 0.04, 2),
    ],
)
def test_network_averages_frames_of_the_encoder_over_the_step(encoder, layer, step, window):
    recipe = SYSTEM.recipe(acoustic="own", encoder=encoder, layer=layer, step=step)
    streams = [[np.zeros((9, 18), np.float32)]] * 2
    network = SYSTEM.network(recipe, TrainingSet(streams, np.zeros(1, np.int64), ("a", "b"), 0))
    assert [side.window for side in network.steps] == [1, window]


def test_features_of_all_states_keep_every_frame_without_a_step():
    tone = np.sin(np.arange(16000, dtype=np.float32))
    _, shown = SYSTEM.features(SYSTEM.recipe(acoustic="own", encoder="npc", layer=None, step=0.0))
    assert shown == npc.make_feature(layer=None)
    assert len(shown(tone, 16000)) == len(npc.make_feature()(tone, 16000))


def test_ensemble_recipe_has_statistics_of_each_stream_once():
    tone = np.sin(np.arange(16000, dtype=np.float32))
    recipe = SYSTEM.recipe("ensemble", acoustic="own", encoder="npc", layer=None)
    segments, shown, *statistics = SYSTEM.features(recipe)
    frames = npc.make_feature(layer=None)(tone, 16000)
    assert len(shown(tone, 16000)) < len(frames)
    for feature, of in zip(statistics, (segments(tone, 16000), frames), strict=True):
        expected = np.concatenate([of.mean(axis=0), of.std(axis=0)])
        np.testing.assert_allclose(feature(tone, 16000)[0], expected, atol=1e-6)
    alone = SYSTEM.recipe("ensemble", acoustic="own", encoder="none")
    assert SYSTEM.features(alone) == (segments, segments, statistics[0])
    members = SYSTEM.members(recipe)
    assert SYSTEM.features(members[0]) == (segments, shown)
    assert SYSTEM.features(members[1]) == tuple(statistics)
    assert members[0] == SYSTEM.recipe("tuned", acoustic="own", encoder="npc", layer=None)


def test_linear_begins_with_zero_logits_and_uses_all_streams():
    network = Linear((7, 5), 3)
    rows = [torch.randn(4, 1, 7), torch.ones(4, 1) > 0, torch.randn(4, 1, 5), torch.ones(4, 1) > 0]
    assert not network(*rows).any()
    network.output.weight.data.normal_()
    expected = torch.cat([rows[0], rows[2]], dim=2)[:, 0] @ network.output.weight.T
    torch.testing.assert_close(network(*rows), expected)


def test_ensemble_averages_posteriors_of_its_members(speech):
    X, y = speech
    small = {"width": 16, "layers": 1, "heads": 2, "cells": 8, "epochs": 2}
    recipe = SYSTEM.recipe("ensemble", acoustic="own", encoder="none", **small)
    both, *parts = (
        Estimator(SYSTEM, each, jobs=1).fit(X, y).predict_proba(X)
        for each in (recipe, *SYSTEM.members(recipe))
    )
    np.testing.assert_allclose(both, np.mean(parts, axis=0), atol=1e-6)
    assert np.abs(parts[0] - parts[1]).max() > 0.01


@pytest.mark.parametrize(
    ("encoder", "layer"),
    [("none", -1), ("npc", None), ("whisper-base", -1), ("whisper-base", None)],
)
def test_fusion_transformer_learns_synthetic_speech(speech, encoder, layer):
    X, y = speech
    changes = {"width": 32, "layers": 2, "hidden": 64, "cells": 16, "epochs": 8, "layer": layer}
    recipe = SYSTEM.recipe(acoustic="own", encoder=encoder, learning_rate=2e-3, **changes)
    unseen = (X["speaker"] == X["speaker"].iloc[0]).to_numpy()
    estimator = Estimator(SYSTEM, recipe, jobs=1).fit(X[~unseen], y[~unseen])
    found = estimator.predict(X[unseen])
    assert np.mean(found == y[unseen]) > 0.5
    lengths = [len(matrices[0]) for matrices in estimator.clips(X[:1], y[:1], 0).streams]
    assert (lengths[0] == lengths[1]) == (encoder == "none")

"""The four experiments of He, Ren & He: networks, recipes and training."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serenade import corpora, systems
from serenade.audio import read
from serenade.features import HeLLD

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from support.small_corpora import SYNTHETIC  # noqa: E402

from serenade.systems import TrainingSet  # noqa: E402
from serenade.systems.networks._attentive_crnn import (  # noqa: E402
    Attention,
    AttentiveCRNN,
    DescriptorSteps,
    Recurrence,
)
from serenade.training import Estimator  # noqa: E402

SYSTEM = systems.get("attentive-crnn")
TINY = {
    "epochs": 60,
    "cells": 8,
    "channels": 10,
    "units": 4,
    "patches": 300,
    "coder_steps": 20,
    "holdout": 0.0,
    "learning_rate": 0.1,
}


def mask_of(*lengths):
    return torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]


def lstm_weights(inputs, cells, layers=1):
    """Count both directions, with PyTorch's biases for inputs and for states."""
    sizes = [inputs, *[2 * cells] * (layers - 1)]
    return sum(2 * 4 * cells * (size + cells + 2) for size in sizes)


@pytest.fixture(scope="module")
def speech(tmp_path_factory):
    labels = ("angry", "neutral", "sad")
    root = tmp_path_factory.mktemp("synthetic")
    corpus = corpora.open(SYNTHETIC, root, speakers=4, sentences=3, labels=labels)
    X, y = corpus.table.drop(columns="emotion"), corpus.table["emotion"].to_numpy(dtype=str)
    return X, y, (X["speaker"] == X["speaker"].iloc[0]).to_numpy()


@pytest.fixture(scope="module")
def fitted(speech):
    X, y, unseen = speech
    recipe = SYSTEM.recipe(**TINY)
    return Estimator(SYSTEM, recipe, jobs=1).fit(X[~unseen], y[~unseen])


def test_recipes_have_the_settings_of_the_paper():
    recipe = SYSTEM.recipe()
    stated = {
        "channels": 60,
        "kernels": (3, 6, 10),
        "units": 60,
        "share": 1 / 3,
        "cells": 30,
        "layers": 2,
        "bidirectional": True,
        "pooling": "attention",
        "dropout": 0.5,
        "noise": 0.1,
        "optimiser": "sgd",
        "momentum": 0.9,
        "batch": 10,
        "trained": False,
    }
    assert {name: getattr(recipe, name) for name in stated} == stated
    third, second = systems.get("crnn").recipe(), systems.get("lld-blstm").recipe()
    assert (third.cells, third.layers, third.pooling) == (128, 1, "mean")
    assert (second.cells, second.hidden, second.reference) == (128, 512, "neutral")
    grid = systems.get("lld-svm").recipe().C
    assert grid == tuple(10.0**power for power in range(-6, 1))
    tone = np.sin(np.arange(16000, dtype=np.float32))
    for system, width in ((SYSTEM, 257), (systems.get("lld-blstm"), 275)):
        (feature,) = system.features(system.recipe())
        assert feature(tone, 16000).shape == (101, width)
        assert len(feature.names) == width
    (feature,) = systems.get("lld-svm").features(None)
    assert feature(tone, 16000).shape == (1, len(feature.names)) == (1, 35 * 275)


def test_log_spectrogram_is_in_decibels_at_its_frequencies():
    (feature,) = SYSTEM.features(SYSTEM.recipe())
    tone = np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000).astype(np.float32)
    found = feature(tone, 16000)[20:80]
    assert {feature.names[column] for column in found.argmax(axis=1)} == {"1000_hz"}
    # Half the sum of the window, squared.
    assert found.max() == pytest.approx(20 * np.log10(0.54 * 320 / 2), abs=0.1)
    np.testing.assert_allclose(feature(tone / 10, 16000)[20:80].max(), found.max() - 20, atol=0.1)
    with pytest.raises(ValueError, match="16000 Hz, got 8000"):
        feature(tone, 8000)


def test_networks_have_the_expected_number_of_parameters():
    rng = np.random.default_rng(0)
    clips = [rng.normal(size=(30, 257)).astype(np.float32) for _ in range(9)]
    data = TrainingSet((clips,), np.zeros(9, np.int64), ("a", "b", "c", "d", "e", "f", "g"), 0)
    network = SYSTEM.network(SYSTEM.recipe(patches=50, coder_steps=1), data)
    kernels = 60 * 60 * (3 + 6 + 10) + 180
    expected = lstm_weights(180, 30, 2) + 60 + (60 + 1) * 7
    assert sum(p.numel() for p in network.parameters()) == kernels + expected
    assert sum(p.numel() for p in network.parameters() if p.requires_grad) == expected
    third = systems.get("crnn")
    network = third.network(third.recipe(patches=50, coder_steps=1), data)
    expected = lstm_weights(180, 128) + (256 + 1) * 7
    assert sum(p.numel() for p in network.parameters() if p.requires_grad) == expected
    second = systems.get("lld-blstm")
    lld = TrainingSet(([np.zeros((9, 275), np.float32)],), np.zeros(1, np.int64), ("a", "b"), 0)
    network = second.network(second.recipe(), lld)
    expected = (275 + 1) * 512 + lstm_weights(512, 128) + (256 + 1) * 2
    assert sum(p.numel() for p in network.parameters()) == expected
    weights = [p.detach().abs().max() for p in network.recurrence.parameters()]
    assert 0.09 < max(weights) <= 0.1


@pytest.mark.parametrize("pooling", ["attention", "mean", "last"])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("context", [0, 4])
def test_attentive_crnn_ignores_padding(pooling, bidirectional, context):
    torch.manual_seed(0)
    recurrence = Recurrence(5, 4, layers=2, bidirectional=bidirectional, context=context)
    for parameter in recurrence.parameters():
        torch.nn.init.normal_(parameter)
    network = AttentiveCRNN(DescriptorSteps(3, 2), recurrence, 3, hidden=5, pooling=pooling).eval()
    lengths = (17, 3, 9, 1)
    clips = [torch.randn(1, length, 3) for length in lengths]
    padded = torch.full((4, 20, 3), 3.0)
    for row, clip in zip(padded, clips, strict=True):
        row[: clip.shape[1]] = clip[0]
    mask = torch.arange(20) < torch.tensor(lengths)[:, None]
    with torch.no_grad():
        together, weights = network(padded, mask), network.attention(padded, mask)
        for row, track, clip in zip(together, weights, clips, strict=True):
            alone = mask_of(clip.shape[1])
            torch.testing.assert_close(row, network(clip, alone)[0], atol=1e-6, rtol=1e-5)
            own = network.attention(clip, alone)[0]
            torch.testing.assert_close(track[: len(own)], own, atol=1e-6, rtol=1e-5)
            assert float(own.sum()) == pytest.approx(1, abs=1e-6)
            assert not track[len(own) :].any()


def test_attention_follows_equations_12_and_13():
    torch.manual_seed(0)
    recurrence = Recurrence(3, 4)
    network = AttentiveCRNN(DescriptorSteps(3), recurrence, 2).eval()
    torch.nn.init.normal_(network.weigh.direction)
    values, mask = torch.randn(1, 6, 3), mask_of(6)
    with torch.no_grad():
        outputs = recurrence(values, mask)[0].numpy()
        scores = np.exp(outputs @ network.weigh.direction.numpy())
        weights = scores / scores.sum()
        np.testing.assert_allclose(network.attention(values, mask)[0], weights, rtol=1e-5)
        pooled = torch.from_numpy(weights @ outputs)
        torch.testing.assert_close(network(values, mask)[0], network.output(pooled))


@given(st.lists(st.integers(1, 12), min_size=1, max_size=5))
@settings(max_examples=20, deadline=None)
def test_attention_ignores_padding(lengths):
    layer = Attention(3)
    weights = layer(1000 * torch.randn(len(lengths), max(lengths), 3), mask_of(*lengths))
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(len(lengths)))
    assert not weights[~mask_of(*lengths)].any()


def test_recurrence_equals_the_lstm_of_pytorch():
    torch.manual_seed(0)
    ours = Recurrence(3, 4, layers=2)
    theirs = torch.nn.LSTM(3, 4, 2, batch_first=True, bidirectional=True)
    for layer, directions in enumerate(ours.layers):
        for lstm, ending in zip(directions, ("", "_reverse"), strict=True):
            for name, values in lstm.named_parameters():
                theirs.get_parameter(name.replace("l0", f"l{layer}{ending}")).data.copy_(values)
    x, lengths = torch.randn(3, 9, 3), (9, 4, 1)
    packed = torch.nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True)
    expected = torch.nn.utils.rnn.pad_packed_sequence(theirs(packed)[0], batch_first=True)[0]
    torch.testing.assert_close(ours(x, mask_of(*lengths)), expected)


def test_recurrence_draws_uniform_weights_within_a_reach():
    weights = torch.cat([p.flatten() for p in Recurrence(3, 16, initial=0.1).parameters()])
    assert 0.09 < weights.abs().max() <= 0.1
    whole = torch.cat([p.flatten() for p in Recurrence(3, 16, initial=1).parameters()])
    assert 0.9 < whole.abs().max() <= 1.0
    experiment = systems.get("lld-blstm")
    clips = TrainingSet([[np.ones((40, 9), np.float32)]], np.zeros(1, np.int64), ("a", "b"), 0)
    network = experiment.network(experiment.recipe(), clips)
    assert all(p.abs().max() <= 0.1 for p in network.recurrence.parameters())


def test_recurrence_draws_the_weights_of_pytorch():
    torch.manual_seed(0)
    ours = Recurrence(3, 4, bidirectional=False, initial="pytorch")
    torch.manual_seed(0)
    theirs = torch.nn.LSTM(3, 4)
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(mine, other)


def test_recurrence_draws_the_weights_of_keras():
    (layer,) = Recurrence(6, 5, bidirectional=False, initial="keras").layers
    from_input, from_output, bias, other_bias = layer[0].all_weights[0]
    limit = (6 / (6 + 4 * 5)) ** 0.5
    assert 0.8 * limit < from_input.abs().max() <= limit
    torch.testing.assert_close(from_output.T @ from_output, torch.eye(5), atol=1e-6, rtol=0)
    assert bias.tolist() == [0.0] * 5 + [1.0] * 5 + [0.0] * 10
    assert not other_bias.any()


def test_recurrence_limits_direction_and_context():
    torch.manual_seed(0)
    x, mask = torch.randn(1, 12, 2), mask_of(12)
    changed = x.clone()
    changed[0, 6] += 1
    forward = Recurrence(2, 3, bidirectional=False)
    moved = (forward(x, mask) != forward(changed, mask)).any(dim=2)[0]
    assert moved.tolist() == [step >= 6 for step in range(12)]
    short = Recurrence(2, 3, context=4)
    moved = (short(x, mask) != short(changed, mask)).any(dim=2)[0]
    assert moved.tolist() == [4 <= step < 8 for step in range(12)]


def test_noise_and_dropout_act_in_training_only():
    torch.manual_seed(0)
    network = AttentiveCRNN(DescriptorSteps(4), Recurrence(4, 3), 2, dropout=0.0, noise=0.1)
    values, mask = torch.zeros(1, 50, 4), mask_of(50)
    assert not torch.equal(network(values, mask), network(values, mask))
    added = network.noise(torch.zeros(20000))
    assert float(added.detach().std()) == pytest.approx(0.1, rel=0.03)
    network.eval()
    assert torch.equal(network(values, mask), network(values, mask))


def test_lld_blstm_scales_by_neutral_training_clips(speech):
    X, y, unseen = speech
    system = systems.get("lld-blstm")
    recipe = system.recipe(epochs=1, cells=4, hidden=4, holdout=0.0)
    scaler = Estimator(system, recipe, jobs=1).fit(X[~unseen], y[~unseen]).learner_.scalers[0]
    files = [file for file, _, _ in X[~unseen & (y == "neutral")].index]
    frames = np.concatenate([HeLLD()(read(file).signal, 16000) for file in files])
    np.testing.assert_allclose(scaler.mean, frames.mean(axis=0, dtype=float), rtol=1e-4, atol=1e-4)
    deviation = frames.std(axis=0, dtype=float)
    np.testing.assert_allclose(scaler.deviation, deviation, rtol=1e-3, atol=1e-4)


def test_pretraining_uses_training_rows_only(speech, fitted):
    X, y, unseen = speech
    fewer = X[unseen][:3]
    again = Estimator(SYSTEM, SYSTEM.recipe(**{**TINY, "epochs": 1}), jobs=1)
    again.fit(X[~unseen], y[~unseen], validation=(fewer, y[unseen][:3]))
    first, second = (e.classifier_.module_.front.state_dict() for e in (fitted, again))
    assert first.keys() == second.keys()
    for name, values in first.items():
        assert torch.equal(values, second[name]), name
    # Training rows do decide them.
    again.fit(X[~unseen][3:], y[~unseen][3:])
    third = again.classifier_.module_.front.state_dict()
    assert not torch.equal(first["components.mean"], third["components.mean"])
    assert not torch.equal(first["maps.0.weight"], third["maps.0.weight"])


def test_attentive_crnn_learns_synthetic_speech(speech, fitted):
    X, y, unseen = speech
    assert np.mean(fitted.predict(X[unseen]) == y[unseen]) > 0.6


def test_sparse_convolution_is_fixed_by_default(speech, fitted):
    X, y, unseen = speech
    recipe = SYSTEM.recipe(**{**TINY, "epochs": 2, "trained": True})
    moving = Estimator(SYSTEM, recipe, jobs=1).fit(X[~unseen], y[~unseen])
    mine, theirs = (e.classifier_.module_.front.maps[0].weight for e in (fitted, moving))
    assert not torch.equal(mine, theirs)


def test_lld_svm_learns_synthetic_speech(speech):
    X, y, unseen = speech
    system = systems.get("lld-svm")
    estimator = Estimator(system, system.recipe(C=(1e-6, 1.0, 100.0)), jobs=1)
    estimator.fit(X[~unseen], y[~unseen])
    scaler, machine = (step for _, step in estimator.classifier_.steps)
    assert machine.C > 1e-6
    assert np.mean(estimator.predict(X[unseen]) == y[unseen]) > 0.6
    rows = estimator._extract(X[~unseen & (y == "neutral")], estimator.features[0])
    np.testing.assert_allclose(scaler.mean_, np.concatenate(rows).mean(axis=0), rtol=1e-3, atol=0.1)
    posteriors = estimator.predict_proba(X[unseen])
    np.testing.assert_allclose(posteriors.sum(axis=1), 1)


def test_kernel_machine_equals_that_of_libsvm():
    from sklearn.svm import SVC

    from serenade.systems._kernel_machine import KernelMachine, ReferenceScaler

    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(90, 20)), np.resize(["a", "b", "c"], 90)
    X[y == "b", 0] += 2
    weights = rng.uniform(0.5, 2, 90)
    ours = KernelMachine(0.7).fit(X, y, weights)
    theirs = SVC(C=0.7, gamma=1 / 20, break_ties=True).fit(X, y, weights)
    new = rng.normal(size=(50, 20))
    np.testing.assert_array_equal(ours.predict(new), theirs.predict(new))
    two = KernelMachine(1.0).fit(X[y != "c"], y[y != "c"])
    assert two.predict_proba(new).shape == (50, 2)
    assert set(two.predict(new)) == {"a", "b"}
    scaler = ReferenceScaler("nobody").fit(X, y)
    np.testing.assert_allclose(scaler.transform(X).std(axis=0), 1)

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import nn

from serenade.encoders import EncoderSettings, aalbert, build_network, tera
from serenade.encoders.selfsupervised import _transformer
from serenade.encoders.selfsupervised._encoder_settings import TransformerSettings
from serenade.encoders.selfsupervised._transformer import Layer, SpeechTransformer, attend
from serenade.errors import ModelError

SIZES = TransformerSettings(width=16, layers=2, heads=4, hidden=40, dropout=0.0)


def parameters(settings: EncoderSettings) -> int:
    with torch.device("meta"):
        return sum(weight.numel() for weight in build_network(settings).parameters())


def test_a_layer_equals_pytorchs() -> None:
    ours = Layer(SIZES).eval()
    theirs = nn.TransformerEncoderLayer(
        16, 4, 40, dropout=0.0, activation="gelu", layer_norm_eps=1e-12, batch_first=True
    ).eval()
    for weight in ours.parameters():
        nn.init.normal_(weight, std=0.3)
    pairs = {
        "self_attn.in_proj_weight": ours.projection.weight,
        "self_attn.in_proj_bias": ours.projection.bias,
    }
    modules = {
        "self_attn.out_proj": ours.output,
        "linear1": ours.expand,
        "linear2": ours.contract,
        "norm1": ours.attention_norm,
        "norm2": ours.dense_norm,
    }
    for name, module in modules.items():
        pairs |= {f"{name}.{part}": getattr(module, part) for part in ("weight", "bias")}
    theirs.load_state_dict({name: weight.detach() for name, weight in pairs.items()})
    x = torch.randn(3, 9, 16)
    mask = torch.arange(9) < torch.tensor([9, 5, 7])[:, None]
    found = ours(x, mask[:, None, None])
    expected = theirs(x, src_key_padding_mask=~mask)
    torch.testing.assert_close(found[mask], expected[mask], atol=1e-5, rtol=1e-5)


def test_padding_changes_nothing() -> None:
    network = SpeechTransformer(SIZES, dims=8).eval()
    x = torch.randn(1, 30, 8)
    padded = torch.cat([x, 9 * torch.ones(1, 12, 8)], dim=1)
    mask = torch.arange(42)[None] < 30
    for alone, beside in zip(network.states(x), network.states(padded, mask), strict=True):
        torch.testing.assert_close(alone, beside[:, :30], atol=1e-5, rtol=1e-4)


def test_long_utterances_are_cut_into_equal_parts() -> None:
    network = SpeechTransformer(dataclasses.replace(SIZES, longest=40), dims=8).eval()
    x = torch.randn(2, 100, 8)
    mask = torch.ones(2, 100, dtype=torch.bool)
    parts = [network.states(part)[-1] for part in x.split([34, 34, 32], dim=1)]
    for found in (network.states(x), network.states(x, mask)):
        torch.testing.assert_close(found[-1], torch.cat(parts, dim=1), atol=1e-5, rtol=1e-4)


def test_half_precision_attends_alike() -> None:
    query, key, value = torch.randn(3, 2, 4, 20, 16)
    mask = torch.arange(20) < torch.tensor([20, 13])[:, None, None, None]
    exact = attend(query, key, value, mask, 0.0)
    rounded = attend(query.bfloat16(), key.bfloat16(), value.bfloat16(), mask, 0.0)
    assert rounded.dtype is torch.bfloat16
    torch.testing.assert_close(rounded.float(), exact, atol=0.05, rtol=0.05)


def test_positions_matter() -> None:
    network = SpeechTransformer(SIZES, dims=8).eval()
    x = torch.randn(1, 10, 8)
    back = network.states(x.flip(1))[-1].flip(1)
    assert not torch.allclose(network.states(x)[-1], back, atol=1e-2)


def test_heads_that_begin_at_an_offset() -> None:
    offsets = (-5, 0, 3)
    sizes = TransformerSettings(width=256, layers=2, heads=4, hidden=64, offsets=offsets)
    network = SpeechTransformer(sizes, dims=8).eval()
    first = network.states(torch.randn(1, 60, 8))[0]
    for layer in network.layers:
        query, key, _ = layer.projection(first).view(60, 3, 4, 64).unbind(dim=1)
        for head, offset in enumerate(offsets):
            seen = (query[:, head] @ key[:, head].T).argmax(dim=1)
            inner = torch.arange(10, 50)
            assert (seen[inner] - inner - offset).abs().max() <= 2


def test_layers_that_are_one() -> None:
    shared = SpeechTransformer(dataclasses.replace(SIZES, shared=True, layers=3), dims=8).eval()
    assert len(shared.layers) == 1
    states = shared.states(torch.randn(1, 10, 8))
    torch.testing.assert_close(shared.layers[0](states[1], None), states[2])
    torch.testing.assert_close(shared.layers[0](states[2], None), states[3])


def test_a_layer_used_again_leaves_positions_where_they_are() -> None:
    offsets = (-3, -1, 1, 3)
    sizes = TransformerSettings(256, 3, 4, 512, dropout=0.0, shared=True, offsets=offsets)
    network = SpeechTransformer(sizes, dims=80).eval()
    states = network.states(torch.randn(1, 60, 80))
    rows = torch.arange(10, 50)
    for state in states[:-1]:
        query, key, _ = network.layers[0].projection(state).view(60, 3, 4, 64).unbind(dim=1)
        for head, offset in enumerate(offsets):
            scores = query[:, head] @ key[:, head].T
            assert (scores[rows].argmax(dim=1) - rows - offset).abs().max() <= 2
    first, last = states[0][0, :, :62], states[-1][0, :, :62]
    assert nn.functional.cosine_similarity(first, last, dim=1).min() > 0.9


def test_caution_draws_heads_away_from_masked_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = TransformerSettings(256, 3, 4, 512, dropout=0.0, shared=True, offsets=(-1, 1))
    x = torch.randn(1, 60, 80)
    x[:, 20:27] = 0.0
    preference = []
    for caution in (_transformer._CAUTION, 0.0):
        monkeypatch.setattr(_transformer, "_CAUTION", caution)
        torch.manual_seed(0)
        network = SpeechTransformer(sizes, dims=80).eval()
        seen = network.layers[0].projection(network.states(x)[0])
        query, key, _ = seen.view(60, 3, 4, 64).unbind(dim=1)
        scores = query[:, 1] @ key[:, 1].T
        preference.append(scores[19, 20] - scores[range(30, 50), range(31, 51)].mean())
    assert preference[0] < preference[1] / 1.5


def test_sizes_as_published() -> None:
    # Liu, Li & Lee (2021), table I: TERA-base has 21.3 M parameters, without its head.
    width, head = 768, 768 * 768 + 768 + 2 * 768 + 768 * 80 + 80
    assert round((parameters(tera.PRESETS["paper"][0]) - head) / 1e6, 1) == 21.3
    # Chi et al. (2021): one layer in the place of three, about 7.1 M.
    assert round((parameters(aalbert.PRESETS["paper"][0]) - head) / 1e6, 1) == 7.2
    assert tera.PRESETS["paper"][0].network.width == width


@pytest.mark.parametrize("encoder", [tera, aalbert])
def test_the_small_preset_is_small(encoder: object) -> None:
    assert 1e6 < parameters(encoder.PRESETS["small"][0]) < 5e6


def test_impossible_sizes(tiny_tera: EncoderSettings) -> None:
    for wrong, message in (
        ({"heads": 3}, "heads must divide it"),
        ({"offsets": range(5)}, "offsets"),
    ):
        odd = dataclasses.replace(tiny_tera, network=dataclasses.replace(SIZES, **wrong))
        with pytest.raises(ModelError, match=message):
            build_network(odd)

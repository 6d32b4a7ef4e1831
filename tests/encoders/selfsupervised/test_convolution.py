from __future__ import annotations

import dataclasses

import pytest
import torch
from torch.nn import functional

from serenade.encoders import EncoderSettings, build_network, npc
from serenade.encoders.selfsupervised import _convolution
from serenade.encoders.selfsupervised._convolution import NPC, MaskedConvolution, Quantiser
from serenade.encoders.selfsupervised._encoder_settings import NPCSettings
from serenade.errors import ModelError

SIZES = NPCSettings(width=16, blocks=3, kernel=15, mask=5, groups=2, codes=8)


@pytest.mark.parametrize(("kernel", "mask"), [(15, 7), (15, 13), (5, 1), (3, 1)])
def test_masked_convolution_is_one_with_zeros_in_its_middle(kernel: int, mask: int) -> None:
    layer = MaskedConvolution(6, kernel, mask)
    before, after = layer.weight.detach().chunk(2, dim=1)
    whole = torch.cat([before, torch.zeros(6, 6, mask), after], dim=2)
    x = torch.randn(2, 6, 40)
    expected = functional.conv1d(x, whole, layer.bias, padding=kernel // 2).tanh()
    torch.testing.assert_close(layer(x), expected, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("blocks", [1, 2, 4])
@pytest.mark.parametrize("mask", [3, 5])
def test_the_feature_is_blind_to_its_frame_and_sees_as_far_as_stated(
    blocks: int, mask: int
) -> None:
    network = NPC(NPCSettings(width=16, blocks=blocks, mask=mask, groups=2, codes=8), 4).eval()
    x = torch.randn(1, 61, 4, requires_grad=True)
    network.states(x)[-1][0, 30].sum().backward()
    seen = x.grad[0].abs().sum(dim=1).nonzero().ravel() - 30
    hidden = set(range(-(mask // 2), mask // 2 + 1))
    reach = 15 // 2 + blocks  # receptive field: kernel + 2 * blocks
    assert set(seen.tolist()) == set(range(-reach, reach + 1)) - hidden


def test_states_are_as_many_as_stated() -> None:
    states = NPC(SIZES, 4).eval().states(torch.randn(2, 20, 4))
    assert len(states) == SIZES.states == 7
    assert {tuple(state.shape) for state in states} == {(2, 20, 16)}
    torch.testing.assert_close(states[1] + states[3] + states[5], states[-1])


def test_long_utterances_give_what_short_ones_do(monkeypatch: pytest.MonkeyPatch) -> None:
    network = NPC(SIZES, 4).eval()
    x = torch.randn(1, 250, 4)
    whole = network.states(x)
    monkeypatch.setattr(_convolution, "_PART", 64)
    for found, expected in zip(network.states(x), whole, strict=True):
        torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-5)


def test_the_quantiser_gives_one_code_of_each_group() -> None:
    quantiser = Quantiser(12, groups=3, codes=5, temperature=1.0)
    x = torch.randn(4, 50, 12)
    for mode in (quantiser.eval(), quantiser.train()):
        for group, found in enumerate(mode(x).chunk(3, dim=-1)):
            codes = quantiser.books[group].weight.T
            distance = torch.cdist(found.reshape(-1, 4), codes)
            torch.testing.assert_close(
                distance.min(dim=1).values, torch.zeros(200), atol=1e-3, rtol=0
            )
    quantiser.eval()
    torch.testing.assert_close(quantiser(x), quantiser(x))


def test_the_quantiser_passes_gradients() -> None:
    network = NPC(SIZES, 4).train()
    functional.l1_loss(network(torch.randn(2, 30, 4)), torch.randn(2, 30, 4)).backward()
    missing = [n for n, weight in network.named_parameters() if weight.grad is None]
    assert missing == []
    assert all(book.weight.grad.any() for book in network.quantiser.books)
    assert network.blocks[0].wide.weight.grad.any()


def test_without_a_quantiser() -> None:
    network = NPC(dataclasses.replace(SIZES, codes=0), 4).eval()
    assert network.quantiser is None
    x = torch.randn(1, 20, 4)
    torch.testing.assert_close(network(x), network.head(network.states(x)[-1]))


def test_sizes_as_published() -> None:
    settings = npc.PRESETS["paper"][0]
    network = build_network(settings, 0)
    count = sum(weight.numel() for weight in network.parameters())
    # The released network has 19.4 M with the weights that its masks multiply by zero.
    masked = sum((7 + 2 * n) * 512 * 512 for n in range(4))
    assert round((count + masked) / 1e6, 1) == 19.4
    assert [layer.side for layer in network.masked] == [4, 3, 2, 1]


def test_the_paper_preset_trains_as_the_authors_code_does() -> None:
    training = npc.PRESETS["paper"][1]
    assert {training.rate(share) for share in (0.0, 0.01, 0.5, 1.0)} == {1e-3}
    assert (training.decay, training.clipping) == (0.0, 5.0)


def test_impossible_sizes(tiny_npc: EncoderSettings) -> None:
    for wrong in ({"kernel": 14}, {"mask": 11}, {"groups": 3}):
        network = dataclasses.replace(tiny_npc.network, **wrong)
        with pytest.raises(ModelError, match="npc: "):
            build_network(dataclasses.replace(tiny_npc, network=network))

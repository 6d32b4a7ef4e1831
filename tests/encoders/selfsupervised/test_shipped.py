"""The encoders that come with the package: small, described, and better than no training."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from serenade.audio import read
from serenade.encoders import build_network
from serenade.encoders.selfsupervised import _weights_location

EXAMPLE = Path(__file__).parents[3] / "examples" / "example.flac"
NAMES = ["aalbert", "npc", "tera"]


def test_which_come_with_it():
    assert sorted(folder.name for folder in _weights_location.SHIPPED.iterdir()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_it_is_small_and_says_what_it_is(name):
    folder = _weights_location.locate_weights(name)
    assert (folder / _weights_location.ENCODER_WEIGHTS).stat().st_size < 15e6
    card = (folder / "MODEL_CARD.md").read_text("utf-8")
    history = json.loads((folder / "history.json").read_text("utf-8"))
    assert "CC BY-NC-SA 4.0" in card
    assert f"{history['steps']:,} steps" in card


@pytest.mark.parametrize("name", NAMES)
def test_it_predicts_what_it_cannot_see(name):
    settings, network = _weights_location.load_weights(name)
    audio = read(EXAMPLE, sampling_rate=16000)
    frames = torch.from_numpy(settings.front(audio.signal, 16000))[None]
    seen, hidden = frames.clone(), slice(None)
    if name != "npc":  # which hides the middle of what it looks at from itself
        hidden = torch.from_numpy(np.arange(frames.shape[1]) // 5 % 6 == 0)
        seen[:, hidden] = 0
    with torch.inference_mode():
        errors = [
            (net.eval()(seen) - frames)[:, hidden].abs().mean()
            for net in (network, build_network(settings, seed=0))
        ]
    mean = frames[:, hidden].abs().mean()
    assert errors[0] < 0.8 * min(errors[1], mean)

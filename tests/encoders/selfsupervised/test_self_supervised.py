from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from serenade.encoders import aalbert, npc, tera
from serenade.encoders.selfsupervised import SelfSupervised
from serenade.encoders.selfsupervised._encoder_folder import save_untrained
from serenade.errors import ModelError, SignalFormatError, TooShortError
from serenade.extraction import Cache, Clip, extract

if TYPE_CHECKING:
    from pathlib import Path

    from serenade.encoders import EncoderSettings


def test_a_state_per_frame(tiny: EncoderSettings, tmp_path: Path, tone: np.ndarray) -> None:
    save_untrained(tmp_path, tiny, seed=0)
    states = [
        SelfSupervised(str(tmp_path), layer)(tone, 16000) for layer in range(tiny.network.states)
    ]
    assert {state.shape for state in states} == {(98, 32)}
    assert {state.dtype for state in states} == {np.dtype(np.float32)}
    last = SelfSupervised(str(tmp_path))
    np.testing.assert_array_equal(last(tone, 16000), states[-1])
    every = SelfSupervised(str(tmp_path), None)
    np.testing.assert_array_equal(every(tone, 16000), np.concatenate(states, axis=1))
    assert every.names[:32] == SelfSupervised(str(tmp_path), 0).names
    assert len(every.names) == 32 * every.states == 32 * tiny.network.states
    assert last.states == 1
    assert len(last.names) == 32
    assert last.names[3] == f"{tiny.name}{tiny.network.states - 1}_3"
    with pytest.raises(ModelError, match=rf"no state 99; its states are 0 to {len(states) - 1}"):
        SelfSupervised(str(tmp_path), 99)(tone, 16000)


def test_identity_is_of_the_content(
    tmp_path: Path, tiny_tera: EncoderSettings, tiny_npc: EncoderSettings
) -> None:
    for place, settings in (("a", tiny_tera), ("b", tiny_tera), ("c", tiny_npc)):
        save_untrained(tmp_path / place / "tera", settings, seed=0)
    found = [SelfSupervised(str(tmp_path / place / "tera")).identity() for place in "abc"]
    assert found[0] == found[1] != found[2]
    assert str(tmp_path) not in str(found)
    other_layer = SelfSupervised(str(tmp_path / "a" / "tera"), layer=1).identity()
    assert other_layer != found[0]


def test_through_the_cache(untrained: Path, files: list[str], cache: Path) -> None:
    feature = SelfSupervised(str(untrained))
    segments = [Clip(file) for file in files[:3]]
    first = extract(segments, feature, jobs=1, cache=Cache(cache / "f"))
    second = extract(segments, feature, jobs=1, cache=Cache(cache / "f"))
    assert Cache(cache / "f").usage()[0] == 3
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


def test_signals_that_cannot_be_used(untrained: Path, tone: np.ndarray) -> None:
    feature = SelfSupervised(str(untrained))
    with pytest.raises(SignalFormatError, match="16000 Hz, not 44100"):
        feature(tone, 44100)
    with pytest.raises(TooShortError):
        feature(tone[:200], 16000)


@pytest.mark.parametrize("module", [tera, aalbert, npc])
def test_each_encoder_by_its_name(module: object, tmp_path: Path, tone: np.ndarray) -> None:
    settings, _ = module.PRESETS["small"]
    assert module.make_feature() == SelfSupervised(settings.name)
    save_untrained(tmp_path, settings, seed=0)
    size = (tmp_path / "model.safetensors").stat().st_size
    assert size < 15e6
    found = module.make_feature(encoder=str(tmp_path))(tone, 16000)
    assert found.shape == (98, settings.network.width)


def test_nothing_imports_pytorch_before_it_is_needed() -> None:
    program = (
        "import sys, serenade.encoders, serenade.encoders.tera, serenade.encoders.npc; "
        "from serenade.encoders import SelfSupervised; "
        "print(SelfSupervised('tera').layer, 'torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["-1", "False"]

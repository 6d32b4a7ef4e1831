from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from serenade.features import mel_bank
from serenade.features.spectral._chroma import chroma_bank

if TYPE_CHECKING:
    from serenade.features import FilterBank


@pytest.mark.parametrize(
    "bank",
    [
        mel_bank(16000, 400, 80),
        mel_bank(48000, 2048, 128),
        mel_bank(8000, 200, 5),
        mel_bank(16000, 64, 100),  # narrower than bins: some filters are empty
        chroma_bank(16000, 512),
    ],
)
def test_bands_equal_the_whole_product(bank: FilterBank) -> None:
    power = np.random.default_rng(0).random((7, bank.weights.shape[1])).astype(np.float32)
    expected = power.astype(np.float64) @ bank.weights.T.astype(np.float64)
    np.testing.assert_allclose(bank(power), expected, rtol=1e-5)
    out = np.full((7, len(bank.weights)), np.nan, np.float32)
    assert bank(power, out=out) is out
    np.testing.assert_allclose(out, expected, rtol=1e-5)

"""Settings both sides of a comparison share, and PyTorch's spectra at one."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from benchmarks.feature_speed.model import library
from serenade.features import Framing, mel_bank

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from serenade.features.spectral._stft import Window


@dataclasses.dataclass(frozen=True)
class Setting:
    """Lengths in samples, and sizes, that both sides of a comparison use."""

    rate: int
    n_fft: int
    hop: int
    n_mels: int = 0
    n_mfcc: int = 0
    win: int | None = None
    window: Window = "hann"

    @property
    def framing(self) -> Framing:
        """Centred frames, zeros around the signal."""
        return Framing(self.n_fft, self.hop, self.win, self.window)

    @property
    def librosa(self) -> dict[str, Any]:
        """The transform in librosa's words."""
        return {
            "n_fft": self.n_fft,
            "hop_length": self.hop,
            "win_length": self.framing.length,
            "window": self.window,
        }

    def __str__(self) -> str:
        sizes = [f"{self.n_mels} mels"] * bool(self.n_mels)
        sizes += [f"{self.n_mfcc} coefficients"] * bool(self.n_mfcc)
        window = f"{self.framing.length}/{self.hop}"
        return ", ".join([f"{self.rate // 1000} kHz", window, *sizes])


def torch_power(setting: Setting, pad_mode: str = "constant") -> Callable[[Any], Any]:
    """Compute PyTorch's power spectrogram, frames as columns, by its quickest way to |X|²."""
    torch = library("torch")
    window = getattr(torch, f"{setting.window}_window")(setting.framing.length)

    def power(signal: NDArray[np.float32]) -> Any:
        spectrum = torch.stft(
            torch.from_numpy(signal),
            setting.n_fft,
            setting.hop,
            setting.framing.length,
            window,
            pad_mode=pad_mode,
            return_complex=True,
        )
        return spectrum.real.square().add_(spectrum.imag.square())

    return power


def torch_log_mel(setting: Setting) -> Callable[[Any], Any]:
    """Compute the decibels of PyTorch's mel power, frames as columns."""
    torch, power = library("torch"), torch_power(setting)
    bank = torch.from_numpy(mel_bank(setting.rate, setting.n_fft, setting.n_mels).weights)

    def log_mel(signal: NDArray[np.float32]) -> Any:
        level = torch.log10_(torch.clamp_(bank @ power(signal), min=1e-10)).mul_(10)
        return torch.clamp_(level, min=level.max() - 80)

    return log_mel

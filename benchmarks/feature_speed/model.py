"""What a comparison and its settings are, and how equal its sides must be before timing."""

from __future__ import annotations

import dataclasses
import importlib
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from serenade.features import Framing, mel_bank

if TYPE_CHECKING:
    from collections.abc import Callable

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


def library(name: str) -> Any:
    """Import a peer's module when it is needed.

    Raises:
        ModuleNotFoundError: it is not installed.
    """
    return importlib.import_module(name)


def unchanged(value: Any) -> Any:
    """Return the value itself."""
    return value


def transposed(value: Any) -> NDArray[Any]:
    """Return frames as rows, for a library that has them as columns."""
    return np.asarray(value).T


@dataclasses.dataclass(frozen=True)
class Check:
    """A condition on both sides' values.

    Args:
        measure: how far two matrices `(frames, dims)` are apart, ours first.
        tolerance: how far they may be.
        text: the condition, for the report.
    """

    measure: Callable[[NDArray[Any], NDArray[Any]], float]
    tolerance: float
    text: str


@dataclasses.dataclass(frozen=True)
class Side:
    """One implementation, ready to run.

    Args:
        call: function to measure.
        prepare: a float32 signal to what `call` takes; not timed.
        matrix: what `call` returns to `(frames, dims)`; not timed.
    """

    call: Callable[[Any], Any]
    prepare: Callable[[NDArray[np.float32]], Any] = unchanged
    matrix: Callable[[Any], NDArray[Any]] = unchanged


@dataclasses.dataclass(frozen=True)
class Peer:
    """Another library's way to a feature.

    Args:
        name: in tables.
        build: makes its side; imports the library.
        check: comparison of its values with ours, or the reason why there is none.
    """

    name: str
    build: Callable[[], Side]
    check: Check | str


@dataclasses.dataclass(frozen=True)
class Comparison:
    """One feature at one setting, ours against each peer.

    Args:
        feature: with its setting, in tables.
        rate: of the signals in Hz.
        ours: called on a signal.
        peers: against which.
    """

    feature: str
    rate: int
    ours: Callable[[NDArray[np.float32]], NDArray[Any]]
    peers: tuple[Peer, ...]


def _of_largest(ours: NDArray[Any], theirs: NDArray[Any]) -> float:
    if ours.shape != theirs.shape:
        return math.inf
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


def _of_columns(ours: NDArray[Any], theirs: NDArray[Any], share: float = 1.0) -> float:
    if ours.shape != theirs.shape:
        return math.inf
    size = np.maximum(np.abs(theirs), 1e-2 * np.abs(theirs).max(axis=0) + 1e-9)
    return float(np.quantile(np.abs(ours - theirs) / size, share))


def _of_voiced(ours: NDArray[Any], theirs: NDArray[Any]) -> float:
    count = min(len(ours), len(theirs))
    mine, other = ours[:count, 0], theirs[:count, 0]
    voiced = (mine > 0) & (other > 0)
    return float(np.median(np.abs(mine[voiced] / other[voiced] - 1))) if voiced.any() else 0.0


def equal(tolerance: float) -> Check:
    """Return a check that no value differs by more than a share of the largest."""
    return Check(_of_largest, tolerance, f"equal to {tolerance:g} of the largest")


def equal_by_column(tolerance: float) -> Check:
    """Return a check of values to a share of themselves, or of 1% of the column's largest."""
    return Check(_of_columns, tolerance, f"equal to {tolerance:g} of each")


def mostly_equal_by_column(tolerance: float, share: float, but: str) -> Check:
    """Return `equal_by_column` for a share of the values, without the last column.

    Args:
        tolerance: share of each value.
        share: of the values.
        but: meaning of the last column.
    """

    def measure(ours: NDArray[Any], theirs: NDArray[Any]) -> float:
        return _of_columns(ours[:, :-1], theirs[:, :-1], share)

    return Check(measure, tolerance, f"{share:.0%} equal to {tolerance:g} of each, but for {but}")


def same_pitch(tolerance: float) -> Check:
    """Return a check of the median deviation of F0 over frames that both call voiced."""
    return Check(_of_voiced, tolerance, f"median F0 deviation below {tolerance:.1%}")

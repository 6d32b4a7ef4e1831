"""Hidden states of a self-supervised encoder as a feature."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from serenade.encoders.selfsupervised import _weights_location
from serenade.errors import ModelError
from serenade.features import Feature

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclasses.dataclass(frozen=True)
class SelfSupervised(Feature):
    """Hidden states of TERA, AALBERT or NPC, `(frames, width)`, a frame every 10 ms.

    Takes signals at 16 kHz. The encoder is frozen and runs on the processor, on as many threads as
    PyTorch has.

    Attributes:
        encoder: see `serenade.encoders.selfsupervised._weights_location.locate_weights`.
        layer: of TERA and AALBERT, 0 is the input of the first layer, the last is the output of
            the last. Of NPC, block by block its output and that of its masked convolution,
            and last the sum of the masked ones. None for all states side by side, `(frames,
            states * width)`.

    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from serenade.encoders import npc
    >>> from serenade.encoders.selfsupervised._encoder_folder import save_untrained
    >>> folder = tempfile.mkdtemp()
    >>> save_untrained(Path(folder), npc.PRESETS["small"][0], seed=0)
    >>> npc.make_feature(encoder=folder)(np.sin(np.arange(16000, dtype=np.float32)), 16000).shape
    (98, 320)
    """

    version: ClassVar[int] = 1
    located: ClassVar[tuple[str, ...]] = ("encoder",)
    encoder: str = "tera"
    layer: int | None = -1

    @property
    def states(self) -> int:
        """Return the number of hidden states in a frame."""
        settings, _ = _weights_location.load_weights(self.encoder)
        return len(self._number_states(settings.network.states))

    @property
    def names(self) -> tuple[str, ...]:
        """`tera3_0`, …: encoder, state and unit."""
        settings, _ = _weights_location.load_weights(self.encoder)
        return tuple(
            f"{settings.name}{state}_{unit}"
            for state in self._number_states(settings.network.states)
            for unit in range(settings.network.width)
        )

    def identity(self) -> dict[str, object]:
        """Return the identity of the feature, with a hash of the encoder's content."""
        return super().identity() | {"encoder": _weights_location.fingerprint_weights(self.encoder)}

    def __call__(self, signal: NDArray[np.float32], sampling_rate: int) -> NDArray[np.float32]:
        """Run the encoder.

        Raises:
            SignalFormatError: not a mono signal at 16 kHz.
            TooShortError: less than one frame.
            ModelError: no such encoder or layer.
            MissingExtraError: PyTorch is not installed.
        """
        settings, network = _weights_location.load_weights(self.encoder)
        chosen = self._number_states(settings.network.states)
        values = settings.front(signal, sampling_rate)
        import torch

        with torch.inference_mode():
            states = network.states(torch.from_numpy(values)[None])
            found = torch.cat([states[state][0] for state in chosen], dim=1)
        result: NDArray[np.float32] = found.float().numpy()
        return result

    def _number_states(self, count: int) -> list[int]:
        """Numbers of the states that are taken, counted from the first."""
        states = range(count)
        try:
            return list(states) if self.layer is None else [states[self.layer]]
        except IndexError:
            raise ModelError(
                f"{self.encoder}: has no state {self.layer}; its states are 0 to {count - 1}"
            ) from None

"""`attentive-crnn`: learnt kernels, an LSTM and attention over time (He, Ren & He).

Sparse auto-encoders learn 180 kernels on patches of spectrograms; their maps go through two layers
of 30 memory cells, read both ways, and are averaged over time by attention. This is the paper's
experiment four, and `crnn`, `lld-blstm` and `lld-svm` are the three before it. Published accuracy
on EMO-DB's seven emotions, on a split that is not stated: 0.7797.

As in the paper: 20 ms windows every 10 ms; 60 principal components; 60 kernels of each length, 3, 6
and 10 frames, from a third of the training clips, fixed afterwards; equations 1 to 13; 50% dropout
behind every layer; noise of deviation 0.1; initial weights within 0.1; momentum 0.9; steps of 10
clips.

Not stated in the paper, and read so: spectra are in dB; maps are averaged over windows of 5 frames
and scaled by their mean and deviation over all training clips (the descriptors of experiments 1 and
2: over neutral ones); noise is added to what enters the part trained by labels; the paper's
validation set is a fifth of the training speakers, on which the best of 40 epochs is chosen. Its
context frames are read as the stretch after which the LSTM forgets, `context`; the longest of
`kernels` is the context that a single step has.

Not the paper's: the learning rate, 0.03 for mean losses. With the paper's 1e-6, for losses summed
over 10 clips, the network did not learn (docs/benchmarks/tuning.md).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from serenade.audio import Augmentation
from serenade.features import Feature, Framing, power_spectrogram, power_to_db
from serenade.systems._system import NetworkRecipe, Scaling, System

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

    from serenade.systems._system import Stream, TrainingSet
    from serenade.systems.networks import AttentiveCRNN

HOP = 0.010
"""Distance between frames in seconds."""


@dataclasses.dataclass(frozen=True)
class LogSpectrogram(Feature):
    """Spectrogram in decibels, floored at -100 dB, of centred Hamming windows.

    Args:
        window: length of the windows in seconds; the transform's is the next power of two.
        hop: distance between frames in seconds.
        rate: sampling rate in Hz, which decides the number of columns.

    >>> import numpy as np
    >>> LogSpectrogram()(np.zeros(16000, np.float32), 16000).shape
    (101, 257)
    """

    window: float = 0.020
    hop: float = HOP
    rate: int = 16000

    @property
    def names(self) -> tuple[str, ...]:
        """Return the frequency of each column."""
        framing = self.framing
        step = self.rate / framing.n_fft
        return tuple(f"{number * step:g}_hz" for number in range(framing.bins))

    def __call__(self, signal: NDArray[np.float32], sampling_rate: int) -> NDArray[np.float32]:
        """Compute decibels, shape `(1 + samples // hop, bins)`.

        Raises:
            ValueError: the signal is not at `rate`.
        """
        if sampling_rate != self.rate:
            raise ValueError(f"made for {self.rate} Hz, got {sampling_rate}")
        return power_to_db(power_spectrogram(signal, self.framing), top_db=None)

    @property
    def framing(self) -> Framing:
        """Return length, distance and window of the frames."""
        length = 2 * round(self.rate * self.window / 2)
        n_fft = 1 << (length - 1).bit_length()
        return Framing(n_fft, round(self.rate * self.hop), length, "hamming")


@dataclasses.dataclass(frozen=True, kw_only=True)
class RecurrentRecipe(NetworkRecipe):
    """Settings that experiments two to four share, in addition to those of `NetworkRecipe`.

    Args:
        window: frames averaged into one step of the LSTM.
        context: frames after which the state of the LSTM is reset; 0 for never.
        cells: cells of the LSTM, in each layer and direction.
        layers: layers of the LSTM.
        bidirectional: whether the LSTM reads both ways.
        pooling: pooling over time: by attention, the mean, or the last output of each direction.
        dropout: probability of dropout behind every layer.
        noise: deviation of the noise that is added to scaled inputs in training.
        speed: probability that an augmented copy is played at another speed.
    """

    epochs: int = 40
    batch: int = 10
    optimiser: str = "sgd"
    learning_rate: float = 0.03
    momentum: float = 0.9
    holdout: float = 0.2
    window: int = 5
    context: int = 0
    cells: int = 128
    layers: int = 1
    bidirectional: bool = True
    pooling: Literal["attention", "mean", "last"] = "mean"
    dropout: float = 0.5
    noise: float = 0.1
    speed: float = 1.0

    @property
    def step_seconds(self) -> float:
        """Return the distance between steps of the LSTM in seconds."""
        return self.window * HOP


@dataclasses.dataclass(frozen=True, kw_only=True)
class CRNNRecipe(RecurrentRecipe):
    """Settings of experiments three and four, in addition to those of `RecurrentRecipe`.

    Args:
        channels: principal components of a frame.
        kernels: lengths of the kernels in frames.
        units: kernels of each length.
        share: share of the training clips that patches are drawn from.
        patches: patches for each length.
        coder_steps: training steps of each auto-encoder.
        sparsity: ρ of equation 3.
        penalty: µ of equation 3.
        trained: whether the kernels are also trained with the network; the paper's are not.
    """

    scaling: Scaling | tuple[Scaling, ...] = "global"
    channels: int = 60
    kernels: tuple[int, ...] = (3, 6, 10)
    units: int = 60
    share: float = 1 / 3
    patches: int = 5000
    coder_steps: int = 100
    sparsity: float = 0.05
    penalty: float = 3.0
    trained: bool = False


class RecurrentSystem(System):
    """Base of experiments two to four: the augmentation, and the network behind a front."""

    def augmentation(self, recipe: RecurrentRecipe) -> Augmentation:
        """Return other speeds, filtering and noise, for recipes with copies."""
        return Augmentation(speed=recipe.speed, filtering=0.3, noise=0.3)

    def build_network(
        self, recipe: RecurrentRecipe, data: TrainingSet, front: nn.Module, hidden: int = 0
    ) -> AttentiveCRNN:
        """Build the network behind a front.

        Args:
            recipe: recipe of experiments two to four.
            data: sizes of the training clips.
            front: module that turns frames into steps of the LSTM.
            hidden: units of a dense layer before the LSTM; 0 for none.
        """
        from serenade.systems.networks import AttentiveCRNN, Recurrence

        recurrence = Recurrence(
            hidden or int(front.outputs),  # type: ignore[arg-type]
            recipe.cells,
            layers=recipe.layers,
            bidirectional=recipe.bidirectional,
            dropout=recipe.dropout,
            context=-(-recipe.context // recipe.window),
        )
        return AttentiveCRNN(
            front,
            recurrence,
            len(data.classes),
            hidden=hidden,
            dropout=recipe.dropout,
            noise=recipe.noise,
            pooling=recipe.pooling,
        )


class AttentiveCRNNSystem(RecurrentSystem):
    """Kernels of sparse auto-encoders, an LSTM and attention over time."""

    name = "attentive-crnn"
    title = "sparse auto-encoders' kernels, a bidirectional LSTM, attention over time"
    source = "He, Ren & He, experiment four"
    recipes: ClassVar = {
        "default": CRNNRecipe(cells=30, layers=2, pooling="attention"),
        # For unseen speakers; docs/benchmarks/tuning.md says how it was chosen.
        "tuned": CRNNRecipe(
            copies=2,
            balance=1.0,
            epochs=25,
            optimiser="adamw",
            learning_rate=1e-3,
            weight_decay=1e-2,
            schedule="cosine",
            smoothing=0.1,
            holdout=0.0,
            cells=64,
            pooling="attention",
            trained=True,
        ),
    }

    def features(self, recipe: CRNNRecipe) -> tuple[Stream, ...]:
        """Return the spectrogram in decibels."""
        return (LogSpectrogram(),)

    def network(self, recipe: CRNNRecipe, data: TrainingSet) -> Any:
        """Build the network, its kernels learnt from the training clips."""
        from serenade.systems.networks import SparseConvolution

        front = SparseConvolution(
            data.dims,
            channels=recipe.channels,
            kernels=recipe.kernels,
            units=recipe.units,
            window=recipe.window,
            trained=recipe.trained,
        ).pretrain(
            data.streams[0],
            share=recipe.share,
            patches=recipe.patches,
            steps=recipe.coder_steps,
            sparsity=recipe.sparsity,
            penalty=recipe.penalty,
            seed=data.seed,
        )
        return self.build_network(recipe, data, front)


SYSTEM = AttentiveCRNNSystem()


class CRNNSystem(AttentiveCRNNSystem):
    """`attentive-crnn` before attention, experiment three of the paper.

    128 memory cells over the maps of the kernels.

    Not stated in the paper, and read so: outputs are averaged over time with equal weights;
    `pooling=last` takes the last output instead.
    """

    name = "crnn"
    title = "sparse auto-encoders' kernels and a bidirectional LSTM, without attention"
    source = "He, Ren & He, experiment three"
    recipes: ClassVar = {"default": CRNNRecipe(cells=128, pooling="mean")}


CRNN = CRNNSystem()

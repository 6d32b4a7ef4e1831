"""Build one ONNX graph of a model, from the signal to the probabilities.

The NumPy code of a feature is repeated as nodes: framing and Fourier transform are one convolution
with windowed cosines and sines, filters and cosine transform are matrix products. This works for
spectral features and Whisper's states, but not for pitch, glottal cycles and openSMILE's sets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from serenade.audio import ACTIVITY_DROP, ACTIVITY_FRAME, ACTIVITY_HOP, ACTIVITY_MARGIN
from serenade.encoders import (
    WHISPER_PEAK,
    WHISPER_RATE,
    WHISPER_SHORTEST,
    count_layers,
    get_encoder_properties,
)
from serenade.errors import SerenadeError
from serenade.features import (
    PREEMPHASIS,
    WHISPER_FRAMING,
    Framing,
    dct_matrix,
    kaldi_bank,
    mel_bank,
    window_function,
)
from serenade.runtime import ROUND, Graph
from serenade.systems import feature_to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from serenade.encoders import WhisperPooled, WhisperStates
    from serenade.features import MFCC40, Feature, KaldiFbank, LogMel
    from serenade.inference._model_folder import Folder

SIGNAL = "signal"
"""Name of the graph's input, `(samples,)`."""

_LEVEL = 10 / np.log(10)
# Parameters of `serenade.audio.find_active_part` in samples.
_LENGTH, _HOP, _MARGIN = (
    round(seconds * WHISPER_RATE) for seconds in (ACTIVITY_FRAME, ACTIVITY_HOP, ACTIVITY_MARGIN)
)


def build_signal_graph(folder: Folder, head: Any, encoders: Mapping[str, Any]) -> Any:
    """Build the graph of a model folder with its features inside.

    Args:
        folder: model folder.
        head: ONNX model of the folder's head.
        encoders: ONNX models by the name of the encoder in the features.

    Returns:
        An ONNX model from `signal` to `probabilities`, `(1, classes)`, or `values`. Its metadata
        contain `sampling_rate`, `labels` and `shortest`, the least number of samples.

    Raises:
        SerenadeError: a feature cannot be part of a graph.
    """
    graph = _FeatureGraph(folder.sampling_rate, encoders)
    known = {feature: graph.frames(feature) for feature in folder.features}
    streams = [known[feature] for feature in folder.features]
    taken = [each.name for each in head.graph.input]
    if taken == ["features"]:
        inputs = {"features": graph.add_node("Concat", *streams, axis=1)}
    else:
        inputs = {}
        for place, frames in enumerate(streams):
            inputs[f"values_{place}"] = graph.add_axis(frames)
            inputs[f"mask_{place}"] = graph.add_ones(frames)
    (result,) = graph.include(head, "head_", {name: inputs[name] for name in taken})
    graph.name_output(result, folder.output)
    facts = {
        "sampling_rate": folder.sampling_rate,
        "labels": ",".join(folder.answers),
        "shortest": graph.shortest,
    }
    outputs: dict[str, list[int | str]] = {folder.output: [1, len(folder.answers)]}
    return graph.build_model(f"signal-to-{folder.output}", {SIGNAL: ["samples"]}, outputs, facts)


class _FeatureGraph(Graph):
    """Graph of features `(frames, dims)` of `signal`; methods return the name of their result."""

    def __init__(self, rate: int, encoders: Mapping[str, Any]) -> None:
        super().__init__()
        self.rate = rate
        self.encoders = encoders
        self.shortest = 1

    def frames(self, feature: Feature) -> str:
        kinds: dict[str, Callable[[Any], str]] = {
            "kaldi-fbank": self._kaldi,
            "log-mel": self._log_mel,
            "log-spectrogram": self._log_spectrogram,
            "mfcc40": self._mfcc,
            "whisper-pooled": self._pooled,
            "whisper-states": self._states,
        }
        name = feature_to_json(feature)["name"]
        if name not in kinds:
            raise SerenadeError(
                f"{type(feature).__name__}: cannot be part of an ONNX graph; export without "
                "--features-inside"
            )
        return kinds[name](feature)

    def _pad(self, values: str, left: int, right: int, mode: str = "constant") -> str:
        """Pad the last of three axes on both sides."""
        if not left and not right:
            return values
        return self.add_node(
            "Pad", values, self.add_array([0, 0, left, 0, 0, right], np.int64), mode=mode
        )

    def _power(self, signal: str, framing: Framing) -> str:
        """Compute |STFT|² `(1, bins, frames)` of a signal `(samples,)`."""
        half = framing.n_fft // 2 if framing.center else 0
        left = (framing.n_fft - framing.length) // 2
        right = framing.n_fft - framing.length - left
        image = self.add_node("Reshape", signal, self.add_array([1, 1, -1], np.int64))
        # Padding that the zeros of the window would hide is left out.
        padded = self._pad(image, max(0, half - left), max(0, half - right), framing.pad_mode)
        window = window_function(framing.window, framing.length).astype(np.float64)
        return self._project(padded, np.diag(window), framing.n_fft, framing.hop_length)

    def _project(self, signal: str, shaping: NDArray[np.float64], n_fft: int, hop: int) -> str:
        """Compute the power `(1, bins, frames)` of frames that are multiplied by a matrix."""
        bins = n_fft // 2 + 1
        angles = 2 * np.pi / n_fft * np.outer(np.arange(bins), np.arange(len(shaping)))
        kernels = np.concatenate([np.cos(angles) @ shaping, np.sin(angles) @ shaping])
        parts = self.add_node("Conv", signal, self.add_array(kernels[:, None]), strides=[hop])
        squares = self.add_node("Mul", parts, parts)
        real, imaginary = (
            self.add_slice(squares, start, start + bins, axis=1) for start in (0, bins)
        )
        return self.add_node("Add", real, imaginary)

    def _filter(self, power: str, weights: NDArray[Any]) -> str:
        return self.add_node("MatMul", self.add_array(weights), power)

    def _log(self, power: str, factor: float, floor: float) -> str:
        level = self.add_node("Log", self.add_node("Max", power, self.add_array(floor)))
        return level if factor == 1 else self.add_node("Mul", level, self.add_array(factor))

    def _raise_floor(self, level: str, below: float) -> str:
        """Raise values to a floor that lies a distance below the largest."""
        least = self.add_node(
            "Sub", self.add_node("ReduceMax", level, keepdims=0), self.add_array(below)
        )
        return self.add_node("Max", level, least)

    def _rows(self, image: str) -> str:
        """Transpose `(1, dims, frames)` to `(frames, dims)`."""
        turned = self.add_node("Transpose", image, perm=[0, 2, 1])
        return self.add_node("Squeeze", turned, self.add_array([0], np.int64))

    def _log_mel(self, feature: LogMel) -> str:
        framing = Framing(round(feature.window * self.rate), round(feature.hop * self.rate))
        bank = mel_bank(
            self.rate,
            framing.n_fft,
            feature.n_mels,
            fmin=feature.fmin,
            fmax=feature.fmax,
            scale=feature.scale,
        )
        power = self._power(self._cut_part(feature), framing)
        level = self._log(self._filter(power, bank.weights), _LEVEL, 1e-10)
        return self._rows(
            level if feature.top_db is None else self._raise_floor(level, feature.top_db)
        )

    def _log_spectrogram(self, feature: Any) -> str:
        return self._rows(self._log(self._power(SIGNAL, feature.framing), _LEVEL, 1e-10))

    def _cut_part(self, feature: LogMel | MFCC40) -> str:
        """Cut the part of the signal that a feature takes."""
        start = round(feature.offset * self.rate)
        if feature.duration is not None:
            size = round(feature.duration * self.rate)
            longer = self.add_node("Pad", SIGNAL, self.add_array([0, start + size], np.int64))
            return self.add_slice(longer, start, start + size)
        if not start:
            return SIGNAL
        self.shortest = max(self.shortest, start + 1)
        return self.add_slice(SIGNAL, start, np.iinfo(np.int64).max)

    def _mfcc(self, feature: MFCC40) -> str:
        framing = Framing(
            feature.n_fft, feature.hop_length, feature.win_length, feature.window_shape
        )
        bank = mel_bank(self.rate, feature.n_fft, feature.n_mels)
        power = self._filter(self._power(self._cut_part(feature), framing), bank.weights)
        level = self._raise_floor(self._log(power, _LEVEL, 1e-10), 80.0)
        return self._rows(self._filter(level, dct_matrix(feature.n_mels, feature.n_mfcc).T))

    def _kaldi(self, feature: KaldiFbank) -> str:
        length, hop = int(self.rate * feature.window), int(self.rate * feature.hop)
        n_fft = 1 << (length - 1).bit_length()
        self.shortest = max(self.shortest, length)
        # Mean removal, pre-emphasis and window are linear in the frame, so one matrix does all.
        rate = float(PREEMPHASIS)
        emphasis = np.eye(length) - rate * np.eye(length, k=-1) - (1 - rate) / length
        window = window_function("povey", length).astype(np.float64)
        image = self.add_node("Reshape", SIGNAL, self.add_array([1, 1, -1], np.int64))
        power = self._project(image, window[:, None] * emphasis, n_fft, hop)
        bank = kaldi_bank(self.rate, n_fft, feature.n_mels)
        parts = [self._log(self._filter(power, bank.weights), 1, float(np.finfo(np.float32).eps))]
        for _ in range(feature.delta_order):
            parts.append(self._deltas(parts[-1]))
        return self._rows(self.add_node("Concat", *parts, axis=1))

    def _deltas(self, image: str) -> str:
        """Compute `regression_deltas` over two frames on each side, of `(1, dims, frames)`."""
        columns = self.add_node("Transpose", self._pad(image, 2, 2, "edge"), perm=[1, 0, 2])
        kernel = self.add_array(np.arange(-2, 3)[None, None] / 10)
        return self.add_node("Transpose", self.add_node("Conv", columns, kernel), perm=[1, 0, 2])

    def _pooled(self, feature: WhisperPooled) -> str:
        pooled = self._encode(feature, "pooled")
        layers = self.add_array(count_layers(feature.encoder, feature.layers), np.int64)
        chosen = self.add_node("Gather", pooled, layers, axis=1)
        if not feature.deviation:
            chosen = self.add_slice(chosen, 0, 1, axis=2)
        return self.add_node("Reshape", chosen, self.add_array([1, -1], np.int64))

    def _states(self, feature: WhisperStates) -> str:
        layers = self.add_array(feature.layers, np.int64)
        chosen = self.add_node("Gather", self._encode(feature, "states"), layers, axis=0)
        steps = self.add_node(
            "Transpose", chosen, perm=[2, 1, 0, 3]
        )  # from (layers, 1, steps, width)
        width = len(feature.names)
        return self.add_node("Reshape", steps, self.add_array([-1, width], np.int64))

    def _encode(self, feature: WhisperPooled | WhisperStates, output: str) -> str:
        """Compute an output of the encoder for the part of the signal that a feature takes."""
        self.shortest = max(self.shortest, WHISPER_SHORTEST)
        signal = self._cut_active_part() if feature.trim else SIGNAL
        loudest = self.add_node("ReduceMax", self.add_node("Abs", signal), keepdims=0)
        gain = self.add_node(
            "Div", self.add_array(WHISPER_PEAK), self.add_node("Max", loudest, self.add_array(1e-9))
        )
        power = self._power(self.add_node("Mul", signal, gain), WHISPER_FRAMING)
        power = self.add_slice(power, 0, -1, axis=2)  # Whisper drops the last frame
        bank = mel_bank(
            WHISPER_RATE,
            WHISPER_FRAMING.n_fft,
            get_encoder_properties(feature.encoder)["mels"],
            fmax=8000.0,
        )
        level = self._log(self._filter(power, bank.weights), 1 / np.log(10), 1e-10)
        level = self._raise_floor(level, 8.0)
        scaled = self.add_node(
            "Mul", self.add_node("Add", level, self.add_array(4.0)), self.add_array(0.25)
        )
        mel = self._raise_floor(scaled, feature.dynamic_range / 4)
        return self._run_encoder(feature.encoder, mel, output)

    def _run_encoder(self, encoder: str, mel: str, output: str) -> str:
        """Run the encoder on an image of any length, in parts of equal length of up to 30 s."""
        facts = get_encoder_properties(encoder)
        longest = 2 * facts["steps"]
        frames = self.add_node("Shape", mel, start=2, end=3)
        more = self.add_node("Add", frames, self.add_array([longest - 1], np.int64))
        count = self.add_node("Div", more, self.add_array([longest], np.int64))
        size, rest = (self.add_node(kind, frames, count) for kind in ("Div", "Mod"))
        body = Graph(f"part_{len(self.nodes)}_")
        ends = []
        for later in (0, 1):
            number = body.add_node("Add", ROUND, body.add_array([later], np.int64))
            longer = body.add_node("Min", number, rest)  # the first parts have one frame more
            ends.append(body.add_node("Add", body.add_node("Mul", number, size), longer))
        first, last = ends
        part = body.add_slice(mel, first, last, axis=2)
        body.include(self.encoders[encoder], body.prefix, {"mel": part})
        name = body.prefix + output
        if output == "pooled":
            return self._pool_parts(self.add_loop(body, count, stacked=name), count, size, rest)
        empty = self.add_array(np.zeros((facts["states"], 1, 0, facts["width"])))
        before, after = f"{body.prefix}before", f"{body.prefix}after"
        joined = body.add_node("Concat", before, name, axis=2)
        body.name_output(joined, after)
        return self.add_loop(body, count, (before, empty, after))

    def _pool_parts(self, parts: str, count: str, size: str, rest: str) -> str:
        """Join means and deviations `(parts, 1, states, 2, width)` as `pool_parts` does."""
        whole = self.add_array([0], np.int64), self.add_array([1], np.int64)
        first, last = (self.add_node("Squeeze", each) for each in (whole[0], count))
        numbers = self.add_node("Range", first, last, self.add_node("Squeeze", whole[1]))
        longer = self.add_node("Cast", self.add_node("Less", numbers, rest), to=7)
        frames = self.add_node("Add", size, longer)
        # The encoder takes a step for each two frames.
        even = self.add_node("Add", frames, whole[1])
        steps = self.add_node("Div", even, self.add_array([2], np.int64))
        weights = self.add_node("Cast", steps, to=1)
        shares = self.add_node("Div", weights, self.add_node("ReduceSum", weights))
        column = self.add_node("Reshape", shares, self.add_array([-1, 1, 1, 1, 1], np.int64))
        mean, deviation = (self.add_slice(parts, each, each + 1, axis=3) for each in (0, 1))

        def average(values: str) -> str:
            return self.add_node("ReduceSum", self.add_node("Mul", values, column), whole[0])

        overall = average(mean)
        offset = self.add_node("Sub", mean, overall)
        squares = [self.add_node("Mul", part, part) for part in (deviation, offset)]
        spread = self.add_node("Sqrt", average(self.add_node("Add", *squares)))
        pooled = self.add_node("Concat", overall, spread, axis=3)
        return self.add_node("Squeeze", pooled, whole[0])

    def _cut_active_part(self) -> str:
        """Cut the part of the signal that `serenade.audio.find_active_part` finds."""
        wide = self.add_node("Cast", SIGNAL, to=self.onnx.TensorProto.DOUBLE)
        squares = self.add_node("Mul", wide, wide)
        zero = self.add_array(0, np.int64)
        total = self.add_node("CumSum", squares, zero)
        total = self.add_node("Concat", self.add_array([0.0], np.float64), total, axis=0)
        before = self.add_slice(total, 0, -_LENGTH, step=_HOP)
        until = self.add_slice(total, _LENGTH, np.iinfo(np.int64).max, step=_HOP)
        energy = self.add_node("Sub", until, before)
        size = self.add_node("Shape", energy)
        ordered = self.add_sorting(energy, size)
        # The 95th percentile, interpolated between two of the sorted values.
        last = self.add_node("Sub", size, self.add_array([1], np.int64))
        last = self.add_node("Cast", last, to=11)
        place = self.add_node("Mul", last, self.add_array([0.95], np.float64))
        whole = self.add_node("Floor", place)
        below = self.add_node("Cast", whole, to=7)
        above = self.add_node("Cast", self.add_node("Ceil", place), to=7)
        low, high = (self.add_node("Gather", ordered, each) for each in (below, above))
        share = self.add_node("Sub", place, whole)
        step = self.add_node("Mul", self.add_node("Sub", high, low), share)
        power = self.add_node("Add", low, step)
        threshold = self.add_node(
            "Mul", power, self.add_array([10 ** (-ACTIVITY_DROP / 10)], np.float64)
        )
        # As int32, because older versions of onnxruntime have no ArgMax of int64.
        active = self.add_node("Cast", self.add_node("Greater", energy, threshold), to=6)
        first = self.add_node("ArgMax", active, axis=0, keepdims=1)
        final = self.add_node("ArgMax", active, axis=0, keepdims=1, select_last_index=1)
        start = self._frame_to_sample(first, -_MARGIN)
        start = self.add_node("Max", start, self.add_array([0], np.int64))
        # Without active frames all frames are equal, and the result is the whole signal.
        end = self._frame_to_sample(final, _LENGTH + _MARGIN)
        return self.add_slice(
            SIGNAL, start, self.add_node("Min", end, self.add_node("Shape", SIGNAL))
        )

    def _frame_to_sample(self, frame: str, offset: int) -> str:
        """Compute the first sample of a frame plus an offset."""
        samples = self.add_node("Mul", frame, self.add_array([_HOP], np.int64))
        return self.add_node("Add", samples, self.add_array([offset], np.int64))

"""Export fitted networks to ONNX: scaling, network and probabilities in one graph."""

from __future__ import annotations

import copy
import itertools
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from serenade.runtime import OPSET
from serenade.systems import SMALLEST_DEVIATION
from serenade.training._batches import pad
from serenade.training._ensemble import list_members, pick_streams

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from serenade.training._clips import Streams
    from serenade.training._ensemble import Ensemble
    from serenade.training._network_learner import NetworkLearner
    from serenade.training._scaling import Scaler

    Member = tuple[NetworkLearner, Sequence[int]]


class Scaling(nn.Module):
    """Module that applies a fitted `Scaler` to padded clips; padding becomes zero.

    Args:
        scaler: fitted scaler.
    """

    def __init__(self, scaler: Scaler) -> None:
        super().__init__()
        self.mode = scaler.mode
        self.mean: Tensor
        self.deviation: Tensor
        self.register_buffer("mean", torch.from_numpy(scaler.mean))
        self.register_buffer("deviation", torch.from_numpy(scaler.deviation))

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """Scale `(clips, frames, dims)` with the mask `(clips, frames)`."""
        if self.mode == "none":
            return values
        real = mask[..., None].to(torch.float64)
        # Double precision, as in the scaler: columns may lie far from zero.
        wide = values.double()
        if self.mode == "clip":
            count = real.sum(dim=1, keepdim=True)
            centred = (wide - (wide * real).sum(dim=1, keepdim=True) / count) * real
            deviation = (centred.square().sum(dim=1, keepdim=True) / count).sqrt()
            return (centred / deviation.clamp(min=SMALLEST_DEVIATION)).float()
        return ((wide - self.mean) / self.deviation * real).float()


class Head(nn.Module):
    """Module from streams and masks to calibrated probabilities, or to values.

    Args:
        parts: networks and the positions of their streams; see `list_members`.
        columns: columns of their logits, in the order of the probabilities.
        temperature: divides the logarithm of the posteriors.
    """

    def __init__(self, parts: Sequence[Member], columns: list[int], temperature: float) -> None:
        super().__init__()
        self.networks = nn.ModuleList([_copy_network(learner) for learner, _ in parts])
        self.scalings = nn.ModuleList(
            [nn.ModuleList(map(Scaling, learner.scalers)) for learner, _ in parts]
        )
        self.places = [places for _, places in parts]
        self.columns: Tensor
        self.register_buffer("columns", torch.tensor(columns))
        self.temperature = temperature
        self.values = parts[0][0].values
        self.centre: Tensor
        self.spread: Tensor
        for name in ("centre", "spread"):
            scale = [torch.from_numpy(getattr(learner, name)).float() for learner, _ in parts]
            self.register_buffer(name, torch.stack(scale))

    def forward(self, *streams: Tensor) -> Tensor:
        """Compute probabilities, `(clips, classes)`, from values and mask of each stream.

        Networks of values give means of their values, `(clips, targets)`.
        """
        pairs = list(zip(streams[::2], streams[1::2], strict=True))
        found = []
        for network, scalings, places in zip(
            self.networks, self.scalings, self.places, strict=True
        ):
            scaled = [
                part
                for scaling, place in zip(scalings, places, strict=True)  # type: ignore[call-overload]
                for part in (scaling(*pairs[place]), pairs[place][1])
            ]
            found.append(network(*scaled))
        if self.values:
            parts = torch.stack(found) * self.spread[:, None] + self.centre[:, None]
            return parts.mean(dim=0).index_select(1, self.columns)
        found = [logits.log_softmax(dim=1) for logits in found]
        # The sum is enough for a mean: softmax removes the constant.
        posteriors = torch.stack(found).logsumexp(dim=0).index_select(1, self.columns)
        probabilities: Tensor = (posteriors / self.temperature).softmax(dim=1)
        return probabilities


def list_inputs(streams: int) -> list[str]:
    """Return the names of the graph's inputs.

    >>> list_inputs(2)
    ['values_0', 'mask_0', 'values_1', 'mask_1']
    """
    return [f"{kind}_{stream}" for stream in range(streams) for kind in ("values", "mask")]


def export_network(
    learner: NetworkLearner | Ensemble, columns: list[int], temperature: float
) -> bytes:
    """Export a fitted network, or an average of several, as an ONNX model with scaling and softmax.

    Dropout and noise are off. Numbers of clips and frames are open, so that a clip has the same
    result in a padded batch and alone.

    Args:
        learner: fitted learner.
        columns: columns of its posteriors, in the order of the probabilities.
        temperature: divides the logits.
    """
    head = Head(list_members(learner), columns, temperature).eval()
    names = list_inputs(len(learner.examples))
    with (
        warnings.catch_warnings(),
        torch.no_grad(),
        tempfile.TemporaryDirectory() as scratch,
    ):
        file = Path(scratch) / "head.onnx"
        # The exporter warns of values that it takes as constant; `measure_difference` checks them.
        warnings.simplefilter("ignore")
        # The tracing exporter: the newer one fixes the number of steps of an LSTM.
        torch.onnx.export(
            head,
            tuple(itertools.chain.from_iterable(map(pad, learner.examples))),
            file,
            dynamo=False,
            input_names=names,
            output_names=["values" if head.values else "probabilities"],
            opset_version=OPSET,
            dynamic_axes={name: {0: "clips", 1: f"frames{name[-2:]}"} for name in names},
        )
        return file.read_bytes()


def make_trials(
    learner: NetworkLearner | Ensemble,
) -> Iterator[tuple[dict[str, Any], NDArray[np.float64]]]:
    """Yield inputs of a graph and PyTorch's own posteriors, or values, of them.

    The inputs are each of the learner's examples alone, then all of them in one padded batch.
    """
    networks = [(_copy_network(each), each, places) for each, places in list_members(learner)]
    count = len(learner.examples[0])
    for rows in [*([row] for row in range(count)), list(range(count))]:
        streams: Streams = tuple([part[row] for row in rows] for part in learner.examples)
        found = []
        for network, each, places in networks:
            padded = map(pad, each.scale(pick_streams(streams, places)))
            with torch.no_grad():
                logits = network(*itertools.chain.from_iterable(padded))
            if each.values:
                scale = torch.from_numpy(each.spread), torch.from_numpy(each.centre)
                found.append(logits.double() * scale[0] + scale[1])
            else:
                found.append(logits.double().softmax(dim=1))
        tensors = itertools.chain.from_iterable(map(pad, streams))
        names = list_inputs(len(streams))
        yield (
            {name: tensor.numpy() for name, tensor in zip(names, tensors, strict=True)},
            torch.stack(found).mean(dim=0).numpy(),
        )


def _copy_network(learner: NetworkLearner) -> nn.Module:
    """Copy a fitted network for evaluation."""
    network: nn.Module = copy.deepcopy(learner.classifier.module_).cpu().eval()
    return network

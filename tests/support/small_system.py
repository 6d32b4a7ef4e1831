"""A system with a small network: a convolution, dropout, a mean over time."""

from typing import ClassVar

import torch

from serenade.features import MFCC40
from serenade.systems import NetworkRecipe, System
from serenade.systems.networks._layers import Dropout, masked_mean


class Small(torch.nn.Module):
    """Small network."""

    def __init__(self, dims, classes):
        super().__init__()
        self.convolution = torch.nn.Conv1d(dims, 8, 3, padding=1)
        self.dropout = Dropout(0.2)
        self.output = torch.nn.Linear(8, classes)

    def forward(self, values, mask):
        seen = self.convolution(values.transpose(1, 2)).relu().transpose(1, 2)
        return self.output(masked_mean(self.dropout(seen), mask))


class SmallSystem(System):
    """System of the small network."""

    name = "small"
    recipes: ClassVar = {"default": NetworkRecipe()}

    def features(self, recipe):  # noqa: ARG002
        return (MFCC40(),)

    def network(self, recipe, data):  # noqa: ARG002
        return Small(data.dims, len(data.classes))

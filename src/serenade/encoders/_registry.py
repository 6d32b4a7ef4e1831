"""Find an encoder by its name."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from serenade._registry import Registry
from serenade.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable

    from serenade.features import Feature, TextFeature


@dataclasses.dataclass(frozen=True)
class Encoder:
    """Description of a pre-trained encoder, and the function that makes its feature.

    Args:
        title: its input and its method.
        source: publication.
        size: number of parameters, and where the weights come from.
        licence: of the weights.
        build: makes the feature that a system uses; its arguments are the feature's settings.
    """

    title: str
    source: str
    size: str
    licence: str
    build: Callable[..., Feature | TextFeature]

    def __str__(self) -> str:
        """Return the description on one line."""
        return f"{self.title} ({self.source}): {self.size}; {self.licence}"


_REGISTRY = Registry("encoder", "serenade.encoders", "ENCODER", ModelError)


def names() -> tuple[str, ...]:
    """Return the names of the encoders whose weights are available.

    >>> names()
    ('aalbert', 'albert-base-v2', 'glove-6b-50d', 'npc', 'tera', 'whisper-base')
    """
    return _REGISTRY.names()


def describe(name: str) -> Encoder:
    """Return the description of an encoder: title, source, size and licence.

    Raises:
        ModelError: no encoder has this name.

    >>> describe("whisper-base").licence
    'MIT'
    """
    encoder: Encoder = _REGISTRY.get(name)
    return encoder


def get(name: str, **settings: Any) -> Feature | TextFeature:
    """Return the feature that an encoder computes.

    Args:
        name: one of `names()`.
        settings: settings of the feature, such as `layer`.

    Raises:
        ModelError: no encoder has this name, or no setting of this name exists.

    >>> get("tera", layer=1)
    SelfSupervised(encoder='tera', layer=1)
    """
    build = describe(name).build
    try:
        return build(**settings)
    except TypeError as error:
        raise ModelError(f"{name}: {error}; give settings that the feature has") from None

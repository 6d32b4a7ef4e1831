"""Results of a Speech2Vec run: vectors of words, and the network that computes them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from serenade._atomic import write_atomically
from serenade.encoders._word_vectors import WordVectors
from serenade.encoders.speech2vec._speech2vec_network import Speech2Vec, build_speech2vec
from serenade.encoders.speech2vec._speech2vec_settings import Speech2VecSettings
from serenade.errors import ModelError

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from numpy.typing import NDArray


def average_instances(words: Sequence[str], encodings: NDArray[np.float32]) -> WordVectors:
    """Average the vectors of the spoken instances of each word.

    Args:
        words: the word of each instance.
        encodings: their vectors, `(instances, size)`.

    Returns:
        Each word once, the most frequent first.

    >>> found = average_instances(["no", "yes", "no"], np.array([[0.0], [5.0], [2.0]], np.float32))
    >>> found.words, found.matrix.tolist()
    (('no', 'yes'), [[1.0], [5.0]])
    """
    listed, places, counts = np.unique(words, return_inverse=True, return_counts=True)
    sums = np.zeros((len(listed), encodings.shape[1]))
    np.add.at(sums, places, encodings)
    order = np.argsort(-counts, kind="stable")
    means = (sums / counts[:, None]).astype(np.float32)
    return WordVectors([str(word) for word in listed[order]], means[order])


def save_speech2vec(
    network: Speech2Vec, settings: Speech2VecSettings, path: str | os.PathLike[str]
) -> None:
    """Write the network and its settings to a safetensors file in one step."""
    from safetensors.torch import save as to_bytes

    weights = {name: w.detach().cpu().contiguous() for name, w in network.state_dict().items()}
    stated = {"speech2vec": json.dumps(settings.to_json())}
    write_atomically(path, to_bytes(weights, metadata=stated))


def load_speech2vec(path: str | os.PathLike[str]) -> tuple[Speech2Vec, Speech2VecSettings]:
    """Read what `save_speech2vec` wrote.

    Raises:
        ModelError: no such file, a damaged one, or one of something else.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), "pt") as file:
            stated = json.loads((file.metadata() or {})["speech2vec"])
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
        settings = Speech2VecSettings.from_json(stated, str(path))
        network = build_speech2vec(settings)
        network.load_state_dict(weights)
    except (OSError, SafetensorError, KeyError, ValueError, RuntimeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(
            f"{path}: not a network of Speech2Vec ({reason}); train one with serenade speech2vec"
        ) from None
    return network.eval(), settings

"""Extract a feature of many texts through the cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

from serenade.extraction._cache import Cache, make_text_key
from serenade.features import to_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from serenade.features import TextFeature

_AT_ONCE = 512  # texts computed between two writes to the cache


def extract_texts(
    texts: Sequence[object], feature: TextFeature, *, cache: Cache | None = None
) -> list[NDArray[np.float32]]:
    """Extract a feature from each text in order; equal texts are computed once.

    Args:
        texts: cells of a table; missing cells count as empty texts.
        feature: feature to extract.
        cache: cache of the results; None for the user's cache.

    Returns:
        Matrices `(tokens, dims)`, float32.

    Raises:
        ModelError: the feature's model cannot be used.
    """
    cache = Cache() if cache is None else cache
    identity = feature.identity()
    keys = {text: make_text_key(text, identity) for text in map(to_text, texts)}
    found = {
        text: matrix
        for text, key in keys.items()
        if key is not None and (matrix := cache.get(key)) is not None
    }
    missing = [text for text in keys if text not in found]
    for start in range(0, len(missing), _AT_ONCE):
        part = missing[start : start + _AT_ONCE]
        for text, matrix in zip(part, feature.batch(part), strict=True):
            if (key := keys[text]) is not None:
                cache.put(key, matrix)
            found[text] = matrix
    return [found[to_text(text)] for text in texts]

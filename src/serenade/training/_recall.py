"""Mean recall over classes: unweighted accuracy, UA."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def compute_mean_recall(reference: NDArray[Any], predicted: NDArray[Any]) -> float:
    """Compute the mean of the recalls of all classes that occur in the reference.

    Args:
        reference: true class of each clip.
        predicted: predicted class of each clip.

    >>> compute_mean_recall(np.array(["a", "a", "b"]), np.array(["a", "b", "b"]))
    0.75
    """
    recalls = [np.mean(predicted[reference == label] == label) for label in np.unique(reference)]
    return float(np.mean(recalls))

r"""A generative model of places, and adaptation to the place of some recordings.

In the space of contrasts, a recording i of class c in a place has the vector

    x_i = m_c + b + e_i,    b ~ N(0, B),    e_i ~ N(0, W).

m_c, B and W are estimated on training speakers by heads that did not hear them. For n recordings of
one place, responsibilities r_ic start from the plain posteriors p_ic, and these steps alternate:

    d_i  = x_i - sum_c r_ic m_c
    V_i  = (B^-1 + (n - 1) W^-1)^-1,    b_i = V_i W^-1 sum_{j != i} d_j
    l_ic = log N(x_i; m_c + b_i, W + V_i)
    r_ic ~ s_ic exp(t l_ic)

where s_ic is the mean class share under a Dirichlet prior with counts alpha_c + sum_{j != i} r_jc.
t < 1 makes responsibilities soft: errors of a class on a new corpus are not independent, so that
the model is surer than it is right. The answer weighs the adapted evidence by

    w_n = w (n - 1) / (n + 1):    log q_ic = (1 - w_n) log p_ic + w_n (l_ic + h log s_ic) + const.

No recording is evidence about itself, hence n = 1 gives the plain posterior. The order of
recordings does not matter. A known class fixes the row r_i.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.adaptation_study.heads import fit_means_and_offsets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from benchmarks.adaptation_study.heads import Floats, Labels

STEPS = 12
DAMPING = 0.5
DIAGONAL = 0.1
FLOOR = 0.1


@dataclasses.dataclass(frozen=True)
class Expectation:
    """State what the recordings of a place are assumed to contain.

    Args:
        counts: Dirichlet counts per class and square root of the number of recordings.
        neutral: expected share of neutral recordings; None for equal shares.
        softness: t of the model.
        weight: w of the model.
        shares: h of the model.
    """

    counts: float
    neutral: float | None = None
    softness: float = 1.0
    weight: float = 0.5
    shares: float = 0.0

    def prior(self, labels: Sequence[str], recordings: int) -> Floats:
        """Return the Dirichlet counts of the classes for a number of recordings."""
        share = np.full(len(labels), 1 / len(labels))
        if self.neutral is not None:
            share[:] = (1 - self.neutral) / (len(labels) - 1)
            share[list(labels).index("neutral")] = self.neutral
        return share * len(labels) * self.counts * np.sqrt(recordings)


def log_normalise(values: Floats) -> Floats:
    """Subtract the logarithm of the summed exponentials along the last axis."""
    top = values.max(axis=-1, keepdims=True)
    result: Floats = values - top - np.log(np.exp(values - top).sum(axis=-1, keepdims=True))
    return result


@dataclasses.dataclass(frozen=True)
class Places:
    """Class means and covariances in the space of contrasts.

    Args:
        centre: mean offset of the training places.
        means: `(classes, values)`.
        within: W.
        between: B of a speaker within a corpus; that of a corpus is taken to be the same.
    """

    centre: Floats
    means: Floats
    within: Floats
    between: Floats

    def axes(self, *, speaker: bool) -> tuple[Floats, Floats]:
        """Return a basis that makes W the identity, and the variances of B in it.

        Args:
            speaker: whether a place is one speaker (who shares the offset of the corpus as well);
                otherwise speakers vary within the place and count as noise.
        """
        if speaker:
            noise, offset = self.within, 2 * self.between
        else:
            noise, offset = self.within + self.between, self.between
        values, vectors = np.linalg.eigh(noise)
        whitening = vectors / np.sqrt(values)
        variances, rotation = np.linalg.eigh(whitening.T @ offset @ whitening)
        return whitening @ rotation, np.maximum(variances, 0)

    def adapt(
        self,
        x: Floats,
        plain: Floats,
        labels: Sequence[str],
        expectation: Expectation,
        *,
        speaker: bool,
        known: NDArray[np.intp] | None = None,
    ) -> Floats:
        """Compute log posteriors of recordings, given the others of their group.

        Args:
            x: contrasts, `(groups, recordings, values)`.
            plain: log posteriors without adaptation, `(groups, recordings, classes)`.
            labels: the classes.
            expectation: what the recordings contain.
            speaker: whether a group is of one speaker.
            known: class numbers, `(groups, recordings)`; -1 where not known.

        Returns:
            As `plain`.
        """
        count = x.shape[1]
        basis, variances = self.axes(speaker=speaker)
        z, means = (x - self.centre) @ basis, self.means @ basis
        prior, softness = expectation.prior(labels, count), expectation.softness
        spread = variances / (1 + (count - 1) * variances)
        precision = 1 / (1 + spread)
        half = 0.5 * (precision * means**2).sum(axis=-1)

        def fixed(values: Floats) -> Floats:
            if known is None:
                return values
            exact = np.eye(len(labels))[np.maximum(known, 0)]
            return np.where(known[..., None] >= 0, exact, values)

        r = fixed(np.exp(log_normalise(softness * plain)))
        evidence = share = np.zeros_like(plain)
        for _ in range(STEPS):
            d = z - r @ means
            b = spread * (d.sum(axis=1, keepdims=True) - d)
            evidence = ((z - b) * precision) @ means.T - half
            expected = prior + r.sum(axis=1, keepdims=True) - r
            share = np.log(expected / expected.sum(axis=-1, keepdims=True))
            new = np.exp(log_normalise(softness * evidence + share))
            r = fixed((1 - DAMPING) * r + DAMPING * new)
        weight = expectation.weight * (count - 1) / (count + 1)
        adapted = log_normalise(evidence + expectation.shares * share)
        return log_normalise((1 - weight) * plain + weight * adapted)


def fit_places(
    x: Floats,
    y: Labels,
    speakers: Labels,
    corpora: Labels,
    labels: Sequence[str],
    weights: Floats,
) -> Places:
    """Estimate the model from held-out contrasts of training speakers.

    Args:
        x: held-out contrasts.
        y: classes.
        speakers: the places.
        corpora: whose offsets are taken away from those of their speakers.
        labels: the classes.
        weights: of the rows.
    """
    means, offsets, place = fit_means_and_offsets(x, y, speakers, labels, weights)
    order = {label: number for number, label in enumerate(labels)}
    rest = x - offsets[place] - means[[order[label] for label in y]]
    within = (rest * (weights / weights.sum())[:, None]).T @ rest
    within = (1 - DIAGONAL) * within + DIAGONAL * np.diag(np.diag(within))
    names = np.unique(speakers)
    origin = np.array([corpora[speakers == name][0] for name in names])
    every = np.unique(origin)
    centres = np.stack([offsets[origin == corpus].mean(axis=0) for corpus in every])
    spread = offsets - centres[np.searchsorted(every, origin)]
    between = spread.T @ spread / (len(names) - len(every)) + FLOOR * within
    return Places(centres.mean(axis=0), means, within, between)

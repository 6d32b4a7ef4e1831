r"""Adapt posteriors to the place of some recordings by a generative model of places.

A place is a speaker, a microphone, a room or a corpus: it shifts the contrasts of all its
recordings. In the space of contrasts (`make_contrasts`), recording i of class c in a place has
the vector

    x_i = m_c + b + a_c + e_i,    b ~ N(0, B),    a_c ~ N(0, v W),    e_i ~ N(0, W).

b is the shift of the place, and a_c the drift of a class in it: a speaker's neutral voice can
differ from others' by more than the shift. m_c, B and W are estimated on training speakers
by classifiers that did not hear them. For n recordings of one place, responsibilities r_ic start
from the plain posteriors p_ic, drifts from 0, and these steps alternate:

    d_i  = x_i - sum_c r_ic (m_c + a_ic)
    V    = (B^-1 + (n - 1) W^-1)^-1,    b_i = V W^-1 sum_{j != i} d_j
    n_ic = sum_{j != i} r_jc,           u_ic = v / (1 + v n_ic)
    a_ic = u_ic sum_{j != i} r_jc (x_j - m_c - b_i)
    l_ic = log N(x_i; m_c + b_i + a_ic, (1 + u_ic) W + V)
    r_ic ~ s_ic exp(t l_ic)

where s_ic is the mean class share under a Dirichlet prior with counts alpha_c + n_ic. t < 1 makes
responsibilities soft: errors of a class in a new place are not independent, so that the model is
surer than it is right. The answer weighs the adapted evidence by w_i:

    w_i = w P_i (n - 1) / (n + 1)
    log q_ic = (1 - w_i) log p_ic + w_i (l_ic + h log s_ic) + constant

P_i is the probability that the other recordings are as expected. Equal shares of classes, and
mostly one class, for each of them, are the possible contents k, with shares f_kc. The plain
posteriors p tell them apart; the expected content e has the prior probability T, the K others share
the rest:

    L_ik = z_n sum_{j != i} log sum_c f_kc p_jc,    z_n = 1/2 min(1, 20 / (n - 1))
    P_i  = T exp(L_ie) / (T exp(L_ie) + (1 - T) / K sum_{k != e} exp(L_ik))

No recording is evidence about itself, hence n = 1 gives the plain posterior. The order of
recordings does not matter. A known class fixes the row r_i: enrolment with neutral speech is this
model with known classes.

For recordings of one speaker the covariance of the shift is 2 B, the speaker's and the corpus' own.
For recordings of many speakers it is B, and the noise is W + B.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, BinaryIO, Self

import numpy as np

from serenade.adaptation._array_files import load_arrays
from serenade.adaptation._contrasts import fit_means_and_offsets, log_normalise

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from serenade.adaptation._contrasts import Floats, Labels

_STEPS = 12
_DAMPING = 0.5
_DOUBT = 0.5  # evidence of a recording about the content, since errors are not independent
_ENOUGH = 20  # recordings, after which more are no further evidence about the content
_MOSTLY = 0.7  # share of a class where recordings are mostly of it
_DIAGONAL = 0.1  # share of W that is moved to its diagonal
_FLOOR = 0.1  # least B, as a share of W
_LARGEST = 1e9  # of any number in a file


@dataclasses.dataclass(frozen=True)
class Expectation:
    """Describe the assumed content of the recordings of a place.

    Args:
        counts: Dirichlet counts per class and square root of the number of recordings.
        neutral: expected share of neutral recordings; None for equal shares.
        softness: t of the model.
        weight: w of the model.
        shares: h of the model.
        drift: v of the model; 0 where classes keep their distances.
        trust: T of the model; 1 to adapt whatever the recordings seem to contain.
    """

    counts: float
    neutral: float | None = None
    softness: float = 1.0
    weight: float = 0.5
    shares: float = 0.0
    drift: float = 0.0
    trust: float = 1.0

    def __post_init__(self) -> None:
        numbers = (self.softness, self.weight, self.shares, self.drift, self.trust)
        if not 0 < self.counts < _LARGEST or not all(0 <= each < _LARGEST for each in numbers):
            raise ValueError(f"not settings of an expectation: {self}")
        if max(self.weight, self.trust) > 1 or not 0 < (self.neutral or 0.5) < 1:
            raise ValueError(f"weight, trust or neutral is not a share: {self}")

    def prior(self, labels: Sequence[str], recordings: int) -> Floats:
        """Return the Dirichlet counts of the classes for a number of recordings."""
        share = np.full(len(labels), 1 / len(labels))
        if self.neutral is not None:
            share[:] = (1 - self.neutral) / (len(labels) - 1)
            share[list(labels).index("neutral")] = self.neutral
        counts: Floats = share * len(labels) * self.counts * np.sqrt(recordings)
        return counts

    def find_trust(
        self, posteriors: Floats, labels: Sequence[str], known: NDArray[np.intp] | None = None
    ) -> Floats:
        """Return the probability that the other recordings of each are as expected.

        Args:
            posteriors: those without adaptation, `(groups, recordings, classes)`.
            labels: the classes.
            known: see `Places.adapt`.
        """
        classes = len(labels)
        shares = np.full((classes + 1, classes), (1 - _MOSTLY) / (classes - 1))
        shares[0], shares[1:][np.diag_indices(classes)] = 1 / classes, _MOSTLY
        expected = 0 if self.neutral is None else 1 + list(labels).index("neutral")
        prior = np.full(classes + 1, (1 - self.trust) / classes)
        prior[expected] = self.trust
        logs = np.log(_fix_known(posteriors, known) @ shares.T)
        found = _DOUBT * (logs.sum(axis=1, keepdims=True) - logs)
        found *= min(1.0, _ENOUGH / max(1, posteriors.shape[1] - 1))
        odds = prior * np.exp(found - found.max(axis=-1, keepdims=True))
        result: Floats = odds[..., expected] / odds.sum(axis=-1)
        return result


@dataclasses.dataclass(frozen=True, eq=False)
class Places:
    """Class means and covariances in the space of contrasts.

    Args:
        centre: mean offset of the training places, `(values,)`.
        means: class means, `(classes, values)`.
        within: W, `(values, values)`.
        between: B of a speaker within a corpus, `(values, values)`; that of a corpus is taken to
            be the same.
    """

    centre: Floats
    means: Floats
    within: Floats
    between: Floats

    @classmethod
    def learn(
        cls,
        x: Floats,
        y: Labels,
        speakers: Labels,
        corpora: Labels,
        labels: Sequence[str],
        weights: Floats,
    ) -> Self:
        """Estimate the model from held-out contrasts of training speakers.

        Args:
            x: contrasts `(recordings, values)`, by classifiers that did not hear their speakers.
            y: classes of the recordings.
            speakers: speakers of the recordings, which are the places.
            corpora: corpora of the recordings, whose offsets are taken away from those of their
                speakers.
            labels: the classes.
            weights: weights of the recordings.
        """
        means, offsets, place = fit_means_and_offsets(x, y, speakers, labels, weights)
        order = {label: number for number, label in enumerate(labels)}
        rest = x - offsets[place] - means[[order[label] for label in y]]
        within = (rest * (weights / weights.sum())[:, None]).T @ rest
        within = (1 - _DIAGONAL) * within + _DIAGONAL * np.diag(np.diag(within))
        names = np.unique(speakers)
        origin = np.array([corpora[speakers == name][0] for name in names])
        every = np.unique(origin)
        centres = np.stack([offsets[origin == corpus].mean(axis=0) for corpus in every])
        spread = offsets - centres[np.searchsorted(every, origin)]
        # Corpora of one speaker each say nothing about how speakers differ.
        between = spread.T @ spread / max(1, len(names) - len(every)) + _FLOOR * within
        return cls(centres.mean(axis=0), means, within, between)

    def axes(self, *, speaker: bool) -> tuple[Floats, Floats]:
        """Return a basis that makes the noise's covariance the identity, and the shift's variances.

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
            expectation: assumed content of the recordings.
            speaker: whether a group is of one speaker.
            known: class numbers, `(groups, recordings)`; -1 where not known.

        Returns:
            Log posteriors, in the shape of `plain`.
        """
        count = x.shape[1]
        basis, variances = self.axes(speaker=speaker)
        z, means = (x - self.centre) @ basis, self.means @ basis
        prior, softness = expectation.prior(labels, count), expectation.softness
        r = _fix_known(np.exp(log_normalise(softness * plain)), known)
        evidence = share = np.zeros_like(plain)
        drifts = np.zeros((*plain.shape, z.shape[-1]))
        for _ in range(_STEPS):
            evidence, drifts = _find_evidence(z, r, drifts, means, variances, expectation.drift)
            expected = prior + r.sum(axis=1, keepdims=True) - r
            share = np.log(expected / expected.sum(axis=-1, keepdims=True))
            new = np.exp(log_normalise(softness * evidence + share))
            r = _fix_known((1 - _DAMPING) * r + _DAMPING * new, known)
        likely = expectation.find_trust(np.exp(plain), labels, known)
        weight = expectation.weight * (count - 1) / (count + 1) * likely[..., None]
        adapted = log_normalise(evidence + expectation.shares * share)
        return log_normalise((1 - weight) * plain + weight * adapted)

    def save(self, file: BinaryIO) -> None:
        """Write the arrays as NumPy's `.npz`.

        Args:
            file: file opened for writing bytes.
        """
        np.savez(file, **dataclasses.asdict(self))

    @classmethod
    def load(cls, path: str | os.PathLike[str] | BinaryIO) -> Self:
        """Read a model that `save` wrote.

        Args:
            path: the file.

        Raises:
            OSError: the file cannot be read.
            ValueError: the content is damaged, shapes differ, or a covariance is not one.
            KeyError: an array is missing.
        """
        arrays = load_arrays(path, [each.name for each in dataclasses.fields(cls)])
        if any(array.dtype != np.float64 for array in arrays.values()):
            raise ValueError("its arrays are not float64")
        if not all((np.abs(array) < _LARGEST).all() for array in arrays.values()):
            raise ValueError("its arrays are not finite")
        size = arrays["centre"].size
        shapes = {"centre": (size,), "means": (size + 1, size)}
        shapes |= dict.fromkeys(("within", "between"), (size, size))
        if not size or any(arrays[name].shape != shape for name, shape in shapes.items()):
            raise ValueError("its arrays differ in shape")
        for name, least in (("within", 1e-9), ("between", -1e-9)):
            matrix = arrays[name]
            if not np.allclose(matrix, matrix.T) or np.linalg.eigvalsh(matrix)[0] < least:
                raise ValueError(f"{name} is not a covariance")
        return cls(**arrays)


def _fix_known(shares: Floats, known: NDArray[np.intp] | None) -> Floats:
    """Replace the shares of recordings `(groups, recordings, classes)` whose class is known."""
    if known is None:
        return shares
    exact = np.eye(shares.shape[-1])[np.maximum(known, 0)]
    return np.where(known[..., None] >= 0, exact, shares)


def _find_evidence(
    z: Floats, r: Floats, drifts: Floats, means: Floats, variances: Floats, drift: float
) -> tuple[Floats, Floats]:
    """Compute log likelihoods l and drifts a of a step, where W is the identity.

    Args:
        z: contrasts, `(groups, recordings, values)`.
        r: responsibilities, `(groups, recordings, classes)`.
        drifts: those of the step before, `(groups, recordings, classes, values)`.
        means: class means.
        variances: those of the shift.
        drift: v of the model.
    """
    spread = variances / (1 + (z.shape[1] - 1) * variances)
    d = z - r @ means - np.einsum("gnc,gncv->gnv", r, drifts)
    centres = (spread * (d.sum(axis=1, keepdims=True) - d))[:, :, None] + means
    own = r[..., None] * z[:, :, None]
    total = own.sum(axis=1, keepdims=True) - own
    others = (r.sum(axis=1, keepdims=True) - r)[..., None]
    rest = drift / (1 + drift * others)
    drifts = rest * (total - others * centres)
    variance = 1 + spread + rest
    distance = (z[:, :, None] - centres - drifts) ** 2 / variance + np.log(variance)
    return -0.5 * distance.sum(axis=-1), drifts

r"""What pre-training is worth: linear probes of an encoder trained, untrained, and of log-mel.

    python -m benchmarks.pretraining --root CORPORA --corpus emodb --corpus ravdess \
        --encoder tera --encoder aalbert --encoder npc --labels angry,happy,neutral,sad \
        --output docs/benchmarks/pretraining.md

A recording is the mean and standard deviation over time of all hidden states of an encoder, or of
the last one; of 80 log-mel energies for comparison, which, unlike the encoders' input, are not
standardised over the utterance and so keep its level and colour. Of the INTERSPEECH 2010 set over
segments of 200 ms, as `fusion-transformer` takes it, alone and together with all states of an
encoder. The untrained encoder is the same network with random weights. Values are standardised by
the training speakers' statistics; a linear support vector machine predicts speakers it never heard,
its C chosen for each test group by cross-validation over the training speakers. Intervals are
bootstrapped over speakers; differences are tested by exchanging two predictions of whole speakers,
p-values adjusted by Holm's method; of several corpora each by itself, and once more all recordings
together. An encoder that was trained on recordings of the corpus, without labels, is marked. A
table is written next to the JSON. Needs the extras "train" and "opensmile".
"""

from __future__ import annotations

import dataclasses
import json
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.svm import SVC

from benchmarks.runner import format_interval, format_page, format_versions, run_benchmark
from serenade import corpora
from serenade._printable import format_table
from serenade.corpora import mark_incomplete
from serenade.encoders.selfsupervised import SelfSupervised
from serenade.encoders.selfsupervised._encoder_folder import read_encoder_settings, save_untrained
from serenade.encoders.selfsupervised._front_end import FrontEnd
from serenade.encoders.selfsupervised._weights_location import locate_weights
from serenade.evaluation import (
    adjust_p_values,
    compute_intervals,
    list_versions,
    paired_permutation,
)
from serenade.extraction import extract, list_clips
from serenade.features import OpenSmile, Pooled

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from serenade.corpora import Corpus
    from serenade.extraction import Clip
    from serenade.features import Feature

GRID = {"C": [1e-5, 1e-4, 1e-3, 1e-2, 1e-1]}
LOG_MEL = "log-mel"
ACOUSTIC = "IS10"
FOLDS = 6
TAKEN = ("all states", "last state")


def rows(segments: Sequence[Clip], feature: Feature, jobs: int | None) -> NDArray[np.float32]:
    """Compute mean and deviation of each recording's frames, `(recordings, 2 * dims)`."""
    return np.concatenate(extract(segments, Pooled(feature, None), jobs=jobs))


def predict(
    values: NDArray[Any], labels: NDArray[Any], speakers: NDArray[Any], folds: int
) -> tuple[NDArray[Any], list[float]]:
    """Predict all recordings by models of other speakers; also return every fold's C."""
    predicted = np.empty_like(labels)
    chosen = []
    for train, test in GroupKFold(folds).split(values, labels, speakers):
        standard = values.astype(np.float64) - values[train].mean(axis=0, dtype=np.float64)
        deviation = standard[train].std(axis=0)
        standard /= np.where(deviation > 1e-6, deviation, np.inf)
        # Of unit mean square, so that one grid of C suits any number of dimensions.
        standard *= np.sqrt(1000 / standard.shape[1])
        kernel = standard @ standard.T
        inner = GroupKFold(min(5, len(np.unique(speakers[train]))))
        search = GridSearchCV(SVC(kernel="precomputed"), GRID, cv=inner, scoring="recall_macro")
        search.fit(kernel[np.ix_(train, train)], labels[train], groups=speakers[train])
        predicted[test] = search.predict(kernel[np.ix_(test, train)])
        chosen.append(search.best_params_["C"])
    return predicted, chosen


def rows_of(
    folder: Path, segments: Sequence[Clip], jobs: int | None
) -> dict[str, NDArray[np.float32]]:
    """Encode recordings; return them by the part of the encoder used: all states, or the last."""
    found = rows(segments, SelfSupervised(str(folder), layer=None), jobs)
    width = read_encoder_settings(folder).network.width
    last = [part[:, -width:] for part in np.split(found, 2, axis=1)]
    return dict(zip(TAKEN, (found, np.concatenate(last, axis=1)), strict=True))


@dataclasses.dataclass(frozen=True)
class Probed:
    """Labels, speakers, and what each probe made of the recordings."""

    labels: NDArray[Any]
    speakers: NDArray[Any]
    predictions: dict[str, NDArray[Any]]

    @classmethod
    def together(cls, probed: dict[str, Probed]) -> Probed:
        """Join probes of several corpora; no two have a speaker in common."""
        parts = list(probed.values())
        return cls(
            np.concatenate([part.labels for part in parts]),
            np.concatenate([np.char.add(f"{key} ", part.speakers) for key, part in probed.items()]),
            {
                name: np.concatenate([part.predictions[name] for part in parts])
                for name in parts[0].predictions
            },
        )

    def facts(self, pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
        """Return sizes, every probe's score, and the differences of pairs of probes."""
        tests = [
            paired_permutation(
                self.labels, self.predictions[ours], self.predictions[theirs], self.speakers
            )
            for ours, theirs in pairs
        ]
        adjusted = adjust_p_values([test.p for test in tests])
        scores = {
            name: compute_intervals(self.labels, predicted, self.speakers, scores=("ua",))["ua"]
            for name, predicted in self.predictions.items()
        }
        return {
            "recordings": len(self.labels),
            "speakers": len(np.unique(self.speakers)),
            "classes": sorted(set(self.labels.tolist())),
            "probes": {name: dataclasses.asdict(score) for name, score in scores.items()},
            "differences": [
                {"of": ours, "to": theirs, **test._asdict(), "adjusted_p": float(p)}
                for (ours, theirs), test, p in zip(pairs, tests, adjusted, strict=True)
            ],
        }


def compare(
    corpus: Corpus, encoders: dict[str, Path], seed: int, jobs: int | None
) -> tuple[Probed, dict[str, Any]]:
    """Run every probe on one corpus, and compare each with its reference."""
    segments = list_clips(corpus.table.index)
    labels, speakers = (corpus.table[key].to_numpy(dtype=str) for key in ("emotion", "speaker"))
    matrices = {
        LOG_MEL: rows(segments, FrontEnd(cmvn=False), jobs),
        # As `fusion-transformer` takes it.
        ACOUSTIC: rows(segments, OpenSmile("is10", segment=0.2), jobs),
    }
    heard = []
    for name, folder in encoders.items():
        with tempfile.TemporaryDirectory() as place:
            save_untrained(Path(place), read_encoder_settings(folder), seed)
            random = rows_of(Path(place), segments, jobs)
        trained = rows_of(folder, segments, jobs)
        for taken in trained:
            matrices[f"{name}, {taken}"] = trained[taken]
            matrices[f"{name} untrained, {taken}"] = random[taken]
        both = (matrices[ACOUSTIC], trained[TAKEN[0]])
        matrices[f"{ACOUSTIC} and {name}"] = np.concatenate(both, axis=1)
        if corpus.info.name in trained_on(folder):
            heard.append(name)
    folds = min(FOLDS, len(np.unique(speakers)))
    fitted = {name: predict(values, labels, speakers, folds) for name, values in matrices.items()}
    probed = Probed(labels, speakers, {name: found[0] for name, found in fitted.items()})
    facts = probed.facts(pairs_of(encoders))
    for name, (_, chosen) in fitted.items():
        facts["probes"][name] |= {"dimensions": matrices[name].shape[1], "c": chosen}
    return probed, facts | {"heard_in_pretraining": heard, "incomplete": corpus.incomplete}


def pairs_of(encoders: Iterable[str]) -> list[tuple[str, str]]:
    """Pair encoders with untrained copies and log-mel; acoustic features with and without."""
    pairs = [
        (f"{name}, {taken}", other)
        for name in encoders
        for taken in TAKEN
        for other in (f"{name} untrained, {taken}", LOG_MEL)
    ]
    return [*pairs, *((f"{ACOUSTIC} and {name}", ACOUSTIC) for name in encoders)]


def trained_on(folder: Path) -> list[str]:
    """Return the names of an encoder's pre-training folders, as its history has them."""
    file = folder / "history.json"
    return list(json.loads(file.read_text("utf-8"))["folders"]) if file.is_file() else []


def about(folder: Path) -> dict[str, Any]:
    """Return length and outcome of an encoder's pre-training."""
    file = folder / "history.json"
    if not file.is_file():
        return {}
    history = json.loads(file.read_text("utf-8"))
    names = ("encoder", "parameters", "hours", "folders", "steps", "epochs", "seconds", "device")
    last = history["points"][-1] if history["points"] else {}
    return {name: history[name] for name in names} | {"valid_loss": last.get("valid_loss")}


def format_result(result: dict[str, Any]) -> str:
    """Format the page of a result."""
    parts = []
    for corpus, found in result["corpora"].items():
        parts += format_section(mark_incomplete(corpus, found["incomplete"]), found)
        if found["heard_in_pretraining"]:
            names = ", ".join(found["heard_in_pretraining"])
            parts.append(f"Heard in pre-training, without labels, by: {names}.")
    if "together" in result:
        gaps = [found["incomplete"] for found in result["corpora"].values() if found["incomplete"]]
        title = mark_incomplete("All of them together", "; ".join(gaps))
        parts += format_section(title, result["together"])
    encoders = [format_encoder(name, facts) for name, facts in result["encoders"].items() if facts]
    return format_page(
        "What pre-training is worth",
        "UA (mean recall) of a linear support vector machine on unseen speakers, on mean\n"
        "and standard deviation over time; 95% intervals bootstrapped over speakers; p by\n"
        "exchanging speakers' predictions, adjusted by Holm's method. Made by\n"
        "`benchmarks/pretraining.py`, which says how.",
        "\n".join(encoders),
        *parts,
        format_versions(result["versions"]),
    )


def format_encoder(name: str, facts: dict[str, Any]) -> str:
    """Format an item on the pre-training of an encoder."""
    loss = "" if facts["valid_loss"] is None else f", held-out loss {facts['valid_loss']:.3f}"
    return (
        f"- {name}: {facts['parameters']:,} parameters, {facts['steps']:,} steps "
        f"({facts['epochs']:.1f} epochs of {facts['hours']:.1f} h from "
        f"{', '.join(facts['folders'])}) in {facts['seconds'] / 60:.0f} min on "
        f"{facts['device']}{loss}."
    )


def format_section(title: str, found: dict[str, Any]) -> list[str]:
    """Format the probes of a corpus and their differences, below a heading."""
    size = f"{found['recordings']} recordings, {found['speakers']} speakers"
    probes = [
        [name, str(probe.get("dimensions", "as above")), format_interval(probe)]
        for name, probe in found["probes"].items()
    ]
    differences = [
        [one["of"], one["to"], f"{one['difference']:+.3f}", f"{one['adjusted_p']:.4f}"]
        for one in found["differences"]
    ]
    return [
        f"## {title}: {size}, {len(found['classes'])} classes",
        format_table(["probe of", "values", "UA"], probes),
        format_table(["difference of", "to", "UA", "adjusted p"], differences),
    ]


def measure(options: Namespace) -> dict[str, Any]:
    """Probe the encoders on each corpus, and on all corpora together."""
    # A speaker may have no recording of a class.
    warnings.filterwarnings("ignore", message="Recall is ill-defined")
    encoders = {folder.resolve().name: folder for folder in options.encoder}
    result: dict[str, Any] = {
        "encoders": {name: about(folder) for name, folder in encoders.items()},
        "corpora": {},
        "versions": list_versions(),
    }
    probed = {}
    for name in options.corpus:
        corpus = corpora.open(name, options.root)
        if options.labels:
            corpus = corpus.select(labels=tuple(options.labels.split(",")))
        key = corpus.info.name
        probed[key], result["corpora"][key] = compare(corpus, encoders, options.seed, options.jobs)
    if len(probed) > 1:
        result["together"] = Probed.together(probed).facts(pairs_of(encoders))
    return result


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark."""
    run_benchmark(
        __doc__,
        measure,
        format_result,
        {
            "--corpus": {"action": "append", "required": True, "help": "name; may be repeated"},
            "--labels": {"help": "emotions to keep, A,B,…"},
            "--encoder": {
                "type": locate_weights,
                "action": "append",
                "required": True,
                "help": "folder, or a shipped name",
            },
            "--seed": {"type": int, "default": 0, "help": "of the untrained weights"},
            "--jobs": {"type": int, "help": "processes; by default one per core"},
        },
        arguments=arguments,
    )


if __name__ == "__main__":
    main()

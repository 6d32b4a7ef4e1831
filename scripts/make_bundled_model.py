"""Make the bundled model again: head, description and model card, from the corpora.

    python scripts/make_bundled_model.py --root CORPORA

CORPORA holds `ravdess`, `emodb` and `nemo` (see `serenade corpora`). The encoder is not trained;
the classifier on it takes minutes. What the card states is measured here:

- on a corpus it never heard: each of the three in turn, by a model of the other two, with and
  without enrolment of its speakers;
- on speakers it never heard: five groups of speakers of all three corpora.

The same seed and library versions give the same model.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from serenade import corpora, systems
from serenade._markdown_table import format_table
from serenade.corpora._corpus import mark_incomplete
from serenade.evaluation import calibration_error, compute_intervals
from serenade.extraction import TrainingRecord
from serenade.training import EnrolledProbe, Estimator
from serenade.training._fit import HeldOut, predict_held_out
from serenade.training._write_model import write_model

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from serenade.evaluation import Interval

SOURCES = ("ravdess", "emodb", "nemo")
LABELS = ("angry", "happy", "neutral", "sad", "fear", "disgust", "surprise")
CORE = LABELS[:4]
FEW = 20  # recordings; a class with fewer says nothing about a corpus
BUNDLED = Path(__file__).parents[1] / "src" / "serenade" / "inference" / "bundled"
TEMPLATE = Path(__file__).with_name("bundled_model_card.md")


def pooled(root: Path) -> pd.DataFrame:
    """Return the rows of all training corpora, with a column `corpus`."""
    tables = []
    for name in SOURCES:
        corpus = corpora.open(name, root, drop_duplicates=True)
        table = corpus.table.assign(
            emotion=corpus.table["emotion"].replace("calm", "neutral"),
            speaker=name + "/" + corpus.table["speaker"].astype(str),
            corpus=name,
        )
        tables.append(table[table["emotion"].isin(LABELS)])
    return pd.concat(tables, join="inner")


def gaps(root: Path) -> dict[str, str]:
    """Return the label of each corpus of which recordings are missing, by its name."""
    return {name: corpora.open(name, root).incomplete for name in SOURCES}


def score(found: HeldOut, rows: pd.DataFrame, corpus: str, allowed: Sequence[str]) -> Interval:
    """Compute the UA on one corpus, choosing only among its classes."""
    mine = (rows["corpus"] == corpus).to_numpy() & np.isin(found.reference, allowed)
    columns = [found.classes.index(label) for label in allowed]
    chosen = np.array(allowed)[found.probabilities[np.ix_(mine, columns)].argmax(axis=1)]
    speakers = rows["speaker"].to_numpy()[mine]
    return compute_intervals(found.reference[mine], chosen, speakers, labels=allowed)["ua"]


def compute_calibration_error(found: HeldOut, temperature: float) -> float:
    """Compute the expected calibration error of the probabilities at a temperature."""
    powered = found.probabilities ** (1 / temperature)
    powered /= powered.sum(axis=1, keepdims=True)
    predicted = np.array(found.classes)[powered.argmax(axis=1)]
    return calibration_error(powered.max(axis=1), predicted == found.reference)


def rows_of_table(
    found: Mapping[str, HeldOut], rows: pd.DataFrame, incomplete: Mapping[str, str]
) -> str:
    """Lay out the card's table of figures, Markdown; a column per name of `found`."""
    lines = []
    for corpus in SOURCES:
        counts = rows.loc[rows["corpus"] == corpus, "emotion"].value_counts()
        all_of_it = tuple(label for label in LABELS if counts.get(label, 0) >= FEW)
        for allowed in dict.fromkeys((CORE, all_of_it)):
            cells = [
                f"{one.value:.3f} [{one.low:.3f}, {one.high:.3f}]"
                for one in (score(each, rows, corpus, allowed) for each in found.values())
            ]
            name = mark_incomplete(corpus, incomplete[corpus])
            lines.append([name, str(len(allowed)), *cells])
    return format_table(["tested on", "classes", *(f"{name}: UA" for name in found)], lines)


def main() -> None:
    """Measure, fit, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, required=True, help="folder of the three corpora")
    parser.add_argument("--out", type=Path, default=BUNDLED, help="model folder to write")
    options = parser.parse_args()
    rows = pooled(options.root)
    X, y = rows.drop(columns="emotion"), rows["emotion"].to_numpy(dtype=str)
    corpora_of_rows = rows["corpus"].to_numpy(dtype=str)
    system = systems.get("whisper-probe")
    estimator = Estimator(system, system.recipe("bundled"))
    unseen_corpus = predict_held_out(estimator, X, y, groups=corpora_of_rows)
    unseen_speaker = predict_held_out(estimator, X, y)
    # Users' recordings are of corpora the model never heard: that is what it is calibrated on.
    temperature = unseen_corpus.temperature()
    enrolled = predict_held_out(EnrolledProbe(estimator), X, y, corpora_of_rows)
    columns = {
        "never heard this corpus": unseen_corpus,
        "the same, speakers enrolled": enrolled,
        "never heard these speakers": unseen_speaker,
    }
    incomplete = gaps(options.root)
    table = rows_of_table(columns, rows, incomplete)
    print(table)
    card = TEMPLATE.read_text("utf-8").format(
        table=table,
        emodb=mark_incomplete("EMO-DB without boredom", incomplete["emodb"]),
        recordings=len(rows),
        speakers=rows["speaker"].nunique(),
        temperature=temperature,
        before=compute_calibration_error(unseen_corpus, 1.0),
        after=compute_calibration_error(unseen_corpus, temperature),
    )
    estimator.fit(X, y)
    probe = EnrolledProbe(estimator).fit(X, y)
    facts = {"trained_on": list(SOURCES), "recordings": len(rows), "licence": "CC-BY-NC-SA-4.0"}
    facts |= {"heard": TrainingRecord.of(rows, "").to_json()}
    write_model(
        estimator,
        options.out,
        card=card,
        temperature=temperature,
        labels=LABELS,
        facts=facts,
        enrolled=(probe, enrolled.temperature()),
    )
    print(f"{options.out}: temperature {temperature:.2f}")


if __name__ == "__main__":
    main()

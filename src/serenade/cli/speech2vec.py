"""Run `serenade speech2vec`."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING

import click

from serenade._atomic import write_output
from serenade.cli import _options, _output

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from serenade.corpora import WordInterval
    from serenade.encoders import Speech2VecSettings

_FOR_LEARNING = ("root", "labels", "size", "epochs", "changes", "seed", "jobs", "device", "every")
"""Names of the parameters that have an effect on learning only."""


@click.command()
@click.argument("corpus", required=False)
@click.option(
    "--words",
    "tables",
    multiple=True,
    metavar="CSV",
    type=click.Path(exists=True, dir_okay=False),
    help="Table of word times from `serenade transcribe --words`. Can be repeated. Not needed for "
    "IEMOCAP and corpora with a column `words`. Without CORPUS, all recordings of the tables are "
    "used.",
)
@_options.root
@_options.labels
@click.option(
    "--out",
    metavar="TXT",
    required=True,
    type=_options.Output(),
    help="File for the vectors in the format of word2vec. The network (.safetensors) and the "
    "losses (.json) get the same name.",
)
@click.option(
    "--size", type=click.IntRange(min=2), help="Dimensions of the vectors: 50, 100, 200, 300, …"
)
@click.option("--epochs", type=click.IntRange(min=1), help="Number of epochs.")
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="FIELD=VALUE",
    help="Change another setting (window, batch, learning_rate, held_out, …). Can be repeated.",
)
@_options.seed
@click.option(
    "--jobs", type=click.IntRange(min=1), help="Number of processes. Default: one for each core."
)
@click.option("--device", default="cpu", show_default=True, help="Device for training.")
@click.option(
    "--every",
    default=1.0,
    show_default=True,
    type=_options.Number(min=0),
    help="Minutes between two checkpoints. If the command is interrupted, run it again: it "
    "resumes and reaches the same vectors.",
)
@click.option(
    "--nearest",
    "queries",
    multiple=True,
    metavar="WORD",
    help="Print the words nearest to WORD. Can be repeated. Without CORPUS and --words, the "
    "existing vectors of --out are used.",
)
def command(
    corpus: str | None,
    tables: Sequence[str],
    root: str | None,
    labels: str | None,
    out: Path,
    size: int | None,
    epochs: int | None,
    changes: Sequence[str],
    seed: int,
    jobs: int | None,
    device: str,
    every: float,
    queries: Sequence[str],
) -> None:
    r"""Learn word vectors from speech (Speech2Vec).

    dual-bilstm reads the file with --set vectors=FILE, and so do tools for word2vec. For each
    recording that cannot be used, one line is printed on standard error.

    \b
    serenade transcribe ravdess --root CORPORA --align --out r.csv --words words.csv
    serenade speech2vec ravdess --root CORPORA --words words.csv --out vectors.txt --size 50
    serenade speech2vec iemocap --root CORPORA --out vectors.txt
    serenade speech2vec --out vectors.txt --nearest happy
    """
    from serenade.encoders import Speech2VecSettings, load_word_vectors

    if not (corpus or tables) and not queries:
        raise click.UsageError("give CORPUS or --words to learn from, or --nearest WORD")
    if not (corpus or tables):
        _options.refuse_without("CORPUS or --words", *_FOR_LEARNING)
    else:
        given = {"size": size, "epochs": epochs, "seed": seed}
        named = {name: value for name, value in given.items() if value is not None}
        fields = _options.parse_settings(changes, Speech2VecSettings)
        settings = Speech2VecSettings(**fields | named)
        _learn(_read_word_times(corpus, tables, root, labels), settings, out, jobs, device, every)
    if queries:
        vectors = load_word_vectors(out)
        for word in queries:
            near = vectors.nearest(word)
            listed = ", ".join(f"{other} {cosine:.2f}" for other, cosine in near)
            _output.echo(f"{word}: {listed}")


def _learn(
    spoken: Mapping[str, Sequence[WordInterval]],
    settings: Speech2VecSettings,
    out: Path,
    jobs: int | None,
    device: str,
    every: float,
) -> None:
    """Train and write all files, the vectors last, so that vectors mean a complete result."""
    from serenade.cli.pretrain import ProgressWatch, format_point
    from serenade.errors import MissingExtraError

    try:
        from serenade.encoders import average_instances, encode_words, save_speech2vec
        from serenade.pretraining import gather_spoken_words, train_speech2vec
    except ImportError:
        raise MissingExtraError("Speech2Vec", "train") from None

    checkpoint = out.with_suffix(".checkpoint.pt")
    with ProgressWatch(None) as shown:
        material, problems = gather_spoken_words(spoken, settings, jobs=jobs)
        for line in problems:
            shown.problem(f"serenade: {line}")
        network, history = train_speech2vec(
            settings, material, device=device, checkpoint=checkpoint, every=every, watch=shown
        )
    vectors = average_instances(material.words, encode_words(network, material.matrices))
    out.parent.mkdir(parents=True, exist_ok=True)
    save_speech2vec(network, settings, out.with_suffix(".safetensors"))
    write_output(out.with_suffix(".json"), json.dumps(history, indent=1) + "\n")
    vectors.save(out)
    checkpoint.unlink(missing_ok=True)
    left_out = f", {material.left_out} left out" if material.left_out else ""
    click.echo(
        f"{out}: {len(vectors)} words of {len(material)} spoken ones{left_out}; "
        f"{format_point(history['points'][-1])}"
    )


def _read_word_times(
    corpus: str | None, tables: Sequence[str], root: str | None, labels: str | None
) -> dict[str, list[WordInterval]]:
    """Return the word times of each recording, ordered by time."""
    from serenade.corpora import list_word_times, read_words

    found: defaultdict[str, list[WordInterval]] = defaultdict(list)
    if corpus is None:
        if root or labels:
            raise click.UsageError("--root and --labels need CORPUS")
        for table in tables:
            for file, words in read_words(table).items():
                found[file] += words
        return found
    opened = _options.open_corpus(corpus, root, labels)
    chosen: Sequence[str | None] = tables or [None]
    for one in chosen:
        for (file, _, _), words in zip(
            opened.table.index, list_word_times(opened, one), strict=True
        ):
            found[file] += words
    # The segments of a file can have any order in a table.
    return {file: sorted(words, key=lambda word: word[1:]) for file, words in found.items()}

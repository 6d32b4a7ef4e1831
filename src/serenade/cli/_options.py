"""Options that commands share."""

from __future__ import annotations

import ast
import functools
from typing import TYPE_CHECKING, Any

import click

from serenade import _parallel

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from serenade.corpora import Corpus
    from serenade.protocols import Fold
    from serenade.systems import System


root = click.option(
    "--root", metavar="DIR", type=click.Path(), help="The corpus' folder, or one that contains it."
)
labels = click.option("--labels", metavar="A,B,…", help="Keep these emotions of the corpus only.")
model = click.option(
    "--model",
    metavar="DIR|USER/NAME",
    type=click.Path(),
    help="A model folder written by `serenade train`, or one on the Hugging Face hub; by default "
    "the bundled model.",
)
_MATERIAL = (
    root,
    labels,
    click.option(
        "--recipe", default="default", show_default=True, help="See `serenade systems NAME`."
    ),
    click.option(
        "--set",
        "changes",
        multiple=True,
        metavar="FIELD=VALUE",
        help="Change a field of the recipe; may be repeated.",
    ),
    click.option("--jobs", type=click.IntRange(min=1), help="Processes; by default one per core."),
)
_TRAINING = (
    click.option("--seed", default=0, show_default=True, help="Of everything random."),
    click.option(
        "--device",
        default="cpu",
        show_default=True,
        help="What networks are trained on: cpu, cuda, cuda:1, …",
    ),
    click.option(
        "--checkpoints",
        metavar="DIR",
        type=click.Path(file_okay=False),
        help="Keep networks there after each epoch. Run the same command again after a "
        "kill: it goes on where it was, to the same weights.",
    ),
    click.option(
        "--track",
        "tracking",
        metavar="LOG",
        help="Log epochs to tensorboard=DIR, mlflow or mlflow=URI (extra: tracking).",
    ),
)


def add_corpus_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of what is looked at, and by whom: corpus, recipe, processes, cluster."""
    function = add_dask_option(function)
    for option in reversed(_MATERIAL):
        function = option(function)
    return function


def add_training_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of `add_corpus_options`, and those of training."""
    for option in reversed(_TRAINING):
        function = option(function)
    return add_corpus_options(function)


def add_dask_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option `--dask` to a command: its work is then spread over that cluster."""

    @functools.wraps(function)
    def spread(*given: Any, dask: str | None, **named: Any) -> Any:
        with _parallel.use_dask(dask):
            return function(*given, **named)

    return click.option(
        "--dask",
        metavar="ADDRESS",
        help="Spread folds, searches and extraction over a Dask cluster: its scheduler's address, "
        "such as tcp://head:8786 (extra: cluster).",
    )(spread)


def get_system_and_recipe(
    system_name: str, recipe: str, changes: Sequence[str]
) -> tuple[System, Any]:
    """A system and its recipe with the changes from the command line."""
    from serenade import systems

    system = systems.get(system_name)
    return system, system.recipe(recipe, **parse_changes(changes, "--set"))


def parse_changes(changes: Sequence[str], option: str) -> dict[str, Any]:
    """`FIELD=VALUE` words as fields and values: Python's where it reads one, else text.

    >>> parse_changes(["copies=0", "snr=(10, 20)", "encoder=tiny"], "--set")
    {'copies': 0, 'snr': (10, 20), 'encoder': 'tiny'}
    """
    found: dict[str, Any] = {}
    for change in changes:
        field, equals, value = change.partition("=")
        if not equals:
            raise click.UsageError(f"{option} {change}: write FIELD=VALUE")
        try:
            found[field] = ast.literal_eval(value)
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            found[field] = value
    return found


def read_fold_option(path: str, corpus: Corpus) -> list[Fold]:
    """Folds of a corpus from a file that Serenade wrote, or a folder of EmoBox' lists."""
    from pathlib import Path

    from serenade.protocols import read_emobox, read_folds

    read = read_emobox if Path(path).is_dir() else read_folds
    return read(path, corpus.table, corpus.root)


def open_corpus(corpus_name: str, root: str | None, labels: str | None) -> Corpus:
    """A corpus, its problems told on standard error."""
    from serenade import corpora

    options = {"labels": tuple(labels.split(","))} if labels else {}
    corpus = corpora.open(corpus_name, root, **options)
    for problem in corpus.problems:
        click.echo(f"serenade: {corpus.info.name}: {problem}", err=True)
    return corpus

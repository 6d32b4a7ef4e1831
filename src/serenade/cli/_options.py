"""Define the options that commands share."""

from __future__ import annotations

import ast
import dataclasses
import functools
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from serenade import _parallel
from serenade._atomic import check_output
from serenade._parameters import find_mismatch
from serenade.cli import _output
from serenade.errors import CorpusError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Sequence

    from serenade.corpora import Corpus
    from serenade.inference import Model
    from serenade.protocols import Fold
    from serenade.systems import System


class Output(click.Path):
    """File or folder to write, which is checked before the command begins.

    Args:
        folder: whether it is a folder.
    """

    def __init__(self, *, folder: bool = False, allow_dash: bool = False) -> None:
        super().__init__(allow_dash=allow_dash, path_type=Path)
        self.folder = folder

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path.

        Raises:
            SerenadeError: it cannot be written.
        """
        path: Any = super().convert(value, param, ctx)
        if not (self.allow_dash and str(path) == "-"):
            check_output(path, folder=self.folder)
        return path


class Number(click.FloatRange):
    """Finite number in a range."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number.

        Raises:
            BadParameter: it is NaN, infinite or out of the range.
        """
        if not math.isfinite(click.FLOAT.convert(value, param, ctx)):
            self.fail(f"{value} is not a finite number.", param, ctx)
        number: float = super().convert(value, param, ctx)
        return number


root = click.option(
    "--root",
    metavar="DIR",
    type=click.Path(),
    help="Folder of the corpus, or a folder that contains it.",
)
labels = click.option("--labels", metavar="A,B,…", help="Use only these emotions of the corpus.")
renames = click.option(
    "--map",
    "renames",
    multiple=True,
    metavar="OLD=NEW",
    help="Rename an emotion of the corpus; OLD= leaves it out. --labels names the new emotions. "
    "Can be repeated.",
)


def _check_channel(_: click.Context, __: click.Parameter, value: str) -> str:
    from serenade.audio import parse_channel

    try:
        parse_channel(value)
    except InputError as error:
        raise click.BadParameter(str(error)) from None
    return value


def adapt(text: str) -> Callable[[Any], Any]:
    """Return the option that names the expected content of recordings to adapt to.

    Args:
        text: help of the option.
    """
    return click.option(
        "--adapt",
        metavar="[=mixed|neutral|unknown]",
        is_flag=False,
        flag_value="unknown",
        type=click.Choice(["mixed", "neutral", "unknown"]),
        help=text,
    )


def _choose_device(_: click.Context, __: click.Parameter, value: str | None) -> None:
    if value is not None:
        from serenade.runtime import choose_device

        choose_device(value)


device = click.option(
    "--device",
    type=click.Choice(["cpu", "cuda"]),
    callback=_choose_device,
    expose_value=False,
    help="Run the model on the CPU, the default, or on an NVIDIA GPU (needs onnxruntime-gpu).",
)
channel = click.option(
    "--channel",
    metavar="N|left|right|mix",
    default="mix",
    show_default=True,
    callback=_check_channel,
    help="Channel to predict: a number from 1, left (1), right (2), or the mean of all channels.",
)
label_column = click.option(
    "--label-column",
    metavar="NAME",
    default="emotion",
    show_default=True,
    help="Column of the corpus' table that holds the labels to learn, such as gender.",
)
target = click.option(
    "--target",
    metavar="NAME",
    default="emotion",
    show_default=True,
    help="What is learnt: emotion; votes (how the votes of raters divide over the emotions); or "
    "columns of numbers of the corpus' table, such as arousal or arousal,valence.",
)
model = click.option(
    "--model",
    metavar="DIR|USER/NAME",
    type=click.Path(),
    help="Model folder written by `serenade train`, a model on the Hugging Face hub, or "
    "`bundled`, `commercial` or `arousal`, models of the package. Default: bundled.",
)
licence = click.option(
    "--licence",
    type=click.Choice(["any", "commercial"]),
    default="any",
    show_default=True,
    help="commercial: refuse a model whose licence is not known to allow commercial use.",
)
seed = click.option(
    "--seed",
    default=0,
    show_default=True,
    type=click.IntRange(0, 2**32 - 1),
    help="Random seed.",
)
_MATERIAL = (
    root,
    labels,
    label_column,
    renames,
    click.option(
        "--recipe",
        default="default",
        show_default=True,
        help="Recipe of the system; see `serenade systems NAME`.",
    ),
    click.option(
        "--set",
        "changes",
        multiple=True,
        metavar="FIELD=VALUE",
        help="Change a field of the recipe. Can be repeated.",
    ),
    click.option(
        "--jobs",
        type=click.IntRange(min=1),
        help="Number of processes. Default: one for each core.",
    ),
)
_TRAINING = (
    seed,
    click.option(
        "--device",
        default="cpu",
        show_default=True,
        help="Device for training networks: cpu, cuda, cuda:1, …",
    ),
    click.option(
        "--checkpoints",
        metavar="DIR",
        type=Output(folder=True),
        help="Folder for checkpoints after each epoch. If the command is interrupted, run it "
        "again: it resumes and reaches the same weights.",
    ),
    click.option(
        "--track",
        "tracking",
        metavar="LOG",
        help="Log epochs to tensorboard=DIR, mlflow or mlflow=URI (extra: tracking).",
    ),
)


def add_corpus_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options for corpus, recipe, processes and cluster to a command."""
    function = add_dask_option(function)
    for option in reversed(_MATERIAL):
        function = option(function)
    return function


def add_training_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of `add_corpus_options` and the options for training to a command."""
    for option in reversed(_TRAINING):
        function = option(function)
    return add_corpus_options(function)


max_unusable = click.option(
    "--max-unusable",
    default=0.1,
    show_default=True,
    type=Number(0, 1),
    help="Largest share of recordings that may be left out because they cannot be used: silent, "
    "cut off, damaged or too short ones.",
)


def add_dask_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option `--dask`, which runs a command's work on a Dask cluster."""

    @functools.wraps(function)
    def run(*given: Any, dask: str | None, **named: Any) -> Any:
        with _parallel.use_dask(dask):
            return function(*given, **named)

    return click.option(
        "--dask",
        metavar="ADDRESS",
        help="Run folds, searches and extraction on a Dask cluster; ADDRESS of its scheduler, "
        "such as tcp://head:8786 (extra: cluster).",
    )(run)


def get_system_and_recipe(
    system_name: str, recipe: str, changes: Sequence[str]
) -> tuple[System, Any]:
    """Return a system and its recipe with the changes from the command line."""
    from serenade import systems

    system = systems.get(system_name)
    return system, system.recipe(recipe, **parse_changes(changes, "--set"))


def parse_changes(changes: Sequence[str], option: str) -> dict[str, Any]:
    """Parse words `FIELD=VALUE`; values are Python literals, or else text.

    >>> parse_changes(["copies=0", "snr=(10, 20)", "encoder=tiny"], "--set")
    {'copies': 0, 'snr': (10, 20), 'encoder': 'tiny'}
    """
    found: dict[str, Any] = {}
    for change in changes:
        field, equals, value = change.partition("=")
        if not equals:
            raise click.UsageError(f"{option} {change}: expected FIELD=VALUE")
        try:
            found[field] = ast.literal_eval(value)
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            found[field] = value
    return found


def parse_settings(changes: Sequence[str], *kinds: type) -> dict[str, Any]:
    """Parse the words of --set, and check them against the fields of dataclasses.

    Args:
        changes: words `FIELD=VALUE`.
        kinds: the dataclasses; their field `seed` has an option of its own.

    Raises:
        UsageError: a field that none of them has, or a value of another type.
    """
    found = parse_changes(changes, "--set")
    if "seed" in found:
        raise click.UsageError("--set seed: use --seed")
    known = {field.name for kind in kinds for field in dataclasses.fields(kind)} - {"seed"}
    if unknown := sorted(found.keys() - known):
        raise click.UsageError(f"--set {unknown[0]}: choose from {', '.join(sorted(known))}")
    for kind in kinds:
        if problem := find_mismatch(kind, found):
            raise click.UsageError(f"--set: {problem}")
    return found


def read_fold_option(path: str, corpus: Corpus) -> list[Fold]:
    """Read folds from a file that Serenade wrote, or from a folder of EmoBox lists."""
    from serenade.protocols import read_emobox, read_folds

    read = read_emobox if Path(path).is_dir() else read_folds
    return read(path, corpus.table, corpus.root)


def list_given() -> list[tuple[str, str]]:
    """List the names and the options of the parameters that the command line states."""
    context = click.get_current_context()
    return [
        (str(each.name), each.opts[0])
        for each in context.command.params
        if context.get_parameter_source(str(each.name)) is ParameterSource.COMMANDLINE
    ]


def refuse_given(names: Container[str], reason: str) -> None:
    """Raise a usage error if the command line states parameters that have no effect.

    Args:
        names: of the parameters.
        reason: why they have no effect.
    """
    if excess := [option for name, option in list_given() if name in names]:
        raise click.UsageError(f"{reason}, so leave out {', '.join(excess)}")


def refuse_without(needed: str, *names: str) -> None:
    """Refuse options that have no effect, because the option that they need is missing.

    Args:
        needed: the option that they need.
        names: names of their parameters.
    """
    for name, option in list_given():
        if name in names:
            raise click.UsageError(
                f"{option} has no effect without {needed}; add it, or leave {option} out"
            )


def load_model(name: str | None, licence: str) -> Model:
    """Load the model that --model names, if --licence accepts it.

    Raises:
        ModelError: it cannot be loaded, or its licence is not known to allow commercial use.
    """
    import serenade

    model = serenade.load(name)
    if licence == "commercial":
        model.require_commercial_licence()
    return model


def find_voice(enrol: Sequence[str]) -> list[str]:
    """Return the recordings of the sources that --enrol names; report that there are none."""
    from serenade.inference import find_recordings

    voice = find_recordings(enrol)
    if enrol and not voice:
        raise click.UsageError(f"--enrol: no recordings in {', '.join(enrol)}")
    return voice


def check_names(system: str, corpus: str | None, root: str | None) -> None:
    """Raise an error for a wrong system, corpus or folder before heavy modules are imported."""
    from serenade import corpora, systems

    systems.check_name(system)
    if corpus is None:
        return
    corpora.check_name(corpus)
    if corpus in corpora.names() and not (root and Path(root).is_dir()):
        problem = f"{root}: no such folder" if root else f"{corpus}: no folder given"
        raise CorpusError(
            f"{problem}; name the folder of the corpus with --root (see serenade corpora {corpus})"
        )


def open_corpus(
    corpus_name: str,
    root: str | None,
    labels: str | None,
    renames: Sequence[str] = (),
    label_column: str = "emotion",
    target: str = "emotion",
) -> Corpus:
    """Open a corpus, rename its emotions, and print its problems on standard error."""
    from serenade import corpora

    kept: dict[str, Any] = {"labels": tuple(labels.split(","))} if labels else {}
    _check_target(target, labels, renames, label_column != "emotion")
    options = {"label_column": label_column, "target": target}
    if renames:
        corpus = corpora.open(corpus_name, root, **options).map_labels(_parse_renames(renames))
        corpus = corpus.select(**kept)
    else:
        corpus = corpora.open(corpus_name, root, **options, **kept)
    for problem in corpus.problems:
        text = str(problem).removeprefix(f"{problem.kind}: ")
        _output.report_problem(f"{corpus.info.name}: {text}")
    return corpus


def open_corpora(
    names: Sequence[str],
    root: str | None,
    labels: str | None,
    renames: Sequence[str],
    label_column: str,
    target: str = "emotion",
) -> list[Corpus]:
    """Open corpora, each with those of the emotions and renames that it has.

    Raises:
        SerenadeError: no corpus has an emotion that is named.
    """
    from serenade.corpora import require_labels

    _check_target(target, labels, renames, label_column != "emotion")
    opened = [open_corpus(name, root, None, (), label_column, target) for name in names]
    if target != "emotion":
        return opened
    parsed = _parse_renames(renames)
    together = " and ".join(names)
    require_labels(together, parsed, sorted({one for each in opened for one in each.labels}))
    mapped = [
        each.map_labels({old: new for old, new in parsed.items() if old in each.labels})
        for each in opened
    ]
    if labels is None:
        return mapped
    kept = labels.split(",")
    require_labels(together, kept, sorted({one for each in mapped for one in each.labels}))
    return [each.select(labels=[one for one in kept if one in each.labels]) for each in mapped]


def _check_target(target: str, *of_emotions: object) -> None:
    """Raise an error for options of emotions with another target; a report would not state them."""
    if target != "emotion" and any(of_emotions):
        raise click.UsageError(f"--target {target}: leave out --labels, --map and --label-column")


def _parse_renames(renames: Sequence[str]) -> dict[str, str | None]:
    """Parse words `OLD=NEW`; no new name leaves the emotion out.

    >>> _parse_renames(["anger=angry", "other="])
    {'anger': 'angry', 'other': None}
    """
    pairs = [rename.partition("=") for rename in renames]
    if wrong := [old for old, equals, _ in pairs if not (old and equals)]:
        raise click.UsageError(f"--map {wrong[0]}: expected OLD=NEW")
    return {old: new or None for old, _, new in pairs}

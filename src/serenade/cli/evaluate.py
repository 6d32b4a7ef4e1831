"""Run `serenade evaluate`."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from serenade._atomic import write_output
from serenade.cli import _help, _options, _output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from serenade.adaptation import Expect
    from serenade.corpora import Corpus
    from serenade.evaluation import AdaptationPlan, Report
    from serenade.protocols import Classes, EvaluationProtocol
    from serenade.training import Estimator


_FOR_MODELS = {
    *("system", "corpus", "model", "root", "labels", "label_column", "target", "renames"),
    *("classes", "jobs", "max_unusable", "adapt", "adapt_by", "out"),
}
"""Names of the parameters that have an effect on the evaluation of a trained model."""


@dataclasses.dataclass(frozen=True)
class Choices:
    """Values of the options by name."""

    root: str | None
    labels: str | None
    label_column: str
    target: str
    renames: Sequence[str]
    recipe: str
    changes: Sequence[str]
    seed: int
    jobs: int | None
    device: str
    checkpoints: Path | None
    tracking: str | None
    max_unusable: float
    protocol: str
    plan_changes: Sequence[str]
    folds: str | None
    write_folds: Path | None
    repeats: int | None
    speaker_standardisation: bool
    robustness: bool
    adapt: Expect | None
    adapt_by: str
    classes: Classes
    out: Path | None

    @property
    def material(self) -> tuple[str | None, str | None, Sequence[str], str, str]:
        """Arguments of `_options.open_corpus` after the name of the corpus."""
        return self.root, self.labels, self.renames, self.label_column, self.target


@click.command(
    cls=_help.GroupedCommand,
    groups={
        "Data": _help.DATA,
        "Training": (*_help.TRAINING, "speaker_standardisation"),
        "Folds": ("protocol", "plan_changes", "folds", "write_folds", "repeats"),
        "Trained models and other corpora": ("model", "train_on", "test_on", "classes"),
        "Report": ("out", "robustness", "adapt", "adapt_by"),
    },
)
@click.argument("system", metavar="[SYSTEM]", shell_complete=_help.complete_from("systems"))
@click.argument("corpus", required=False, shell_complete=_help.complete_from("corpora"))
@click.option(
    "--model",
    metavar="DIR|USER/NAME|bundled",
    help="Evaluate a trained model on CORPUS instead of training a system: a model folder, a model "
    "on the Hugging Face hub, or a model of the package (bundled, commercial, arousal).",
)
@click.option(
    "--train-on",
    metavar="A,B,…",
    help="Train SYSTEM on all of these corpora and test it on the corpus of --test-on.",
)
@click.option("--test-on", metavar="C", help="Corpus to test; see --train-on.")
@click.option(
    "--classes",
    default="shared",
    show_default=True,
    type=click.Choice(["shared", "all"]),
    help="For --model and --train-on: use the emotions that training and test data share, or all; "
    "then emotions that were not trained on are always wrong. UA is over the emotions that occur "
    "in the test data.",
)
@_options.add_training_options
@_options.target
@_options.max_unusable
@click.option(
    "--protocol",
    default="speaker-independent",
    show_default=True,
    help="speaker-independent (leave one speaker out for up to 10 speakers, else 6 groups), loso, "
    "session, groups, random (speaker-dependent, for comparison) or fixed (the column "
    "split).",
)
@click.option(
    "--protocol-set",
    "plan_changes",
    multiple=True,
    metavar="FIELD=VALUE",
    help="Change a field of the protocol: test=0.1, validation=0.1 or repeats=5 (random), "
    "validation_speakers=2 (speaker-independent), groups=6 (groups). Can be repeated.",
)
@click.option(
    "--folds",
    metavar="PATH",
    type=click.Path(exists=True),
    help="Use the folds of a file that --write-folds wrote, or of a folder of EmoBox lists, "
    "instead of a protocol.",
)
@click.option(
    "--write-folds",
    metavar="FILE",
    type=_options.Output(),
    help="Write the folds to FILE.",
)
@click.option(
    "--repeats", type=click.IntRange(min=1), help="Number of draws of the random protocol."
)
@click.option(
    "--speaker-standardisation",
    is_flag=True,
    help="Standardise features per speaker. This uses unlabelled test speech, and the report says "
    "so.",
)
@click.option(
    "--robustness",
    is_flag=True,
    help="Also predict the test recordings with noise, reverberation, telephone band and other "
    "levels.",
)
@_options.adapt(
    "Also report scores adapted to the unlabelled test recordings, whose emotions occur in "
    "similar shares, are mostly neutral, or are unknown (the default). These scores are "
    "transductive and labelled so. Takes up to six times as long."
)
@click.option(
    "--adapt-by",
    default="speaker",
    show_default=True,
    type=click.Choice(["corpus", "speaker"]),
    help="Test recordings to adapt to: those of the speaker, or those of the corpus in a fold.",
)
@click.option(
    "--out",
    metavar="DIR",
    type=_options.Output(folder=True),
    help="Folder for report.json, report.md and the confusion matrix.",
)
def command(
    system: str,
    corpus: str | None,
    model: str | None,
    train_on: str | None,
    test_on: str | None,
    **options: Any,
) -> None:
    r"""Evaluate SYSTEM on CORPUS and report UA, WA and F1 with 95% intervals over speakers.

    SYSTEM is a name from `serenade systems`, or the path of a .py file with your own system. CORPUS
    is a name from `serenade corpora`, the path of a manifest, of a folder with a subfolder for each
    emotion, or of a .py file with your own loader. Nothing that is fitted sees the test fold. With
    --target the scores are those of the target: CCC, correlation and error of numbers.

    \b
    serenade evaluate whisper-probe ravdess --root CORPORA --out runs/ravdess
    serenade evaluate whisper-probe emodb --root CORPORA --labels angry,happy,neutral,sad
    serenade evaluate whisper-probe my.csv --protocol random --repeats 5
    serenade evaluate cnn-transformer ravdess --root CORPORA --checkpoints runs/checkpoints
    serenade evaluate whisper-probe my.csv --target arousal
    serenade evaluate own_system.py my.csv
    serenade evaluate --model my-model other.csv
    serenade evaluate whisper-probe --train-on ravdess,emodb --test-on nemo --root CORPORA
    """
    choices = Choices(**options)
    given = dict(_options.list_given())
    if choices.adapt is None and "adapt_by" in given:
        raise click.UsageError("--adapt-by adapts nothing without --adapt; add --adapt")
    if "classes" in given and (choices.target != "emotion" or not (model or train_on)):
        raise click.UsageError("--classes chooses emotions of --model or --train-on; leave it out")
    if model is not None:
        if train_on is not None or test_on is not None:
            raise click.UsageError(f"--model {model}: leave out --train-on and --test-on")
        _evaluate_model(model, system, corpus, choices)
        return
    if train_on is not None or test_on is not None:
        _evaluate_across(system, corpus, train_on, test_on, choices)
        return
    if choices.folds is not None:
        excess = {"protocol", "plan_changes", "repeats"}
        _options.refuse_given(excess, f"--folds {choices.folds}: its folds are used")
    _options.check_names(system, corpus, choices.root)
    if corpus is None:
        raise click.UsageError(
            "a corpus is missing: name one of `serenade corpora` or a manifest after the system"
        )
    estimator = _make_estimator(system, choices)
    plan = _get_protocol(choices)
    opened = _options.open_corpus(corpus, *choices.material)
    _evaluate(estimator, opened, _read_or_write_folds(plan, opened, choices), choices)


def _evaluate_model(model: str, corpus: str, excess: str | None, choices: Choices) -> None:
    """Evaluate a trained model on a corpus, and publish the report."""
    if excess is not None:
        raise click.UsageError(f"--model {model}: give the corpus only, without a system")
    others = {name for name, _ in _options.list_given()} - _FOR_MODELS
    _options.refuse_given(others, f"--model {model}: nothing is trained")
    from serenade import corpora
    from serenade.evaluation import evaluate_model
    from serenade.inference import Model

    corpora.check_name(corpus)
    loaded = Model.load(model)
    report = evaluate_model(
        loaded,
        _options.open_corpus(corpus, *choices.material),
        name=Path(model).name,
        classes=choices.classes,
        adapt=_make_adaptation(choices),
        max_unusable=choices.max_unusable,
        jobs=choices.jobs,
        command=_output.format_command(sys.argv[1:]),
    )
    _publish(report, choices.out)


def _evaluate_across(
    system: str, excess: str | None, train_on: str | None, test_on: str | None, choices: Choices
) -> None:
    """Train a system on some corpora, test it on another, and publish the report."""
    divided = {"folds", "repeats", "plan_changes", "protocol"} & dict(_options.list_given()).keys()
    if excess is not None or not train_on or not test_on or divided:
        raise click.UsageError(
            "--train-on and --test-on: give both, with a system, without CORPUS, --folds, "
            "--repeats, --protocol and --protocol-set"
        )
    names = [*train_on.split(","), test_on]
    for name in names:
        _options.check_names(system, name, choices.root)
    from serenade.protocols import join_corpora

    estimator = _make_estimator(system, choices)
    *train, test = _options.open_corpora(names, *choices.material)
    joined, plan = join_corpora(train, test, choices.classes)
    _evaluate(estimator, joined, _read_or_write_folds(plan, joined, choices), choices)


def _make_estimator(system: str, choices: Choices) -> Estimator:
    """Return the unfitted estimator of a system; a wrong system or recipe fails here."""
    from serenade.training import Estimator

    # Estimator takes its own arguments and fields of the recipe by the same names.
    _options.get_system_and_recipe(system, choices.recipe, choices.changes)
    return Estimator(
        system,
        choices.recipe,
        speaker_standardisation=choices.speaker_standardisation,
        jobs=choices.jobs,
        device=choices.device,
        checkpoints=choices.checkpoints,
        tracking=choices.tracking,
        **_options.parse_changes(choices.changes, "--set"),
    )


def _get_protocol(choices: Choices) -> EvaluationProtocol:
    """Return the protocol with its changed fields."""
    from serenade.protocols import get

    fields = _options.parse_changes(choices.plan_changes, "--protocol-set")
    return get(
        choices.protocol, **fields | ({"repeats": choices.repeats} if choices.repeats else {})
    )


def _read_or_write_folds(
    plan: EvaluationProtocol, corpus: Corpus, choices: Choices
) -> EvaluationProtocol:
    """Return the protocol of --folds if given, and write the folds of --write-folds."""
    from serenade.protocols import FoldOrigin, GivenFolds, read_fold_origin, write_folds

    if choices.folds is not None:
        folds = tuple(_options.read_fold_option(choices.folds, corpus))
        plan = GivenFolds(folds, read_fold_origin(choices.folds))
    if choices.write_folds is not None:
        made = plan.split(corpus.table, choices.seed)
        origin = FoldOrigin(plan.label, plan.description)
        write_folds(choices.write_folds, made, corpus.table, corpus.root, origin)
    return plan


def _make_adaptation(choices: Choices) -> AdaptationPlan | None:
    """Return what the posteriors are adapted to, if --adapt is given."""
    from serenade.evaluation import AdaptationPlan

    return None if choices.adapt is None else AdaptationPlan(choices.adapt, choices.adapt_by)


def _evaluate(
    estimator: Estimator, corpus: Corpus, plan: EvaluationProtocol, choices: Choices
) -> None:
    """Train and test the estimator on each fold, and publish the report."""
    from serenade.audio import CONDITIONS
    from serenade.evaluation import evaluate

    report = evaluate(
        estimator,
        corpus,
        plan,
        seed=choices.seed,
        progress=lambda line: _output.echo(line, err=True),
        max_unusable=choices.max_unusable,
        command=_output.format_command(sys.argv[1:]),
        conditions=CONDITIONS if choices.robustness else None,
        adapt=_make_adaptation(choices),
    )
    _publish(report, choices.out)


def _publish(report: Report, out: Path | None) -> None:
    """Print the report, and write it with its figures if a folder is given."""
    if out:
        report.to_json(out / "report.json")
        write_output(out / "report.md", report.to_markdown())
    click.echo(report.to_markdown())
    if out:
        report.to_figures(out)

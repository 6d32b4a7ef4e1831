"""Run `serenade evaluate`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from serenade._atomic import write_output
from serenade.cli import _options

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@click.command()
@click.argument("system")
@click.argument("corpus")
@_options.add_training_options
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
@click.option(
    "--out",
    metavar="DIR",
    type=_options.Output(folder=True),
    help="Folder for report.json, report.md and the confusion matrix.",
)
def command(
    system: str,
    corpus: str,
    root: str | None,
    labels: str | None,
    renames: Sequence[str],
    recipe: str,
    changes: Sequence[str],
    seed: int,
    jobs: int | None,
    device: str,
    checkpoints: Path | None,
    tracking: str | None,
    max_unusable: float,
    protocol: str,
    plan_changes: Sequence[str],
    folds: str | None,
    write_folds: Path | None,
    repeats: int | None,
    speaker_standardisation: bool,
    robustness: bool,
    out: Path | None,
) -> None:
    r"""Evaluate SYSTEM on CORPUS and report UA, WA and F1 with 95% intervals over speakers.

    SYSTEM is a name from `serenade systems`, or the path of a .py file with your own system. CORPUS
    is a name from `serenade corpora`, the path of a manifest, of a folder with a subfolder for each
    emotion, or of a .py file with your own loader. Nothing that is fitted sees the test fold.

    \b
    serenade evaluate whisper-probe ravdess --root CORPORA --out runs/ravdess
    serenade evaluate whisper-probe emodb --root CORPORA --labels angry,happy,neutral,sad
    serenade evaluate whisper-probe my.csv --protocol random --repeats 5
    serenade evaluate cnn-transformer ravdess --root CORPORA --checkpoints runs/checkpoints
    serenade evaluate own_system.py my.csv
    """
    _options.check_names(system, corpus)
    from serenade.audio import CONDITIONS
    from serenade.evaluation import evaluate
    from serenade.protocols import GivenFolds, get
    from serenade.protocols import write_folds as write
    from serenade.training import Estimator

    estimator = Estimator(
        system,
        recipe,
        speaker_standardisation=speaker_standardisation,
        jobs=jobs,
        device=device,
        checkpoints=checkpoints,
        tracking=tracking,
        **_options.parse_changes(changes, "--set"),
    )
    estimator.get_recipe()  # a wrong system or recipe fails before the corpus is opened
    fields_of_plan = _options.parse_changes(plan_changes, "--protocol-set")
    plan = get(protocol, **fields_of_plan | ({"repeats": repeats} if repeats else {}))
    opened = _options.open_corpus(corpus, root, labels, renames)
    if folds is not None:
        plan = GivenFolds(tuple(_options.read_fold_option(folds, opened)))
    if write_folds is not None:
        write(write_folds, plan.split(opened.table, seed), opened.table, opened.root)
    report = evaluate(
        estimator,
        opened,
        plan,
        seed=seed,
        progress=lambda line: click.echo(line, err=True),
        max_unusable=max_unusable,
        command=_options.format_command(sys.argv[1:]),
        conditions=CONDITIONS if robustness else None,
    )
    if out:
        report.to_json(out / "report.json")
        write_output(out / "report.md", report.to_markdown())
    click.echo(report.to_markdown())
    if out:
        report.to_figures(out)

"""Run `serenade train`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from serenade._model_files import read_description
from serenade.cli import _help, _options, _output

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@click.command(
    cls=_help.GroupedCommand,
    groups={
        "Data": (*_help.DATA, "named", "licence"),
        "Training": _help.TRAINING,
        "Model": ("out", "overwrite"),
    },
)
@click.argument("system", shell_complete=_help.complete_from("systems"))
@click.argument("corpus", required=False, shell_complete=_help.complete_from("corpora"))
@click.option(
    "--corpus",
    "named",
    metavar="CORPUS",
    help="Corpus to train on; alternative to the argument CORPUS.",
)
@_options.add_training_options
@_options.target
@_options.max_unusable
@click.option(
    "--out",
    metavar="DIR",
    required=True,
    type=_options.Output(folder=True),
    help="Model folder to write.",
)
@click.option("--overwrite", is_flag=True, help="Replace the model in the folder of --out.")
@click.option(
    "--licence",
    metavar="SPDX",
    help="Licence of the recordings for the model card. Default: the licence of the corpus.",
)
def command(
    system: str,
    corpus: str | None,
    named: str | None,
    root: str | None,
    labels: str | None,
    label_column: str,
    target: str,
    renames: Sequence[str],
    recipe: str,
    changes: Sequence[str],
    seed: int,
    jobs: int | None,
    device: str,
    checkpoints: Path | None,
    tracking: str | None,
    max_unusable: float,
    out: Path,
    overwrite: bool,
    licence: str | None,
) -> None:
    r"""Train SYSTEM on all of CORPUS and write a model folder for `serenade predict --model`.

    SYSTEM is a name from `serenade systems`, or the path of a .py file with your own system. CORPUS
    is a name from `serenade corpora`, the path of a .py file with your own loader, of a folder with
    a subfolder for each emotion, or of a manifest. A manifest is a CSV file with the columns file
    and emotion; a column speaker improves the calibration of the probabilities.

    \b
    serenade train whisper-probe my.csv --out my-model
    serenade predict call.wav --model my-model
    """
    if (corpus is None) == (named is None):
        raise click.UsageError("give one corpus to train on: a name or the path of a manifest")
    where = str(corpus or named)
    _options.check_names(system, where, root)
    if not overwrite and out.is_dir() and any(out.iterdir()):
        raise click.UsageError(
            f"{out}: holds a model; replace it with --overwrite, or name another folder"
            if (out / "model.json").exists()
            else f"{out}: holds other files; name another folder, or add --overwrite"
        )
    from serenade.training import Estimator, train_model

    chosen, fields = _options.get_system_and_recipe(system, recipe, changes)
    opened = _options.open_corpus(where, root, labels, renames, label_column, target)
    info = opened.info
    train_model(
        Estimator(
            chosen,
            fields,
            seed=seed,
            jobs=jobs,
            device=device,
            checkpoints=checkpoints,
            tracking=tracking,
        ),
        opened.table,
        out,
        corpus=info.name,
        licence=licence or info.licence,
        citation=info.citation,
        progress=lambda line: _output.echo(line, err=True),
        max_unusable=max_unusable,
        targets=opened.targets,
    )
    count = read_description(out)["recordings"]  # without those that cannot be used
    _output.echo(f"{out}: trained on {count} recordings of {info.name}")

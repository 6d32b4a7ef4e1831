"""`serenade train`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from serenade.cli import _options

if TYPE_CHECKING:
    from collections.abc import Sequence


@click.command()
@click.argument("system")
@click.argument("corpus", required=False)
@click.option("--corpus", "named", metavar="CORPUS", help="The same, by name of the option.")
@_options.add_training_options
@click.option(
    "--out", metavar="DIR", required=True, type=click.Path(file_okay=False), help="Model folder."
)
def command(
    system: str,
    corpus: str | None,
    named: str | None,
    root: str | None,
    labels: str | None,
    recipe: str,
    changes: Sequence[str],
    seed: int,
    jobs: int | None,
    device: str,
    checkpoints: str | None,
    tracking: str | None,
    out: str,
) -> None:
    r"""Train SYSTEM on all of CORPUS, into a folder for `serenade predict --model`.

    SYSTEM is a name of `serenade systems` or the path of your own, a .py file. CORPUS is a name of
    `serenade corpora`, the path of your own loader, or of a manifest: a CSV with the columns file
    and emotion is enough, speaker makes the probabilities better calibrated.

    \b
    serenade train whisper-probe my.csv --out my-model
    serenade predict call.wav --model my-model
    """
    if (corpus is None) == (named is None):
        raise click.UsageError("name one corpus to train on: a name or the path of a manifest")
    from serenade.training import Estimator, train_model

    chosen, fields = _options.get_system_and_recipe(system, recipe, changes)
    opened = _options.open_corpus(str(corpus or named), root, labels)
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
        licence=info.licence,
        citation=info.citation,
        progress=lambda line: click.echo(line, err=True),
    )
    click.echo(f"{out}: trained on {len(opened)} recordings of {info.name}")

"""Run `serenade extract`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from serenade.cli import _help, _options

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from serenade.features import Feature
    from serenade.systems import System


@click.command()
@click.argument("system", shell_complete=_help.complete_from("systems"))
@click.argument("corpus", shell_complete=_help.complete_from("corpora"))
@_options.add_corpus_options
@click.option(
    "--each",
    default=256,
    show_default=True,
    type=click.IntRange(min=1),
    help="Recordings in each file.",
)
@click.option(
    "--out",
    metavar="DIR",
    required=True,
    type=_options.Output(folder=True),
    help="Folder for the Parquet files. Each feature gets a subfolder if there are several.",
)
def command(
    system: str,
    corpus: str,
    root: str | None,
    labels: str | None,
    label_column: str,
    renames: Sequence[str],
    recipe: str,
    changes: Sequence[str],
    jobs: int | None,
    each: int,
    out: Path,
) -> None:
    r"""Extract the features of SYSTEM from CORPUS into Parquet files.

    Each file holds a few hundred recordings and is written completely or not at all. If the command
    is interrupted, run it again: it resumes after the last complete file. Memory holds only one
    file. Read the files with any Parquet reader.

    \b
    serenade extract cnn-transformer my.csv --out features
    serenade extract whisper-probe my.csv --out /shared/features --dask tcp://head:8786
    """
    _options.check_names(system, corpus, root)
    from serenade.corpora import list_items
    from serenade.extraction import list_clips, write_shards

    chosen, fields = _options.get_system_and_recipe(system, recipe, changes)
    features = _list_features(chosen, fields)
    opened = _options.open_corpus(corpus, root, labels, renames, label_column)
    segments = list_clips(opened.table.index)
    names = [item.file for item in list_items(opened.table, opened.root)]
    for number, feature in enumerate(features):
        folder = out if len(features) == 1 else out / f"{number}-{type(feature).__name__}"
        rows = failed = made = shards = 0
        seconds = 0.0
        for shard in write_shards(
            segments,
            feature,
            folder,
            names=names,
            sampling_rate=chosen.sampling_rate,
            each=each,
            jobs=jobs,
        ):
            shards += 1
            made += shard.made
            rows += shard.rows
            failed += shard.failed
            seconds += shard.seconds
        click.echo(
            f"{folder}: {rows} recordings in {shards} files, {made} of them made now of "
            f"{seconds / 3600:.2f} h of sound; {failed} recordings could not be used"
        )


def _list_features(system: System, recipe: Any) -> list[Feature]:
    """Return the features of recordings of a recipe, each once."""
    from serenade.features import Feature

    found: list[Feature] = []
    for each in system.features(recipe):
        if isinstance(each, Feature) and each not in found:
            found.append(each)
    if not found:
        raise click.UsageError(
            f"{system.name}: this recipe takes texts only; there is nothing to extract from "
            "recordings"
        )
    return found

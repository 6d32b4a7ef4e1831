"""Run `serenade stress`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from serenade.cli import _options, _output
from serenade.errors import SerenadeError

if TYPE_CHECKING:
    from collections.abc import Sequence


@click.command()
@click.argument("model", metavar="DIR|USER/NAME|bundled|commercial")
@click.argument("names", nargs=-1, required=True, metavar="CORPUS...")
@_options.root
@_options.labels
@_options.renames
@click.option(
    "--by",
    multiple=True,
    metavar="COLUMN",
    help="Also compare the groups of this column, such as accent. Can be repeated.",
)
@click.option(
    "--speakers",
    default=10,
    show_default=True,
    type=click.IntRange(min=1),
    help="Test up to this number of speakers of a corpus, chosen at random.",
)
@click.option(
    "--per-speaker",
    default=12,
    show_default=True,
    type=click.IntRange(min=1),
    help="Test up to this number of recordings of a speaker; emotions take turns.",
)
@_options.seed
@_options.max_unusable
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    help="Number of threads. Default: one for each core.",
)
@click.option(
    "--out",
    "outputs",
    multiple=True,
    metavar="OUT",
    type=_options.Output(),
    help="Write to OUT: .md (the page) or .json (its data). Can be repeated.",
)
def command(
    model: str,
    names: Sequence[str],
    root: str | None,
    labels: str | None,
    renames: Sequence[str],
    by: Sequence[str],
    speakers: int,
    per_speaker: int,
    seed: int,
    max_unusable: float,
    jobs: int | None,
    outputs: Sequence[Path],
) -> None:
    r"""Test the fairness and the robustness of a trained MODEL on one CORPUS or more.

    The page compares UA between genders, ages and languages, and on the same recordings with
    noise, codecs, reverberation, other levels and cuts, with thresholds and verdicts. It states
    whether the model heard the recordings in training. Codecs need PyAV (extra: media).

    \b
    serenade stress bundled ravdess emodb nemo --root CORPORA --out robustness.md
    serenade stress my-model my.csv --by accent --per-speaker 6
    """
    from serenade import corpora
    from serenade._atomic import write_output
    from serenade._printable import dump_json
    from serenade.evaluation import stress_model
    from serenade.inference import Model

    for path in outputs:
        if path.suffix not in {".md", ".json"}:
            raise SerenadeError(f"{path}: a stress test is written as .md or .json; name one")
    for name in names:
        corpora.check_name(name)
    loaded = Model.load(model)
    report = stress_model(
        loaded,
        _options.open_corpora(list(names), root, labels, renames, "emotion"),
        name=Path(model).name,
        by=by,
        speakers=speakers,
        per_speaker=per_speaker,
        seed=seed,
        max_unusable=max_unusable,
        jobs=jobs,
        command=_output.format_command(sys.argv[1:]),
    )
    for path in outputs:
        page = path.suffix == ".md"
        write_output(path, report.to_markdown() if page else f"{dump_json(report.to_dict())}\n")
    if not outputs:
        _output.echo(report.to_markdown())

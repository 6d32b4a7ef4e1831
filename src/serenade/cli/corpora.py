"""Run `serenade corpora`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from serenade import _extensions, corpora
from serenade._printable import to_printable
from serenade.cli import _help, _options, _output

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@click.argument("name", required=False, shell_complete=_help.complete_from("corpora"))
@click.option(
    "--root",
    metavar="DIR",
    type=click.Path(),
    help="Folder of the corpus; open it and list its problems.",
)
@click.option(
    "--download",
    metavar="DIR",
    type=_options.Output(folder=True),
    help="Download the corpus into DIR and verify its checksum.",
)
@click.option(
    "--deep",
    is_flag=True,
    help="Also read every recording completely, as training does. Verdicts are cached.",
)
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    help="Number of processes for --deep. Default: one for each core.",
)
def command(
    name: str | None, root: str | None, download: Path | None, deep: bool, jobs: int | None
) -> None:
    r"""List the corpora, describe one, or check one on disk.

    NAME is a listed name, the path of a CSV or TSV manifest with the columns file and emotion
    (optional: start, end, speaker, session, text, split), or the path of a .py file with your own
    loader.

    \b
    serenade corpora
    serenade corpora ravdess
    serenade corpora ravdess --download CORPORA
    serenade corpora ravdess --root CORPORA
    serenade corpora my.csv
    serenade corpora my.csv --deep
    """
    _refuse_excess(name, root, download, deep)
    if name is None:
        for each in corpora.names():
            info = corpora.describe(each)
            click.echo(f"{each}: {info.title} [{info.licence}]")
        return
    if download:
        click.echo(corpora.fetch(name, download))
        return
    if _has_description(name):
        _describe(name)
        if root is None:
            return
    corpus = corpora.open(name, root)
    click.echo(f"{len(corpus)} recordings of {len(corpus.speakers)} speakers")
    for label, count in corpus.table["emotion"].value_counts().items():
        _output.echo(f"  {label}: {count}")
    problems = [*corpus.problems, *(_read_recordings(corpus, jobs) if deep else ())]
    click.echo(f"{len(problems)} problems")
    for problem in problems:
        _output.echo(f"  {problem.kind}: {to_printable(problem.message)}")
        for file in problem.files:
            _output.echo(f"    {to_printable(file)}")


def _refuse_excess(name: str | None, root: str | None, download: Path | None, deep: bool) -> None:
    """Refuse options that have no effect."""
    if name is None:
        _options.refuse_without("NAME", "root", "download", "deep", "jobs")
    elif download:
        _options.refuse_given({"root", "deep", "jobs"}, "--download only downloads")
    elif not deep:
        _options.refuse_without("--deep", "jobs")
    elif root is None and _has_description(name):
        _options.refuse_without("--root", "deep")


def _has_description(name: str) -> bool:
    """Return whether a corpus is described, and opened only with a folder."""
    return name in corpora.names() or _extensions.is_python_file(name)


def _read_recordings(corpus: corpora.Corpus, jobs: int | None) -> list[corpora.Problem]:
    """Read every recording; return one problem for each that cannot be used."""
    from serenade.extraction import find_unusable, list_clips

    found = find_unusable(list_clips(corpus.table.index), jobs=jobs)
    items = corpora.list_items(corpus.table, corpus.root)
    return [
        corpora.Problem("unusable", f"{error.problem}; {error.fix}", (items[index].file,))
        for index, error in sorted(found.items())
    ]


def _describe(name: str) -> None:
    info = corpora.describe(name)
    _output.echo(f"{info.name}: {info.title}")
    for key, value in (
        ("licence", info.licence),
        ("cite", info.citation),
        ("home", info.url),
        ("languages", ", ".join(info.languages)),
        ("emotions", ", ".join(info.labels)),
        ("layout", info.layout),
        ("get it", info.obtain),
        ("warning", info.warning),
    ):
        if value:
            _output.echo(f"  {key}: {value}")
    if info.expected:
        click.echo(f"  published: {info.expected.files} files, {info.expected.speakers} speakers")

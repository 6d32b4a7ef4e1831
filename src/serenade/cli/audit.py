"""Run `serenade audit`."""

from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING, NoReturn

import click

from serenade._printable import dump_json, to_printable
from serenade.cli import _help, _options

if TYPE_CHECKING:
    from collections.abc import Sequence


@click.command()
@click.argument("corpus", shell_complete=_help.complete_from("corpora"))
@_options.root
@_options.labels
@click.option(
    "--protocol",
    default="speaker-independent",
    show_default=True,
    help="Protocol that divides the corpus; see `serenade evaluate --help`.",
)
@click.option(
    "--protocol-set",
    "plan_changes",
    multiple=True,
    metavar="FIELD=VALUE",
    help="Change a field of the protocol; see `serenade evaluate --help`.",
)
@click.option(
    "--folds",
    metavar="PATH",
    type=click.Path(exists=True),
    help="Audit the folds of a file or of a folder of EmoBox lists instead of a protocol.",
)
@click.option(
    "--speaker",
    "pattern",
    default="",
    metavar="REGEX",
    help="For a table of folds: expression whose groups are the speaker within a file's path.",
)
@_options.seed
@click.option("--json", "as_json", is_flag=True, help="Print findings as JSON.")
def command(
    corpus: str,
    root: str | None,
    labels: str | None,
    protocol: str,
    plan_changes: Sequence[str],
    folds: str | None,
    pattern: str,
    seed: int,
    as_json: bool,
) -> None:
    r"""Find what the training and test clips of CORPUS share; exit with status 1 on a leak.

    `serenade evaluate` runs the same audit and writes its findings into the report.

    CORPUS can also be a table of folds, a CSV file with the columns fold, split and file, and
    optionally corpus and speaker. Its audio is not needed: the audit reports the speakers that
    training and test share. Naming rules of EmoBox's corpora are known.

    \b
    serenade audit ravdess --root CORPORA
    serenade audit emodb --root CORPORA --protocol random
    serenade audit my.csv --folds folds.json
    serenade audit folds.csv --speaker '^([^/]+)/'
    """
    from serenade.evaluation import CHECKED_ROWS, audit_folds
    from serenade.protocols import get, is_fold_table

    plan = {"protocol", "plan_changes", "seed"}
    if is_fold_table(corpus):
        excess = {*plan, "root", "labels", "folds"}
        _options.refuse_given(excess, f"{corpus}: a table of folds, which is audited alone")
        _audit_table(corpus, pattern, as_json=as_json)

    _options.refuse_given(
        {"pattern"}, f"{corpus}: no table of folds (a CSV file with the columns fold, split, file)"
    )
    if folds is not None:
        _options.refuse_given(plan, f"--folds {folds}: its folds are audited")
    opened = _options.open_corpus(corpus, root, labels)
    if folds is None:
        fields = _options.parse_changes(plan_changes, "--protocol-set")
        parts = get(protocol, **fields).split(opened.table, seed)
    else:
        parts = _options.read_fold_option(folds, opened)
    found = audit_folds(parts, opened.table, opened.root)
    leaks = any(finding.leak for finding in found)
    if as_json:
        data = {"checked": CHECKED_ROWS, "findings": [dataclasses.asdict(one) for one in found]}
        click.echo(dump_json(data, indent=2))
    else:
        for finding in found:
            click.echo(to_printable(finding))
        click.echo(f"{len(parts)} folds of {len(opened)} recordings; looked for {CHECKED_ROWS}")
        if not leaks:
            click.echo("no leak found")
    sys.exit(1 if leaks else 0)


def _audit_table(path: str, pattern: str, *, as_json: bool) -> NoReturn:
    """Print the speakers that folds of a table share, and exit."""
    from serenade.protocols import list_fold_speakers

    found = list_fold_speakers(path, pattern)
    if as_json:
        data = [
            {
                "corpus": one.corpus,
                "fold": one.fold,
                "trained": len(one.trained),
                "tested": len(one.tested),
                "shared": one.shared,
                "unknown": one.unknown,
            }
            for one in found
        ]
        click.echo(dump_json(data, indent=2))
    else:
        for one in found:
            click.echo(to_printable(one))
    sys.exit(1 if any(one.shared for one in found) else 0)

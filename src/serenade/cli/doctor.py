"""Run `serenade doctor`."""

from __future__ import annotations

import json
import sys

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of lines.")
def command(*, as_json: bool) -> None:
    """Check the installation, and exit with status 1 if something is broken.

    Prints versions, extras, a test prediction of the bundled model, the cache, cores, threads,
    GPU and sound formats. It prints no user names, and only Serenade's own settings. Copy the
    output into bug reports.
    """
    from serenade import _diagnostics

    found = _diagnostics.collect_diagnostics()
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        for line in _diagnostics.format_diagnostics(found):
            click.echo(line)
    sys.exit(1 if found["broken"] else 0)

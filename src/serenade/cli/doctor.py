"""`serenade doctor`."""

from __future__ import annotations

import json
import sys

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of lines.")
def command(*, as_json: bool) -> None:
    """Tell what is installed and whether it works; status 1 where something is broken.

    For the top of a bug report: versions, extras, the bundled model judged by a second of sound,
    the cache, cores, threads, GPU and sound formats. No names of users and no environment but
    Serenade's own settings.
    """
    from serenade import _diagnostics

    found = _diagnostics.collect_diagnostics()
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        for line in _diagnostics.format_diagnostics(found):
            click.echo(line)
    sys.exit(1 if found["broken"] else 0)

"""`serenade cache`."""

from __future__ import annotations

import click

from serenade.extraction import Cache, get_size_limit


@click.command()
@click.option("--clear", is_flag=True, help="Remove every entry.")
@click.option(
    "--trim",
    metavar="GB",
    type=click.FloatRange(min=0),
    help="Remove the least recently used entries until this many gigabytes are left.",
)
def command(*, clear: bool, trim: float | None) -> None:
    """Show the cache of extracted features, or make it smaller.

    Entries are named after the audio's content and the feature's parameters, so none is ever
    stale; removing them costs time only. SERENADE_CACHE names the folder, SERENADE_CACHE_GB the
    size at which the least recently used go (10 by default).
    """
    cache = Cache()
    if clear:
        click.echo(f"removed {cache.clear()} entries")
    elif trim is not None:
        click.echo(f"removed {cache.trim(round(trim * 1e9))} entries")
    entries, size = cache.usage()
    click.echo(
        f"{cache.folder}: {entries} entries, {size / 1e6:.1f} MB of {get_size_limit() / 1e6:.0f}"
    )

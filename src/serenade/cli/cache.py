"""Run `serenade cache`."""

from __future__ import annotations

import click

from serenade.cli import _options
from serenade.extraction import Cache, get_size_limit


@click.command()
@click.option("--clear", is_flag=True, help="Remove every entry.")
@click.option(
    "--trim",
    metavar="GB",
    type=_options.Number(min=0),
    help="Remove the least recently used entries until this many gigabytes are left.",
)
def command(*, clear: bool, trim: float | None) -> None:
    """Show the cache of extracted features, or make it smaller.

    The key of an entry is the content of the audio and the parameters of the feature, so entries
    are never stale, and removing them only costs time. SERENADE_CACHE sets the folder.
    SERENADE_CACHE_GB sets the size (default 10) above which the least recently used entries are
    removed.
    """
    if clear:
        _options.refuse_given({"trim"}, "--clear removes every entry")
    cache = Cache()
    if clear:
        click.echo(f"removed {cache.clear()} entries")
    elif trim is not None:
        click.echo(f"removed {cache.trim(round(trim * 1e9))} entries")
    entries, size = cache.usage()
    click.echo(
        f"{cache.folder}: {entries} entries, {size / 1e6:.1f} MB of at most "
        f"{get_size_limit() / 1e6:.0f} MB"
    )

"""`serenade serve`."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

import click

from serenade.cli import _options
from serenade.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Sequence


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    default=8000,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="0 for any that is free.",
)
@_options.model
@click.option(
    "--api-key",
    "api_keys",
    metavar="KEY",
    multiple=True,
    envvar="SERENADE_API_KEY",
    help="Let in only who states it; may be repeated. Better in SERENADE_API_KEY (several with "
    "spaces between): a command line is seen by everybody on the machine.",
)
@click.option(
    "--cors",
    "origins",
    metavar="ORIGIN",
    multiple=True,
    help="Let scripts of this page's host, such as https://example.org, use the server; may be "
    "repeated.",
)
@click.option(
    "--max-size",
    default=100,
    show_default=True,
    type=click.IntRange(min=1),
    help="Most MiB of a request.",
)
@click.option(
    "--max-duration",
    default=3600.0,
    show_default=True,
    type=click.FloatRange(min=1),
    help="Most seconds of a recording or a stream.",
)
@click.option(
    "--max-concurrency",
    type=click.IntRange(min=1),
    help="Recordings worked on at once; by default one per core.",
)
@click.option(
    "--queue",
    default=64,
    show_default=True,
    type=click.IntRange(min=0),
    help="Requests that may wait; those beyond are refused with 429.",
)
@click.option(
    "--max-streams",
    default=32,
    show_default=True,
    type=click.IntRange(min=0),
    help="Live streams at once.",
)
@click.option(
    "--timeout",
    default=120.0,
    show_default=True,
    type=click.FloatRange(min=1),
    help="Most seconds until a request is answered.",
)
def command(
    host: str,
    port: int,
    model: str | None,
    api_keys: Sequence[str],
    origins: Sequence[str],
    max_size: int,
    max_duration: float,
    max_concurrency: int | None,
    queue: int,
    max_streams: int,
    timeout: float,
) -> None:
    r"""Serve a page with a microphone, and an API for programs.

    \b
    serenade serve                      then open http://127.0.0.1:8000
    curl -F file=@call.wav http://127.0.0.1:8000/v1/predict

    The API is described at /docs. Ctrl+C or SIGTERM ends it once what runs is finished. A
    microphone needs https from other machines: put a proxy with a certificate before it.
    """
    import serenade
    from serenade.server import Settings

    try:
        from serenade.server import make_server, open_socket
    except ImportError as error:
        if (error.name or "").startswith("serenade"):
            raise
        raise MissingExtraError("the server", "serve") from None
    try:
        settings = Settings(
            api_keys=tuple(api_keys),
            origins=tuple(origin.rstrip("/") for origin in origins),
            max_size=max_size * 2**20,
            max_duration=max_duration,
            concurrency=max_concurrency or os.cpu_count() or 1,
            queue=queue,
            streams=max_streams,
            timeout=timeout,
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    running = make_server(serenade.load(model), settings)
    with open_socket(host, port) as listening:
        address = f"[{host}]" if ":" in host else host
        click.echo(
            f"Serenade at http://{address}:{listening.getsockname()[1]}  (Ctrl+C ends)", err=True
        )
        with contextlib.suppress(KeyboardInterrupt):  # uvicorn raises it again once it has ended
            running.run(sockets=[listening])

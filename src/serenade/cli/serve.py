"""Run `serenade serve`."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
from typing import TYPE_CHECKING

import click

from serenade.cli import _help, _options
from serenade.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Sequence

_KEY_VARIABLE = "SERENADE_API_KEY"


@click.command(
    cls=_help.GroupedCommand,
    groups={
        "Address and model": ("host", "port", "model", "device", "licence", "hume_routes"),
        "Access": ("api_keys", "hosts", "origins", "access_log"),
        "Limits": (
            *("max_size", "max_duration", "max_concurrency", "queue", "max_streams", "timeout"),
        ),
    },
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    default=8000,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Port to listen on; 0 for any free port.",
)
@_options.model
@_options.device
@_options.licence
@click.option(
    "--api-key",
    "api_keys",
    metavar="KEY",
    multiple=True,
    envvar=_KEY_VARIABLE,
    help="Accept only requests with this key. Can be repeated. Prefer the variable "
    "SERENADE_API_KEY (several keys separated by spaces): all users of the machine can see "
    "command lines.",
)
@click.option(
    "--allow-host",
    "hosts",
    metavar="NAME",
    multiple=True,
    help="Accept requests to this host name, besides localhost, addresses and the --host; '*' "
    "accepts all. Can be repeated.",
)
@click.option(
    "--cors",
    "origins",
    metavar="ORIGIN",
    multiple=True,
    help="Allow scripts of this origin, such as https://example.org, to use the server; '*' "
    "allows all. Can be repeated.",
)
@click.option(
    "--max-size",
    type=click.IntRange(min=1),
    help="Largest request in MiB. Default: the size of a WAV file of --max-duration, with two "
    "channels at 48 kHz, and at least 100.",
)
@click.option(
    "--max-duration",
    default=3600.0,
    show_default=True,
    type=_options.Number(min=1),
    help="Longest recording or stream in seconds.",
)
@click.option(
    "--max-concurrency",
    type=click.IntRange(min=1),
    help="Recordings processed at once. Default: one for each core.",
)
@click.option(
    "--queue",
    default=64,
    show_default=True,
    type=click.IntRange(min=0),
    help="Requests that may wait; further ones are refused with status 429.",
)
@click.option(
    "--max-streams",
    default=32,
    show_default=True,
    type=click.IntRange(min=0),
    help="Most live streams at once.",
)
@click.option(
    "--timeout",
    default=120.0,
    show_default=True,
    type=_options.Number(min=1),
    help="Most seconds for the work of a request.",
)
@click.option(
    "--hume-routes",
    is_flag=True,
    help="Also serve routes shaped like version 0 of Hume's API of expression measurement.",
)
@click.option("--access-log", is_flag=True, help="Write a line for each request to standard error.")
def command(
    host: str,
    port: int,
    model: str | None,
    licence: str,
    api_keys: Sequence[str],
    hosts: Sequence[str],
    origins: Sequence[str],
    max_size: int | None,
    max_duration: float,
    max_concurrency: int | None,
    queue: int,
    max_streams: int,
    timeout: float,
    hume_routes: bool,
    access_log: bool,
) -> None:
    r"""Serve a web page that records, and an API for programs.

    \b
    serenade serve                      then open http://127.0.0.1:8000
    curl -F file=@call.wav http://127.0.0.1:8000/v1/predict

    The API is described at /docs. Ctrl+C or SIGTERM finishes running work and stops the server.
    Browsers on other machines allow the microphone only over https: use a proxy with a certificate.
    """
    from serenade.server import Settings

    try:
        from serenade.server import make_server, open_socket
    except ImportError as error:
        if (error.name or "").startswith("serenade"):
            raise
        raise MissingExtraError("the server", "serve") from None
    if not api_keys and _KEY_VARIABLE in os.environ:
        raise click.UsageError(
            f"{_KEY_VARIABLE} is set but holds no key; give a key, or unset it to serve without"
        )
    try:
        settings = Settings(
            api_keys=tuple(api_keys),
            hosts=(host, *hosts),
            origins=tuple(origin.rstrip("/") for origin in origins),
            max_size=2**20 * max_size if max_size else None,
            max_duration=max_duration,
            concurrency=max_concurrency or os.cpu_count() or 1,
            queue=queue,
            streams=max_streams,
            timeout=timeout,
            hume_routes=hume_routes,
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    if access_log:
        _log_requests()
    running = make_server(_options.load_model(model, licence), settings)
    with open_socket(host, port) as listening:
        address = f"[{host}]" if ":" in host else host
        click.echo(
            f"Serenade at http://{address}:{listening.getsockname()[1]}  (press Ctrl+C to stop)",
            err=True,
        )
        with contextlib.suppress(KeyboardInterrupt):  # uvicorn raises it again after its shutdown
            running.run(sockets=[listening])
        _end_stuck_threads()


def _end_stuck_threads() -> None:
    """End the process at once if a thread of the server is stuck in a library."""
    if any(thread.name in {"predict", "live"} for thread in threading.enumerate()):
        logging.shutdown()
        sys.stderr.flush()
        os._exit(0)


def _log_requests() -> None:
    """Write the server's access log to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    logger = logging.getLogger("serenade.access")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)

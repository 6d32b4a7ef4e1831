"""Serves an application with uvicorn."""

from __future__ import annotations

import dataclasses
import socket
from typing import TYPE_CHECKING

import uvicorn

from serenade.errors import SerenadeError
from serenade.server._app import create_app
from serenade.server._connections import Http, Live
from serenade.server._live_routes import MESSAGE

if TYPE_CHECKING:
    from serenade.inference import Model
    from serenade.server._settings import Settings

_BACKLOG = 2000  # connections the system holds until they are taken


def _most(connections: int) -> int:
    """So many connections as leave half of the files a process may open to what they send."""
    try:
        import resource
    except ImportError:  # not a Unix
        return connections
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return connections if files == resource.RLIM_INFINITY else min(connections, files // 2)


def open_socket(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Args:
        host: address to listen on.
        port: likewise; 0 for any that is free.

    Raises:
        SerenadeError: it cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except (OSError, OverflowError) as error:
        raise SerenadeError(
            f"{host}:{port}: cannot listen there ({error}); choose another --port or --host"
        ) from None


def make_server(model: Model, settings: Settings) -> uvicorn.Server:
    """A server that was not started; `run` it on sockets of `open_socket`.

    On SIGTERM or Ctrl+C it takes no more connections and finishes what runs.

    Args:
        model: what judges.
        settings: limits and rights.
    """
    limits = dataclasses.replace(settings, connections=_most(settings.connections))

    class OurHttp(Http):
        settings = limits

    class OurLive(Live):
        settings = limits

    return uvicorn.Server(
        uvicorn.Config(
            create_app(model, settings),
            log_level="warning",
            access_log=False,
            server_header=False,
            http=OurHttp,
            timeout_graceful_shutdown=max(1, round(settings.timeout)),
            ws=OurLive,
            ws_max_size=MESSAGE,
            ws_per_message_deflate=False,
        )
    )

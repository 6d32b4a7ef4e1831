"""Serve the application with uvicorn."""

from __future__ import annotations

import dataclasses
import socket
from typing import TYPE_CHECKING, Any

import uvicorn

from serenade.errors import SerenadeError
from serenade.server._app import create_app
from serenade.server._connections import Http, Live
from serenade.server._fair_input import FairInput, Turns
from serenade.server._live_routes import MESSAGE

if TYPE_CHECKING:
    from serenade.inference import Model
    from serenade.server._settings import Settings

_BACKLOG = 2000  # connections that the system queues


def _limit_connections(connections: int) -> int:
    """Limit connections to half of the files that the process may open; uploads need the rest."""
    try:
        import resource
    except ImportError:  # not on Unix
        return connections
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return connections if files == resource.RLIM_INFINITY else min(connections, files // 2)


def open_socket(host: str, port: int) -> socket.socket:
    """Open a listening socket.

    Args:
        host: address to listen on.
        port: port to listen on; 0 for any free one.

    Raises:
        SerenadeError: the address is in use or not allowed.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except (OSError, OverflowError) as error:
        raise SerenadeError(
            f"{host}:{port}: cannot listen ({error}); choose another --port or --host"
        ) from None


def make_server(model: Model, settings: Settings) -> uvicorn.Server:
    """Make a server; start it with `run` on sockets from `open_socket`.

    On SIGTERM or Ctrl+C it accepts no more connections and finishes running work.

    Args:
        model: the model that predicts.
        settings: limits and access rules.
    """
    limits = dataclasses.replace(settings, connections=_limit_connections(settings.connections))

    class OurHttp(Http):
        settings = limits

    class OurLive(Live):
        settings = limits

    turns = Turns()

    def connect(**options: Any) -> FairInput:
        return FairInput(OurHttp(**options), turns)

    return uvicorn.Server(
        uvicorn.Config(
            create_app(model, settings),
            log_level="warning",
            access_log=False,
            server_header=False,
            http=connect,  # type: ignore[arg-type]  # any function that returns a protocol
            timeout_graceful_shutdown=max(1, round(settings.timeout)),
            ws=OurLive,
            ws_max_size=MESSAGE,
            # A pong would wait behind samples that the server has not read yet. Streams that send
            # nothing are closed by `Settings.idle`.
            ws_ping_interval=None,
            ws_ping_timeout=None,
            ws_per_message_deflate=False,
        )
    )

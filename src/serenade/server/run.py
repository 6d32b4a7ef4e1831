"""Serves an application with uvicorn."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import uvicorn

from serenade.errors import SerenadeError
from serenade.server.app import create_app
from serenade.server.live import MESSAGE

if TYPE_CHECKING:
    from serenade.inference import Model
    from serenade.server.settings import Settings

_CONNECTIONS = 2000  # beyond, uvicorn answers 503 itself


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Args:
        host: address to listen on.
        port: likewise; 0 for any that is free.

    Raises:
        SerenadeError: it cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_CONNECTIONS)
    except (OSError, OverflowError) as error:
        raise SerenadeError(
            f"{host}:{port}: cannot listen there ({error}); choose another --port or --host"
        ) from None


def server(model: Model, settings: Settings) -> uvicorn.Server:
    """A server that was not started; `run` it on sockets of `listen`.

    On SIGTERM or Ctrl+C it takes no more connections and finishes what runs.

    Args:
        model: what judges.
        settings: limits and rights.
    """
    return uvicorn.Server(
        uvicorn.Config(
            create_app(model, settings),
            log_level="warning",
            access_log=False,
            server_header=False,
            limit_concurrency=_CONNECTIONS,
            timeout_graceful_shutdown=max(1, round(settings.timeout)),
            ws="websockets-sansio",  # stops reading while a message waits
            ws_max_size=MESSAGE,
            ws_per_message_deflate=False,
        )
    )

"""Serves an application with uvicorn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import uvicorn

from serenade.server.app import create_app
from serenade.server.live import MESSAGE

if TYPE_CHECKING:
    from serenade.inference import Model
    from serenade.server.settings import Settings

_CONNECTIONS = 2000  # beyond, uvicorn answers 503 itself


def server(model: Model, settings: Settings, host: str, port: int) -> uvicorn.Server:
    """A server that was not started.

    On SIGTERM or Ctrl+C it takes no more connections and finishes what runs.

    Args:
        model: what judges.
        settings: limits and rights.
        host: address to listen on.
        port: likewise; 0 for any that is free.
    """
    return uvicorn.Server(
        uvicorn.Config(
            create_app(model, settings),
            host=host,
            port=port,
            log_level="warning",
            access_log=False,
            server_header=False,
            limit_concurrency=_CONNECTIONS,
            timeout_graceful_shutdown=max(1, round(settings.timeout)),
            ws_max_size=MESSAGE,
            ws_max_queue=4,
            ws_per_message_deflate=False,
        )
    )

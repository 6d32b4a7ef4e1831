"""Server: recordings and live speech over HTTP and WebSocket, and a page with a microphone."""

from __future__ import annotations

from serenade.server.settings import Settings

__all__ = ["Settings"]

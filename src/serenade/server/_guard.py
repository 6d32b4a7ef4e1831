"""Check the headers Host and Origin of every request, add headers, count and log."""

from __future__ import annotations

import ipaddress
import logging
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders

from serenade.server._refusals import Refused, respond_refused

if TYPE_CHECKING:
    from collections.abc import Collection

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from serenade.server._service import Service

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "media-src 'self' blob:; worker-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
}
"""Headers of every response: the page loads nothing from other hosts and cannot be framed."""

ACCESS = logging.getLogger("serenade.access")
"""Logger of one line for each request; silent unless its level is INFO or lower."""

_POLICY = 1008  # RFC 6455, section 7.4.1


class Guard:
    """Middleware that checks Host and Origin, adds headers, counts and logs requests.

    A page of another site can make a browser send requests to this server, and by DNS rebinding
    its name can even become one of this machine. So the header Host must be a known name, and a
    request with an Origin must come from our page or an allowed one.
    """

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        start, status = time.perf_counter(), 500

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            elif message["type"] == "websocket.close":
                status = message.get("code", 1000)
            await send(message)

        try:
            await self._answer(scope, receive, send_and_note)
        finally:
            self._note(scope, status, time.perf_counter() - start)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = self._check(scope)
        if refused is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": _POLICY})
        else:
            response = await respond_refused(Request(scope, receive), refused)
            await response(scope, receive, send)

    def _check(self, scope: Scope) -> Refused | None:
        headers, settings = Headers(scope=scope), self._service.settings
        host = headers.get("host")
        if not is_known_host(host, settings.hosts):
            return Refused(
                403, "Host", "the server is not known by this name; start it with --allow-host NAME"
            )
        if not _is_allowed_origin(headers.get("origin"), scope["scheme"], host, settings.origins):
            return Refused(
                403, "Origin", "scripts of this origin may not use the server; allow it with --cors"
            )
        return None

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        path = scope.get("raw_path", b"").decode("ascii", "replace")
        client = (scope.get("client") or ("-",))[0]
        method = scope.get("method", "WS")
        # Queries stay out of the log, because they hold names of files and of voices.
        ACCESS.info("%s %s %s %d %.3fs", client, method, path, status, seconds)
        if scope["type"] == "http":
            metrics = self._service.metrics
            # Label by the route, not by the request's path, which clients can vary without limit.
            route = getattr(scope.get("route"), "path", "other")
            metrics.requests.labels(route, str(status)).inc()
            metrics.seconds.labels(route).observe(seconds)


def is_known_host(host: str | None, names: Collection[str]) -> bool:
    """Return whether a header Host names this server.

    The names of the loopback are known, and all addresses: DNS rebinding needs a name. Requests
    without the header are not from browsers.

    Args:
        host: the header's value, a name or an address with or without a port.
        names: further names; "*" stands for all.

    >>> is_known_host("localhost:8000", ()), is_known_host("[::1]:8000", ())
    (True, True)
    >>> is_known_host("evil.example:8000", ()), is_known_host("ser.example", ("ser.example",))
    (False, True)
    """
    if host is None or "*" in names:
        return True
    try:
        name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:  # brackets without an address
        return False
    if name == "localhost" or name.endswith(".localhost"):
        return True
    return name in {known.lower().rstrip(".") for known in names} or _is_address(name)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_allowed_origin(
    origin: str | None, scheme: str, host: str | None, origins: Collection[str]
) -> bool:
    """Return whether an origin is that of the server's page or one of those allowed."""
    if origin is None or "*" in origins or origin in origins:
        return True
    own = {"ws": "http", "wss": "https"}.get(scheme, scheme)
    return origin == f"{own}://{host}"

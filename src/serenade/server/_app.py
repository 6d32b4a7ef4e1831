"""Build the ASGI application: routes, headers, access rules and metrics."""

from __future__ import annotations

import contextlib
import mimetypes
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

import serenade
from serenade.server import _docs_page, _live_routes, _recording_routes, _schemas
from serenade.server._refusals import Refused, respond_refused
from serenade.server._service import Service

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from serenade.inference import Model
    from serenade.server._settings import Settings

STATIC = Path(__file__).parent / "static"
_PAGE = {"": "page.html", "page.css": "page.css", "page.js": "page.js", "worklet.js": "worklet.js"}

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


def create_app(model: Model, settings: Settings) -> FastAPI:
    """Build the ASGI application.

    Args:
        model: the model that predicts.
        settings: limits and access rules.
    """
    service = Service(model, settings)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        service.close()

    app = FastAPI(
        title="Serenade",
        version=serenade.__version__,
        summary="Predict which emotion speech sounds like.",
        description=_docs_page.ABOUT,
        license_info={"name": f"model: {model.description.get('licence', 'see its card')}"},
        responses=_schemas.EVERYWHERE,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # answer 404; a redirect would echo the Host header
        lifespan=lifespan,
    )
    app.state.service = service
    app.include_router(_recording_routes.make_recording_router(service))
    app.include_router(_live_routes.make_live_router(service))
    _add_state(app, service)
    _add_page(app)
    app.add_exception_handler(Refused, respond_refused)
    app.add_exception_handler(RequestValidationError, _respond_invalid)
    app.add_exception_handler(HTTPException, _respond_unknown_route)
    app.add_middleware(_Guard, service=service)
    if settings.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.origins),
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "X-API-Key"],
            expose_headers=["Retry-After"],
        )
    return app


def _add_state(app: FastAPI, service: Service) -> None:
    """Add the routes about the server itself."""

    @app.get("/healthz", tags=["server"], summary="Check that the process answers")
    async def healthz() -> _schemas.State:
        return _schemas.State(status="ok")

    @app.get(
        "/readyz",
        tags=["server"],
        summary="Check whether the server accepts a recording now",
        response_model=_schemas.State,
        responses={
            503: {
                "model": _schemas.State | _schemas.Refusal,
                "description": "The queue is full; try again later.",
            }
        },
    )
    async def readyz() -> JSONResponse:
        full = service.gate.inside >= service.settings.places
        return JSONResponse({"status": "full" if full else "ready"}, 503 if full else 200)

    @app.get(
        "/metrics",
        tags=["server"],
        summary="Return metrics for Prometheus",
        response_class=Response,
        responses=_schemas.METRICS,
    )
    async def metrics(request: Request) -> Response:
        service.check_key(request.headers)
        return Response(service.metrics.text(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    @app.get("/v1/model", tags=["server"], summary="Describe the model and the limits")
    async def model() -> _schemas.Served:
        settings, described = service.settings, service.model.description
        return _schemas.Served(
            labels=list(service.model.labels),
            licence=described.get("licence", ""),
            enrolment="enrolment" in described,
            key_needed=bool(settings.api_keys),
            max_size=settings.max_size,
            max_duration=settings.max_duration,
            version=serenade.__version__,
        )

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(_docs_page.render_docs(app.openapi()))


def _add_page(app: FastAPI) -> None:
    """Add the web page and its files from the package."""
    for place, name in _PAGE.items():
        app.add_api_route(f"/{place}", _serve_file(STATIC / name), include_in_schema=False)


def _serve_file(path: Path) -> Callable[[], Awaitable[Response]]:
    content, kind = path.read_bytes(), mimetypes.guess_type(path)[0]

    async def route() -> Response:
        # With "no-cache", browsers ask each time whether the file changed: updates show at once.
        return Response(content, headers={"Cache-Control": "no-cache"}, media_type=kind)

    return route


async def _respond_invalid(_: Request, error: Exception) -> JSONResponse:
    """Respond to invalid parameters with the JSON of all refusals."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    message = f"{first['loc'][-1]}: {first['msg']}"
    return JSONResponse({"error": {"type": "ValueError", "message": message}}, 422)


async def _respond_unknown_route(request: Request, error: Exception) -> JSONResponse:
    """Respond to an unknown path or method with the JSON of all refusals."""
    assert isinstance(error, HTTPException)
    refused = Refused(
        error.status_code, "NoRoute", f"{error.detail}; see /docs for the available routes"
    )
    response = await respond_refused(request, refused)
    response.headers.update(error.headers or {})
    return response


class _Guard:
    """Middleware that counts requests, adds headers and checks the Origin header.

    Browsers keep scripts of other pages from reading responses, but not from sending requests or
    opening WebSockets. A request with an Origin must come from our page or an allowed one.
    """

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        if not self._allowed(Headers(scope=scope)):
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
                return
            refused = Refused(
                403, "Origin", "scripts of this origin may not use the server; allow it with --cors"
            )
            response = await respond_refused(Request(scope, receive), refused)
            await response(scope, receive, send)
            return
        if scope["type"] == "websocket":
            await self._app(scope, receive, send)
            return
        await self._count(scope, receive, send)

    def _allowed(self, headers: Headers) -> bool:
        origin = headers.get("origin")
        if origin is None or origin in self._service.settings.origins:
            return True
        try:
            return urlsplit(origin).netloc == headers.get("host")
        except ValueError:  # not a URL
            return False

    async def _count(self, scope: Scope, receive: Receive, send: Send) -> None:
        start, status = time.perf_counter(), 500

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        finally:
            metrics = self._service.metrics
            # Label by the route, not by the request's path, which clients can vary without limit.
            route = getattr(scope.get("route"), "path", "other")
            metrics.requests.labels(route, str(status)).inc()
            metrics.seconds.labels(route).observe(time.perf_counter() - start)

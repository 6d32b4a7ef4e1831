"""The application: routes, headers, rights, and what is counted."""

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
"""On every answer: a page that loads nothing from elsewhere and is put in no frame."""


def create_app(model: Model, settings: Settings) -> FastAPI:
    """An ASGI application.

    Args:
        model: what judges.
        settings: limits and rights.
    """
    service = Service(model, settings)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        service.close()

    app = FastAPI(
        title="Serenade",
        version=serenade.__version__,
        summary="Which emotion speech sounds like.",
        description=_docs_page.ABOUT,
        license_info={"name": f"model: {model.description.get('licence', 'see its card')}"},
        responses=_schemas.EVERYWHERE,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # what is not there is not there; a Location would name the Host
        lifespan=lifespan,
    )
    app.state.service = service
    app.include_router(_recording_routes.make_recording_router(service))
    app.include_router(_live_routes.make_live_router(service))
    _add_state(app, service)
    _add_page(app)
    app.add_exception_handler(Refused, respond_refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _unrouted)
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
    """Routes about the server itself."""

    @app.get("/healthz", tags=["server"], summary="Whether the process answers")
    async def healthz() -> _schemas.State:
        return _schemas.State(status="ok")

    @app.get(
        "/readyz",
        tags=["server"],
        summary="Whether a recording would be let in now",
        response_model=_schemas.State,
        responses={503: {"model": _schemas.State | _schemas.Refusal, "description": "Not now."}},
    )
    async def readyz() -> JSONResponse:
        full = service.gate.inside >= service.settings.places
        return JSONResponse({"status": "full" if full else "ready"}, 503 if full else 200)

    @app.get(
        "/metrics",
        tags=["server"],
        summary="Metrics for Prometheus",
        response_class=Response,
        responses=_schemas.METRICS,
    )
    async def metrics(request: Request) -> Response:
        service.check_key(request.headers)
        return Response(service.metrics.text(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    @app.get("/v1/model", tags=["server"], summary="The model and the limits")
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
    """The page and its parts, read from the package."""
    for place, name in _PAGE.items():
        app.add_api_route(f"/{place}", _part(STATIC / name), include_in_schema=False)


def _part(path: Path) -> Callable[[], Awaitable[Response]]:
    content, kind = path.read_bytes(), mimetypes.guess_type(path)[0]

    async def route() -> Response:
        # "no-cache" asks each time whether it has changed: an update shows at once.
        return Response(content, headers={"Cache-Control": "no-cache"}, media_type=kind)

    return route


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    """Parameters that cannot be used, in the shape of all refusals."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    message = f"{first['loc'][-1]}: {first['msg']}"
    return JSONResponse({"error": {"type": "ValueError", "message": message}}, 422)


async def _unrouted(request: Request, error: Exception) -> JSONResponse:
    """A path or method that is not served, in the same shape."""
    assert isinstance(error, HTTPException)
    refused = Refused(error.status_code, "NoRoute", f"{error.detail}; what there is: /docs")
    response = await respond_refused(request, refused)
    response.headers.update(error.headers or {})
    return response


class _Guard:
    """Counts requests, adds headers, and refuses scripts of pages that may not use the server.

    Browsers hold other pages' scripts back from answers, but not from asking, and from WebSockets
    not at all: a request that says which page it is from must be from ours or an allowed one.
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
            refused = Refused(403, "Origin", "pages of this origin may not use the server")
            response = await respond_refused(Request(scope, receive), refused)
            await response(scope, receive, send)
            return
        if scope["type"] == "websocket":
            await self._app(scope, receive, send)
            return
        await self._counted(scope, receive, send)

    def _allowed(self, headers: Headers) -> bool:
        origin = headers.get("origin")
        if origin is None or origin in self._service.settings.origins:
            return True
        try:
            return urlsplit(origin).netloc == headers.get("host")
        except ValueError:  # no address at all
            return False

    async def _counted(self, scope: Scope, receive: Receive, send: Send) -> None:
        start, status = time.perf_counter(), 500

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, receive, sent)
        finally:
            metrics = self._service.metrics
            # The route's path, not the request's: what anybody may ask for is without end.
            route = getattr(scope.get("route"), "path", "other")
            metrics.requests.labels(route, str(status)).inc()
            metrics.seconds.labels(route).observe(time.perf_counter() - start)

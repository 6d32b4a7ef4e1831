"""Build the ASGI application: routes, headers, access rules and metrics."""

from __future__ import annotations

import contextlib
import mimetypes
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

import serenade
from serenade.server import _docs_page, _hume_routes, _live_routes, _recording_routes, _schemas
from serenade.server._guard import Guard
from serenade.server._refusals import Refused, respond_refused
from serenade.server._service import Service

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from serenade.inference import Model
    from serenade.server._settings import Settings

STATIC = Path(__file__).parent / "static"
_PAGE = "page.html"


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
    if settings.hume_routes:
        app.include_router(_hume_routes.make_hume_router(service))
    _add_state(app, service)
    _add_page(app)
    app.add_exception_handler(Refused, respond_refused)
    app.add_exception_handler(RequestValidationError, _respond_invalid)
    app.add_exception_handler(HTTPException, _respond_unknown_route)
    app.add_middleware(Guard, service=service)
    if settings.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.origins),
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "X-API-Key", "X-Hume-Api-Key"],
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
            dimensions=list(service.model.dimensions),
            licence=described.get("licence", ""),
            derived=service.model.folder.derivation,
            enrolment=not {"enrolment", "adaptation"}.isdisjoint(described),
            adaptation="adaptation" in described,
            key_needed=bool(settings.api_keys),
            max_size=settings.largest_body,
            max_duration=settings.max_duration,
            version=serenade.__version__,
        )

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(_docs_page.render_docs(app.openapi()))


def _add_page(app: FastAPI) -> None:
    """Add the web page and its files from the package."""
    for path in sorted(STATIC.iterdir()):
        place = "/" if path.name == _PAGE else f"/{path.name}"
        app.add_api_route(place, _serve_file(path), include_in_schema=False)


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

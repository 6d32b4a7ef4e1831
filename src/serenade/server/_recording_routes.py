"""Routes that take recordings: predict, timeline, batch, enrolment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import ValidationError

from serenade.inference import DEFAULT_HOP, DEFAULT_WINDOW, check_windows
from serenade.server import _schemas
from serenade.server._jobs import MEDIA, format_timeline
from serenade.server._refusals import Refused
from serenade.server._uploads import iterate_body, receive_files

if TYPE_CHECKING:
    from collections.abc import Callable

    from serenade.server._gate import Job
    from serenade.server._jobs import Worker
    from serenade.server._service import Service
    from serenade.server._uploads import Upload

Name = Annotated[str, Query(description="The file's name, where it is the body itself.")]
Voice = Annotated[
    str | None, Query(description="An enrolled voice, as POST /v1/voices has named it.")
]
Format = Literal["json", "csv", "webvtt", "textgrid"]


def make_recording_router(service: Service) -> APIRouter:
    """The routes.

    Args:
        service: what they share.
    """
    routes = APIRouter(tags=["recordings"], responses=_schemas.REFUSALS)

    async def done(
        request: Request,
        work: Callable[[Worker, list[Upload]], Any],
        *,
        voice: str | None = None,
        name: str = "",
        many: bool = False,
    ) -> Any:
        """What `work` makes of a request's files, in a thread."""
        service.check_key(request.headers)
        model = service.known(voice)
        async with service.gate.place() as job:
            files = await receive_files(request, job.folder, service.settings, name=name, many=many)
            return await _run(service, job, lambda: work(service.worker(model, job), files))

    @routes.post(
        "/v1/predict",
        summary="The emotion of a recording",
        response_model=_schemas.Prediction,
        openapi_extra=_schemas.ONE_FILE,
    )
    async def predict(request: Request, name: Name = "", voice: Voice = None) -> Response:
        """What `serenade predict --json` says: of up to 12 s as a whole, else its mean."""
        found = await done(
            request, lambda worker, files: worker.one(files[0]), voice=voice, name=name
        )
        return JSONResponse(found[0].to_dict())

    @routes.post(
        "/v1/timeline",
        summary="The emotions of a recording over time",
        response_model=_schemas.Timeline,
        responses=_schemas.FORMATS,
        openapi_extra=_schemas.ONE_FILE,
    )
    async def timeline(
        request: Request,
        name: Name = "",
        voice: Voice = None,
        format: Annotated[Format, Query(description="Of the answer.")] = "json",  # noqa: A002
        window: Annotated[
            float, Query(ge=0.5, le=30, description="Of a look, in s.")
        ] = DEFAULT_WINDOW,
        hop: Annotated[
            float, Query(ge=0.25, le=30, description="Between looks, in s.")
        ] = DEFAULT_HOP,
        envelope: Annotated[
            int, Query(ge=0, le=4000, description="Columns of a waveform in the JSON; 0 for none.")
        ] = 0,
    ) -> Response:
        """Segments of speech with their emotions, as `serenade predict --timeline`."""
        try:
            check_windows(window, hop)
        except ValueError as error:
            raise Refused(422, "ValueError", str(error)) from None
        if envelope == 1:
            raise Refused(422, "ValueError", "envelope is 0 or at least 2")
        text = await done(
            request,
            lambda worker, files: worker.timeline(files[0], (window, hop), format, envelope),
            voice=voice,
            name=name,
        )
        return Response(text, media_type=MEDIA[format])

    @routes.post(
        "/v1/batch",
        summary="The emotions of several recordings",
        response_model=_schemas.Batch,
        openapi_extra=_schemas.FILES,
    )
    async def batch(request: Request, voice: Voice = None) -> Response:
        """A result for each, in their order; one that cannot be used is an error among them."""
        found = await done(
            request, lambda worker, files: worker.each(files), voice=voice, many=True
        )
        return JSONResponse(found)

    @routes.post(
        "/v1/voices",
        summary="Enrol a speaker",
        status_code=201,
        response_model=_schemas.Voice,
        openapi_extra=_schemas.FILES,
    )
    async def enrol(
        request: Request,
        name: Name = "",
        speech: Annotated[
            Literal["neutral", "mixed"],
            Query(description="A normal voice, or many emotions in fair shares (3 at least)."),
        ] = "neutral",
    ) -> Response:
        """Tell emotions from this voice instead of from everybody's.

        Some sentences in a normal voice are enough. The recordings are not kept; the voice is
        forgotten some time after its last use.
        """
        model = await done(
            request, lambda worker, files: worker.enrolled(files, speech), name=name, many=True
        )
        added = {"voice": service.voices.add(model), "enrolment": model.enrolment}
        return JSONResponse(added, 201)

    @routes.delete("/v1/voices/{voice}", summary="Forget a speaker", status_code=204)
    async def forget(request: Request, voice: str) -> Response:
        """Forget a voice at once."""
        service.check_key(request.headers)
        service.voices.drop(voice)
        return Response(status_code=204)

    @routes.post(
        "/v1/convert",
        summary="A timeline in another format",
        response_model=_schemas.Timeline,
        responses=_schemas.FORMATS,
        openapi_extra=_schemas.TIMELINE,
    )
    async def convert(
        request: Request,
        format: Annotated[Format, Query(description="Of the answer.")] = "csv",  # noqa: A002
    ) -> Response:
        """What /v1/timeline has given as JSON, in another format, without the recording."""
        service.check_key(request.headers)
        async with service.gate.place() as job:
            content = b"".join(
                [chunk async for chunk in iterate_body(request, service.settings, 2**23)]
            )
            text = await _run(service, job, lambda: _converted(content, format))
        return Response(text, media_type=MEDIA[format])

    return routes


async def _run(service: Service, job: Job, work: Callable[[], Any]) -> Any:
    return await job.run(lambda: service.gate.timed(work), service.settings.timeout)


def _converted(content: bytes, format_: str) -> str:
    try:
        given = _schemas.Timeline.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise Refused(
            422, "NoTimeline", f"{place or 'the body'}: {first['msg']}; send what /v1/timeline gave"
        ) from None
    found = given.restored()
    if format_ == "json":
        return given.model_dump_json(exclude_none=True)
    return format_timeline(found, tuple(found[0].probabilities), format_)

"""Serve the routes that take recordings: predict, timeline, batch, voices and convert."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import ValidationError

from serenade._printable import to_printable
from serenade.adaptation import Expect
from serenade.inference import DEFAULT_HOP, DEFAULT_WINDOW, check_windows
from serenade.runtime import check_interruption
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

Name = Annotated[str, Query(description="Name of the file if the body is the file itself.")]
Adapt = Annotated[
    Expect | None,
    Query(
        description="Adapt to the recordings themselves: emotions in similar shares, mostly "
        "neutral speech, or unknown content, which is cautious. Not combined with a voice."
    ),
]
Voice = Annotated[str | None, Query(description="Name of an enrolled voice, from POST /v1/voices.")]
Channel = Annotated[
    str,
    Query(
        pattern=r"^(mix|left|right|[1-9]|[1-5][0-9]|6[0-4])$",
        description="Channel to read: a number from 1, left (1), right (2), or mix, their mean.",
    ),
]
Speakers = Annotated[
    str | None,
    Query(
        pattern=r"^(auto|channels|[1-9]|1[0-9]|20)$",
        description="Name the speaker of each segment: a number of speakers, or auto to estimate "
        "it (voices distinguish them), or channels for a speaker in each channel.",
    ),
]
Format = Annotated[
    Literal["json", "csv", "webvtt", "textgrid", "srt", "audacity", "rttm", "elan"],
    Query(description="Format of the answer."),
]
Window = Annotated[float, Query(ge=0.5, le=30, description="Length of a window in seconds.")]
Hop = Annotated[float, Query(ge=0.25, le=30, description="Seconds between two windows.")]
Envelope = Annotated[
    int, Query(ge=0, le=4000, description="Points of a waveform in the JSON; 0 for none.")
]
Progress = Annotated[
    str,
    Query(
        max_length=64,
        description="Unguessable name under which GET /v1/progress/{name} tells the progress.",
    ),
]
Speech = Annotated[
    Literal["neutral", "mixed"],
    Query(description="neutral: a normal voice; mixed: several emotions in similar shares."),
]

_LARGEST_TIMELINE = 2**23  # bytes of a timeline that is to be converted
_LONGEST_NAME = 64  # characters of an unknown parameter that a refusal repeats


def make_recording_router(service: Service) -> APIRouter:
    """Make the router of all routes that take recordings.

    Args:
        service: state that all routes share.
    """
    routes = APIRouter(
        tags=["recordings"],
        responses=_schemas.REFUSALS,
        dependencies=[Depends(_refuse_unknown_parameters)],
    )
    for add_route in (
        _add_predict,
        _add_timeline,
        _add_batch,
        _add_enrol,
        _add_forget,
        _add_convert,
    ):
        add_route(routes, service)
    return routes


def _add_predict(routes: APIRouter, service: Service) -> None:
    @routes.post(
        "/v1/predict",
        summary="Predict the emotion of a recording",
        response_model=_schemas.PredictionBody,
        openapi_extra=_schemas.ONE_FILE,
    )
    async def predict(
        request: Request,
        name: Name = "",
        voice: Voice = None,
        adapt: Adapt = None,
        channel: Channel = "mix",
    ) -> Response:
        """Return what `serenade predict --json` prints for the recording.

        Up to 12 s are predicted as a whole. A longer recording gets the mean of its timeline. With
        `adapt`, each utterance of a longer recording is adapted to those before it.
        """
        done = await run_on_files(
            service,
            request,
            lambda worker, files: worker.predict(files[0]),
            voice=voice,
            adapt=adapt,
            channel=channel,
            name=name,
        )
        return JSONResponse(done[0].to_dict())


def _add_timeline(routes: APIRouter, service: Service) -> None:
    @routes.post(
        "/v1/timeline",
        summary="Predict the emotions of a recording over time",
        response_model=_schemas.TimelineBody,
        responses=_schemas.FORMATS,
        openapi_extra=_schemas.ONE_FILE,
    )
    async def timeline(
        request: Request,
        name: Name = "",
        voice: Voice = None,
        adapt: Adapt = None,
        channel: Channel = "mix",
        speakers: Speakers = None,
        format: Format = "json",  # noqa: A002 - the parameter's public name
        window: Window = DEFAULT_WINDOW,
        hop: Hop = DEFAULT_HOP,
        envelope: Envelope = 0,
        progress: Progress = "",
    ) -> Response:
        """Return segments of speech with their emotions, as `serenade predict --timeline`.

        With `adapt`, each utterance is adapted to those before it, of the same speaker if there are
        `speakers`.
        """
        if speakers == "channels" and channel != "mix":
            raise Refused(
                422, "ValueError", "speakers=channels uses all channels; leave channel out"
            )
        try:
            check_windows(window, hop)
        except ValueError as error:
            raise Refused(422, "ValueError", str(error)) from None
        if envelope == 1:
            raise Refused(422, "ValueError", "envelope must be 0 or at least 2")
        with service.follow(progress) as note:
            text = await run_on_files(
                service,
                request,
                lambda worker, files: dataclasses.replace(
                    worker, note=note, speakers=speakers
                ).make_timeline(files[0], (window, hop), format, envelope),
                voice=voice,
                adapt=adapt,
                channel=channel,
                name=name,
            )
        return Response(text, media_type=MEDIA[format])

    @routes.get("/v1/progress/{name}", summary="Tell the progress of a running timeline")
    async def tell_progress(request: Request, name: str) -> _schemas.Progress:
        """Return the seconds processed of the recording; 0 before it begins and after it ends."""
        service.check_key(request.headers)
        (seconds,) = service.progress.get(name, [0.0])
        return _schemas.Progress(seconds=seconds)


def _add_batch(routes: APIRouter, service: Service) -> None:
    @routes.post(
        "/v1/batch",
        summary="Predict the emotions of several recordings",
        response_model=_schemas.BatchBody,
        openapi_extra=_schemas.FILES,
    )
    async def batch(
        request: Request, voice: Voice = None, adapt: Adapt = None, channel: Channel = "mix"
    ) -> Response:
        """Return a result for each recording in order; an unusable recording gets an error.

        With `adapt`, the model is adapted to all recordings of the request. One recording alone
        is predicted without adaptation.
        """
        found = await run_on_files(
            service,
            request,
            lambda worker, files: worker.predict_each(files),
            voice=voice,
            adapt=adapt,
            channel=channel,
            many=True,
        )
        return JSONResponse(found)


def _add_enrol(routes: APIRouter, service: Service) -> None:
    @routes.post(
        "/v1/voices",
        summary="Enrol a speaker",
        status_code=201,
        response_model=_schemas.VoiceBody,
        openapi_extra=_schemas.FILES,
    )
    async def enrol(
        request: Request, name: Name = "", speech: Speech = "neutral", channel: Channel = "mix"
    ) -> Response:
        """Adapt the model to one speaker and return a name for the adapted model.

        A few sentences in a normal voice are enough. The recordings are not kept. The voice is
        forgotten some time after its last use.
        """
        model = await run_on_files(
            service,
            request,
            lambda worker, files: worker.enrol(files, speech),
            channel=channel,
            name=name,
            many=True,
        )
        voice = service.voices.add(model, service.name_client(request))
        return JSONResponse({"voice": voice, "enrolment": model.enrolment}, 201)


def _add_forget(routes: APIRouter, service: Service) -> None:
    @routes.delete("/v1/voices/{voice}", summary="Forget a speaker", status_code=204)
    async def forget(request: Request, voice: str) -> Response:
        """Forget an enrolled voice at once."""
        service.check_key(request.headers)
        service.voices.drop(voice)
        return Response(status_code=204)


def _add_convert(routes: APIRouter, service: Service) -> None:
    @routes.post(
        "/v1/convert",
        summary="Convert a timeline to another format",
        response_model=_schemas.TimelineBody,
        responses=_schemas.FORMATS,
        openapi_extra=_schemas.TIMELINE,
    )
    async def convert(
        request: Request,
        format: Format = "csv",  # noqa: A002 - the parameter's public name
    ) -> Response:
        """Convert the JSON of /v1/timeline; the recording is not needed again."""
        service.check_key(request.headers)
        async with service.gate.place(service.name_client(request)) as job:
            body = iterate_body(request, service.settings, _LARGEST_TIMELINE)
            content = b"".join([chunk async for chunk in body])
            text = await _run(service, request, job, lambda: _convert(content, format))
        return Response(text, media_type=MEDIA[format])


async def _refuse_unknown_parameters(request: Request) -> None:
    """Refuse parameters that the route does not have: a misspelt one would have no effect."""
    known = [field.alias for field in request.scope["route"].dependant.query_params]
    unknown = [name for name in request.query_params if name not in known]
    if unknown:
        choice = f"choose from {', '.join(known)}" if known else "this route has none"
        named = to_printable(unknown[0][:_LONGEST_NAME])
        raise Refused(422, "UnknownParameter", f"unknown parameter {named}; {choice}")


async def run_on_files(
    service: Service,
    request: Request,
    work: Callable[[Worker, list[Upload]], Any],
    *,
    voice: str | None = None,
    adapt: Expect | None = None,
    channel: str = "mix",
    name: str = "",
    many: bool = False,
) -> Any:
    """Receive a request's files, call `work` with them in a thread, and return its result."""
    service.check_key(request.headers)
    model = service.get_model(voice)
    if voice and adapt:
        raise Refused(422, "ValueError", "adapt cannot be combined with voice; leave one out")
    async with service.gate.place(service.name_client(request)) as job:
        files = await receive_files(request, job.folder, service.settings, name=name, many=many)
        worker = service.make_worker(model, channel, adapt)
        return await _run(service, request, job, lambda: work(worker, files))


async def _run(service: Service, request: Request, job: Job, work: Callable[[], Any]) -> Any:
    """Call `work` in a thread; stop it if the client leaves."""
    running = asyncio.ensure_future(
        job.run(lambda: service.gate.measure(work), service.settings.timeout)
    )
    leaving = asyncio.ensure_future(_wait_until_left(request))
    try:
        await asyncio.wait({running, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            return running.result()
        raise Refused(400, "Disconnected", "the client has left; send the request again")
    finally:
        leaving.cancel()
        if not running.done():
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError, Refused):
                await running


async def _wait_until_left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _check_size(given: _schemas.TimelineBody) -> None:
    """Refuse a timeline whose text in another format would be much larger than its JSON."""
    labels, segments = len(given.probabilities or given.values or ()), len(given.segments)
    speakers = len({part.speaker for part in given.segments})
    if labels * segments > _schemas.NUMBERS:
        problem = f"{segments} segments with {labels} numbers each exceed {_schemas.NUMBERS}"
    elif speakers > _schemas.SPEAKERS:
        problem = f"{speakers} speakers exceed {_schemas.SPEAKERS}"
    else:
        return
    raise Refused(422, "TooLarge", f"{problem}; send the timeline in parts")


def _convert(content: bytes, format_: str) -> str:
    try:
        given = _schemas.TimelineBody.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "the body"
        raise Refused(
            422,
            "NoTimeline",
            f"{place}: {first['msg']}; send the JSON that /v1/timeline returned",
        ) from None
    _check_size(given)
    check_interruption()
    if format_ == "json":
        return given.model_dump_json(exclude_none=True)
    done = given.to_results()
    return format_timeline(done, tuple(done[0].probabilities), format_)

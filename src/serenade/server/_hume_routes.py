"""Serve routes shaped like version 0 of Hume's API of expression measurement, for its clients.

Route names and fields are those of the batch and stream API for the prosody of speech. Emotions
and scores are the labels and probabilities of the served model, or the names of its values.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import collections
import contextlib
import hashlib
import json
import logging
import secrets
import time
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Request, Response, WebSocket, WebSocketDisconnect
from pydantic import BaseModel, Field, ValidationError

from serenade.inference import DEFAULT_HOP, DEFAULT_WINDOW
from serenade.server import _schemas
from serenade.server._recording_routes import run_on_files
from serenade.server._refusals import Refused
from serenade.server._uploads import Upload

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from serenade.inference import Segment
    from serenade.server._jobs import Worker
    from serenade.server._service import Service

_LOGGER = logging.getLogger(__name__)

_WINDOWS = DEFAULT_WINDOW, DEFAULT_HOP
_KEPT = 64 * 2**20  # bytes of all finished jobs; the oldest are forgotten first
_POLICY, _AGAIN = 1008, 1013  # RFC 6455, section 7.4.1


class Message(BaseModel):
    """Message of a client: a recording in base 64. Other fields are ignored."""

    data: Annotated[str, Field(min_length=1)]
    models: dict[str, Any]
    payload_id: str | None = None


class Jobs:
    """Finished jobs in memory by unguessable names, each with its state and its predictions."""

    def __init__(self) -> None:
        self._known: collections.OrderedDict[str, tuple[str, str]] = collections.OrderedDict()
        self._size = 0  # bytes of all jobs

    def add(self, begun: float, found: list[dict[str, Any]]) -> str:
        """Keep a job that has ended now, and return its name."""
        name = secrets.token_urlsafe(16)
        failed = sum(len(each["results"]["errors"]) for each in found)
        start = round(1000 * begun)
        state = {
            "status": "COMPLETED",
            "created_timestamp_ms": start,
            "started_timestamp_ms": start,
            "ended_timestamp_ms": round(1000 * time.time()),
            "num_predictions": len(found) - failed,
            "num_errors": failed,
        }
        files = [each["source"]["filename"] for each in found]
        request = {"files": files, "models": {"prosody": {}}}
        details = {"type": "INFERENCE", "job_id": name, "request": request, "state": state}
        self._known[name] = json.dumps(details), json.dumps(found)
        self._size += sum(map(len, self._known[name]))
        while len(self._known) > 1 and self._size > _KEPT:
            self._size -= sum(map(len, self._known.popitem(last=False)[1]))
        return name

    def get(self, name: str) -> tuple[str, str]:
        """Return state and predictions as JSON.

        Raises:
            Refused: 404, the job is unknown or was forgotten.
        """
        if name not in self._known:
            raise Refused(404, "UnknownJob", "unknown or forgotten job; send the recordings again")
        return self._known[name]


def make_hume_router(service: Service) -> APIRouter:
    """Make the router of `/v0/batch/jobs` and `/v0/stream/models`.

    Args:
        service: state that all routes share.
    """
    routes = APIRouter(prefix="/v0", tags=["shaped like Hume's"], responses=_schemas.REFUSALS)
    jobs = Jobs()

    @routes.post("/batch/jobs", summary="Predict recordings as a job", openapi_extra=_schemas.FILES)
    async def start(request: Request) -> dict[str, str]:
        """Predict the files of the form and return the name of the job, which has then ended."""
        if request.headers.get("content-type", "").startswith("application/json"):
            raise Refused(422, "ValueError", "urls are not fetched; send files in a form")
        begun = time.time()

        def work(worker: Worker, files: Sequence[Upload]) -> list[dict[str, Any]]:
            return [_predict(worker, file) for file in files]

        return {"job_id": jobs.add(begun, await run_on_files(service, request, work, many=True))}

    @routes.get("/batch/jobs/{name}", summary="Return the state of a job")
    async def describe(request: Request, name: str) -> Response:
        service.check_key(request.headers)
        return Response(jobs.get(name)[0], media_type="application/json")

    @routes.get("/batch/jobs/{name}/predictions", summary="Return the predictions of a job")
    async def get_predictions(request: Request, name: str) -> Response:
        service.check_key(request.headers)
        return Response(jobs.get(name)[1], media_type="application/json")

    @routes.websocket("/stream/models")
    async def stream(socket: WebSocket) -> None:
        await socket.accept()
        # The client may leave before the last message is sent.
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            await socket.close(await _serve(service, socket))

    return routes


async def _serve(service: Service, socket: WebSocket) -> int:
    """Answer the messages of a stream, and return the code to close it with."""
    try:
        service.check_key(socket.headers, _read_stated_key(socket))
    except Refused as refused:
        await socket.send_json({"error": refused.message, "code": refused.kind})
        return _POLICY
    client = service.name_client(socket, _read_stated_key(socket))
    try:
        service.streams.take(client)
    except Refused:
        return _AGAIN
    clock = asyncio.get_running_loop().time
    end = clock() + service.settings.max_duration
    try:
        # A stream also ends if nothing comes in time, or bytes come instead of text.
        with contextlib.suppress(TimeoutError, KeyError):
            while (left := end - clock()) > 0:
                async with asyncio.timeout(min(service.settings.idle, left)):
                    text = await socket.receive_text()
                await socket.send_json(await _answer(service, client, text))
        return _POLICY
    finally:
        service.streams.leave(client)


def _read_stated_key(socket: WebSocket) -> str:
    """Return the API key in the address of a stream; empty without one."""
    return socket.query_params.get("apiKey", "")


def _predict(worker: Worker, file: Upload) -> dict[str, Any]:
    """Return the predictions of a file, or why there are none."""
    with file.path.open("rb") as content:
        digest = hashlib.file_digest(content, "md5").hexdigest()
    source = {"type": "file", "filename": file.name, "content_type": None, "md5sum": digest}
    try:
        predictions = _list_predictions(worker, file)
    except Refused as refused:
        errors = [{"message": refused.message, "file": file.name}]
        return {"source": source, "results": {"predictions": [], "errors": errors}}
    groups = [{"id": "unknown", "predictions": predictions}]
    models = {"prosody": {"metadata": None, "grouped_predictions": groups}}
    given = [{"file": file.name, "file_type": "audio", "models": models}]
    return {"source": source, "results": {"predictions": given, "errors": []}}


def _list_predictions(worker: Worker, file: Upload) -> list[dict[str, Any]]:
    timeline = worker.predict(file, _WINDOWS)[1]
    return [_format(segment) for segment in timeline.segments] if timeline else []


def _format(segment: Segment) -> dict[str, Any]:
    scores = {**segment.probabilities, **segment.values}
    emotions = [{"name": name, "score": score} for name, score in scores.items()]
    return {"time": {"begin": segment.start, "end": segment.end}, "emotions": emotions}


async def _answer(service: Service, client: str, text: str) -> dict[str, Any]:
    """Predict the recording in a message, and return the answer or an error."""
    try:
        message = Message.model_validate_json(text)
        content = base64.b64decode(message.data, validate=True)
        async with service.gate.place(client) as job:
            worker = service.make_worker(service.model, "mix", None)
            found = await job.run(
                lambda: service.gate.measure(lambda: _write(worker, job.folder, content)),
                service.settings.timeout,
            )
    except Refused as refused:
        return {"error": refused.message, "code": refused.kind}
    except (ValidationError, binascii.Error):
        needed = '{"models": {"prosody": {}}, "data": "a recording in base 64"}'
        return {"error": f"not understood; send {needed}", "code": "Protocol"}
    except Exception:
        _LOGGER.exception("a recording of a stream failed")
        fix = "send the recording again, or report this"
        return {"error": f"the server failed; {fix}", "code": "Internal"}
    return {"payload_id": message.payload_id, "prosody": {"predictions": found}}


def _write(worker: Worker, folder: Path, content: bytes) -> list[dict[str, Any]]:
    """Write a recording to the folder of its request, and predict it."""
    path = folder / "recording"
    path.write_bytes(content)
    return _list_predictions(worker, Upload("recording", path))

"""Receive request bodies as files on disk, within limits of size and time."""

from __future__ import annotations

import asyncio
import dataclasses
import re
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import unquote_to_bytes

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect

from serenade.server._refusals import Refused
from serenade.server._storage import refuse_on_disk_errors

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from fastapi import Request
    from python_multipart.multipart import MultipartCallbacks

    from serenade.server._settings import Settings


_FIELDS = 64  # most parts of a form that are not files
_HEAD = 2**13  # most bytes of a part's header
_DISPOSITION = 2**10  # most bytes of a Content-Disposition with an extended file name


@dataclasses.dataclass(frozen=True)
class Upload:
    """Uploaded file.

    Args:
        name: the client's name of the file.
        path: path on this server.
    """

    name: str
    path: Path


async def iterate_body(
    request: Request, settings: Settings, most: int | None = None
) -> AsyncIterator[bytes]:
    """Iterate over the chunks of a request's body.

    Args:
        request: request whose body was not read yet.
        settings: limits of the server.
        most: a limit in bytes below `settings.largest_body`.

    Raises:
        Refused: 413 if the body is too large, 408 if it is too slow, 400 if it ends early.
    """
    limit = min(settings.largest_body, most or settings.largest_body)
    fix = "send it in parts" if most else "send a shorter recording, or FLAC or Ogg"
    too_large = Refused(413, "TooLarge", f"the body exceeds {limit} bytes; {fix}")
    stated = request.headers.get("content-length", "")
    if stated.isdecimal() and int(stated) > limit:
        raise too_large
    size = 0
    request.state.begun = True
    loop = asyncio.get_running_loop()
    begun = loop.time()
    try:
        async with asyncio.timeout(min(settings.patience, settings.timeout)) as due:
            async for chunk in request.stream():
                size += len(chunk)
                allowed = min(settings.patience + size / settings.min_rate, settings.timeout)
                due.reschedule(begun + allowed)
                if size > limit:
                    raise too_large
                yield chunk
    except TimeoutError:
        raise Refused(
            408,
            "TooSlow",
            f"the body arrived slower than {settings.min_rate} bytes/s or took more than "
            f"{settings.timeout:g} s; try again",
        ) from None
    except ClientDisconnect:
        request.state.finished = True
        raise Refused(400, "Disconnected", "the body ended early; send it again") from None
    request.state.finished = True


async def receive_files(
    request: Request, folder: Path, settings: Settings, *, name: str = "", many: bool = False
) -> list[Upload]:
    """Receive the files of a multipart form, or the body as one file.

    Args:
        request: request whose body was not read yet.
        folder: folder for the files.
        settings: limits of the server.
        name: name of the file if the body is the file itself.
        many: whether several files are allowed.

    Raises:
        Refused: 413 for too many or too large files, 422 for a broken form or no file, 408 if the
            body is too slow, 503 if the disk refuses.
    """
    with refuse_on_disk_errors():
        return await _receive_files(request, folder, settings, name, many)


async def _receive_files(
    request: Request, folder: Path, settings: Settings, name: str, many: bool
) -> list[Upload]:
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind != b"multipart/form-data":
        upload = Upload(clean_name(name), folder / "0")
        with upload.path.open("wb") as file:
            async for chunk in iterate_body(request, settings):
                file.write(chunk)
        return [upload]
    if not options.get(b"boundary"):
        raise Refused(
            422, "BrokenForm", "the form has no boundary; let your client set Content-Type"
        )
    form = _Form(folder, settings.max_files if many else 1)
    try:
        parser = MultipartParser(options[b"boundary"], form.callbacks())
        async for chunk in iterate_body(request, settings):
            parser.write(chunk)
        parser.finalize()
    except FormParserError as error:
        raise Refused(422, "BrokenForm", f"the form is broken ({error}); send it again") from None
    finally:
        form.close()
    if not form.files:
        raise Refused(422, "NoFile", 'no file in the form; send one in its field "file"')
    return form.files


class _Form:
    """Parser callbacks that save the files of a form and drop its other fields."""

    def __init__(self, folder: Path, most: int) -> None:
        self.files: list[Upload] = []
        self._folder = folder
        self._most = most
        self._parts = 0
        self._open: BinaryIO | None = None
        self._field = b""
        self._value = b""
        self._disposition = b""

    def callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self._part_begins,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value,
            "on_header_end": self._header_ends,
            "on_headers_finished": self._headers_end,
            "on_part_data": self._data,
            "on_part_end": self.close,
        }

    def close(self) -> None:
        file, self._open = self._open, None
        if file is not None:
            file.close()

    def _part_begins(self) -> None:
        self._parts += 1
        if self._parts > self._most + _FIELDS:
            raise Refused(
                413, "TooMany", f"the form has more than {self._parts - 1} parts; send fewer"
            )
        self._field = self._value = self._disposition = b""

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]
        self._check_header()

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]
        self._check_header()

    def _check_header(self) -> None:
        if len(self._field) + len(self._value) > _HEAD:
            raise Refused(
                422, "BrokenForm", f"the header of a part exceeds {_HEAD} bytes; send shorter names"
            )

    def _header_ends(self) -> None:
        if self._field.lower() == b"content-disposition":
            self._disposition = self._value
        self._field = self._value = b""

    def _headers_end(self) -> None:
        name = _find_file_name(self._disposition)
        if name is None:
            return
        if len(self.files) >= self._most:
            advice = "send fewer" if self._most > 1 else "send several files to /v1/batch"
            raise Refused(413, "TooMany", f"more than {self._most} file(s); {advice}")
        upload = Upload(clean_name(name), self._folder / str(len(self.files)))
        self.files.append(upload)
        self._open = upload.path.open("wb")

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._open is not None:
            self._open.write(data[start:end])


# Both take time proportional to the header: a quote without an end lasts until the end of the
# header, and a charset has no spaces, which `\s*` before it would match as well.
_QUOTED = re.compile(rb'"(?:\\.|[^"\\])*(?:"|\\?\Z)', re.DOTALL)
_EXTENDED_NAME = re.compile(rb";\s*filename\*\s*=\s*([^'\s;]*)'[^';]*'([^;\s]*)", re.IGNORECASE)


def _find_file_name(disposition: bytes) -> str | None:
    r"""Return the file name in a Content-Disposition, or None if the part is no file.

    RFC 7578 forbids the form `filename*=` of RFC 5987, but some clients send nothing else.

    Raises:
        Refused: 422, the header is longer than a name in that form needs.

    >>> _find_file_name(b"form-data; name=file; filename*=UTF-8''caf%C3%A9.wav")
    'café.wav'
    >>> _find_file_name(b'form-data; name="; filename*=utf-8\'\'x"') is None
    True
    """
    _, options = parse_options_header(disposition)
    if b"filename" in options:
        return options[b"filename"].decode("utf-8", "replace")
    if len(disposition) > _DISPOSITION:
        raise Refused(
            422,
            "BrokenForm",
            f"the Content-Disposition of a part exceeds {_DISPOSITION} bytes; send shorter names",
        )
    found = _EXTENDED_NAME.search(_QUOTED.sub(b"", disposition))
    if found is None:
        return None
    encoding = "latin-1" if found[1].lower() == b"iso-8859-1" else "utf-8"
    return unquote_to_bytes(found[2]).decode(encoding, "replace")


def clean_name(name: str) -> str:
    r"""Strip folders and control characters from a file name.

    >>> clean_name("..\\..\\a\n.wav"), clean_name("/tmp/é.wav"), clean_name("")
    ('a.wav', 'é.wav', 'recording')
    """
    last = re.split(r"[/\\]", name)[-1]
    return "".join(c for c in last if c.isprintable())[:200] or "recording"

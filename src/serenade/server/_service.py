"""Hold the state that all routes of a server share."""

from __future__ import annotations

import contextlib
import hmac
import ipaddress
from typing import TYPE_CHECKING

from serenade.server._gate import CLOSING, Gate, Slots
from serenade.server._jobs import Worker
from serenade.server._prometheus import Metrics
from serenade.server._refusals import Refused
from serenade.server._shares import Shares
from serenade.server._voices import Voices

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from starlette.requests import HTTPConnection

    from serenade.adaptation import Expect
    from serenade.inference import Model
    from serenade.server._settings import Settings


class Service:
    """Model, limits, voices and threads of one server.

    Args:
        model: the model that predicts.
        settings: limits and access rules.
    """

    def __init__(self, model: Model, settings: Settings) -> None:
        self.model = model
        self.settings = settings
        self.gate = Gate(settings)
        self.voices = Voices(settings.voices, settings.voice_lifetime)
        # A trusted client, such as the telephone system of a company, may hold all streams: without
        # keys, half of them is the limit only while another client holds one.
        self.streams = Slots("streams", settings.streams, alone=len(settings.api_keys) < 2)
        self.progress: dict[str, list[float]] = {}
        """Seconds processed, one number in a list, by the names of running requests."""

        # Live speech has its own threads, so that it does not wait behind long recordings.
        self.live = Shares(settings.concurrency, "live")
        self.metrics = Metrics(
            lambda: self.gate.inside, lambda: self.streams.held, lambda: len(self.voices)
        )

    def get_model(self, voice: str | None) -> Model:
        """Return the model, adapted to a voice if one is named.

        Raises:
            Refused: 404, the voice is unknown.
        """
        return self.voices.get(voice) if voice else self.model

    def make_worker(self, model: Model, channel: str, adapt: Expect | None) -> Worker:
        """Make the worker for a channel of a request's files."""
        return Worker(model, channel, adapt, self.settings.max_duration, self.metrics.audio.inc)

    @contextlib.contextmanager
    def follow(self, name: str) -> Iterator[Callable[[float], None]]:
        """Publish the progress of a request under a name until the request ends.

        Args:
            name: name that the client chose; empty for no progress.

        Yields:
            Function to call with the seconds processed until now.
        """
        # A cancelled request may still call `note`, in its thread: it must not add the name again.
        reached = [0.0]
        if name:
            self.progress[name] = reached

        def note(seconds: float) -> None:
            reached[0] = max(seconds, reached[0])  # a second reading starts at zero

        try:
            yield note
        finally:
            self.progress.pop(name, None)

    def name_client(self, request: HTTPConnection, stated: str = "") -> str:
        """Name the client of a request, which gets its share of the threads.

        That is its API key, or its address without one: a host has all addresses of an IPv6
        network, the first 64 bits.

        Args:
            request: the request.
            stated: key from outside its headers, see `check_key`.
        """
        if self.settings.api_keys:
            return stated or _read_key(request.headers)
        address = request.client.host if request.client else ""
        try:
            number = ipaddress.ip_address(address)
        except ValueError:  # a proxy may state any text
            return address
        if number.version == 4:
            return address
        return str(ipaddress.ip_network((number, 64), strict=False))

    def check_key(self, headers: Mapping[str, str], stated: str = "") -> None:
        """Check the API key in `X-API-Key`, `Authorization: Bearer` or `stated`.

        Args:
            headers: headers of the request.
            stated: key from the first message of a stream, or from its address.

        Raises:
            Refused: 401, the key is missing or wrong.
        """
        if not self.settings.api_keys:
            return
        # Compare bytes: JSON may contain surrogates, which UTF-8 cannot encode strictly.
        given = stated.encode("utf-8", "surrogatepass") or _read_key(headers).encode("latin-1")
        # Compare with every key, each in constant time.
        # A key from the environment may have bytes that are not UTF-8.
        keys = [key.encode("utf-8", "surrogateescape") for key in self.settings.api_keys]
        found = [hmac.compare_digest(given, key) for key in keys]
        if not any(found):
            raise Refused(
                401,
                "Unauthorized",
                "the API key is missing or wrong; send it in the header X-API-Key",
            )

    def close(self) -> None:
        """Stop running work and end the threads."""
        self.gate.close()
        self.live.close(CLOSING)


def _read_key(headers: Mapping[str, str]) -> str:
    kind, _, token = headers.get("authorization", "").partition(" ")
    named = headers.get("x-api-key", "") or headers.get("x-hume-api-key", "")
    return named or (token if kind.lower() == "bearer" else "")

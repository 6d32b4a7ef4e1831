"""Define the limits and access rules of a server."""

from __future__ import annotations

import dataclasses
import math
import os

_MIB = 2**20
_SMALLEST = 100  # MiB
_MIB_PER_S = 48_000 * 2 * 2 / _MIB  # of 16-bit samples in two channels


@dataclasses.dataclass(frozen=True)
class Settings:
    """Limits and access rules of a server.

    Args:
        api_keys: accepted API keys; empty if no key is needed.
        hosts: names by which browsers may address the server, besides those of the loopback;
            "*" stands for all.
        origins: origins (`https://example.org`) whose scripts may use the server; "*" stands for
            all.
        max_size: largest body of a request in bytes; None for a WAV file of `max_duration` with
            two channels at 48 kHz, and at least 100 MiB.
        max_duration: longest recording or stream in seconds.
        max_files: most files in one request.
        concurrency: recordings processed at once; one for each core is best.
        queue: requests that may wait; further ones are refused with 429, as are those of a client
            that holds half of all places.
        streams: most live streams at once, see `Service.streams` for those of one client.
        timeout: most seconds for receiving a body, and for the work after it.
        idle: seconds after which a stream is closed that sends nothing or does not read.
        patience: most seconds for the head of a request, the first message of a stream, or the
            first bytes of a body.
        min_rate: least bytes per second of a body after that.
        connections: most connections; at the limit, the one idle for longest is closed.
        voices: most enrolled voices; of the client that has most, the one unused for longest is
            forgotten first.
        voice_lifetime: seconds after its last use until a voice is forgotten.
        hume_routes: whether to serve the routes of `_hume_routes` as well.

    Raises:
        ValueError: a limit is not positive or not finite, or an API key is empty.

    >>> Settings(concurrency=2, queue=3).places
    5
    """

    api_keys: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    max_size: int | None = None
    max_duration: float = 3600.0
    max_files: int = 64
    concurrency: int = os.cpu_count() or 1
    queue: int = 64
    streams: int = 32
    timeout: float = 120.0
    idle: float = 30.0
    patience: float = 10.0
    min_rate: int = 8192
    connections: int = 2000
    voices: int = 256
    voice_lifetime: float = 3600.0
    hume_routes: bool = False

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value is None or isinstance(value, tuple | bool) or 0 < value < math.inf:
                continue
            if field.name not in {"queue", "streams", "voices"} or value != 0:
                raise ValueError(f"{field.name} must be positive and finite, got {value}")
        if any(not key.strip() for key in self.api_keys):
            raise ValueError("an API key is empty; give a key, or none to serve without keys")

    @property
    def largest_body(self) -> int:
        """Largest body of a request in bytes: `max_size`, or what it stands for."""
        return self.max_size or _MIB * max(_SMALLEST, math.ceil(_MIB_PER_S * self.max_duration))

    @property
    def places(self) -> int:
        """Most requests that may run or wait at once."""
        return self.concurrency + self.queue

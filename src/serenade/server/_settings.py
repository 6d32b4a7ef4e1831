"""What a server allows: sizes, times and numbers of everything that could grow."""

from __future__ import annotations

import dataclasses
import os


@dataclasses.dataclass(frozen=True)
class Settings:
    """Limits and rights of a server.

    Args:
        api_keys: any of them lets a request in; none lets in all.
        origins: pages of other hosts (`https://example.org`) whose scripts may use the server.
        max_size: most bytes of one request's body.
        max_duration: most seconds of one recording, and of one stream.
        max_files: most files of one request.
        concurrency: recordings that are worked on at once; one per core is best.
        queue: requests that may wait for it; those beyond are refused with 429.
        streams: most live streams at once.
        timeout: most seconds for a request to be answered once its body is here, and for its body
            to come.
        idle: seconds after which a silent stream is closed, and one that takes no answers.
        patience: seconds for a request's head, a stream's first message, or the first bytes of a
            body.
        min_rate: bytes a second that a body has to come with after that.
        connections: most at once; of those that ask for nothing the oldest gives way to the next.
        voices: enrolled voices that are remembered; the one not used for longest goes first.
        voice_lifetime: seconds after its last use in which a voice is forgotten.

    Raises:
        ValueError: a limit that lets nothing in.

    >>> Settings(concurrency=2, queue=3).places
    5
    """

    api_keys: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    max_size: int = 100 * 2**20
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

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, tuple) or value > 0:
                continue
            if field.name not in {"queue", "streams", "voices"} or value != 0:
                raise ValueError(f"{field.name} must be more than 0, got {value}")
        if any(not key for key in self.api_keys):
            raise ValueError("an API key is empty: leave it out to let everybody in")

    @property
    def places(self) -> int:
        """Requests that may be in the house at once, worked on or waiting."""
        return self.concurrency + self.queue

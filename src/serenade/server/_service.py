"""What all routes of a server share."""

from __future__ import annotations

import hmac
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from serenade.server._gate import Gate
from serenade.server._jobs import Worker
from serenade.server._prometheus import Metrics
from serenade.server._refusals import Refused
from serenade.server._voices import Voices

if TYPE_CHECKING:
    from collections.abc import Mapping

    from serenade.inference import Model
    from serenade.server._gate import Job
    from serenade.server._settings import Settings


class Service:
    """A model, and who may use how much of it.

    Args:
        model: what judges.
        settings: limits and rights.
    """

    def __init__(self, model: Model, settings: Settings) -> None:
        self.model = model
        self.settings = settings
        self.gate = Gate(settings)
        self.voices = Voices(settings.voices, settings.voice_lifetime)
        self.streams = 0
        # Live speech has threads of its own: it must not wait behind an hour's recording.
        self.live = ThreadPoolExecutor(settings.concurrency, "live")
        self.metrics = Metrics(
            lambda: self.gate.inside, lambda: self.streams, lambda: len(self.voices)
        )

    def known(self, voice: str | None) -> Model:
        """The model, knowing a voice where one is named.

        Raises:
            Refused: 404, the voice is not known.
        """
        return self.voices.get(voice) if voice else self.model

    def worker(self, model: Model, job: Job) -> Worker:
        """What looks at a request's files."""
        return Worker(model, self.settings.max_duration, job.stop, self.metrics.audio.inc)

    def check_key(self, headers: Mapping[str, str], stated: str = "") -> None:
        """Let in who states a key, by `X-API-Key`, `Authorization: Bearer`, or otherwise.

        Raises:
            Refused: 401, no key or a wrong one.
        """
        if not self.settings.api_keys:
            return
        kind, _, token = headers.get("authorization", "").partition(" ")
        header = headers.get("x-api-key", "") or (token if kind.lower() == "bearer" else "")
        # Bytes as they were read; JSON may state what is no Unicode text.
        given = stated.encode("utf-8", "surrogatepass") or header.encode("latin-1")
        # Every key is compared, and each in a time that does not depend on what was given.
        found = [hmac.compare_digest(given, key.encode()) for key in self.settings.api_keys]
        if not any(found):
            raise Refused(401, "Unauthorized", "state the server's API key in the header X-API-Key")

    def close(self) -> None:
        """Wait for what works, and end the threads."""
        self.gate.close()
        self.live.shutdown(cancel_futures=True)

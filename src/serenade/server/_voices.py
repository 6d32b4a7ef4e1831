"""Keep models adapted to enrolled speakers under unguessable names."""

from __future__ import annotations

import secrets
import threading
import time
from collections import Counter, OrderedDict
from typing import TYPE_CHECKING

from serenade.server._refusals import Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from serenade.inference import Model


class Voices:
    """Adapted models in memory; recordings are not kept.

    Args:
        most: most voices; of the client that has most, the one unused for longest is forgotten
            first, so that no client can displace the voices of the others.
        lifetime: seconds after its last use until a voice is forgotten.
        clock: function that returns seconds.

    >>> voices = Voices(1, 60.0)
    >>> first, second = voices.add("model", "client"), voices.add("another", "client")
    >>> voices.get(second)
    'another'
    >>> voices.get(first)
    Traceback (most recent call last):
    serenade.server._refusals.Refused: unknown or forgotten voice; enrol the speaker again
    """

    def __init__(
        self, most: int, lifetime: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = most
        self._lifetime = lifetime
        self._clock = clock
        self._known: OrderedDict[str, tuple[float, str, Model]] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, model: Model, client: str) -> str:
        """Keep a model of a client and return its name."""
        name = secrets.token_urlsafe(16)
        with self._lock:
            self._known[name] = self._clock(), client, model
            self._forget()
        return name

    def get(self, name: str) -> Model:
        """Return the model of a name.

        Raises:
            Refused: 404, the voice is unknown or was forgotten.
        """
        with self._lock:
            self._forget()
            if name not in self._known:
                raise Refused(
                    404, "UnknownVoice", "unknown or forgotten voice; enrol the speaker again"
                )
            _, client, model = self._known[name]
            self._known[name] = self._clock(), client, model
            self._known.move_to_end(name)
            return model

    def drop(self, name: str) -> None:
        """Forget a voice if it is known."""
        with self._lock:
            self._known.pop(name, None)

    def __len__(self) -> int:
        with self._lock:
            self._forget()
            return len(self._known)

    def _forget(self) -> None:
        now = self._clock()
        while self._known and now - next(iter(self._known.values()))[0] > self._lifetime:
            self._known.popitem(last=False)
        while len(self._known) > self._most:
            counts = Counter(client for _, client, _ in self._known.values())
            del self._known[max(self._known, key=lambda name: counts[self._known[name][1]])]

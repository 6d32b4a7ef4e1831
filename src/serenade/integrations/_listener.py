"""Predict the emotions of a caller during a call, without blocking an event loop."""

from __future__ import annotations

import asyncio
import collections
import concurrent.futures
import dataclasses
import functools
import logging
import threading
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from serenade.errors import MissingExtraError
from serenade.inference import Model, Prediction, Stream, Update, check_windows

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from numpy.typing import NDArray

    from serenade.adaptation import Expect

    Pushed = tuple[Stream, list[Update]]

WINDOW = 2.0
"""Default length of a window in seconds; docs/benchmarks/live_updates.md compares lengths."""

HOP = 0.5
"""Default seconds of speech between updates when a window is full."""

EARLY = 0.3
"""Longest seconds of speech between updates until a window is full: the first comes below 0.5 s."""

BACKLOG = 1.0
"""Seconds of audio that wait for the model at most; beyond, the oldest audio is dropped."""

_LOGGER = logging.getLogger(__name__)
_LOADING = threading.Lock()
_PATIENCE = 0.3  # longest wait in seconds for audio that has arrived before a turn ended


@functools.cache
def _load_once() -> Model:
    """Return the bundled model, which all calls of the process share."""
    return Model.load()


class MissingBase:
    """Stands for the base class of a framework that is not installed."""

    extra = ""

    def __init__(self, *_: object, **__: object) -> None:
        raise MissingExtraError(f"{type(self).__name__} of serenade.integrations", self.extra)


def format_note(prediction: Prediction) -> str:
    """Format the note that tells a language model the emotion; empty if it is uncertain.

    >>> format_note(Prediction("turn", 2.0, {"angry": 0.83, "sad": 0.17}))
    ' [sounds angry, 83%]'
    """
    if prediction.uncertain:
        return ""
    if not prediction.probabilities:
        return f" [{prediction.answer}]"
    return f" [sounds {prediction.emotion}, {prediction.probability:.0%}]"


class TurnMean:
    """Averages the updates of a turn, weighted by the new speech in each.

    The windows at the beginning of an utterance grow, and each replaces the one before. Later
    windows overlap, and each counts for the speech that the ones before did not contain.

    Args:
        start: beginning of the turn in seconds of the stream; speech before it does not count.
    """

    def __init__(self, start: float = 0.0) -> None:
        self._covered = start
        self._last: Update | None = None
        self._sums: dict[str, float] = collections.defaultdict(float)
        self._seconds = 0.0

    def add(self, update: Update) -> None:
        """Add an update, in the order of time."""
        if update.end <= self._covered:
            return
        if self._last is not None and update.start > self._last.start:
            self._seconds += self._count(self._last, self._sums)
            self._covered = self._last.end
        self._last = update

    def mean(self) -> Update | None:
        """Return the mean as an update of the length of the speech; None without speech."""
        if self._last is None:
            return None
        sums = self._sums.copy()
        seconds = self._seconds + self._count(self._last, sums)
        mean = {label: value / seconds for label, value in sums.items()}
        return dataclasses.replace(
            self._last,
            start=self._last.end - seconds,
            probabilities={label: mean[label] for label in self._last.probabilities},
            values={name: mean[name] for name in self._last.values},
        )

    def _count(self, update: Update, sums: dict[str, float]) -> float:
        """Add an update's probabilities and values to sums and return the weight in seconds."""
        seconds = update.end - max(update.start, self._covered)
        for name, number in {**update.probabilities, **update.values}.items():
            sums[name] += number * seconds
        return seconds


class Listener:
    """Predicts the speech of one caller in a thread of its own.

    All methods are called in the event loop, and none of them waits for the model: the thread
    loads and runs it. Memory is bounded: audio that the model has no time for is dropped, the
    oldest first, so that answers stay current. If the model or `report` fails, the error is
    logged, and the call continues; the same error of the model in each chunk is logged once.

    Args:
        model: model that predicts; None for the bundled one.
        report: awaited in the event loop with the emotion of the last window, while the caller
            speaks.
        window: length of a window in seconds; shorter windows follow changes faster, longer ones
            are right more often.
        hop: seconds of speech between updates.
        adapt: assumed content of the call, to which the model adapts during the call, see
            `Model.adapt`; None for no adaptation. Ignored by a model that cannot adapt, or that is
            adapted or enrolled already.
        backlog: longest audio in seconds that waits for the model.
    """

    def __init__(
        self,
        model: Model | None,
        report: Callable[[Prediction], Awaitable[None]],
        *,
        window: float = WINDOW,
        hop: float = HOP,
        adapt: Expect | None = "unknown",
        backlog: float = BACKLOG,
    ) -> None:
        check_windows(window, hop)
        self.dropped = 0.0  # seconds of audio that the model had no time for
        self._report = report
        self._windows = window, hop
        self._adapt = adapt
        self._backlog = backlog
        self._waiting: collections.deque[NDArray[np.int16]] = collections.deque()
        self._rate = 0
        self._stream: Stream | None = None
        self._turn = TurnMean()
        self._worker: asyncio.Task[None] | None = None
        self._fault = ""  # the last error of the model; empty after a success
        self._thread = concurrent.futures.ThreadPoolExecutor(1, "serenade")
        self._model = self._thread.submit(self._load, model)

    def push(self, content: bytes | memoryview, sampling_rate: int, channels: int = 1) -> None:
        """Take audio of 16 bits and return at once; see `report` of the class.

        Args:
            content: samples, interleaved if there are several channels.
            sampling_rate: sampling rate in Hz.
            channels: number of channels.
        """
        if sampling_rate != self._rate:
            self._rate, self._stream, self._turn = sampling_rate, None, TurnMean()
            self._waiting.clear()
        # A framework may use its buffer again.
        self._waiting.append(np.array(np.frombuffer(content, np.int16)).reshape(-1, channels))
        self._drop_oldest()
        if self._worker is None or self._worker.done():
            self._worker = asyncio.get_running_loop().create_task(self._work())

    async def turn(self, *, end: bool = False) -> Prediction | None:
        """Return the emotion of the turn so far; None without speech.

        Args:
            end: whether the turn has ended; the next audio then belongs to the next turn.
        """
        if self._worker is not None:
            await asyncio.wait([self._worker], timeout=_PATIENCE)
        found = self.predict_turn()
        if end and self._stream is not None:
            self._turn = TurnMean(self._stream.time)
        return found

    def predict_turn(self) -> Prediction | None:
        """Return the emotion of the turn so far, without the audio that waits; see `turn`."""
        mean = self._turn.mean()
        return None if mean is None else self._predict("turn", mean)

    def close(self) -> None:
        """End the work; the audio that waits is dropped."""
        self._waiting.clear()
        if self._worker is not None:
            self._worker.cancel()
        self._thread.shutdown(wait=False, cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _load(self, model: Model | None) -> Model:
        """Load the model if it is missing, and find out whether it can adapt."""
        if model is None:
            with _LOADING:  # calls that begin together share one
                model = _load_once()
        known = model.adaptation is not None or model.enrolment
        if known or "adaptation" not in model.description:
            self._adapt = None
        return model

    def _push(self, stream: Stream | None, rate: int, chunk: NDArray[Any]) -> Pushed:
        """Predict audio in the thread, with a new stream if there is none yet."""
        if stream is None:
            window, hop = self._windows
            early = EARLY if hop > EARLY else None
            settings: dict[str, Any] = {"window": window, "hop": hop, "early": early}
            model = self._model.result()
            stream = Stream(model, rate, **settings, adapt=self._adapt, source="call")
        return stream, stream.push(chunk)

    def _drop_oldest(self) -> None:
        """Drop the oldest audio beyond the backlog."""
        size = sum(map(len, self._waiting))
        while size > self._backlog * self._rate and len(self._waiting) > 1:
            lost = len(self._waiting.popleft())
            size -= lost
            self.dropped += lost / self._rate

    def _take_waiting(self) -> NDArray[np.int16]:
        """Take the audio that waits, up to a change of the number of channels."""
        taken = [self._waiting.popleft()]
        while self._waiting and self._waiting[0].shape[1] == taken[0].shape[1]:
            taken.append(self._waiting.popleft())
        return np.concatenate(taken)

    async def _work(self) -> None:
        """Predict the audio that waits, until there is none."""
        loop = asyncio.get_running_loop()
        while self._waiting:
            rate, chunk = self._rate, self._take_waiting()
            try:
                stream, updates = await loop.run_in_executor(
                    self._thread, self._push, self._stream, rate, chunk
                )
            except Exception as error:  # noqa: BLE001 - logged
                self._log_once(error, len(chunk) / rate)
                continue
            self._fault = ""
            if rate != self._rate:  # it has changed meanwhile
                continue
            self._stream = stream
            for update in updates:  # all before any is reported: the turn may end meanwhile
                self._turn.add(update)
            for update in updates:
                await self._hand_over(self._predict("now", update))

    def _log_once(self, error: Exception, seconds: float) -> None:
        """Log an error of the model, unless it repeats the last one: chunks come 50 a second."""
        if repr(error) != self._fault:
            _LOGGER.error("%.1f s of a call cannot be predicted", seconds, exc_info=error)
        self._fault = repr(error)

    async def _hand_over(self, prediction: Prediction) -> None:
        """Report a prediction; log an error of the code that receives it."""
        try:
            await self._report(prediction)
        except Exception:
            name = getattr(self._report, "__qualname__", repr(self._report))
            _LOGGER.exception("%s failed with the emotion of a call; the call continues", name)

    def _predict(self, name: str, update: Update) -> Prediction:
        """Make a prediction of an update, with the remarks of the model and the stream."""
        remarks = self._model.result().remarks
        if self._adapt is not None:
            remarks |= {"adapted_to": update.adapted_to, "assumed": update.assumed}
        seconds = update.end - update.start
        return Prediction(name, seconds, update.probabilities, values=update.values, **remarks)

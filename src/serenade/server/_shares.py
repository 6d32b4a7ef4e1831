"""Run work in threads, and give each client the same share of them."""

from __future__ import annotations

import itertools
import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from serenade.runtime import Interruption

if TYPE_CHECKING:
    from collections.abc import Callable

_QUANTUM = 1.0  # seconds after which long work lets that of others go first
_KNOWN = 1000  # clients whose used time is remembered


class Turn(Interruption):
    """Work of a client that runs, waits, or has paused for that of others.

    Args:
        shares: threads that run it.
        client: name of the client.
        work: function to call.
    """

    def __init__(self, shares: Shares, client: str, work: Callable[[], Any]) -> None:
        super().__init__()
        self.client = client
        self.future: Future[Any] = Future()
        self.order = 0
        self.started = 0.0  # time of the last start; 0 before the first
        self.thread: threading.Thread | None = None
        self._shares = shares
        self._work = work

    def stop(self) -> None:
        """Stop the work, or drop it if it has not begun."""
        if self.future.done():
            return
        super().stop()
        self.future.cancel()
        self._shares.wake()

    def check(self) -> None:
        """Stop here if the work was stopped, and let others go first after a while.

        Raises:
            StoppedError: the work was stopped.
        """
        super().check()
        if threading.current_thread() is self.thread:
            self._shares.pause(self)
            super().check()

    def call(self) -> None:
        """Do the work in this thread."""
        if not self.future.set_running_or_notify_cancel():
            return
        self.thread = threading.current_thread()
        try:
            with self.activate():
                result = self._work()
        except BaseException as error:  # noqa: BLE001 - raised where the result is awaited
            self.future.set_exception(error)
        else:
            self.future.set_result(result)


class Shares:
    """Threads that work for clients in fair turns.

    The next work is that of the client that has used least time. Work of over a second pauses
    where it checks for a stop, if other work waits. So short requests are served while another
    client's long recordings are decoded. Paused work needs memory: a client may have begun twice
    as much work as there are cores, and all clients four times as much.

    Args:
        running: work that runs at once.
        name: name of the threads.
    """

    def __init__(self, running: int, name: str) -> None:
        self._limit = running
        self._name = name
        self._changed = threading.Condition()
        self._waiting: list[Turn] = []
        self._begun: list[Turn] = []  # running or paused
        self._running = 0
        self._idle = 0
        self._threads = 0
        self._closed = False
        self._order = itertools.count()
        self._spent: dict[str, float] = {}
        self._now = 0.0  # used time of the client that was served last

    def submit(self, client: str, work: Callable[[], Any]) -> Turn:
        """Let threads call a function; the result is the future of the turn."""
        turn = Turn(self, client, work)
        with self._changed:
            turn.order = next(self._order)
            self._waiting.append(turn)
            unbegun = sum(not one.started for one in self._waiting)
            if unbegun > self._idle and self._threads < 4 * self._limit:
                self._threads += 1
                # Threads that do not keep the process: a library may never return.
                threading.Thread(target=self._serve, name=self._name, daemon=True).start()
            self._changed.notify_all()
        return turn

    def pause(self, turn: Turn) -> None:
        """Let others go first if a turn has lasted a while; return when it may continue."""
        if time.monotonic() - turn.started < _QUANTUM:
            return
        with self._changed:
            self._charge(turn)
            turn.order = next(self._order)
            self._waiting.append(turn)
            self._running -= 1
            self._changed.notify_all()
            while not turn.is_stopped and not (self._is_free() and self._find_next() is turn):
                self._changed.wait()
            self._waiting.remove(turn)
            self._start(turn)

    def wake(self) -> None:
        """Let waiting threads look whether their turn was stopped."""
        with self._changed:
            self._changed.notify_all()

    def close(self, seconds: float) -> bool:
        """Stop all work, wait for at most so many seconds, and return whether all has ended."""
        with self._changed:
            self._closed = True
            turns = [*self._waiting, *self._begun]
            self._changed.notify_all()
        for turn in turns:
            turn.stop()
        with self._changed:
            return self._changed.wait_for(lambda: not self._begun, seconds)

    def _serve(self) -> None:
        """Do work in this thread until the server ends."""
        while (turn := self._take()) is not None:
            turn.call()
            with self._changed:
                self._charge(turn)
                self._running -= 1
                self._begun.remove(turn)
                self._changed.notify_all()
            del turn  # it holds the request's data

    def _take(self) -> Turn | None:
        with self._changed:
            while not self._closed:
                turn = self._find_next() if self._is_free() else None
                if turn is not None and not turn.started:
                    self._waiting.remove(turn)
                    self._begun.append(turn)
                    self._start(turn)
                    return turn
                self._idle += 1
                self._changed.wait()
                self._idle -= 1
            return None

    def _is_free(self) -> bool:
        return self._running < self._limit

    def _start(self, turn: Turn) -> None:
        self._running += 1
        self._now = max(self._now, self._spent.get(turn.client, 0.0))
        turn.started = time.monotonic()

    def _charge(self, turn: Turn) -> None:
        """Add the time since the turn's last start to that of its client."""
        used = time.monotonic() - turn.started
        self._spent[turn.client] = self._key(turn.client) + used
        if len(self._spent) > _KNOWN:  # those behind `_now` have lost nothing
            self._spent = {name: all_ for name, all_ in self._spent.items() if all_ > self._now}

    def _key(self, client: str) -> float:
        return max(self._now, self._spent.get(client, 0.0))

    def _find_next(self) -> Turn | None:
        """Return the turn that starts or continues next."""
        self._waiting = [turn for turn in self._waiting if not turn.future.cancelled()]
        able = (turn for turn in self._waiting if turn.started or self._may_begin(turn.client))
        return min(able, key=lambda turn: (self._key(turn.client), turn.order), default=None)

    def _may_begin(self, client: str) -> bool:
        own = sum(turn.client == client for turn in self._begun)
        return len(self._begun) < 4 * self._limit and own < 2 * self._limit

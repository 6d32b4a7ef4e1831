"""Cases in a process of their own, under limits, and the verdict on each."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import resource
import shutil
import tempfile
import time
import traceback
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from multiprocessing.connection import Connection

SECONDS = 10.0  # of processor time, of all threads: others may share the machine
PER_HOUR = 2.0  # seconds more for each hour of sound beyond the first
_WALL = 600.0  # seconds on the clock in which even an input that waits for others is done
MEGABYTES = 500
_SPARE = 1500  # MB of address space above the worker's own at which it is stopped for sure


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What became of a case.

    Args:
        target: name of what was given the input.
        number: of the case.
        name: of the case.
        outcome: `result`, the name of a typed error, or what must not be: `traceback`, `hang`,
            `memory`, `crash`.
        detail: of what must not be: the end of the traceback, the signal.
        seconds: of processor time, making the input left out.
        megabytes: peak of resident memory while it was used, the whole worker's.
    """

    target: str
    number: int
    name: str
    outcome: str
    detail: str = ""
    seconds: float = 0.0
    megabytes: float = 0.0

    @property
    def bad(self) -> bool:
        """Whether it is neither a result nor a typed error."""
        return self.outcome in {"traceback", "hang", "memory", "crash"}


def judge(target: str, numbers: Iterable[int], seconds: float = SECONDS) -> Iterator[Verdict]:
    """Run cases of a target one by one in a worker; a worker that is lost is replaced.

    Args:
        target: a name of `targets.TARGETS`, or of `cases.TRAPS`.
        numbers: of the cases.
        seconds: of processor time that a case may take.
    """
    worker: _Worker | None = None
    try:
        for number in numbers:
            worker = worker or _Worker(target)
            verdict = worker.run(number, seconds)
            if verdict.outcome in {"hang", "crash", "memory"}:
                worker.stop()
                worker = None
            yield verdict
    finally:
        if worker is not None:
            worker.stop()


class _Worker:
    def __init__(self, target: str) -> None:
        context = multiprocessing.get_context("spawn")
        self._target = target
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(target, theirs), daemon=True)
        self._process.start()
        theirs.close()
        self._pipe.recv()  # ready

    def run(self, number: int, limit: float) -> Verdict:
        """Run one case; the clock starts when its input has been made."""
        name = f"case {number}"
        try:
            self._pipe.send(number)
            if not self._pipe.poll(600):
                return Verdict(self._target, number, name, "hang", "while it was made")
            name, hours = self._pipe.recv()
            limit += PER_HOUR * max(0.0, hours - 1)
            if not self._answers(limit):
                detail = f"over {limit:g} s, or {_WALL:g} s on the clock"
                return Verdict(self._target, number, name, "hang", detail, limit)
            outcome, detail, seconds, megabytes = self._pipe.recv()
        except (EOFError, OSError):
            self._process.join(5)
            code = self._process.exitcode
            return Verdict(self._target, number, name, "crash", f"exit code {code}")
        if outcome != "traceback" and megabytes > MEGABYTES:
            outcome, detail = "memory", f"{megabytes:.0f} MB ({outcome})"
        if seconds > limit:
            outcome, detail = "hang", f"{seconds:.1f} s ({outcome})"
        return Verdict(self._target, number, name, outcome, detail, seconds, megabytes)

    def _answers(self, limit: float) -> bool:
        """Wait for the verdict as long as the limits allow."""
        stat = Path(f"/proc/{self._process.pid}/stat")

        def spent() -> float:
            user, system = stat.read_text("ascii", "ignore").rpartition(")")[2].split()[11:13]
            return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

        before, begun = spent(), time.monotonic()
        while not self._pipe.poll(0.5):
            if spent() - before > limit or time.monotonic() - begun > _WALL:
                return False
        return True

    def stop(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.join()
        self._pipe.close()


def _work(target: str, pipe: Connection) -> None:
    """Make a case, use it and report, in the worker's process."""
    from fuzzing.cases import TRAPS
    from fuzzing.targets import TARGETS

    warnings.simplefilter("error")
    make = TRAPS[target] if target in TRAPS else TARGETS[target][0]
    base = Path(tempfile.mkdtemp(prefix="serenade-fuzz-"))
    os.environ["SERENADE_CACHE"] = str(base / "cache")
    os.environ["HF_ENDPOINT"] = "http://127.0.0.1:1"  # nobody answers there
    warm = make(3, _empty(base / "case"))
    _outcome(warm.use)
    address = _status("VmSize") + (_SPARE << 20)
    resource.setrlimit(resource.RLIMIT_AS, (address, address))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    pipe.send(warm.name)
    while True:
        try:
            number = pipe.recv()
        except EOFError:
            shutil.rmtree(base, ignore_errors=True)
            return
        case = make(number, _empty(base / "case"))
        pipe.send((case.name, case.hours))
        Path("/proc/self/clear_refs").write_text("5")  # forgets the peak so far
        begun = time.process_time()
        outcome, detail = _outcome(case.use)
        spent = time.process_time() - begun
        pipe.send((outcome, detail, spent, _status("VmHWM") / (1 << 20)))


def _outcome(use: Any) -> tuple[str, str]:
    import click

    from serenade.errors import SerenadeError

    try:
        use()
    except SerenadeError as error:
        message = str(error)
        if not message or "\n" in message or len(message) > 2000:
            return "traceback", f"not one line: {message[:300]!r}"
        return type(error).__name__, ""
    except click.UsageError:
        return "UsageError", ""
    except BaseException as error:  # noqa: BLE001 - this is what is looked for
        lines = traceback.format_exception(error)
        return "traceback", "".join(lines)[-1500:]
    return "result", ""


def _empty(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _status(field: str) -> int:
    """Return the bytes in a line of /proc/self/status."""
    for line in Path("/proc/self/status").read_text("ascii", "ignore").splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) << 10
    raise KeyError(field)

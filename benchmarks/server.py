"""Measure the server under load: against the same work offline, its memory, and in overload.

    python -m benchmarks.server --seconds 120 --output docs/benchmarks/server.md

Server and clients are two processes on the same cores. Each client sends a clip of
4 s (16-bit WAV at 16 kHz, synthetic speech from `examples/`, another cut each time), waits for the
answer, and sends the next. Offline: `Model.predict` of such files, a thread per core, before and
after. Then ten times as many clients ask for a while, and at last the first ones again.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import io
import itertools
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import soundfile

import serenade
from benchmarks.runner import format_page, run_benchmark
from serenade._printable import format_table
from serenade.audio import read
from serenade.inference._threads import map_in_threads

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

EXAMPLE = Path(__file__).parents[1] / "examples" / "example.flac"
CLIP, RATE = 4, 16000


def measure(seconds: float, clients: int) -> dict[str, Any]:
    """Load a server, overload it for a quarter of the time, and load it again."""
    clips = _clips()
    aside = seconds / 4
    busy = os.getloadavg()[0]
    before = _offline(clips, aside)
    with start_server() as (port, process):
        asyncio.run(_load(port, clips, clients, 3.0))  # warm
        with _memory(process) as memory:
            usual = asyncio.run(_load(port, clips, clients, seconds))
        with _memory(process) as memory_over:
            over = asyncio.run(_load(port, clips, 10 * clients, aside))
        again = asyncio.run(_load(port, clips, clients, aside))
    after = _offline(clips, aside)
    return {
        "cores": os.cpu_count(),
        "load_average_before": round(busy, 1),
        "clients": clients,
        "seconds": seconds,
        "offline_clips_per_s": [round(before, 1), round(after, 1)],
        "load": usual | memory,
        "overload": over | memory_over,
        "afterwards": again,
    }


def _clips() -> list[bytes]:
    """Return cuts of the example as WAV files."""
    signal_ = read(EXAMPLE).signal
    starts = np.linspace(0, signal_.size - CLIP * RATE, 40).astype(int)
    files = []
    for start in starts:
        file = io.BytesIO()
        soundfile.write(file, signal_[start : start + CLIP * RATE], RATE, format="WAV")
        files.append(file.getvalue())
    return files


def _offline(clips: Sequence[bytes], seconds: float) -> float:
    """Measure how many files per second the package predicts with a thread per core."""
    model = serenade.load()
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{number}.wav" for number in range(len(clips))]
        for path, clip in zip(paths, clips, strict=True):
            path.write_bytes(clip)
        model.predict(paths[0])
        start = time.perf_counter()
        endless = itertools.takewhile(
            lambda _: time.perf_counter() - start < seconds, itertools.cycle(paths)
        )
        done = sum(1 for _ in map_in_threads(model.predict, endless, os.cpu_count() or 1))
        return done / (time.perf_counter() - start)


@contextlib.contextmanager
def start_server() -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """Serve in another process; return the port and the process."""
    command = [sys.executable, "-m", "serenade", "serve", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stderr is not None
        found = re.search(r":(\d+) ", process.stderr.readline())
        assert found
        yield int(found.group(1)), process
        process.send_signal(signal.SIGINT)


async def _load(port: int, clips: Sequence[bytes], clients: int, seconds: float) -> dict[str, Any]:
    """Measure what clients see that send requests without a pause."""
    statuses: collections.Counter[str] = collections.Counter()
    times: list[float] = []
    number = itertools.count()
    start = time.perf_counter()

    async def client() -> None:
        while time.perf_counter() - start < seconds:
            begun = time.perf_counter()
            try:
                status, retry = await _ask(port, clips[next(number) % len(clips)])
            except (OSError, asyncio.IncompleteReadError) as error:
                status, retry = type(error).__name__, 0.1
            statuses[status] += 1
            if status == "200":
                times.append(time.perf_counter() - begun)
            else:
                # Impatient: a tenth of what Retry-After asks for.
                await asyncio.sleep(min(retry / 10, max(0, start + seconds - time.perf_counter())))

    await asyncio.gather(*(client() for _ in range(clients)))
    spent = time.perf_counter() - start
    middle, high = np.percentile(times, [50, 95]) if times else (float("nan"),) * 2
    return {
        "clients": clients,
        "clips_per_s": round(len(times) / spent, 1),
        "p50_s": round(float(middle), 3),
        "p95_s": round(float(high), 3),
        "answers": dict(statuses),
    }


async def _ask(port: int, clip: bytes) -> tuple[str, float]:
    """Send a clip; return the status of the answer and its Retry-After."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        head = f"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(clip)}\r\n"
        writer.write(f"{head}Connection: close\r\n\r\n".encode() + clip)
        await writer.drain()
        answer = (await reader.read()).decode("latin-1")
        if not answer:
            raise ConnectionResetError
        retry = re.search(r"(?i)retry-after: (\d+)", answer)
        return answer.split(" ", 2)[1], float(retry.group(1)) if retry else 0.0
    finally:
        writer.close()


@contextlib.contextmanager
def _memory(process: subprocess.Popen[str]) -> Iterator[dict[str, Any]]:
    """Fill a dictionary with the process' memory at the start and the end, and its peak so far."""
    found: dict[str, Any] = {"memory_mb": [read_memory(process, "VmRSS")]}
    yield found
    found["memory_mb"].append(read_memory(process, "VmRSS"))
    found["peak_mb"] = read_memory(process, "VmHWM")


def read_memory(process: subprocess.Popen[str], name: str) -> int:
    """Read a field of the process' status, such as VmRSS, in megabytes."""
    status = Path(f"/proc/{process.pid}/status").read_text("ascii")
    found = re.search(rf"{name}:\s+(\d+)", status)
    assert found
    return round(int(found.group(1)) / 1024)


def format_result(result: dict[str, Any]) -> str:
    """Format the page of a result."""
    offline = sum(result["offline_clips_per_s"]) / 2
    rows = []
    for name in ("load", "overload", "afterwards"):
        part = result[name]
        cells = [part["clients"], part["clips_per_s"], f"{part['clips_per_s'] / offline:.0%}"]
        cells += [part["p50_s"], part["p95_s"], " → ".join(map(str, part.get("memory_mb", [])))]
        answers = ", ".join(f"{status}: {count}" for status, count in part["answers"].items())
        rows.append([name, *map(str, [*cells, part.get("peak_mb", ""), answers])])
    head = ["", "clients", "clips/s", "of offline", "p50, s", "p95, s", "memory, MB", "peak, MB"]
    before, after = result["offline_clips_per_s"]
    return format_page(
        "The server under load",
        f"Clients send clips of {CLIP} s without a pause to `serenade serve` with its usual\n"
        f"limits, for {result['seconds']:g} s. Clients and server share {result['cores']} cores.\n"
        f"Made by `benchmarks/server.py`. {result['note']}".rstrip()
        + "\n\n"
        "The column `of offline` compares with `Model.predict` of the same files, with a thread\n"
        f"per core: {before} clips/s before the trial, {after} after it. Other programs ran as\n"
        f"well (load average {result['load_average_before']}), so only this share is comparable.",
        format_table([*head, "answers"], rows),
        "Answers are counted by status: 200 is a prediction, 429 a full queue.",
    )


if __name__ == "__main__":
    run_benchmark(
        __doc__,
        lambda options: measure(options.seconds, options.clients) | {"note": options.note},
        format_result,
        {
            "--seconds": {"type": float, "default": 120.0, "help": "of load; overload: a quarter"},
            "--clients": {"type": int, "default": 32},
            "--note": {"default": "", "help": "sentences about the trial, for the page"},
        },
        corpora=False,
    )

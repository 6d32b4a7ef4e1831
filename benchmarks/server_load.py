"""The server under mixed requests, and under live streams at real time.

    python -m benchmarks.server_load --output docs/benchmarks/server_load.md

A server with its usual limits in a process of its own, clients in another, on the same cores.
First, clients send mixed requests, see `MIX`, each the next as soon as the last is answered. The
same work is then done offline, with a thread per core. Then streams of speech run at real time, in
messages of 100 ms. The slope of memory is that of a line through samples of the resident memory
after the first third.
"""

from __future__ import annotations

import asyncio
import collections
import dataclasses
import io
import itertools
import json
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import soundfile
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

import serenade
from benchmarks.runner import format_page, run_benchmark
from benchmarks.server import EXAMPLE, RATE, read_memory, start_server
from serenade._printable import format_table
from serenade.audio import read
from serenade.errors import AudioError
from serenade.inference import predict_file
from serenade.inference._threads import map_in_threads

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Coroutine, Sequence

MIX = {
    "predict, 2 s": 30,
    "predict, 5 s": 15,
    "timeline, 14 s": 10,
    "batch of three, one unusable": 10,
    "enrolment, 5 s": 5,
    "convert": 10,
    "no audio": 10,
    "model": 10,
}
"""Kinds of requests and their shares in per cent."""

_MESSAGE = RATE // 10  # samples of a message of a stream
_SAMPLE = 5.0  # seconds between two readings of the memory
_PERCENTILES = (50, 95, 99)


@dataclasses.dataclass(frozen=True)
class Material:
    """Recordings that the requests send, and a timeline for `convert`."""

    short: bytes
    medium: bytes
    long: bytes
    noise: bytes
    timeline: dict[str, Any]


def measure(clients: int, seconds: float, streams: int, stream_seconds: float) -> dict[str, Any]:
    """Measure requests, the same work offline, and streams."""
    material = _make_material()
    busy = [round(os.getloadavg()[0], 1)]
    with start_server() as (port, process):
        requests = asyncio.run(_send_requests(port, process, material, clients, seconds))
        busy.append(round(os.getloadavg()[0], 1))
        offline = _work_offline(material, requests["answers"])
        live = asyncio.run(_send_streams(port, process, streams, stream_seconds))
    busy.append(round(os.getloadavg()[0], 1))
    return {
        "cores": os.cpu_count(),
        "load_average": busy,
        "clients": clients,
        "requests": requests,
        "offline": offline,
        "streams": live,
    }


def _make_material() -> Material:
    signal = read(EXAMPLE).signal

    def encode(seconds: float) -> bytes:
        file = io.BytesIO()
        soundfile.write(file, signal[: round(seconds * RATE)], RATE, format="WAV")
        return file.getvalue()

    prediction, timeline = predict_file(serenade.load(), EXAMPLE, (2.0, 1.0))
    assert timeline is not None
    given = prediction.to_dict() | {"segments": timeline.to_dict()["segments"]}
    return Material(encode(2), encode(5), EXAMPLE.read_bytes(), bytes(64_000), given)


def _requests(client: httpx.AsyncClient, material: Material) -> dict[str, Callable[[], Any]]:
    """Return a function for each kind of request."""
    files = [("file", ("a.wav", content)) for content in (material.short, b"no", material.short)]

    def post(path: str, **options: Any) -> Callable[[], Coroutine[Any, Any, httpx.Response]]:
        return lambda: client.post(path, **options)

    return {
        "predict, 2 s": post("/v1/predict", content=material.short),
        "predict, 5 s": post("/v1/predict", files={"file": ("a.wav", material.medium)}),
        "timeline, 14 s": post("/v1/timeline", content=material.long),
        "batch of three, one unusable": post("/v1/batch", files=files),
        "enrolment, 5 s": post("/v1/voices", files={"file": ("a.wav", material.medium)}),
        "convert": post("/v1/convert", json=material.timeline),
        "no audio": post("/v1/predict", content=material.noise),
        "model": lambda: client.get("/v1/model"),
    }


async def _send_requests(
    port: int,
    process: subprocess.Popen[str],
    material: Material,
    clients: int,
    seconds: float,
) -> dict[str, Any]:
    times: dict[str, list[float]] = collections.defaultdict(list)
    wrong: collections.Counter[str] = collections.Counter()
    expected = {"no audio": 415, "enrolment, 5 s": 201}
    choose = np.random.default_rng(0)
    shares = np.array(list(MIX.values())) / sum(MIX.values())
    start = time.perf_counter()

    async def send(client: httpx.AsyncClient) -> None:
        calls = _requests(client, material)
        while time.perf_counter() - start < seconds:
            kind = str(choose.choice(list(MIX), p=shares))
            begun = time.perf_counter()
            try:
                status: int | str = (await calls[kind]()).status_code
            except httpx.HTTPError as error:
                status = type(error).__name__
            if status == expected.get(kind, 200):
                times[kind].append(time.perf_counter() - begun)
            else:
                wrong[f"{kind}: {status}"] += 1

    addresses = itertools.cycle(range(1, 5))  # one client may hold half of the server's slots

    async def name_client(request: httpx.Request) -> None:
        request.headers["X-Forwarded-For"] = f"10.0.0.{next(addresses)}"

    async with asyncio.TaskGroup() as group:
        memory = group.create_task(_watch_memory(process))
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}",
            timeout=130,
            event_hooks={"request": [name_client]},
            limits=httpx.Limits(max_connections=clients, max_keepalive_connections=0),
        ) as client:
            await asyncio.gather(*(send(client) for _ in range(clients)))
        memory.cancel()
    spent = time.perf_counter() - start
    every = [one for kind in times.values() for one in kind]
    return {
        "seconds": round(spent, 1),
        "answers": {kind: len(times[kind]) for kind in MIX},
        "errors": dict(wrong),
        "latency_s": {kind: _percentiles(times[kind]) for kind in MIX}
        | {"all": _percentiles(every)},
        "memory_mb": await _finish(memory),
    }


def _work_offline(material: Material, counts: dict[str, int]) -> dict[str, float]:
    """Do the work of the answered requests with the package, with a thread per core."""
    model = serenade.load()
    with tempfile.TemporaryDirectory() as folder:
        paths = {}
        for name in ("short", "medium", "long", "noise"):
            paths[name] = Path(folder, name)
            paths[name].write_bytes(getattr(material, name))

        def fail() -> None:
            try:
                model.predict(paths["noise"])
            except AudioError:
                return

        works: dict[str, Callable[[], Any]] = {
            "predict, 2 s": lambda: model.predict(paths["short"], jobs=1),
            "predict, 5 s": lambda: model.predict(paths["medium"], jobs=1),
            "timeline, 14 s": lambda: predict_file(model, paths["long"], (2.0, 1.0), jobs=1),
            "batch of three, one unusable": lambda: (
                model.predict(paths["short"], jobs=1),
                fail(),
                model.predict(paths["short"], jobs=1),
            ),
            "enrolment, 5 s": lambda: model.enrol([paths["medium"]]),
            "no audio": fail,
        }
        todo = [kind for kind, count in counts.items() if kind in works for _ in range(count)]
        np.random.default_rng(0).shuffle(todo)
        start = time.perf_counter()
        for _ in map_in_threads(lambda kind: works[kind](), todo, os.cpu_count() or 1):
            pass
    return {"seconds": round(time.perf_counter() - start, 1)}


async def _send_streams(
    port: int, process: subprocess.Popen[str], streams: int, seconds: float
) -> dict[str, Any]:
    """Run streams at real time and count those that reach their end."""
    samples = np.round(read(EXAMPLE).signal * 32767).astype("<i2")
    delays: list[float] = []
    ends: collections.Counter[str] = collections.Counter()

    async def stream(number: int) -> None:
        await asyncio.sleep(number / streams)  # not all in step
        speech = np.roll(samples, -number * samples.size // streams)
        try:
            await _talk(port, speech, seconds, delays)
            ends["end"] += 1
        except ConnectionClosed as error:
            ends[f"closed with {error.rcvd.code if error.rcvd else 'no code'}"] += 1

    async with asyncio.TaskGroup() as group:
        memory = group.create_task(_watch_memory(process))
        await asyncio.gather(*(stream(number) for number in range(streams)))
        memory.cancel()
    return {
        "streams": streams,
        "seconds": seconds,
        "ends": dict(ends),
        "updates": len(delays),
        "delay_s": _percentiles(delays),
        "memory_mb": await _finish(memory),
    }


async def _talk(port: int, speech: Any, seconds: float, delays: list[float]) -> None:
    """Send speech at real time; note how long after its speech each update arrives."""
    address = f"ws://127.0.0.1:{port}/v1/stream"
    async with connect(address, proxy=None, ping_interval=None) as socket:
        await socket.send(json.dumps({"sampling_rate": RATE}))
        await socket.recv()
        start = time.perf_counter()

        async def listen() -> None:
            async for message in socket:
                found = json.loads(message)
                if found["type"] == "end":
                    return
                delays.append(time.perf_counter() - start - found["end"])
            raise ConnectionClosed(None, None)

        listening = asyncio.ensure_future(listen())
        for number in range(round(seconds * 10)):
            chunk = np.take(speech, range(number * _MESSAGE, (number + 1) * _MESSAGE), mode="wrap")
            await socket.send(chunk.tobytes())
            await asyncio.sleep(max(0, start + (number + 1) / 10 - time.perf_counter()))
        await socket.send('{"type": "end"}')
        await listening


async def _watch_memory(process: subprocess.Popen[str]) -> list[tuple[float, int]]:
    """Read the server's memory until cancelled; returns minutes and megabytes."""
    found, start = [], time.perf_counter()
    try:
        while True:
            found.append(((time.perf_counter() - start) / 60, read_memory(process, "VmRSS")))
            await asyncio.sleep(_SAMPLE)
    except asyncio.CancelledError:
        return found


async def _finish(task: asyncio.Task[list[tuple[float, int]]]) -> dict[str, float]:
    """Return the first and last reading and the slope after the first third."""
    readings = await task
    later = np.array(readings[len(readings) // 3 :], dtype=np.float64)
    slope = np.polyfit(later[:, 0], later[:, 1], 1)[0] if len(later) > 1 else float("nan")
    return {
        "first": readings[0][1],
        "last": readings[-1][1],
        "slope_per_minute": round(float(slope), 2),
    }


def _percentiles(values: Sequence[float]) -> list[float]:
    if not values:
        return []
    return [round(float(one), 3) for one in np.percentile(values, _PERCENTILES)]


def format_result(result: dict[str, Any]) -> str:
    """Format the page of a result."""
    requests, live = result["requests"], result["streams"]
    heads = [f"p{one}, s" for one in _PERCENTILES]
    count = sum(requests["answers"].values())
    counts = requests["answers"] | {"all": count}
    rows = [
        [kind, str(counts[kind]), *map(str, found)] for kind, found in requests["latency_s"].items()
    ]

    def name_counts(found: dict[str, int]) -> str:
        return ", ".join(f"{name}: {number}" for name, number in found.items()) or "none"

    def describe_memory(found: dict[str, float]) -> str:
        slope = found["slope_per_minute"]
        change = f"from {found['first']} to {found['last']} MB"
        return f"The server's memory went {change}; the slope was {slope} MB per minute."

    busy = ", ".join(map(str, result["load_average"]))
    return format_page(
        "The server under mixed load",
        f"`serenade serve` with its usual limits, on {result['cores']} cores that server and\n"
        "clients share. Made by `benchmarks/server_load.py`, which says how.",
        f"Other programs ran as well. The load average was {busy}\n"
        f"(before, after the requests, at the end). {result['note']}".rstrip(),
        "## Requests",
        f"- {result['clients']} clients sent mixed requests for {requests['seconds']} s and got "
        f"{count} answers,\n  {count / requests['seconds']:.1f} a second. Unexpected answers: "
        f"{name_counts(requests['errors'])}.\n"
        f"- {describe_memory(requests['memory_mb'])}\n"
        f"- The same work offline, with a thread per core, took {result['offline']['seconds']} s.",
        format_table(["request", "answers", *heads], rows, "lr"),
        "## Live streams",
        f"- {live['streams']} streams of {live['seconds']:g} s each were sent at real time. Ends: "
        f"{name_counts(live['ends'])}.\n"
        f"- {describe_memory(live['memory_mb'])}\n"
        "- The delay is the time from the end of the speech that an update describes to the\n"
        "  arrival of the update.",
        format_table(
            ["", "updates", *heads],
            [["delay", str(live["updates"]), *map(str, live["delay_s"])]],
            "lr",
        ),
    )


if __name__ == "__main__":
    run_benchmark(
        __doc__,
        lambda options: (
            measure(options.clients, options.seconds, options.streams, options.stream_seconds)
            | {"note": options.note}
        ),
        format_result,
        {
            "--clients": {"type": int, "default": 64},
            "--seconds": {"type": float, "default": 180.0, "help": "of mixed requests"},
            "--streams": {"type": int, "default": 10},
            "--note": {"default": "", "help": "sentences about the machine, for the page"},
            "--stream-seconds": {"type": float, "default": 600.0, "help": "of each stream"},
        },
        corpora=False,
    )

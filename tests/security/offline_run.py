"""Load, predict, serve, train and export; run by `test_telemetry.py` in a process of its own.

Prints, as JSON, how often the kernel or Python was asked for an address on another machine.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import struct
import sys
import threading
import time
import urllib.request
from pathlib import Path

LONGEST_DELAY = 11.0  # seconds from a first session to the upload of onnxruntime 1.29 to 1.31
LOCAL = {"127.0.0.1", "::1", "localhost", "0.0.0.0", "::", "", None}


def start_loopback() -> None:
    """Start the loopback interface, which a new network namespace leaves down."""
    import fcntl

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle, contextlib.suppress(OSError):
        fcntl.ioctl(handle, 0x8914, struct.pack("16sH14s", b"lo", 0x1 | 0x40, b""))


def count_unrouted() -> int:
    """Return how many packets for other machines the kernel had no route for, IPv4 and IPv6."""
    lines = [line.split() for line in Path("/proc/net/snmp").read_text("utf-8").splitlines()]
    names, values = (line for line in lines if line[0] == "Ip:")
    total = int(values[names.index("OutNoRoutes")])
    for line in Path("/proc/net/snmp6").read_text("utf-8").splitlines():
        if line.startswith("Ip6OutNoRoutes"):
            total += int(line.split()[1])
    return total


def run_commands(folder: Path, example: Path) -> None:
    from serenade.cli._main import cli

    def command(*arguments: object) -> None:
        with contextlib.redirect_stdout(sys.stderr):
            cli([str(argument) for argument in arguments], standalone_mode=False)

    rows = ["file,emotion,speaker"]
    for speaker in "abc":
        for emotion in ("angry", "sad"):
            name = f"{speaker}-{emotion}.flac"
            shutil.copyfile(example, folder / name)
            rows.append(f"{name},{emotion},{speaker}")
    manifest = folder / "corpus.csv"
    manifest.write_text("\n".join(rows) + "\n", "utf-8")
    command("predict", example)
    command("train", "whisper-probe", manifest, "--out", folder / "model")
    command("export", folder / "model", "--precision", "fp16", "--out", folder / "half")
    command("predict", example, "--model", folder / "half")


def serve_once(example: Path) -> None:
    import serenade
    from serenade.server import Settings, make_server, open_socket

    listening = open_socket("127.0.0.1", 0)
    server = make_server(serenade.load(), Settings())
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    address = f"http://127.0.0.1:{listening.getsockname()[1]}/v1/predict"
    request = urllib.request.Request(address, example.read_bytes(), {"Content-Type": "audio/flac"})
    assert b"probabilities" in urllib.request.urlopen(request).read()
    server.should_exit = True
    thread.join()


def main() -> None:
    folder, example, what = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    contacted: list[str] = []

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if event in {"socket.getaddrinfo", "socket.gethostbyname"}:
            contacted.append(str(arguments[0]))
        elif event in {"socket.connect", "socket.sendto"} and isinstance(arguments[1], tuple):
            contacted.append(str(arguments[1][0]))

    sys.addaudithook(watch)
    start_loopback()
    begun = time.monotonic()
    if what == "control":  # as a program that does not disable anything
        import onnxruntime

        head = Path(sys.argv[4])
        onnxruntime.InferenceSession(str(head), providers=["CPUExecutionProvider"])
    else:
        run_commands(folder, example)
        serve_once(example)
    time.sleep(max(0.0, LONGEST_DELAY - (time.monotonic() - begun)))
    others = sorted({name for name in contacted if name not in LOCAL})
    sys.stdout.write(json.dumps({"contacted": others, "unrouted": count_unrouted()}) + "\n")


if __name__ == "__main__":
    main()

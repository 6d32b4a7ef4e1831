"""Servers as users have them: uvicorn on the loopback, in a thread; and a browser."""

import base64
import contextlib
import hashlib
import io
import itertools
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason='needs the extra "serve"')

import httpx
import soundfile
from websockets.sync.client import connect

from serenade.server import Settings, make_server, open_socket


@contextlib.contextmanager
def _served(model, settings):
    listening = open_socket("127.0.0.1", 0)
    running = make_server(model, settings)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
    thread.start()
    base = f"http://127.0.0.1:{listening.getsockname()[1]}"
    try:
        while not running.started:
            assert thread.is_alive(), "the server did not start"
            time.sleep(0.01)
        with httpx.Client(base_url=base, timeout=None) as client:
            client.running = running
            yield client
    finally:
        running.should_exit = True
        thread.join()
        listening.close()


@pytest.fixture(scope="session")
def serve(model):
    """Serve a model with settings, for as long as a with statement; gives an HTTP client."""

    def serving(judge=model, **settings):
        return _served(judge, Settings(**{"concurrency": 2} | settings))

    return serving


@pytest.fixture(scope="module")
def client(serve):
    """Return a client of a server with the usual settings."""
    with serve() as found:
        yield found


@pytest.fixture(scope="session")
def words(example):
    """Return two seconds of speech, WAV of 16 bits at 16 kHz."""
    file = io.BytesIO()
    signal, rate = soundfile.read(example)
    soundfile.write(file, signal[rate : 3 * rate], rate, format="WAV", subtype="PCM_16")
    return file.getvalue()


class Browser:
    """Headless Chromium by its DevTools protocol, one page."""

    def __init__(self, executable, folder, *flags):
        self.process = subprocess.Popen(
            [
                executable,
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--no-first-run",
                "--remote-debugging-port=0",
                f"--user-data-dir={folder}",
                "--autoplay-policy=no-user-gesture-required",
                *flags,
                "about:blank",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        stated = Path(folder) / "DevToolsActivePort"
        while not (stated.is_file() and "\n" in stated.read_text()):
            if self.process.poll() is not None:
                self.close()
                pytest.skip("Chromium is there but does not start")
            time.sleep(0.05)
        port = stated.read_text().splitlines()[0]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json") as answer:
            pages = [entry for entry in json.load(answer) if entry["type"] == "page"]
        self._open = contextlib.ExitStack()
        self._socket = self._open.enter_context(
            connect(pages[0]["webSocketDebuggerUrl"], max_size=None, proxy=None, ping_interval=None)
        )
        self._numbers = itertools.count(1)
        self.events = []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def send(self, method, session=None, **parameters):
        """Send a command and return its result; keep the events that come meanwhile."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        message |= {"sessionId": session} if session else {}  # of a worker; without, of the page
        self._socket.send(json.dumps(message))
        while True:
            message = json.loads(self._socket.recv())
            if message.get("id") == number:
                assert "error" not in message, (method, message)
                return message["result"]
            self.events.append(message)

    def run(self, script):
        """Evaluate an expression in the page."""
        found = self.send(
            "Runtime.evaluate",
            expression=script,
            awaitPromise=True,
            returnByValue=True,
            userGesture=True,
        )
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def wait(self, script):
        """Wait until an expression is true; return its value."""
        while not (value := self.run(script)):
            time.sleep(0.1)
        return value

    def open(self, address):
        """Open a page of the server and wait until it is ready."""
        self.send("Page.navigate", url=address)
        self.wait("document.body?.dataset.ready === 'yes'")

    def watch_workers(self):
        """Open a page whose workers wait, until `watch_worker`, so that no request is missed."""
        self.send(
            "Target.setAutoAttach", autoAttach=True, waitForDebuggerOnStart=True, flatten=True
        )

    def watch_worker(self):
        """Keep the events of the page's first worker, and let it begin."""
        workers = (e["params"] for e in self.events if e["method"] == "Target.attachedToTarget")
        while (worker := next(workers, None)) is None:
            self.run("0")  # reads events
            workers = (e["params"] for e in self.events if e["method"] == "Target.attachedToTarget")
        for domain in ("Network.enable", "Log.enable", "Runtime.runIfWaitingForDebugger"):
            self.send(domain, session=worker["sessionId"])

    def press(self, key, code, number):
        """Press and release a key of the keyboard."""
        text = {"text": "\r"} if key == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            self.send(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=code,
                windowsVirtualKeyCode=number,
                **(text if kind == "keyDown" else {}),
            )

    def picture(self, path):
        """Save a picture of the complete page as PNG."""
        found = self.send("Page.captureScreenshot", captureBeyondViewport=True)
        Path(path).write_bytes(base64.b64decode(found["data"]))

    def complaints(self):
        """Return errors of the console and the log, and requests to other hosts."""
        found = []
        for event in self.events:
            kind, given = event["method"], event["params"]
            if kind == "Log.entryAdded" and given["entry"]["level"] == "error":
                found.append(given["entry"]["text"])
            if kind == "Runtime.exceptionThrown":
                found.append(given["exceptionDetails"]["text"])
            if kind == "Network.requestWillBeSent":
                url = given["request"]["url"]
                if not url.startswith(("http://127.0.0.1:", "blob:", "data:", "about:")):
                    found.append(f"asked {url}")
        return found

    def close(self):
        with contextlib.suppress(AttributeError):  # not yet open
            self._open.close()
        self.process.terminate()
        self.process.wait()


_AXE = "axe-core@4.14.1"
_AXE_SHA512 = (
    "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="
)


@pytest.fixture(scope="session")
def axe():
    """Return the script of axe-core, fetched once by npm; skips where npm cannot fetch it."""
    folder = Path(__file__).parents[2] / "build" / "npm"
    archive = folder / f"{_AXE.replace('@', '-')}.tgz"
    if not archive.is_file():
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip("npm not found: install Node.js to check the page with axe-core")
        folder.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            [npm, "pack", "--silent", _AXE], cwd=folder, capture_output=True, text=True, check=False
        )
        if done.returncode:
            pytest.skip(f"npm could not fetch {_AXE}: {done.stderr.strip()[:200]}")
    content = archive.read_bytes()
    assert base64.b64encode(hashlib.sha512(content).digest()).decode() == _AXE_SHA512
    with tarfile.open(fileobj=io.BytesIO(content)) as files:
        return files.extractfile("package/axe.min.js").read().decode()


@pytest.fixture
def browser():
    """Start Chromium with flags; skips where there is none."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = (shutil.which(name) for name in names)
    executable = os.environ.get("SERENADE_CHROMIUM") or next(filter(None, found), None)
    if not executable:
        pytest.skip(
            "Chromium not found: install Debian's package chromium, or name it in SERENADE_CHROMIUM"
        )
    with contextlib.ExitStack() as stack:

        def starting(*flags):
            folder = stack.enter_context(
                tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True)
            )
            found = Browser(executable, folder, *flags)
            stack.callback(found.close)
            return found

        yield starting

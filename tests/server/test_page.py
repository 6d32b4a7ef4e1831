"""The page in headless Chromium, with a file for a microphone."""

import contextlib
import csv
import functools
import http.server
import io
import json
import logging
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from serenade.audio import read
from serenade.errors import SerenadeError
from serenade.server import _browser_folder, fetch_runtime, write_browser_folder
from serenade.server._recording_routes import _convert

_LOGGER = logging.getLogger(__name__)


@pytest.fixture(scope="module")
def spoken(tmp_path_factory, request, example):
    """Write a WAV at 48 kHz: a real recording where there are corpora, else a synthetic one."""
    try:
        root = request.getfixturevalue("corpora_root")
    except pytest.skip.Exception:
        source = example
    else:
        source = next(root.glob("ravdess/**/03-01-05-02-02-01-22.*"), example)
    path = tmp_path_factory.mktemp("spoken") / "spoken.wav"
    soundfile.write(path, read(source, sampling_rate=48000).signal, 48000, "PCM_16")
    return path


def _microphone(path):
    return (
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={path}%noloop",
    )


def _commanded(path, *options):
    """Run the command line on a file."""
    done = subprocess.run(
        [sys.executable, "-m", "serenade", "predict", "--json", *options, str(path)],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)[0]


_EMOTION = "document.querySelector('.card[data-state=done]')?.dataset.emotion"


def _click(page, place):
    page.run(f"document.querySelector({place!r}).click()")


def _choose(page, *paths):
    """Choose files as in the browser's dialogue."""
    root = page.send("DOM.getDocument")["root"]["nodeId"]
    node = page.send("DOM.querySelector", nodeId=root, selector="#file")["nodeId"]
    page.send("DOM.setFileInputFiles", files=list(map(str, paths)), nodeId=node)


def _choose_language(page, language):
    page.run(
        f"window.chosen = document.querySelector('#language'); chosen.value = '{language}';"
        "chosen.dispatchEvent(new Event('change'))"
    )


def _resize(page, width, scheme="light"):
    """Show the page at a width in CSS pixels, in a light or dark colour scheme."""
    size = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 500}
    page.send("Emulation.setDeviceMetricsOverride", **size)
    page.send(
        "Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}]
    )


def _recorded(page, seconds):
    """Record from the microphone by the page's button; gives the emotion it shows."""
    _click(page, "#record")
    page.wait(f"parseFloat(document.getElementById('clock').textContent) > {seconds}")
    _click(page, "#record")
    return page.wait(_EMOTION)


def test_the_microphone_gives_what_the_command_line_gives(client, browser, spoken):
    expected = _commanded(spoken)
    page = browser(*_microphone(spoken))
    page.open(str(client.base_url))
    page.run(
        "window.best = []; new MutationObserver(() => { const b = document.querySelector("
        "'#bars .best'); if (b) window.best.push(b.dataset.emotion); }).observe("
        "document.getElementById('bars'), {subtree: true, childList: true})"
    )
    assert _recorded(page, expected["duration"]) == expected["emotion"]
    assert expected["emotion"] in page.run("window.best")  # while it was spoken
    assert page.run("document.querySelectorAll('.strip button').length") > 0
    assert page.run("document.querySelector('#bars .best').checkVisibility()")  # also after Stop
    assert page.complaints() == []


_RECORDER = """
(async (seconds) => {
  const raw = {echoCancellation: false, noiseSuppression: false, autoGainControl: false};
  const microphone = await navigator.mediaDevices.getUserMedia({audio: raw});
  const recorder = new MediaRecorder(microphone, {mimeType: 'audio/webm;codecs=opus'});
  const parts = [];
  recorder.ondataavailable = (event) => parts.push(event.data);
  recorder.start(500);
  await new Promise((done) => setTimeout(done, 1000 * seconds));
  await new Promise((done) => { recorder.onstop = done; recorder.stop(); });
  const recording = new Blob(parts, {type: recorder.mimeType});
  const form = new FormData();
  form.append('file', recording, 'recording.webm');
  const answer = await fetch('/v1/timeline', {method: 'POST', body: form});
  const head = [...new Uint8Array(await recording.slice(0, 4).arrayBuffer())];
  return {status: answer.status, head, type: recording.type, found: await answer.json()};
})"""


def test_the_server_reads_what_the_browser_records(client, browser, spoken):
    pytest.importorskip("av", reason='needs the extra "media"')
    expected = _commanded(spoken, "--timeline")
    page = browser(*_microphone(spoken))
    page.open(str(client.base_url))
    result = page.run(f"{_RECORDER}({expected['duration'] + 0.5})")
    assert (result["status"], bytes(result["head"])) == (200, b"\x1a\x45\xdf\xa3"), result
    assert result["type"] == "audio/webm;codecs=opus"
    found = result["found"]
    assert found["file"] == "recording.webm"
    assert found["duration"] == pytest.approx(expected["duration"], abs=1)
    assert found["emotion"] == expected["emotion"]
    spoken_for = [sum(p["end"] - p["start"] for p in one["segments"]) for one in (found, expected)]
    assert spoken_for[0] == pytest.approx(spoken_for[1], abs=0.5)


def test_a_file_is_shown_saved_and_read_out(client, browser, example):
    page = browser()
    page.open(str(client.base_url))
    _choose(page, example)
    expected = _commanded(example, "--timeline")
    page.wait(_EMOTION)
    page.wait(
        f"document.getElementById('status').innerText.includes({expected['emotion']!r})"
    )  # read out
    assert page.run("document.activeElement.textContent") == example.name
    rows = page.run(
        "[...document.querySelectorAll('table tr')].map(r => [...r.cells].map(c => c.textContent))"
    )
    assert [row[2] for row in rows[1:]] == [part["emotion"] for part in expected["segments"]]
    # Something was drawn, and not one colour all over.
    assert (
        page.run(
            "new Set(new Uint32Array(document.querySelector('.wave').getContext('2d').getImageData("
            "0, 0, 600, 60).data.buffer)).size"
        )
        > 2
    )
    saved = list(_save_all(page).values())
    assert json.loads(saved[0])["segments"] == expected["segments"]
    table = list(csv.DictReader(io.StringIO(saved[1])))
    assert [row["emotion"] for row in table] == [part["emotion"] for part in expected["segments"]]
    assert saved[2].startswith("WEBVTT")
    assert saved[3].startswith('File type = "ooTextFile"')
    assert " --> " in saved[4]
    assert saved[5].count("\n") == len(expected["segments"])
    assert saved[6].startswith("SPEAKER")


def test_speakers_that_are_asked_for_have_lanes(client, browser, example):
    page = browser()
    page.open(str(client.base_url))
    page.wait("!document.getElementById('speakers').closest('p').hidden")
    page.run("document.getElementById('speakers').value = 'auto'; 0")
    _choose(page, example)
    page.wait("document.querySelector('.speaker')?.textContent === 'Speaker 1'")


def _save_all(page):
    """Save a result in each format by the page's buttons; return the contents by format."""
    page.run(
        "window.made = []; const known = URL.createObjectURL; URL.createObjectURL = (b) => {"
        " made.push(b); return known.call(URL, b) }; 0"
    )
    saved = {}
    for form in ("json", "csv", "webvtt", "textgrid", "srt", "audacity", "rttm", "elan"):
        _click(page, f"[data-format={form}]")
        page.wait(f"made.length === {len(saved) + 1}")
        saved[form] = page.run(f"made[{len(saved)}].text()")
    return saved


def test_the_timeline_works_by_keyboard_alone(client, browser, example):
    page = browser()
    page.open(str(client.base_url))
    _choose(page, example)
    page.wait(_EMOTION)
    page.wait("document.activeElement.tagName === 'H3'")  # the result's head
    page.press("Tab", "Tab", 9)
    label = "document.activeElement.getAttribute('aria-label')"
    first = page.run(label)
    assert first.endswith("listen")
    page.press("ArrowRight", "ArrowRight", 39)
    assert page.run(label).endswith("listen")
    assert page.run(label) != first
    page.press("Home", "Home", 36)
    assert page.run(label) == first
    page.press("Enter", "Enter", 13)
    page.wait("document.querySelector('audio').currentTime > 0")
    assert not page.run(_PLAY_ON)
    page.press("Tab", "Tab", 9)  # the segments are one stop
    assert not page.run(label).endswith("listen")


# Pauses within a segment, plays again beyond its end, and gives whether the player has paused.
_PLAY_ON = """
(async () => {
  const player = document.querySelector('audio');
  const wait = (kind) => new Promise((done) => player.addEventListener(kind, done, {once: true}));
  const paused = player.paused || wait('pause');
  player.pause();
  await paused;
  await player.play();
  const seeked = wait('seeked');
  player.currentTime = player.duration - 1;
  await seeked;
  return player.paused;
})()"""


def test_everything_has_a_name(client, browser, example):
    page = browser()
    page.open(str(client.base_url))
    _choose(page, example)
    page.wait(_EMOTION)
    nodes = page.send("Accessibility.getFullAXTree")["nodes"]
    acting = [
        node
        for node in nodes
        if node.get("role", {}).get("value") in {"button", "textbox", "link", "Audio", "combobox"}
    ]
    assert len(acting) >= 8
    for node in acting:
        assert node.get("name", {}).get("value"), node


@pytest.mark.parametrize("width", [1280, 390])
def test_a_session_records_enrols_and_is_accessible(client, browser, spoken, axe, width):
    """The first screen, live speech, the result, and enrolment, without violations of WCAG AA."""
    page = browser(*_microphone(spoken))
    _resize(page, width)
    page.open(str(client.base_url))
    page.run(axe)
    assert page.run(_VIOLATIONS) == []
    _click(page, "#enrol")
    page.wait("parseFloat(document.getElementById('clock').textContent) > 3")
    _click(page, "#enrol")
    page.wait(
        "document.getElementById('voice-status').textContent.includes('Adapted to your voice')"
    )
    assert page.run("!document.getElementById('forget').hidden")
    _click(page, "#record")
    page.wait("!!document.querySelector('#bars .best')")
    assert page.run(_VIOLATIONS) == []
    _click(page, "#record")
    page.wait(_EMOTION)
    page.run("document.querySelectorAll('details').forEach(d => { d.open = true })")
    for scheme in ("light", "dark"):
        _resize(page, width, scheme)
        assert page.run(_VIOLATIONS) == [], scheme
    assert "adapted to" in page.run("document.querySelector('.card').innerText")
    assert page.run("document.documentElement.scrollWidth") <= width
    top = page.run("document.querySelector('.card').getBoundingClientRect().top")
    assert 0 <= top < 200  # in view without scrolling
    _click(page, "[data-format=csv]")
    page.wait("document.getElementById('status').textContent.includes('recording.csv')")
    _click(page, "#forget")
    page.wait("document.getElementById('voice-status').textContent.includes('forgotten')")


_VIOLATIONS = (
    "axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})"
    ".then(r => r.violations.map(v => [v.id, v.nodes.map(n => n.html.slice(0, 200))]))"
)


def test_each_of_several_files_gets_its_result_or_its_fault(client, browser, example, tmp_path):
    bad = tmp_path / "notes.wav"
    bad.write_text("not audio")
    page = browser()
    page.open(str(client.base_url))
    _choose(page, bad, example)
    page.wait(_EMOTION)
    states = "[...document.querySelectorAll('.card')].map(card => card.dataset.state)"
    assert page.run(states) == ["failed", "done"]
    said = page.run("document.querySelector('.card').innerText")
    assert "notes.wav" in said
    assert "convert it" in said
    # A new recording never stands beside the result of another.
    _choose(page, bad)
    page.wait(f"{states}.join() === 'failed'")


def test_a_running_analysis_shows_its_progress_and_can_be_cancelled(
    client, browser, example, tmp_path
):
    signal = read(example).signal
    long = tmp_path / "long.flac"
    soundfile.write(long, np.tile(signal, 60), 16000)
    page = browser()
    page.open(str(client.base_url))
    _choose(page, long, example)
    page.wait("document.querySelectorAll('.cancel').length === 2")
    page.run("window.kept = document.querySelector('.cancel'); 0")
    _click(page, ".card:last-child .cancel")  # while it waits
    assert "Cancelled" in page.run("document.querySelector('.card:last-child').innerText")
    page.wait("document.querySelector('.doing')?.textContent.includes(' of ')")
    assert page.run("document.querySelector('progress').value") > 0
    page.run("kept.click()")  # the same button all the time
    page.wait("document.querySelector('.card').innerText.includes('Cancelled')")
    assert page.run("document.querySelectorAll('.card[data-state=failed]').length") == 2
    page.wait("!document.getElementById('example').disabled")
    _click(page, "#example")  # the page can be used again
    assert page.wait(_EMOTION)


_HOUR = """
(async () => {
  const {makeTimeline} = await import('/timeline.js');
  const probabilities = {happy: 0.7, sad: 0.3};
  const segments = [...Array(1200).keys()].map(n => ({start: 3 * n, end: 3 * n + 2,
    emotion: 'happy', probability: 0.7, probabilities, speaker: n % 2 ? 'B' : 'A'}));
  window.view = makeTimeline({duration: 3600, segments}, (...span) => { window.asked = span; });
  document.getElementById('main').prepend(view.element);
  view.draw();
  const lanes = [...view.element.querySelectorAll('.strip')];
  const part = lanes[1].children[300];
  const before = part.getBoundingClientRect().width;
  part.focus();
  for (let n = 0; n < 9; n++) {
    part.dispatchEvent(new KeyboardEvent('keydown', {key: '+', bubbles: true}));
  }
  part.click();
  const box = part.getBoundingClientRect();
  return {names: lanes.map(l => l.getAttribute('aria-label')), before, width: box.width, asked,
    seen: box.left >= 0 && box.right <= innerWidth, label: part.textContent,
    stops: lanes.map(l => l.querySelectorAll('[tabindex=\"0\"]').length)};
})()"""


def test_an_hour_of_two_speakers_has_lanes_and_can_be_zoomed(client, browser):
    page = browser()
    page.open(str(client.base_url))
    found = page.run(_HOUR)
    assert found["names"] == ["Speaker A", "Speaker B"]
    assert found["before"] < 1
    assert found["width"] > 100
    assert found["seen"]
    assert found["label"] == "happy"
    assert found["asked"] == [1803, 1805]
    assert found["stops"] == [1, 1]


def test_a_missing_key_is_asked_for_in_its_field(serve, browser):
    with serve(api_keys=("secret",)) as client:
        page = browser()
        page.open(str(client.base_url))
        _click(page, "#example")
        page.wait("document.querySelector('.card')?.innerText.includes('Enter it in the field')")
        page.run("document.getElementById('key').value = 'secret'")
        _click(page, "#example")
        assert page.wait(_EMOTION)


def test_the_page_speaks_the_language_that_is_chosen(client, browser):
    page = browser()
    page.open(str(client.base_url))
    assert "lie detector" in page.run("document.body.innerText")
    _click(page, "#example")
    page.wait(_EMOTION)
    for language, word in (("de", "traurig"), ("zh", "悲伤"), ("es", "triste"), ("en", "sad")):
        _choose_language(page, language)
        assert word in page.run("document.querySelector('.card').innerText")
        assert page.run("document.documentElement.lang") == language
    # Each language has each text; English needs no translated errors.
    missing = page.run(
        "import('/texts.js').then(({TEXTS: {en, ...others}}) => Object.values(others).flatMap("
        "texts => Object.keys(en).filter(key => !(key in texts))))"
    )
    assert missing == []


_DISABLED = (
    "['record', 'enrol', 'forget', 'file', 'example']"
    ".map(id => document.getElementById(id).disabled)"
)


def test_a_page_that_waits_takes_nothing_else_and_translates_its_fault(client, browser):
    page = browser()
    page.open(str(client.base_url))
    page.run(
        "navigator.mediaDevices.getUserMedia = () => new Promise((_, fail) => { window.refuse = "
        "() => fail(new DOMException('', 'NotAllowedError')) }); 0"
    )
    _click(page, "#record")
    page.wait("!!window.refuse")
    _choose_language(page, "de")
    assert page.run(_DISABLED) == [True] * 5
    page.run("refuse()")
    error = "document.getElementById('error').textContent"
    assert page.wait(error).startswith("Kein Mikrofon (NotAllowedError)")
    assert page.run(_DISABLED) == [False] * 5
    _choose_language(page, "en")
    assert page.run(error).startswith("No microphone (NotAllowedError)")


_FAIL_ONCE = """
const real = window.fetch;
let failed = false;
window.fetch = (address, options) => {
  if (failed || !String(address).endsWith('/v1/model')) return real(address, options);
  failed = true;
  return Promise.reject(new TypeError('no network'));
};"""


def test_a_page_recovers_from_a_missing_model_and_from_an_answer_of_a_proxy(client, browser):
    page = browser()
    page.send("Page.addScriptToEvaluateOnNewDocument", source=_FAIL_ONCE)
    page.open(str(client.base_url))
    assert "cannot be reached" in page.run("document.getElementById('error').textContent")
    _click(page, "#example")
    page.wait(_EMOTION)
    assert "Licence" in page.run("document.getElementById('model').textContent")
    page.run(
        "Object.defineProperty(XMLHttpRequest.prototype, 'responseText', {get: () => '<html>'}); 0"
    )
    _click(page, "#example")
    page.wait("document.querySelector('.card .fault')?.textContent.includes('answered 200')")
    page.wait("!document.getElementById('record').disabled")


def test_a_recording_without_a_stream_ends_before_it_is_too_long(serve, browser, spoken):
    with serve(max_size=2**20, max_duration=2.0) as client:
        page = browser(*_microphone(spoken))
        page.open(str(client.base_url))
        page.run(
            "window.said = []; new MutationObserver(() => said.push(document.getElementById("
            "'status').textContent)).observe(document.getElementById('status'), {childList: true});"
            "const Real = WebSocket; window.WebSocket = class extends Real {"
            " constructor() { super(location.origin.replace('http', 'ws') + '/none'); } }; 0"
        )
        _click(page, "#record")
        state = "document.querySelector('.card')?.dataset.state"
        page.wait(f"['done', 'nospeech', 'failed'].includes({state})")
        assert page.run(state) != "failed"
        assert page.run("parseFloat(document.getElementById('clock').textContent)") > 1
        told = "No live emotions: The server cannot be reached; try again. The recording continues."
        assert told in page.run("said")


_ENROL_TWICE = """
(async () => {
  const {backend, enrol, loadExample} = await import('/backend.js');
  const names = [];
  for (let n = 0; n < 2; n++) {
    await enrol(await loadExample());
    names.push(backend.voice);
  }
  const use = async (name) => (await fetch(`v1/predict?voice=${name}`, {method: 'POST'})).json();
  return [(await use(names[0])).error.type, (await use(names[1])).error.type];
})()"""


def test_a_second_enrolment_forgets_the_first_voice(client, browser):
    page = browser()
    page.open(str(client.base_url))
    first, second = page.run(_ENROL_TWICE)
    assert first == "UnknownVoice" != second


def test_light_and_dark_can_be_read(client, browser):
    page = browser()
    page.open(str(client.base_url))
    found = {}
    for scheme in ("light", "dark"):
        _resize(page, 1280, scheme)
        colours = page.run(
            "['color', 'background-color'].map(c => getComputedStyle(document.body)"
            ".getPropertyValue(c).match(/\\d+/g).slice(0, 3).map(Number))"
        )
        light = sorted(_luminance(colour) for colour in colours)
        assert (light[1] + 0.05) / (light[0] + 0.05) >= 7  # WCAG 2.2, 1.4.6
        found[scheme] = colours
    assert found["light"] != found["dark"]


# The page without a server


class _Files(http.server.SimpleHTTPRequestHandler):
    """Static files, as `python -m http.server` serves them, without its log."""

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def runtime():
    """Return the folder of onnxruntime-web, fetched once by npm; skip where npm cannot fetch it."""
    folder = Path(__file__).parents[2] / "build" / "npm"
    package = folder / "package"
    with contextlib.suppress(SerenadeError):
        return _browser_folder._check_runtime(package)
    shutil.rmtree(package, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return fetch_runtime(folder)
    except SerenadeError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def still(runtime, tmp_path_factory):
    """Write the page without a server; return its folder and its address."""
    pytest.importorskip("onnx", reason='needs the extra "train"')
    folder = tmp_path_factory.mktemp("still")
    words = ("export", "bundled", "--browser", "--out", folder, "--onnxruntime-web", runtime)
    subprocess.run([sys.executable, "-m", "serenade", *words, "--limit", "1"], check=True)
    handler = functools.partial(_Files, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield folder, f"http://127.0.0.1:{listening.server_port}/"
        listening.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def talks(still, example):
    """Write speech and pauses of several lengths into the folder; the short ones in stereo."""
    signal = read(example, sampling_rate=16000).signal
    signal = np.concatenate([level * signal for level in (1, 0.6, 0.8, 0.5, 0.9)])
    signal[np.arange(signal.size) // 80_000 % 2 == 1] = 0  # pauses of 5 s
    noise = np.random.default_rng(0).normal(0, 1e-4, signal.size)  # no two windows are the same
    paths = {seconds: still[0] / f"{seconds}.wav" for seconds in (14, 30, 31, 70)}
    for seconds, path in paths.items():
        part = slice(8000, 8000 + 16000 * seconds)
        soundfile.write(path, (signal + noise)[part], 16000, "PCM_16")
    for seconds, rate, name in ((1, 48000, "1.wav"), (4, 44100, "4.flac")):
        talk = read(example, sampling_rate=rate).signal[rate // 2 :][: seconds * rate]
        talk = talk + np.random.default_rng(0).normal(0, 1e-3, talk.size)  # also above 8 kHz
        paths[seconds] = still[0] / name
        soundfile.write(paths[seconds], np.stack([talk, talk / 2], axis=1), rate, "PCM_16")
    return paths


_ANALYSE = """
(async (name, adapt) => {
  const {analyse} = await import('./backend.js');
  document.getElementById('adapt').checked = adapt;
  const blob = await (await fetch(name)).blob();
  const nothing = () => {};
  const given = {loadingModel: nothing, sent: nothing, analysed: nothing};
  return analyse(blob, name, {...given, signal: new AbortController().signal});
})"""

_RUN_GRAPH = """
(async (name) => {
  const {InferenceSession, Tensor} = await import('./onnxruntime-web.js');
  const session = await InferenceSession.create('model/head.onnx');
  const bytes = await (await fetch(name)).arrayBuffer();
  const {length} = await new OfflineAudioContext(1, 1, 16000).decodeAudioData(bytes.slice(0));
  const samples = Float32Array.from(new Int16Array(bytes, 44, length), (value) => value / 32768);
  const {probabilities} = await session.run({signal: new Tensor('float32', samples, [length])});
  return [...probabilities.data];
})"""


def test_a_page_without_a_server_predicts_as_python_does(still, talks, browser, model):
    page = browser()
    page.watch_workers()
    page.open(still[1])
    page.watch_worker()
    page.run(f"{_ANALYSE}('1.wav', false)")  # so that the models are loaded
    for seconds in (1, 4, 30, 70):
        path, adapt = talks[seconds], "unknown" if seconds == 70 else None
        begun = time.perf_counter()
        found = page.run(f"{_ANALYSE}('{path.name}', {json.dumps(bool(adapt))})")
        middle = time.perf_counter()
        whole, timeline = model.predict_with_timeline(path, adapt=adapt, jobs=1)
        spent = middle - begun, time.perf_counter() - middle
        _LOGGER.info("%s s: %.2f s in Chromium, %.2f s in Python", seconds, *spent)
        wanted = {**whole.to_dict(), "segments": timeline.to_dict()["segments"]}
        wanted["file"] = path.name
        assert found.pop("envelope").keys() == {"low", "high"}
        assert _list_leaves(found).keys() == _list_leaves(wanted).keys()
        for place, value in _list_leaves(wanted).items():
            near = pytest.approx(value, abs=1e-3) if isinstance(value, float) else value
            assert _list_leaves(found)[place] == near, place
    assert found["adapted_to"] > 10
    # The graph alone takes any length: 30 s is the longest input of the encoder.
    shares = page.run(f"{_RUN_GRAPH}('31.wav')")
    wanted = model.plain_probabilities(read(talks[31], sampling_rate=16000).signal)
    assert np.abs(np.array(shares) - wanted).max() < 1e-3
    assert page.complaints() == []  # among them requests to other hosts, also by the worker
    asked = [e["params"] for e in page.events if e["method"] == "Network.requestWillBeSent"]
    assert {"head.onnx", "worker.js", "ort-wasm-simd-threaded.wasm"} <= {
        params["request"]["url"].rpartition("/")[2] for params in asked
    }


def _list_leaves(found, place=()):
    """Return the values of JSON data by their place."""
    if not isinstance(found, dict | list):
        return {place: found}
    pairs = found.items() if isinstance(found, dict) else enumerate(found)
    return {
        where: value
        for name, part in pairs
        for where, value in _list_leaves(part, (*place, name)).items()
    }


def test_a_page_without_a_server_records_shows_and_saves(still, talks, browser, spoken, axe):
    page = browser(*_microphone(spoken))
    page.open(still[1])
    seen = "[...document.querySelectorAll('#enrol, #key, #speakers, a[href=docs], #adapt')]"
    assert page.run(f"{seen}.filter(e => e.checkVisibility()).map(e => e.id)") == ["adapt"]
    assert "stay on this machine" in page.run("document.body.innerText")
    expected = _commanded(spoken)
    assert _recorded(page, expected["duration"]) == expected["emotion"]
    assert page.run("document.querySelector('#bars .best').checkVisibility()")  # live updates came
    odd = still[0].parent / '=a, "b" & <c>.d.wav'
    shutil.copy(talks[14], odd)
    _click(page, "#adapt")
    _choose(page, odd)
    page.wait(f"document.querySelector('h3').textContent === {json.dumps(odd.name)}")
    page.wait(_EMOTION)
    assert page.run("document.querySelectorAll('.strip button').length") > 2
    page.run(axe)
    assert page.run(_VIOLATIONS) == []
    saved = _save_all(page)
    timeline = saved.pop("json")
    assert json.loads(timeline)["adapted_to"] > 2
    for form, text in saved.items():
        assert text == _convert(timeline.encode(), form), form
    bad = still[0].parent / "bad.wav"
    bad.write_text("not audio")
    quiet = still[0].parent / "quiet.wav"
    soundfile.write(quiet, np.random.default_rng(0).normal(0, 0.01, 32000), 16000)
    _choose(page, bad, quiet)
    states = "[...document.querySelectorAll('.card')].map(card => card.dataset.state).join()"
    page.wait(f"{states} === 'failed,nospeech'")
    assert "cannot read it" in page.run("document.querySelector('.card').innerText")
    assert page.complaints() == []


def test_both_kinds_of_page_have_the_same_backend(still, client, browser):
    names = []
    for address in (still[1], str(client.base_url)):
        page = browser()
        page.open(address)
        names.append(page.run("import('./backend.js').then(Object.keys)"))
    assert names[0] == names[1]


_KEEP_WORKER = """
const Real = Worker;
window.Worker = class extends Real {
  constructor(...given) {
    super(...given);
    window.made = this;
  }
};"""

_LOSE_WORKER = """
(async () => {
  const {analyse} = await import('./backend.js');
  const blob = await (await fetch('30.wav')).blob();
  const signal = new AbortController().signal;
  const nothing = () => {};
  const lose = () => made.onerror({message: 'out of memory'});
  const given = {loadingModel: nothing, sent: nothing, analysed: lose, signal};
  const ask = () => analyse(blob, '30.wav', given).catch((error) => error.message);
  return [await ask(), await ask()];
})()"""


def test_a_worker_that_fails_ends_its_tasks_and_refuses_others(still, talks, browser):
    page = browser()
    page.send("Page.addScriptToEvaluateOnNewDocument", source=_KEEP_WORKER)
    page.open(still[1])
    assert talks[30].name == "30.wav"
    told = "the models have stopped: out of memory; reload the page"
    assert page.run(_LOSE_WORKER) == [told, told]


def test_a_page_without_a_server_needs_npm_or_its_package(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SerenadeError, match=r"npm not found.*apt install npm.*--onnxruntime-web"):
        write_browser_folder(None, tmp_path / "page")
    with pytest.raises(SerenadeError, match="not the folder of an npm package"):
        write_browser_folder(None, tmp_path / "page", runtime=tmp_path)
    (tmp_path / "package.json").write_text('{"version": "1.0.0"}')
    with pytest.raises(SerenadeError, match=r"version 1\.0\.0, but the page needs"):
        write_browser_folder(None, tmp_path / "page", runtime=tmp_path)
    assert not (tmp_path / "page").exists()


def _luminance(colour):
    """Return WCAG's relative luminance of an RGB colour."""
    share = np.array(colour) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])

"""The page in headless Chromium, with a file for a microphone."""

import csv
import io
import json
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from serenade.audio import read


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


def _recorded(page, seconds):
    """Record from the microphone by the page's button; gives the emotion it shows."""
    page.run("document.getElementById('record').click()")
    page.wait(f"parseFloat(document.getElementById('clock').textContent) > {seconds}")
    page.run("document.getElementById('record').click()")
    return page.wait("document.getElementById('overall').dataset.emotion")


def test_the_microphone_gives_what_the_command_line_gives(client, browser, spoken):
    expected = _commanded(spoken)
    page = browser(*_microphone(spoken))
    page.open(str(client.base_url))
    page.run(
        "window.best = []; new MutationObserver(() => { const b = document.querySelector("
        "'.bar.best'); if (b) window.best.push(b.dataset.label); }).observe(document.getElementById"
        "('bars'), {subtree: true, attributes: true})"
    )
    assert _recorded(page, expected["duration"]) == expected["emotion"]
    assert expected["emotion"] in page.run("window.best")  # while it was spoken
    assert page.run("document.querySelectorAll('#strip button').length") > 0
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
    root = page.send("DOM.getDocument")["root"]["nodeId"]
    node = page.send("DOM.querySelector", nodeId=root, selector="#file")["nodeId"]
    page.send("DOM.setFileInputFiles", files=[str(example)], nodeId=node)
    expected = _commanded(example, "--timeline")
    page.wait("document.getElementById('overall').dataset.emotion")
    assert expected["emotion"] in page.run("document.getElementById('status').innerText")
    assert page.run("document.activeElement.id") == "result-head"
    rows = page.run(
        "[...document.querySelectorAll('#table tr')].map(r => [...r.cells].map(c => c.textContent))"
    )
    assert [row[2] for row in rows[1:]] == [part["emotion"] for part in expected["segments"]]
    # Something was drawn, and not one colour all over.
    assert (
        page.run(
            "new Set(new Uint32Array(document.getElementById('wave').getContext('2d').getImageData("
            "0, 0, 600, 100).data.buffer)).size"
        )
        > 2
    )
    # Each export, as it would be saved.
    page.run(
        "window.made = []; const known = URL.createObjectURL; URL.createObjectURL = (b) => {"
        " made.push(b); return known.call(URL, b) }; 0"
    )
    for number, form in enumerate(("json", "csv", "webvtt", "textgrid"), start=1):
        page.run(f"document.querySelector('[data-format={form}]').click()")
        page.wait(f"made.length === {number}")
    saved = [page.run(f"made[{number}].text()") for number in range(4)]
    assert json.loads(saved[0])["segments"] == expected["segments"]
    table = list(csv.DictReader(io.StringIO(saved[1])))
    assert [row["emotion"] for row in table] == [part["emotion"] for part in expected["segments"]]
    assert saved[2].startswith("WEBVTT")
    assert saved[3].startswith('File type = "ooTextFile"')


def test_by_keyboard_alone(client, browser, example):
    page = browser()
    page.open(str(client.base_url))
    root = page.send("DOM.getDocument")["root"]["nodeId"]
    node = page.send("DOM.querySelector", nodeId=root, selector="#file")["nodeId"]
    page.send("DOM.setFileInputFiles", files=[str(example)], nodeId=node)
    page.wait("document.getElementById('overall').dataset.emotion")
    page.press("Tab", "Tab", 9)  # from the result's head, where the focus went
    label = page.run("document.activeElement.getAttribute('aria-label')")
    assert label.endswith("listen")
    page.press("Enter", "Enter", 13)
    page.wait("document.getElementById('player').currentTime > 0")


def test_everything_has_a_name(client, browser):
    page = browser()
    page.open(str(client.base_url))
    page.run("document.getElementById('result').hidden = false")
    nodes = page.send("Accessibility.getFullAXTree")["nodes"]
    acting = [
        node
        for node in nodes
        if node.get("role", {}).get("value") in {"button", "textbox", "link", "Audio"}
    ]
    assert len(acting) >= 8
    for node in acting:
        assert node.get("name", {}).get("value"), node


def test_enrolment_by_the_button(client, browser, spoken):
    page = browser(*_microphone(spoken))
    page.open(str(client.base_url))
    page.run("document.getElementById('enrol').click()")
    page.wait("parseFloat(document.getElementById('clock').textContent) > 3")
    page.run("document.getElementById('enrol').click()")
    page.wait(
        "document.getElementById('voice-status').textContent.includes('Adapted to your voice')"
    )
    assert page.run("!document.getElementById('forget').hidden")
    page.run("document.getElementById('forget').click()")
    page.wait("document.getElementById('voice-status').textContent.includes('forgotten')")


def test_what_is_wrong_is_said(client, browser, tmp_path):
    bad = tmp_path / "notes.wav"
    bad.write_text("not audio")
    page = browser()
    page.open(str(client.base_url))
    root = page.send("DOM.getDocument")["root"]["nodeId"]
    node = page.send("DOM.querySelector", nodeId=root, selector="#file")["nodeId"]
    page.send("DOM.setFileInputFiles", files=[str(bad)], nodeId=node)
    said = page.wait("document.getElementById('error').textContent")
    assert "notes.wav" in said
    assert "convert it" in said


def test_light_and_dark_can_be_read(client, browser):
    page = browser()
    page.open(str(client.base_url))
    found = {}
    for scheme in ("light", "dark"):
        page.send(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": scheme}],
        )
        colours = page.run(
            "['color', 'background-color'].map(c => getComputedStyle(document.body)"
            ".getPropertyValue(c).match(/\\d+/g).slice(0, 3).map(Number))"
        )
        light = sorted(_luminance(colour) for colour in colours)
        assert (light[1] + 0.05) / (light[0] + 0.05) >= 7  # WCAG 2.2, 1.4.6
        found[scheme] = colours
    assert found["light"] != found["dark"]


def _luminance(colour):
    """Return WCAG's relative luminance of an RGB colour."""
    share = np.array(colour) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])

"""Recordings over HTTP: what the command line says, and nothing lost by what is wrong."""

import dataclasses
import io
import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from pydantic import ValidationError
from support.media import MEDIA, encode

import serenade
from serenade.audio import read
from serenade.inference import predict_file, to_json, to_textgrid, to_webvtt
from serenade.runtime import Interruption, StoppedError
from serenade.server import _schemas
from serenade.server._jobs import Worker
from serenade.server._refusals import Refused
from serenade.server._uploads import Upload, _find_file_name


def wav(seconds, rate=16000, level=0.1):
    """Return noise as WAV."""
    file = io.BytesIO()
    noise = level * np.random.default_rng(0).standard_normal(round(seconds * rate)).clip(-3, 3)
    soundfile.write(file, noise, rate, format="WAV", subtype="PCM_16")
    return file.getvalue()


@pytest.fixture(scope="module")
def sound(example):
    return example.read_bytes()


@pytest.fixture(scope="module")
def expected(model, example):
    prediction, timeline = predict_file(model, example, (2.0, 1.0))
    return prediction, timeline


@pytest.mark.parametrize("way", ["form", "body"])
def test_predict_says_what_the_package_says(client, sound, expected, way):
    sent = (
        {"files": {"file": ("example.flac", sound)}}
        if way == "form"
        else {"content": sound, "params": {"name": "example.flac"}}
    )
    answer = client.post("/v1/predict", **sent)
    assert answer.status_code == 200
    assert answer.json() == expected[0].to_dict() | {"file": "example.flac"}


@pytest.mark.parametrize(
    ("route", "says"),
    [
        ("/v1/predict", "unknown parameter adpat; choose from name, voice, adapt, channel"),
        ("/v1/convert", "unknown parameter adpat; choose from format"),
    ],
)
def test_unknown_parameters_are_refused(client, sound, route, says):
    answer = client.post(route, params={"adpat": "neutral"}, content=sound)
    assert (answer.status_code, answer.json()["error"]["message"]) == (422, says)


def test_timeline_in_all_formats(client, sound, expected):
    prediction, timeline = expected

    def ask(form):
        answer = client.post(
            "/v1/timeline", files={"file": ("example.flac", sound)}, params={"format": form}
        )
        assert answer.status_code == 200, answer.text
        return answer

    stated = json.loads(to_json([(prediction, timeline)]))[0] | {"file": "example.flac"}
    found = ask("json").json()
    assert found == stated
    assert ask("webvtt").text == to_webvtt(timeline)
    assert ask("webvtt").headers["content-type"].startswith("text/vtt")
    assert ask("textgrid").text == to_textgrid(timeline)
    assert len(ask("csv").text.splitlines()) == 1 + len(timeline.segments)
    # What was given as JSON can be had in the other formats without the recording.
    for form in ("csv", "webvtt", "textgrid", "srt", "audacity", "rttm", "elan"):
        again = client.post("/v1/convert", json=found, params={"format": form})
        assert again.text.split("\n")[0] == ask(form).text.split("\n")[0]
        assert again.text.count("\n") == ask(form).text.count("\n")
    assert client.post("/v1/convert", json=found, params={"format": "csv"}).text == ask("csv").text


def test_windows_and_waveform(client, sound):
    answer = client.post(
        "/v1/timeline",
        files={"file": ("e.flac", sound)},
        params={"window": 1, "hop": 0.5, "envelope": 100},
    ).json()
    low, high = answer["envelope"]["low"], answer["envelope"]["high"]
    assert 50 <= len(low) == len(high) <= 100
    assert min(low) < 0 < max(high)
    for wrong in ({"window": 1, "hop": 2}, {"window": 0.1}, {"hop": "x"}, {"envelope": 1}):
        refused = client.post("/v1/timeline", files={"file": ("e.flac", sound)}, params=wrong)
        assert refused.status_code == 422
        assert refused.json()["error"]["message"]


@pytest.mark.parametrize(
    ("name", "content", "status", "kind"),
    [
        ("notes.txt", b"this is not audio", 415, "NotAudioError"),
        ("nothing.wav", b"", 422, "EmptyFileError"),
        ("short.wav", wav(0.05), 422, "TooShortError"),
        ("silent.wav", wav(1, level=0), 422, "SilenceError"),
        ("cut.wav", wav(2)[:20000], 422, "TruncatedAudioError"),
        ("../../etc/odd\n.wav", b"x", 415, "NotAudioError"),
    ],
)
def test_a_bad_file_is_a_typed_error(client, name, content, status, kind):
    answer = client.post("/v1/predict", files={"file": (name, content)})
    error = answer.json()["error"]
    assert (answer.status_code, error["type"]) == (status, kind)
    assert "serenade-" not in error["message"]  # the place it was kept in
    assert "/" not in error["file"]
    assert error["message"].startswith(error["file"])


@pytest.mark.parametrize("kind", ["webm", "fragmented.mp4", "3gp"])
def test_predict_takes_what_browsers_and_phones_record(client, kind, example):
    rate = MEDIA[kind][2]
    speech = read(example, sampling_rate=rate, end=2).signal
    sent = {"file": ("blob", encode(kind, speech, video=kind == "fragmented.mp4"))}
    answer = client.post("/v1/predict", files=sent)
    assert answer.status_code == 200
    assert answer.json()["duration"] == pytest.approx(2, abs=0.1)


def test_routes_take_a_channel(client, expected, example):
    speech = read(example).signal
    file = io.BytesIO()
    soundfile.write(file, np.stack([speech[::-1], speech], axis=1), 16000, format="WAV")
    sent = {"files": {"file": ("call.wav", file.getvalue())}}
    for channel in ("right", "2"):
        answer = client.post("/v1/predict", params={"channel": channel}, **sent)
        assert answer.json()["probabilities"] == expected[0].to_dict()["probabilities"]
    answer = client.post("/v1/timeline", params={"channel": 2, "envelope": 100}, **sent)
    assert answer.json()["segments"] == [part.to_dict() for part in expected[1].segments]
    absent = client.post("/v1/predict", params={"channel": 3}, **sent)
    assert absent.status_code == 422
    assert "has 2 channels and no channel 3" in absent.json()["error"]["message"]
    assert client.post("/v1/predict", params={"channel": "both"}, **sent).status_code == 422


def test_timeline_names_speakers_of_voices_and_channels(client, example):
    signal, rate = soundfile.read(example)
    file = io.BytesIO()
    soundfile.write(file, np.stack([signal, signal[::-1]], axis=1), rate, format="WAV")

    def ask(**params):
        sent = {"files": {"file": ("two.wav", file.getvalue())}}
        return client.post("/v1/timeline", params=params, **sent)

    found = ask(speakers="channels").json()
    assert {part["speaker"] for part in found["segments"]} == {"left", "right"}
    text = client.post("/v1/convert", params={"format": "rttm"}, json=found).text
    assert {line.split(" ")[7] for line in text.splitlines()} == {"left", "right"}
    by_voice = ask(speakers="1", channel="left", adapt="mixed").json()
    assert {part["speaker"] for part in by_voice["segments"]} == {"speaker 1"}
    assert ask(speakers="channels", channel="left").status_code == 422
    assert ask(speakers="21").status_code == 422


def test_one_bad_file_of_many_loses_nothing(client, sound, expected):
    files = [("file", ("a.flac", sound)), ("file", ("b.txt", b"no")), ("file", ("c.flac", sound))]
    answer = client.post("/v1/batch", files=files)
    assert answer.status_code == 200
    first, bad, last = answer.json()["results"]
    assert answer.json()["failed"] == 1
    assert bad["error"]["type"] == "NotAudioError"
    assert first["emotion"] == last["emotion"] == expected[0].emotion
    assert [first["file"], bad["file"], last["file"]] == ["a.flac", "b.txt", "c.flac"]


def test_batch_adapts_to_the_recordings_of_the_request(client, model, sound, example, tmp_path):
    signal, rate = soundfile.read(example, dtype="float32")
    paths = [tmp_path / name for name in ("a.wav", "b.wav")]
    for number, path in enumerate(paths):
        soundfile.write(path, signal[number * rate : (number + 3) * rate], rate, subtype="FLOAT")
    files = [("file", (path.name, path.read_bytes())) for path in paths]
    files.insert(1, ("file", ("bad.txt", b"no")))
    answer = client.post("/v1/batch", params={"adapt": "mixed"}, files=files).json()
    adapted = model.adapt(paths, expect="mixed")
    first, bad, last = answer["results"]
    for found, path in ((first, paths[0]), (last, paths[1])):
        assert found == adapted.predict(path).to_dict() | {"file": path.name}
        assert (found["adapted_to"], found["assumed"]) == (2, "mixed")
    assert (answer["failed"], bad["error"]["type"]) == (1, "NotAudioError")
    params = {"adapt": "neutral", "voice": "known"}
    assert client.post("/v1/batch", params=params, files=files).status_code == 404
    voice = client.post("/v1/voices", files={"file": ("voice.flac", sound)}).json()["voice"]
    both = client.post("/v1/batch", params={"adapt": "neutral", "voice": voice}, files=files)
    assert (both.status_code, "combined" in both.json()["error"]["message"]) == (422, True)


def test_timeline_adapts_to_its_own_recording(client, model, sound, example):
    sent = {"files": {"file": ("a.flac", sound)}, "params": {"adapt": "neutral"}}
    answer = client.post("/v1/timeline", **sent).json()
    wanted = model.timeline(example, adapt="neutral")
    assert answer["segments"] == [part.to_dict() for part in wanted.segments]
    assert (answer["adapted_to"], answer["assumed"]) == (wanted.adapted_to, "neutral")
    table = client.post("/v1/convert", content=json.dumps(answer)).text
    assert table.splitlines()[0].endswith("adapted_to,assumed")


def test_enrolment_and_forgetting(client, model, sound, example):
    added = client.post("/v1/voices", files={"file": ("voice.flac", sound)})
    assert added.status_code == 201
    voice = added.json()["voice"]
    knowing = model.enrol([example])
    assert added.json()["enrolment"] == knowing.enrolment
    found = client.post("/v1/predict", params={"voice": voice}, files={"file": ("e", sound)}).json()
    assert found == knowing.predict(example).to_dict() | {"file": "e"}
    assert client.delete(f"/v1/voices/{voice}").status_code == 204
    again = client.post("/v1/predict", params={"voice": voice}, files={"file": ("e", sound)})
    assert again.status_code == 404
    bad = client.post("/v1/voices", files=[("file", ("v.wav", b"x")), ("file", ("w.flac", sound))])
    assert (bad.status_code, bad.json()["error"]["file"]) == (415, "v.wav")
    few = client.post("/v1/voices", params={"speech": "mixed"}, files={"file": ("v", wav(1))})
    assert few.status_code == 422


@pytest.mark.parametrize(
    "sent",
    [
        {
            "content": b"--x\r\nbroken",
            "headers": {"content-type": "multipart/form-data; boundary=x"},
        },
        {"content": b"abc", "headers": {"content-type": "multipart/form-data"}},
        {"data": {"field": "x"}, "files": {"": ("", b"")}},
        {"content": b"--x--\r\n", "headers": {"content-type": "multipart/form-data; boundary=x"}},
    ],
)
def test_a_broken_form_is_refused(client, sent):
    assert client.post("/v1/predict", **sent).status_code == 422


def test_convert_refuses_what_is_no_timeline(client, sound):
    good = client.post("/v1/timeline", files={"file": ("e.flac", sound)}).json()
    backwards = good | {"segments": good["segments"][::-1]}
    others = good | {"probabilities": {"bored": 1.0}}
    for wrong in (b"", b"[]", b"{}", json.dumps(backwards), json.dumps(others)):
        answer = client.post("/v1/convert", content=wrong)
        assert answer.status_code == 422
        assert answer.json()["error"]["type"] == "NoTimeline"


def test_nothing_is_left_on_disk(serve, sound, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with serve() as client:
        client.post("/v1/predict", files={"file": ("e.flac", sound)})
        client.post("/v1/predict", files={"file": ("e.flac", b"no")})
    assert list(Path(tmp_path).iterdir()) == []


def test_uploads_read_extended_file_names(client, sound):
    """RFC 7578 forbids `filename*=`, but some clients send nothing else."""
    form = (
        b"--b\r\nContent-Disposition: form-data; name=file; filename*=utf-8''caf%C3%A9.flac\r\n\r\n"
        + sound
        + b"\r\n--b--\r\n"
    )
    kind = {"content-type": "multipart/form-data; boundary=b"}
    answer = client.post("/v1/predict", content=form, headers=kind)
    assert answer.status_code == 200, answer.text
    assert answer.json()["file"] == "café.flac"


def test_uploads_read_extended_file_names_in_bounded_time():
    """Spaces and open quotes took time that grew with their square, on the loop of the server."""
    assert _find_file_name(b'form-data; name="\\"' + b'\\"' * 400) is None
    assert _find_file_name(b"form-data; filename*= \t utf-8''a") == "a"
    for more in (b'name="' + b'\\"' * 600, b"name=" + b"a" * 1100):
        with pytest.raises(Refused, match="exceeds 1024 bytes"):
            _find_file_name(b"form-data; " + more)


@pytest.mark.parametrize(
    "wrong",
    [
        {"segments": [{"start": "x"}] * 10_000},
        {"segments": [{"values": dict.fromkeys(map(str, range(15_000)), "x")}]},
        {"values": dict.fromkeys(map(str, range(15_000)), "x")},
        {"probabilities": dict.fromkeys((f"{n}".rjust(101) for n in range(1_500)), "x")},
        {"envelope": {"low": ["x"] * 40_000, "high": [0] * 40_000}},
        {"summary": {"shares": {}, "moments": [{}] * 40_000, "thirds": ["x"] * 10_000}},
    ],
)
def test_timelines_list_few_errors_of_hostile_json(wrong):
    """Each error takes memory: those of 8 MB took 3.5 GB."""
    content = json.dumps({"file": "a.wav", "duration": 1, "segments": []} | wrong)
    with pytest.raises(ValidationError) as caught:
        _schemas.TimelineBody.model_validate_json(content)
    assert 100_000 < len(content) < 400_000
    assert caught.value.error_count() <= 200


def test_worker_stops_before_each_file(model, tmp_path):
    """A file that is no audio has no block to stop at."""
    (tmp_path / "0").write_bytes(b"x")
    bad = [Upload("a.wav", tmp_path / "0")] * 3
    worker = Worker(model, "mix", None, 60.0, lambda _: None)
    assert worker.predict_each(bad)["failed"] == 3
    stop = Interruption()
    stop.stop()
    with stop.activate():
        for adapt in (None, "mixed"):
            with pytest.raises(StoppedError):
                dataclasses.replace(worker, adapt=adapt).predict_each(bad)
        with pytest.raises(StoppedError):
            worker.enrol(bad, "neutral")


def test_convert_bounds_its_output_by_its_input(client, monkeypatch):
    """CSV repeats the file's name in each row: 2 MB of name and 25,000 rows were 50 GB."""
    shares = {"neutral": 0.5, "happy": 0.5}
    part = {"emotion": "happy", "probability": 0.5, "probabilities": shares}
    segments = [{"start": n, "end": n + 1, **part} for n in range(2000)]
    given = {"file": "a" * 255, "duration": 2000, "segments": segments, **part}
    sent = json.dumps(given)
    for form in ("csv", "webvtt", "textgrid", "srt", "audacity", "rttm", "json"):
        answer = client.post("/v1/convert", content=sent, params={"format": form})
        assert answer.status_code == 200
        assert len(answer.content) < 4 * len(sent)
    one = {"probabilities": {"a": 1.0}, "emotion": "a", "probability": 1.0}
    many = [{"start": n / 100, "end": n / 100 + 0.01, **one} for n in range(2**16 + 1)]
    for wrong in ({"file": "a" * 256}, {"emotion": "a" * 101}, {**one, "segments": many}):
        answer = client.post("/v1/convert", content=json.dumps(given | wrong))
        assert (answer.status_code, answer.json()["error"]["type"]) == (422, "NoTimeline")
    spoken = [part | {"speaker": f"{number}"} for number, part in enumerate(segments[:65])]
    answer = client.post("/v1/convert", content=json.dumps(given | {"segments": spoken}))
    assert (answer.status_code, answer.json()["error"]["type"]) == (422, "TooLarge")
    assert answer.json()["error"]["message"] == "65 speakers exceed 64; send the timeline in parts"
    answer = client.post("/v1/convert", content=b" " * (2**23 + 1))
    assert answer.status_code == 413
    assert answer.json()["error"]["message"].endswith("; send it in parts")
    monkeypatch.setattr(_schemas, "NUMBERS", 3999)
    answer = client.post("/v1/convert", content=sent)
    assert (answer.status_code, answer.json()["error"]["type"]) == (422, "TooLarge")
    assert "2000 segments with 2 numbers each exceed 3999; " in answer.json()["error"]["message"]


def test_an_enrolled_voice_states_what_it_is_adapted_to(serve, sound):
    with serve(serenade.load()) as client:
        assert client.get("/v1/model").json()["enrolment"]
        plain = client.post("/v1/predict", files={"file": ("a.flac", sound)}).json()
        added = client.post("/v1/voices", files={"file": ("voice.flac", sound)}).json()
        found = client.post(
            "/v1/predict", params={"voice": added["voice"]}, files={"file": ("a.flac", sound)}
        ).json()
    assert isinstance(plain["uncertain"], bool)
    assert found["enrolment"] == added["enrolment"]
    assert found["adapted_to"] >= 1
    assert found["assumed"] == "neutral speech"
    assert found["probabilities"] != plain["probabilities"]

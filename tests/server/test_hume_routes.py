"""Routes shaped like Hume's API: batch jobs and the stream of recordings."""

import base64
import contextlib
import hashlib
import json

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from serenade.server import _hume_routes
from serenade.server._gate import Gate
from serenade.server._refusals import Refused

NEEDED = {"models": {"prosody": {}}}


@pytest.fixture(scope="module")
def shaped(serve):
    with serve(hume_routes=True, api_keys=("secret",)) as found:
        found.headers["X-Hume-Api-Key"] = "secret"
        yield found


def stream(client, key="secret"):
    address = str(client.base_url).replace("http", "ws") + f"/v0/stream/models?apiKey={key}"
    return connect(address, proxy=None)


def test_routes_are_off_unless_they_are_asked_for(client):
    assert client.post("/v0/batch/jobs").status_code == 404


def test_job_has_a_state_and_the_segments_of_the_timeline_in_its_shape(shaped, words):
    files = [("file", ("call.wav", words)), ("file", ("notes.txt", b"no sound"))]
    name = shaped.post("/v0/batch/jobs", files=files).json()["job_id"]
    state = shaped.get(f"/v0/batch/jobs/{name}").json()["state"]
    assert (state["status"], state["num_predictions"], state["num_errors"]) == ("COMPLETED", 1, 1)
    found, failed = shaped.get(f"/v0/batch/jobs/{name}/predictions").json()
    assert found["source"]["md5sum"] == hashlib.md5(words).hexdigest()
    (given,) = found["results"]["predictions"]
    (group,) = given["models"]["prosody"]["grouped_predictions"]
    timeline = shaped.post("/v1/timeline", files={"file": ("call.wav", words)}).json()
    for part, segment in zip(group["predictions"], timeline["segments"], strict=True):
        assert part["time"]["begin"] == pytest.approx(segment["start"], abs=0.01)
        scores = {each["name"]: each["score"] for each in part["emotions"]}
        assert scores == pytest.approx(segment["probabilities"], abs=1e-3)
    assert failed["results"]["predictions"] == []
    assert "notes.txt: is not audio" in failed["results"]["errors"][0]["message"]


def test_job_routes_refuse_strangers_addresses_and_unknown_names(shaped):
    assert shaped.get("/v0/batch/jobs/unknown").status_code == 404
    refused = shaped.post("/v0/batch/jobs", json={"urls": ["http://127.0.0.1/a.wav"]})
    assert refused.status_code == 422
    assert "urls are not fetched" in refused.json()["error"]["message"]
    for path in ("/v0/batch/jobs/unknown", "/v0/batch/jobs/unknown/predictions"):
        assert shaped.get(path, headers={"X-Hume-Api-Key": "wrong"}).status_code == 401


def test_stream_answers_each_recording_and_goes_on_after_an_error(shaped, words):
    data = base64.b64encode(words).decode()
    with stream(shaped) as socket:
        socket.send(json.dumps(NEEDED | {"data": data, "payload_id": "one"}))
        answer = json.loads(socket.recv())
        assert answer["payload_id"] == "one"
        (first, *_) = answer["prosody"]["predictions"]
        assert sum(each["score"] for each in first["emotions"]) == pytest.approx(1, abs=1e-2)
        for wrong, code in (("???", "Protocol"), (base64.b64encode(b"text").decode(), "NotAudio")):
            socket.send(json.dumps(NEEDED | {"data": wrong}))
            assert json.loads(socket.recv())["code"].startswith(code)
        socket.send(json.dumps(NEEDED | {"data": data}))
        assert (
            json.loads(socket.recv())["prosody"]["predictions"] == answer["prosody"]["predictions"]
        )
    with stream(shaped, "wrong") as socket:
        assert json.loads(socket.recv())["code"] == "Unauthorized"
        with pytest.raises(ConnectionClosed):
            socket.recv()


def test_streams_with_keys_in_their_addresses_are_clients_of_their_own(serve, words, monkeypatch):
    clients = []
    place = Gate.place
    monkeypatch.setattr(Gate, "place", lambda *given: clients.append(given[1]) or place(*given))
    data = base64.b64encode(words).decode()
    with serve(hume_routes=True, api_keys=("one", "two")) as client:
        for key in ("one", "two"):
            with stream(client, key) as socket:
                socket.send(json.dumps(NEEDED | {"data": data}))
                assert "prosody" in json.loads(socket.recv())
    assert clients == ["one", "two"]


def test_streams_of_one_key_are_at_most_half_of_all(serve):
    given = {"hume_routes": True, "api_keys": ("one", "two"), "streams": 2}
    with serve(**given) as client, stream(client, "one") as first, stream(client, "two") as other:
        for socket in (first, other):
            socket.send("{}")
            assert json.loads(socket.recv())["code"] == "Protocol"
        other.close()
        with stream(client, "one") as further, pytest.raises(ConnectionClosed) as closed:
            further.recv()
        assert closed.value.rcvd.code == 1013


def test_stream_ends_after_the_longest_duration_although_recordings_come(serve):
    limits = {"max_duration": 1.0, "idle": 30.0}
    with serve(hume_routes=True, **limits) as client, stream(client) as socket:
        with contextlib.suppress(ConnectionClosed):
            while True:
                socket.send(json.dumps(NEEDED | {"data": "???"}))
                assert json.loads(socket.recv())["code"] == "Protocol"
        assert socket.close_code == 1008


def test_stream_answers_a_fault_of_the_server_and_logs_it(shaped, words, monkeypatch, caplog):
    def fail(*_):
        raise RuntimeError("of a library")

    monkeypatch.setattr(_hume_routes, "_list_predictions", fail)
    with stream(shaped) as socket:
        socket.send(json.dumps(NEEDED | {"data": base64.b64encode(words).decode()}))
        assert json.loads(socket.recv())["code"] == "Internal"
    assert "a recording of a stream failed" in caplog.text


def test_jobs_forget_the_oldest_beyond_their_size(monkeypatch):
    jobs = _hume_routes.Jobs()
    file = {"source": {"filename": "a.wav"}, "results": {"predictions": [], "errors": []}}
    one, two = jobs.add(0.0, [file]), jobs.add(0.0, [file])
    size = sum(map(len, jobs.get(one)))
    monkeypatch.setattr(_hume_routes, "_KEPT", 2 * size + 20)
    for _ in range(3):
        before, last = two, jobs.add(0.0, [file])
        assert jobs.get(before)
        with pytest.raises(Refused):
            jobs.get(one)
        one, two = two, last

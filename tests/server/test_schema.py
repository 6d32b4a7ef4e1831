"""Every route answers as its OpenAPI description says, whatever is asked of it."""

import pytest

pytest.importorskip("schemathesis", reason='needs the extra "dev"')

import hypothesis
import schemathesis
from hypothesis import strategies
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.generation import GenerationMode

load_all_checks()
# Bytes that the description allows need be no sound, and a voice may be dropped twice.
OTHERS = {"positive_data_acceptance", "negative_data_rejection", "use_after_free", "ignored_auth"}
EXCLUDED = [check for check in CHECKS.get_all() if check.__name__ in OTHERS]
ORIGINS = [None, None, None, "https://other.example", "http://["]


@pytest.fixture(scope="module")
def described(serve):
    """Return the description of a running server."""
    with serve(max_size=2**20, max_duration=20, patience=5) as client:
        yield schemathesis.openapi.from_url(f"{client.base_url}/openapi.json")


def _operations(described):
    return [found.ok() for found in described.get_all_operations()]


def _tried(operation, examples, mode, change=None):
    """Ask an operation again and again; the statuses that came, each as it is described."""
    statuses = set()

    @hypothesis.settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(operation.as_strategy(generation_mode=mode), strategies.data())
    def ask(case, data):
        if change is not None:
            change(case, data)
        answer = case.call()
        case.validate_response(answer, excluded_checks=EXCLUDED)
        statuses.add(answer.status_code)

    ask()
    return statuses


def test_all_routes_are_described(described):
    assert {operation.label for operation in _operations(described)} == {
        *("POST /v1/predict", "POST /v1/timeline", "POST /v1/batch", "POST /v1/voices"),
        *("POST /v1/convert", "DELETE /v1/voices/{voice}", "GET /v1/model", "GET /healthz"),
        *("GET /readyz", "GET /metrics", "GET /v1/progress/{name}"),
    }


def test_requests_as_described_and_others(described):
    for operation in _operations(described):
        statuses = _tried(operation, 6, GenerationMode.POSITIVE)
        assert max(statuses) < 500, operation.label
        if operation.method == "post":
            statuses = _tried(operation, 6, GenerationMode.NEGATIVE)
            assert max(statuses) < 500, operation.label
            assert statuses & {415, 422}, operation.label


def test_recordings(described, words):
    """Sound in the place of any bytes, and pages that may not ask: answers of all kinds."""
    many = {"POST /v1/batch", "POST /v1/voices"}
    found = {}
    for operation in _operations(described):
        if operation.method != "post" or operation.path == "/v1/convert":
            continue

        def with_sound(case, data, label=operation.label):
            origin = data.draw(strategies.sampled_from(ORIGINS))
            if origin is not None:
                case.headers["Origin"] = origin
            if case.query is not None:
                case.query.pop("voice", None)
                case.query.pop("channel", None)  # the recording has one channel only
            if case.media_type == "multipart/form-data":
                case.body = {"file": [words] if label in many else words}
            else:
                case.body = words

        found[operation.path] = _tried(operation, 10, GenerationMode.POSITIVE, with_sound)
    assert found["/v1/predict"] == {200, 403}
    assert found["/v1/timeline"] >= {200, 403}
    assert found["/v1/batch"] == {200, 403}
    assert found["/v1/voices"] >= {201, 403}


def test_without_a_key(serve):
    with serve(api_keys=("key",)) as client:
        schema = schemathesis.openapi.from_url(f"{client.base_url}/openapi.json")
        for operation in _operations(schema):
            statuses = _tried(operation, 3, GenerationMode.POSITIVE)
            closed = operation.path not in {"/healthz", "/readyz", "/v1/model"}
            assert statuses <= ({401, 422} if closed else {200}), operation.label

"""Render the OpenAPI description as a plain page without scripts, for `/docs`."""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ABOUT = (
    "Serenade predicts which acted emotion speech sounds most like. It does not know what a person "
    "feels, is not a lie detector, and must not be used to make decisions about people or to "
    "monitor them.\n\n"
    "Send live speech over the WebSocket /v1/stream: first a JSON message with sampling_rate "
    '(optional: format "s16le" or "f32le", channels, window, hop, voice, adapt, api_key), then '
    'samples as binary messages, and {"type": "end"} as the last message. The server sends JSON '
    'messages of the types "ready", "update" (current probabilities and finished segments), '
    '"error" and "end".'
)
"""Description of the API and its limits."""

_BODIES = {
    "multipart/form-data": "-F file=@call.wav ",
    "application/json": '-H "Content-Type: application/json" --data @timeline.json ',
}
_HOST = "http://127.0.0.1:8000"


def render_docs(described: Mapping[str, Any]) -> str:
    """Render an OpenAPI description as an HTML page.

    >>> "<h2>" in render_docs({"info": {"title": "A", "version": "1"}, "paths": {}})
    False
    """
    info = described["info"]
    models = described.get("components", {}).get("schemas", {})
    title = f"{escape(info['title'])} {escape(info['version'])}"
    about = "".join(f"<p>{escape(part)}</p>" for part in info.get("description", "").split("\n\n"))
    routes = "".join(
        _route(method, path, operation, models)
        for path, operations in described["paths"].items()
        for method, operation in operations.items()
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="stylesheet" href="/page.css"></head><body><main><h1>{title}</h1>{about}'
        '<p><a href="/openapi.json">openapi.json</a> · <a href="/">web page</a></p>'
        f"{routes}{_refusals(described, models)}</main></body></html>"
    )


def _route(method: str, path: str, operation: Mapping[str, Any], models: Mapping[str, Any]) -> str:
    content = operation.get("requestBody", {}).get("content", {})
    parts = [
        f"<section><h2><code>{method.upper()} {escape(path)}</code></h2>",
        f"<p>{escape(operation.get('summary', ''))}. ",
        f"{escape(operation.get('description', ''))}</p>",
        f"<pre>{escape(_command(method, path, content))}</pre>",
    ]
    if content:
        kinds = ", ".join(f"<code>{escape(kind)}</code>" for kind in content)
        parts.append(f"<p>Body: {kinds}</p>")
    rows = [
        (entry["name"], _kind(entry["schema"]), entry.get("description", ""))
        for entry in operation.get("parameters", ())
    ]
    parts += _table(("Parameter", "Values", ""), rows)
    for status, response in operation.get("responses", {}).items():
        if not _is_refusal(response):
            parts += _response(status, response, models)
    return "".join([*parts, "</section>"])


def _command(method: str, path: str, content: Mapping[str, Any]) -> str:
    """Return a shell command that sends an example of a request.

    >>> _command("post", "/v1/predict", {"multipart/form-data": {}})
    'curl -F file=@call.wav http://127.0.0.1:8000/v1/predict'
    """
    body = next((words for kind, words in _BODIES.items() if kind in content), "")
    way = "-X DELETE " if method == "delete" else ""
    return f"curl {way}{body}{_HOST}{path.replace('{voice}', '$VOICE')}"


def _response(status: str, response: Mapping[str, Any], models: Mapping[str, Any]) -> Iterator[str]:
    """Describe a response that is not a refusal: its kinds, fields and an example."""
    content = response.get("content", {})
    kinds = ", ".join(f"<code>{escape(kind)}</code>" for kind in content) or "no body"
    yield f"<h3>Response {escape(status)}: {kinds}</h3>"
    schema = content.get("application/json", {}).get("schema")
    if schema:
        yield from _table(("Field", "Values", ""), list(_fields(schema, models)))
        for example in _find_examples(schema, models):
            yield f"<pre>{escape(json.dumps(example, indent=1, ensure_ascii=False))}</pre>"


def _refusals(described: Mapping[str, Any], models: Mapping[str, Any]) -> str:
    """Describe the refusals of all routes once, with the routes that give them."""
    routes: dict[tuple[str, str], list[str]] = {}
    for path, operations in described["paths"].items():
        for operation in operations.values():
            for status, response in operation.get("responses", {}).items():
                if _is_refusal(response):
                    key = (status, response["description"])
                    routes.setdefault(key, []).append(path)
    if not routes:
        return ""
    most = max(map(len, routes.values()))
    rows = [
        (status, meaning, "all" if len(paths) == most else ", ".join(dict.fromkeys(paths)))
        for (status, meaning), paths in sorted(routes.items())
    ]
    refusal = {"$ref": "#/components/schemas/Refusal"}
    examples = "".join(
        f"<pre>{escape(json.dumps(example, ensure_ascii=False))}</pre>"
        for example in _find_examples(refusal, models)
    )
    table = "".join(_table(("Status", "Meaning", "Routes"), rows))
    return f"<section><h2>Refusals</h2>{examples}{table}</section>"


def _is_refusal(response: Mapping[str, Any]) -> bool:
    schema = response.get("content", {}).get("application/json", {}).get("schema", {})
    return any(
        one.get("$ref", "").endswith("/Refusal") for one in [schema, *schema.get("anyOf", ())]
    )


def _resolve(schema: Mapping[str, Any], models: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow references, and leave out null from alternatives."""
    if "$ref" in schema:
        found: Mapping[str, Any] = models.get(schema["$ref"].rpartition("/")[2], {})
        return found
    one = [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]
    return _resolve(one[0], models) if len(one) == 1 else schema


def _fields(
    schema: Mapping[str, Any], models: Mapping[str, Any], prefix: str = ""
) -> Iterator[tuple[str, str, str]]:
    """List the fields of a schema, those of inner objects with the names of the outer ones."""
    schema = _resolve(schema, models)
    for one in schema.get("anyOf", ()):
        yield from _fields(one, models, prefix)
    for name, field in schema.get("properties", {}).items():
        place, inner = f"{prefix}{name}", _resolve(field, models)
        yield place, _kind(inner), field.get("description", "")
        items = inner.get("items", {})
        yield from _fields(items or inner, models, f"{place}{'[]' if items else ''}.")


def _find_examples(schema: Mapping[str, Any], models: Mapping[str, Any]) -> Sequence[Any]:
    found: Sequence[Any] = _resolve(schema, models).get("examples", ())
    return found


def _kind(schema: Mapping[str, Any]) -> str:
    """Describe a schema in a few words.

    >>> _kind({"type": "number", "minimum": 0.5, "default": 2.0})
    'number, from 0.5, default 2.0'
    """
    if "anyOf" in schema:
        return " or ".join(_kind(one) for one in schema["anyOf"] if one.get("type") != "null")
    words = [" | ".join(schema["enum"]) if "enum" in schema else str(schema.get("type", ""))]
    words += [f"from {schema['minimum']}"] if "minimum" in schema else []
    words += [f"to {schema['maximum']}"] if "maximum" in schema else []
    words += [f"default {schema['default']}"] if schema.get("default") else []
    return ", ".join(words)


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    if not rows:
        return
    yield "<table><tr>" + "".join(f"<th>{escape(head)}</th>" for head in heads) + "</tr>"
    for row in rows:
        yield "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>"
    yield "</table>"

"""Render the OpenAPI description as a plain page without scripts, for `/docs`."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ABOUT = (
    "Serenade predicts which acted emotion speech sounds most like. It does not know what a person "
    "feels, is not a lie detector, and must not be used to make decisions about people or to "
    "monitor them.\n\n"
    "Send live speech over the WebSocket /v1/stream: first a JSON message with sampling_rate "
    '(optional: format "s16le" or "f32le", channels, window, hop, voice, api_key), then samples as '
    'binary messages, and {"type": "end"} as the last message. The server sends JSON messages of '
    'the types "ready", "update" (current probabilities and finished segments), "error" and "end".'
)
"""Description of the API and its limits."""


def render_docs(described: Mapping[str, Any]) -> str:
    """Render an OpenAPI description as an HTML page.

    >>> "<h2>" in render_docs({"info": {"title": "A", "version": "1"}, "paths": {}})
    False
    """
    info = described["info"]
    title = f"{escape(info['title'])} {escape(info['version'])}"
    about = "".join(f"<p>{escape(part)}</p>" for part in info.get("description", "").split("\n\n"))
    routes = "".join(
        _describe_route(method, path, operation)
        for path, operations in described["paths"].items()
        for method, operation in operations.items()
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="stylesheet" href="/page.css"></head><body><main><h1>{title}</h1>{about}'
        '<p><a href="/openapi.json">openapi.json</a> · <a href="/">web page</a></p>'
        f"{routes}</main></body></html>"
    )


def _describe_route(method: str, path: str, operation: Mapping[str, Any]) -> str:
    parts = [
        f"<section><h2><code>{method.upper()} {escape(path)}</code></h2>",
        f"<p>{escape(operation.get('summary', ''))}. ",
        f"{escape(operation.get('description', ''))}</p>",
    ]
    content = operation.get("requestBody", {}).get("content", {})
    if content:
        kinds = ", ".join(f"<code>{escape(kind)}</code>" for kind in content)
        parts.append(f"<p>Body: {kinds}</p>")
    rows = [
        (entry["name"], _describe_schema(entry["schema"]), entry.get("description", ""))
        for entry in operation.get("parameters", ())
    ]
    parts += _write_table(("Parameter", "Values", ""), rows)
    answers = [
        (status, "", response.get("description", ""))
        for status, response in operation.get("responses", {}).items()
    ]
    parts += _write_table(("Status", "", "Meaning"), answers)
    return "".join([*parts, "</section>"])


def _describe_schema(schema: Mapping[str, Any]) -> str:
    """Describe a schema in a few words.

    >>> _describe_schema({"type": "number", "minimum": 0.5, "default": 2.0})
    'number, from 0.5, default 2.0'
    """
    if "anyOf" in schema:
        return " or ".join(
            _describe_schema(one) for one in schema["anyOf"] if one.get("type") != "null"
        )
    words = [" | ".join(schema["enum"]) if "enum" in schema else str(schema.get("type", ""))]
    words += [f"from {schema['minimum']}"] if "minimum" in schema else []
    words += [f"to {schema['maximum']}"] if "maximum" in schema else []
    words += [f"default {schema['default']}"] if schema.get("default") else []
    return ", ".join(words)


def _write_table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    if not rows:
        return
    yield "<table><tr>" + "".join(f"<th>{escape(head)}</th>" for head in heads) + "</tr>"
    for row in rows:
        yield "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>"
    yield "</table>"

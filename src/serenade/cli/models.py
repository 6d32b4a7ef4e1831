"""Run `serenade models`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import click

from serenade._printable import dump_json, to_printable

if TYPE_CHECKING:
    from collections.abc import Mapping

_MODELS = ("bundled", "commercial", "arousal")


@click.command()
@click.argument("model", required=False, type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def command(model: str | None, as_json: bool) -> None:
    r"""List the models and encoders of the package, or describe a model folder.

    Each has its licence, its data, its size and, where measured, its figures: UA, or CCC of
    values, on speakers or corpora that were not heard in training.

    \b
    serenade models
    serenade models my-model
    serenade models --json
    """
    from serenade import encoders
    from serenade.speakers import VOICE_FILES

    found = [_describe_model(name) for name in ([model] if model else _MODELS)]
    if model is None:
        found += [_describe_encoder(name) for name in encoders.names()]
        found += [dict(entry) for entry in VOICE_FILES]
    if as_json:
        click.echo(dump_json(found, indent=2))
        return
    for entry in found:
        click.echo(to_printable(f"{entry.pop('name')}: {entry.pop('title')}"))
        for key, value in entry.items():
            click.echo(to_printable(f"  {key}: {value}"))


def _describe_model(name: str) -> dict[str, Any]:
    """Return the facts of a model, of the package or of a folder."""
    from serenade.inference import Model, measure_size

    loaded = Model.load(name)
    stated = loaded.description
    measured = [
        _format_figures(where, figures) for where, figures in stated.get("measured", {}).items()
    ]
    derived = {"labels": f"derived: {loaded.folder.derivation}"} if loaded.folder.derivation else {}
    trained_on = stated.get("trained_on", "not stated")
    return {
        "name": name,
        "title": f"{stated.get('system', 'a model')} for {', '.join(loaded.folder.answers)}",
        **derived,
        "licence": stated.get("licence") or "not stated",
        "data": trained_on if isinstance(trained_on, str) else ", ".join(trained_on),
        "recordings": stated.get("recordings", "not stated"),
        "size": f"{measure_size(name) / 1e6:.1f} MB with its encoder",
        "CCC" if loaded.dimensions else "UA": "; ".join(measured) or "see its model card",
        "card": str(loaded.folder.path / "MODEL_CARD.md"),
    }


def _format_figures(where: str, figures: Mapping[str, float]) -> str:
    """Format UA with its classes, or the CCC of values with its interval."""
    if "ccc" in figures:
        low, high = (figures.get(f"ccc_{end}", math.nan) for end in ("low", "high"))
        return f"{figures['ccc']:.3f} [{low:.3f}, {high:.3f}] ({where})"
    return f"{figures.get('ua', math.nan):.3f} ({where}, {figures.get('classes', '?')} classes)"


def _describe_encoder(name: str) -> dict[str, Any]:
    """Return the facts of an encoder."""
    from serenade import encoders

    encoder = encoders.describe(name)
    return {
        "name": name,
        "title": encoder.title,
        "licence": encoder.licence,
        "source": encoder.source,
        "size": encoder.size,
    }

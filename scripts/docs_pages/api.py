"""Write reference pages: the public names of each package, and the help of the commands."""

from __future__ import annotations

import importlib
import importlib.util

import click

from serenade import protocols
from serenade._printable import format_table
from serenade.cli._main import cli

ROOMS = {
    "serenade": "The package",
    "serenade.errors": "Errors",
    "serenade.inference": "Predicting",
    "serenade.integrations.pipecat": "Voice agents of Pipecat",
    "serenade.integrations.livekit": "Voice agents of LiveKit",
    "serenade.audio": "Audio",
    "serenade.corpora": "Corpora",
    "serenade.protocols": "Protocols",
    "serenade.features": "Features",
    "serenade.encoders": "Encoders",
    "serenade.systems": "Systems",
    "serenade.training": "Training",
    "serenade.evaluation": "Evaluation",
    "serenade.papers": "Reproducing papers",
}


def pages() -> dict[str, str]:
    """Return pages by their path."""
    made = {f"reference/{name}.md": _room(name, title) for name, title in ROOMS.items()}
    made["reference/serenade.protocols.md"] += _list_protocols()
    made["reference/commands.md"] = commands()
    return made


def public(room: str) -> list[str]:
    """Return the path of each public name of a package, in the order of `__all__`.

    Nothing is imported besides the package itself, so PyTorch is not needed.
    """
    module = importlib.import_module(room)
    named = getattr(module, "__all__", None) or [
        name
        for name, value in vars(module).items()
        if getattr(value, "__module__", "") == room and value.__doc__
    ]
    paths = [f"{room}.{name}" for name in named if not name.startswith("_")]
    return [path for path in paths if not (room == "serenade" and importlib.util.find_spec(path))]


def _room(name: str, title: str) -> str:
    return f"# {title}: {name}\n\n" + "\n\n".join(f"::: {path}" for path in public(name)) + "\n"


def _list_protocols() -> str:
    """Format the names that `serenade.protocols.get` takes."""
    rows = [[f"`{name}`", protocols.describe(name)] for name in protocols.names()]
    return f"\n## Names of protocols\n\n{format_table(['name', 'what it does'], rows)}\n"


def commands() -> str:
    """Return a page with the `--help` text of every command."""
    parts = ["# Commands", "The `--help` text of each command."]
    context = click.Context(cli, info_name="serenade", terminal_width=96)
    for name in cli.list_commands(context):
        found = cli.get_command(context, name)
        assert found is not None
        inner = click.Context(found, info_name=name, parent=context, terminal_width=96)
        parts += [f"## serenade {name}", f"```text\n{found.get_help(inner)}\n```"]
    return "\n\n".join(parts) + "\n"

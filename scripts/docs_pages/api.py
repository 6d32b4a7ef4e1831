"""Write reference pages: the public names of each package, and the help of the commands."""

from __future__ import annotations

import importlib
import types
from typing import Any

import click

from serenade.cli._main import cli

ROOMS = {
    "serenade": "The package",
    "serenade.inference": "Predicting",
    "serenade.audio": "Audio",
    "serenade.corpora": "Corpora",
    "serenade.features": "Features",
    "serenade.encoders": "Encoders",
    "serenade.systems": "Systems",
    "serenade.training": "Training",
    "serenade.evaluation": "Evaluation",
    "serenade.papers": "Reproducing papers",
}
MODULES = {
    "serenade.errors": "Errors",
    "serenade.corpora._corpus": "What a corpus is",
    "serenade.corpora._checks": "What corpora are checked for",
    "serenade.systems._system": "What a system is",
    "serenade.protocols._protocols": "Protocols",
    "serenade.evaluation._leaks": "Leak audit",
    "serenade.evaluation._compare": "Comparing runs",
    "serenade.audio._conditions": "Conditions of robustness",
}
"""Modules whose names users need although no package lists them in `__all__`."""


def pages() -> dict[str, str]:
    """Return pages by their path."""
    made = {f"reference/{name}.md": _room(name, title) for name, title in ROOMS.items()}
    for name, title in MODULES.items():
        options = "    options:\n      show_root_heading: false\n      heading_level: 1\n"
        made[f"reference/{name}.md"] = f"# {title}: {name}\n\n::: {name}\n{options}"
    made["reference/commands.md"] = commands()
    return made


def public(room: str) -> list[str]:
    """Return the dotted path of each public name of a package, in the order of `__all__`."""
    module = importlib.import_module(room)
    return [
        _home(room, name, getattr(module, name))
        for name in module.__all__
        if not name.startswith("_")
    ]


def _home(room: str, name: str, value: Any) -> str:
    """Return the dotted path of a definition; for a constant, the module that holds it."""
    if isinstance(value, type | types.FunctionType):
        return f"{value.__module__}.{value.__qualname__}"
    module = importlib.import_module(room)
    for other in vars(module).values():
        if isinstance(other, types.ModuleType) and vars(other).get(name) is value:
            return f"{other.__name__}.{name}"
    return f"{room}.{name}"


def _room(name: str, title: str) -> str:
    return f"# {title}: {name}\n\n" + "\n\n".join(f"::: {path}" for path in public(name)) + "\n"


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

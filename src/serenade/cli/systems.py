"""Run `serenade systems`."""

from __future__ import annotations

import dataclasses

import click

from serenade import systems
from serenade.cli import _help


@click.command()
@click.argument("name", required=False, shell_complete=_help.complete_from("systems"))
def command(name: str | None) -> None:
    r"""List the systems, or describe one with its recipes.

    A recipe holds all settings of a run. `serenade evaluate` and `serenade train` choose one with
    --recipe and change its fields with --set FIELD=VALUE.

    \b
    serenade systems
    serenade systems whisper-probe
    """
    for each in [name] if name else systems.names():
        system = systems.get(each)
        click.echo(f"{system.name}: {system.title}\n  source: {system.source}")
        if not name:
            click.echo(f"  recipes: {', '.join(system.recipes)}")
            continue
        for recipe_name, recipe in system.recipes.items():
            click.echo(f"  recipe {recipe_name}")
            for field in dataclasses.fields(recipe):
                click.echo(f"    {field.name} = {getattr(recipe, field.name)}")

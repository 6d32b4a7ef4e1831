"""Run `serenade push`."""

from __future__ import annotations

import click


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False))
@click.argument("repository")
@click.option("--private", is_flag=True, help="Make a new repository private.")
def command(folder: str, repository: str, private: bool) -> None:
    r"""Upload the model folder FOLDER to the Hugging Face hub as REPOSITORY (USER/NAME).

    Log in with `hf auth login` or the environment variable HF_TOKEN. The licence of the training
    data, which the model card states, decides who may use the weights.

    \b
    serenade push my-model USER/NAME
    serenade predict call.wav --model USER/NAME
    """
    from serenade.inference import push_model

    click.echo(f"{push_model(folder, repository, private=private)}: pushed {folder}")

"""`serenade push`."""

from __future__ import annotations

import click


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False))
@click.argument("repository")
@click.option("--private", is_flag=True, help="Show a new repository to nobody else.")
def command(folder: str, repository: str, private: bool) -> None:
    r"""Upload the model folder FOLDER to the Hugging Face hub as REPOSITORY (USER/NAME).

    HF_TOKEN, or `hf auth login`, says who you are. Who may use the weights is decided by the
    licence of the data they were trained on, which the model card states.

    \b
    serenade push my-model USER/NAME
    serenade predict call.wav --model USER/NAME
    """
    from serenade.inference import push_model

    click.echo(f"{push_model(folder, repository, private=private)}: pushed {folder}")

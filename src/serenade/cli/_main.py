"""The `serenade` command: finds its subcommands by name and reports errors on one line."""

from __future__ import annotations

import errno
import importlib
import sys

import click

import serenade
from serenade.errors import SerenadeError

# What a disk or its owner refuses, and no error of this package.
_OUTER = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM}

_COMMANDS = {
    "predict": "the emotion of recordings, folders of them, or emotions over time",
    "listen": "emotions from a microphone, or raw samples from a pipe, while they come",
    "serve": "a page with a microphone, and an API over HTTP and WebSocket",
    "evaluate": "a system on a corpus: honest folds, metrics with intervals, a report",
    "reproduce": "the tables of five papers: their numbers beside ours",
    "audit": "what training and test parts of a corpus have in common",
    "compare": "finished runs: tables, and tests between them",
    "extract": "features of a corpus, as Parquet files that may be larger than memory",
    "train": "a system on a corpus, into a model folder that predict can load",
    "export": "a model folder in eight bits or half precision, compared with what it was",
    "push": "a model folder to the Hugging Face hub",
    "pretrain": "a speech encoder on recordings without labels",
    "speech2vec": "vectors of words from how they are spoken, and the nearest of a word",
    "transcribe": "what is said in recordings, into a manifest with a text for each",
    "systems": "what can be trained and evaluated",
    "corpora": "what corpora are known, and what is wrong with one on disk",
    "cache": "the extracted features that are kept, and how to clear them",
    "doctor": "what is installed and whether it works, for bug reports",
}


class _Lazy(click.Group):
    """Imports a command when it is run, so that predicting never pays for training."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"serenade.cli.{cmd_name}").command
        # Docstrings are raw; click's mark for lines that stay as they are is a control character.
        command.help = (command.help or "").replace("\\b\n", "\b\n")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.command(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(serenade.__version__, prog_name="serenade")
def cli() -> None:
    r"""Speech emotion recognition.

    From a recording to an emotion, and from a corpus to an honest number.

    \b
    serenade predict call.wav             one emotion
    serenade predict call.wav --timeline  emotions over time
    serenade predict recordings/ --csv emotions.csv
    serenade evaluate whisper-probe ravdess --root CORPORA --out runs/probe
    """


def main() -> None:
    """Run the command line; an error Serenade raises on purpose is one line and status 1."""
    try:
        cli()
    except SerenadeError as error:
        click.echo(f"serenade: {error}", err=True)
        sys.exit(1)
    except OSError as error:
        if error.errno not in _OUTER:
            raise
        place = error.filename or "a file that is written"
        click.echo(
            f"serenade: {place}: {error.strerror}; free some space or name another folder", err=True
        )
        sys.exit(1)

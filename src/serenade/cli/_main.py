"""Run the `serenade` command: find its subcommands by name and report errors on one line."""

from __future__ import annotations

import errno
import importlib
import io
import sys

import click

import serenade
from serenade._printable import to_printable
from serenade.errors import SerenadeError

# Errors of the disk or its permissions, not of this package.
_OUTER = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM}

_COMMANDS = {
    "predict": "predict the emotion of recordings and folders, at once or over time",
    "listen": "predict emotions live from a microphone or a pipe",
    "serve": "serve a web page that records, and an HTTP and WebSocket API",
    "evaluate": "evaluate a system on a corpus and report scores with intervals",
    "reproduce": "fill the tables of five papers and compare with their numbers",
    "audit": "find what training and test clips of a corpus share",
    "compare": "compare finished runs with tables and significance tests",
    "extract": "write features of a corpus to Parquet files",
    "train": "train a system on a corpus and write a model folder",
    "export": "write a model folder with smaller weights and compare the two",
    "push": "upload a model folder to the Hugging Face hub",
    "pretrain": "train a speech encoder on recordings without labels",
    "speech2vec": "learn word vectors from speech, and list nearest words",
    "transcribe": "transcribe recordings into a manifest",
    "systems": "list the systems and their recipes",
    "corpora": "list the corpora, and check one on disk",
    "cache": "show or clear the cache of extracted features",
    "doctor": "check the installation, for bug reports",
}


class _LazyGroup(click.Group):
    """Command group that imports a command when it is run, so that prediction starts fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"serenade.cli.{cmd_name}").command
        # In raw docstrings, click's mark for preformatted lines is not a control character yet.
        command.help = (command.help or "").replace("\\b\n", "\b\n")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.command(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(serenade.__version__, prog_name="serenade")
def cli() -> None:
    r"""Recognise emotions in speech, and evaluate systems that do.

    \b
    serenade predict call.wav             one emotion
    serenade predict call.wav --timeline  emotions over time
    serenade predict recordings/ --csv emotions.csv
    serenade evaluate whisper-probe ravdess --root CORPORA --out runs/probe
    """


def _escape_unknown_characters() -> None:
    """Let standard output and error escape characters that their encoding cannot hold."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def main() -> None:
    """Run the command line; print an expected error on one line and exit with status 1."""
    _escape_unknown_characters()
    try:
        cli()
    except SerenadeError as error:
        click.echo(f"serenade: {to_printable(error)}", err=True)
        sys.exit(1)
    except OSError as error:
        if error.errno not in _OUTER:
            raise
        place = error.filename or "an output file"
        click.echo(
            f"serenade: {place}: {error.strerror}; free some space or choose another folder",
            err=True,
        )
        sys.exit(1)

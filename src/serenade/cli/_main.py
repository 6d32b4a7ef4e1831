"""Run the `serenade` command: find its subcommands by name and report errors on one line."""

from __future__ import annotations

import errno
import importlib
import io
import sys

import click

import serenade
from serenade._printable import to_printable
from serenade._registry import explain_unknown
from serenade.errors import SerenadeError

# Errors of the disk or its permissions, not of this package.
_OUTER = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM}

_INTERRUPTED = 130  # 128 and the number of SIGINT

_SECTIONS = {
    "Recordings": {
        "predict": "predict the emotion of recordings and folders, at once or over time",
        "listen": "predict emotions live from a microphone or a pipe",
        "serve": "serve a web page that records, and an HTTP and WebSocket API",
        "embed": "write an embedding of each recording",
        "transcribe": "transcribe recordings into a manifest",
    },
    "Research": {
        "evaluate": "evaluate a system on a corpus and report scores with intervals",
        "reproduce": "fill the tables of five papers and compare with their numbers",
        "compare": "compare finished runs with tables and significance tests",
        "audit": "find what training and test clips of a corpus share",
        "extract": "write features of a corpus to Parquet files",
        "pretrain": "train a speech encoder on recordings without labels",
        "speech2vec": "learn word vectors from speech, and list nearest words",
    },
    "Models": {
        "train": "train a system on a corpus and write a model folder",
        "export": "write a model folder with smaller weights and compare the two",
        "push": "upload a model folder to the Hugging Face hub",
        "models": "list the models and encoders of the package with licence and figures",
    },
    "Tools": {
        "systems": "list the systems and their recipes",
        "corpora": "list the corpora, and check one on disk",
        "cache": "show or clear the cache of extracted features",
        "doctor": "check the installation, for bug reports",
    },
}
_COMMANDS = [name for section in _SECTIONS.values() for name in section]
_WIDTH = max(map(len, _COMMANDS))


class _LazyGroup(click.Group):
    """Command group that imports a command when it is run, so that prediction starts fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"serenade.cli.{cmd_name}").command
        command.help = _mark_examples(command.help)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in _COMMANDS and not args[0].startswith("-"):
            ctx.fail(explain_unknown("command", args[0], _COMMANDS))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        for title, commands in _SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(_WIDTH), text) for name, text in commands.items()])


def _mark_examples(text: str | None) -> str:
    """Make click's mark for lines that stay as they are from its spelling in a raw docstring."""
    return (text or "").replace("\\b\n", "\b\n")


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


cli.help = _mark_examples(cli.help)


def _escape_unknown_characters() -> None:
    """Let standard output and error escape characters that their encoding cannot hold."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def main() -> None:
    """Run the command line; print an expected error on one line and exit with status 1.

    Ctrl-C exits with status 130, as shells expect.
    """
    _escape_unknown_characters()
    try:
        status = cli(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        click.echo("serenade: interrupted", err=True)
        sys.exit(_INTERRUPTED)
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
    sys.exit(status if isinstance(status, int) else 0)

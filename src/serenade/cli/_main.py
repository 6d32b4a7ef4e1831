"""Run the `serenade` command, and report errors on one line."""

from __future__ import annotations

import errno
import io
import os
import sys

import click

import serenade
from serenade.cli import _help, _output
from serenade.errors import SerenadeError

# Errors of the disk or its permissions, not of this package.
_OUTER = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM}


@click.command(
    cls=_help.CommandGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="`serenade COMMAND --help` explains a command.",
)
@click.version_option(serenade.__version__, prog_name="serenade")
@click.pass_context
def cli(context: click.Context) -> None:
    r"""Recognise emotions in speech, and evaluate systems that do.

    \b
    serenade predict call.wav             one emotion
    serenade predict call.wav --timeline  emotions over time
    serenade predict recordings/ --csv emotions.csv
    serenade evaluate whisper-probe ravdess --root CORPORA --out runs/probe
    """
    if context.invoked_subcommand is None:
        _output.echo(context.get_help())


cli.help = _help.mark_examples(cli.help)


def _open_closed_streams() -> None:
    """Let standard streams that the caller closed be empty, and take what is written."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115


def _escape_unknown_characters() -> None:
    """Let standard output and error escape characters that their encoding cannot hold."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def main() -> None:
    """Run the command line; print an expected error on one line and exit with status 1.

    Ctrl-C exits with status 130, as shells expect.
    """
    _open_closed_streams()
    _escape_unknown_characters()
    try:
        status = cli(prog_name="serenade", standalone_mode=False)
    except click.ClickException as error:
        _output.echo(f"serenade: {_help.explain_usage(error)}", err=True)
        sys.exit(error.exit_code)
    except click.Abort:
        _output.report_problem("interrupted")
        sys.exit(_output.INTERRUPTED)
    except SerenadeError as error:
        _output.report_problem(error)
        sys.exit(1)
    except OSError as error:
        if error.errno not in _OUTER:
            raise
        place = error.filename or "an output file"
        _output.report_problem(
            f"{place}: {error.strerror}; free some space or choose another folder"
        )
        sys.exit(1)
    sys.exit(status if isinstance(status, int) else 0)

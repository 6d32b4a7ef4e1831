"""Find commands by name, and format their help and the errors of their arguments."""

from __future__ import annotations

import importlib
import re
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from serenade._registry import explain_unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_SECTIONS = {
    "Recordings": {
        "predict": "predict emotions of recordings, as a whole or over time",
        "listen": "predict emotions live from a microphone or a pipe",
        "serve": "serve a web page that records, and an HTTP and WebSocket API",
        "embed": "write an embedding of each recording",
        "transcribe": "transcribe recordings into a manifest",
    },
    "Research": {
        "evaluate": "evaluate a system on a corpus and report scores with intervals",
        "reproduce": "fill the tables of five papers and compare with their numbers",
        "stress": "test the fairness and robustness of a trained model",
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
        "models": "list models and encoders with licence, size and figures",
    },
    "Tools": {
        "systems": "list the systems and their recipes",
        "corpora": "list the corpora, and check one on disk",
        "cache": "show or clear the cache of extracted features",
        "doctor": "check the installation, for bug reports",
    },
}
DATA = ("root", "labels", "label_column", "target", "renames", "max_unusable")
TRAINING = (*("recipe", "changes", "seed", "jobs", "device", "checkpoints", "tracking", "dask"),)
"""Names of shared options by the group in which the help of a command shows them."""

_COMMANDS = {name: text for section in _SECTIONS.values() for name, text in section.items()}
_WIDTH = max(map(len, _COMMANDS))
_FIRST_COLUMN = 30  # of the help of an option


class CommandGroup(click.Group):
    """Command group that imports a command when it is run, so that prediction starts fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"serenade.cli.{cmd_name}").command
        command.help = mark_examples(command.help)
        command.short_help = _COMMANDS[cmd_name]
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


class GroupedCommand(click.Command):
    """Command whose help shows its options in groups.

    Args:
        groups: names of options, as Python identifiers, by the title of their group. The help
            shows options without a group at the end.
    """

    def __init__(self, *given: Any, groups: Mapping[str, Sequence[str]], **named: Any) -> None:
        super().__init__(*given, **named)
        self.groups = groups

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = {
            str(one.name): (re.sub(r"(INTEGER|FLOAT)( RANGE)?$", "NUMBER", words), text)
            for one in self.get_params(ctx)
            for words, text in filter(None, [one.get_help_record(ctx)])
            if isinstance(one, click.Option)
        }
        # The columns of all groups begin at the same place, and click breaks longer rows.
        width = min(_FIRST_COLUMN, max(len(words) for words, _ in rows.values()))
        groups = [
            (title, [rows.pop(name) for name in names]) for title, names in self.groups.items()
        ]
        for title, group in [*groups, ("Other options", list(rows.values()))]:
            with formatter.section(title):
                formatter.write_dl([(words.ljust(width), text) for words, text in group])


def complete_from(package: str) -> Callable[..., list[CompletionItem]]:
    """Return a function that completes names of a registry in a shell, or else files.

    Args:
        package: the package with the registry, such as `systems`.
    """

    def complete(_: click.Context, __: click.Parameter, begun: str) -> list[CompletionItem]:
        names = importlib.import_module(f"serenade.{package}").names()
        found = [CompletionItem(name) for name in names if name.startswith(begun)]
        return found or [CompletionItem(begun, type="file")]

    return complete


def mark_examples(text: str | None) -> str:
    """Make click's mark for lines that stay as they are from its spelling in a raw docstring."""
    return (text or "").replace("\\b\n", "\b\n")


def explain_usage(error: click.ClickException) -> str:
    """Explain a wrong option or argument in one line, and name the help in a second one."""
    message = error.format_message().removesuffix(".")
    if isinstance(error, click.NoSuchOption):
        known = [one for one in error.possibilities or () if one.startswith("--")]
        hint = f"; did you mean {known[0]}?" if known else ""
        message = f"no option {error.option_name}{hint}"
    elif type(error) is not click.UsageError or message.startswith("Got "):  # words of click
        message = message[:1].lower() + message[1:]
    if isinstance(error, click.BadParameter) and error.param and error.param.name == "adapt":
        message += "; write --adapt=unknown, or put --adapt at the end"
    if isinstance(error, click.MissingParameter):
        message = re.sub(r"'\[?(.+?)\]?'", r"\1", message)
    context = error.ctx if isinstance(error, click.UsageError) else None
    return message + ("" if context is None else f"\nSee {context.command_path} --help.")

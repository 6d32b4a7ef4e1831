"""Print and write results, safely on every terminal and without places of this machine."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import os
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from serenade._atomic import write_output
from serenade._printable import to_printable
from serenade.errors import AudioError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from serenade.inference import Model, Prediction, Segment, Target, Timeline, Update

    Result = tuple[Prediction, Timeline | None]

INTERRUPTED = 130
"""Exit status after Ctrl-C: 128 and the number of SIGINT."""

_PLACES = {
    "--root": "ROOT",
    "--out": "DIR",
    "--checkpoints": "DIR",
    "--track": "LOG",
    "--dask": "ADDRESS",
}
"""Options whose values are paths or addresses of one machine, with the word printed instead."""

_COLUMNS = 24
_WORD = 10  # width of the column of emotions


def echo(text: str, *, err: bool = False) -> None:
    """Print text in which only line breaks are obeyed.

    Args:
        text: one line or several.
        err: whether to print on standard error.
    """
    click.echo(to_printable(text, keep="\n"), err=err)


def report_problem(problem: object) -> None:
    """Print a problem on one line of standard error."""
    click.echo(f"serenade: {to_printable(problem)}", err=True)


def report_interruption(done: int, total: int) -> int:
    """Report how many recordings were done before Ctrl-C, and return the exit status."""
    report_problem(f"interrupted; kept {done} of {total} recordings")
    return INTERRUPTED


def print_prediction(prediction: Prediction, timeline: Timeline | None, column: int = 0) -> None:
    """Print the answer for a recording, and a bar for each segment.

    A pipe gets one line in a form that stays, and a terminal a row or, for a single recording, the
    likeliest emotions with bars and the summary.

    Args:
        prediction: emotion of the recording.
        timeline: its segments; None if they are not wanted.
        column: width of the column of names, if there are several recordings; 0 for one.
    """
    if not is_terminal():
        _print_line(prediction)
    elif column:
        _print_row(prediction, column)
    else:
        _print_answer(prediction)
    for segment in () if timeline is None else timeline.segments:
        _print_segment(segment)


def _print_line(prediction: Prediction) -> None:
    from serenade.inference import describe_adaptation

    known = f"; enrolled: {prediction.enrolment}" if prediction.enrolment else ""
    if not prediction.enrolment and (adaptation := describe_adaptation(prediction)):
        known = f"; {adaptation}"
    found = f"{'uncertain, perhaps ' * prediction.uncertain}{prediction.answer}"
    echo(f"{name_recording(prediction)}: {found} ({prediction.duration:.1f} s{known})")


def _print_row(prediction: Prediction, column: int) -> None:
    listed = ", ".join(f"{label} {share:.0%}" for label, share in prediction.likeliest.items())
    shares = to_printable(listed)
    answer = _draw_answer(prediction, "uncertain")
    words = click.unstyle(answer)
    if not prediction.probabilities:
        click.echo(f"{name_recording(prediction):<{column}}  {answer}")
        return
    click.echo(
        f"{name_recording(prediction):<{column}}  {answer}{' ' * (_WORD - len(words))} "
        f"{draw_bar(prediction.probability, _COLUMNS)}  {shares}"
    )


def _print_answer(prediction: Prediction) -> None:
    from serenade.inference import describe_basis

    if prediction.summary is not None and len(prediction.summary.moments) > 1:
        doubt = "mixed: several emotions, and none prevails"
    else:
        doubt = f"uncertain: no emotion reaches {prediction.uncertain_below:.0%}"
    answer = _draw_answer(prediction, doubt)
    click.echo(f"{name_recording(prediction)}: {answer}")
    width = max((len(to_printable(label)) for label in prediction.likeliest), default=0)
    for label, share in prediction.likeliest.items():
        bar = draw_bar(share, _COLUMNS)
        click.echo(f"  {to_printable(label):<{width}}  {bar}  {share:.0%}")
    notes = {"based on": describe_basis(prediction)}
    notes |= {} if prediction.summary is None else prediction.summary.describe()
    for name, text in notes.items():
        click.echo(f"  {_mark(f'{name}:', dim=True)} {to_printable(text)}")


def name_recording(prediction: Prediction) -> str:
    """Return the printable name of a recording, with the channel that was predicted alone."""
    channel = f", channel {prediction.channel}" * bool(prediction.channel)
    return to_printable(prediction.file) + channel


def _draw_answer(prediction: Prediction, doubt: str) -> str:
    """Return the emotion, or words of doubt if it is uncertain."""
    if prediction.uncertain:
        return _mark(doubt, fg="yellow")
    return _mark(to_printable(prediction.emotion or prediction.answer), bold=True)


def is_terminal() -> bool:
    """Return whether standard output is a terminal that draws."""
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def draw_bar(share: float, width: int) -> str:
    """Draw a share of 1 as a bar of eighths of a character, or of # where these are unknown."""
    full, eighths = divmod(round(share * width * 8), 8)
    bar = "█" * full + " ▏▎▍▌▋▊▉"[eighths].strip()
    try:
        bar.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        bar = "#" * round(share * width)
    return _mark(bar, fg="cyan") + " " * (width - len(bar))


def _mark(text: str, **style: Any) -> str:
    """Colour text, unless the variable NO_COLOR forbids it."""
    return text if os.environ.get("NO_COLOR") else click.style(text, **style)


def print_update(found: Update, *, live: bool) -> None:
    """Print finished segments, and on a terminal the current probabilities.

    Args:
        found: update of a stream.
        live: whether the last line can be overwritten.
    """
    if live and found.segments:
        click.echo("\r\x1b[K", nl=False)
    for segment in found.segments:
        _print_segment(segment)
    if live:
        click.echo(f"\r\x1b[K{_draw_bars(found) if found.speaking else ''}", nl=False)


def _print_segment(segment: Segment) -> None:
    bar = ""
    if segment.probabilities and is_terminal():
        bar = draw_bar(segment.probability, _COLUMNS) + " "
    elif segment.probabilities:
        bar = f"{'#' * round(segment.probability * _COLUMNS):<{_COLUMNS}} "
    times = f"  {segment.start:6.1f} - {segment.end:5.1f} s  "
    click.echo(f"{times}{bar}{to_printable(segment.caption)}")


def _draw_bars(found: Update) -> str:
    """Draw one bar of eighths of a character for each emotion, or write values, on one line."""
    if not found.probabilities:
        listed = (f"{name} {value:.2f}" for name, value in found.values.items())
        return "  " + to_printable("  ".join(listed))
    eighths = " ▁▂▃▄▅▆▇█"
    best = max(found.probabilities, key=found.probabilities.__getitem__)
    shown = [
        _mark(f"{to_printable(label)} {eighths[round(share * 8)]}", bold=label == best)
        for label, share in found.probabilities.items()
    ]
    return "  " + "  ".join(shown)


def check_paths(outputs: Mapping[str, str | Path | None], inputs: Iterable[str | Path]) -> None:
    """Refuse outputs that would replace an input or one another.

    Args:
        outputs: files to write by the name of their option; None and `-` are no files. Folders,
            which get files of their own, may be inputs as well.
        inputs: recordings, folders and manifests that are read.

    Raises:
        UsageError: two paths are the same file, or a path is empty.
    """
    named: dict[Path, str] = {}
    for option, path in outputs.items():
        if path == "":
            raise click.UsageError(f"{option} is empty; name the file or folder to write")
        if path is None or str(path) == "-":
            continue
        real = Path(path).resolve()
        if real in named:
            raise click.UsageError(f"{named[real]} and {option} both write {path}; name two files")
        named[real] = option
    existing = {real: option for real, option in named.items() if real.is_file()}
    for source in inputs if existing else ():
        replaced = existing.get(Path(source).resolve())
        if replaced:
            raise click.UsageError(f"{replaced} {source} is an input; name another file to write")


def print_results(
    results: Iterable[Any], files: Sequence[str], *, people: bool, kept: bool
) -> tuple[list[Result], bool]:
    """Print errors, and for people also results, as they arrive.

    Args:
        results: predictions with their timelines, or errors.
        files: files of the results.
        people: whether to print results.
        kept: whether results are also written to files. Then the work goes on if nobody reads
            standard output any more.

    Returns:
        The results, and whether Ctrl-C ended the work before its end.
    """
    column = max(map(len, files)) if len(files) > 1 else 0
    done: list[Result] = []
    try:
        for result in results:
            if isinstance(result, AudioError):
                report_problem(result)
                continue
            done.append(result)
            if people:
                try:
                    print_prediction(result[0], result[1], column)
                except BrokenPipeError:
                    if not kept:
                        raise
                    people = False
                    _drop_output()
    except KeyboardInterrupt:
        return done, True
    return done, False


def _drop_output() -> None:
    """Print nothing more, because the reader of standard output has closed it."""
    with contextlib.suppress(OSError, ValueError), open(os.devnull, "wb") as nothing:  # noqa: PTH123
        os.dup2(nothing.fileno(), sys.stdout.fileno())


@dataclasses.dataclass(frozen=True)
class Outputs:
    """Outputs of `serenade predict` besides its lines for people.

    Args:
        as_json: whether to print JSON.
        csv: file for a table; `-` for standard output.
        out: file or folder for timelines.
        format: format of `out`; None for that of its suffix.
        plot: file of a figure.
    """

    as_json: bool
    csv: Path | None
    out: str | None
    format: str | None
    plot: Path | None

    @property
    def people(self) -> bool:
        """Whether standard output is for people."""
        return not (self.as_json or str(self.csv) == "-")

    @property
    def kept(self) -> bool:
        """Whether results are written to files."""
        return bool((self.csv and self.people) or self.out or self.plot)

    def check(self, recordings: int, inputs: Iterable[str]) -> None:
        """Check before the work that the results can be written.

        Args:
            recordings: number of recordings.
            inputs: everything that is read.
        """
        from serenade._figure_style import check_figure

        check_paths({"--csv": self.csv, "--out": self.out, "--plot": self.plot}, inputs)
        if self.as_json and str(self.csv) == "-":
            raise click.UsageError(
                "--json and --csv - both print to standard output; give --csv a file"
            )
        if self.csv and self.csv.suffix.lower() not in {"", ".csv", ".txt"}:
            raise click.UsageError(
                f"--csv {self.csv}: writes a CSV file, which spreadsheets open as well; name it "
                f"{self.csv.with_suffix('.csv')}"
            )
        if self.format and not self.out:
            raise click.UsageError("--format needs --out; name the file or folder to write")
        if self.plot and recordings != 1:
            raise click.UsageError("--plot draws one recording; give one file")
        if self.plot:
            check_figure(self.plot)
        if target := self._target:
            target.check(recordings)

    @property
    def _target(self) -> Target | None:
        from serenade.inference import Target

        return Target.of(self.out, self.format) if self.out else None

    def write(
        self,
        done: Sequence[Result],
        model: Model,
        *,
        recordings: int,
        channel: str,
        timeline: bool,
    ) -> None:
        """Write results.

        Args:
            done: predictions, with their timelines if there are any.
            model: the model that predicted them.
            recordings: number of recordings, also of those that could not be used.
            channel: channel of the figure.
            timeline: whether the table has a row for each segment.
        """
        from serenade.inference import plot_timeline, to_json

        if self.as_json:
            click.echo(to_json(done))
        if self.csv:
            _write_table(done, model, self.csv, timeline=timeline)
        timelines = [(prediction, found) for prediction, found in done if found is not None]
        if timelines and (target := self._target):
            target.write(timelines, model, recordings=recordings)
        if timelines and self.plot:
            first = timelines[0][1]
            plot_timeline(first, first.file, model, self.plot, channel=channel)


def _write_table(done: Sequence[Result], model: Model, path: Path, *, timeline: bool) -> None:
    """Write results as CSV to a file, or to standard output for `-`."""
    from serenade.inference import to_csv

    table = io.StringIO(newline="")
    to_csv(done, model.labels, table, timeline=timeline)
    if str(path) == "-":
        click.echo(table.getvalue(), nl=False)
    else:
        write_output(path, table.getvalue())


def format_command(arguments: Sequence[str]) -> str:
    """Format a command without the folders of this machine.

    Args:
        arguments: words after `serenade`. Absolute paths keep their last part only, and options
            of places get a word in capitals, because a report is read on other machines.

    >>> format_command(["train", "crnn", "/home/me/my calls.csv", "--out", "a/b", "--set", "f=/x"])
    "serenade train crnn 'my calls.csv' --out DIR --set f=x"
    """
    words, previous = ["serenade"], ""
    for argument in arguments:
        name, equals, _ = argument.partition("=")
        if previous in _PLACES:
            words.append(_PLACES[previous])
        elif equals and name in _PLACES:
            words.append(f"{name}={_PLACES[name]}")
        else:
            words.append(re.sub(r"(^|=)/(?:.*/)?(?=[^/])", r"\1", argument.rstrip("/")))
        previous = argument
    return shlex.join(words)

"""The progress bar of long work."""

import io
import sys

from serenade import _progress
from serenade._progress import ProgressBar, show_progress


def open_terminal(monkeypatch):
    """Replace standard error by a terminal, and time by a clock of a second for each look."""
    shown = io.StringIO()
    monkeypatch.setattr(shown, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", shown)
    times = iter(range(100))
    monkeypatch.setattr(_progress.time, "monotonic", lambda: float(next(times)))
    return shown


def test_show_progress_draws_a_bar_with_the_time_left_and_erases_it(monkeypatch):
    terminal = open_terminal(monkeypatch)
    seen = [terminal.getvalue() for _ in show_progress(range(6), 6, "reading")]
    assert seen[:3] == ["", "", ""]  # two seconds of patience
    last = seen[-1].split("\r\x1b[K")
    assert last[1] == "reading [###############               ] 50% 0:03 left"
    assert last[-1] == ""  # erased while the item is used
    assert terminal.getvalue().endswith("\r\x1b[K")


def test_a_bar_counts_parts_of_items_in_any_unit(monkeypatch):
    terminal = open_terminal(monkeypatch)
    bar = ProgressBar(10.0, "predicting")

    def work():
        for _ in range(4):
            bar.advance(2.5)
        yield "done"

    assert list(bar.pass_items(work(), 0)) == ["done"]
    assert "predicting [######################        ] 75% 0:01 left" in terminal.getvalue()


def test_show_progress_writes_nothing_into_a_pipe(monkeypatch):
    shown = io.StringIO()
    monkeypatch.setattr(sys, "stderr", shown)
    monkeypatch.setattr(_progress, "PATIENCE", -1.0)
    assert list(show_progress("ab", 2, "spelling")) == ["a", "b"]
    assert shown.getvalue() == ""

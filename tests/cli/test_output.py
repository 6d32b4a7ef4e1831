"""Lines for people."""

import pytest

from serenade.cli import _output
from serenade.inference import Update


@pytest.mark.parametrize(("value", "bold"), [("", True), ("1", False)])
def test_live_bars_follow_no_color(monkeypatch, value, bold):
    monkeypatch.setenv("NO_COLOR", value)
    update = Update(0.0, 2.0, speaking=True, probabilities={"angry": 0.9, "sad": 0.1})
    assert ("\x1b[1m" in _output._draw_bars(update)) == bold

"""`draw_timeline` and `plot_timeline`."""

import dataclasses
import re
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import serenade.server
from serenade._figure_style import COLOURS, _list_fonts
from serenade.errors import SerenadeError
from serenade.inference import Segment, Timeline, plot_timeline
from serenade.inference._source import open_source
from serenade.inference._timeline_figure import average_segments, draw_timeline


@pytest.fixture
def drawn(talk, model):
    pytest.importorskip("matplotlib")
    shares = dict.fromkeys(model.labels, 0.0)
    parts = (
        Segment(2.0, 5.0, shares | {"angry": 1.0}),
        Segment(6.0, 7.0, shares | {"sad": 1.0}),
    )
    return Timeline("talk", talk.size / 16000, model.labels, parts)


def test_draw_timeline_places_and_names_segments(drawn, talk):
    figure = draw_timeline(drawn, open_source(talk, 16000, 16000))
    axes, shares = figure.axes
    within = axes.transData.inverted()
    spans = [patch for patch in axes.patches if patch.get_extents().width > 1]
    edges = [within.transform(patch.get_extents())[:, 0] for patch in spans]
    np.testing.assert_allclose(edges, [(2, 5), (6, 7)], atol=1e-6)
    assert spans[0].get_facecolor() != spans[1].get_facecolor()
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["angry", "sad"]
    assert {bar.get_height() for bar in shares.patches} == {0, 1}
    assert axes.get_title() == "talk: angry 75%, sad 25% of 4 s of speech"
    assert axes.get_xlim() == (0, pytest.approx(talk.size / 16000))
    wave = axes.collections[0].get_paths()[0].vertices
    assert np.abs(wave[:, 1]).max() == pytest.approx(np.abs(talk).max(), rel=1e-5)


def test_draw_timeline_draws_a_lane_for_each_speaker(drawn, talk):
    names = ("left", "right")
    parts = [
        dataclasses.replace(part, speaker=name)
        for part, name in zip(drawn.segments, names, strict=True)
    ]
    spoken = dataclasses.replace(drawn, segments=tuple(parts))
    axes = draw_timeline(spoken, open_source(talk, 16000, 16000)).axes[0]
    within = axes.transAxes.inverted()
    spans = [patch for patch in axes.patches if patch.get_extents().width > 1]
    heights = [within.transform(patch.get_extents())[:, 1] for patch in spans]
    np.testing.assert_allclose(heights, [(0.5, 1), (0, 0.5)], atol=1e-6)
    assert {*names} <= {text.get_text() for text in axes.texts}


def test_figures_draw_a_curve_of_values_for_each_speaker(talk):
    pytest.importorskip("matplotlib")
    spans = [("left", 2.0, 3.0), ("right", 2.5, 3.5), ("left", 3.0, 4.0), ("right", 3.5, 4.5)]
    parts = tuple(
        Segment(start, end, {}, name, {"arousal": start / 4, "valence": 0.5})
        for name, start, end in spans
    )
    timeline = Timeline("talk", talk.size / 16000, (), parts)
    figure = draw_timeline(timeline, open_source(talk, 16000, 16000))
    lines = {line.get_label(): line for line in figure.axes[1].lines}
    assert list(lines) == ["left arousal", "left valence", "right arousal", "right valence"]
    for line in lines.values():
        assert (np.diff(line.get_xdata()) >= 0).all()
    assert {line.get_color() for line in lines.values()} == set(COLOURS[:4])
    html = timeline._repr_html_()
    assert [html.count(f">{name}</text>") for name in lines] == [1] * 4
    assert html.count("<path ") == 4
    assert all(path.count("M") == 1 for path in re.findall(r'<path d="([^"]*)"', html))


def test_draw_timeline_draws_improbable_segments_fainter_and_means_of_many(talk, model):
    pytest.importorskip("matplotlib")
    shares = dict.fromkeys(model.labels, 0.0)
    parts = [
        Segment(second, second + 1, shares | {"angry": share, "sad": 1 - share})
        for second in range(600)
        for share in [0.6 + 0.3 * (second % 2)]
    ]
    short = Timeline("talk", 600.0, model.labels, tuple(parts[:2]))
    few = draw_timeline(short, open_source(talk, 16000, 16000)).axes[0]
    assert few.patches[0].get_alpha() < few.patches[1].get_alpha()
    timeline = Timeline("talk", 600.0, model.labels, tuple(parts))
    many, below = draw_timeline(timeline, open_source(talk, 16000, 16000)).axes
    assert len(many.patches) == 120
    assert below.xaxis.get_major_formatter()(90.0) == "1:30"
    halves = average_segments(Timeline("talk", 602.0, model.labels, tuple(parts[:301])), 2)
    assert [part.end for part in halves] == [301.0]
    assert halves[0].probabilities["angry"] == pytest.approx(0.75, abs=1e-3)


def test_the_web_page_has_the_colours_of_figures():
    script = Path(serenade.server.__file__).parent / "static" / "charts.js"
    listed = script.read_text("utf-8").split("const COLOURS = [")[1].split("];")[0]
    assert tuple(re.findall(r"\[\"(#\w{6})\"", listed)) == COLOURS


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_plot_timeline_writes_a_file(drawn, talk, model, tmp_path, suffix):
    plot_timeline(drawn, talk, model, tmp_path / "new" / f"a.{suffix}", 16000)
    assert (tmp_path / "new" / f"a.{suffix}").stat().st_size > 5000


@pytest.fixture
def unifont(tmp_path):
    """Install a font with one Chinese character for the duration of a test."""
    pytest.importorskip("matplotlib")
    from fontTools.fontBuilder import FontBuilder
    from fontTools.ttLib.tables._g_l_y_f import Glyph
    from matplotlib.font_manager import fontManager

    builder = FontBuilder(1000)
    builder.setupGlyphOrder([".notdef", "glad"])
    builder.setupCharacterMap({ord("高"): "glad"})
    builder.setupGlyf({".notdef": Glyph(), "glad": Glyph()})
    builder.setupHorizontalMetrics({".notdef": (500, 0), "glad": (1000, 0)})
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Unifont", "styleName": "Regular", "psName": "Unifont"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(tmp_path / "unifont.ttf")
    known = list(fontManager.ttflist)
    fontManager.addfont(tmp_path / "unifont.ttf")
    _list_fonts.cache_clear()
    yield
    fontManager.ttflist = known
    _list_fonts.cache_clear()


@pytest.mark.parametrize("installed", [False, True])
def test_plot_timeline_draws_chinese_labels(talk, model, tmp_path, request, installed):
    pytest.importorskip("matplotlib")
    if installed:
        request.getfixturevalue("unifont")
    timeline = Timeline("talk", 8.0, ("高",), (Segment(2.0, 5.0, {"高": 1.0}),))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for suffix in ("png", "svg"):
            plot_timeline(timeline, talk, model, tmp_path / f"a.{suffix}", 16000)
    drawn = (tmp_path / "a.svg").read_text("utf-8")
    assert ('id="Unifont-' in drawn) == installed


def test_plot_timeline_writes_dollar_signs_as_they_are(talk, model, tmp_path):
    matplotlib = pytest.importorskip("matplotlib")
    timeline = Timeline("5$ \\frac$.wav", 8.0, ("$x^$",), (Segment(2.0, 5.0, {"$x^$": 1.0}),))
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        plot_timeline(timeline, talk, model, tmp_path / "a.svg", 16000)
    drawn = (tmp_path / "a.svg").read_text("utf-8")
    assert ">5$ \\frac$.wav: " in drawn
    assert drawn.count(">$x^$</text>") == 2  # the band and the legend


def test_plot_timeline_explains_failed_writes(drawn, talk, model, tmp_path):
    (tmp_path / "file").touch()
    for wrong in (tmp_path / "a.xyz", tmp_path / "file" / "a.png"):
        with pytest.raises(SerenadeError, match="figure cannot be written"):
            plot_timeline(drawn, talk, model, wrong, 16000)


def test_plot_timeline_names_the_missing_extra(example):
    code = (
        "import sys; sys.modules['matplotlib'] = None; sys.modules['matplotlib.figure'] = None;"
        "import serenade; from serenade.inference import plot_timeline;"
        "m = serenade.load(); plot_timeline(m.timeline(sys.argv[1]), sys.argv[1], m, 'a.png')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(example)], capture_output=True, text=True, check=False
    )
    assert "MissingExtraError" in done.stderr
    assert "serenade[plot]" in done.stderr

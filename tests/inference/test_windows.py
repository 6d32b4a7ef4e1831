"""`Windower`: utterances and the windows over them."""

import importlib.resources

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serenade.adaptation import _places
from serenade.audio import from_array
from serenade.errors import InputError
from serenade.inference import _segmentation, _windows, check_windows
from serenade.inference._own_adaptation import MOST_OWN
from serenade.inference._windows import Windower, measure_speech

RATE = 16000


def looks(signal, cuts=(), window=2.0, hop=1.0, live=0.0):
    windows = Windower(round(window * RATE), round(hop * RATE), live=round(live * RATE))
    found = [look for part in np.split(signal, sorted(cuts)) for look in windows.push(part)]
    return [*found, *windows.finish()]


def test_windower_finds_and_covers_utterances(talk):
    found = looks(talk)
    ends = [look for look in found if look.last]
    assert len(ends) == 2
    for last, start, end in zip(ends, (2.0, 6.0), (5.0, 7.2), strict=True):
        assert last.origin / RATE == pytest.approx(start, abs=0.2)
        assert last.end / RATE == pytest.approx(end, abs=0.2)
    first = [look for look in found if look.origin == ends[0].origin]
    assert [look.start - look.origin for look in first[:2]] == [0, RATE]
    assert all(look.signal.size == 2 * RATE for look in first)
    (second,) = [look for look in found if look.origin == ends[1].origin]  # under a window: one
    assert second.signal.size < 2 * RATE
    for look in found:
        np.testing.assert_array_equal(look.signal, talk[look.start : look.end])


def test_windower_adds_growing_windows_if_live(talk):
    live = looks(talk, live=1.0)
    assert [look.signal.size for look in live[:2]] == [RATE, 2 * RATE]
    kept = [(look.start, look.end, look.last) for look in live if look.full]
    assert kept == [(look.start, look.end, look.last) for look in looks(talk)]
    often = looks(talk, live=0.3)
    sizes = [round(count * 0.3 * RATE) for count in range(1, 7)]
    assert [look.signal.size for look in often[:8]] == [*sizes, 2 * RATE, 2 * RATE]
    assert kept == [(look.start, look.end, look.last) for look in often if look.full]


@pytest.mark.parametrize("live", [0.0, 0.3])
def test_windower_begins_at_the_utterance_if_the_hop_does_not_divide_the_window(talk, live):
    found = [look for look in looks(talk, window=2.0, hop=0.8, live=live) if look.full]
    first = [look for look in found if look.origin == found[0].origin]
    steps = [(look.start - look.origin) / RATE for look in first if not look.last]
    assert steps == [0.0, 0.8]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(0, 8 * RATE), max_size=30),
    st.floats(0.5, 4),
    st.floats(0.1, 1),
    st.sampled_from([0.0, 0.3, 1.0]),
)
def test_windower_does_not_depend_on_the_pieces(talk, cuts, window, share, live):
    whole = looks(talk, (), window, share * window, live)
    cut = looks(talk, cuts, window, share * window, live)
    assert len(whole) == len(cut) > 0
    for one, other in zip(whole, cut, strict=True):
        assert (one.start, one.end, one.origin) == (other.start, other.end, other.origin)
        assert (one.full, one.last) == (other.full, other.last)
        np.testing.assert_array_equal(one.signal, other.signal)


@settings(max_examples=25, deadline=None)
@given(st.floats(0.5, 4), st.floats(0.1, 1))
def test_windower_covers_every_sample_of_an_utterance(talk, window, share):
    found = looks(talk, (), window, share * window)
    for last in (look for look in found if look.last):
        covered = np.zeros(last.end - last.origin, bool)
        for look in found:
            if look.origin == last.origin:
                covered[look.start - last.origin : look.end - last.origin] = True
        assert covered.all()


def test_windower_ends_the_last_window_with_the_signal(talk):
    cut = talk[: round(4.333 * RATE)]
    last = looks(cut)[-1]
    assert last.last
    assert last.end == cut.size


@settings(max_examples=60, deadline=None)
@given(st.integers(3 * RATE, 5 * RATE), st.sampled_from([0.25, 0.5, 1.0]), st.booleans())
def test_windower_cuts_windows_from_signals_of_any_length(talk, size, hop, live):
    cut = talk[:size]
    for look in looks(cut, (size // 2,), 2.0, hop, live):
        assert look.signal.size >= min(hop, 0.2) * RATE
        np.testing.assert_array_equal(look.signal, cut[look.start : look.end])


def test_windower_cuts_a_window_that_ends_in_the_last_frame(talk):
    """The last frame is incomplete, and the window that it completes is still cut."""
    speech = talk[round(2.2 * RATE) : round(4.8 * RATE)]
    for origin_to_end in range(2 * RATE, 2 * RATE + 512, 37):
        cut = speech[:origin_to_end]
        for look in looks(cut, (), 1.0, 0.5):
            np.testing.assert_array_equal(look.signal, cut[look.start : look.end])
            assert look.signal.size


def test_windower_gives_no_window_for_silence():
    assert looks(np.zeros(5 * RATE, np.float32)) == []
    assert looks(np.zeros(0, np.float32)) == []


def test_windower_keeps_samples_of_one_window(talk):
    windows = Windower(2 * RATE, RATE)
    for _ in range(6):
        list(windows.push(talk))
        assert windows._kept.size < 3 * RATE
    for _ in range(6):
        list(windows.push(np.zeros(10 * RATE, np.float32)))
        assert windows._kept.size < 3 * RATE


@pytest.mark.parametrize(
    ("window", "hop"),
    [(0.1, 0.1), (2, 0), (2, 3), (2, float("nan"))]
    + [(float(window), 1) for window in ("nan", "inf", "1e300", "3601")],
)
def test_check_windows_refuses_wrong_lengths(window, hop):
    with pytest.raises(InputError, match=r"need 0\.5 <= window <= 3600"):
        check_windows(window, hop)


@pytest.mark.parametrize("rate", [8000, 16000, 24000])
def test_measure_speech_takes_any_rate(talk, rate):
    if rate != RATE:
        talk = from_array(talk, RATE, sampling_rate=rate).signal
    assert measure_speech(talk, rate)
    assert measure_speech(talk[2 * rate : round(2.5 * rate)], rate)
    assert not measure_speech(talk[: 2 * rate], rate)


def test_music_is_no_utterance():
    """A melody of an organ has some frames that sound like speech."""
    rng = np.random.default_rng(0)
    time = np.arange(RATE // 2) / RATE
    fade = np.minimum(1, np.minimum(time, 0.5 - time) / 0.02)
    notes = 220 * 2 ** (rng.choice([0, 2, 4, 5, 7, 9, 11, 12], 24) / 12)
    partials = (1, 2, 3, 4, 6, 8)
    melody = [fade * sum(np.sin(2 * np.pi * f * k * time) / k for k in partials) for f in notes]
    sound = (0.1 * np.concatenate(melody)).astype(np.float32)
    assert not measure_speech(sound, RATE)
    assert looks(sound, live=1.0) == []


def test_the_page_without_a_server_has_the_constants_of_python():
    folder = importlib.resources.files("serenade.server") / "browser"
    scripts = [(folder / name).read_text("utf-8") for name in ("windows.js", "adaptation.js")]
    for line in (
        f"export const WINDOW = {_windows.DEFAULT_WINDOW:g} * RATE;",
        f"export const LONGEST_UTTERANCE = {_windows.LONGEST_UTTERANCE:g} * RATE;",
        f"const SPEECH = {_windows.SPEECH};",
        f"const [SURE, SURE_FRAMES] = [{_windows._SURE}, {_windows._SURE_FRAMES}];",
        f"const PAUSE = {_windows.PAUSE};",
        f"const ONSET = {_windows._ONSET};",
        f"const SHORTEST = {_windows._SHORTEST / RATE:g} * RATE;",
        f"const SHORTEST_CELL = {_segmentation._SHORTEST_CELL};",
        f"const MOST_OWN = {MOST_OWN};",
        f"const [STEPS, DAMPING] = [{_places._STEPS}, {_places._DAMPING}];",
        f"const [DOUBT, ENOUGH, MOSTLY] = {[_places._DOUBT, _places._ENOUGH, _places._MOSTLY]};",
    ):
        assert line in "".join(scripts)
    assert _windows.DEFAULT_HOP == 1

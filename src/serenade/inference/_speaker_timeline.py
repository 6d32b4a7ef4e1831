"""Predict timelines with speakers: one for each channel, or found by their voices."""

from __future__ import annotations

import dataclasses
import os
import tempfile
from typing import TYPE_CHECKING

import numpy as np

from serenade.audio import from_array, parse_channel
from serenade.errors import AudioError, GraphError, InputError, SignalFormatError, SilenceError
from serenade.inference._own_adaptation import OwnAdaptation
from serenade.inference._prediction import Timeline
from serenade.inference._segmentation import (
    Spans,
    join_windows,
    predict_cut_windows,
    predict_windows,
)
from serenade.inference._source import Source, count_channels, open_source, to_array
from serenade.inference._threads import map_in_threads
from serenade.inference._windows import Window, Windower, check_windows
from serenade.speakers import (
    VOICE_HOP,
    VOICE_RATE,
    VOICE_WINDOW,
    VoiceEncoder,
    cluster_voices,
    find_turns,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from serenade.adaptation import Expect
    from serenade.inference._classifier import Classifier
    from serenade.inference._prediction import Segment
    from serenade.inference._segmentation import Predicted
    from serenade.inference._source import RecordingLike
    from serenade.speakers import SpeakerTurn

_MOST = 20  # speakers
_ENOUGH = 40  # windows of a recording that are embedded to find its voice: a minute of speech


def parse_speakers(speakers: int | str) -> int | str:
    """Return a number of speakers, `auto` or `channels`.

    Args:
        speakers: one of these, or a number as text.

    Raises:
        InputError: it is something else.

    >>> parse_speakers("2"), parse_speakers("auto")
    (2, 'auto')
    """
    name = str(speakers)
    if name in {"auto", "channels"}:
        return name
    if name.isascii() and name.isdigit() and 1 <= int(name[:4]) <= _MOST:
        return int(name)
    raise InputError(f"speakers={speakers!r}: choose auto, channels or a number from 1 to {_MOST}")


def predict_speakers(
    classifier: Classifier,
    source: Source | Mapping[str, Source],
    windows: tuple[float, float],
    speakers: int | str,
    expect: Expect | None,
    jobs: int | None,
) -> Timeline:
    """Predict the timeline of a recording with speakers.

    Args:
        classifier: model that predicts.
        source: the recording; for `channels`, those of `open_speakers`.
        windows: length and distance of the windows in seconds.
        speakers: see `parse_speakers`.
        expect: content of each speaker's speech to adapt to; None for no adaptation.
        jobs: number of threads; None for one per core.
    """
    spans = Spans(*windows)
    check_windows(*spans)
    classifier.require_windows()
    if expect is not None:
        OwnAdaptation(classifier, expect)  # raises an error before the work
    if not isinstance(source, Source):
        return _predict_channels(classifier, source, spans, expect, jobs)
    number = parse_speakers(speakers)
    wanted = number if isinstance(number, int) else None
    return _predict_voices(classifier, source, spans, wanted, expect, jobs)


def _predict_voices(
    classifier: Classifier,
    source: Source,
    spans: Spans,
    speakers: int | None,
    expect: Expect | None,
    jobs: int | None,
) -> Timeline:
    """Predict the timeline of a recording whose speakers are found by their voices.

    The signal is kept in a temporary file: windows are laid over the turns of the speakers, which
    are known when the recording has been read.
    """
    encoder = _open_encoder(classifier)
    rate = classifier.sampling_rate
    with tempfile.TemporaryFile(prefix="serenade-") as file:
        windower = Windower(round(VOICE_WINDOW * rate), round(VOICE_HOP * rate))

        def cut_windows() -> Iterator[Window]:
            for block in source.read():
                file.write(block.tobytes())
                yield from windower.push(block)
            yield from windower.finish()

        threads = jobs or os.cpu_count() or 1
        found = [
            (window.drop_samples(), voice)
            for window, voice in map_in_threads(
                lambda window: encoder.embed(window.signal), cut_windows(), threads
            )
        ]
        file.flush()
        predicted: dict[str, list[Predicted]] = {}
        if found:
            signal: NDArray[np.float32] = np.memmap(file, np.float32, "r")
            places = np.array([(part.start, part.end, part.origin) for part, _ in found])
            voices = np.stack([voice for _, voice in found])
            turns = find_turns(places, voices, signal, speakers, encoder.threshold)
            predicted = predict_turns(classifier, signal, turns, spans, jobs)
        return make_timeline(classifier, source, source.samples, predicted, spans, expect)


def _open_encoder(classifier: Classifier) -> VoiceEncoder:
    """Open the encoder of voices; its projection is licensed as models that it may be used with."""
    return VoiceEncoder(projected=not classifier.folder.allows_commercial_use)


def group_by_voice(
    classifier: Classifier,
    files: Sequence[str],
    channel: int | str = "mix",
    jobs: int | None = None,
) -> list[str]:
    """Group recordings of one speaker each by voice, and return the name of the group of each.

    A recording that cannot be used, or has no speech, is alone in a group.

    Args:
        classifier: model whose licence decides how voices are compared.
        files: paths of the recordings.
        channel: see `Model.predict`.
        jobs: number of threads; None for one per core.
    """
    encoder = _open_encoder(classifier)
    size = round(VOICE_WINDOW * VOICE_RATE)

    def embed(file: str) -> NDArray[np.float32] | None:
        windower = Windower(size, size)
        speech: list[NDArray[np.float32]] = []
        try:
            for block in open_source(file, None, VOICE_RATE, channel).read():
                speech += (window.signal for window in windower.push(block))
                if len(speech) >= _ENOUGH:
                    break
            else:
                speech += (window.signal for window in windower.finish())
            return encoder.embed_recording(np.concatenate(speech)) if speech else None
        except (AudioError, GraphError):
            return None

    pairs = map_in_threads(embed, files, min(jobs or os.cpu_count() or 1, len(files)))
    voices = {place: voice for place, (_, voice) in enumerate(pairs) if voice is not None}
    groups = list(files)
    if voices:
        known = np.stack(list(voices.values()))
        centres = cluster_voices(known, None, encoder.recording_threshold, small=1)
        for place, number in zip(voices, (known @ centres.T).argmax(axis=1), strict=True):
            groups[place] = f"voice {number + 1}"
    return groups


def predict_turns(
    classifier: Classifier,
    signal: NDArray[np.float32],
    turns: Sequence[SpeakerTurn],
    spans: Spans,
    jobs: int | None,
) -> dict[str, list[Predicted]]:
    """Predict windows over the turns of each speaker."""
    rate = classifier.sampling_rate
    length, hop = round(spans.window * rate), round(spans.hop * rate)
    windows = (window for turn in turns for window in _lay_windows(signal, turn, length, hop))
    speakers = {turn.start: f"speaker {turn.speaker + 1}" for turn in turns}
    predicted: dict[str, list[Predicted]] = {}
    for window, shares in predict_cut_windows(classifier, windows, jobs):
        own = predicted.setdefault(speakers[window.origin], [])
        own.append((window.drop_samples(), shares))
    return predicted


def _lay_windows(
    signal: NDArray[np.float32], turn: SpeakerTurn, length: int, hop: int
) -> Iterator[Window]:
    """Lay windows over a turn as `Windower` does over an utterance."""
    ends = range(turn.start + length, turn.end, hop)
    for end in (*ends, turn.end):
        start = max(turn.start, end - length)
        yield Window(start, np.array(signal[start:end]), turn.start, True, end == turn.end)


def _predict_channels(
    classifier: Classifier,
    channels: Mapping[str, Source],
    spans: Spans,
    expect: Expect | None,
    jobs: int | None,
) -> Timeline:
    """Predict the timeline of a recording with a speaker in each channel.

    A silent channel has no segments. Segments of different channels may overlap.
    """
    predicted: dict[str, list[Predicted]] = {}
    silent: list[SilenceError] = []
    for name, channel in channels.items():
        try:
            windows = predict_windows(classifier, channel.read(), spans, jobs)
            predicted[name] = [(window.drop_samples(), shares) for window, shares in windows]
        except SilenceError as error:
            silent.append(error)
    if len(silent) == len(channels):
        raise silent[0]
    samples = max(channel.samples for channel in channels.values())
    source = next(iter(channels.values()))
    return make_timeline(classifier, source, samples, predicted, spans, expect)


def make_timeline(
    classifier: Classifier,
    source: Source,
    samples: int,
    predicted: Mapping[str, list[Predicted]],
    spans: Spans,
    expect: Expect | None,
) -> Timeline:
    """Adapt to each speaker, and join the windows of each to segments."""
    segments: list[Segment] = []
    remarks = classifier.remarks
    adapted_to = 0
    for name, windows in predicted.items():
        own = None if expect is None else OwnAdaptation(classifier, expect, one_speaker=True)
        parts = join_windows(classifier, windows, spans, own)
        segments += (dataclasses.replace(part, speaker=name) for part in parts)
        if own is not None:
            adapted_to += own.remarks["adapted_to"]
    if adapted_to:
        remarks |= {"adapted_to": adapted_to, "assumed": expect}
    duration = samples / classifier.sampling_rate
    ordered = tuple(sorted(segments, key=lambda part: part.start))
    return Timeline(source.name, duration, classifier.labels, ordered, **remarks)


def name_channels(count: int, source: str) -> list[str]:
    """Name the speakers of channels: `left` and `right`, or `channel 1`, `channel 2` and so on.

    Args:
        count: number of channels.
        source: name of the recording.

    Raises:
        SignalFormatError: there is one channel only.

    >>> name_channels(2, "a.wav")
    ['left', 'right']
    """
    if count < 2:
        raise SignalFormatError(
            source, "has one channel", "give speakers=auto or the number of speakers instead"
        )
    return ["left", "right"] if count == 2 else [f"channel {k + 1}" for k in range(count)]


def open_speakers(
    source: RecordingLike,
    sampling_rate: int | None,
    wanted: int,
    channel: int | str,
    speakers: int | str,
) -> Source | dict[str, Source]:
    """Open a recording, or for `channels` each of its channels by the name of its speaker.

    Args:
        source: see `Model.timeline`.
        sampling_rate: see `Model.timeline`.
        wanted: sampling rate in Hz of the blocks.
        channel: see `Model.timeline`.
        speakers: see `parse_speakers`.

    Raises:
        AudioError: the recording has one channel, or cannot be used.
        InputError: the recording can be read only once, or `speakers` is something else.
    """
    if parse_speakers(speakers) != "channels":
        return open_source(source, sampling_rate, wanted, channel)
    if parse_channel(channel):
        raise InputError("speakers=channels uses all channels: leave channel out")
    if isinstance(source, str | os.PathLike):
        name, count = os.fsdecode(source), count_channels(source)
    elif hasattr(source, "shape") and sampling_rate:
        name, count = "array", from_array(to_array(source), sampling_rate).channels
    else:
        raise InputError("speakers=channels takes a path or an array of (samples, channels)")
    return {
        speaker: open_source(source, sampling_rate, wanted, number)
        for number, speaker in enumerate(name_channels(count, name), start=1)
    }

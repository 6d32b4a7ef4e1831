"""Measure how well speakers of mixed conversations are found, and what adapting to each gains.

    python -m benchmarks.speakers --root ../corpora --output docs/benchmarks/speakers.md

Conversations are made from sentences of RAVDESS, EMO-DB and nEMO. A turn is one to three sentences,
each with another emotion. The projection and the threshold for the number of speakers come from
the two other corpora.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import linear_sum_assignment
from scripts.make_speaker_encoder import choose_recordings, embed_recordings, learn_projection
from sklearn.metrics import adjusted_rand_score

import serenade
from benchmarks.recordings import RATE, SOURCES, join, load_rows
from benchmarks.runner import format_page, run_benchmark
from serenade.inference._segmentation import Spans
from serenade.inference._source import Source
from serenade.inference._speaker_timeline import make_timeline, predict_turns
from serenade.inference._windows import Windower
from serenade.speakers import (
    VOICE_HOP,
    VOICE_WINDOW,
    SpeakerTurn,
    VoiceEncoder,
    cluster_voices,
    find_turns,
)

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from serenade.inference import Model, Timeline

COUNTS = (2, 3, 4)
SEEDS = 8
ADAPTED_SEEDS = 4
TURNS = 12
GAPS = (0.05, 1.0)
GAIN = 3.0  # dB
NOISE = -30.0  # dB below the speech
FRAME = 160  # samples of a frame of the error rate
FLOOR = 10**-2.5  # power below the loud parts of a sentence that is not speech
PAUSE = 30  # frames: shorter pauses of a speaker belong to the speech, as in NIST's evaluations
COLLAR = 25  # frames
THRESHOLDS = {"projected": (0.65, 0.7, 0.725, 0.75, 0.8), "plain": (0.38, 0.4, 0.425, 0.45, 0.475)}
GROUP_THRESHOLDS = {"projected": (0.5, 0.55, 0.6, 0.65, 0.7), "plain": (0.27, 0.3, 0.33, 0.36, 0.4)}
GROUP_SPEAKERS, OF_EACH, DRAWS = 4, 25, 10
UNHEARD = ("ravdess", "nemo")  # by the model for commercial use


@dataclasses.dataclass(frozen=True, eq=False)
class Conversation:
    """Mixed conversation.

    Args:
        signal: samples.
        clips: number of the sentence at each frame; -1 between sentences.
        truth: number of the speaker at each frame; -1 without speech.
        speakers: speaker of each sentence.
        emotions: emotion of each sentence.
    """

    signal: NDArray[np.float32]
    clips: NDArray[np.int32]
    truth: NDArray[np.intp]
    speakers: Sequence[str]
    emotions: Sequence[str]


def make_conversation(rows: pd.DataFrame, count: int, rng: np.random.Generator) -> Conversation:
    """Mix a conversation of a number of speakers; each begins one of the first turns.

    Args:
        rows: recordings of a corpus.
        count: number of speakers.
        rng: generator of all choices.
    """
    chosen = rng.permutation(sorted(rows["speaker"].unique()))[:count].tolist()
    order = list(chosen)
    while len(order) < TURNS:
        order.append(rng.choice([name for name in chosen if name != order[-1]]))
    places = [
        place
        for name in order
        for place in rng.permutation(np.flatnonzero(rows["speaker"] == name))[: rng.integers(1, 4)]
    ]
    taken = rows.iloc[places]
    made = join(taken.index.get_level_values("file").to_list(), GAPS, rng, gain=GAIN)
    level = np.sqrt(np.mean(made.signal[made.clip >= 0] ** 2)) * 10 ** (NOISE / 20)
    noise = level * rng.standard_normal(made.signal.size)
    clips = made.clip[: made.signal.size // FRAME * FRAME : FRAME]
    speakers = taken["speaker"].to_list()
    numbers = np.array([*(chosen.index(name) for name in speakers), -1])
    truth = _drop_silence(made.signal, clips, numbers[clips])
    signal = (made.signal + noise).astype(np.float32)
    return Conversation(signal, clips, truth, speakers, taken["emotion"].to_list())


def _drop_silence(
    signal: NDArray[np.float32], clips: NDArray[np.int32], truth: NDArray[np.intp]
) -> NDArray[np.intp]:
    """Return the speaker of each frame, -1 in long silence within sentences."""
    power = np.mean(signal[: clips.size * FRAME].reshape(-1, FRAME) ** 2, axis=1)
    power = np.convolve(power, np.ones(3) / 3, "same")
    found = truth.copy()
    for clip in range(clips.max() + 1):
        mine = np.flatnonzero(clips == clip)
        found[mine[power[mine] < FLOOR * np.percentile(power[mine], 95)]] = -1
    edges = np.flatnonzero(np.diff(found)) + 1
    for first, last in itertools.pairwise(edges):
        pause = found[first] < 0 and found[first - 1] == found[last]
        if pause and last - first <= PAUSE:
            found[first:last] = found[last]
    return found


def count_errors(
    truth: NDArray[np.intp], found: NDArray[np.intp], collar: int = 0
) -> NDArray[np.float64]:
    """Count the frames of missed speech, false alarms, wrong speakers, and speech.

    Args:
        truth: number of the speaker at each frame; -1 without speech.
        found: numbers that were found; they are mapped to the speakers for the fewest errors.
        collar: frames on both sides of each change in the truth that do not count.

    >>> count_errors(np.array([0, 0, 1, 1, -1]), np.array([5, 5, 5, -1, 5])).tolist()
    [1.0, 1.0, 1.0, 4.0]
    """
    counted = np.ones(truth.size, dtype=bool)
    edges = np.flatnonzero(np.diff(truth, prepend=-1, append=-1))
    for edge in edges if collar else ():
        counted[max(0, edge - collar) : edge + collar] = False
    truth, found = truth[counted], found[counted]
    both = (truth >= 0) & (found >= 0)
    table = np.zeros((truth.max(initial=0) + 1, found.max(initial=0) + 1))
    np.add.at(table, (truth[both], found[both]), 1)
    right = table[linear_sum_assignment(-table)].sum()
    missed = np.count_nonzero((truth >= 0) & (found < 0))
    alarms = np.count_nonzero((truth < 0) & (found >= 0))
    return np.array([missed, alarms, both.sum() - right, np.count_nonzero(truth >= 0)], float)


def fill_frames(turns: Sequence[SpeakerTurn], frames: int) -> NDArray[np.intp]:
    """Return the number of the speaker at each frame; -1 without speech."""
    found = np.full(frames, -1)
    for turn in turns:
        found[turn.start // FRAME : turn.end // FRAME] = turn.speaker
    return found


def embed_windows(signal: NDArray[np.float32]) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Return the places and the plain embeddings of the windows of a conversation."""
    encoder = VoiceEncoder(projected=False)
    windower = Windower(round(VOICE_WINDOW * RATE), round(VOICE_HOP * RATE))
    windows = [*windower.push(signal), *windower.finish()]
    places = np.array([(part.start, part.end, part.origin) for part in windows])
    return places, np.stack([encoder.embed(part.signal) for part in windows])


def compute_eer(voices: NDArray[np.float64], speakers: NDArray[np.str_]) -> float:
    """Compute the equal error rate of the cosine over all pairs of recordings."""
    voices = voices / np.linalg.norm(voices, axis=1, keepdims=True)
    rows, columns = np.triu_indices(len(voices), 1)
    same = speakers[rows] == speakers[columns]
    same = same[np.argsort(-np.einsum("ij,ij->i", voices[rows], voices[columns]))]
    accepted = np.cumsum(~same) / np.count_nonzero(~same)
    refused = 1 - np.cumsum(same) / np.count_nonzero(same)
    place = np.abs(accepted - refused).argmin()
    return float((accepted[place] + refused[place]) / 2)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Run the complete benchmark."""
    rows = load_rows(options.root)
    chosen = choose_recordings(rows)
    voices = embed_recordings(chosen)
    speakers, corpora = (chosen[name].to_numpy(dtype=str) for name in ("speaker", "corpus"))
    result: dict[str, Any] = {"eer": {}, "der": {}, "emotions": {}}
    projections = {}
    for corpus in SOURCES:
        heard = corpora != corpus
        mean, matrix = learn_projection(voices[heard], speakers[heard], corpora[heard])
        projections[corpus] = mean, matrix
        tested = voices[~heard], (voices[~heard] - mean) @ matrix
        result["eer"][corpus] = [compute_eer(each, speakers[~heard]) for each in tested]
    result["groups"] = measure_groups(voices, speakers, corpora, projections)
    print(result["eer"], result["groups"], flush=True)
    found = [
        (number, count, seed, make_conversation(rows[rows["corpus"] == corpus], count, rng))
        for number, corpus in enumerate(SOURCES)
        for count in COUNTS
        for seed in range(SEEDS)
        for rng in [np.random.default_rng([number, count, seed])]
    ]
    embedded = [embed_windows(each.signal) for *_, each in found]
    for kind, thresholds in THRESHOLDS.items():
        result["der"][kind] = _measure_errors(
            found, embedded, projections if kind == "projected" else {}, thresholds
        )
    result["emotions"] = measure_emotions(found, embedded, projections)
    return result


def measure_groups(
    voices: NDArray[np.float64],
    speakers: NDArray[np.str_],
    corpora: NDArray[np.str_],
    projections: Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]],
) -> dict[str, Any]:
    """Return how well recordings are grouped by voice: adjusted Rand index and groups."""
    found: dict[str, Any] = {}
    for kind, thresholds in GROUP_THRESHOLDS.items():
        rates = {}
        for corpus, threshold in itertools.product(SOURCES, thresholds):
            known = project(voices, projections[corpus] if kind == "projected" else None)
            rng = np.random.default_rng(0)
            draws = []
            for _ in range(DRAWS):
                names = rng.permutation(np.unique(speakers[corpora == corpus]))[:GROUP_SPEAKERS]
                places = np.concatenate(
                    [rng.permutation(np.flatnonzero(speakers == name))[:OF_EACH] for name in names]
                )
                centres = cluster_voices(known[places], None, threshold, small=1)
                numbers = (known[places] @ centres.T).argmax(axis=1)
                rand = adjusted_rand_score(speakers[places], numbers)
                draws.append((rand, len(np.unique(numbers))))
            rates[corpus, threshold] = np.mean(draws, axis=0).tolist()
        best = {
            corpus: max(
                thresholds,
                key=lambda t, corpus=corpus, rates=rates: sum(
                    rates[o, t][0] for o in SOURCES if o != corpus
                ),
            )
            for corpus in SOURCES
        }
        found[kind] = {
            corpus: [*rates[corpus, best[corpus]], best[corpus]] for corpus in SOURCES
        } | {
            "all": max(
                thresholds,
                key=lambda t, rates=rates: sum(rates[corpus, t][0] for corpus in SOURCES),
            )
        }
    return found


def _measure_errors(
    found: Sequence[tuple[int, int, int, Conversation]],
    embedded: Sequence[tuple[NDArray[np.intp], NDArray[np.float32]]],
    projections: Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]],
    thresholds: Sequence[float],
) -> dict[str, Any]:
    """Return the error rates with the number of speakers given and estimated."""
    errors: dict[tuple[str, int, float], list[Any]] = {}
    for (number, count, _, made), (places, plain) in zip(found, embedded, strict=True):
        corpus = SOURCES[number]
        voices = project(plain, projections.get(corpus))
        for threshold in (0.0, *thresholds):
            given = None if threshold else count
            turns = find_turns(places, voices, made.signal, given, threshold)
            frames = fill_frames(turns, made.truth.size)
            counts = [count_errors(made.truth, frames, collar) for collar in (0, COLLAR)]
            speakers = len({turn.speaker for turn in turns})
            errors.setdefault((corpus, count, threshold), []).append((*counts, speakers))

    def rate(corpus: str, count: int, threshold: float) -> dict[str, float]:
        done = errors[corpus, count, threshold]
        exact, collared = (sum(each[place] for each in done) for place in (0, 1))
        return {
            "der": exact[:3].sum() / exact[3],
            "missed": exact[0] / exact[3],
            "alarms": exact[1] / exact[3],
            "confused": exact[2] / exact[3],
            "der_collar": collared[:3].sum() / collared[3],
            "speakers": float(np.mean([each[2] for each in done])),
        }

    def mean_rate(corpus: str, threshold: float) -> float:
        return float(np.mean([rate(corpus, count, threshold)["der"] for count in COUNTS]))

    best = {
        corpus: min(
            thresholds,
            key=lambda t, corpus=corpus: sum(mean_rate(o, t) for o in SOURCES if o != corpus),
        )
        for corpus in SOURCES
    }
    return {
        "thresholds": best,
        "all": min(thresholds, key=lambda t: sum(mean_rate(corpus, t) for corpus in SOURCES)),
        "given": {f"{c} {n}": rate(c, n, 0.0) for c in SOURCES for n in COUNTS},
        "auto": {f"{c} {n}": rate(c, n, best[c]) for c in SOURCES for n in COUNTS},
    }


def project(
    voices: NDArray[np.float32], projection: tuple[NDArray[np.float64], NDArray[np.float64]] | None
) -> NDArray[np.float64]:
    """Apply a projection, if there is one, and scale to a length of one."""
    found: Any = voices
    if projection is not None:
        mean, matrix = projection
        found = (voices - mean) @ matrix
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def measure_emotions(
    found: Sequence[tuple[int, int, int, Conversation]],
    embedded: Sequence[tuple[NDArray[np.intp], NDArray[np.float32]]],
    projections: Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]],
) -> dict[str, Any]:
    """Return the UA per speaker of a model that did not hear the corpus."""
    model = serenade.load("commercial")
    hits: dict[str, dict[str, dict[tuple[str, str], list[bool]]]] = {}
    for (number, count, seed, made), (places, plain) in zip(found, embedded, strict=True):
        corpus = SOURCES[number]
        if corpus not in UNHEARD or seed >= ADAPTED_SEEDS:
            continue
        voices = project(plain, projections[corpus])
        turns = find_turns(places, voices, made.signal, count, 0.0)
        for name, timeline in _predict_ways(model, made, turns).items():
            mine = hits.setdefault(corpus, {}).setdefault(name, {})
            for clip, (speaker, emotion) in enumerate(
                zip(made.speakers, made.emotions, strict=True)
            ):
                guess = _guess_emotion(timeline, np.flatnonzero(made.clips == clip))
                if emotion in model.labels:
                    mine.setdefault((speaker, emotion), []).append(guess == emotion)
    return {
        corpus: {name: _summarise(pairs) for name, pairs in ways.items()}
        for corpus, ways in hits.items()
    }


def _predict_ways(
    model: Model, made: Conversation, turns: Sequence[SpeakerTurn]
) -> dict[str, Timeline]:
    """Predict a conversation without adaptation, and adapted in three ways."""
    source = Source("conversation", iter(()))
    spans = Spans()
    predicted = predict_turns(model, made.signal, turns, spans, 1)
    windows = sorted(
        (each for own in predicted.values() for each in own), key=lambda each: each[0].start
    )
    names: dict[int, str] = {}
    for turn in turns:
        inside = made.truth[turn.start // FRAME : turn.end // FRAME]
        inside = inside[inside >= 0]
        names[turn.start] = str(np.bincount(inside).argmax()) if inside.size else "none"
    true: dict[str, list[Any]] = {}
    for window, shares in windows:
        true.setdefault(names[window.origin], []).append((window, shares))
    size = made.signal.size
    return {
        "not adapted": make_timeline(model, source, size, predicted, spans, None),
        "adapted to the recording": make_timeline(
            model, source, size, {"all": windows}, spans, "mixed"
        ),
        "adapted to each speaker found": make_timeline(
            model, source, size, predicted, spans, "mixed"
        ),
        "adapted to each true speaker": make_timeline(model, source, size, true, spans, "mixed"),
    }


def _guess_emotion(timeline: Timeline, frames: NDArray[np.intp]) -> str:
    """Return the most probable emotion of the segments over a sentence."""
    first, last = frames[0] * FRAME / RATE, (frames[-1] + 1) * FRAME / RATE
    total = np.zeros(len(timeline.labels))
    for part in timeline.segments:
        overlap = min(last, part.end) - max(first, part.start)
        if overlap > 0:
            total += overlap * np.array(list(part.probabilities.values()))
    return timeline.labels[int(total.argmax())] if total.any() else ""


def _summarise(pairs: Mapping[tuple[str, str], list[bool]]) -> dict[str, float]:
    """Return the mean UA of the speakers, with an interval by a bootstrap over them."""
    speakers = sorted({speaker for speaker, _ in pairs})
    each = np.array(
        [np.mean([np.mean(h) for (who, _), h in pairs.items() if who == name]) for name in speakers]
    )
    rng = np.random.default_rng(0)
    draws = each[rng.integers(0, len(each), (2000, len(each)))].mean(axis=1)
    low, high = np.percentile(draws, [2.5, 97.5])
    sentences = sum(len(each) for each in pairs.values())
    return {
        "ua": float(each.mean()),
        "low": float(low),
        "high": float(high),
        "speakers": len(speakers),
        "sentences": sentences,
    }


def format_result(result: dict[str, Any]) -> str:
    """Format the page."""
    eer = [
        f"| {name} | {plain:.3f} | {projected:.3f} |"
        for name, (plain, projected) in result["eer"].items()
    ]
    tables = []
    for kind, title in (("projected", "With the projection"), ("plain", "Without the projection")):
        found = result["der"][kind]
        lines = [
            f"| {name.replace(' ', ' | ')} | {given['der']:.3f} | {given['der_collar']:.3f} | "
            f"{given['missed']:.3f} | {given['alarms']:.3f} | {given['confused']:.3f} | "
            f"{auto['der']:.3f} | {auto['der_collar']:.3f} | {auto['speakers']:.1f} |"
            for (name, given), auto in zip(
                found["given"].items(), found["auto"].values(), strict=True
            )
        ]
        thresholds = ", ".join(f"{name} {t:g}" for name, t in found["thresholds"].items())
        tables += [f"### {title}", _TABLE + "\n".join(lines), f"Thresholds: {thresholds}."]
    emotions = [
        f"| {corpus} | {name} | {each['ua']:.3f} ({each['low']:.3f} to {each['high']:.3f}) |"
        for corpus, ways in result["emotions"].items()
        for name, each in ways.items()
    ]
    sizes = "; ".join(
        f"{corpus}: {ways['not adapted']['speakers']} speakers, "
        f"{ways['not adapted']['sentences']} sentences"
        for corpus, ways in result["emotions"].items()
    )
    groups = [
        f"| {corpus} | {plain[corpus][0]:.2f} | {plain[corpus][1]:.1f} | "
        f"{projected[corpus][0]:.2f} | {projected[corpus][1]:.1f} |"
        for projected, plain in [(result["groups"]["projected"], result["groups"]["plain"])]
        for corpus in SOURCES
    ]
    return format_page(
        "Speakers",
        _wrap(_INTRODUCTION),
        "## Voices of single sentences",
        _wrap(_EER),
        "| corpus | without the projection | with it |\n|---|--:|--:|\n" + "\n".join(eer),
        "## Recordings grouped by voice",
        _wrap(_GROUPS),
        "| corpus | index | groups | index, projected | groups, projected |\n"
        "|---|--:|--:|--:|--:|\n" + "\n".join(groups),
        "## Conversations",
        _wrap(_DER),
        _wrap(_summarise_errors(result["der"])),
        *tables,
        "## Emotions of each speaker",
        _wrap(_UA + f" {sizes}."),
        "| corpus | adaptation | UA per speaker |\n|---|---|--:|\n" + "\n".join(emotions),
    )


def _wrap(text: str) -> str:
    """Wrap a paragraph, but not within code."""
    whole = re.sub("`[^`]*`", lambda code: code[0].replace(" ", "\0"), text)
    filled = textwrap.fill(whole, 112, break_long_words=False, break_on_hyphens=False)
    return filled.replace("\0", " ")


def _summarise_errors(found: Mapping[str, Any]) -> str:
    """Return the mean error rates of both kinds of embeddings in words."""
    means = {
        (kind, way): float(np.mean([each["der"] for each in found[kind][way].values()]))
        for kind in ("projected", "plain")
        for way in ("given", "auto")
    }
    return (
        f"The mean DER of the nine rows is {means['projected', 'given']:.3f} with the projection "
        f"and {means['plain', 'given']:.3f} without it if the number of speakers is given, and "
        f"{means['projected', 'auto']:.3f} and {means['plain', 'auto']:.3f} if it is estimated. "
        "Most false alarms are pauses of less than 0.45 s, which timelines count as speech."
    )


_TABLE = (
    "| corpus | speakers | DER | DER, collar | missed | false alarms | wrong speaker | auto: DER | "
    "auto: DER, collar | auto: speakers found |\n"
    "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n"
)
_INTRODUCTION = (
    "The speaker encoder of Resemblyzer 0.1.4 embeds windows of 1.6 s every 0.4 s, and Ward's "
    "linkage clusters them to speakers. Acted emotions move its embedding more than most speech "
    "does, so these conversations are hard. `python -m benchmarks.speakers` made this "
    "page. The projection was not learned on the corpus that is tested, nor was the threshold "
    "chosen on it. But the projections with which the threshold was chosen were learned on the "
    "tested corpus as well, so rows of `auto` with a projection can be slightly too good. The "
    "linkage and the windows were chosen on similar conversations of the same corpora."
)
_EER = (
    "Equal error rate over all pairs of at most 60 recordings of each speaker (seed 0), whose "
    "windows of 1.6 s are averaged. The projection is learned on the speakers of the two other "
    "corpora. We also tried the states of all layers of the encoder and of the Whisper encoder: "
    "none was better than the encoder's embedding."
)
_GROUPS = (
    f"`--adapt-by auto` on {OF_EACH} recordings of each of {GROUP_SPEAKERS} speakers, mean of "
    f"{DRAWS} draws (seed 0): the adjusted Rand index is 1 for the right groups and 0 for chance. "
    "The threshold is that which is best on the two other corpora."
)
_DER = (
    f"{SEEDS} conversations for each corpus and number of speakers (seeds [corpus, speakers, 0 to "
    f"{SEEDS - 1}]): {TURNS} turns of one to three sentences of random emotions, with gaps of "
    f"{GAPS[0]:g} to {GAPS[1]:g} s, levels that differ by up to {GAIN:g} dB, and noise "
    f"{-NOISE:g} dB below the speech. Within a sentence, silence of more than {PAUSE / 100:g} s "
    "is not speech. Missed speech, false alarms and wrong speakers are shares of the speech; DER "
    f"is their sum. The collar leaves out {COLLAR / 100:g} s on both sides of each change. With "
    "`auto`, the number of speakers is estimated with the threshold that is best on the two other "
    "corpora."
)
_UA = (
    "The model `commercial`, which heard neither corpus, predicts the conversations of the first "
    f"{ADAPTED_SEEDS} seeds with the number of speakers given. A sentence gets the most probable "
    "emotion of the segments over it. UA is computed for each speaker and averaged; intervals "
    "(95%) are from a bootstrap over speakers, and overlap. Each utterance is adapted to those "
    "before it, with mixed emotions expected."
)


def main() -> None:
    """Run the benchmark from the command line."""
    run_benchmark(__doc__ or "", measure, format_result)


if __name__ == "__main__":
    main()

r"""Speech2Vec on real speech: do spoken instances of a word lie together?

    python -m benchmarks.speech2vec --root CORPORA --work DIR \
        --output docs/benchmarks/speech2vec.md

Speech: RAVDESS (24 actors, two sentences, eight words) and English telephone prompts (one voice).
Whisper tiny.en recognises the texts of the prompts; times of words are PocketSphinx's, by forced
alignment. One network is trained on actors 1 to 18 and four fifths of the prompts, and tested on
other recordings: actors 19 to 24, who say the same words, and the other prompts.

The test takes every pair of words from two different actors (or two different prompts): the area
under the ROC curve of the cosine of their vectors as a sign that they are the same word. Compared
are the trained encoder, the same encoder untrained (five seeds), and the mean of a word's frames.
All three see the same frames, 13 MFCC of mean 0 and deviation 1 over the recording. Cosines are
taken as they are, and with the mean vector of the training words of RAVDESS (of the prompts)
subtracted. Intervals are bootstrapped over actors (or prompts). DIR keeps texts, times and the
checkpoint: a run that was stopped resumes. A table is written next to the JSON.
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.runner import format_page, format_versions, run_benchmark
from serenade import corpora
from serenade._printable import format_table
from serenade.corpora import read_words, write_words
from serenade.encoders import (
    Speech2VecSettings,
    average_instances,
    build_speech2vec,
    encode_words,
    save_speech2vec,
)
from serenade.evaluation import list_versions
from serenade.extraction import Clip
from serenade.pretraining import Watch, gather_spoken_words, train_speech2vec
from serenade.transcription import Transcriber, Transcript, align, transcribe

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from serenade.corpora import WordInterval
    from serenade.pretraining import SpokenWords

    Encoder = Callable[[Sequence[NDArray[np.float32]]], NDArray[np.float32]]
    Part = tuple[list[NDArray[np.float32]], NDArray[np.str_], NDArray[np.str_]]

UNSEEN = {f"{number:02d}" for number in range(19, 25)}
UNTRAINED = 5
WAYS = ("Speech2Vec", "untrained encoder", "mean of frames")
_PAIRED = 1500  # instances that are compared with each other, drawn at random
_DRAWS = 300


def recognised(files: Sequence[str], path: Path) -> dict[str, str]:
    """Transcribe recordings with Whisper, and keep the texts in a table."""
    if not path.is_file():
        transcriber = Transcriber()
        found = transcribe(
            [Clip(file) for file in files],
            lambda signal, rate, _: transcriber(signal, rate),
            settings={"model": transcriber.model},
            journal=path.with_suffix(".journal"),
        )
        with path.open("w", encoding="utf-8", newline="") as table:
            writer = csv.writer(table)
            writer.writerow(["file", "text"])
            for file, result in zip(files, found, strict=True):
                if isinstance(result, Transcript):
                    writer.writerow([file, result.text])
    with path.open(encoding="utf-8", newline="") as table:
        return {row["file"]: row["text"] for row in csv.DictReader(table)}


def aligned(texts: Mapping[str, str], path: Path) -> dict[str, tuple[WordInterval, ...]]:
    """Align the words of recordings, and keep the times in a table."""
    if not path.is_file():
        files, said = list(texts), list(texts.values())
        found = transcribe(
            [Clip(file) for file in files],
            lambda signal, rate, number: align(signal, rate, said[number]),
            settings={"align": True},
            texts=said,
            journal=path.with_suffix(".journal"),
        )
        rows = [
            (file, word.word, word.start, word.end, word.probability)
            for file, result in zip(files, found, strict=True)
            if isinstance(result, Transcript)
            for word in result.words
        ]
        write_words(path, rows)
    return read_words(path)


def same_different(
    vectors: NDArray[np.float32], words: NDArray[np.str_], groups: NDArray[Any]
) -> dict[str, float]:
    """Compute the AUC of the cosine for pairs of different groups, with an interval over groups.

    Args:
        vectors: shape `(instances, dims)`.
        words: what each says.
        groups: pairs within one are left out; resampled for the interval.
    """
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    names, group = np.unique(groups, return_inverse=True)
    first, second = np.triu_indices(len(words), 1)
    apart = group[first] != group[second]
    first, second = first[apart], second[apart]
    order = np.argsort(np.einsum("ij,ij->i", unit[first], unit[second]), kind="stable")
    first, second = group[first[order]], group[second[order]]
    same = (words[:, None] == words)[np.triu_indices(len(words), 1)][apart][order]

    def area(counts: NDArray[np.float64]) -> float:
        weights = counts[first] * counts[second]
        below = np.cumsum(np.where(same, 0.0, weights))
        hits = np.where(same, weights, 0.0)
        pairs = hits.sum() * below[-1]  # none where all draws are of one group
        return float(hits @ below / pairs) if pairs else float("nan")

    rng = np.random.default_rng(0)
    size = len(names)
    drawn = [
        area(np.bincount(rng.integers(size, size=size), minlength=size).astype(float))
        for _ in range(_DRAWS)
    ]
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return {
        "auc": area(np.ones(size)),
        "low": float(low),
        "high": float(high),
        "pairs": len(same),
        "same": int(same.sum()),
    }


def part(material: SpokenWords, actor: Mapping[str, str], is_acted: bool) -> Part:
    """Return frames, words and actor (or recording) of RAVDESS' instances, or the prompts'."""
    files = [material.files[number] for number in material.recordings]
    rows = [row for row, file in enumerate(files) if (file in actor) == is_acted]
    matrices = [material.matrices[row] for row in rows]
    groups = [str(actor.get(files[row], files[row])) for row in rows]
    return matrices, np.array([material.words[row] for row in rows]), np.array(groups)


def judged(
    name: str, ways: Mapping[str, Sequence[Encoder]], heard: Part, unheard: Part, centred: bool
) -> dict[str, Any]:
    """Return a row of the table: each kind of vectors, on recordings that were not trained on."""
    matrices, words, groups = unheard
    rows = np.sort(np.random.default_rng(1).permutation(len(words))[:_PAIRED])
    found: dict[str, Any] = {
        "judged on": name,
        "centred": centred,
        "instances": len(rows),
        "groups": len(set(groups[rows])),
        "words": len(set(words[rows])),
    }
    for way, encoders in ways.items():
        found[way] = []
        for each in encoders:
            vectors = each([matrices[row] for row in rows])
            if centred:
                vectors = vectors - each(heard[0]).mean(axis=0)
            found[way].append(same_different(vectors, words[rows], groups[rows]))
    return found


class Told(Watch):
    """A line on standard error for each epoch."""

    def point(self, point: Mapping[str, float]) -> None:
        """See `Watch.point`."""
        print(json.dumps(point), file=sys.stderr, flush=True)


def measure(root: Path, work: Path, settings: Speech2VecSettings) -> dict[str, Any]:
    """Run the complete benchmark; the result is written to JSON."""
    work.mkdir(parents=True, exist_ok=True)
    table = corpora.open("ravdess", root).table
    acted = [str(file) for file in table.index.get_level_values("file")]
    actor = dict(zip(acted, table["speaker"], strict=True))
    spoken = aligned(dict(zip(acted, table["text"], strict=True)), work / "ravdess-words.csv")
    prompts = sorted(map(str, (root / "unlabelled" / "asterisk-en").glob("*.ogg")))
    spoken |= aligned(recognised(prompts, work / "prompts.csv"), work / "prompts-words.csv")
    aside = set(np.random.default_rng(0).permutation(prompts)[: len(prompts) // 5].tolist())
    held = {file for file in spoken if file in aside or str(actor.get(file))[-2:] in UNSEEN}
    heard, _ = gather_spoken_words(
        {f: w for f, w in spoken.items() if f not in held}, settings, jobs=1
    )
    unheard, _ = gather_spoken_words(
        {f: w for f, w in spoken.items() if f in held}, settings, jobs=1
    )

    network, history = train_speech2vec(
        settings, heard, checkpoint=work / "speech2vec.pt", watch=Told(), every=1
    )
    save_speech2vec(network, settings, work / "speech2vec.safetensors")
    others = [
        build_speech2vec(Speech2VecSettings(size=settings.size, seed=seed))
        for seed in range(UNTRAINED)
    ]
    encoders: list[list[Encoder]] = [
        [lambda matrices: encode_words(network, matrices)],
        [lambda matrices, other=other: encode_words(other, matrices) for other in others],
        [lambda matrices: np.stack([matrix.mean(axis=0) for matrix in matrices])],
    ]
    ways = dict(zip(WAYS, encoders, strict=True))
    results = [
        judged(name, ways, part(heard, actor, is_acted), part(unheard, actor, is_acted), centred)
        for name, is_acted in (
            ("RAVDESS, unseen actors", True),
            ("prompts, unseen recordings", False),
        )
        for centred in (False, True)
    ]
    lexicon = average_instances(heard.words, encode_words(network, heard.matrices))
    asked = [word for word in ("five", "conference", "message", "please") if word in lexicon]
    return {
        "results": results,
        "heard": {"instances": len(heard), "words": len(lexicon), "recordings": len(heard.files)},
        "nearest": {word: lexicon.nearest(word, 5) for word in asked},
        "history": history,
        "versions": list_versions(),
    }


def format_result(result: dict[str, Any]) -> str:
    """Format the page of a result."""
    history, heard = result["history"], result["heard"]
    settings, last = history["settings"], history["points"][-1]
    rows = [
        [
            found["judged on"],
            "centred" if found["centred"] else "as it is",
            f"{found['instances']} of {found['groups']}",
            str(found["words"]),
            *(format_areas(found[way]) for way in WAYS),
        ]
        for found in result["results"]
    ]
    nearest = [
        f"- {word}: {', '.join(f'{other} {cosine:.2f}' for other, cosine in near)}"
        for word, near in result["nearest"].items()
    ]
    return format_page(
        "Speech2Vec: same word or not",
        "Area under the ROC curve of the cosine between vectors of two spoken words, same against\n"
        "different, over pairs from two different actors (prompts) that training never heard; 95%\n"
        "intervals bootstrapped over actors (prompts). For untrained encoders, the table has the\n"
        "mean of five seeds and, in brackets, the lowest and the highest. Made by\n"
        "`benchmarks/speech2vec.py`, which says how.",
        format_table(["test data", "cosine", "instances", "words", *WAYS], rows),
        f"Trained on {heard['instances']} instances of {heard['words']} words in "
        f"{heard['recordings']} recordings: size {settings['size']}, {settings['window']} words on "
        f"each side, {settings['epochs']} epochs; loss {history['points'][0]['train_loss']:.3f} "
        f"after the first, {last['train_loss']:.3f} after the last.",
        "Nearest words by the cosine of their vectors:",
        "\n".join(nearest),
        format_versions(result["versions"]),
    )


def format_areas(found: Sequence[Mapping[str, float]]) -> str:
    """Format an area with its interval; of several, the mean, the least and the greatest."""
    areas = [each["auc"] for each in found]
    one = found[0]
    low, high = (min(areas), max(areas)) if len(areas) > 1 else (one["low"], one["high"])
    return f"{np.mean(areas):.3f} [{low:.3f}, {high:.3f}]"


def measure_chosen(options: Namespace) -> dict[str, Any]:
    """Measure with the settings of the command line."""
    settings = Speech2VecSettings(epochs=options.epochs, size=options.size, held_out=0.0)
    return measure(options.root, options.work, settings)


if __name__ == "__main__":
    run_benchmark(
        __doc__,
        measure_chosen,
        format_result,
        {
            "--work": {"type": Path, "required": True, "help": "folder for what is kept"},
            "--epochs": {"type": int, "default": 100},
            "--size": {"type": int, "default": 50},
        },
    )

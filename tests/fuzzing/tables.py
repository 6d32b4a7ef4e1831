"""Damaged manifests, recipes, folds, word vectors and shards of features."""

from __future__ import annotations

import functools
import gzip
import itertools
import json
import string
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from fuzzing import sounds
from fuzzing.cases import Case, changed, pick

_CELLS = [
    *("", "NaN", "nan", "inf", "1e308", "-1", "1e999", "NaT", "\0", "a" * 200_000, "🙂", '"'),
    *("../a.wav", "0 days", "999999999999 days", "/dev/zero", "/dev/null", ".", "..", "a.wav\0"),
    *("P1D", "1:2:3", "\udcff", "con", "~", "~nobody/x", "file", "=1+1", "00", "1_0", "\u0660"),
    *("x" * 5000, "99999999999999999999"),
]
_WORDS = [
    *("0", "-1", "1e999", "None", "nan", "[]", "()", "{}", "{'a': 1}", "'", "((((", "(" * 300),
    *(
        "9" * 5000,
        "True",
        "x" * 10_000,
        "lambda: 1",
        "__import__('os')",
        "1/0",
        "b'x'",
        "\0",
        "(1,",
    ),
    *("1j", "...", "inf", "-" * 3000 + "1", "[" * 150 + "]" * 150, "{[]: 1}", "{1, [2]}"),
    *("'\\ud800'", "0x" + "f" * 4000, "cosine", "(0, 0)", "", "1+2j"),
]
_HEADS = [
    *("20 5\n", "", "99999999999 5\n", "20 99999999999\n", "0 5\n", "20 5 5\n", "1e9 5\n"),
    *("9" * 5000 + " 5\n", "20 " + "9" * 5000 + "\n", "20 2000000000\n"),
]


def manifest(number: int, folder: Path) -> Case:
    """Make a damaged manifest of good and bad recordings."""
    from serenade import corpora

    rng = np.random.default_rng([4, number])
    for name in ("a.wav", "b.wav", "c.flac"):
        kind = "flac" if name.endswith("flac") else "wav16"
        (folder / name).write_bytes(sounds.whole(kind))
    (folder / "bad.wav").write_bytes(sounds.damaged(sounds.whole("wav16"), rng, head=60))
    tab = rng.random() < 0.3
    mark = "\t" if tab else pick(rng, [",", ";"])
    rows = [
        ["file", "emotion", "speaker", "start", "end", "text", "session", "split", "language"],
        ["a.wav", "angry", "1", "", "", "no", "s1", "train", "en"],
        ["b.wav", "happy", "2", "0", "0.5", "yes", "s1", "test", "en"],
        ["c.flac", "sad", "3", "0 days 00:00:00.1", "NaT", "é", "s2", "train", "de"],
        ["bad.wav", "neutral", "4", "", "", "", "s2", "train", ""],
    ]
    for _ in range(int(rng.integers(0, 4))):
        row = int(rng.integers(len(rows)))
        rows[row][int(rng.integers(len(rows[row])))] = pick(rng, _CELLS)
    text = "\n".join(mark.join(row) for row in rows)
    data = text.encode("utf-8", "surrogateescape")
    if rng.random() < 0.6:
        data = sounds.damaged(data, rng)
    if rng.random() < 0.1:
        data = text.encode(pick(rng, ["utf-16", "utf-8-sig", "utf-32"]), "replace")
    path = folder / f"m.{'tsv' if tab else 'csv'}"
    path.write_bytes(data)
    return Case(f"manifest {number}", lambda: corpora.open(path))


def recipe(number: int, folder: Path) -> Case:  # noqa: ARG001
    """Odd words behind --set, through the command line's own reading."""
    import dataclasses

    from serenade import systems
    from serenade.cli import _options
    from serenade.protocols import get

    rng = np.random.default_rng([5, number])
    name = pick(rng, list(systems.names()))
    system = systems.get(name)
    kind = pick(rng, list(system.recipes))
    fields = [f.name for f in dataclasses.fields(system.recipes[kind])]
    words = [
        f"{pick(rng, [*fields, 'nonsense', '', '__class__'])}={pick(rng, _WORDS)}"
        for _ in range(int(rng.integers(1, 4)))
    ]
    if rng.random() < 0.1:
        words.append(pick(rng, ["no equals", "=", "==", "a=", "=b"]))
    protocol = rng.random() < 0.3
    plan = pick(rng, ["random", "groups", "speaker-independent", "fixed", "nonsense", ""])
    parts = [f"{pick(rng, ['test', 'repeats', 'groups', 'x'])}={pick(rng, _WORDS)}"]

    def act() -> object:
        if protocol:
            made = get(plan, **_options.parse_changes(parts, "--protocol-set"))
            return made.split(_corpus().table, 0)
        chosen, found = _options.get_system_and_recipe(name, kind, words)
        return chosen.features(found)

    return Case(f"recipe {number}: {str(parts if protocol else words)[:120]}", act)


def folds(number: int, folder: Path) -> Case:
    """Make a damaged file of folds."""
    from serenade.protocols import check_folds, read_folds

    rng = np.random.default_rng([6, number])
    corpus = _corpus()
    files = [[f"{letter}.wav", 0.0, None] for letter in "abcd"]
    content: Any = {
        "items": files,
        "folds": [{"name": "1", "train": [0, 1], "validation": [2], "test": [3]}],
    }
    content = changed(content, rng) if rng.random() < 0.7 else content
    data = json.dumps(content).encode()
    path = folder / "folds.json"
    path.write_bytes(sounds.damaged(data, rng) if rng.random() < 0.5 else data)

    def act() -> object:
        found = read_folds(path, corpus.table, corpus.root)
        return check_folds(found, corpus.table, speaker_independent=False)

    return Case(f"folds {number}", act)


def words(number: int, folder: Path) -> Case:
    """Make a damaged file of word vectors."""
    from serenade.encoders import load_word_vectors

    rng = np.random.default_rng([7, number])
    rows = [f"w{n} " + " ".join(f"{v:.3f}" for v in rng.standard_normal(5)) for n in range(20)]
    head = pick(rng, _HEADS)
    data = (head + "\n".join(rows)).encode()
    if rng.random() < 0.7:
        data = sounds.damaged(data, rng)
    zipped = rng.random() < 0.3
    if zipped:
        data = gzip.compress(data, 1)
        if rng.random() < 0.7:
            data = sounds.damaged(data, rng)
    path = folder / ("words.txt.gz" if zipped or number < 2 else "words.txt")
    path.write_bytes(data)
    if number < 2:  # gigabytes in a small file, of a line or of many
        with gzip.open(path, "wb", 1) as file:
            for _ in range(1000):
                file.write((b"0" if number else b"w 1\n") * (1 << 18))
    return Case(f"words {number}", lambda: load_word_vectors(path).vectors(["w1", "w99"]))


def shard(number: int, folder: Path) -> Case:
    """Make a damaged Parquet file of features."""
    from serenade.extraction._shards import read_shards

    rng = np.random.default_rng([10, number])
    data = _shard()
    damaged = sounds.damaged(data, rng)
    if rng.random() < 0.5:  # in what describes the file, at its end
        damaged = data[:-2000] + sounds.damaged(data[-2000:], rng)
    (folder / "part-00000.parquet").write_bytes(damaged)
    return Case(f"shard {number}", lambda: sum(len(matrix) for _, matrix in read_shards(folder)))


@functools.cache
def _shard() -> bytes:
    """Write features of three recordings."""
    from serenade.extraction import Clip, write_shards
    from serenade.features import MFCC40

    folder = Path(tempfile.mkdtemp(prefix="serenade-fuzz-"))
    (folder / "a.wav").write_bytes(sounds.whole("wav16"))
    parts = [Clip(str(folder / "a.wav"), start) for start in (0.0, 0.1, 9.0)]
    (made,) = write_shards(parts, MFCC40(), folder, jobs=1)
    return made.path.read_bytes()


@functools.cache
def _corpus() -> Any:
    from serenade import corpora

    folder = Path(tempfile.mkdtemp(prefix="serenade-fuzz-"))
    lines = ["file,emotion,speaker"]
    for letter, emotion in zip("abcd", itertools.cycle(["angry", "sad"]), strict=False):
        (folder / f"{letter}.wav").write_bytes(sounds.whole("wav16") + letter.encode())
        lines.append(f"{letter}.wav,{emotion},{string.ascii_uppercase.index(letter.upper())}")
    (folder / "all.csv").write_text("\n".join(lines), "utf-8")
    return corpora.open(folder / "all.csv")

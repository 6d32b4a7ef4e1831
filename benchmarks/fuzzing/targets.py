"""What damaged input is given to: one function per way into the package.

A target is called with a case's number and a folder of its own. It returns the case's name and a
function that uses the input; what that returns or raises is judged by `workers`.
"""

from __future__ import annotations

import functools
import gzip
import io
import itertools
import json
import shutil
import string
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fuzzing import sounds

if TYPE_CHECKING:
    from collections.abc import Callable

    Case = tuple[str, Callable[[], object]]

REPOSITORY = Path(__file__).parents[2]


def sound(number: int, folder: Path) -> Case:
    """A damaged recording that is predicted, drawn out over time or read, in turn."""
    known = _systematic()
    made = known[number] if number < len(known) else sounds.mutated(number)
    path = folder / "case"
    made.write(path)
    way = (_predict, _timeline, _read)[number % 3]
    return f"{way.__name__[1:]}: {made.name}", lambda: way(path)


def samples(number: int, folder: Path) -> Case:  # noqa: ARG001 - every target's
    """An array, or chunks pushed into a stream, of odd shapes, types and values."""
    rng = np.random.default_rng([3, number])
    kinds = np.float32, np.float64, np.float16, np.int16, np.int32, np.int8, np.uint8, np.int64
    kind = kinds[int(rng.integers(len(kinds)))]
    shape = _pick(rng, [(0,), (1,), (1600,), (9000,), (9000, 2), (2, 9000), (9000, 65), (), (8, 8, 8)])
    array = (rng.standard_normal(shape) * 10.0 ** rng.integers(-40, 40)).astype(np.float64)
    if array.size and rng.random() < 0.3:
        array.flat[int(rng.integers(array.size))] = _pick(rng, [np.nan, np.inf, -np.inf, 1e300])
    with np.errstate(all="ignore"):
        array = array.astype(kind)
    rate = _pick(rng, [16000, 8000, 44100, 768_000, 0, -1, 1, 10**7, 16000.5, "16000", None, True])
    given = _pick(rng, [array, array.tolist(), array.T, np.flip(array), array.astype(object), [None], "x"])
    if given is not None and isinstance(given, str):
        given = [given]
    streamed = bool(rng.random() < 0.5)
    name = f"{'stream' if streamed else 'array'} {np.dtype(kind)} {shape} at {rate!r}"

    def act() -> object:
        if not streamed:
            if rate is None:
                rate_or = 16000
                return _model().predict(given, rate_or)
            return _model().predict(given, rate)
        stream = _model().stream(16000 if rate is None else rate)
        return stream.push(given), stream.push(given), stream.close()

    return name, act


def manifest(number: int, folder: Path) -> Case:
    """A damaged manifest of good and bad recordings."""
    from serenade import corpora

    rng = np.random.default_rng([4, number])
    for name in ("a.wav", "b.wav", "c.flac"):
        kind = "flac" if name.endswith("flac") else "wav16"
        (folder / name).write_bytes(sounds.whole(kind))
    (folder / "bad.wav").write_bytes(sounds.damaged(sounds.whole("wav16"), rng, head=60))
    tab = rng.random() < 0.3
    mark = "\t" if tab else _pick(rng, [",", ";"])
    rows = [
        ["file", "emotion", "speaker", "start", "end", "text", "session", "split", "language"],
        ["a.wav", "angry", "1", "", "", "no", "s1", "train", "en"],
        ["b.wav", "happy", "2", "0", "0.5", "yes", "s1", "test", "en"],
        ["c.flac", "sad", "3", "0 days 00:00:00.1", "NaT", "é", "s2", "train", "de"],
        ["bad.wav", "neutral", "4", "", "", "", "s2", "train", ""],
    ]
    odd = ["", "NaN", "nan", "inf", "1e308", "-1", "1e999", "NaT", "\0", "a" * 200_000, "🙂", '"', "../a.wav",
           "0 days", "999999999999 days", "/dev/zero", "/dev/null", ".", "..", "a.wav\0", "P1D", "1:2:3", "\udcff",
           "con", "~", "~nobody/x", "file", "=1+1", "00", "1_0", "\u0660", "x" * 5000, "99999999999999999999"]  # fmt: skip
    for _ in range(int(rng.integers(0, 4))):
        row = int(rng.integers(len(rows)))
        rows[row][int(rng.integers(len(rows[row])))] = _pick(rng, odd)
    text = "\n".join(mark.join(row) for row in rows)
    data = text.encode("utf-8", "surrogateescape")
    if rng.random() < 0.6:
        data = sounds.damaged(data, rng)
    if rng.random() < 0.1:
        data = text.encode(_pick(rng, ["utf-16", "utf-8-sig", "utf-32"]), "replace")
    path = folder / f"m.{'tsv' if tab else 'csv'}"
    path.write_bytes(data)
    return f"manifest {number}", lambda: corpora.open(path)


def recipe(number: int, folder: Path) -> Case:  # noqa: ARG001
    """Odd words behind --set, through the command line's own reading."""
    import dataclasses

    from serenade import systems
    from serenade.cli import options
    from serenade.evaluation import get

    rng = np.random.default_rng([5, number])
    name = _pick(rng, list(systems.names()))
    system = systems.get(name)
    kind = _pick(rng, list(system.recipes))
    fields = [f.name for f in dataclasses.fields(system.recipes[kind])]
    odd = ["0", "-1", "1e999", "None", "nan", "[]", "()", "{}", "{'a': 1}", "'", "((((", "(" * 300, "9" * 5000, "True",
           "x" * 10_000, "lambda: 1", "__import__('os')", "1/0", "b'x'", "\0", "(1,", "1j", "...", "inf", "-" * 3000 + "1",
           "[" * 150 + "]" * 150, "{[]: 1}", "{1, [2]}", "'\\ud800'", "0x" + "f" * 4000, "cosine", "(0, 0)", "", "1+2j"]  # fmt: skip
    words = [
        f"{_pick(rng, [*fields, 'nonsense', '', '__class__'])}={_pick(rng, odd)}"
        for _ in range(int(rng.integers(1, 4)))
    ]
    if rng.random() < 0.1:
        words.append(_pick(rng, ["no equals", "=", "==", "a=", "=b"]))
    protocol = rng.random() < 0.3
    plan = _pick(rng, ["random", "groups", "speaker-independent", "fixed", "nonsense", ""])
    parts = [f"{_pick(rng, ['test', 'repeats', 'groups', 'x'])}={_pick(rng, odd)}"]

    def act() -> object:
        if protocol:
            made = get(plan, **options.parsed(parts, "--protocol-set"))
            return made.split(_corpus().table, 0)
        chosen, found = options.settings(name, kind, words)
        return chosen.features(found)

    return f"recipe {number}: {str(parts if protocol else words)[:120]}", act


def folds(number: int, folder: Path) -> Case:
    """A damaged file of folds."""
    from serenade.evaluation.folds import check, read_folds

    rng = np.random.default_rng([6, number])
    corpus = _corpus()
    files = [[f"{letter}.wav", 0.0, None] for letter in "abcd"]
    content: Any = {
        "items": files,
        "folds": [{"name": "1", "train": [0, 1], "validation": [2], "test": [3]}],
    }
    content = _changed(content, rng) if rng.random() < 0.7 else content
    data = json.dumps(content).encode()
    path = folder / "folds.json"
    path.write_bytes(sounds.damaged(data, rng) if rng.random() < 0.5 else data)

    def act() -> object:
        found = read_folds(path, corpus.table, corpus.root)
        return check(found, corpus.table, speaker_independent=False)

    return f"folds {number}", act


def words(number: int, folder: Path) -> Case:
    """A damaged file of word vectors."""
    from serenade.encoders.word_vectors import load

    rng = np.random.default_rng([7, number])
    rows = [f"w{n} " + " ".join(f"{v:.3f}" for v in rng.standard_normal(5)) for n in range(20)]
    head = _pick(rng, ["20 5\n", "", "99999999999 5\n", "20 99999999999\n", "0 5\n", "20 5 5\n", "1e9 5\n",
                       "9" * 5000 + " 5\n", "20 " + "9" * 5000 + "\n", "20 2000000000\n"])  # fmt: skip
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
    return f"words {number}", lambda: load(path).vectors(["w1", "w99"])


def model(number: int, folder: Path) -> Case:
    """A damaged copy of the bundled model, loaded, used and enrolled."""
    import serenade
    from serenade.inference.folder import BUNDLED

    rng = np.random.default_rng([8, number])
    path = folder / "model"
    shutil.copytree(BUNDLED, path)
    name = _pick(rng, ["model.json", "head.onnx", "speakers.npz", "enrolled.onnx", "model.json"])
    file = path / name
    if name == "model.json" and rng.random() < 0.7:
        file.write_text(json.dumps(_changed(json.loads(file.read_text("utf-8")), rng)), "utf-8")
    elif name == "speakers.npz" and rng.random() < 0.6:
        with np.load(file) as loaded:
            arrays = dict(loaded)
        key = _pick(rng, list(arrays))
        arrays[key] = _pick(
            rng,
            [arrays[key][..., :-1], np.zeros(3, "U5"), np.array([None]), np.array(1e300), -arrays[key],
             np.zeros((2, 2)), arrays[key].astype(complex), np.zeros(0), arrays[key] * np.nan],  # fmt: skip
        ) if arrays[key].ndim else np.array(_pick(rng, ["x", 3.5, [1, 2]]))
        np.savez(file, **arrays)
    else:
        file.write_bytes(sounds.damaged(file.read_bytes(), rng, head=int(_pick(rng, [0, 400]))))
    clip = folder / "clip.wav"
    clip.write_bytes(sounds.whole("wav16"))

    def act() -> object:
        loaded = serenade.load(path)
        return loaded.predict(clip), loaded.enrol([clip]).predict(clip)

    return f"model {number}: {name}", act


def checkpoint(number: int, folder: Path) -> Case:
    """A damaged checkpoint: s3prl's, a training's, a pre-training's, or an encoder's folder."""
    from serenade.encoders.selfsupervised import folder as encoders
    from serenade.encoders.selfsupervised import official

    rng = np.random.default_rng([9, number])
    ways = ["tera_fbank", "tera_mel", "npc", "aalbert_mel", "training", "folder", "speech2vec"]
    name = ways[number % len(ways)]
    if name == "folder":
        place = folder / "encoder"
        shutil.copytree(_encoder(), place)
        file = place / _pick(rng, [encoders.CONFIG, encoders.WEIGHTS])
        if file.name == encoders.CONFIG and rng.random() < 0.7:
            file.write_text(json.dumps(_changed(json.loads(file.read_text("utf-8")), rng)), "utf-8")
        else:
            file.write_bytes(sounds.damaged(file.read_bytes(), rng, head=200))
        return f"encoder folder {number}: {file.name}", lambda: encoders.load(place)
    if name == "speech2vec":
        from serenade.encoders.speech2vec import model as vectors

        path = folder / "network.safetensors"
        path.write_bytes(sounds.damaged(_speech2vec(), rng, head=600))
        return f"speech2vec {number}", lambda: vectors.load(path)
    path = folder / "case.ckpt"
    if name == "training":
        from serenade.training.checkpoint import Checkpoint

        path.write_bytes(sounds.damaged(_training(), rng, head=400))

        def act() -> object:
            net = _net()
            return Checkpoint(path, None).load(net)

        return f"training checkpoint {number}", act
    whole = (REPOSITORY / "tests" / "encoders" / "data" / f"{name}.ckpt").read_bytes()
    if rng.random() < 0.5:
        path.write_bytes(_changed_tensors(whole, rng))
    else:
        path.write_bytes(sounds.damaged(whole, rng, head=600))
    return f"checkpoint {number}: {name}", lambda: official.load(path)


TARGETS: dict[str, tuple[Callable[[int, Path], Case], float]] = {
    "sound": (sound, 0.74),
    "samples": (samples, 0.05),
    "manifest": (manifest, 0.05),
    "recipe": (recipe, 0.04),
    "folds": (folds, 0.03),
    "words": (words, 0.03),
    "model": (model, 0.03),
    "checkpoint": (checkpoint, 0.03),
}
"""Each way in, and its share of the cases."""


def _pick(rng: np.random.Generator, values: list[Any]) -> Any:
    return values[int(rng.integers(len(values)))]


def _changed(content: Any, rng: np.random.Generator) -> Any:
    """JSON data with one to three of its values replaced or removed."""
    content = json.loads(json.dumps(content))
    odd = [None, [], {}, "", "x" * 3000, -1, 0, 2**70, 1.5, float("nan"), float("inf"), True, [[]], ["x"], {"a": {}},
           "\ud800", "../../etc/passwd", [None] * 100, 10**9, -(2**63), "/dev/zero", "http://127.0.0.1:1/x"]  # fmt: skip
    for _ in range(int(rng.integers(1, 4))):
        places = list(_places(content))
        if not places:
            break
        parent, key = places[int(rng.integers(len(places)))]
        if rng.random() < 0.2:
            del parent[key]
        else:
            parent[key] = _pick(rng, odd)
    return content


def _places(content: Any) -> Any:
    """Every container inside with a key or index."""
    if isinstance(content, dict | list):
        for key in list(content) if isinstance(content, dict) else range(len(content)):
            yield content, key
            yield from _places(content[key])


def _changed_tensors(data: bytes, rng: np.random.Generator) -> bytes:
    """A PyTorch file with values replaced, well-formed."""
    import torch

    from serenade.encoders.selfsupervised import official

    with tempfile.NamedTemporaryFile(suffix=".ckpt") as file:
        file.write(data)
        file.flush()
        content = official._read(Path(file.name))  # noqa: SLF001 - knows what such files hold
    odd = [None, [], {}, "", -1, 0, 10**9, 1.5, torch.zeros(0), torch.full((2, 2), torch.nan), "gelu", True, (1, 2)]
    for _ in range(int(rng.integers(1, 3))):
        places = list(_places(content))
        parent, key = places[int(rng.integers(len(places)))]
        if rng.random() < 0.2:
            del parent[key]
        else:
            parent[key] = _pick(rng, odd)
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


@functools.cache
def _systematic() -> list[sounds.Sound]:
    return sounds.systematic()


@functools.cache
def _model() -> Any:
    import serenade

    return serenade.load()


def _predict(path: Path) -> object:
    return _model().predict(path, jobs=1)


def _timeline(path: Path) -> object:
    return _model().timeline(path, jobs=1)


def _read(path: Path) -> object:
    from serenade.audio import read

    return read(path)


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


@functools.cache
def _encoder() -> Path:
    """A small encoder's folder."""
    import dataclasses
    from serenade.encoders.selfsupervised import official
    from serenade.encoders.selfsupervised.folder import save

    settings, network = official.load(
        REPOSITORY / "tests" / "encoders" / "data" / "tera_fbank.ckpt"
    )
    folder = Path(tempfile.mkdtemp(prefix="serenade-fuzz-")) / "encoder"
    save(folder, dataclasses.replace(settings), network, "a card")
    return folder


@functools.cache
def _speech2vec() -> bytes:
    from serenade.encoders.speech2vec.model import save
    from serenade.encoders.speech2vec.network import build
    from serenade.encoders.speech2vec.settings import Settings

    settings = Settings()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x"
        save(build(settings), settings, path)
        return path.read_bytes()


def _net() -> Any:
    import types

    import torch

    module = torch.nn.Linear(3, 2)
    return types.SimpleNamespace(
        device="cpu", module_=module, optimizer_=torch.optim.Adam(module.parameters()), history=[]
    )


@functools.cache
def _training() -> bytes:
    import torch

    net = _net()
    state = {
        "format": 1,
        "module": net.module_.state_dict(),
        "optimiser": net.optimizer_.state_dict(),
        "history": json.dumps([{"epoch": 1, "train_loss": 0.5}]),
        "best": None,
        "finished": False,
    }
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()

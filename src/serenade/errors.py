"""Errors for users: each message names the file, the problem and the fix."""

from serenade._printable import to_printable


class SerenadeError(Exception):
    """Base class of the errors that Serenade raises on purpose.

    Low-level functions, such as those that compute features, raise ValueError for wrong parameters.
    """


class AudioError(SerenadeError):
    """The recording cannot be used.

    Args:
        source: the file, or a description of the array.
        problem: the problem, as a clause.
        fix: the remedy, as a clause.
    """

    def __init__(self, source: str, problem: str, fix: str) -> None:
        super().__init__(f"{to_printable(source)}: {problem}; {fix}")
        self.source = source
        self.problem = problem
        self.fix = fix

    def __reduce__(self) -> tuple[type, tuple[str, str, str]]:
        # The default would call __init__ with the joined message and fail across processes.
        return type(self), (self.source, self.problem, self.fix)


class MissingFileError(AudioError):
    """The file does not exist or cannot be opened."""


class EmptyFileError(AudioError):
    """The file has zero bytes."""


class NotAudioError(AudioError):
    """The content of the file is not audio in a format that is read."""


class NoDecoderError(NotAudioError):
    """The format needs a decoder that is not installed on this machine."""


class TruncatedAudioError(AudioError):
    """The file holds fewer samples than its header states."""


class NoSamplesError(AudioError):
    """The file has a valid header and no sample or no audio track, or the array is empty."""


class NonFiniteAudioError(AudioError):
    """The recording has NaN or infinite samples."""


class TooShortError(AudioError):
    """The recording is shorter than 0.1 s, too short to predict an emotion."""


class TooLongError(AudioError):
    """The recording is longer than fits in memory, or than a model or a server accepts."""


class SilenceError(AudioError):
    """No sample is above -80 dBFS."""


class NoSpeechError(AudioError):
    """The recording contains no speech."""


class SignalFormatError(AudioError):
    """The array or the sampling rate has a wrong shape, type or range."""


class InputError(SerenadeError, TypeError, ValueError):
    """An argument of a kind or a value that the call does not take."""


class CorpusError(SerenadeError):
    """The folder or the manifest of a corpus cannot be opened."""


class EvaluationError(SerenadeError, ValueError):
    """Labels, folds or reports cannot be evaluated."""


class ModelError(SerenadeError):
    """The model folder is missing, damaged or of another version."""


class GraphError(ModelError):
    """The graph of a model cannot run on a signal.

    Args:
        problem: the problem, as a clause.
        fix: the remedy, as a clause.
    """

    def __init__(self, problem: str, fix: str) -> None:
        super().__init__(f"{problem}; {fix}")
        self.problem = problem
        self.fix = fix

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        return type(self), (self.problem, self.fix)

    def name_recording(self, source: str) -> AudioError:
        """Return the error of the recording whose signal the graph cannot take."""
        return AudioError(source, self.problem, self.fix)


class DeviceError(SerenadeError):
    """The microphone or the GPU is missing or cannot be used."""


class MissingExtraError(SerenadeError, ImportError):
    """An optional dependency is not installed.

    Args:
        purpose: the task that needs the dependency, as a phrase.
        extra: the extra of this package that installs it.
    """

    def __init__(self, purpose: str, extra: str) -> None:
        super().__init__(f'{purpose} needs the extra "{extra}": pip install "serenade[{extra}]"')
        self.purpose = purpose
        self.extra = extra

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        return type(self), (self.purpose, self.extra)


def first_line(error: BaseException) -> str:
    r"""Return the first line of an error message of another library; "" if it is empty.

    >>> first_line(ValueError("no archive\nrun it to see")), first_line(ValueError())
    ('no archive', '')
    """
    return (str(error).splitlines() or [""])[0]

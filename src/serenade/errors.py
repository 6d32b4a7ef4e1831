"""Errors a user can meet, each with a message that names the file and the fix."""


class SerenadeError(Exception):
    """Base of every error Serenade raises on purpose."""


class AudioError(SerenadeError):
    """A recording that cannot be used.

    Args:
        source: the file, or a description of the array.
        problem: what is wrong, as a clause.
        fix: what the user can do about it.
    """

    def __init__(self, source: str, problem: str, fix: str) -> None:
        super().__init__(f"{source}: {problem}; {fix}")
        self.source = source
        self.problem = problem
        self.fix = fix

    def __reduce__(self) -> tuple[type, tuple[str, str, str]]:
        # The default would call __init__ with the joined message and fail across processes.
        return type(self), (self.source, self.problem, self.fix)


class MissingFileError(AudioError):
    """No such file, or it cannot be opened."""


class EmptyFileError(AudioError):
    """A file of zero bytes."""


class NotAudioError(AudioError):
    """Bytes libsndfile does not recognise as audio."""


class TruncatedAudioError(AudioError):
    """The header promises more samples than the file holds."""


class NoSamplesError(AudioError):
    """A valid header with no sample behind it, or an empty array."""


class NonFiniteAudioError(AudioError):
    """NaN or infinite samples."""


class TooShortError(AudioError):
    """Less speech than an emotion can be told from (0.1 s)."""


class TooLongError(AudioError):
    """More than is held in memory at once, or than a server takes."""


class SilenceError(AudioError):
    """Nothing above -80 dBFS."""


class NoSpeechError(AudioError):
    """A long recording in which nobody speaks."""


class SignalFormatError(AudioError):
    """An array or a rate of the wrong shape, type or range."""


class InputError(SerenadeError, TypeError, ValueError):
    """An argument of a kind or a value that the call does not take."""


class CorpusError(SerenadeError):
    """A corpus folder or manifest that cannot be opened."""


class EvaluationError(SerenadeError, ValueError):
    """Labels, folds or reports that cannot be evaluated."""


class ModelError(SerenadeError):
    """A model folder that is missing, damaged or of another version."""


class DeviceError(SerenadeError):
    """No microphone, or it cannot be opened."""


class MissingExtraError(SerenadeError, ImportError):
    """An optional dependency is not installed.

    Args:
        purpose: what was asked for.
        extra: the extra of this package that brings it.
    """

    def __init__(self, purpose: str, extra: str) -> None:
        super().__init__(f'{purpose} needs the extra "{extra}": pip install "serenade[{extra}]"')
        self.purpose = purpose
        self.extra = extra

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        return type(self), (self.purpose, self.extra)


def first_line(error: BaseException) -> str:
    r"""What an error of another library says, on one line; "" where it says nothing.

    >>> first_line(ValueError("no archive\nrun it to see")), first_line(ValueError())
    ('no archive', '')
    """
    return (str(error).splitlines() or [""])[0]

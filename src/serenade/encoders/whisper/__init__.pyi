from ._whisper_features import WhisperPooled as WhisperPooled
from ._whisper_features import WhisperStates as WhisperStates

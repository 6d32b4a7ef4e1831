from ._diarisation import SpeakerTurn as SpeakerTurn
from ._diarisation import cluster_voices as cluster_voices
from ._diarisation import find_turns as find_turns
from ._voice_encoder import VOICE_HOP as VOICE_HOP
from ._voice_encoder import VOICE_RATE as VOICE_RATE
from ._voice_encoder import VOICE_WINDOW as VOICE_WINDOW
from ._voice_encoder import VoiceEncoder as VoiceEncoder
from ._voice_encoder import compute_mels as compute_mels

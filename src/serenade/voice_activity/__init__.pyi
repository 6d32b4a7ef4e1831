from ._detector import DETECTOR_FRAME as DETECTOR_FRAME
from ._detector import DETECTOR_RATE as DETECTOR_RATE
from ._detector import VoiceActivity as VoiceActivity

"""Audio: any recording to mono float32 at a stated rate, or one error that names the fix."""

from serenade.audio.activity import active_part, frame_power
from serenade.audio.augment import Augmentation, WhiteNoise, add_noise
from serenade.audio.intake import Intake
from serenade.audio.read import Audio, from_array, read, read_blocks

__all__ = [
    "Audio",
    "Augmentation",
    "Intake",
    "WhiteNoise",
    "active_part",
    "add_noise",
    "frame_power",
    "from_array",
    "read",
    "read_blocks",
]

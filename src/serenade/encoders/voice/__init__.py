"""Whether somebody speaks: silero-vad (MIT licence, beside this file), run by onnxruntime."""

from __future__ import annotations

from serenade.encoders.voice.activity import FRAME, RATE, VoiceActivity

__all__ = ["FRAME", "RATE", "VoiceActivity"]

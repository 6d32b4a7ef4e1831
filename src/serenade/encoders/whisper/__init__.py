"""The encoder of Whisper (Radford et al. 2023) as a frozen feature, run by onnxruntime."""

from __future__ import annotations

from serenade.encoders.whisper.feature import WhisperPooled, WhisperStates

__all__ = ["WhisperPooled", "WhisperStates"]

"""Learnt representations of speech and text."""

from __future__ import annotations

from serenade.encoders.whisper import WhisperPooled

__all__ = ["WhisperPooled"]

"""List the suffixes by which recordings are found in a folder; their content decides the rest."""

from __future__ import annotations

AUDIO_SUFFIXES = (
    *(".wav", ".wave", ".flac", ".aiff", ".aif", ".aifc", ".au", ".snd", ".caf", ".w64", ".rf64"),
    *(".sph", ".nist", ".ogg", ".oga", ".opus", ".mp3", ".m4a", ".aac", ".amr", ".awb", ".wma"),
    *(".weba", ".mka", ".spx"),
)
"""Suffixes of sound; the lossless formats come first and win over their copies."""

VIDEO_SUFFIXES = (
    *(".mp4", ".m4v", ".mov", ".3gp", ".3g2", ".webm", ".mkv", ".avi", ".wmv", ".flv", ".mpg"),
    ".mpeg",
)
"""Suffixes of formats that can contain pictures."""

RECORDING_SUFFIXES = (*AUDIO_SUFFIXES, *VIDEO_SUFFIXES)
"""Suffixes of recordings inside a folder; a file that is named itself may have any suffix."""

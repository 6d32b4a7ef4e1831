"""List the suffixes by which recordings are found in a folder; their content decides the rest."""

from __future__ import annotations

RECORDING_SUFFIXES = (
    *(".wav", ".wave", ".flac", ".aiff", ".aif", ".aifc", ".au", ".snd", ".caf", ".w64", ".rf64"),
    *(".sph", ".nist", ".ogg", ".oga", ".opus", ".mp3", ".m4a", ".aac", ".amr", ".awb", ".wma"),
    *(".weba", ".mka", ".spx"),
    *(".mp4", ".m4v", ".mov", ".3gp", ".3g2", ".webm", ".mkv", ".avi", ".wmv", ".flv", ".mpg"),
    ".mpeg",
)
"""Suffixes of recordings inside a folder; a file that is named itself may have any suffix.

If a recording has copies, the first suffix is taken: lossless, then lossy, then video."""

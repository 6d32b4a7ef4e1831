"""Path of the corpus of synthetic speech, which many tests open."""

from pathlib import Path

SYNTHETIC = str(Path(__file__).parents[2] / "examples" / "synthetic_corpus.py")

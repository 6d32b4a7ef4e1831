"""Compare the speed of the features with that of other libraries, in one run.

    python -m benchmarks.features --root CORPORA --json result.json

One thread: the environment says so before NumPy is imported, and PyTorch is told. Needs the extras
"train" and "opensmile"; of librosa, pyAudioAnalysis, python_speech_features, kaldi-native-fbank,
praat-parselmouth and transformers, those that are not installed are left out and named.
"""

import os

for _variable in ("OMP", "OPENBLAS", "MKL", "VECLIB_MAXIMUM", "NUMEXPR", "NUMBA"):
    os.environ[f"{_variable}_NUM_THREADS"] = "1"

from benchmarks.feature_speed.command import main  # noqa: E402 - NumPy reads the environment as it is imported

if __name__ == "__main__":
    main()

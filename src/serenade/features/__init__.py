"""Extract features from signals with NumPy and SciPy.

Functions (`mel_spectrogram`, `spectral_centroid`, …) take a signal or a spectrum and return arrays
with time as the first axis. Sets (`ShortTerm34`, `AcousticSet`, …) are frozen dataclasses that are
called as `feature(signal, sampling_rate)` and identified in the cache.

>>> import numpy as np
>>> noise = np.random.default_rng(0).standard_normal(16000).astype(np.float32) / 10
>>> ShortTerm34()(noise, 16000).shape
(10, 34)
"""

import lazy_loader as _lazy

from serenade import _deprecation

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
__getattr__ = _deprecation.find_moved(__name__, __getattr__)

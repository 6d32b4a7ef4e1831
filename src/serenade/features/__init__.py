"""Features: pure functions and parameterised sets over a signal, NumPy and SciPy only.

Functions (`mel_spectrogram`, `spectral_centroid`, …) take a signal or a spectrum and return
arrays with time first; sets (`ShortTerm34`, `AcousticSet`, …) are frozen dataclasses, called as
`set(signal, sampling_rate)`, that the cache can name.

>>> import numpy as np
>>> noise = np.random.default_rng(0).standard_normal(16000).astype(np.float32) / 10
>>> ShortTerm34()(noise, 16000).shape
(10, 34)
"""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)

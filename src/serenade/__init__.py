"""Serenade: speech emotion recognition.

Shortest example, offline and without PyTorch:

>>> import serenade
>>> serenade.__version__
'0.2.0.dev0'
>>> model = serenade.load()
>>> "angry" in model.labels
True

`model.predict("call.wav")` predicts a recording as a whole, `model.timeline("call.wav")` over time,
and `serenade.stream(sampling_rate=48000)` predicts a signal while it arrives. `serenade.Estimator`
trains a system, and `serenade.evaluate` evaluates it.
"""

import lazy_loader as _lazy

__version__ = "0.2.0.dev0"
__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)

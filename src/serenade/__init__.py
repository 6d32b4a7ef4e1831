"""Serenade: speech emotion recognition.

The shortest use, offline and without PyTorch:

>>> import serenade
>>> serenade.__version__
'0.1.0'
>>> model = serenade.load()
>>> "angry" in model.labels
True

`model.predict("call.wav")` gives one prediction, `model.timeline("call.wav")` segments over time,
`serenade.stream(sampling_rate=48000)` takes a signal while it comes.
"""

import lazy_loader as _lazy

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)

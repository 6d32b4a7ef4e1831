"""The encoder of Whisper (Radford et al. 2023) as a frozen feature, run by onnxruntime."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)

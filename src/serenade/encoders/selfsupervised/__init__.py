"""Self-supervised speech encoders: TERA, Audio ALBERT and NPC.

PyTorch is imported when a network is built, not when this package is imported.
"""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)

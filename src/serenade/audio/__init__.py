"""Audio: any recording to mono float32 at a stated rate, or one error that names the fix."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)

"""Compiled twins of functions marked `compilable`; what each one does is said there.

Imported by `serenade.features.compiled` only, because this package imports the compiler.
"""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)

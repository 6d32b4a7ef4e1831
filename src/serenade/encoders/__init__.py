"""Learnt representations of speech and text."""

import lazy_loader as _lazy

from serenade import _deprecation

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
__getattr__ = _deprecation.find_moved(__name__, __getattr__)

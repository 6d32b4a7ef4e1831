"""Adapt a model to a speaker by the statistics of the speaker's features."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)

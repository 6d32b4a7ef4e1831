"""Speech2Vec: vectors of words, learnt from how the words are spoken."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)

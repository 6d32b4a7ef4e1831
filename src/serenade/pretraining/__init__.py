"""Train TERA, Audio ALBERT, NPC and Speech2Vec from unlabelled recordings."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)

"""Tables of five papers: their scores, ours by their protocol, and ours on unseen speakers.

Each public module holds the tables of one paper as data; a new module is a new paper.
"""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)

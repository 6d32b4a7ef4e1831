"""The tables of five papers: their numbers, ours by their protocol, ours on unseen speakers.

Each public module holds the tables of one paper as data; a new module is a new paper.
"""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)

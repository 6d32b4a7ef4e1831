"""Open a corpus, from a folder or a manifest, as a checked table of recordings.

Each public module here is a corpus, with `INFO` (a `CorpusInfo`) and `load(root, **options)`; a
new module is a new corpus. Outside the package, such a module is opened by its path. Nothing heavy
is imported before a corpus is opened.
"""

import lazy_loader as _lazy

from serenade import _deprecation

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
__getattr__ = _deprecation.find_moved(__name__, __getattr__)

"""Speech encoders that learn from recordings nobody labelled: TERA, Audio ALBERT and NPC.

Nothing here imports PyTorch before it is needed. Networks: `transformer`, `convolution`. Their
pre-training: `material`, `alteration`, `pretraining`. Weights: `folder`, `official`, `source`.
"""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)

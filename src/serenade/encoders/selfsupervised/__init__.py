"""Speech encoders that learn from recordings nobody labelled: TERA, Audio ALBERT and NPC.

Nothing here imports PyTorch before it is needed. Networks: `transformer`, `convolution`. Their
pre-training: `material`, `alteration`, `pretraining`. Weights: `folder`, `official`, `source`.
"""

from __future__ import annotations

from serenade.encoders.selfsupervised.feature import SelfSupervised

__all__ = ["SelfSupervised"]

from __future__ import annotations

import pytest

pytest.importorskip("torch")

from support.cache import cache  # noqa: F401
from support.small_encoders import files, recordings, tiny, tiny_npc, tiny_tera, training, untrained  # noqa: F401

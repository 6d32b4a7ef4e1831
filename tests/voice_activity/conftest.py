from __future__ import annotations

from support.cache import cache  # noqa: F401

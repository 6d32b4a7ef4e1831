from __future__ import annotations

from support.small_corpora import make_corpus  # noqa: F401

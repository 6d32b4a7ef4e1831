"""Former place of `serenade.papers`."""

from serenade import _deprecation

__getattr__ = _deprecation.find_moved(__name__)

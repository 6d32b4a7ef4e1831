"""Write predictions and timelines in the formats of other programs."""

from serenade import _deprecation

__getattr__ = _deprecation.find_moved(__name__)

"""Serve predictions over HTTP and WebSocket, with a web page that records."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)

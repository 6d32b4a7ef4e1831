"""Server: recordings and live speech over HTTP and WebSocket, and a page with a microphone."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)

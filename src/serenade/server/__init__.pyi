from ._serve import make_server as make_server
from ._serve import open_socket as open_socket
from ._settings import Settings as Settings

from ._browser_folder import fetch_runtime as fetch_runtime
from ._browser_folder import write_browser_folder as write_browser_folder
from ._serve import make_server as make_server
from ._serve import open_socket as open_socket
from ._settings import Settings as Settings

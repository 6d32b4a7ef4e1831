from ._graph_builder import OPSET as OPSET
from ._graph_builder import Graph as Graph
from ._session import get_thread_count as get_thread_count
from ._session import import_onnxruntime as import_onnxruntime
from ._session import open_session as open_session
from ._session import run_session as run_session

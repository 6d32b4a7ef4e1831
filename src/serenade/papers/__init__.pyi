from ._registry import describe as describe
from ._registry import get as get
from ._registry import names as names
from ._runner import Runner as Runner
from ._tables import Paper as Paper

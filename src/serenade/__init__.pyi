from . import audio as audio
from . import corpora as corpora
from . import encoders as encoders
from . import errors as errors
from . import evaluation as evaluation
from . import features as features
from . import inference as inference
from . import protocols as protocols
from . import systems as systems
from . import training as training
from ._api import load as load
from ._api import stream as stream
from .evaluation import evaluate as evaluate
from .training import Estimator as Estimator

__version__: str

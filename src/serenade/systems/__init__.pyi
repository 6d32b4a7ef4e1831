from ._feature_json import feature_from_json as feature_from_json
from ._feature_json import feature_to_json as feature_to_json
from ._registry import describe as describe
from ._registry import get as get
from ._registry import names as names
from ._system import NetworkRecipe as NetworkRecipe
from ._system import System as System
from ._system import TrainingSet as TrainingSet

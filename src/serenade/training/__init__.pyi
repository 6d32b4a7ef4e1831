from ._callbacks import make_logger as make_logger
from ._enrolled_probe import EnrolledProbe as EnrolledProbe
from ._estimator import Estimator as Estimator
from ._fit import train_model as train_model
from ._keep_memory import keep_memory as keep_memory
from ._state_files import describe_unusable as describe_unusable
from ._state_files import save_state as save_state

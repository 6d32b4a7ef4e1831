from ._batches import cut_by_length as cut_by_length
from ._callbacks import make_logger as make_logger
from ._device import Device as Device
from ._device import choose_device as choose_device
from ._enrolled_probe import EnrolledProbe as EnrolledProbe
from ._estimator import Estimator as Estimator
from ._fit import train_model as train_model
from ._state_files import StateFile as StateFile

from ._encoder_settings import NO_ALTERATIONS as NO_ALTERATIONS
from ._encoder_settings import Alterations as Alterations
from ._encoder_settings import EncoderSettings as EncoderSettings
from ._encoder_settings import NPCSettings as NPCSettings
from ._encoder_settings import Training as Training
from ._encoder_settings import TransformerSettings as TransformerSettings
from ._front_end import FrontEnd as FrontEnd
from ._self_supervised import SelfSupervised as SelfSupervised

from ._contrasts import fit_means_and_offsets as fit_means_and_offsets
from ._contrasts import log_normalise as log_normalise
from ._contrasts import make_contrasts as make_contrasts
from ._places import Expectation as Expectation
from ._places import Places as Places
from ._population import NEUTRAL as NEUTRAL
from ._population import Population as Population

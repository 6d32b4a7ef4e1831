from ._population import NEUTRAL as NEUTRAL
from ._population import Population as Population
